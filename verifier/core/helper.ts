/** Calls of helpers. */
import { notBuilt } from './not-built.ts';

export const HELPER_SPIN_UNLOCK: i32 = 94;

export function checkHelperCall(index: i32): i32 {
  return notBuilt('helper calls');
}
