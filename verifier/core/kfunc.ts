/** Calls of kernel functions. */
import { notBuilt } from './not-built.ts';

export function checkKfuncCall(index: i32): i32 {
  return notBuilt('kfunc calls');
}

export function isGraphKfunc(id: i32): bool {
  return false;
}

export function isThrow(index: i32): bool {
  return false;
}
