/**
 * %p on the host: the same stand-in for Linux's hashed pointers as `hashPointer` of vm/core/format.ts (a test
 * compares the two). NULL and error pointers stay as they are.
 */
const MASK = (1n << 64n) - 1n;
const FIRST_ERROR = MASK - 4094n;

export function hashPointer(value: bigint): bigint {
  if (value === 0n || value >= FIRST_ERROR) return value;
  let mixed = value ^ (value >> 33n);
  mixed = (mixed * 0xff51_afd7_ed55_8ccdn) & MASK;
  mixed ^= mixed >> 29n;
  mixed = (mixed * 0xc4ce_b9fe_1a85_ec53n) & MASK;
  return mixed >> 32n;
}
