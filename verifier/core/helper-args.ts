/** The arguments of a helper call, one after the other, as its prototype demands them. */
import { Errno } from '../../bpf/errno.ts';
import { MapField, PacketUse, Request } from '../abi.ts';
import { Feature } from '../feature-abi.ts';
import { CallFacts, Helper, HelperArg } from '../helper-abi.ts';
import { Arg, Flag, Reg } from '../types.ts';
import { checkAlignment } from './alignment.ts';
import { isSecretPointer } from './alu.ts';
import { meta } from './call-meta.ts';
import { inLockedCallback } from './callback.ts';
import { checkDynptrArg } from './dynptr.ts';
import * as env from './env.ts';
import { checkConstString } from './format.ts';
import { checkMemory, checkSizedMemory, isNullValue } from './helper-mem.ts';
import { callFact, helperArg } from './helper-table.ts';
import { checkKptrDestination } from './kptr-arg.ts';
import { Access, accessReg } from './liveness.ts';
import { checkSpinLock, checkTimer } from './lock.ts';
import { say } from './log.ts';
import { mapWord } from './map-value.ts';
import * as M from './messages.ts';
import { markPrecise } from './precision.ts';
import { RegState } from './reg.ts';
import { checkArgOffset, checkRegType } from './reg-type.ts';
import { objectSlot, plainSlot } from './stack-object.ts';

/** BPF_MAP_TYPE_* whose values are passed in another way. */
const SOCKMAP: u32 = 15;
const SOCKHASH: u32 = 18;
const BLOOM_FILTER: u32 = 30;
const DYNPTR_SLOTS: i32 = 2;

function isPacket(type: u32): bool {
  const base = type & Reg.BaseMask;
  return base === Reg.Packet || base === Reg.PacketMeta;
}

function mayTakePacket(): bool {
  if ((env.requestWord(Request.PacketUse) & PacketUse.Read) === 0) return false;
  return meta.packet || callFact(CallFacts.AnyPacket) !== 0;
}

/** What a map value argument is for the call's map; 0 after an error was reported. */
function resolveMapValue(type: u32): u32 {
  if (meta.map === 0) {
    say(M.NO_MAP_FOR_TYPE);
    return 0;
  }
  const mapType = mapWord(meta.map, MapField.Type);
  if (mapType === SOCKMAP || mapType === SOCKHASH) {
    if (type === Arg.MapValue) return Arg.BtfIdSockCommon;
    say(M.SOCKMAP_ARGUMENT);
    return 0;
  }
  return mapType === BLOOM_FILTER && meta.helper === Helper.MapPeek ? Arg.MapValue : type;
}

/* What is released, and what reference an argument carries. */

function checkReleasedDynptr(register: u32, reg: RegState): i32 {
  if (!env.has(Feature.GuardedDynptrs)) return checkReleasedPlain(register, reg);
  if (reg.type !== Reg.Stack) {
    say(M.RELEASE_CONST_DYNPTR);
    return -Errno.EINVAL;
  }
  const slot = objectSlot(reg, 'dynptr', DYNPTR_SLOTS);
  if (slot >= 0 && env.state.frame(reg.frame).spilled(slot).refId !== 0) return 0;
  say(M.RELEASE_NOT_ACQUIRED, register);
  return -Errno.EINVAL;
}

/** Where dynptrs are told by their place alone. */
function checkReleasedPlain(register: u32, reg: RegState): i32 {
  const slot = plainSlot(reg);
  if (slot >= 0 && env.state.frame(reg.frame).spilled(slot).refId !== 0) return 0;
  say(M.RELEASE_NOT_ACQUIRED, register);
  return -Errno.EINVAL;
}

function noteReleased(register: u32, reg: RegState, type: u32): i32 {
  if ((type & Flag.Release) === 0) return 0;
  if ((type & Reg.BaseMask) === Arg.Dynptr) {
    const error = checkReleasedDynptr(register, reg);
    if (error !== 0) return error;
  } else if (reg.refId === 0 && !isNullValue(reg)) {
    say(M.RELEASE_UNREFERENCED, register);
    return -Errno.EINVAL;
  }
  meta.released = register;
  return 0;
}

function noteReference(register: u32, reg: RegState, type: u32): i32 {
  if (reg.refId === 0 || (type & Reg.BaseMask) === Arg.KptrXchgDest) return 0;
  if (meta.refId !== 0) {
    say(M.BUG_TWO_REFERENCES, register, reg.refId, meta.refId);
    return -Errno.EFAULT;
  }
  meta.refId = reg.refId;
  return 0;
}

/* The kinds of arguments. */

function checkMapArg(reg: RegState): i32 {
  const mismatch = meta.map !== 0 && (meta.map !== reg.word0 || meta.mapUid !== reg.word2);
  if (mismatch) {
    say(M.MAP_UID_MISMATCH, meta.mapUid, reg.word2);
    return -Errno.EINVAL;
  }
  meta.map = reg.word0;
  meta.mapUid = reg.word2;
  return 0;
}

function checkKey(register: u32): i32 {
  if (meta.map === 0) {
    say(M.NO_MAP_FOR_KEY);
    return -Errno.EACCES;
  }
  return checkMemory(register, mapWord(meta.map, MapField.KeySize), false, false, false);
}

function checkValue(register: u32, reg: RegState, type: u32): i32 {
  if ((type & Flag.MaybeNull) !== 0 && isNullValue(reg)) return 0;
  if (meta.map === 0) {
    say(M.NO_MAP_FOR_VALUE);
    return -Errno.EACCES;
  }
  meta.raw = (type & Flag.Uninit) !== 0;
  const size = mapWord(meta.map, MapField.ValueSize);
  return checkMemory(register, size, (type & Flag.Write) !== 0, false, meta.raw);
}

function checkPercpu(register: u32, reg: RegState): i32 {
  if (reg.word2 === 0) {
    say(M.BAD_PERCPU_ID, register);
    return -Errno.EACCES;
  }
  meta.retBtf = reg.word0;
  meta.retBtfId = reg.word2;
  return 0;
}

function checkLock(register: u32): i32 {
  if (inLockedCallback()) {
    say(M.LOCK_IN_RBTREE_CALLBACK);
    return -Errno.EACCES;
  }
  return checkSpinLock(register, meta.helper === Helper.SpinLock);
}

/** Memory of fixed size is checked here; other memory with its size, which is the next argument. */
function checkMemoryArg(register: u32, reg: RegState, type: u32, bytes: u32): i32 {
  meta.raw = (type & Flag.Uninit) !== 0;
  if ((type & Flag.FixedSize) === 0) return 0;
  const error = checkMemory(register, bytes, (type & Flag.Write) !== 0, false, meta.raw);
  if (error !== 0 || (type & Flag.Aligned) === 0) return error;
  return checkAlignment(reg, 0, bytes, true);
}

function checkAllocSize(register: u32, reg: RegState): i32 {
  if (reg.mask !== 0) {
    say(M.NOT_CONSTANT, register);
    return -Errno.EACCES;
  }
  meta.memSize = <u32>reg.value;
  return markPrecise(register);
}

/** Errors of fields of map values had one number. */
function plainErrno(error: i32): i32 {
  return error !== 0 && !env.has(Feature.SpecificErrnos) ? -Errno.EACCES : error;
}

function checkByKind(record: usize, argument: u32, type: u32): i32 {
  const register = argument + 1;
  const reg = env.currentReg(register);
  switch (type & Reg.BaseMask) {
    case Arg.MapPtr:
      return checkMapArg(reg);
    case Arg.MapKey:
      return checkKey(register);
    case Arg.MapValue:
      return checkValue(register, reg, type);
    case Arg.PercpuBtfId:
      return checkPercpu(register, reg);
    case Arg.SpinLock:
      return plainErrno(checkLock(register));
    case Arg.Timer:
      return plainErrno(checkTimer(register));
    case Arg.Func:
      meta.callee = reg.word0;
      return 0;
    case Arg.Mem:
      return checkMemoryArg(register, reg, type, helperArg(record, argument, HelperArg.Bytes));
    case Arg.ConstSize:
    case Arg.ConstSizeOrZero: {
      const write = (helperArg(record, argument - 1, HelperArg.Type) & Flag.Write) !== 0;
      return checkSizedMemory(register, write, (type & Reg.BaseMask) === Arg.ConstSizeOrZero, meta.raw);
    }
    case Arg.Dynptr:
      return checkDynptrArg(register, env.insnIndex, type, 0);
    case Arg.ConstAllocSizeOrZero:
      return checkAllocSize(register, reg);
    case Arg.ConstStr:
      return checkConstString(register);
    case Arg.KptrXchgDest:
      return plainErrno(checkKptrDestination(register));
    default:
      return 0;
  }
}

/** Struct that is demanded of the argument; only some kinds name one. */
function structOf(record: usize, argument: u32, type: u32): u32 {
  const kind = type & Reg.BaseMask;
  return kind === Arg.BtfId || kind === Arg.SpinLock ? helperArg(record, argument, HelperArg.BtfId) : 0;
}

/** Checks argument 0..4 of a helper call. 0 or a negative errno. */
export function checkHelperArg(record: usize, argument: u32): i32 {
  let type = helperArg(record, argument, HelperArg.Type);
  if (type === Arg.DontCare) return 0;
  const register = argument + 1;
  const reg = env.currentReg(register);
  let error = accessReg(register, Access.Read);
  if (error !== 0) return error;
  if (type === Arg.Anything) {
    if (!isSecretPointer(reg)) return 0;
    say(M.HELPER_LEAK, register);
    return -Errno.EACCES;
  }
  if (isPacket(reg.type) && !mayTakePacket()) {
    say(M.HELPER_PACKET);
    return -Errno.EACCES;
  }
  if ((type & Reg.BaseMask) === Arg.MapValue) {
    type = resolveMapValue(type);
    if (type === 0) return meta.map === 0 ? -Errno.EACCES : -Errno.EINVAL;
  }
  if (isNullValue(reg) && (type & Flag.MaybeNull) !== 0) {
    error = markPrecise(register);
  } else {
    error = checkRegType(register, type, structOf(record, argument, type), meta.helper);
    if (error === 0) error = checkArgOffset(register, type);
  }
  if (error === 0) error = noteReleased(register, reg, type);
  if (error === 0) error = noteReference(register, reg, type);
  return error !== 0 ? error : checkByKind(record, argument, type);
}
