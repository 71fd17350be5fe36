/** Calls of helpers. */
import { Errno } from '../../bpf/errno.ts';
import { MapField, Request } from '../abi.ts';
import { Feature } from '../feature-abi.ts';
import { CallFacts, Helper, HelperArg, HelperField, HelperFlag, HelperState, MapFit } from '../helper-abi.ts';
import { Arg, DynptrKind, Flag, ProgFlag, Reg } from '../types.ts';
import { checkAccess } from './access.ts';
import { isStructAt, typeAt } from './btf.ts';
import { meta, metaReset } from './call-meta.ts';
import { Callback, loopGoesOn, pushCallback } from './callback.ts';
import { dynptrOf, releaseDynptr } from './dynptr.ts';
import * as env from './env.ts';
import { checkSnprintf } from './format.ts';
import { checkHelperArg } from './helper-args.ts';
import { isNullValue } from './helper-mem.ts';
import { setHelperResult, setOwnPercpu } from './helper-ret.ts';
import { callFact, helperArg, helperHas, helperRecord, helperWord } from './helper-table.ts';
import { releaseSwapped } from './kptr-arg.ts';
import { clobberCallerSaved } from './ld.ts';
import { say } from './log.ts';
import { mapWord } from './map-value.ts';
import * as M from './messages.ts';
import { typeName } from './names.ts';
import { markPrecise } from './precision.ts';
import { checkReferenceLeak, invalidatePacketPointers, releaseReference } from './refs.ts';
import { NO_SUBREG_DEF, RegState } from './reg.ts';

export const HELPER_SPIN_UNLOCK: i32 = Helper.SpinUnlock;

const ARGUMENTS: u32 = 5;
/** BPF_F_RDONLY_PROG */
const RDONLY_PROG: u32 = 128;
const PROG_ARRAY: u32 = 3;
const MAP_TYPES: u32 = 64;
/** InsnAux.mapKey of tail calls: not seen, paths disagree, else the index plus 1. */
const KEY_UNSEEN: u64 = 0;
const KEY_POISON: u64 = u64.MAX_VALUE;

/** The program, or the callback being verified, may sleep. */
export function mayContextSleep(): bool {
  return (env.progFlags & ProgFlag.Sleepable) !== 0 || env.state.sleepable;
}

function refuse(message: string, errno: i32): i32 {
  say(message);
  return -errno;
}

function refuseNamed(message: string, record: usize): i32 {
  say(message, <i64>helperWord(record, HelperField.Name), helperWord(record, HelperField.Id));
  return -Errno.EINVAL;
}

/* Whether the call is possible at all. */

function isStorageGet(helper: i32): bool {
  switch (helper) {
    case Helper.SkStorageGet:
    case Helper.InodeStorageGet:
    case Helper.TaskStorageGet:
    case Helper.CgrpStorageGet:
      return true;
    default:
      return false;
  }
}

/** Where nothing may sleep, local storage is allocated without waiting. */
function checkSection(record: usize, index: i32, message: string): i32 {
  if (helperHas(record, HelperFlag.MightSleep)) return refuseNamed(message, record);
  if (mayContextSleep() && isStorageGet(env.insnImm(index))) {
    env.auxSet(index, env.AuxFlag.StorageGetAtomic);
  }
  return 0;
}

function checkAvailable(record: usize, index: i32): i32 {
  const state = helperWord(record, HelperField.State);
  if (state === HelperState.Unknown) {
    say(M.UNKNOWN_HELPER, <i64>helperWord(record, HelperField.Name), env.insnImm(index));
    return -Errno.EINVAL;
  }
  if (state === HelperState.Refused) {
    return refuseNamed(env.has(Feature.NamedMessages) ? M.HELPER_REFUSED : M.HELPER_REFUSED_PLAIN, record);
  }
  if (env.requestWord(Request.Gpl) === 0 && helperHas(record, HelperFlag.GplOnly)) {
    return refuse(M.HELPER_GPL, Errno.EINVAL);
  }
  if (helperHas(record, HelperFlag.NotAllowed)) return refuse(M.HELPER_NOT_ALLOWED, Errno.EINVAL);
  if (!mayContextSleep() && helperHas(record, HelperFlag.MightSleep)) {
    return refuse(M.HELPER_SLEEPS, Errno.EINVAL);
  }
  let error = 0;
  if (env.state.rcuLocked) error = checkSection(record, index, M.HELPER_SLEEPS_RCU);
  if (error === 0 && env.state.preemptDepth !== 0) {
    error = checkSection(record, index, M.HELPER_SLEEPS_PREEMPT);
  }
  return error;
}

/* What the later passes need to know of the map. */

function remembersMap(helper: i32): bool {
  switch (helper) {
    case Helper.TailCall:
    case Helper.MapLookup:
    case Helper.MapUpdate:
    case Helper.MapDelete:
    case Helper.MapPush:
    case Helper.MapPop:
    case Helper.MapPeek:
    case Helper.ForEachMapElem:
    case Helper.RedirectMap:
    case Helper.MapLookupPercpu:
      return true;
    default:
      return false;
  }
}

function changesMap(helper: i32): bool {
  switch (helper) {
    case Helper.MapUpdate:
    case Helper.MapDelete:
    case Helper.MapPush:
    case Helper.MapPop:
      return true;
    default:
      return false;
  }
}

function rememberMap(index: i32): i32 {
  if (!remembersMap(meta.helper)) return 0;
  if (meta.map === 0) return refuse(M.BUG_MISCONFIGURED, Errno.EINVAL);
  const readOnly = (mapWord(meta.map, MapField.Flags) & RDONLY_PROG) !== 0;
  if (readOnly && changesMap(meta.helper)) return refuse(M.MAP_WRITE_BARRED, Errno.EACCES);
  const record = env.aux(index);
  if (record.mapPtr === 0) {
    record.mapPtr = meta.map;
    if (!env.bypassSpecV1) env.auxSet(index, env.AuxFlag.MapUnpriv);
  } else if (record.mapPtr !== meta.map) {
    record.mapPtr = meta.map;
    env.auxSet(index, env.AuxFlag.MapPoisoned);
  }
  return 0;
}

/** Tail calls with a constant index are made directly: the index matters. */
function rememberIndex(index: i32): i32 {
  if (meta.helper !== Helper.TailCall) return 0;
  if (meta.map === 0 || mapWord(meta.map, MapField.Type) !== PROG_ARRAY) {
    return refuse(M.BUG_MISCONFIGURED, Errno.EINVAL);
  }
  const record = env.aux(index);
  const reg = env.currentReg(3);
  const isKnown = reg.type === Reg.Scalar && reg.mask === 0;
  if (!isKnown || reg.value >= mapWord(meta.map, MapField.MaxEntries)) {
    record.mapKey = KEY_POISON;
    return 0;
  }
  const error = markPrecise(3);
  if (error !== 0) return error;
  if (record.mapKey === KEY_UNSEEN) record.mapKey = reg.value + 1;
  else if (record.mapKey !== reg.value + 1) record.mapKey = KEY_POISON;
  return 0;
}

/** Memory that the helper fills: it is written as by stores of single bytes. */
function writeRaw(index: i32): i32 {
  for (let i: u32 = 0; i < meta.writtenBytes; i++) {
    const error = checkAccess(index, meta.writtenRegister, i, 1, true, -1, false, false);
    if (error !== 0) return error;
  }
  return 0;
}

function release(record: usize): i32 {
  const register = meta.released;
  if (register === 0) return 0;
  const reg = env.currentReg(register);
  let error = -Errno.EINVAL;
  const kind = helperArg(record, register - 1, HelperArg.Type) & Reg.BaseMask;
  if (kind === Arg.Dynptr) error = releaseDynptr(reg);
  else if (meta.helper === Helper.KptrXchg && meta.refId !== 0) error = releaseSwapped(meta.refId);
  else if (meta.refId !== 0) error = releaseReference(meta.refId);
  else if (isNullValue(reg)) error = 0;
  if (error !== 0) {
    say(M.NOT_ACQUIRED, <i64>helperWord(record, HelperField.Name), meta.helper);
  }
  return error;
}

/* Helpers with rules of their own. */

function checkTailCall(): i32 {
  const state = env.state;
  if (state.lockObject !== 0) return refuse(M.TAIL_CALL_LOCK, Errno.EINVAL);
  const error = checkReferenceLeak(false);
  if (error !== 0) {
    say(M.TAIL_CALL_LEAK);
    return error;
  }
  if (state.rcuLocked) return refuse(M.TAIL_CALL_RCU, Errno.EINVAL);
  return state.preemptDepth !== 0 ? refuse(M.TAIL_CALL_PREEMPT, Errno.EINVAL) : 0;
}

function checkLoop(index: i32): i32 {
  noteInlining(index);
  if (!env.has(Feature.RepeatedCallbacks)) return pushCallback(index, meta.callee, Callback.Loop, false);
  // How often the callback runs decides whether the loop is over.
  const error = markPrecise(1);
  if (error !== 0) return error;
  return loopGoesOn() ? pushCallback(index, meta.callee, Callback.Loop, false) : 0;
}

function isFlagsZero(): bool {
  if (!isNullValue(env.currentReg(4))) return false;
  markPrecise(4);
  return true;
}

const INLINE_SEEN: u32 = 1;
const INLINE_FITS: u32 = 2;

/** bpf_loop is inlined where its flags are always 0 and its callback always the same. */
function noteInlining(index: i32): void {
  const record = env.aux(index);
  if ((record.loopInline & INLINE_SEEN) === 0) {
    record.loopInline = isFlagsZero() ? INLINE_SEEN | INLINE_FITS : INLINE_SEEN;
    record.loopCallback = meta.callee;
  } else if ((record.loopInline & INLINE_FITS) !== 0) {
    const fits = isFlagsZero() && record.loopCallback === meta.callee;
    if (!fits) record.loopInline = INLINE_SEEN;
  }
}

function checkLocalStorage(): i32 {
  if (!isNullValue(env.currentReg(2))) return refuse(M.STORAGE_FLAGS, Errno.EINVAL);
  return env.has(Feature.TrackedSpills) ? markPrecise(2) : 0;
}

function checkDynptrFromMem(): i32 {
  const reg = env.currentReg(1);
  if (reg.type === Reg.MapValue) return 0;
  say(M.DYNPTR_FROM, typeName(reg.type));
  return -Errno.EACCES;
}

/** Register of the call's dynptr argument. */
function dynptrArgument(record: usize): RegState {
  let register: u32 = 1;
  for (let i: u32 = 0; i < ARGUMENTS; i++) {
    if ((helperArg(record, i, HelperArg.Type) & Reg.BaseMask) === Arg.Dynptr) register = i + 1;
  }
  return dynptrOf(env.currentReg(register));
}

function checkDynptrData(record: usize): i32 {
  const dynptr = dynptrArgument(record);
  if (changetype<usize>(dynptr) === 0) return env.has(Feature.GuardedDynptrs) ? -Errno.EFAULT : 0;
  meta.dynptrId = env.has(Feature.GuardedDynptrs) ? dynptr.id : 0;
  meta.refId = dynptr.refId;
  return 0;
}

/** Whether the call writes through a dynptr into a packet, which may move it. */
function writesPacket(record: usize): bool {
  if (meta.helper !== Helper.DynptrWrite) return false;
  const dynptr = dynptrArgument(record);
  return changetype<usize>(dynptr) !== 0 && dynptr.word0 === DynptrKind.Skb;
}

function checkPercpuArg(): i32 {
  const reg = env.currentReg(1);
  if ((reg.type & Flag.Rcu) === 0) return 0;
  const type = typeAt(reg.word0, reg.word2);
  if (type === 0 || !isStructAt(type)) return refuse(M.PERCPU_NOT_STRUCT, Errno.EFAULT);
  setOwnPercpu(true);
  env.auxSet(env.insnIndex, env.AuxFlag.PercpuAlloc);
  return 0;
}

function checkSpecial(record: usize, index: i32): i32 {
  switch (meta.helper) {
    case Helper.TailCall:
      return checkTailCall();
    case Helper.GetLocalStorage:
      return checkLocalStorage();
    case Helper.ForEachMapElem:
      return pushCallback(index, meta.callee, Callback.MapElement, false);
    case Helper.TimerSetCallback:
      return pushCallback(index, meta.callee, Callback.Timer, false);
    case Helper.FindVma:
      return pushCallback(index, meta.callee, Callback.FindVma, false);
    case Helper.UserRingbufDrain:
      return pushCallback(index, meta.callee, Callback.UserRingbuf, false);
    case Helper.Loop:
      return checkLoop(index);
    case Helper.Snprintf:
      return checkSnprintf();
    case Helper.DynptrFromMem:
      return checkDynptrFromMem();
    case Helper.DynptrData:
      return checkDynptrData(record);
    case Helper.SetRetval:
      return callFact(CallFacts.VoidCgroupHook) !== 0 ? refuse(M.VOID_HOOK_RETVAL, Errno.EINVAL) : 0;
    case Helper.PerCpuPtr:
    case Helper.ThisCpuPtr:
      return checkPercpuArg();
    default:
      return 0;
  }
}

/* After the result. */

function checkMapFit(record: usize): i32 {
  if (meta.map === 0) return 0;
  const type = mapWord(meta.map, MapField.Type);
  const fits = <usize>helperWord(record, HelperField.MapFits);
  const fit: u32 = type < MAP_TYPES ? load<u8>(fits + type) : MapFit.Mismatch;
  if (fit === MapFit.Fits) return 0;
  if (fit === MapFit.SockmapContext) say(M.SOCKMAP_CONTEXT);
  say(M.MAP_MISMATCH, type, <i64>helperWord(record, HelperField.Name), meta.helper);
  return -Errno.EINVAL;
}

function checkFuncIp(record: usize): i32 {
  if (meta.helper !== Helper.GetFuncIp) return 0;
  const kind = callFact(CallFacts.FuncIp);
  if (kind === 1) return 0;
  const name = <i64>helperWord(record, HelperField.Name);
  if (kind === 2) say(M.FUNC_IP_ATTACH, name, meta.helper);
  else say(M.FUNC_IP_TYPE, name, meta.helper, env.requestWord(Request.ResolvedType));
  return -Errno.ENOTSUPP;
}

function checkArguments(record: usize): i32 {
  metaReset();
  meta.helper = helperWord(record, HelperField.Id);
  meta.packet = helperHas(record, HelperFlag.Packet);
  setOwnPercpu(false);
  for (let i: u32 = 0; i < ARGUMENTS; i++) {
    const error = checkHelperArg(record, i);
    if (error !== 0) return error;
  }
  return 0;
}

/** Verifies a call of a helper. 0 or a negative errno. */
export function checkHelperCall(index: i32): i32 {
  const record = helperRecord(env.insnImm(index));
  if (record === 0) return -Errno.EFAULT;
  let error = checkAvailable(record, index);
  if (error === 0) error = checkArguments(record);
  if (error === 0) error = rememberMap(index);
  if (error === 0) error = rememberIndex(index);
  if (error === 0) error = writeRaw(index);
  if (error === 0) error = release(record);
  const frame = env.state.current;
  if (error === 0) error = checkSpecial(record, index);
  if (error !== 0) return error;
  const movesPacket = helperHas(record, HelperFlag.ChangesPacket) || writesPacket(record);
  // A callback that was entered does not change what the call is to its caller.
  const entered = env.state.current !== frame;
  if (entered) env.state.current--;
  error = finishCall(record, index, movesPacket);
  if (entered) env.state.current++;
  return error;
}

/** What the call leaves behind. */
function finishCall(record: usize, index: i32, movesPacket: bool): i32 {
  clobberCallerSaved();
  const result = env.currentReg(0);
  result.subregDef = NO_SUBREG_DEF;
  let error = setHelperResult(record, index);
  if (error === 0) error = checkMapFit(record);
  if (error === 0) error = checkFuncIp(record);
  if (error === 0 && movesPacket) invalidatePacketPointers();
  return error;
}
