/** The report for GitHub Actions: annotations of a run, and the summary of a step. */
import type { Check, GateReport } from '../check.ts';
import {
  allFindings,
  checkLabel,
  type Found,
  failures,
  isFailing,
  plural,
  STATUSES,
  summarize,
} from './summary.ts';
import {
  allowanceText,
  escapeHtml,
  escapeMarkdown,
  fromRoot,
  oneLine,
  placeText,
  plainText,
  safeLines,
} from './text.ts';

/** GitHub shows no more errors of one step. */
const MAX_ANNOTATIONS = 10;

/** Characters of a message; details are in the log and in the summary. */
const MAX_MESSAGE = 4000;

/** Bytes of a step's summary. GitHub drops one of more than 1 MiB altogether. */
const MAX_SUMMARY = 900_000;

/** Bytes of one finding's details in the summary. */
const MAX_DETAILS = 20_000;

const FAILURES_HEAD = '\n### Failures\n\n| Rule | Check | Message | Source |\n| --- | --- | --- | --- |\n';
const ALLOWED_HEAD = '\n### Allowed for now\n\n| Rule | Check | Reason |\n| --- | --- | --- |\n';

/** Workflow commands, a line each; empty when there is nothing to tell. */
export function github(report: GateReport): string {
  const found = failures(report);
  const lines = found.slice(0, MAX_ANNOTATIONS).map((one) => annotation(report, one));
  const left = found.length - lines.length;
  if (left > 0) {
    const text = `${plural(left, 'more failure')}; all of them are in the step's log and summary`;
    lines.push(`::notice title=${property('drydock gate')}::${data(text)}`);
  }
  return lines.map((line) => `${line}\n`).join('');
}

function annotation(report: GateReport, { check, finding }: Found): string {
  const { source, rule, message, details } = finding;
  const inSource = source !== null && source.file !== '';
  const properties = [
    `file=${property(fromRoot(report, inSource ? source.file : check.file))}`,
    ...(inSource ? [`line=${Math.max(1, source.line)}`] : []),
    `title=${property(cut(`${rule}: ${oneLine(checkLabel(check)) || oneLine(check.file)}`, 250))}`,
  ];
  const text = cut([oneLine(message) || rule, ...safeLines(details)].join('\n'), MAX_MESSAGE);
  return `::error ${properties.join(',')}::${data(text)}`;
}

function data(text: string): string {
  return plainText(text).replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}

/** Cuts between characters, not within one. */
function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

/** Markdown for the file that $GITHUB_STEP_SUMMARY names. */
export function stepSummary(report: GateReport): string {
  const found = failures(report);
  const bytes = (text: string) => Buffer.byteLength(text);
  const parts = [overview(report)];
  let room = MAX_SUMMARY - bytes(parts[0] ?? '');
  const add = <T>(head: string, noun: string, items: readonly T[], write: (item: T) => string) => {
    if (items.length === 0) return;
    const shown: string[] = [];
    for (const item of items) {
      const text = write(item);
      if (bytes(text) > room) break;
      room -= bytes(text);
      shown.push(text);
    }
    const left = items.length - shown.length;
    parts.push(head, ...shown, left > 0 ? `\n${plural(left, noun)} left out for want of room.\n` : '');
  };
  const explained = found.filter(({ finding }) => finding.details.length > 0);
  const allowed = allFindings(report).filter(({ finding }) => !isFailing(finding));
  add(FAILURES_HEAD, 'failure', found, failureRow);
  add('\n### Details\n', 'explanation', explained, detailsBlock);
  add(ALLOWED_HEAD, 'allowance', allowed, allowedRow);
  return parts.join('');
}

function overview(report: GateReport): string {
  const summary = summarize(report);
  const outcome = summary.failed + summary.crashed > 0 ? '❌ failed' : '✅ passed';
  const shard = report.shard ? `, shard ${report.shard.index} of ${report.shard.count}` : '';
  const kernels = cut(summary.kernels.map(oneLine).join(', '), 2000) || 'none';
  const head = ['Checks', 'Crashed', 'Failed', 'Allowed', 'Passed', 'From the cache'];
  const counts = [summary.checks, ...STATUSES.map((status) => summary[status]), summary.cached];
  return [
    `## Drydock gate ${outcome}`,
    '',
    `| ${head.join(' | ')} |`,
    `|${' ---: |'.repeat(head.length)}`,
    `| ${counts.join(' | ')} |`,
    '',
    `Kernels: ${escapeMarkdown(kernels)}. Configuration: ${code(report.config)}, ${report.today}${shard}, Drydock ${escapeMarkdown(report.version)}.`,
    '',
  ].join('\n');
}

function failureRow({ check, finding }: Found): string {
  const { rule, message, source } = finding;
  const cells = [
    rule,
    checkCell(check),
    escapeMarkdown(cut(message, MAX_MESSAGE)),
    source ? code(placeText(source)) : '',
  ];
  return `| ${cells.join(' | ')} |\n`;
}

function allowedRow({ check, finding }: Found): string {
  const { rule, allowed } = finding;
  const why = allowed ? escapeMarkdown(cut(allowanceText(allowed), MAX_MESSAGE)) : '';
  return `| ${rule} | ${checkCell(check)} | ${why} |\n`;
}

function checkCell(check: Check): string {
  const label = escapeMarkdown(cut(checkLabel(check), 500));
  return [code(cut(check.file, 500)), label].filter((part) => part !== '').join('<br>');
}

/** A block of HTML up to its closing tag, in which Markdown has no meaning. */
function detailsBlock({ check, finding }: Found): string {
  const title = escapeHtml(oneLine(cut(`${finding.rule}: ${check.file} ${checkLabel(check)}`, 500)));
  const text = escapeHtml(cut(safeLines(finding.details).join('\n'), MAX_DETAILS));
  return `\n<details><summary>${title}</summary>\n\n<pre>${text}\n</pre>\n\n</details>\n`;
}

function code(text: string): string {
  return text === '' ? '' : `<code>${escapeMarkdown(text)}</code>`;
}
