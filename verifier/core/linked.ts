/**
 * Registers and slots known to hold the same value (or the same value plus a constant), packed into a word of
 * the instruction history: a count, then up to six entries of frame, register or slot, and which of the two.
 */
export const MAX_LINKED: u32 = 6;

const COUNT_BITS: u64 = 4;
const ENTRY_BITS: u64 = 10;
const FRAME_MASK: u32 = 7;
const INDEX_SHIFT: u32 = 3;
const INDEX_MASK: u32 = 0x3f;
const IS_REGISTER: u32 = 0x200;

export function linkedCount(packed: u64): u32 {
  return <u32>packed & 15;
}

/** Adds an entry behind the others; the caller keeps the count below MAX_LINKED. */
export function withLinked(packed: u64, frame: u32, index: u32, isRegister: bool): u64 {
  const count = <u64>linkedCount(packed);
  const entry = frame | (index << INDEX_SHIFT) | (isRegister ? IS_REGISTER : 0);
  return (packed & ~(<u64>15)) | ((<u64>entry) << (COUNT_BITS + ENTRY_BITS * count)) | (count + 1);
}

function linkedEntry(packed: u64, position: u32): u32 {
  return <u32>(packed >> (COUNT_BITS + ENTRY_BITS * position)) & 0x3ff;
}

export function linkedFrame(packed: u64, position: u32): u32 {
  return linkedEntry(packed, position) & FRAME_MASK;
}

/** Register number or slot number. */
export function linkedIndex(packed: u64, position: u32): u32 {
  return (linkedEntry(packed, position) >> INDEX_SHIFT) & INDEX_MASK;
}

export function linkedIsRegister(packed: u64, position: u32): bool {
  return (linkedEntry(packed, position) & IS_REGISTER) !== 0;
}
