/** What is told of a verified program: as text for people, and as a JSON record. */
import type { BpfObject, Program } from '../loader/index.ts';
import type { Verdict } from '../verifier/index.ts';

/** How the programs were verified. */
export interface ReportOptions {
  kernel: string;
  /** Level of the log that is wanted, 0 for none. */
  log: number;
  unpriv?: boolean;
}

export interface Report {
  /** The object's file. */
  path: string;
  object: BpfObject;
  program: Program;
  /** Undefined when the loader refused the program. */
  verdict: Verdict | undefined;
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
    insn: verdict && !verdict.accepted ? verdict.insn : null,
    source: sourceLine(report) ?? null,
    stats: verdict && {
      insns_processed: verdict.stats.insnsProcessed,
      max_states_per_insn: verdict.stats.maxStatesPerInsn,
      total_states: verdict.stats.totalStates,
      peak_states: verdict.stats.peakStates,
      mark_read: verdict.stats.markRead,
      stack_depth: verdict.stats.stackDepths.join('+'),
    },
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
    lines.push(`  ${messageOf(report)}`);
    const source = sourceLine(report);
    if (source) lines.push(`  ${source.file}:${source.line}: ${source.text}`);
  }
  if (options.log > 0 && verdict) lines.push(verdict.log.trimEnd());
  return `${lines.join('\n')}\n`;
}

function outcome(verdict: Verdict | undefined): string {
  if (!verdict) return 'not-loaded';
  return verdict.accepted ? 'accepted' : 'rejected';
}

function messageOf({ program, verdict }: Report): string {
  return verdict?.message ?? program.error ?? 'it was not prepared';
}

/** Source line of the instruction that a program was rejected for, as .BTF.ext has it. */
function sourceLine({ object, program, verdict }: Report) {
  if (!verdict || verdict.accepted || verdict.insn < 0 || !object.btf) return undefined;
  const line = program.lineInfo.findLast((info) => info.insn <= verdict.insn);
  if (!line) return undefined;
  const { btf } = object;
  return {
    file: btf.string(line.fileNameOffset),
    line: line.line,
    text: btf.string(line.lineOffset).trim(),
  };
}
