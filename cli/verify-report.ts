/** What is told of a verified program: as text for people, and as a JSON record. */

import { errnoName } from '../bpf/errno-name.ts';
import { diagnosisText } from '../verifier/diagnosis/diagnosis-text.ts';
import type { Report } from '../verifier/examine.ts';
import type { Verdict } from '../verifier/index.ts';

/** How the programs were verified. */
export interface ReportOptions {
  kernel: string;
  /** Level of the log that is wanted, 0 for none. */
  log: number;
  unpriv?: boolean;
}

/** One record of `verify --json`. */
export function reportRecord(report: Report, options: ReportOptions) {
  const { path, program, verdict } = report;
  return {
    object: path,
    program: program.name,
    section: program.section,
    kernel: options.kernel,
    mode: options.unpriv ? 'unpriv' : 'priv',
    verdict: outcome(verdict),
    errno: verdict?.errno ?? 0,
    message: messageOf(report),
    insn: report.diagnosis && report.diagnosis.insn >= 0 ? report.diagnosis.insn : null,
    source: report.diagnosis?.source ?? null,
    stats: verdict && {
      insns_processed: verdict.stats.insnsProcessed,
      max_states_per_insn: verdict.stats.maxStatesPerInsn,
      total_states: verdict.stats.totalStates,
      peak_states: verdict.stats.peakStates,
      mark_read: verdict.stats.markRead,
      stack_depth: verdict.stats.stackDepths.join('+'),
    },
    ...(report.diagnosis ? { diagnosis: report.diagnosis } : {}),
    ...(options.log > 0 && verdict ? { log: verdict.log } : {}),
  };
}

/** Lines for people: the outcome, for a program that was not accepted the reason and where it is. */
export function reportText(report: Report, options: Pick<ReportOptions, 'log'>): string {
  const { path, program, verdict } = report;
  const lines = [`${path} ${program.name} (${program.section}): ${outcome(verdict)}`];
  if (verdict?.accepted) {
    const { insnsProcessed, totalStates, stackDepths } = verdict.stats;
    lines[0] += `, ${insnsProcessed} insns, ${totalStates} states, stack ${stackDepths.join('+')}`;
  } else {
    if (verdict) lines[0] += `, ${errnoName(verdict.errno)}`;
    const { diagnosis } = report;
    const message = messageOf(report);
    if (diagnosis && diagnosis.message !== message) lines.push(`  ${diagnosis.message}`);
    lines.push(`  ${message}`);
    if (diagnosis) lines.push(...diagnosisText(diagnosis));
  }
  if (options.log > 0 && verdict) lines.push(verdict.log.trimEnd());
  return `${lines.join('\n')}\n`;
}

function outcome(verdict: Verdict | undefined): string {
  if (!verdict) return 'not-loaded';
  return verdict.accepted ? 'accepted' : 'rejected';
}

function messageOf({ verdict, refusal }: Report): string {
  return verdict?.message ?? refusal ?? '';
}
