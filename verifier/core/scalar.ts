/**
 * Transfer functions of the scalar domain: what dst's range becomes under an operation with src's range.
 *
 * Each operation acts on the 32-bit bounds, the 64-bit bounds and the tnum on their own; the caller lets them
 * learn from each other afterwards (`syncBounds`). The cases where precision is given up are observable and
 * therefore as coarse as Linux has them.
 */
import { Feature } from '../feature-abi.ts';
import { learnFromBits } from './bounds.ts';
import * as env from './env.ts';
import { RegState, setKnown, setKnownRange32, setUnbounded32, setUnbounded64 } from './reg.ts';
import {
  Tnum,
  tnumAdd,
  tnumAnd,
  tnumArsh,
  tnumLow,
  tnumLsh,
  tnumMul,
  tnumOr,
  tnumRsh,
  tnumSub,
  tnumXor,
} from './tnum.ts';

const low = changetype<Tnum>(memory.data(16, 8));

function addOverflows64(a: i64, b: i64): bool {
  const sum = a + b;
  return ((a ^ sum) & (b ^ sum)) < 0;
}

function subOverflows64(a: i64, b: i64): bool {
  const difference = a - b;
  return ((a ^ b) & (a ^ difference)) < 0;
}

function fits32(value: i64): bool {
  return value === <i64>(<i32>value);
}

/* Addition and subtraction: exact until a bound wraps. Shared with pointer arithmetic. */

/** smin/smax of a + b into `out`, unbounded where one of them overflows. */
export function addSigned(out: RegState, aMin: i64, aMax: i64, bMin: i64, bMax: i64): void {
  const wraps = addOverflows64(aMin, bMin) || addOverflows64(aMax, bMax);
  out.smin = wraps ? i64.MIN_VALUE : aMin + bMin;
  out.smax = wraps ? i64.MAX_VALUE : aMax + bMax;
}

export function addUnsigned(out: RegState, aMin: u64, aMax: u64, bMin: u64, bMax: u64): void {
  const wraps = aMin + bMin < aMin || aMax + bMax < aMax;
  out.umin = wraps ? 0 : aMin + bMin;
  out.umax = wraps ? u64.MAX_VALUE : aMax + bMax;
}

export function subSigned(out: RegState, aMin: i64, aMax: i64, bMin: i64, bMax: i64): void {
  const wraps = subOverflows64(aMin, bMax) || subOverflows64(aMax, bMin);
  out.smin = wraps ? i64.MIN_VALUE : aMin - bMax;
  out.smax = wraps ? i64.MAX_VALUE : aMax - bMin;
}

export function subUnsigned(out: RegState, aMin: u64, aMax: u64, bMin: u64, bMax: u64): void {
  const wraps = aMin < bMax;
  out.umin = wraps ? 0 : aMin - bMax;
  out.umax = wraps ? u64.MAX_VALUE : aMax - bMin;
}

function setSigned32(reg: RegState, min: i64, max: i64): void {
  const wraps = !fits32(min) || !fits32(max);
  reg.smin32 = wraps ? i32.MIN_VALUE : <i32>min;
  reg.smax32 = wraps ? i32.MAX_VALUE : <i32>max;
}

function setUnsigned32(reg: RegState, min: i64, max: i64): void {
  const wraps = min < 0 || max < 0 || min > 0xffff_ffff || max > 0xffff_ffff;
  reg.umin32 = wraps ? 0 : <u32>min;
  reg.umax32 = wraps ? u32.MAX_VALUE : <u32>max;
}

export function scalarAdd(dst: RegState, src: RegState): void {
  setSigned32(dst, <i64>dst.smin32 + src.smin32, <i64>dst.smax32 + src.smax32);
  setUnsigned32(dst, <i64>dst.umin32 + <i64>src.umin32, <i64>dst.umax32 + <i64>src.umax32);
  addSigned(dst, dst.smin, dst.smax, src.smin, src.smax);
  addUnsigned(dst, dst.umin, dst.umax, src.umin, src.umax);
  tnumAdd(dst.varOff, dst.varOff, src.varOff);
}

export function scalarSub(dst: RegState, src: RegState): void {
  setSigned32(dst, <i64>dst.smin32 - src.smax32, <i64>dst.smax32 - src.smin32);
  const wraps32 = dst.umin32 < src.umax32;
  const umin32 = dst.umin32 - src.umax32;
  const umax32 = dst.umax32 - src.umin32;
  dst.umin32 = wraps32 ? 0 : umin32;
  dst.umax32 = wraps32 ? u32.MAX_VALUE : umax32;
  subSigned(dst, dst.smin, dst.smax, src.smin, src.smax);
  subUnsigned(dst, dst.umin, dst.umax, src.umin, src.umax);
  tnumSub(dst.varOff, dst.varOff, src.varOff);
}

/* Multiplication: only of numbers whose product cannot wrap. */

function mul32(dst: RegState, src: RegState): void {
  const small = src.umax32 <= 0xffff && dst.umax32 <= 0xffff;
  if (src.smin32 < 0 || dst.smin32 < 0 || !small) {
    setUnbounded32(dst);
    return;
  }
  dst.umin32 *= src.umin32;
  dst.umax32 *= src.umax32;
  signedFromUnsigned32(dst, dst.umax32 <= <u32>i32.MAX_VALUE);
}

function mul64(dst: RegState, src: RegState): void {
  const small = src.umax <= 0xffff_ffff && dst.umax <= 0xffff_ffff;
  if (src.smin < 0 || dst.smin < 0 || !small) {
    setUnbounded64(dst);
    return;
  }
  dst.umin *= src.umin;
  dst.umax *= src.umax;
  signedFromUnsigned64(dst, dst.umax <= <u64>i64.MAX_VALUE);
}

export function scalarMul(dst: RegState, src: RegState): void {
  tnumMul(dst.varOff, dst.varOff, src.varOff);
  mul32(dst, src);
  mul64(dst, src);
}

/** The signed bounds are the unsigned ones where those form a signed range, else unknown. */
function signedFromUnsigned32(reg: RegState, valid: bool): void {
  reg.smin32 = valid ? <i32>reg.umin32 : i32.MIN_VALUE;
  reg.smax32 = valid ? <i32>reg.umax32 : i32.MAX_VALUE;
}

function signedFromUnsigned64(reg: RegState, valid: bool): void {
  reg.smin = valid ? <i64>reg.umin : i64.MIN_VALUE;
  reg.smax = valid ? <i64>reg.umax : i64.MAX_VALUE;
}

/* Bit operations: the tnum is computed first and bounds the result. */

/** Handles operands that are both constant in the low half; true when it did. */
function known32(dst: RegState, bothKnown: bool): bool {
  if (bothKnown) setKnownRange32(dst, <u32>dst.value);
  return bothKnown;
}

function known64(dst: RegState, bothKnown: bool): bool {
  if (bothKnown) setKnown(dst, dst.value);
  return bothKnown;
}

/** `positive`: neither operand can be negative. */
function finishBits32(dst: RegState, positive: bool): void {
  const valid = env.has(Feature.BitwiseSigns) ? <i32>dst.umin32 <= <i32>dst.umax32 : positive;
  signedFromUnsigned32(dst, valid);
}

function finishBits64(dst: RegState, positive: bool): void {
  const valid = env.has(Feature.BitwiseSigns) ? <i64>dst.umin <= <i64>dst.umax : positive;
  signedFromUnsigned64(dst, valid);
  learnFromBits(dst);
}

/** "Known" is asked after the tnum was computed: a constant result counts, wherever it came from. */
function lowKnown(reg: RegState): bool {
  return <u32>reg.mask === 0;
}

export function scalarAnd(dst: RegState, src: RegState): void {
  tnumAnd(dst.varOff, dst.varOff, src.varOff);
  if (!known32(dst, lowKnown(src) && lowKnown(dst))) {
    dst.umin32 = <u32>dst.value;
    dst.umax32 = min(dst.umax32, src.umax32);
    finishBits32(dst, dst.smin32 >= 0 && src.smin32 >= 0);
  }
  if (!known64(dst, src.mask === 0 && dst.mask === 0)) {
    dst.umin = dst.value;
    dst.umax = min(dst.umax, src.umax);
    finishBits64(dst, dst.smin >= 0 && src.smin >= 0);
  }
}

export function scalarOr(dst: RegState, src: RegState): void {
  tnumOr(dst.varOff, dst.varOff, src.varOff);
  if (!known32(dst, lowKnown(src) && lowKnown(dst))) {
    dst.umin32 = max(dst.umin32, src.umin32);
    dst.umax32 = <u32>(dst.value | dst.mask);
    finishBits32(dst, dst.smin32 >= 0 && src.smin32 >= 0);
  }
  if (!known64(dst, src.mask === 0 && dst.mask === 0)) {
    dst.umin = max(dst.umin, src.umin);
    dst.umax = dst.value | dst.mask;
    finishBits64(dst, dst.smin >= 0 && src.smin >= 0);
  }
}

export function scalarXor(dst: RegState, src: RegState): void {
  tnumXor(dst.varOff, dst.varOff, src.varOff);
  if (!known32(dst, lowKnown(src) && lowKnown(dst))) {
    dst.umin32 = <u32>dst.value;
    dst.umax32 = <u32>(dst.value | dst.mask);
    finishBits32(dst, dst.smin32 >= 0 && src.smin32 >= 0);
  }
  if (!known64(dst, src.mask === 0 && dst.mask === 0)) {
    dst.umin = dst.value;
    dst.umax = dst.value | dst.mask;
    finishBits64(dst, dst.smin >= 0 && src.smin >= 0);
  }
}

/* Shifts: by a constant below the width (the caller has checked), so both bounds of src are the amount. */

function lsh32Bounds(dst: RegState, amount: u64): void {
  dst.smin32 = i32.MIN_VALUE;
  dst.smax32 = i32.MAX_VALUE;
  if (amount > 31 || <u64>dst.umax32 > (<u64>1) << (31 - amount)) {
    dst.umin32 = 0;
    dst.umax32 = u32.MAX_VALUE;
  } else {
    dst.umin32 <<= <u32>amount;
    dst.umax32 <<= <u32>amount;
  }
}

/** Bounds of the low half after the tnum was shifted; the 64-bit bounds follow by zero extension. */
function finishShift32(dst: RegState): void {
  setUnbounded64(dst);
  learn32FromBits(dst);
}

function learn32FromBits(dst: RegState): void {
  const value = <u32>dst.value;
  const mask = <u32>dst.mask;
  dst.smin32 = max(dst.smin32, <i32>(value | (mask & 0x8000_0000)));
  dst.smax32 = min(dst.smax32, <i32>(value | (mask & 0x7fff_ffff)));
  dst.umin32 = max(dst.umin32, value);
  dst.umax32 = min(dst.umax32, value | mask);
}

export function scalarLsh32(dst: RegState, amount: u32): void {
  tnumLow(low, dst.varOff);
  lsh32Bounds(dst, amount);
  tnumLsh(low, low, amount);
  tnumLow(dst.varOff, low);
  finishShift32(dst);
}

export function scalarLsh64(dst: RegState, amount: u32): void {
  // Shifting out a whole half leaves a sign-extended low half: the one case whose sign is kept.
  dst.smin = amount === 32 ? (<i64>dst.smin32) << 32 : i64.MIN_VALUE;
  dst.smax = amount === 32 ? (<i64>dst.smax32) << 32 : i64.MAX_VALUE;
  if (dst.umax > (<u64>1) << (63 - amount)) {
    dst.umin = 0;
    dst.umax = u64.MAX_VALUE;
  } else {
    dst.umin <<= amount;
    dst.umax <<= amount;
  }
  lsh32Bounds(dst, amount);
  tnumLsh(dst.varOff, dst.varOff, amount);
  learnFromBits(dst);
}

export function scalarRsh32(dst: RegState, amount: u32): void {
  tnumLow(low, dst.varOff);
  dst.smin32 = i32.MIN_VALUE;
  dst.smax32 = i32.MAX_VALUE;
  tnumRsh(dst.varOff, low, amount);
  dst.umin32 >>= amount;
  dst.umax32 >>= amount;
  finishShift32(dst);
}

export function scalarRsh64(dst: RegState, amount: u32): void {
  dst.smin = i64.MIN_VALUE;
  dst.smax = i64.MAX_VALUE;
  tnumRsh(dst.varOff, dst.varOff, amount);
  dst.umin >>= amount;
  dst.umax >>= amount;
  setUnbounded32(dst);
  learnFromBits(dst);
}

export function scalarArsh32(dst: RegState, amount: u32): void {
  dst.smin32 >>= amount;
  dst.smax32 >>= amount;
  tnumLow(low, dst.varOff);
  tnumArsh(dst.varOff, low, amount, 32);
  dst.umin32 = 0;
  dst.umax32 = u32.MAX_VALUE;
  finishShift32(dst);
}

export function scalarArsh64(dst: RegState, amount: u32): void {
  dst.smin >>= amount;
  dst.smax >>= amount;
  tnumArsh(dst.varOff, dst.varOff, amount, 64);
  dst.umin = 0;
  dst.umax = u64.MAX_VALUE;
  setUnbounded32(dst);
  learnFromBits(dst);
}
