/**
 * Tristate numbers: each bit is 0, 1 or unknown. `mask` has the unknown bits, `value` the known ones, and no
 * bit is set in both. Kernel docs, bpf/verifier.rst "Register value tracking".
 *
 * A tnum lives in two u64 (`Tnum` is a typed view, also of the first two words of a register's range), and
 * operations write their result through `out`, which may be one of the operands.
 */
@unmanaged
export class Tnum {
  value: u64;
  mask: u64;
}

export function setTnum(out: Tnum, value: u64, mask: u64): void {
  out.value = value;
  out.mask = mask;
}

/** Tightest tnum that holds every value of min..max. */
export function tnumOfRange(out: Tnum, min: u64, max: u64): void {
  const differing = 64 - clz(min ^ max);
  if (differing > 63) {
    setTnum(out, 0, u64.MAX_VALUE);
    return;
  }
  const unknown = ((<u64>1) << differing) - 1;
  setTnum(out, min & ~unknown, unknown);
}

export function tnumLsh(out: Tnum, a: Tnum, shift: u32): void {
  setTnum(out, a.value << shift, a.mask << shift);
}

export function tnumRsh(out: Tnum, a: Tnum, shift: u32): void {
  setTnum(out, a.value >> shift, a.mask >> shift);
}

/** Arithmetic shift of a 32- or 64-bit value. */
export function tnumArsh(out: Tnum, a: Tnum, shift: u32, bits: u32): void {
  if (bits === 32) {
    setTnum(out, <u32>(<i32>a.value >> shift), <u32>(<i32>a.mask >> shift));
  } else {
    setTnum(out, <i64>a.value >> shift, <i64>a.mask >> shift);
  }
}

export function tnumAdd(out: Tnum, a: Tnum, b: Tnum): void {
  const unknownSum = a.mask + b.mask;
  const value = a.value + b.value;
  const carries = (unknownSum + value) ^ value;
  const mask = carries | a.mask | b.mask;
  setTnum(out, value & ~mask, mask);
}

export function tnumSub(out: Tnum, a: Tnum, b: Tnum): void {
  const difference = a.value - b.value;
  const highest = difference + a.mask;
  const lowest = difference - b.mask;
  const mask = (highest ^ lowest) | a.mask | b.mask;
  setTnum(out, difference & ~mask, mask);
}

export function tnumAnd(out: Tnum, a: Tnum, b: Tnum): void {
  const possible = (a.value | a.mask) & (b.value | b.mask);
  const value = a.value & b.value;
  setTnum(out, value, possible & ~value);
}

export function tnumOr(out: Tnum, a: Tnum, b: Tnum): void {
  const value = a.value | b.value;
  setTnum(out, value, (a.mask | b.mask) & ~value);
}

export function tnumXor(out: Tnum, a: Tnum, b: Tnum): void {
  const mask = a.mask | b.mask;
  setTnum(out, (a.value ^ b.value) & ~mask, mask);
}

/** Product by long multiplication: known bits give an exact part, unknown bits only spread uncertainty. */
export function tnumMul(out: Tnum, a: Tnum, b: Tnum): void {
  const exact = a.value * b.value;
  let av = a.value;
  let am = a.mask;
  let bv = b.value;
  let bm = b.mask;
  // The uncertain part is a tnum with value 0; adding (0, m) to it only widens its mask.
  let spread: u64 = 0;
  while (av !== 0 || am !== 0) {
    if ((av & 1) !== 0) spread = addUnknown(spread, bm);
    else if ((am & 1) !== 0) spread = addUnknown(spread, bv | bm);
    av >>= 1;
    am >>= 1;
    bv <<= 1;
    bm <<= 1;
  }
  const sum = exact + spread;
  const mask = (sum ^ exact) | spread;
  setTnum(out, exact & ~mask, mask);
}

/** Mask of (0, a) + (0, b). */
function addUnknown(a: u64, b: u64): u64 {
  return (a + b) | a | b;
}

/** Both are true of the value: known bits of either side. Contradictions are the caller's to detect. */
export function tnumIntersect(out: Tnum, a: Tnum, b: Tnum): void {
  const value = a.value | b.value;
  const mask = a.mask & b.mask;
  setTnum(out, value & ~mask, mask);
}

/** Keeps the lowest `bytes` bytes (1..8). */
export function tnumTruncate(out: Tnum, a: Tnum, bytes: u32): void {
  const keep: u64 = bytes >= 8 ? u64.MAX_VALUE : ((<u64>1) << (bytes * 8)) - 1;
  setTnum(out, a.value & keep, a.mask & keep);
}

/** Whether every value of `inner` is one of `outer`. */
export function tnumContains(outer: Tnum, inner: Tnum): bool {
  if ((inner.mask & ~outer.mask) !== 0) return false;
  return outer.value === (inner.value & ~outer.mask);
}

/** Whether value and known bits say a multiple of `size` (a power of two, or 0 for "anything"). */
export function tnumIsAligned(a: Tnum, size: u64): bool {
  if (size === 0) return true;
  return ((a.value | a.mask) & (size - 1)) === 0;
}

/** Low half as a 64-bit tnum. */
export function tnumLow(out: Tnum, a: Tnum): void {
  setTnum(out, a.value & 0xffff_ffff, a.mask & 0xffff_ffff);
}

/** High half of `high`, low half of `low`. */
export function tnumWithLow(out: Tnum, high: Tnum, low: Tnum): void {
  setTnum(
    out,
    (high.value & 0xffff_ffff_0000_0000) | (low.value & 0xffff_ffff),
    (high.mask & 0xffff_ffff_0000_0000) | (low.mask & 0xffff_ffff),
  );
}
