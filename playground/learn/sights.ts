/** What lessons look for in the views. */
import { PathEnd } from '../../verifier/trace/paths.ts';
import * as checkpoint from '../checkpoint/state.ts';
import * as locks from '../locks/state.ts';
import * as run from '../run/state.ts';
import { subject, view } from '../state.ts';
import type { StepView, TraceSummary } from '../verify/protocol.ts';
import * as verify from '../verify/state.ts';

/** What the verifier shows is about what is chosen: it may be about what was chosen before. */
function isCurrent(): boolean {
  return verify.answered.value !== undefined && verify.answered.value === subject.value;
}

export function stepView(): StepView | undefined {
  return isCurrent() ? verify.stepView.value : undefined;
}

export function trace(): TraceSummary | undefined {
  return isCurrent() ? verify.trace.value : undefined;
}

/** The program that is being written is accepted. */
export function isAccepted(): boolean {
  return subject.value?.kind === 'assembly' && isCurrent() && verify.report.value?.verdict === 'accepted';
}

/** The verifier is shown just before an instruction whose text has these words. */
export function isBefore(words: string): boolean {
  const at = stepView();
  const row = at && trace()?.rowOfSlot[at.insn];
  return row !== undefined && (verify.rows.value.insns.row(row)?.text.includes(words) ?? false);
}

/** What is known of a register in the innermost frame, as the log words it. */
export function knownOf(register: string): string {
  const frame = stepView()?.state.frames.at(-1);
  return frame?.registers.find(({ name }) => name === register)?.state.text ?? '';
}

/** The verifier is shown at a step at which this happens. */
export function happens(kind: 'branch' | 'kept' | 'pruned' | 'exit'): boolean {
  return stepView()?.events.some((event) => event.kind === kind) ?? false;
}

/** The verifier is shown at a step before which a state was kept that covers others. */
export function isAtCoveringState(): boolean {
  const paths = trace()?.paths;
  const at = stepView()?.step;
  if (!paths || at === undefined) return false;
  return paths.covered.some(
    (state, path) => paths.end[path] === PathEnd.Pruned && paths.keptAt[state] === at,
  );
}

/** How often the verifier went over an instruction, at most. */
export function mostVisits(): number {
  return trace()?.heat.visits.reduce((most, count) => Math.max(most, count), 0) ?? 0;
}

/** Bytes that the reader of the running program has at the step that is shown. */
export function bytesRead(): number {
  const { recorded, step } = run;
  return recorded.value?.recording.outputLengths[step.value] ?? 0;
}

/** Which run of the program the shown step belongs to. */
export function runOfProgram(): number {
  return run.recorded.value?.recording.runs[run.step.value] ?? -1;
}

export function hasRun(target: string): boolean {
  return view.value === 'run' && run.recorded.value !== undefined && run.program.value.includes(target);
}

/** A lock scene is open, and the order that is shown has come to a deadlock. */
export function isStuck(scene: string): boolean {
  const walk = locks.walk.value;
  const row = walk?.rows.findLast(({ at }) => at <= walk.cursor);
  return locks.sceneName.value === scene && (row?.findings.some(({ kind }) => kind === 'deadlock') ?? false);
}

export function isExplored(scene: string, findings: boolean): boolean {
  const report = locks.report.value;
  return locks.sceneName.value === scene && report !== undefined && report.findings.length > 0 === findings;
}

export function cameBackEqual(): boolean {
  return checkpoint.trip.value?.restored?.equal === true;
}
