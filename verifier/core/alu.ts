/** Arithmetic, moves and byte swaps. */

import { Errno } from '../../bpf/errno.ts';
import { Alu, Class, MovOffset, Source } from '../../bpf/isa.ts';
import { OpcodeUse, Request } from '../abi.ts';
import { Feature } from '../feature-abi.ts';
import { Reg } from '../types.ts';
import { BoundsFault, boundsFault, forgetBounds, syncBounds } from './bounds.ts';
import * as env from './env.ts';
import { Access, accessReg } from './liveness.ts';
import { say, text } from './log.ts';
import * as M from './messages.ts';
import { pushBranch, pushed } from './pending.ts';
import { adjustPointer } from './pointer.ts';
import { markPrecise } from './precision.ts';
import { ADD_CONST } from './print.ts';
import {
  copyReg,
  LIVE_WRITTEN,
  NO_SUBREG_DEF,
  RegState,
  scratchReg,
  setConstScalar,
  setKnown,
  setKnownRange32,
  setUnknown,
} from './reg.ts';
import * as scalar from './scalar.ts';
import { hardenScalar } from './speculation.ts';
import { signExtend32, signExtend64, zeroExtend } from './width.ts';

/** Scratch registers: the immediate operand, and a copy of the source (dst and src may be the same). */
const OPERAND: u32 = 0;

/** Whether the register is a pointer that this task must not learn about. */
export function isSecretPointer(reg: RegState): bool {
  return !env.allowPtrLeaks && reg.type !== Reg.Scalar;
}

/** Moves a value, keeping what belongs to the place: parent and liveness. */
export function moveReg(to: RegState, from: RegState): void {
  const parent = to.parent;
  const live = to.live;
  copyReg(to, from);
  to.parent = parent;
  to.live = live;
}

export function clearScalarId(reg: RegState): void {
  reg.id = 0;
  reg.off = 0;
}

/** A copied scalar gets an id, so that what is learnt of one copy holds for the other. */
export function linkForMove(from: RegState): void {
  if (from.type !== Reg.Scalar) return;
  if (!env.has(Feature.WiderLinks)) {
    if (from.id === 0) from.id = env.newId();
    return;
  }
  if ((from.id & ADD_CONST) !== 0) clearScalarId(from);
  if (from.id === 0 && from.mask !== 0) from.id = env.newId();
}

/** Names of the operators in messages about pointers. */
export function operatorName(op: u32): i64 {
  switch (op) {
    case Alu.Add:
      return text('+=');
    case Alu.Sub:
      return text('-=');
    case Alu.Mul:
      return text('*=');
    case Alu.Div:
      return text('/=');
    case Alu.Or:
      return text('|=');
    case Alu.And:
      return text('&=');
    case Alu.Lsh:
      return text('<<=');
    case Alu.Rsh:
      return text('>>=');
    case Alu.Neg:
      return text('neg');
    case Alu.Mod:
      return text('%=');
    case Alu.Xor:
      return text('^=');
    case Alu.Mov:
      return text('=');
    case Alu.Arsh:
      return text('s>>=');
    default:
      return text('endian');
  }
}

/** Reports views of a range that contradict each other. 0, or -EFAULT where the program asked for that. */
export function checkInvariants(reg: RegState, context: string): i32 {
  if (!env.has(Feature.Invariants)) return 0;
  const fault = boundsFault(reg);
  if (fault === BoundsFault.None) return 0;
  let what = 'range bounds violation';
  if (fault === BoundsFault.Const) what = 'const tnum out of sync with range bounds';
  if (fault === BoundsFault.Const32) what = 'const subreg tnum out of sync with range bounds';
  say(M.INVARIANTS_HEAD, text(context), text(what), reg.umin, reg.umax, reg.smin, reg.smax);
  say(M.INVARIANTS_TAIL, reg.umin32, reg.umax32, <u32>reg.smin32, <u32>reg.smax32, reg.value, reg.mask);
  if (env.testRegInvariants) return -Errno.EFAULT;
  forgetBounds(reg);
  return 0;
}

/** Whether the kernel knows variants of the opcode that the offset tells apart. */
function hasOffsetVariants(code: u32): bool {
  return (load<u8>(<usize>env.requestWord(Request.Opcodes) + code) & OpcodeUse.Offset) !== 0;
}

function reserved(message: string): i32 {
  say(message);
  return -Errno.EINVAL;
}

/* Negation and byte swaps: the result is unknown. */

function checkUnary(index: i32, op: u32): i32 {
  const code = env.insnCode(index);
  const imm = env.insnImm(index);
  const plain = env.insnSrc(index) === 0 && env.insnOff(index) === 0;
  if (op === Alu.Neg) {
    if ((code & Source.X) !== 0 || !plain || imm !== 0) return reserved(M.NEG_RESERVED);
  } else {
    const width = imm === 16 || imm === 32 || imm === 64;
    const swap64 = (code & Class.Mask) === Class.Alu64;
    if (!plain || !width || (swap64 && (code & Source.X) !== 0)) return reserved(M.END_RESERVED);
  }
  const dst = env.insnDst(index);
  const error = accessReg(dst, Access.Read);
  if (error !== 0) return error;
  if (isSecretPointer(env.currentReg(dst))) {
    say(M.POINTER_ARITHMETIC, dst);
    return -Errno.EACCES;
  }
  return accessReg(dst, Access.Write);
}

/* Moves. */

function checkMoveFields(index: i32): i32 {
  const code = env.insnCode(index);
  const off = env.insnOff(index);
  const imm = env.insnImm(index);
  if ((code & Source.X) === 0) {
    return env.insnSrc(index) !== 0 || off !== 0 ? reserved(M.MOV_RESERVED) : 0;
  }
  if (off !== 0 && !hasOffsetVariants(code)) return reserved(M.MOV_RESERVED);
  if ((code & Class.Mask) === Class.Alu) {
    const fits = off === 0 || off === MovOffset.Sext8 || off === MovOffset.Sext16;
    return !fits || imm !== 0 ? reserved(M.MOV_RESERVED) : 0;
  }
  if (off === MovOffset.AddrSpaceCast) {
    if (imm !== 1 && imm !== 0x1_0000) return reserved(M.CAST_SPACES);
    return env.arenaMap === 0 ? reserved(M.CAST_WITHOUT_ARENA) : 0;
  }
  const fits = off === 0 || off === MovOffset.Sext8 || off === MovOffset.Sext16 || off === MovOffset.Sext32;
  return !fits || imm !== 0 ? reserved(M.MOV_RESERVED) : 0;
}

/** Copies a scalar that keeps its value (linked to the source) or changes it (unlinked). */
function copyScalar(dst: RegState, src: RegState, sameValue: bool): void {
  if (sameValue) linkForMove(src);
  moveReg(dst, src);
  if (!sameValue) clearScalarId(dst);
  dst.live |= LIVE_WRITTEN;
}

function move64(index: i32, dst: RegState, src: RegState): i32 {
  const off = env.insnOff(index);
  if (env.insnImm(index) !== 0) {
    setUnknown(dst, !env.bpfCapable);
    if (env.insnImm(index) === 1) {
      dst.type = Reg.Arena;
      dst.subregDef = index + 1;
    }
    return 0;
  }
  if (off === 0) {
    linkForMove(src);
    moveReg(dst, src);
    dst.live |= LIVE_WRITTEN;
    dst.subregDef = NO_SUBREG_DEF;
    return 0;
  }
  if (isSecretPointer(src)) {
    say(M.SIGN_EXTEND_POINTER, env.insnSrc(index));
    return -Errno.EACCES;
  }
  if (src.type !== Reg.Scalar) {
    setUnknown(dst, !env.bpfCapable);
    return 0;
  }
  copyScalar(dst, src, src.umax < (<u64>1) << (off - 1));
  signExtend64(dst, off >> 3);
  dst.subregDef = NO_SUBREG_DEF;
  return 0;
}

function move32(index: i32, dst: RegState, src: RegState): i32 {
  const off = env.insnOff(index);
  if (isSecretPointer(src)) {
    say(M.PARTIAL_COPY, env.insnSrc(index));
    return -Errno.EACCES;
  }
  if (src.type !== Reg.Scalar) {
    setUnknown(dst, !env.bpfCapable);
  } else if (off === 0) {
    copyScalar(dst, src, env.has(Feature.WiderLinks) && src.umax <= 0xffff_ffff);
    dst.subregDef = index + 1;
  } else {
    copyScalar(dst, src, src.umax < (<u64>1) << (off - 1));
    dst.subregDef = index + 1;
    signExtend32(dst, off >> 3);
  }
  zeroExtend(dst);
  syncBounds(dst);
  return 0;
}

function checkMove(index: i32): i32 {
  let error = checkMoveFields(index);
  if (error !== 0) return error;
  const code = env.insnCode(index);
  const fromRegister = (code & Source.X) !== 0;
  if (fromRegister) {
    error = accessReg(env.insnSrc(index), Access.Read);
    if (error !== 0) return error;
  }
  error = accessReg(env.insnDst(index), Access.WriteKeep);
  if (error !== 0) return error;
  const dst = env.currentReg(env.insnDst(index));
  const wide = (code & Class.Mask) === Class.Alu64;
  if (!fromRegister) {
    const imm = env.insnImm(index);
    setUnknown(dst, !env.bpfCapable);
    setConstScalar(dst, wide ? <u64>(<i64>imm) : <u64>(<u32>imm));
    return 0;
  }
  const src = env.currentReg(env.insnSrc(index));
  return wide ? move64(index, dst, src) : move32(index, dst, src);
}

/* Binary operations. */

function checkBinaryFields(index: i32, op: u32): i32 {
  const code = env.insnCode(index);
  const off = env.insnOff(index);
  const imm = env.insnImm(index);
  const divides = op === Alu.Div || op === Alu.Mod;
  const badOffset = off !== 0 && (off !== 1 || !divides || !hasOffsetVariants(code));
  const fromRegister = (code & Source.X) !== 0;
  if (badOffset || (fromRegister ? imm !== 0 : env.insnSrc(index) !== 0)) return reserved(M.ALU_RESERVED);
  if (fromRegister) {
    const error = accessReg(env.insnSrc(index), Access.Read);
    if (error !== 0) return error;
  }
  const error = accessReg(env.insnDst(index), Access.Read);
  if (error !== 0 || fromRegister) return error;
  if (divides && imm === 0) return reserved(M.DIV_BY_ZERO);
  const shifts = op === Alu.Lsh || op === Alu.Rsh || op === Alu.Arsh;
  const width = (code & Class.Mask) === Class.Alu64 ? 64 : 32;
  if (shifts && (imm < 0 || imm >= width)) {
    say(M.BAD_SHIFT, imm);
    return -Errno.EINVAL;
  }
  return 0;
}

/** Whether the operand's range is good enough to compute with: shifts need a constant within the width. */
function isComputable(op: u32, src: RegState, narrow: bool): bool {
  if (op === Alu.Div || op === Alu.Mod) return false;
  if (op !== Alu.Lsh && op !== Alu.Rsh && op !== Alu.Arsh) return true;
  if (narrow) {
    const constant = <u32>src.mask === 0 && src.smin32 === src.smax32 && src.umin32 === src.umax32;
    return constant && src.umax < 32;
  }
  return src.mask === 0 && src.smin === src.smax && src.umin === src.umax && src.umax < 64;
}

/**
 * A register that is 0 or -1 (the result of a sign-bit shift), masked with a constant: both values are
 * followed, since the mask's tnum alone would forget which it was.
 */
function forkSignMask(index: i32, dst: RegState): i32 {
  if (!env.has(Feature.ForkedMasks)) return 0;
  const wide = dst.smin === -1 && dst.smax === 0;
  const narrow = !wide && dst.smin32 === -1 && dst.smax32 === 0;
  if (!wide && !narrow) return 0;
  const error = pushBranch(index, index, false);
  if (error !== 0) return error;
  // It looks at this instruction once more.
  pushed().pathStep--;
  const other = pushed().currentFrame.reg(env.insnDst(index));
  if (wide) {
    setKnown(other, 0);
    setKnown(dst, u64.MAX_VALUE);
  } else {
    setKnownRange32(other, 0);
    setKnownRange32(dst, u32.MAX_VALUE);
  }
  return 0;
}

function compute(index: i32, op: u32, dst: RegState, src: RegState, narrow: bool): i32 {
  switch (op) {
    case Alu.Add:
      scalar.scalarAdd(dst, src);
      break;
    case Alu.Sub:
      scalar.scalarSub(dst, src);
      break;
    case Alu.Mul:
      scalar.scalarMul(dst, src);
      break;
    case Alu.And:
    case Alu.Or: {
      const error = src.mask === 0 ? forkSignMask(index, dst) : 0;
      if (error !== 0) return error;
      if (op === Alu.And) scalar.scalarAnd(dst, src);
      else scalar.scalarOr(dst, src);
      break;
    }
    case Alu.Xor:
      scalar.scalarXor(dst, src);
      break;
    case Alu.Lsh:
      if (narrow) scalar.scalarLsh32(dst, src.umin32);
      else scalar.scalarLsh64(dst, <u32>src.umin);
      break;
    case Alu.Rsh:
      if (narrow) scalar.scalarRsh32(dst, src.umin32);
      else scalar.scalarRsh64(dst, <u32>src.umin);
      break;
    case Alu.Arsh:
      if (narrow) scalar.scalarArsh32(dst, src.umin32);
      else scalar.scalarArsh64(dst, <u32>src.umin);
      break;
  }
  return 0;
}

/** Before operands could be variable: a constant whose views agree, or any range that is not empty for the plain ones. */
function isFirm(op: u32, src: RegState, narrow: bool): bool {
  const known = narrow ? <u32>src.mask === 0 : src.mask === 0;
  if (narrow) {
    if (src.smin32 > src.smax32 || src.umin32 > src.umax32) return false;
    if (known && (src.smin32 !== src.smax32 || src.umin32 !== src.umax32)) return false;
  } else {
    if (src.smin > src.smax || src.umin > src.umax) return false;
    if (known && (src.smin !== src.smax || src.umin !== src.umax)) return false;
  }
  return known || op === Alu.Add || op === Alu.Sub || op === Alu.And;
}

/** The result's range in kernels that compute with constants only. */
function adjustByConstant(index: i32, op: u32, dst: RegState, src: RegState, narrow: bool): i32 {
  if (!isFirm(op, src, narrow)) {
    setUnknown(dst, !env.bpfCapable);
    return 0;
  }
  let error = hardenScalar(index, op);
  if (error !== 0) return error;
  if (isComputable(op, src, narrow)) error = compute(index, op, dst, src, narrow);
  else setUnknown(dst, !env.bpfCapable);
  if (error !== 0) return error;
  if (narrow) zeroExtend(dst);
  syncBounds(dst);
  return 0;
}

function adjustScalar(index: i32, op: u32, dst: RegState, src: RegState, narrow: bool): i32 {
  if (!env.has(Feature.VariableOperands)) return adjustByConstant(index, op, dst, src, narrow);
  if (!isComputable(op, src, narrow)) {
    setUnknown(dst, !env.bpfCapable);
    return 0;
  }
  let error = hardenScalar(index, op);
  if (error !== 0) return error;
  error = compute(index, op, dst, src, narrow);
  if (error !== 0) return error;
  if (narrow) zeroExtend(dst);
  syncBounds(dst);
  return 0;
}

/** dst += constant keeps the link to the other copies, at a distance; anything else ends it. */
function keepLink(index: i32, op: u32, dst: RegState, src: RegState, narrow: bool): void {
  const doubles = (env.insnCode(index) & Source.X) !== 0 && env.insnSrc(index) === env.insnDst(index);
  const links =
    env.has(Feature.WiderLinks) &&
    env.bpfCapable &&
    op === Alu.Add &&
    !narrow &&
    dst.id !== 0 &&
    src.isConst &&
    !doubles;
  if (!links || (dst.id & ADD_CONST) !== 0 || src.value > <u64>i32.MAX_VALUE) {
    clearScalarId(dst);
    return;
  }
  dst.id |= ADD_CONST;
  dst.off = <i32>src.value;
}

function adjustArena(index: i32, dst: RegState, src: RegState): void {
  if (dst.type !== Reg.Arena) copyReg(dst, src);
  dst.subregDef = index + 1;
}

/** Both operands are registers, and at least one may be a pointer. */
function adjustByRegister(index: i32, op: u32, dst: RegState, src: RegState, narrow: bool): i32 {
  const dstIndex = env.insnDst(index);
  if (src.type !== Reg.Scalar) {
    if (dst.type !== Reg.Scalar) {
      if (op === Alu.Sub && env.allowPtrLeaks) {
        setUnknown(dst, !env.bpfCapable);
        return 0;
      }
      say(M.POINTER_AND_POINTER, dstIndex, operatorName(op));
      return -Errno.EACCES;
    }
    const error = markPrecise(dstIndex);
    if (error !== 0) return error;
    const offset = scratchReg(OPERAND);
    copyReg(offset, dst);
    return adjustPointer(index, op, dst, src, offset);
  }
  if (dst.type !== Reg.Scalar) {
    const error = markPrecise(env.insnSrc(index));
    return error !== 0 ? error : adjustPointer(index, op, dst, dst, src);
  }
  if (dst.precise) {
    // The result must stay precise, so what it is made of must be.
    const error = markPrecise(env.insnSrc(index));
    if (error !== 0) return error;
  }
  const operand = scratchReg(OPERAND);
  copyReg(operand, src);
  const error = adjustScalar(index, op, dst, operand, narrow);
  if (error !== 0) return error;
  keepLink(index, op, dst, operand, narrow);
  return 0;
}

function adjust(index: i32, op: u32): i32 {
  const code = env.insnCode(index);
  const narrow = (code & Class.Mask) !== Class.Alu64;
  const dst = env.currentReg(env.insnDst(index));
  const fromRegister = (code & Source.X) !== 0;
  const src = env.currentReg(env.insnSrc(index));
  if (dst.type === Reg.Arena || (fromRegister && src.type === Reg.Arena)) {
    adjustArena(index, dst, src);
    return 0;
  }
  if (fromRegister) return adjustByRegister(index, op, dst, src, narrow);
  const operand = scratchReg(OPERAND);
  memory.fill(changetype<usize>(operand), 0, offsetof<RegState>());
  setConstScalar(operand, <u64>(<i64>env.insnImm(index)));
  if (dst.type !== Reg.Scalar) return adjustPointer(index, op, dst, dst, operand);
  const error = adjustScalar(index, op, dst, operand, narrow);
  if (error !== 0) return error;
  keepLink(index, op, dst, operand, narrow);
  return 0;
}

function checkBinary(index: i32, op: u32): i32 {
  let error = checkBinaryFields(index, op);
  if (error !== 0) return error;
  error = accessReg(env.insnDst(index), Access.WriteKeep);
  return error !== 0 ? error : adjust(index, op);
}

/** Verifies one ALU instruction. 0 or a negative errno. */
export function checkAlu(index: i32): i32 {
  const op = env.insnCode(index) & Alu.Mask;
  let error = 0;
  if (op === Alu.End || op === Alu.Neg) error = checkUnary(index, op);
  else if (op === Alu.Mov) error = checkMove(index);
  else if (op > <u32>Alu.End) {
    say(M.BAD_ALU, op);
    return -Errno.EINVAL;
  } else error = checkBinary(index, op);
  return error !== 0 ? error : checkInvariants(env.currentReg(env.insnDst(index)), 'alu');
}
