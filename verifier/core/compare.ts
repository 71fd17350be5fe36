/** Comparisons of two values: whether a branch is decided, and what each side of an undecided one learns. */
import { Jmp } from '../../bpf/isa.ts';
import { Feature } from '../feature-abi.ts';
import { Reg } from '../types.ts';
import { checkInvariants } from './alu.ts';
import { syncBounds } from './bounds.ts';
import { decideByConstant, refineByConstant } from './constant-compare.ts';
import * as env from './env.ts';
import { isNeverNull } from './pointer.ts';
import { RegState, setUnbounded } from './reg.ts';
import { setTnum, Tnum, tnumAnd, tnumIntersect, tnumLow, tnumOr, tnumWithLow } from './tnum.ts';

/** The negation of JSET has no opcode of its own. */
const NOT_SET: u32 = Jmp.Set | 0x08;

/** packet pointers: `word0` as a range that says where packet_end lies. */
export const AT_PACKET_END: i32 = -1;
export const BEYOND_PACKET_END: i32 = -2;

const tnumA = changetype<Tnum>(memory.data(16, 8));
const tnumB = changetype<Tnum>(memory.data(16, 8));

/** The comparison with its operands exchanged. */
export function flipped(op: u32): u32 {
  switch (op) {
    case Jmp.Ge:
      return Jmp.Le;
    case Jmp.Gt:
      return Jmp.Lt;
    case Jmp.Le:
      return Jmp.Ge;
    case Jmp.Lt:
      return Jmp.Gt;
    case Jmp.Sge:
      return Jmp.Sle;
    case Jmp.Sgt:
      return Jmp.Slt;
    case Jmp.Sle:
      return Jmp.Sge;
    case Jmp.Slt:
      return Jmp.Sgt;
    default:
      return op;
  }
}

/** The comparison that holds where this one does not. */
function negated(op: u32): u32 {
  switch (op) {
    case Jmp.Eq:
      return Jmp.Ne;
    case Jmp.Ne:
      return Jmp.Eq;
    case Jmp.Set:
      return NOT_SET;
    case Jmp.Ge:
      return Jmp.Lt;
    case Jmp.Gt:
      return Jmp.Le;
    case Jmp.Le:
      return Jmp.Gt;
    case Jmp.Lt:
      return Jmp.Ge;
    case Jmp.Sge:
      return Jmp.Slt;
    case Jmp.Sgt:
      return Jmp.Sle;
    case Jmp.Sle:
      return Jmp.Sgt;
    default:
      return Jmp.Sge;
  }
}

export function isConstScalar(reg: RegState, narrow: bool): bool {
  return reg.type === Reg.Scalar && (narrow ? <u32>reg.mask === 0 : reg.mask === 0);
}

export function constValue(reg: RegState, narrow: bool): u64 {
  return narrow ? <u64>(<u32>reg.value) : reg.value;
}

/* Decided or not: 1 taken, 0 not taken, -1 unknown. */

/** The two can never be equal. */
function neverEqual(a: RegState, b: RegState, narrow: bool): bool {
  const apart32 = a.umin32 > b.umax32 || a.umax32 < b.umin32 || a.smin32 > b.smax32 || a.smax32 < b.smin32;
  // A bit that is known on both sides and differs.
  const bits = (a.value ^ b.value) & ~(a.mask | b.mask);
  if (narrow) return apart32 || <u32>bits !== 0;
  const apart = a.umin > b.umax || a.umax < b.umin || a.smin > b.smax || a.smax < b.smin;
  return apart || apart32 || bits !== 0;
}

function decideEqual(a: RegState, b: RegState, narrow: bool): i32 {
  if (narrow) {
    if (<u32>a.mask === 0 && <u32>b.mask === 0) return i32(<u32>a.value === <u32>b.value);
  } else if (a.mask === 0 && b.mask === 0) {
    return i32(a.value === b.value);
  }
  return neverEqual(a, b, narrow) ? 0 : -1;
}

function decideSet(a: RegState, b: RegState, narrow: bool): i32 {
  let tested = a;
  let constant = b;
  if (!isConstScalar(constant, narrow)) {
    tested = b;
    constant = a;
  }
  if (!isConstScalar(constant, narrow)) return -1;
  const keep: u64 = narrow ? 0xffff_ffff : u64.MAX_VALUE;
  const bits = constant.value & keep;
  if ((tested.value & ~tested.mask & bits) !== 0) return 1;
  return ((tested.value | tested.mask) & bits) === 0 ? 0 : -1;
}

/** a < b (or a <= b) from the ends of the ranges. */
function decideUnsigned(aMin: u64, aMax: u64, bMin: u64, bMax: u64, orEqual: bool): i32 {
  if (orEqual) {
    if (aMax <= bMin) return 1;
    return aMin > bMax ? 0 : -1;
  }
  if (aMax < bMin) return 1;
  return aMin >= bMax ? 0 : -1;
}

function decideSigned(aMin: i64, aMax: i64, bMin: i64, bMax: i64, orEqual: bool): i32 {
  if (orEqual) {
    if (aMax <= bMin) return 1;
    return aMin > bMax ? 0 : -1;
  }
  if (aMax < bMin) return 1;
  return aMin >= bMax ? 0 : -1;
}

function decideOrder(a: RegState, b: RegState, signed: bool, orEqual: bool, narrow: bool): i32 {
  if (signed) {
    return narrow
      ? decideSigned(a.smin32, a.smax32, b.smin32, b.smax32, orEqual)
      : decideSigned(a.smin, a.smax, b.smin, b.smax, orEqual);
  }
  return narrow
    ? decideUnsigned(a.umin32, a.umax32, b.umin32, b.umax32, orEqual)
    : decideUnsigned(a.umin, a.umax, b.umin, b.umax, orEqual);
}

function decideScalar(a: RegState, b: RegState, op: u32, narrow: bool): i32 {
  switch (op) {
    case Jmp.Eq:
      return decideEqual(a, b, narrow);
    case Jmp.Ne: {
      const equal = decideEqual(a, b, narrow);
      return equal < 0 ? -1 : 1 - equal;
    }
    case Jmp.Set:
      return decideSet(a, b, narrow);
    case Jmp.Lt:
      return decideOrder(a, b, false, false, narrow);
    case Jmp.Le:
      return decideOrder(a, b, false, true, narrow);
    case Jmp.Gt:
      return decideOrder(b, a, false, false, narrow);
    case Jmp.Ge:
      return decideOrder(b, a, false, true, narrow);
    case Jmp.Slt:
      return decideOrder(a, b, true, false, narrow);
    case Jmp.Sle:
      return decideOrder(a, b, true, true, narrow);
    case Jmp.Sgt:
      return decideOrder(b, a, true, false, narrow);
    case Jmp.Sge:
      return decideOrder(b, a, true, true, narrow);
    default:
      return -1;
  }
}

export function isAnyPacketPointer(reg: RegState): bool {
  const base = reg.type & Reg.BaseMask;
  return base === Reg.Packet || base === Reg.PacketMeta || base === Reg.PacketEnd;
}

/** A pointer that was compared with packet_end before. */
export function decidePacket(a: RegState, b: RegState, op: u32): i32 {
  let packet = a;
  let comparison = op;
  if (b.type !== Reg.PacketEnd) {
    if (a.type !== Reg.PacketEnd) return -1;
    packet = b;
    comparison = flipped(op);
  }
  const range = <i32>packet.word0;
  if (range >= 0) return -1;
  const beyond = range === BEYOND_PACKET_END;
  switch (comparison) {
    case Jmp.Le:
    case Jmp.Gt:
      return beyond ? i32(comparison === Jmp.Gt) : -1;
    case Jmp.Lt:
    case Jmp.Ge:
      return beyond || range === AT_PACKET_END ? i32(comparison === Jmp.Ge) : -1;
    default:
      return -1;
  }
}

/** A pointer against 0, where the pointer is known not to be null. */
function decidePointer(a: RegState, b: RegState, op: u32): i32 {
  let pointer = a;
  let constant = b;
  if (!isConstScalar(constant, false)) {
    pointer = b;
    constant = a;
  }
  if (!isConstScalar(constant, false) || !isNeverNull(pointer) || constant.value !== 0) return -1;
  if (op === Jmp.Eq) return 0;
  return op === Jmp.Ne ? 1 : -1;
}

/** Whether `a op b` always (1) or never (0) holds; -1 when both are possible. */
export function decide(a: RegState, b: RegState, op: u32, narrow: bool): i32 {
  if (!env.has(Feature.MutualBounds)) return decideByConstant(a, b, op, narrow);
  if (!narrow && isAnyPacketPointer(a) && isAnyPacketPointer(b)) return decidePacket(a, b, op);
  if (a.type !== Reg.Scalar || b.type !== Reg.Scalar) return narrow ? -1 : decidePointer(a, b, op);
  return decideScalar(a, b, op, narrow);
}

/* What a side learns. */

function learnEqual(a: RegState, b: RegState, narrow: bool): void {
  if (narrow) {
    a.umin32 = max(a.umin32, b.umin32);
    a.umax32 = min(a.umax32, b.umax32);
    a.smin32 = max(a.smin32, b.smin32);
    a.smax32 = min(a.smax32, b.smax32);
    b.umin32 = a.umin32;
    b.umax32 = a.umax32;
    b.smin32 = a.smin32;
    b.smax32 = a.smax32;
    tnumLow(tnumA, a.varOff);
    tnumLow(tnumB, b.varOff);
    tnumIntersect(tnumA, tnumA, tnumB);
    tnumWithLow(a.varOff, a.varOff, tnumA);
    tnumWithLow(b.varOff, b.varOff, tnumA);
    return;
  }
  a.umin = max(a.umin, b.umin);
  a.umax = min(a.umax, b.umax);
  a.smin = max(a.smin, b.smin);
  a.smax = min(a.smax, b.smax);
  b.umin = a.umin;
  b.umax = a.umax;
  b.smin = a.smin;
  b.smax = a.smax;
  tnumIntersect(a.varOff, a.varOff, b.varOff);
  setTnum(b.varOff, a.value, a.mask);
}

/** A constant at the end of a range is cut off. */
function learnNotEqual(a: RegState, value: u64, narrow: bool): void {
  if (narrow) {
    const low = <u32>value;
    if (a.umin32 === low) a.umin32++;
    if (a.umax32 === low) a.umax32--;
    if (a.smin32 === <i32>low) a.smin32++;
    if (a.smax32 === <i32>low) a.smax32--;
    return;
  }
  if (a.umin === value) a.umin++;
  if (a.umax === value) a.umax--;
  if (a.smin === <i64>value) a.smin++;
  if (a.smax === <i64>value) a.smax--;
}

/** One of the tested bits is set; of several, which one is not known. */
export function learnSet(a: RegState, bits: u64, narrow: bool): void {
  if (popcnt(bits) !== 1) return;
  setTnum(tnumB, bits, 0);
  if (narrow) {
    tnumLow(tnumA, a.varOff);
    tnumOr(tnumA, tnumA, tnumB);
    tnumWithLow(a.varOff, a.varOff, tnumA);
  } else {
    tnumOr(a.varOff, a.varOff, tnumB);
  }
}

/** Of the tested bits none is set. Ranges are forgotten first: on a dead branch they could contradict the bits. */
export function learnNotSet(a: RegState, bits: u64, narrow: bool): void {
  setUnbounded(a);
  setTnum(tnumB, ~bits, 0);
  if (narrow) {
    tnumLow(tnumA, a.varOff);
    tnumAnd(tnumA, tnumA, tnumB);
    tnumWithLow(a.varOff, a.varOff, tnumA);
  } else {
    tnumAnd(a.varOff, a.varOff, tnumB);
  }
}

/** a < b, or a <= b. */
function learnUnsigned(a: RegState, b: RegState, orEqual: bool, narrow: bool): void {
  const gap: u32 = orEqual ? 0 : 1;
  if (narrow) {
    a.umax32 = min(a.umax32, b.umax32 - gap);
    b.umin32 = max(a.umin32 + gap, b.umin32);
  } else {
    a.umax = min(a.umax, b.umax - gap);
    b.umin = max(a.umin + gap, b.umin);
  }
}

function learnSigned(a: RegState, b: RegState, orEqual: bool, narrow: bool): void {
  const gap: i32 = orEqual ? 0 : 1;
  if (narrow) {
    a.smax32 = min(a.smax32, b.smax32 - gap);
    b.smin32 = max(a.smin32 + gap, b.smin32);
  } else {
    a.smax = min(a.smax, b.smax - gap);
    b.smin = max(a.smin + gap, b.smin);
  }
}

/** Comparisons with one constant side: the constant as the second operand. */
function learnWithConstant(a: RegState, b: RegState, op: u32, narrow: bool): void {
  let learner = a;
  let constant = b;
  if (!isConstScalar(constant, narrow)) {
    learner = b;
    constant = a;
  }
  if (!isConstScalar(constant, narrow)) return;
  const value = constValue(constant, narrow);
  if (op === Jmp.Ne) learnNotEqual(learner, value, narrow);
  else if (op === Jmp.Set) learnSet(learner, value, narrow);
  else learnNotSet(learner, value, narrow);
}

/** Narrows both registers by `a op b`. */
function learn(a: RegState, b: RegState, op: u32, narrow: bool): void {
  switch (op) {
    case Jmp.Eq:
      learnEqual(a, b, narrow);
      break;
    case Jmp.Ne:
    case Jmp.Set:
    case NOT_SET:
      learnWithConstant(a, b, op, narrow);
      break;
    case Jmp.Lt:
      learnUnsigned(a, b, false, narrow);
      break;
    case Jmp.Le:
      learnUnsigned(a, b, true, narrow);
      break;
    case Jmp.Gt:
      learnUnsigned(b, a, false, narrow);
      break;
    case Jmp.Ge:
      learnUnsigned(b, a, true, narrow);
      break;
    case Jmp.Slt:
      learnSigned(a, b, false, narrow);
      break;
    case Jmp.Sle:
      learnSigned(a, b, true, narrow);
      break;
    case Jmp.Sgt:
      learnSigned(b, a, false, narrow);
      break;
    case Jmp.Sge:
      learnSigned(b, a, true, narrow);
      break;
  }
  syncBounds(a);
  syncBounds(b);
}

/** Both sides of an undecided comparison of scalars learn what it tells. 0 or -EFAULT. */
export function refineBranches(
  takenA: RegState,
  takenB: RegState,
  otherA: RegState,
  otherB: RegState,
  op: u32,
  narrow: bool,
): i32 {
  if (!env.has(Feature.MutualBounds)) {
    refineByConstant(takenA, takenB, otherA, otherB, op, narrow);
    return 0;
  }
  if (otherA.type !== Reg.Scalar || otherB.type !== Reg.Scalar) return 0;
  learn(otherA, otherB, negated(op), narrow);
  learn(takenA, takenB, op, narrow);
  let error = checkInvariants(takenA, 'true_reg1');
  if (error === 0) error = checkInvariants(takenB, 'true_reg2');
  if (error === 0) error = checkInvariants(otherA, 'false_reg1');
  if (error === 0) error = checkInvariants(otherB, 'false_reg2');
  return error;
}
