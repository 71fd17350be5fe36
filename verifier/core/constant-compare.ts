/**
 * Comparisons in kernels that learn from constants alone (before 6.8): what is decided, and what each side of an
 * undecided one learns, where one operand is known. Two equal registers of which neither is known share what both had.
 */
import { Jmp } from '../../bpf/isa.ts';
import { Reg } from '../types.ts';
import { narrowFrom64, syncBounds, widenFrom32 } from './bounds.ts';
import {
  constValue,
  decidePacket,
  flipped,
  isAnyPacketPointer,
  isConstScalar,
  learnNotSet,
  learnSet,
} from './compare.ts';
import { isNeverNull } from './pointer.ts';
import { RegState, setKnownRange, setKnownRange32 } from './reg.ts';
import { setTnum, Tnum, tnumIntersect } from './tnum.ts';

const bits = changetype<Tnum>(memory.data(16, 8));
const low = changetype<Tnum>(memory.data(16, 8));

/* Decided or not: 1 taken, 0 not taken, -1 unknown. */

function ordered(always: bool, never: bool): i32 {
  if (always) return 1;
  return never ? 0 : -1;
}

function decideUnsigned(min: u64, max: u64, value: u64, op: u32): i32 {
  switch (op) {
    case Jmp.Gt:
      return ordered(min > value, max <= value);
    case Jmp.Ge:
      return ordered(min >= value, max < value);
    case Jmp.Lt:
      return ordered(max < value, min >= value);
    default:
      return ordered(max <= value, min > value);
  }
}

function decideSigned(min: i64, max: i64, value: i64, op: u32): i32 {
  switch (op) {
    case Jmp.Sgt:
      return ordered(min > value, max <= value);
    case Jmp.Sge:
      return ordered(min >= value, max < value);
    case Jmp.Slt:
      return ordered(max < value, min >= value);
    default:
      return ordered(max <= value, min > value);
  }
}

function decideEqual(reg: RegState, value: u64, narrow: bool): i32 {
  return isConstScalar(reg, narrow) ? i32(constValue(reg, narrow) === value) : -1;
}

function decideSet(reg: RegState, value: u64): i32 {
  if ((reg.value & ~reg.mask & value) !== 0) return 1;
  return ((reg.value | reg.mask) & value) === 0 ? 0 : -1;
}

function decideScalar(reg: RegState, value: u64, op: u32, narrow: bool): i32 {
  switch (op) {
    case Jmp.Eq:
      return decideEqual(reg, value, narrow);
    case Jmp.Ne: {
      const equal = decideEqual(reg, value, narrow);
      return equal < 0 ? -1 : 1 - equal;
    }
    case Jmp.Set:
      return decideSet(reg, value);
    case Jmp.Gt:
    case Jmp.Ge:
    case Jmp.Lt:
    case Jmp.Le:
      return narrow
        ? decideUnsigned(reg.umin32, reg.umax32, value, op)
        : decideUnsigned(reg.umin, reg.umax, value, op);
    default:
      return narrow
        ? decideSigned(reg.smin32, reg.smax32, <i32>value, op)
        : decideSigned(reg.smin, reg.smax, <i64>value, op);
  }
}

function decidePointer(pointer: RegState, value: u64, op: u32): i32 {
  if (!isNeverNull(pointer) || value !== 0) return -1;
  if (op === Jmp.Eq) return 0;
  return op === Jmp.Ne ? 1 : -1;
}

/** Whether `a op b` always (1) or never (0) holds; -1 when both are possible. */
export function decideByConstant(a: RegState, b: RegState, op: u32, narrow: bool): i32 {
  if (isConstScalar(b, narrow)) {
    const value = constValue(b, narrow);
    return a.type === Reg.Scalar ? decideScalar(a, value, op, narrow) : decidePointer(a, value, op);
  }
  return !narrow && isAnyPacketPointer(a) && isAnyPacketPointer(b) ? decidePacket(a, b, op) : -1;
}

/* What a side learns. */

/** The register has exactly this value. */
function learnValue(reg: RegState, value: u64, narrow: bool): void {
  if (narrow) setKnownRange32(reg, <u32>value);
  else setKnownRange(reg, value);
}

function atLeast(reg: RegState, value: u64, signed: bool, narrow: bool): void {
  if (signed && narrow) reg.smin32 = max(reg.smin32, <i32>value);
  else if (signed) reg.smin = max(reg.smin, <i64>value);
  else if (narrow) reg.umin32 = max(reg.umin32, <u32>value);
  else reg.umin = max(reg.umin, value);
}

function atMost(reg: RegState, value: u64, signed: bool, narrow: bool): void {
  if (signed && narrow) reg.smax32 = min(reg.smax32, <i32>value);
  else if (signed) reg.smax = min(reg.smax, <i64>value);
  else if (narrow) reg.umax32 = min(reg.umax32, <u32>value);
  else reg.umax = min(reg.umax, value);
}

/** `taken` and `other` are the register where `reg op value` holds and where it does not. */
function learnOrder(taken: RegState, other: RegState, value: u64, op: u32, narrow: bool): void {
  const signed = op === Jmp.Sgt || op === Jmp.Sge || op === Jmp.Slt || op === Jmp.Sle;
  switch (op) {
    case Jmp.Gt:
    case Jmp.Sgt:
      atMost(other, value, signed, narrow);
      atLeast(taken, value + 1, signed, narrow);
      break;
    case Jmp.Ge:
    case Jmp.Sge:
      atMost(other, value - 1, signed, narrow);
      atLeast(taken, value, signed, narrow);
      break;
    case Jmp.Lt:
    case Jmp.Slt:
      atLeast(other, value, signed, narrow);
      atMost(taken, value - 1, signed, narrow);
      break;
    default:
      atLeast(other, value + 1, signed, narrow);
      atMost(taken, value, signed, narrow);
  }
}

function learnFromConstant(taken: RegState, other: RegState, value: u64, op: u32, narrow: bool): void {
  switch (op) {
    case Jmp.Eq:
      learnValue(taken, value, narrow);
      break;
    case Jmp.Ne:
      learnValue(other, value, narrow);
      break;
    case Jmp.Set:
      learnNotSet(other, value, narrow);
      learnSet(taken, value, narrow);
      break;
    default:
      learnOrder(taken, other, value, op, narrow);
  }
  if (narrow) {
    widenFrom32(other);
    widenFrom32(taken);
  } else {
    narrowFrom64(other);
    narrowFrom64(taken);
  }
}

/** Two registers are equal. */
function share(a: RegState, b: RegState): void {
  a.umin = max(a.umin, b.umin);
  a.umax = min(a.umax, b.umax);
  a.smin = max(a.smin, b.smin);
  a.smax = min(a.smax, b.smax);
  tnumIntersect(a.varOff, a.varOff, b.varOff);
  b.umin = a.umin;
  b.umax = a.umax;
  b.smin = a.smin;
  b.smax = a.smax;
  setTnum(b.varOff, a.value, a.mask);
  syncBounds(a);
  syncBounds(b);
}

/** Both sides of an undecided comparison of scalars `a op b` learn what it tells. */
export function refineByConstant(
  takenA: RegState,
  takenB: RegState,
  otherA: RegState,
  otherB: RegState,
  op: u32,
  narrow: bool,
): void {
  if (otherA.type !== Reg.Scalar || otherB.type !== Reg.Scalar) return;
  if (otherB.mask === 0 || isConstScalar(otherB, narrow)) {
    learnFromConstant(takenA, otherA, constValue(otherB, narrow), op, narrow);
  } else if (otherA.mask === 0 || isConstScalar(otherA, narrow)) {
    learnFromConstant(takenB, otherB, constValue(otherA, narrow), flipped(op), narrow);
  } else if (!narrow && op === Jmp.Eq) {
    share(takenB, takenA);
  } else if (!narrow && op === Jmp.Ne) {
    share(otherB, otherA);
  }
}
