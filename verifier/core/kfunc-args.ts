/** Arguments of kfunc calls: whether each register is what the parameter wants. */
import { Errno } from '../../bpf/errno.ts';
import { Feature } from '../feature-abi.ts';
import { ArgKind, ArgMark, KfuncArg, KfuncFacts, KfuncField, KfuncFlag, Special } from '../kfunc-abi.ts';
import { Arg, DynptrKind, Flag, Reg } from '../types.ts';
import { checkDynptrArg, dynptrFlag, dynptrOf, isCountedDynptr } from './dynptr.ts';
import { isReg } from './each-reg.ts';
import * as env from './env.ts';
import { checkGraphNode, checkGraphRoot, checkRefcounted } from './graph.ts';
import { checkSharedMemory, checkSharedSizedMemory, isNullValue } from './helper-mem.ts';
import { checkIterArg } from './iter.ts';
import { argHas, argWord, call, callHas, callName, callWord, kfuncFact, wantsTrusted } from './kfunc-call.ts';
import { checkMapArg, checkStringArg, checkWorkqueueArg } from './kfunc-map.ts';
import { checkStructArg } from './kfunc-struct.ts';
import { structOfBase, Wanted, wantedBy } from './kfunc-type.ts';
import { say } from './log.ts';
import * as M from './messages.ts';
import { typeName } from './names.ts';
import { checkPlainPointer } from './plain-kfunc-args.ts';
import { markPrecise } from './precision.ts';
import { RegState } from './reg.ts';
import { checkArgOffset } from './reg-type.ts';
import { hasUnsafeFlags, isTrusted } from './trust.ts';

/** Arguments that fit in registers. */
const MAX_ARGS: u32 = 5;

/* Numbers. */

function takeConstant(register: u32, precise: bool): i32 {
  const reg = env.currentReg(register);
  if (call.hasConstant) {
    say(M.KFUNC_ONE_CONSTANT);
    return -Errno.EFAULT;
  }
  if (reg.mask !== 0) {
    say(M.KFUNC_KNOWN_CONSTANT, register);
    return -Errno.EINVAL;
  }
  if (precise) {
    const error = markPrecise(register);
    if (error !== 0) return error;
  }
  call.hasConstant = true;
  call.constant = env.currentReg(register).value;
  return 0;
}

/** The number says how much memory is returned. */
function takeResultSize(register: u32): i32 {
  const reg = env.currentReg(register);
  if (call.resultSize !== 0) {
    say(M.KFUNC_TWO_BUF_SIZES);
    return -Errno.EINVAL;
  }
  if (reg.mask !== 0) {
    say(M.KFUNC_NOT_CONST, register);
    return -Errno.EINVAL;
  }
  call.resultSize = reg.value;
  if (reg.value > <u64>u32.MAX_VALUE) {
    say(M.KFUNC_BUF_SIZE, register);
    return -Errno.EINVAL;
  }
  return markPrecise(register);
}

function checkScalar(index: u32): i32 {
  const register = index + 1;
  if (env.currentReg(register).type !== Reg.Scalar) {
    say(M.KFUNC_NOT_SCALAR, register);
    return -Errno.EINVAL;
  }
  if (argHas(index, ArgMark.Constant) && env.has(Feature.TypedKfuncArgs)) return takeConstant(register, true);
  if (!argHas(index, ArgMark.RdonlyBufSize | ArgMark.RdwrBufSize)) return 0;
  if (argHas(index, ArgMark.RdonlyBufSize)) call.readOnlyResult = true;
  return takeResultSize(register);
}

/* Pointers: what holds for all of them. */

function noteReference(register: u32, refId: u32): i32 {
  if (refId === 0) return 0;
  if (callHas(KfuncFlag.Release) && call.refId !== 0) {
    say(M.KFUNC_TWO_REFS, register, refId, call.refId);
    return -Errno.EFAULT;
  }
  call.refId = refId;
  if (callHas(KfuncFlag.Release)) call.released = register;
  return 0;
}

function checkNull(index: u32, reg: RegState): i32 {
  const strict = wantsTrusted() || callHas(KfuncFlag.Rcu);
  const maybeNull = isNullValue(reg) || (reg.type & Flag.MaybeNull) !== 0;
  if (!strict || !maybeNull || argHas(index, ArgMark.Nullable)) return 0;
  say(M.KFUNC_MAYBE_NULL, index);
  return -Errno.EACCES;
}

function checkTrust(register: u32, reg: RegState, wanted: i32): i32 {
  if (wanted !== Wanted.Map && wanted !== Wanted.Allocated && wanted !== Wanted.BtfId) return 0;
  const rcu = callHas(KfuncFlag.Rcu);
  if ((!wantsTrusted() && !rcu) || isTrusted(reg)) return 0;
  if (rcu && (reg.type & Flag.Rcu) !== 0) return 0;
  say(rcu ? M.KFUNC_NOT_RCU : M.KFUNC_UNTRUSTED, register);
  return -Errno.EINVAL;
}

/* Pointers: one kind after the other. */

function checkCtx(index: u32, reg: RegState): i32 {
  if (reg.type !== Reg.Ctx) {
    say(M.KFUNC_NOT_CTX, index, typeName(reg.type));
    return -Errno.EINVAL;
  }
  const missing = kfuncFact(KfuncFacts.KernCtxId) === 0;
  return call.special === Special.CastToKernCtx && missing ? -Errno.EINVAL : 0;
}

function checkAllocated(index: u32, reg: RegState): i32 {
  const owned = <u32>Reg.BtfId | <u32>Flag.Alloc;
  const percpu = reg.type === (owned | <u32>Flag.Percpu);
  if (reg.type !== owned && !percpu) {
    say(M.KFUNC_NOT_ALLOCATED, index);
    return -Errno.EINVAL;
  }
  if (call.special !== (percpu ? Special.PercpuObjDrop : Special.ObjDrop)) {
    say(percpu ? M.KFUNC_FOR_PERCPU_DROP : M.KFUNC_FOR_DROP, index);
    return -Errno.EINVAL;
  }
  if (reg.refId === 0) {
    say(M.KFUNC_UNREFERENCED);
    return -Errno.EINVAL;
  }
  call.argBtf = reg.word0;
  call.argBtfId = reg.word2;
  return 0;
}

/** Flag of the dynptr that the call makes; negative errno when a clone's original is not known. */
function madeKind(type: u32): i32 {
  if (call.special === Special.DynptrFromSkb) return Flag.DynptrSkb;
  if (call.special === Special.DynptrFromXdp) return Flag.DynptrXdp;
  if (call.special !== Special.DynptrClone || (type & Flag.Uninit) === 0) return 0;
  if (call.dynptrKind === DynptrKind.Invalid) {
    say(M.BUG_CLONE_KIND);
    return -Errno.EFAULT;
  }
  if (isCountedDynptr(call.dynptrKind) && call.dynptrRefId === 0) {
    say(M.BUG_CLONE_REF);
    return -Errno.EFAULT;
  }
  return dynptrFlag(call.dynptrKind);
}

function checkDynptr(index: u32, reg: RegState, insn: i32): i32 {
  const register = index + 1;
  let type: u32 = Arg.Dynptr;
  if (reg.type === Reg.ConstDynptr) type |= Flag.Rdonly;
  if (argHas(index, ArgMark.Uninit)) type |= Flag.Uninit;
  const made = madeKind(type);
  if (made < 0) return made;
  const clone = call.special === Special.DynptrClone && (type & Flag.Uninit) !== 0;
  const error = checkDynptrArg(register, insn, type | <u32>made, clone ? call.dynptrRefId : 0);
  if (error !== 0 || (type & Flag.Uninit) !== 0) return error;
  const dynptr = dynptrOf(reg);
  if (!isReg(dynptr)) {
    say(M.BUG_DYNPTR_ID);
    return -Errno.EINVAL;
  }
  call.dynptrId = dynptr.id;
  call.dynptrKind = dynptr.word0;
  call.dynptrRefId = dynptr.refId;
  return 0;
}

function checkStruct(index: u32, reg: RegState, wanted: i32): i32 {
  const base = reg.type & Reg.BaseMask;
  const unsafe = hasUnsafeFlags(reg.type) && (reg.type & Flag.Rcu) === 0;
  if ((base !== Reg.BtfId || unsafe) && structOfBase(base) === 0) {
    const kept = <u32>Reg.BaseMask | <u32>Flag.Alloc | <u32>Flag.Trusted | <u32>Flag.NonOwnRef;
    say(M.KFUNC_ARG_IS, index, typeName(reg.type));
    say(M.KFUNC_ARG_EXPECTED, typeName(reg.type & kept));
    return -Errno.EINVAL;
  }
  return checkStructArg(index, reg, wanted === Wanted.Map);
}

function checkMemoryArg(index: u32): i32 {
  const size = <i32>argWord(index, KfuncArg.RefSize);
  if (size < 0) {
    const kind = <i64>argWord(index, KfuncArg.RefKindName);
    say(M.KFUNC_NO_SIZE, index, kind, <i64>argWord(index, KfuncArg.RefName), -Errno.EINVAL);
    return -Errno.EINVAL;
  }
  return checkSharedMemory(index + 1, size);
}

function checkSized(index: u32, reg: RegState): i32 {
  const sizeRegister = index + 2;
  if (!isNullValue(reg) || !argHas(index, ArgMark.Optional)) {
    const error = checkSharedSizedMemory(sizeRegister);
    if (error !== 0) {
      say(M.KFUNC_PAIR, index, index + 1);
      return error;
    }
  }
  return argHas(index + 1, ArgMark.ConstSize) ? takeConstant(sizeRegister, false) : 0;
}

function checkCallback(index: u32, reg: RegState): i32 {
  if (reg.type !== Reg.Func) {
    say(M.KFUNC_NOT_FUNC, index);
    return -Errno.EINVAL;
  }
  call.callback = reg.word0;
  return 0;
}

function checkWanted(index: u32, reg: RegState, wanted: i32, insn: i32): i32 {
  switch (wanted) {
    case Wanted.Ctx:
      return checkCtx(index, reg);
    case Wanted.Allocated:
      return checkAllocated(index, reg);
    case Wanted.Dynptr:
      return checkDynptr(index, reg, insn);
    case Wanted.Iter:
      return checkIterArg(index, insn);
    case Wanted.ListHead:
    case Wanted.RbRoot:
      return checkGraphRoot(index, wanted === Wanted.ListHead);
    case Wanted.ListNode:
    case Wanted.RbNode:
      return checkGraphNode(index, wanted === Wanted.ListNode);
    case Wanted.Map:
    case Wanted.BtfId:
      return checkStruct(index, reg, wanted);
    case Wanted.Memory:
      return checkMemoryArg(index);
    case Wanted.SizedMemory:
      return checkSized(index, reg);
    case Wanted.Callback:
      return checkCallback(index, reg);
    case Wanted.Refcounted:
      return checkRefcounted(index);
    case Wanted.String:
      return checkStringArg(index);
    default:
      return checkWorkqueueArg(index);
  }
}

/** A pointer. 1 when the next argument belongs to it; 0; or a negative errno. */
function checkPointer(index: u32, insn: i32): i32 {
  const register = index + 1;
  const reg = env.currentReg(register);
  let error = checkNull(index, reg);
  if (error === 0) error = noteReference(register, reg.refId);
  if (error !== 0) return error;
  const wanted = wantedBy(index);
  if (wanted < 0 || wanted === Wanted.Null) return wanted < 0 ? wanted : 0;
  if (wanted === Wanted.Map) error = checkMapArg(register);
  if (error === 0) error = checkTrust(register, reg, wanted);
  const releases = callHas(KfuncFlag.Release) && reg.refId !== 0;
  if (error === 0) error = checkArgOffset(register, releases ? Flag.Release : 0);
  if (error === 0) error = checkWanted(index, reg, wanted, insn);
  if (error !== 0) return error;
  return wanted === Wanted.SizedMemory ? 1 : 0;
}

/** Checks the registers of the call at an instruction. 0 or a negative errno. */
export function checkKfuncArgs(insn: i32): i32 {
  const count = callWord(KfuncField.ArgCount);
  if (count > MAX_ARGS) {
    say(M.KFUNC_ARG_COUNT, callName(), count, MAX_ARGS);
    return -Errno.EINVAL;
  }
  for (let i: u32 = 0; i < count; i++) {
    if (argHas(i, ArgMark.Ignored) && env.has(Feature.TypedKfuncArgs)) continue;
    const kind = argWord(i, KfuncArg.Kind);
    let outcome = 0;
    if (kind === ArgKind.Scalar) {
      outcome = checkScalar(i);
    } else if (kind === ArgKind.Pointer) {
      outcome = env.has(Feature.TypedKfuncArgs) ? checkPointer(i, insn) : checkPlainPointer(i);
    } else {
      say(M.KFUNC_ARG_TYPE, i, <i64>argWord(i, KfuncArg.KindName));
      return -Errno.EINVAL;
    }
    if (outcome < 0) return outcome;
    if (outcome === 1) i++;
  }
  if (!callHas(KfuncFlag.Release) || call.released !== 0) return 0;
  say(M.KFUNC_NO_RELEASE, callName());
  return -Errno.EINVAL;
}
