/** Arithmetic on pointers, and what is known of a pointer as such. */

import { Errno } from '../../bpf/errno.ts';
import { Alu, Class } from '../../bpf/isa.ts';
import { Feature } from '../feature-abi.ts';
import { Flag, Reg, VerifierLimit } from '../types.ts';
import { operatorName } from './alu.ts';
import { syncBounds } from './bounds.ts';
import * as env from './env.ts';
import { say } from './log.ts';
import { mapAccessInBounds } from './map-value.ts';
import * as M from './messages.ts';
import { typeName } from './names.ts';
import { putTnum } from './print.ts';
import { copyReg, RegState, setUnbounded32, setUnknown } from './reg.ts';
import { addSigned, addUnsigned, subSigned, subUnsigned } from './scalar.ts';
import { hardenPointer, hardenResult } from './speculation.ts';
import { tnumAdd, tnumSub } from './tnum.ts';
import { isTrusted } from './trust.ts';

const MAX_OFFSET: i64 = VerifierLimit.PointerOffset;

/** The types that were so before others were known to be. */
function isPlainlyNotNull(type: u32): bool {
  switch (type) {
    case Reg.Socket:
    case Reg.TcpSock:
    case Reg.MapValue:
    case Reg.MapKey:
    case Reg.SockCommon:
      return true;
    default:
      return false;
  }
}

/** Whether a pointer can be taken as not null without a check. */
export function isNeverNull(reg: RegState): bool {
  if (!env.has(Feature.NonNullPointers)) return isPlainlyNotNull(reg.type);
  if ((reg.type & Flag.MaybeNull) !== 0) return false;
  if (reg.smin <= -MAX_OFFSET || reg.smax >= MAX_OFFSET) return false;
  switch (reg.type & Reg.BaseMask) {
    case Reg.Socket:
    case Reg.TcpSock:
    case Reg.XdpSock:
    case Reg.SockCommon:
    case Reg.Buf:
    case Reg.MapValue:
    case Reg.MapKey:
    case Reg.Mem:
    case Reg.MapPtr:
      return true;
    case Reg.BtfId:
      return isTrusted(reg);
    default:
      return false;
  }
}

/** Whether a register can be the offset of (or be) a pointer of this type without running away. */
function isSane(reg: RegState, type: u32): bool {
  const value = <i64>reg.value;
  if (reg.mask === 0 && (value >= MAX_OFFSET || value <= -MAX_OFFSET)) {
    say(M.POINTER_MATH, typeName(type), value);
    return false;
  }
  if (reg.off >= MAX_OFFSET || reg.off <= -MAX_OFFSET) {
    say(M.POINTER_OFFSET, typeName(type), reg.off);
    return false;
  }
  if (reg.smin === i64.MIN_VALUE) {
    say(M.POINTER_UNBOUNDED, typeName(type));
    return false;
  }
  if (reg.smin >= MAX_OFFSET || reg.smin <= -MAX_OFFSET) {
    say(M.POINTER_RUNS_AWAY, reg.smin, typeName(type));
    return false;
  }
  return true;
}

function allowsArithmetic(pointer: RegState, offset: RegState, op: u32): bool {
  const constant = offset.mask === 0;
  switch (pointer.type & Reg.BaseMask) {
    case Reg.Ctx:
    case Reg.MapValue:
    case Reg.MapKey:
    case Reg.Stack:
    case Reg.PacketMeta:
    case Reg.Packet:
    case Reg.TpBuffer:
    case Reg.BtfId:
    case Reg.Mem:
    case Reg.Buf:
    case Reg.Func:
    case Reg.ConstDynptr:
      return true;
    case Reg.FlowKeys:
      return constant;
    case Reg.MapPtr:
      return constant && offset.smin === 0 && op === Alu.Add;
    default:
      return false;
  }
}

function isPacket(reg: RegState): bool {
  const base = reg.type & Reg.BaseMask;
  return base === Reg.Packet || base === Reg.PacketMeta;
}

function copyWords(to: RegState, from: RegState): void {
  to.word0 = from.word0;
  to.word1 = from.word1;
  to.word2 = from.word2;
  to.word3 = from.word3;
}

function clearWords(reg: RegState): void {
  reg.word0 = 0;
  reg.word1 = 0;
  reg.word2 = 0;
  reg.word3 = 0;
}

/** A constant moves the fixed part of the offset, as long as that stays a 32-bit number. */
function moveConstant(dst: RegState, pointer: RegState, delta: i64): bool {
  const offset = <i64>pointer.off + delta;
  if (offset !== <i64>(<i32>offset)) return false;
  dst.smin = pointer.smin;
  dst.smax = pointer.smax;
  dst.umin = pointer.umin;
  dst.umax = pointer.umax;
  dst.value = pointer.value;
  dst.mask = pointer.mask;
  dst.off = <i32>offset;
  copyWords(dst, pointer);
  return true;
}

/* The operands' ranges, kept while dst (which may be one of them) is written. */
let pSmin: i64 = 0;
let pSmax: i64 = 0;
let pUmin: u64 = 0;
let pUmax: u64 = 0;

function keepPointerRange(pointer: RegState): void {
  pSmin = pointer.smin;
  pSmax = pointer.smax;
  pUmin = pointer.umin;
  pUmax = pointer.umax;
}

function addOffset(dst: RegState, pointer: RegState, offset: RegState): i32 {
  if (offset.mask === 0 && moveConstant(dst, pointer, offset.smin)) return 0;
  keepPointerRange(pointer);
  const oSmin = offset.smin;
  const oSmax = offset.smax;
  addUnsigned(dst, pUmin, pUmax, offset.umin, offset.umax);
  addSigned(dst, pSmin, pSmax, oSmin, oSmax);
  tnumAdd(dst.varOff, pointer.varOff, offset.varOff);
  dst.off = pointer.off;
  copyWords(dst, pointer);
  if (isPacket(pointer)) {
    // A new variable part: proven ranges of the old base say nothing about it.
    dst.id = env.newId();
    clearWords(dst);
  }
  return 0;
}

function subOffset(index: i32, dst: RegState, pointer: RegState, offset: RegState): i32 {
  if (changetype<usize>(dst) !== changetype<usize>(pointer)) {
    say(M.POINTER_FROM_SCALAR, env.insnDst(index));
    return -Errno.EACCES;
  }
  if (pointer.type === Reg.Stack) {
    say(M.STACK_SUBTRACTION, env.insnDst(index));
    return -Errno.EACCES;
  }
  if (offset.mask === 0 && moveConstant(dst, pointer, -offset.smin)) return 0;
  keepPointerRange(pointer);
  subUnsigned(dst, pUmin, pUmax, offset.umin, offset.umax);
  subSigned(dst, pSmin, pSmax, offset.smin, offset.smax);
  tnumSub(dst.varOff, pointer.varOff, offset.varOff);
  if (isPacket(pointer)) {
    dst.id = env.newId();
    // Something was added: it may lie beyond what was proven.
    if (offset.smin < 0) clearWords(dst);
  }
  return 0;
}

/** Unprivileged tasks may not even make a pointer outside of its object. */
function staysInObject(index: i32, dst: RegState): i32 {
  if (env.bypassSpecV1) return 0;
  const register = env.insnDst(index);
  if (dst.type === Reg.Stack) return stackStaysInFrame(register, dst);
  if (dst.type === Reg.MapValue && mapAccessInBounds(register, dst.off, 1, false) !== 0) {
    say(M.MAP_VALUE_OUT_OF_RANGE, register);
    return -Errno.EACCES;
  }
  return 0;
}

/** A stack pointer with a variable part, or outside the frame, is refused without CAP_PERFMON. */
export function stackStaysInFrame(register: u32, reg: RegState): i32 {
  const off = reg.off + <i32>reg.value;
  if (reg.mask !== 0) {
    say(M.STACK_VARIABLE_HEAD, register);
    putTnum(reg.value, reg.mask);
    say(M.STACK_VARIABLE_TAIL, off);
    return -Errno.EACCES;
  }
  if (off >= 0 || off < -(<i32>VerifierLimit.StackBytes)) {
    say(M.STACK_OUT_OF_RANGE, register, off);
    return -Errno.EACCES;
  }
  return 0;
}

function refuseOperator(index: i32, op: u32): i32 {
  const bitwise = op === Alu.And || op === Alu.Or || op === Alu.Xor;
  say(bitwise ? M.POINTER_BITWISE : M.POINTER_OPERATOR, env.insnDst(index), operatorName(op));
  return -Errno.EACCES;
}

/** Whether the arithmetic is refused by the pointer's type alone. 0 or -EACCES. */
function checkPointerType(index: i32, op: u32, pointer: RegState, offset: RegState): i32 {
  const register = env.insnDst(index);
  if ((pointer.type & Flag.MaybeNull) !== 0) {
    say(M.POINTER_NULL_CHECK, register, typeName(pointer.type));
    return -Errno.EACCES;
  }
  if (allowsArithmetic(pointer, offset, op)) return 0;
  say(M.POINTER_PROHIBITED, register, typeName(pointer.type));
  return -Errno.EACCES;
}

/** A contradictory offset (dead code): nothing can be said. */
function isContradictory(offset: RegState): bool {
  if (offset.mask === 0 && (offset.smin !== offset.smax || offset.umin !== offset.umax)) return true;
  return offset.smin > offset.smax || offset.umin > offset.umax;
}

function moveBy(index: i32, op: u32, dst: RegState, pointer: RegState, offset: RegState): i32 {
  setUnbounded32(dst);
  if (op === Alu.Add) return addOffset(dst, pointer, offset);
  if (op === Alu.Sub) return subOffset(index, dst, pointer, offset);
  return refuseOperator(index, op);
}

/** `dst = pointer op offset`, where dst is the pointer or (for +=) the scalar. 0 or a negative errno. */
export function adjustPointer(index: i32, op: u32, dst: RegState, pointer: RegState, offset: RegState): i32 {
  if (isContradictory(offset)) {
    setUnknown(dst, !env.bpfCapable);
    return 0;
  }
  if ((env.insnCode(index) & Class.Mask) !== Class.Alu64) {
    if (op === Alu.Sub && env.allowPtrLeaks) {
      setUnknown(dst, !env.bpfCapable);
      return 0;
    }
    say(M.POINTER_32BIT, env.insnDst(index));
    return -Errno.EACCES;
  }
  let error = checkPointerType(index, op, pointer, offset);
  if (error !== 0) return error;
  // scalar += pointer: all of the pointer is taken over, the object it stands for and its liveness too.
  if (changetype<usize>(dst) !== changetype<usize>(pointer)) copyReg(dst, pointer);
  const type = pointer.type;
  if (!isSane(offset, type) || !isSane(pointer, type)) return -Errno.EINVAL;
  error = hardenPointer(index, op, dst, pointer, offset);
  if (error !== 0) return error;
  error = moveBy(index, op, dst, pointer, offset);
  if (error !== 0) return error;
  if (!isSane(dst, type)) return -Errno.EINVAL;
  syncBounds(dst);
  error = staysInObject(index, dst);
  return error !== 0 ? error : hardenResult(index, op, dst);
}
