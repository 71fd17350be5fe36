/** Calls that stand in place of instructions whose relocation failed. */

import { MISSING_KFUNC, MISSING_TYPE } from '../loader/missing.ts';

/** What libbpf puts in place of a map that was not created, plus the number of the map. */
const POISON_MAP = 2_001_000_000;
const POISON_NUMBERS = 1_000_000;

/** Whether a helper number is one that must never be called. */
export function isPoison(id: number): boolean {
  const isOf = (first: number): boolean => id >= first && id < first + POISON_NUMBERS;
  return id === MISSING_TYPE || isOf(POISON_MAP) || isOf(MISSING_KFUNC);
}
