/**
 * The five views of a scalar's range (tnum, u64, s64, u32, s32) and how each sharpens the others.
 *
 * Every step here is a meet: a view is intersected with what another view implies. The order and the number of
 * rounds are part of the observable behaviour (they decide what is printed and what is pruned): kernel docs,
 * bpf/verifier.rst "Register value tracking".
 */
import { Feature } from '../feature-abi.ts';
import * as env from './env.ts';
import { RegState, setUnbounded, setUnbounded32, setUnbounded64 } from './reg.ts';
import { setTnum, Tnum, tnumIntersect, tnumLow, tnumOfRange, tnumOr } from './tnum.ts';

const HIGH_HALF: u64 = 0xffff_ffff_0000_0000;

const tnumA = changetype<Tnum>(memory.data(16, 8));
const tnumB = changetype<Tnum>(memory.data(16, 8));

function meetU64(reg: RegState, low: u64, high: u64): void {
  reg.umin = max(reg.umin, low);
  reg.umax = min(reg.umax, high);
}

function meetS64(reg: RegState, low: i64, high: i64): void {
  reg.smin = max(reg.smin, low);
  reg.smax = min(reg.smax, high);
}

function meetU32(reg: RegState, low: u32, high: u32): void {
  reg.umin32 = max(reg.umin32, low);
  reg.umax32 = min(reg.umax32, high);
}

function meetS32(reg: RegState, low: i32, high: i32): void {
  reg.smin32 = max(reg.smin32, low);
  reg.smax32 = min(reg.smax32, high);
}

/** Extremes that the known bits allow. */
export function learnFromBits(reg: RegState): void {
  const value32 = <u32>reg.value;
  const mask32 = <u32>reg.mask;
  meetS32(reg, <i32>(value32 | (mask32 & 0x8000_0000)), <i32>(value32 | (mask32 & 0x7fff_ffff)));
  meetU32(reg, value32, value32 | mask32);
  const value = reg.value;
  const mask = reg.mask;
  meetS64(reg, <i64>(value | (mask & 0x8000_0000_0000_0000)), <i64>(value | (mask & 0x7fff_ffff_ffff_ffff)));
  meetU64(reg, value, value | mask);
}

/** Low halves form a range of their own while the high half stays the same over a 64-bit range. */
function learn32From64(reg: RegState): void {
  const umin = reg.umin;
  const umax = reg.umax;
  const smin = reg.smin;
  const smax = reg.smax;
  if (umin >> 32 === umax >> 32) {
    meetU32(reg, <u32>umin, <u32>umax);
    if (<i32>umin <= <i32>umax) meetS32(reg, <i32>umin, <i32>umax);
  }
  if (smin >> 32 === smax >> 32) {
    if (<u32>smin <= <u32>smax) meetU32(reg, <u32>smin, <u32>smax);
    if (<i32>smin <= <i32>smax) meetS32(reg, <i32>smin, <i32>smax);
  }
  // One step of the high half, with the low half passing through zero upwards: still one signed range.
  if (<u32>(umin >> 32) + 1 === <u32>(umax >> 32) && <i32>umin < 0 && <i32>umax >= 0) {
    meetS32(reg, <i32>umin, <i32>umax);
  }
  if (<u32>(<u64>smin >> 32) + 1 === <u32>(<u64>smax >> 32) && <i32>smin < 0 && <i32>smax >= 0) {
    meetS32(reg, <i32>smin, <i32>smax);
  }
}

/** Signed and unsigned views agree where a range stays on one side of the sign boundary. */
function learnSign32(reg: RegState): void {
  if (<i32>reg.umin32 <= <i32>reg.umax32) meetS32(reg, <i32>reg.umin32, <i32>reg.umax32);
  if (<u32>reg.smin32 <= <u32>reg.smax32) {
    meetU32(reg, <u32>reg.smin32, <u32>reg.smax32);
  } else if (reg.umax32 < <u32>reg.smin32) {
    // The signed range wraps; the unsigned one touches only its non-negative part.
    reg.smin32 = <i32>reg.umin32;
    reg.umax32 = min(reg.umax32, <u32>reg.smax32);
  } else if (<u32>reg.smax32 < reg.umin32) {
    reg.smax32 = <i32>reg.umax32;
    reg.umin32 = max(reg.umin32, <u32>reg.smin32);
  }
}

function learnSign64(reg: RegState): void {
  if (<i64>reg.umin <= <i64>reg.umax) meetS64(reg, <i64>reg.umin, <i64>reg.umax);
  if (<u64>reg.smin <= <u64>reg.smax) {
    meetU64(reg, <u64>reg.smin, <u64>reg.smax);
  } else if (reg.umax < <u64>reg.smin) {
    reg.smin = <i64>reg.umin;
    reg.umax = min(reg.umax, <u64>reg.smax);
  } else if (<u64>reg.smax < reg.umin) {
    reg.smax = <i64>reg.umax;
    reg.umin = max(reg.umin, <u64>reg.smin);
  }
}

function withLow(high: u64, low: u32): u64 {
  return (high & HIGH_HALF) | low;
}

/** A range of low halves, put under the ends of the 64-bit ranges. */
function meetLowHalves(reg: RegState, low: u32, high: u32): void {
  meetU64(reg, withLow(reg.umin, low), withLow(reg.umax, high));
  meetS64(reg, <i64>withLow(<u64>reg.smin, low), <i64>withLow(<u64>reg.smax, high));
}

function learn64From32(reg: RegState): void {
  meetLowHalves(reg, reg.umin32, reg.umax32);
  if (<u32>reg.smin32 <= <u32>reg.smax32) meetLowHalves(reg, <u32>reg.smin32, <u32>reg.smax32);
  // A sign-extended value whose low half is not negative has no sign to extend.
  if (reg.smin32 >= 0 && reg.smin >= <i64>i32.MIN_VALUE && reg.smax <= <i64>i32.MAX_VALUE) {
    reg.smin = reg.smin32;
    reg.smax = reg.smax32;
    reg.umin = <u64>(<i64>reg.smin32);
    reg.umax = <u64>(<i64>reg.smax32);
    tnumOfRange(tnumA, <u64>reg.smin, <u64>reg.smax);
    tnumIntersect(reg.varOff, reg.varOff, tnumA);
  }
}

/** Bits that a range fixes. */
function learnBits(reg: RegState): void {
  tnumOfRange(tnumA, reg.umin, reg.umax);
  tnumIntersect(tnumA, reg.varOff, tnumA);
  tnumOfRange(tnumB, reg.umin32, reg.umax32);
  const low = tnumB;
  const full = tnumA;
  const fullValue = full.value;
  const fullMask = full.mask;
  tnumLow(full, full);
  tnumIntersect(low, full, low);
  setTnum(full, fullValue & HIGH_HALF, fullMask & HIGH_HALF);
  tnumOr(reg.varOff, full, low);
}

/** The older way: the sign alone carries over, from the signed view where it has one, else from the unsigned one. */
function learnSignOnce32(reg: RegState): void {
  const unsignedMin = max(<u32>reg.smin32, reg.umin32);
  const unsignedMax = min(<u32>reg.smax32, reg.umax32);
  if (reg.smin32 >= 0 || reg.smax32 < 0) {
    reg.umin32 = unsignedMin;
    reg.smin32 = <i32>unsignedMin;
    reg.umax32 = unsignedMax;
    reg.smax32 = <i32>unsignedMax;
  } else if (<i32>reg.umax32 >= 0) {
    reg.smin32 = <i32>reg.umin32;
    reg.umax32 = unsignedMax;
    reg.smax32 = <i32>unsignedMax;
  } else if (<i32>reg.umin32 < 0) {
    reg.umin32 = unsignedMin;
    reg.smin32 = <i32>unsignedMin;
    reg.smax32 = <i32>reg.umax32;
  }
}

function learnSignOnce64(reg: RegState): void {
  const unsignedMin = max(<u64>reg.smin, reg.umin);
  const unsignedMax = min(<u64>reg.smax, reg.umax);
  if (reg.smin >= 0 || reg.smax < 0) {
    reg.umin = unsignedMin;
    reg.smin = <i64>unsignedMin;
    reg.umax = unsignedMax;
    reg.smax = <i64>unsignedMax;
  } else if (<i64>reg.umax >= 0) {
    reg.smin = <i64>reg.umin;
    reg.umax = unsignedMax;
    reg.smax = <i64>unsignedMax;
  } else if (<i64>reg.umin < 0) {
    reg.umin = unsignedMin;
    reg.smin = <i64>unsignedMin;
    reg.smax = <i64>reg.umax;
  }
}

/** Lets every view learn from the others, after one of them was narrowed. */
export function syncBounds(reg: RegState): void {
  learnFromBits(reg);
  if (!env.has(Feature.MutualBounds)) {
    learnSignOnce32(reg);
    learnSignOnce64(reg);
    learnBits(reg);
    learnFromBits(reg);
    return;
  }
  for (let round = 0; round < 3; round++) {
    learn32From64(reg);
    learnSign32(reg);
    learnSign64(reg);
    learn64From32(reg);
  }
  learnBits(reg);
  learnFromBits(reg);
}

/** After a 32-bit operation: the upper half is zero. */
export function zeroExtendBounds(reg: RegState): void {
  reg.umin = reg.umin32;
  reg.umax = reg.umax32;
  if (reg.smin32 >= 0 && reg.smax32 >= 0) {
    reg.smin = reg.smin32;
    reg.smax = reg.smax32;
  } else {
    reg.smin = 0;
    reg.smax = 0xffff_ffff;
  }
}

/** After a 64-bit comparison, in kernels whose widths do not sharpen each other: the low half is known where it is all. */
export function narrowFrom64(reg: RegState): void {
  setUnbounded32(reg);
  if (reg.smin >= <i64>i32.MIN_VALUE && reg.smax <= <i64>i32.MAX_VALUE) {
    // both ends fit: the order of the two halves is that of the whole
    reg.smin32 = <i32>reg.smin;
    reg.smax32 = <i32>reg.smax;
  }
  if (reg.umax <= <u64>u32.MAX_VALUE) {
    reg.umin32 = <u32>reg.umin;
    reg.umax32 = <u32>reg.umax;
  }
  syncBounds(reg);
}

/** After a 32-bit comparison: the upper half is zero, or the 64-bit view starts again from the known bits. */
export function widenFrom32(reg: RegState): void {
  if ((reg.value | reg.mask) >> 32 === 0) zeroExtendBounds(reg);
  else setUnbounded64(reg);
  syncBounds(reg);
}

/** What is wrong with a range; 0 when the views agree. */
export const enum BoundsFault {
  None = 0,
  Range = 1,
  Const = 2,
  Const32 = 3,
}

export function boundsFault(reg: RegState): BoundsFault {
  if (reg.umin > reg.umax || reg.smin > reg.smax || reg.umin32 > reg.umax32 || reg.smin32 > reg.smax32) {
    return BoundsFault.Range;
  }
  if (reg.mask === 0) {
    const value = reg.value;
    if (reg.umin !== value || reg.umax !== value || reg.smin !== <i64>value || reg.smax !== <i64>value) {
      return BoundsFault.Const;
    }
  }
  if (<u32>reg.mask === 0) {
    const low = <u32>reg.value;
    if (reg.umin32 !== low || reg.umax32 !== low || reg.smin32 !== <i32>low || reg.smax32 !== <i32>low) {
      return BoundsFault.Const32;
    }
  }
  return BoundsFault.None;
}

/** Forgets the ranges (not the tnum), as the kernel does when its views disagree. */
export function forgetBounds(reg: RegState): void {
  setUnbounded(reg);
}
