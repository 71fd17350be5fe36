/** Numbers and order that the reports share. */
import { type Check, checkId, type Finding, type GateReport, type Status } from '../check.ts';

export interface Summary {
  readonly checks: number;
  readonly passed: number;
  readonly allowed: number;
  readonly failed: number;
  readonly crashed: number;
  readonly cached: number;
  /** Each once, in order of appearance. */
  readonly kernels: readonly string[];
}

/** From the worst. */
export const STATUSES: readonly Status[] = ['crashed', 'failed', 'allowed', 'passed'];

export function summarize({ checks }: GateReport): Summary {
  const count = (status: Status) => checks.filter((check) => check.status === status).length;
  return {
    checks: checks.length,
    passed: count('passed'),
    allowed: count('allowed'),
    failed: count('failed'),
    crashed: count('crashed'),
    cached: checks.filter(({ cached }) => cached).length,
    kernels: [...new Set(checks.map(({ kernel }) => kernel).filter((kernel) => kernel !== ''))],
  };
}

export function isFailure({ status }: Check): boolean {
  return status === 'failed' || status === 'crashed';
}

/** Checks by their file, both in the order in which they come. */
export function byFile(checks: readonly Check[]): ReadonlyMap<string, readonly Check[]> {
  const files = new Map<string, Check[]>();
  for (const check of checks) {
    const known = files.get(check.file);
    if (known) known.push(check);
    else files.set(check.file, [check]);
  }
  return files;
}

/** What tells a check from the others of its file. */
export function checkLabel(check: Check): string {
  return checkId({ ...check, file: '' });
}

/** A finding with the check it belongs to. */
export interface Found {
  readonly check: Check;
  readonly finding: Finding;
  /** How many findings of this rule the check has before this one. */
  readonly ordinal: number;
}

export function allFindings({ checks }: GateReport): Found[] {
  return checks.flatMap((check) =>
    check.findings.map((finding, i) => {
      const ordinal = check.findings.slice(0, i).filter(({ rule }) => rule === finding.rule).length;
      return { check, finding, ordinal };
    }),
  );
}

/** Those that nothing allows. */
export function failures(report: GateReport): Found[] {
  return allFindings(report).filter(({ finding }) => isFailing(finding));
}

/** A crash fails whatever allows it, as in the status of its check. */
export function isFailing({ rule, allowed }: Finding): boolean {
  return allowed === null || rule === 'crash';
}

/** "1 check", "2 checks". */
export function plural(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** 1234567 -> "1,234,567". */
export function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}
