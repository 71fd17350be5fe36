/** Kfuncs the program calls. */
import { notBuilt } from './not-built.ts';

export function addKfunc(id: i32, off: i32): i32 {
  return notBuilt('kfunc calls');
}

export function isIterNext(index: i32): bool {
  return false;
}

export function kfuncChangesPacket(index: i32): bool {
  return false;
}
