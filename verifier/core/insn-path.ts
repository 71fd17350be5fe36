/** The instructions of a state's path, from the last one back to the first. */
import { lastEntryFor } from './history.ts';
import { VerifierState } from './state.ts';

/** There is no instruction before the first one of a state. */
export const NO_ENTRY: i32 = i32.MIN_VALUE;

/** End of the part of the history that the walk has not used yet. */
export let historyEnd: u32 = 0;

/** A walk begins at the state's last instruction. */
export function rewindHistory(state: VerifierState): void {
  historyEnd = state.historyEnd;
}

/** Instruction before `index` on the state's path; NO_ENTRY at its start. */
export function previousInsn(state: VerifierState, index: i32): i32 {
  const start = state.historyStart;
  const count = historyEnd - start;
  const last = lastEntryFor(start, historyEnd, index);
  if (index === state.firstInsn) {
    if (count === 0) return NO_ENTRY;
    if (count === 1 && changetype<usize>(last) !== 0) return NO_ENTRY;
  }
  if (changetype<usize>(last) === 0) return index - 1;
  historyEnd--;
  return last.previous;
}
