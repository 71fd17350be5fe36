/** What kind of argument a kfunc's parameter asks for, by its type, its name, and (last) the register given. */
import { Errno } from '../../bpf/errno.ts';
import { ArgMark, KfuncArg, KfuncFacts, KfuncField, Special } from '../kfunc-abi.ts';
import { Reg } from '../types.ts';
import * as env from './env.ts';
import { isNullValue } from './helper-mem.ts';
import { argHas, argWord, call, callName, callWord, isSizeArg, kfuncFact } from './kfunc-call.ts';
import { say, text } from './log.ts';
import * as M from './messages.ts';
import { RegState } from './reg.ts';

export const enum Wanted {
  Ctx = 0,
  Allocated = 1,
  Refcounted = 2,
  Dynptr = 3,
  Iter = 4,
  ListHead = 5,
  ListNode = 6,
  BtfId = 7,
  Memory = 8,
  /** Memory whose size is the next argument. */
  SizedMemory = 9,
  Callback = 10,
  RbRoot = 11,
  RbNode = 12,
  Null = 13,
  String = 14,
  Map = 15,
  Workqueue = 16,
}

/** Struct of the kernel that a register type stands for, 0 for none. */
export function structOfBase(base: u32): u32 {
  switch (base) {
    case Reg.Socket:
      return kfuncFact(KfuncFacts.SockId);
    case Reg.SockCommon:
      return kfuncFact(KfuncFacts.SockCommonId);
    case Reg.TcpSock:
      return kfuncFact(KfuncFacts.TcpSockId);
    case Reg.MapPtr:
      return kfuncFact(KfuncFacts.MapId);
    default:
      return 0;
  }
}

/** Kinds that the parameter alone decides, -1 for none of them. */
function byParameter(index: u32, reg: RegState): i32 {
  const marks = argWord(index, KfuncArg.Marks);
  if (call.special === Special.CastToKernCtx || (marks & ArgMark.Ctx) !== 0) return Wanted.Ctx;
  if ((marks & ArgMark.Nullable) !== 0 && isNullValue(reg)) return Wanted.Null;
  if ((marks & ArgMark.Allocated) !== 0) return Wanted.Allocated;
  if ((marks & ArgMark.Refcounted) !== 0) return Wanted.Refcounted;
  if ((marks & ArgMark.Dynptr) !== 0) return Wanted.Dynptr;
  if ((marks & ArgMark.Iter) !== 0) return Wanted.Iter;
  if ((marks & ArgMark.ListHead) !== 0) return Wanted.ListHead;
  if ((marks & ArgMark.ListNode) !== 0) return Wanted.ListNode;
  if ((marks & ArgMark.RbRoot) !== 0) return Wanted.RbRoot;
  if ((marks & ArgMark.RbNode) !== 0) return Wanted.RbNode;
  if ((marks & ArgMark.String) !== 0) return Wanted.String;
  if ((marks & ArgMark.Map) !== 0) return Wanted.Map;
  return (marks & ArgMark.Workqueue) !== 0 ? Wanted.Workqueue : -1;
}

function memory(index: u32): i32 {
  const next = index + 1;
  const sized =
    next < callWord(KfuncField.ArgCount) &&
    argWord(next, KfuncArg.Kind) === 0 &&
    env.currentReg(next + 1).type === Reg.Scalar &&
    isSizeArg(next);
  const plain = argHas(index, ArgMark.ToScalar | ArgMark.ToScalarStruct);
  if (!plain && !(sized && argHas(index, ArgMark.ToVoid))) {
    if (argHas(index, ArgMark.TooDeep)) say(M.KFUNC_TOO_DEEP);
    const also = text(sized ? 'void, ' : '');
    say(M.KFUNC_POINTEE, index, <i64>argWord(index, KfuncArg.RefKindName), refName(index), also);
    return -Errno.EINVAL;
  }
  return sized ? Wanted.SizedMemory : Wanted.Memory;
}

function refName(index: u32): i64 {
  return <i64>argWord(index, KfuncArg.RefName);
}

/** What the pointer parameter `index` wants (`Wanted`), or -EINVAL for one that no program can give. */
export function wantedBy(index: u32): i32 {
  const reg = env.currentReg(index + 1);
  const fixed = byParameter(index, reg);
  if (fixed >= 0) return fixed;
  const base = reg.type & Reg.BaseMask;
  if (base === Reg.BtfId || structOfBase(base) !== 0) {
    if (argHas(index, ArgMark.ToStruct)) return Wanted.BtfId;
    const kind = <i64>argWord(index, KfuncArg.RefKindName);
    say(M.KFUNC_POINTER_TYPE, callName(), index, kind, refName(index));
    return -Errno.EINVAL;
  }
  return argHas(index, ArgMark.Callback) ? <i32>Wanted.Callback : memory(index);
}
