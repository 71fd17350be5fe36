/** Memory that calls read or write through a pointer: of known size, or of a size in the next register. */
import { Errno } from '../../bpf/errno.ts';
import { MapField, Request } from '../abi.ts';
import { Flag, Reg, VerifierLimit } from '../types.ts';
import { checkAccess } from './access.ts';
import { checkBtfAccess } from './btf-walk.ts';
import { meta } from './call-meta.ts';
import * as env from './env.ts';
import { say } from './log.ts';
import { checkMapPermission, checkMapValue, mapWord } from './map-value.ts';
import * as M from './messages.ts';
import { typeName } from './names.ts';
import { markNotNull } from './nullness.ts';
import { markPrecise } from './precision.ts';
import { copyReg, RegState, scratchReg } from './reg.ts';
import { checkBuffer, checkPacket, checkRegion } from './region.ts';
import { checkStackRange, rawRange } from './stack-range.ts';

/** Scratch register for a pointer that is taken as non-null for a moment. */
const SAVED: u32 = 6;

/** The constant 0, which stands for a null pointer. */
export function isNullValue(reg: RegState): bool {
  return reg.type === Reg.Scalar && reg.mask === 0 && reg.value === 0;
}

function refuseWrite(register: u32, reg: RegState): i32 {
  say(M.CANNOT_WRITE, register, typeName(reg.type));
  return -Errno.EACCES;
}

function refuseType(register: u32, reg: RegState): i32 {
  say(M.TYPE_IS, register, typeName(reg.type));
  say(M.TYPE_EXPECTED);
  say('%z\n', typeName(Reg.Stack));
  return -Errno.EACCES;
}

/** A context that is not rewritten is plain memory, whose last byte must be accessible. */
function checkContext(register: u32, size: i32, write: bool, zeroAllowed: bool): i32 {
  if (size === 0) return zeroAllowed ? 0 : -Errno.EACCES;
  return checkAccess(env.insnIndex, register, size - 1, 1, write, -1, false, false);
}

function checkStackMemory(register: u32, size: i32, zeroAllowed: bool, raw: bool): i32 {
  const error = checkStackRange(register, size, zeroAllowed, raw);
  if (error === 0 && rawRange) {
    meta.writtenRegister = register;
    meta.writtenBytes = size;
  }
  return error;
}

/** Whether a call may access `size` bytes through the register. `raw`: it writes them without reading. */
export function checkMemory(register: u32, size: i32, write: bool, zeroAllowed: bool, raw: bool): i32 {
  const reg = env.currentReg(register);
  const readOnly = (reg.type & Flag.Rdonly) !== 0;
  switch (reg.type & Reg.BaseMask) {
    case Reg.Packet:
    case Reg.PacketMeta:
      return checkPacket(register, reg.off, size, zeroAllowed);
    case Reg.MapKey:
      if (write) return refuseWrite(register, reg);
      return checkRegion(register, reg.off, size, mapWord(reg.word0, MapField.KeySize), false);
    case Reg.MapValue: {
      const error = checkMapPermission(register, reg.off, size, write);
      return error !== 0 ? error : checkMapValue(register, reg.off, size, zeroAllowed, false);
    }
    case Reg.Mem:
      if (readOnly && write) return refuseWrite(register, reg);
      return checkRegion(register, reg.off, size, reg.word0, zeroAllowed);
    case Reg.Buf:
      if (readOnly && write) return refuseWrite(register, reg);
      return checkBuffer(register, reg.off, size);
    case Reg.Stack:
      return checkStackMemory(register, size, zeroAllowed, raw);
    case Reg.BtfId:
      return checkBtfAccess(register, reg.off, size, false, -1);
    case Reg.Ctx:
      if (env.requestWord(Request.ConvertsCtx) === 0) {
        return checkContext(register, size, write, zeroAllowed);
      }
      return refuseType(register, reg);
    default:
      return zeroAllowed && size === 0 && isNullValue(reg) ? 0 : refuseType(register, reg);
  }
}

/**
 * A size in `register`, of memory that the register before points to. A size that is not known takes the memory
 * as read, since the call may fill only a part of it.
 */
export function checkSizedMemory(register: u32, write: bool, zeroAllowed: bool, raw: bool): i32 {
  const reg = env.currentReg(register);
  meta.sizeMax = reg.umax;
  if (reg.smin < 0) {
    say(M.SIZE_NEGATIVE, register);
    return -Errno.EACCES;
  }
  if (reg.umin === 0 && !zeroAllowed) {
    say(M.SIZE_ZERO, register, reg.umin, reg.umax);
    return -Errno.EACCES;
  }
  if (reg.umax >= <u64>VerifierLimit.PointerOffset) {
    say(M.SIZE_UNBOUNDED, register);
    return -Errno.EACCES;
  }
  const error = checkMemory(register - 1, <i32>reg.umax, write, zeroAllowed, raw && reg.mask === 0);
  return error !== 0 ? error : markPrecise(register);
}

/** Memory that a function without rules of its own may read and write; null pointers pass. */
export function checkSharedMemory(register: u32, size: u32): i32 {
  const reg = env.currentReg(register);
  if (isNullValue(reg)) return 0;
  const saved = scratchReg(SAVED);
  const nullable = reg.maybeNull;
  if (nullable) {
    copyReg(saved, reg);
    markNotNull(reg);
  }
  let error = checkMemory(register, size, false, true, false);
  if (error === 0) error = checkMemory(register, size, true, true, false);
  if (nullable) copyReg(reg, saved);
  return error;
}

/** The same for memory whose size is in `register`; the pointer is in the register before. */
export function checkSharedSizedMemory(register: u32): i32 {
  const pointer = env.currentReg(register - 1);
  const saved = scratchReg(SAVED);
  const nullable = pointer.maybeNull;
  if (nullable) {
    copyReg(saved, pointer);
    markNotNull(pointer);
  }
  let error = checkSizedMemory(register, false, true, false);
  if (error === 0) error = checkSizedMemory(register, true, true, false);
  if (nullable) copyReg(pointer, saved);
  return error;
}
