/** What the gate has checked, and what it has found: plain data, as the reports show it and as workers send it. */

/** Statistics of a verification, named as in `drydock verify --json`. Stack in bytes, of all subprograms together. */
export interface CheckStats {
  readonly insns: number;
  readonly states: number;
  readonly peakStates: number;
  readonly maxStatesPerInsn: number;
  readonly markRead: number;
  readonly stack: number;
}

export type Mode = 'priv' | 'unpriv';

/** A place in the source of a program. The file is relative to the configuration's directory where it is found there. */
export interface SourcePlace {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly text: string;
}

/** What verifying one program came to. */
export interface VerifyResult {
  readonly verdict: 'accepted' | 'rejected' | 'not-loaded';
  /** Positive, 0 when there is none. */
  readonly errno: number;
  /** Why; empty when accepted. */
  readonly message: string;
  readonly insn: number | null;
  readonly source: SourcePlace | null;
  /** Null when the verifier has not seen it. */
  readonly stats: CheckStats | null;
  /** What the loader did not find in the kernel, where that is why the program is rejected. */
  readonly missing?: string;
}

/** What a finding is about, as in the rule ids of SARIF. */
export type Rule =
  /** The object, a scene or an expected file cannot be used. */
  | 'unloadable'
  | 'rejected'
  /** It should have been rejected. */
  | 'accepted'
  /** Rejected, but for another reason than expected. */
  | 'wrong-reason'
  | 'budget'
  | 'growth'
  /** The baseline has a program that is there no more. */
  | 'missing'
  /** A run gives another output, return value or failure. */
  | 'output'
  | 'checkpoint'
  /** An allowance is over, while what it allowed still fails. */
  | 'expired'
  /** Something allowed or expected matches nothing. */
  | 'unused'
  /** A bug in Drydock. */
  | 'crash';

export interface Finding {
  readonly rule: Rule;
  /** One line. */
  readonly message: string;
  /** More lines: an explanation, a difference. */
  readonly details: readonly string[];
  readonly source: SourcePlace | null;
  /** Set when it is known and may be for now. */
  readonly allowed: Allowance | null;
}

export interface Allowance {
  readonly reason: string;
  /** YYYY-MM-DD, the last day; null for no end. */
  readonly expires: string | null;
}

/** How much it was in the baseline. */
export type Before = Pick<CheckStats, 'insns' | 'states' | 'peakStates' | 'stack'> & {
  readonly verdict: VerifyResult['verdict'];
};

/** One thing that was checked. */
export interface Check {
  readonly kind: 'verify' | 'run' | 'checkpoint' | 'object' | 'config';
  readonly kernel: string;
  readonly mode: Mode;
  /** Name of the variant, empty for the object as it is. */
  readonly variant: string;
  /** Object or scene, relative to the configuration's directory, with slashes. */
  readonly file: string;
  /** Name of the program, of the run or of the checkpoint; empty for a whole object. */
  readonly name: string;
  readonly section: string;
  readonly status: Status;
  readonly findings: readonly Finding[];
  readonly result: VerifyResult | null;
  readonly before: Before | null;
  /** It was known from an earlier run. */
  readonly cached: boolean;
}

/** "allowed": it has findings, all of which may be. */
export type Status = 'passed' | 'allowed' | 'failed' | 'crashed';

export interface GateReport {
  /** Of Drydock. */
  readonly version: string;
  /** Path of the configuration. */
  readonly config: string;
  /** Day that allowances are held against, YYYY-MM-DD. */
  readonly today: string;
  readonly shard: { readonly index: number; readonly count: number } | null;
  readonly checks: readonly Check[];
}

/** Names a check, unique in a report and the same from run to run. */
export function checkId({ kind, kernel, mode, variant, file, name }: Check): string {
  const parts = [file, name, kernel, mode === 'priv' ? '' : mode, variant && `variant ${variant}`];
  const id = parts.filter((part) => part !== '').join(' · ');
  return kind === 'verify' ? id : `${kind} ${id}`;
}

/** Worst of the findings. */
export function statusOf(findings: readonly Finding[]): Status {
  if (findings.some(({ rule }) => rule === 'crash')) return 'crashed';
  if (findings.some(({ allowed }) => allowed === null)) return 'failed';
  return findings.length > 0 ? 'allowed' : 'passed';
}
