/** What a kfunc call leaves in r0. */

import { BtfKind } from '../../bpf/btf-kind.ts';
import { Errno } from '../../bpf/errno.ts';
import { PacketUse, Request } from '../abi.ts';
import { Feature } from '../feature-abi.ts';
import { KfuncFacts, KfuncField, KfuncFlag, RetKind, Special } from '../kfunc-abi.ts';
import { Flag, Reg } from '../types.ts';
import {
  arrayCount,
  arrayElement,
  isEnumAt,
  isStructAt,
  kindAt,
  memberType,
  sizeAt,
  skipModifiers,
  typeAt,
  vlenAt,
} from './btf.ts';
import { dynptrFlag } from './dynptr.ts';
import * as env from './env.ts';
import { setGraphNode, setNonOwning } from './graph.ts';
import { iterIn } from './iter.ts';
import { call, callHas, callName, callWord, kfuncFact } from './kfunc-call.ts';
import { say } from './log.ts';
import * as M from './messages.ts';
import { pointsToSpinLock, structRecord } from './record.ts';
import { acquireReference } from './refs.ts';
import { LIVE_WRITTEN, NO_SUBREG_DEF, RegState, setKnownZero, setUnknown } from './reg.ts';

/** Largest object per CPU, in bytes. */
const MAX_PERCPU_BYTES: u32 = 512;
/** Structs inside structs that an object per CPU may have. */
const MAX_NESTING: u32 = 4;

function refuse(message: string): i32 {
  say(message);
  return -Errno.EINVAL;
}

function setStruct(reg: RegState, flags: u32, btf: u32, id: u32): void {
  setKnownZero(reg);
  reg.type = <u32>Reg.BtfId | flags;
  reg.word0 = btf;
  reg.word2 = id;
}

/* Objects of the program's own types. */

function isScalarAt(type: usize): bool {
  return kindAt(type) === BtfKind.Int || isEnumAt(type);
}

function isScalarMember(btf: u32, id: u32, depth: u32): bool {
  const type = typeAt(btf, skipModifiers(btf, id));
  if (isStructAt(type)) {
    if (depth < MAX_NESTING) return isScalarStruct(btf, type, depth + 1);
    say(M.KFUNC_TOO_DEEP);
    return false;
  }
  if (kindAt(type) !== BtfKind.Array) return isScalarAt(type);
  return arrayCount(type) !== 0 && isScalarAt(typeAt(btf, skipModifiers(btf, arrayElement(type))));
}

function isScalarStruct(btf: u32, type: usize, depth: u32): bool {
  for (let i: u32 = 0; i < vlenAt(type); i++) {
    if (!isScalarMember(btf, memberType(type, i), depth)) return false;
  }
  return true;
}

function checkPercpuType(btf: u32, id: u32, type: usize): i32 {
  if (sizeAt(type) > MAX_PERCPU_BYTES) {
    say(M.KFUNC_PERCPU_SIZE, sizeAt(type), MAX_PERCPU_BYTES);
    return -Errno.EINVAL;
  }
  if (!isScalarStruct(btf, type, 1)) return refuse(M.KFUNC_PERCPU_SCALARS);
  return structRecord(btf, id) !== 0 ? refuse(M.KFUNC_PERCPU_FIELDS) : 0;
}

function returnNewObject(reg: RegState, insn: i32): i32 {
  if (call.constant > <u64>u32.MAX_VALUE) return refuse(M.KFUNC_LOCAL_TYPE);
  const btf = env.requestWord(Request.ProgBtf);
  if (btf === 0) return refuse(M.KFUNC_NEEDS_BTF);
  const id = <u32>call.constant;
  const type = typeAt(btf, id);
  if (kindAt(type) !== BtfKind.Struct) return refuse(M.KFUNC_NOT_STRUCT);
  const percpu = call.special === Special.PercpuObjNew;
  const error = percpu ? checkPercpuType(btf, id, type) : 0;
  if (error !== 0) return error;
  setStruct(reg, <u32>Flag.Alloc | (percpu ? <u32>Flag.Percpu : 0), btf, id);
  env.aux(insn).objectSize = sizeAt(type);
  env.aux(insn).objectType = id;
  return 0;
}

/* Results that depend on the call. */

function returnCast(reg: RegState): i32 {
  const btf = callWord(KfuncField.Btf);
  const id: u32 = call.constant > <u64>u32.MAX_VALUE ? 0 : <u32>call.constant;
  const type = typeAt(btf, id);
  if (!isStructAt(type)) return refuse(M.KFUNC_CAST_STRUCT);
  setStruct(reg, Flag.Untrusted, btf, id);
  return 0;
}

function returnSlice(reg: RegState): i32 {
  setKnownZero(reg);
  if (!call.hasConstant) {
    say(M.BUG_SLICE_SIZE);
    return -Errno.EFAULT;
  }
  reg.type = <u32>Reg.Mem | dynptrFlag(call.dynptrKind);
  reg.word0 = <u32>call.constant;
  if (call.special === Special.DynptrSlice) {
    reg.type |= Flag.Rdonly;
  } else if ((env.requestWord(Request.PacketUse) & PacketUse.Write) === 0) {
    return refuse(M.KFUNC_NO_PACKET_WRITE);
  }
  if (call.dynptrId === 0) {
    say(M.BUG_SLICE_ID);
    return -Errno.EFAULT;
  }
  reg.word1 = call.dynptrId;
  return 0;
}

function returnDynamic(reg: RegState, insn: i32): i32 {
  switch (call.special) {
    case Special.ObjNew:
    case Special.PercpuObjNew:
      return returnNewObject(reg, insn);
    case Special.RefcountAcquire:
      setStruct(reg, Flag.Alloc, call.argBtf, call.argBtfId);
      return 0;
    case Special.ListPopFront:
    case Special.ListPopBack:
      setGraphNode(reg, call.listHead);
      return 0;
    case Special.RbtreeRemove:
    case Special.RbtreeFirst:
      setGraphNode(reg, call.rbRoot);
      return 0;
    case Special.CastToKernCtx:
      setStruct(reg, Flag.Trusted, callWord(KfuncField.Btf), kfuncFact(KfuncFacts.KernCtxId));
      return 0;
    case Special.RdonlyCast:
      return returnCast(reg);
    case Special.DynptrSlice:
    case Special.DynptrSliceRdwr:
      return returnSlice(reg);
    default:
      say(M.KFUNC_UNHANDLED, callName());
      return -Errno.EFAULT;
  }
}

/* Plain results. */

function returnMemory(reg: RegState): i32 {
  if (call.resultSize === 0 && env.has(Feature.TypedKfuncArgs)) {
    call.resultSize = callWord(KfuncField.RetSize);
    call.readOnlyResult = true;
  }
  if (call.resultSize === 0) {
    const kind = <i64>callWord(KfuncField.RetKindName);
    say(M.KFUNC_RETURNS, callName(), kind, <i64>callWord(KfuncField.RetName));
    return -Errno.EINVAL;
  }
  setKnownZero(reg);
  reg.type = <u32>Reg.Mem | (call.readOnlyResult ? <u32>Flag.Rdonly : 0);
  reg.word0 = <u32>call.resultSize;
  if (call.refId !== 0) reg.refId = call.refId;
  return 0;
}

function returnStruct(reg: RegState): i32 {
  let flags: u32 = 0;
  if (callHas(KfuncFlag.IterNext)) {
    flags = (iterIn(env.state).type & Flag.Rcu) !== 0 ? <u32>Flag.Rcu : <u32>Flag.Trusted;
  }
  setStruct(reg, flags, callWord(KfuncField.Btf), callWord(KfuncField.RetId));
  return 0;
}

function mayReturnNull(): bool {
  if (call.special === Special.RefcountAcquire && call.ownsArg) return false;
  return callHas(KfuncFlag.RetNull);
}

function returnPointer(kind: u32, insn: i32): i32 {
  const reg = env.currentReg(0);
  let error = 0;
  if (callWord(KfuncField.Dynamic) !== 0) error = returnDynamic(reg, insn);
  else if (kind === RetKind.VoidPointer) setUnknown(reg, !env.bpfCapable);
  else error = kind === RetKind.Struct ? returnStruct(reg) : returnMemory(reg);
  if (error !== 0) return error;
  const nullable = mayReturnNull();
  if (nullable) {
    reg.type |= Flag.MaybeNull;
    reg.id = env.newId();
  }
  reg.live |= LIVE_WRITTEN;
  reg.subregDef = NO_SUBREG_DEF;
  if (callHas(KfuncFlag.Acquire)) {
    const id = acquireReference(insn);
    if (nullable || !env.has(Feature.TypedKfuncArgs)) reg.id = id;
    reg.refId = id;
  } else if (call.special === Special.RbtreeFirst) {
    setNonOwning(reg);
  }
  if (pointsToSpinLock(reg) && reg.id === 0) reg.id = env.newId();
  return 0;
}

function acquiresNothing(kind: u32): bool {
  if (!callHas(KfuncFlag.Acquire) || kind === RetKind.Struct) return false;
  const special = call.special;
  return (
    special !== Special.ObjNew && special !== Special.PercpuObjNew && special !== Special.RefcountAcquire
  );
}

/** Sets r0 to what the call at an instruction returns. 0 or a negative errno. */
export function setKfuncResult(insn: i32): i32 {
  const kind = callWord(KfuncField.RetKind);
  if (acquiresNothing(kind)) return refuse(M.KFUNC_ACQUIRES);
  if (kind === RetKind.Void || kind === RetKind.Other) return 0;
  if (kind !== RetKind.Scalar) return returnPointer(kind, insn);
  const reg = env.currentReg(0);
  setUnknown(reg, !env.bpfCapable);
  reg.live |= LIVE_WRITTEN;
  reg.subregDef = callWord(KfuncField.RetSize) === 8 ? NO_SUBREG_DEF : insn + 1;
  return 0;
}
