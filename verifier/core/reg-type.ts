/** Register types against what an argument demands. */
import { Errno } from '../../bpf/errno.ts';
import { Feature } from '../feature-abi.ts';
import { Accepts, CallFacts, Helper, HelperField } from '../helper-abi.ts';
import { Arg, Flag, Reg } from '../types.ts';
import { typeNameBytes } from './btf.ts';
import { structIdsMatch } from './btf-walk.ts';
import * as env from './env.ts';
import { callFact, helperRecord, helperWord } from './helper-table.ts';
import { checkKptrSource } from './kptr-arg.ts';
import { say, text } from './log.ts';
import * as M from './messages.ts';
import { typeName } from './names.ts';
import { RegState } from './reg.ts';
import { checkFixedOffset } from './region.ts';

const BASE_TYPES: u32 = 32;

function acceptedCount(kind: u32): u32 {
  if (kind >= BASE_TYPES) return 0;
  return load<u32>(<usize>callFact(CallFacts.Accepts) + kind * Accepts.Size);
}

function accepted(kind: u32, index: u32): u32 {
  return load<u32>(<usize>callFact(CallFacts.Accepts) + kind * Accepts.Size + Accepts.Types + index * 4);
}

/** The register's type without the flags that the argument is indifferent to. */
function comparedType(type: u32, argument: u32, helper: i32, register: u32): u32 {
  let compared = type;
  if ((argument & Flag.Rdonly) !== 0) compared &= ~Flag.Rdonly;
  if ((argument & Flag.MaybeNull) !== 0) compared &= ~Flag.MaybeNull;
  if ((argument & Reg.BaseMask) === Arg.Mem) compared &= ~Flag.DynptrMask;
  if (helper === Helper.KptrXchg && (compared & Flag.Alloc) !== 0 && register === 2) {
    compared &= ~(Flag.Alloc | Flag.Percpu);
  }
  return compared;
}

function refuse(register: u32, type: u32, kind: u32): i32 {
  say(M.TYPE_IS, register, typeName(type));
  say(M.TYPE_EXPECTED);
  const count = acceptedCount(kind);
  for (let i: u32 = 0; i < count; i++) {
    say(i + 1 < count ? '%z, ' : '%z\n', typeName(accepted(kind, i)));
  }
  return -Errno.EACCES;
}

function isMemoryKind(kind: u32): bool {
  return kind === Arg.Mem || kind === Arg.MapKey || kind === Arg.MapValue;
}

/** A pointer to a kernel object where memory is asked for: good for reading only. */
function checkBtfAsMemory(register: u32, type: u32, argument: u32, helper: i32): i32 {
  if ((argument & Flag.Rdonly) !== 0) return 0;
  const record = helperRecord(helper);
  say(M.MAY_WRITE, record !== 0 ? helperWord(record, HelperField.Name) : 0, register);
  say('%z\n', typeName(type));
  return -Errno.EACCES;
}

function checkStruct(register: u32, reg: RegState, argument: u32, btfId: u32, helper: i32): i32 {
  const release = (argument & Flag.Release) !== 0;
  if (reg.maybeNull && ((argument & Flag.MaybeNull) === 0 || release)) {
    say(M.HELPER_MAY_BE_NULL, register);
    return -Errno.EACCES;
  }
  if (helper === Helper.KptrXchg) return checkKptrSource(register);
  const id = btfId !== 0 ? btfId : callFact(CallFacts.SockCommonId);
  // bpf_sk_release takes every kind of socket by its common head.
  const strict = release && helper !== Helper.SkRelease;
  const flexible = (reg.type & Flag.Alloc) === 0;
  if (structIdsMatch(reg.word0, reg.word2, reg.off, env.vmlinuxBtf, id, strict, flexible)) return 0;
  const name = typeNameBytes(reg.word0, reg.word2);
  say(M.WRONG_STRUCT, register, <i64>name, <i64>typeNameBytes(env.vmlinuxBtf, id));
  return -Errno.EACCES;
}

function checkBtfType(register: u32, reg: RegState, argument: u32, btfId: u32, helper: i32): i32 {
  switch (reg.type) {
    case Reg.BtfId:
    case Reg.BtfId | Flag.Trusted:
    case Reg.BtfId | Flag.Trusted | Flag.MaybeNull:
    case Reg.BtfId | Flag.Rcu:
    case Reg.BtfId | Flag.MaybeNull:
    case Reg.BtfId | Flag.MaybeNull | Flag.Rcu:
      return checkStruct(register, reg, argument, btfId, helper);
    case Reg.BtfId | Flag.Alloc:
    case Reg.BtfId | Flag.Percpu | Flag.Alloc:
      if (helper === Helper.SpinLock || helper === Helper.SpinUnlock) return 0;
      if (helper === Helper.KptrXchg) return register === 2 ? checkKptrSource(register) : 0;
      say(M.BUG_ALLOC);
      return -Errno.EFAULT;
    case Reg.BtfId | Flag.Percpu:
    case Reg.BtfId | Flag.Percpu | Flag.Rcu:
    case Reg.BtfId | Flag.Percpu | Flag.Trusted:
      return 0;
    default:
      say(M.BUG_BTF_REGISTER);
      return -Errno.EFAULT;
  }
}

/** Whether the register's type fits the argument. `helper` is 0 for subprograms. 0 or a negative errno. */
export function checkRegType(register: u32, argument: u32, btfId: u32, helper: i32): i32 {
  const reg = env.currentReg(register);
  const kind = argument & Reg.BaseMask;
  const count = acceptedCount(kind);
  if (count === 0) {
    say(M.BUG_ARGUMENT, argument);
    return -Errno.EFAULT;
  }
  const type = comparedType(reg.type, argument, helper, register);
  let i: u32 = 0;
  while (i < count && accepted(kind, i) !== type) i++;
  if (i === count) return refuse(register, reg.type, kind);
  if ((reg.type & Reg.BaseMask) !== Reg.BtfId) return 0;
  if (isMemoryKind(kind)) return checkBtfAsMemory(register, reg.type, argument, helper);
  return checkBtfType(register, reg, argument, btfId, helper);
}

/** Types whose pointers may be passed with any offset. */
function takesAnyOffset(type: u32): bool {
  switch (type) {
    case Reg.Stack:
    case Reg.Packet:
    case Reg.PacketMeta:
    case Reg.MapKey:
    case Reg.MapValue:
    case Reg.Mem:
    case Reg.Mem | Flag.Rdonly:
    case Reg.Mem | Flag.Ringbuf:
    case Reg.Buf:
    case Reg.Buf | Flag.Rdonly:
    case Reg.Arena:
    case Reg.Scalar:
      return true;
    default:
      return false;
  }
}

function takesFixedOffset(type: u32): bool {
  switch (type) {
    case Reg.BtfId:
    case Reg.BtfId | Flag.Alloc:
    case Reg.BtfId | Flag.Trusted:
    case Reg.BtfId | Flag.Rcu:
    case Reg.BtfId | Flag.Alloc | Flag.NonOwnRef:
    case Reg.BtfId | Flag.Alloc | Flag.NonOwnRef | Flag.Rcu:
      return true;
    default:
      return false;
  }
}

/** The older rules: what is released may be offset where its type can be, but for reserved memory and objects. */
function checkPlainOffset(register: u32, reg: RegState, argument: u32): i32 {
  const kind = argument & Reg.BaseMask;
  if (reg.type === Reg.Stack && kind === Arg.Dynptr && reg.off % 8 !== 0) {
    say(M.OBJECT_OFFSET, text('dynptr'), reg.off);
    return -Errno.EINVAL;
  }
  if (takesAnyOffset(reg.type) && kind !== Arg.RingbufMem) return 0;
  if (reg.type === Reg.BtfId && (argument & Flag.Release) !== 0 && reg.off !== 0) {
    say(M.RELEASE_OFFSET, register);
    return -Errno.EINVAL;
  }
  return checkFixedOffset(reg, register, reg.type === Reg.BtfId);
}

/** Whether the pointer's offset is one that the argument can have. 0 or a negative errno. */
export function checkArgOffset(register: u32, argument: u32): i32 {
  const reg = env.currentReg(register);
  if (!env.has(Feature.TypedKfuncArgs)) return checkPlainOffset(register, reg, argument);
  if ((argument & Flag.Release) !== 0) {
    if ((argument & Reg.BaseMask) === Arg.Dynptr && reg.type === Reg.Stack) return 0;
    if (reg.off !== 0) {
      say(M.RELEASE_OFFSET, register);
      return -Errno.EINVAL;
    }
    return checkFixedOffset(reg, register, false);
  }
  return takesAnyOffset(reg.type) ? 0 : checkFixedOffset(reg, register, takesFixedOffset(reg.type));
}
