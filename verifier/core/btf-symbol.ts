/** Kernel symbols that ld_imm64 names by BTF id. */
import { notBuilt } from './not-built.ts';

/** Resolves the symbol: what its address points to goes into the instruction's aux record. */
export function resolveBtfSymbol(index: i32): i32 {
  return notBuilt('typed kernel symbols');
}
