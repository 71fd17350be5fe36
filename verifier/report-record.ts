/** A verdict as a JSON record: one line of `drydock verify --json`, and of the reports that the playground saves. */
import type { Report } from './examine.ts';
import type { Verdict } from './verdict.ts';

/** What is told of: a program of an object, or of whatever else was loaded. */
export interface Told extends Pick<Report, 'path' | 'verdict' | 'refusal' | 'diagnosis'> {
  readonly program: { readonly name: string; readonly section: string };
}

/** How it was verified. */
export interface RecordOptions {
  kernel: string;
  unpriv?: boolean;
  /** Level of the log that is wanted; 0 or none for none. */
  log?: number;
}

export type ReportRecord = ReturnType<typeof reportRecord>;

export function reportRecord(told: Told, { kernel, unpriv, log = 0 }: RecordOptions) {
  const { path, program, verdict, diagnosis } = told;
  return {
    object: path,
    program: program.name,
    section: program.section,
    kernel,
    mode: unpriv ? 'unpriv' : 'priv',
    verdict: outcome(verdict),
    errno: verdict?.errno ?? 0,
    message: messageOf(told),
    insn: diagnosis && diagnosis.insn >= 0 ? diagnosis.insn : null,
    source: diagnosis?.source ?? null,
    stats: verdict && {
      insns_processed: verdict.stats.insnsProcessed,
      max_states_per_insn: verdict.stats.maxStatesPerInsn,
      total_states: verdict.stats.totalStates,
      peak_states: verdict.stats.peakStates,
      mark_read: verdict.stats.markRead,
      stack_depth: verdict.stats.stackDepths.join('+'),
    },
    ...(diagnosis ? { diagnosis } : {}),
    ...(log > 0 && verdict ? { log: verdict.log } : {}),
  };
}

export function outcome(verdict: Verdict | undefined): 'accepted' | 'rejected' | 'not-loaded' {
  if (!verdict) return 'not-loaded';
  return verdict.accepted ? 'accepted' : 'rejected';
}

export function messageOf({ verdict, refusal }: Pick<Report, 'verdict' | 'refusal'>): string {
  return verdict?.message ?? refusal ?? '';
}
