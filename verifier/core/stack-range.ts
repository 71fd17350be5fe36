/** Ranges of the stack that a helper or a variable-offset load reads. */
import { notBuilt } from './not-built.ts';

/** Whether every byte that may be read through the stack pointer was written. 0 or a negative errno. */
export function checkStackInitialized(register: u32, off: i32, size: u32): i32 {
  return notBuilt('variable stack offsets');
}
