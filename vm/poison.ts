/** Calls that stand in place of instructions whose relocation failed. */

/**
 * Helper numbers that the loader, as libbpf does, puts in place of what does not exist in this kernel: a CO-RE
 * relocation, a map, a kfunc (the latter two plus the number of the map or extern).
 */
const POISON_CORE = 0xbad2310;
const POISON_MAP = 2_001_000_000;
const POISON_KFUNC = 2_002_000_000;
const POISON_NUMBERS = 1_000_000;

/** Whether a helper number is one that must never be called. */
export function isPoison(id: number): boolean {
  const isOf = (first: number): boolean => id >= first && id < first + POISON_NUMBERS;
  return id === POISON_CORE || isOf(POISON_MAP) || isOf(POISON_KFUNC);
}
