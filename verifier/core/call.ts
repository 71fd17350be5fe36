/** Calls of subprograms. */
import { notBuilt } from './not-built.ts';

export function checkBpfCall(index: i32): i32 {
  return notBuilt('subprogram calls');
}
