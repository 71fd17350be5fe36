/** Findings for GitLab's code quality widget. */
import type { Finding, GateReport } from '../check.ts';
import { allFindings, type Found, isFailing } from './summary.ts';
import { allowanceText, fingerprint, fromRoot, oneLine } from './text.ts';

export function gitlab(report: GateReport): string {
  return `${JSON.stringify(
    allFindings(report).map((found) => issueRecord(report, found)),
    null,
    2,
  )}\n`;
}

function issueRecord(report: GateReport, found: Found) {
  const { check, finding } = found;
  const known = finding.source !== null && finding.source.file !== '';
  const where = [check.name, check.kernel, check.variant].filter((part) => part !== '').join(', ');
  return {
    description: `${where === '' ? '' : `${oneLine(where)}: `}${messageOf(finding)}`,
    check_name: finding.rule,
    fingerprint: fingerprint(found),
    severity: severityOf(finding),
    location: {
      path: fromRoot(report, known && finding.source ? finding.source.file : check.file),
      // Every issue needs a line, also one that is about a whole file.
      lines: { begin: known && finding.source ? Math.max(1, finding.source.line) : 1 },
    },
  };
}

function messageOf(finding: Finding): string {
  const message = oneLine(finding.message) || finding.rule;
  const { allowed } = finding;
  return allowed && !isFailing(finding) ? `${message} (allowed: ${allowanceText(allowed)})` : message;
}

function severityOf(finding: Finding): 'blocker' | 'major' | 'info' {
  if (finding.rule === 'crash') return 'blocker';
  return isFailing(finding) ? 'major' : 'info';
}
