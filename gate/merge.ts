/** The reports of all shards as one. */
import { type Check, checkId, type GateReport, statusOf } from './check.ts';
import { OTHER_SHARDS } from './gate.ts';
import { mergeReports } from './report/json.ts';

/** @throws {InputError} when they do not belong together, or one is missing. */
export function mergeShards(reports: readonly GateReport[]): GateReport {
  const own = reports.map((report) => ({
    ...report,
    checks: report.checks.filter((check) => !isAboutShard(check)),
  }));
  const merged = mergeReports(own);
  const checks = [...merged.checks, ...unusedInAll(reports)];
  return { ...merged, checks: checks.sort((a, b) => (checkId(a) < checkId(b) ? -1 : 1)) };
}

function isAboutShard({ findings }: Check): boolean {
  return findings.length > 0 && findings.every(({ allowed }) => allowed?.reason === OTHER_SHARDS);
}

/** What matches nothing in any shard matches nothing. */
function unusedInAll(reports: readonly GateReport[]): Check[] {
  const [first, ...others] = reports.map(({ checks }) => checks.filter(isAboutShard));
  const ids = others.map((checks) => new Set(checks.map(checkId)));
  return (first ?? [])
    .filter((check) => ids.every((known) => known.has(checkId(check))))
    .map((check) => {
      const findings = check.findings.map((each) => ({ ...each, allowed: null }));
      return { ...check, findings, status: statusOf(findings) };
    });
}
