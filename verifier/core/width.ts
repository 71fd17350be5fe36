/** Narrowing and extending scalars: what a load of a few bytes, or a movs of them, leaves of a range. */
import { Feature } from '../feature-abi.ts';
import { narrowFrom64, syncBounds, zeroExtendBounds } from './bounds.ts';
import * as env from './env.ts';
import { RegState, setUnbounded32 } from './reg.ts';
import { setTnum, Tnum, tnumLow, tnumOfRange, tnumTruncate } from './tnum.ts';

/** Upper half becomes zero; bounds follow. The caller syncs. */
export function zeroExtend(reg: RegState): void {
  tnumLow(reg.varOff, reg.varOff);
  zeroExtendBounds(reg);
}

/** Keeps the lowest `bytes` bytes (1, 2, 4), zero-extended. */
export function truncate(reg: RegState, bytes: u32): void {
  tnumTruncate(reg.varOff, reg.varOff, bytes);
  const keep: u64 = ((<u64>1) << (bytes * 8)) - 1;
  if ((reg.umin & ~keep) === (reg.umax & ~keep)) {
    reg.umin &= keep;
    reg.umax &= keep;
  } else {
    reg.umin = 0;
    reg.umax = keep;
  }
  reg.smin = <i64>reg.umin;
  reg.smax = <i64>reg.umax;
  if (!env.has(Feature.MutualBounds)) {
    if (bytes < 4) narrowFrom64(reg);
    return;
  }
  // A 32-bit view of a narrower load says nothing that the 64-bit one does not.
  if (bytes < 4) setUnbounded32(reg);
  syncBounds(reg);
}

function signExtend(value: i64, bytes: u32): i64 {
  const shift = 64 - bytes * 8;
  return (value << shift) >> shift;
}

function smallest(bytes: u32): i64 {
  return -((<i64>1) << (bytes * 8 - 1));
}

/** Same upper bits at both ends, and the same sign after extension: the range stays a range. */
function extendsCleanly(min: i64, max: i64, bytes: u32): bool {
  const shift = bytes * 8;
  if (min >> shift !== max >> shift) return false;
  return signExtend(min, bytes) >= 0 === signExtend(max, bytes) >= 0;
}

function setAll64(reg: RegState, min: i64, max: i64): void {
  reg.smin = min;
  reg.smax = max;
  reg.umin = <u64>min;
  reg.umax = <u64>max;
  setAll32(reg, <i32>min, <i32>max);
}

function setAll32(reg: RegState, min: i32, max: i32): void {
  reg.smin32 = min;
  reg.smax32 = max;
  reg.umin32 = <u32>min;
  reg.umax32 = <u32>max;
}

/** Sign-extends the lowest `bytes` bytes (1, 2, 4) to 64 bits. */
export function signExtend64(reg: RegState, bytes: u32): void {
  if (reg.mask === 0) {
    const value = signExtend(<i64>reg.value, bytes);
    setTnum(reg.varOff, value, 0);
    setAll64(reg, value, value);
    return;
  }
  if (extendsCleanly(reg.smin, reg.smax, bytes)) {
    const a = signExtend(reg.smin, bytes);
    const b = signExtend(reg.smax, bytes);
    setAll64(reg, min(a, b), max(a, b));
    tnumOfRange(reg.varOff, reg.smin, reg.smax);
    return;
  }
  const low = smallest(bytes);
  reg.smin = low;
  reg.smax = -low - 1;
  reg.smin32 = <i32>low;
  reg.smax32 = <i32>(-low - 1);
  reg.umin = 0;
  reg.umax = u64.MAX_VALUE;
  reg.umin32 = 0;
  reg.umax32 = u32.MAX_VALUE;
  setTnum(reg.varOff, 0, u64.MAX_VALUE);
}

/** Sign-extends the lowest `bytes` bytes (1, 2) to 32 bits; the upper half is the caller's to clear. */
export function signExtend32(reg: RegState, bytes: u32): void {
  if (reg.mask === 0) {
    const value = <i32>signExtend(<i64>reg.value, bytes);
    setTnum(reg.varOff, <u64>(<i64>value), 0);
    setAll32(reg, value, value);
    return;
  }
  if (extendsCleanly(reg.smin32, reg.smax32, bytes)) {
    const a = <i32>signExtend(reg.smin32, bytes);
    const b = <i32>signExtend(reg.smax32, bytes);
    setAll32(reg, min(a, b), max(a, b));
    rangeLow(reg.varOff, reg.smin32, reg.smax32);
    return;
  }
  const low = <i32>smallest(bytes);
  reg.smin32 = low;
  reg.smax32 = -low - 1;
  reg.umin32 = 0;
  reg.umax32 = u32.MAX_VALUE;
  setTnum(reg.varOff, 0, 0xffff_ffff);
}

function rangeLow(out: Tnum, low: i32, high: i32): void {
  tnumOfRange(out, <u64>(<i64>low), <u64>(<i64>high));
  tnumLow(out, out);
}
