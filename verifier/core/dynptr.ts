/** Dynptrs on the stack. */
import { FuncState } from './state.ts';

/** A write to the slot ends the dynptr that is there, where that is allowed. 0 or a negative errno. */
export function destroyDynptrAt(func: FuncState, slot: u32): i32 {
  return 0;
}
