/** ld_imm64 and legacy packet loads. */
import { notBuilt } from './not-built.ts';

export function checkLdAbs(index: i32): i32 {
  return notBuilt('ld_abs');
}

export function checkLdImm(index: i32): i32 {
  return notBuilt('ld_imm64');
}
