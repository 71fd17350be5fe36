/** Load, store and atomic instructions. */

import { Errno } from '../../bpf/errno.ts';
import { Atomic, Mode, Size } from '../../bpf/isa.ts';
import { Feature } from '../feature-abi.ts';
import { Reg } from '../types.ts';
import { checkAccess } from './access.ts';
import { checkInvariants, isSecretPointer } from './alu.ts';
import * as env from './env.ts';
import { Access, accessReg } from './liveness.ts';
import { say, text } from './log.ts';
import * as M from './messages.ts';
import { typeName } from './names.ts';

/** Bytes of the instruction's access. */
export function accessSize(index: i32): u32 {
  switch (env.insnCode(index) & Size.Mask) {
    case Size.B:
      return 1;
    case Size.H:
      return 2;
    case Size.W:
      return 4;
    default:
      return 8;
  }
}

/** Types whose accesses are rewritten: one instruction cannot serve two of them. */
function isRewritten(type: u32): bool {
  switch (type & Reg.BaseMask) {
    case Reg.Ctx:
    case Reg.Socket:
    case Reg.SockCommon:
    case Reg.TcpSock:
    case Reg.XdpSock:
    case Reg.BtfId:
    case Reg.Arena:
      return true;
    default:
      return false;
  }
}

/** Remembers the pointer's type at the instruction; paths must agree where it matters. 0 or -EINVAL. */
function agreeOnType(index: i32, type: u32, trustMayDiffer: bool): i32 {
  const record = env.aux(index);
  const before = record.ptrType;
  record.pointers |= 1 << (type & Reg.BaseMask);
  if (before === Reg.NotInit) {
    record.ptrType = type;
    return 0;
  }
  if (before === type || (!isRewritten(type) && !isRewritten(before))) return 0;
  const bothBtf = (type & Reg.BaseMask) === Reg.BtfId && (before & Reg.BaseMask) === Reg.BtfId;
  if (trustMayDiffer && bothBtf) {
    // Either way the load must not fault: the untrusted reading serves both.
    record.ptrType = Reg.BtfId | UNTRUSTED;
    return 0;
  }
  say(M.DIFFERENT_POINTERS);
  return -Errno.EINVAL;
}

const UNTRUSTED: u32 = 0x4000;

export function checkLoad(index: i32): i32 {
  const src = env.insnSrc(index);
  const dst = env.insnDst(index);
  const signed = (env.insnCode(index) & Mode.Mask) === Mode.Memsx;
  let error = accessReg(src, Access.Read);
  if (error === 0) error = accessReg(dst, Access.WriteKeep);
  if (error !== 0) return error;
  const type = env.currentReg(src).type;
  error = checkAccess(index, src, env.insnOff(index), accessSize(index), false, dst, false, signed);
  if (error === 0) error = agreeOnType(index, type, true);
  return error !== 0 ? error : checkInvariants(env.currentReg(dst), 'ldx');
}

export function checkStore(index: i32): i32 {
  const src = env.insnSrc(index);
  const dst = env.insnDst(index);
  let error = accessReg(src, Access.Read);
  if (error === 0) error = accessReg(dst, Access.Read);
  if (error !== 0) return error;
  const type = env.currentReg(dst).type;
  error = checkAccess(index, dst, env.insnOff(index), accessSize(index), true, src, false, false);
  return error !== 0 ? error : agreeOnType(index, type, false);
}

/** Where the context takes no immediates, no rewriting makes paths differ. */
function storePlainImm(index: i32, dst: u32, type: u32): i32 {
  if (type === Reg.Ctx) {
    say(M.ST_TARGET, dst, typeName(type));
    return -Errno.EACCES;
  }
  return checkAccess(index, dst, env.insnOff(index), accessSize(index), true, -1, false, false);
}

export function checkStoreImm(index: i32): i32 {
  const dst = env.insnDst(index);
  let error = accessReg(dst, Access.Read);
  if (error !== 0) return error;
  const type = env.currentReg(dst).type;
  if (!env.has(Feature.CtxImmediates)) return storePlainImm(index, dst, type);
  error = checkAccess(index, dst, env.insnOff(index), accessSize(index), true, -1, false, false);
  return error !== 0 ? error : agreeOnType(index, type, false);
}

function isAtomicOp(imm: i32): bool {
  const plain = imm & ~Atomic.Fetch;
  if (imm === Atomic.Xchg || imm === Atomic.Cmpxchg) return true;
  return plain === Atomic.Add || plain === Atomic.And || plain === Atomic.Or || plain === Atomic.Xor;
}

function refuseLeak(register: u32): i32 {
  say(M.LEAKS_ADDRESS, register, text('mem'));
  return -Errno.EACCES;
}

/** Memory that cannot be changed in place: it is not where it seems to be. */
function isAtomicTarget(type: u32): bool {
  switch (type & Reg.BaseMask) {
    case Reg.Ctx:
    case Reg.Packet:
    case Reg.PacketMeta:
    case Reg.FlowKeys:
    case Reg.Socket:
    case Reg.SockCommon:
    case Reg.TcpSock:
    case Reg.XdpSock:
      return false;
    default:
      return true;
  }
}

function checkAtomicOperands(index: i32): i32 {
  const src = env.insnSrc(index);
  const dst = env.insnDst(index);
  let error = accessReg(src, Access.Read);
  if (error === 0) error = accessReg(dst, Access.Read);
  if (error !== 0) return error;
  if (env.insnImm(index) === Atomic.Cmpxchg) {
    error = accessReg(0, Access.Read);
    if (error !== 0) return error;
    if (isSecretPointer(env.currentReg(0))) return refuseLeak(0);
  }
  if (isSecretPointer(env.currentReg(src))) return refuseLeak(src);
  const type = env.currentReg(dst).type;
  if (isAtomicTarget(type)) return 0;
  say(M.ATOMIC_TARGET, dst, typeName(type));
  return -Errno.EACCES;
}

export function checkAtomic(index: i32): i32 {
  const imm = env.insnImm(index);
  if (!isAtomicOp(imm)) {
    say(M.BAD_ATOMIC, (<u32>imm >> 4) & 15, imm & 15);
    return -Errno.EINVAL;
  }
  const bytes = accessSize(index);
  if (bytes < 4) {
    say(M.ATOMIC_SIZE);
    return -Errno.EINVAL;
  }
  let error = checkAtomicOperands(index);
  if (error !== 0) return error;
  const dst = env.insnDst(index);
  const off = env.insnOff(index);
  let loaded = -1;
  if ((imm & Atomic.Fetch) !== 0) {
    loaded = imm === Atomic.Cmpxchg ? 0 : env.insnSrc(index);
    error = accessReg(loaded, Access.Write);
    if (error !== 0) return error;
  }
  // The old value is read, then (where it is fetched) loaded into a register, then the new one written.
  error = checkAccess(index, dst, off, bytes, false, -1, true, false);
  if (error === 0 && loaded >= 0) error = checkAccess(index, dst, off, bytes, false, loaded, true, false);
  if (error === 0) error = agreeOnType(index, env.currentReg(dst).type, false);
  return error !== 0 ? error : checkAccess(index, dst, off, bytes, true, -1, true, false);
}
