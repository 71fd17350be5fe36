/** Callbacks: functions of the program that the kernel calls, during a call or later. */
import { Errno } from '../../bpf/errno.ts';
import { CallKind } from '../../bpf/isa.ts';
import { MapField, MapOp, Request } from '../abi.ts';
import { Feature } from '../feature-abi.ts';
import { CallFacts, Helper } from '../helper-abi.ts';
import { DynptrKind, Flag, Reg } from '../types.ts';
import { checkSubprogArgs, enterFrame, goToCallee } from './call.ts';
import { setDynptr } from './dynptr.ts';
import * as env from './env.ts';
import { initFrame } from './function.ts';
import { setGraphCallbackArgs } from './graph-callback.ts';
import { callFact } from './helper-table.ts';
import { isRbtreeKfunc, runsCallbackLater, runsCallbackNow } from './kfunc-table.ts';
import { say } from './log.ts';
import { mapWord } from './map-value.ts';
import * as M from './messages.ts';
import { pushBranch, pushed, pushRoot } from './pending.ts';
import { copyReg, RegState, setKnown, setNotInit } from './reg.ts';
import { FuncState, newFrame, newState } from './state.ts';
import { isGlobalSubprog, SubprogFlag, subprog, subprogSet } from './subprog.ts';

/** Which call runs the callback: what arguments it gets. */
export const enum Callback {
  MapElement = 0,
  Loop = 1,
  Timer = 2,
  FindVma = 3,
  UserRingbuf = 4,
  RbtreeLess = 5,
}

/** Whether the call runs a callback before it returns. */
export function callsSyncCallback(index: i32): bool {
  if (env.isCall(index, CallKind.Kfunc)) return runsCallbackNow(index);
  if (!env.isCall(index, CallKind.Helper)) return false;
  switch (env.insnImm(index)) {
    case Helper.ForEachMapElem:
    case Helper.FindVma:
    case Helper.Loop:
    case Helper.UserRingbufDrain:
      return true;
    default:
      return false;
  }
}

/** Whether the call arranges for a callback to run later. */
export function callsAsyncCallback(index: i32): bool {
  if (env.isCall(index, CallKind.Kfunc)) return runsCallbackLater(index);
  return env.isCall(index, CallKind.Helper) && env.insnImm(index) === Helper.TimerSetCallback;
}

/** Whether a comparison callback of a tree is being verified, which runs under the tree's lock. */
export function inLockedCallback(): bool {
  for (let i = env.state.current; i > 0; i--) {
    const func = env.state.frame(i);
    if (func.inCallback && isRbtreeKfunc(func.callsite)) return true;
  }
  return false;
}

/* Arguments, by the kind of callback. */

function setNotInits(callee: FuncState, from: u32): void {
  for (let i = from; i <= 5; i++) setNotInit(callee.reg(i), !env.bpfCapable);
}

/** A pointer to the map itself, to a key or to a value of it. */
function setMapPointer(reg: RegState, type: u32, from: RegState): void {
  setKnown(reg, 0);
  reg.type = type;
  reg.word0 = from.word0;
  reg.word2 = from.word2;
}

function setMapElement(caller: FuncState, callee: FuncState, insn: i32): i32 {
  const map = env.aux(insn).mapPtr;
  if (!env.has(Feature.RepeatedCallbacks) && env.auxHas(insn, env.AuxFlag.MapPoisoned)) {
    say(M.TAIL_CALL_MAP);
    return -Errno.EINVAL;
  }
  const ops = load<u8>(<usize>env.requestWord(Request.MapOps) + mapWord(map, MapField.Type));
  if ((ops & MapOp.ForEach) === 0) {
    say(M.CALLBACK_MAP);
    return -Errno.ENOTSUPP;
  }
  copyReg(callee.reg(1), caller.reg(1));
  setMapPointer(callee.reg(2), Reg.MapKey, caller.reg(1));
  setMapPointer(callee.reg(3), Reg.MapValue, caller.reg(1));
  copyReg(callee.reg(4), caller.reg(3));
  setNotInits(callee, 5);
  return 0;
}

function setTimer(caller: FuncState, callee: FuncState): i32 {
  setMapPointer(callee.reg(1), Reg.MapPtr, caller.reg(1));
  setMapPointer(callee.reg(2), Reg.MapKey, caller.reg(1));
  setMapPointer(callee.reg(3), Reg.MapValue, caller.reg(1));
  setNotInits(callee, 4);
  return 0;
}

function setLoop(caller: FuncState, callee: FuncState): i32 {
  callee.reg(1).type = Reg.Scalar;
  copyReg(callee.reg(2), caller.reg(3));
  setNotInits(callee, 3);
  return 0;
}

function setFindVma(caller: FuncState, callee: FuncState): i32 {
  copyReg(callee.reg(1), caller.reg(1));
  const vma = callee.reg(2);
  setKnown(vma, 0);
  vma.type = Reg.BtfId;
  vma.word0 = env.vmlinuxBtf;
  vma.word2 = callFact(CallFacts.VmaId);
  copyReg(callee.reg(3), caller.reg(4));
  setNotInits(callee, 4);
  return 0;
}

function setUserRingbuf(caller: FuncState, callee: FuncState): i32 {
  setNotInit(callee.reg(0), !env.bpfCapable);
  const dynptr = callee.reg(1);
  setKnown(dynptr, 0);
  if (env.has(Feature.GuardedDynptrs)) setDynptr(dynptr, DynptrKind.Local, true, env.newId());
  else dynptr.type = Reg.ConstDynptr | Flag.DynptrLocal;
  copyReg(callee.reg(2), caller.reg(3));
  setNotInits(callee, 3);
  return 0;
}

function setArguments(kind: Callback, caller: FuncState, callee: FuncState, insn: i32): i32 {
  callee.returnMin = 0;
  callee.returnMax = 1;
  if (kind === Callback.Timer) callee.inAsyncCallback = true;
  else callee.inCallback = true;
  switch (kind) {
    case Callback.MapElement:
      return setMapElement(caller, callee, insn);
    case Callback.Loop:
      return setLoop(caller, callee);
    case Callback.Timer:
      return setTimer(caller, callee);
    case Callback.FindVma:
      return setFindVma(caller, callee);
    case Callback.UserRingbuf:
      return setUserRingbuf(caller, callee);
    default:
      return setGraphCallbackArgs(caller, callee);
  }
}

/* Queueing. */

/** An asynchronous callback begins on a stack of its own, with nothing held. */
function pushAsync(insn: i32, index: u32, kind: Callback, sleepable: bool): i32 {
  subprogSet(index, SubprogFlag.AsyncCallback);
  const root = newState();
  root.branches = 1;
  root.sleepable = sleepable;
  root.historyStart = env.state.historyEnd;
  root.historyEnd = env.state.historyEnd;
  const callee = newFrame();
  root.setFrame(0, callee);
  initFrame(callee, -1, 0, index);
  const error = pushRoot(root, subprog(index).start, insn);
  if (error !== 0) return error;
  const caller = env.currentFrame();
  callee.asyncDepth = caller.asyncDepth + 1;
  return setArguments(kind, caller, callee, insn);
}

/** The callback runs once, then the call is looked at again: it may run any number of times. */
function pushSync(insn: i32, index: u32, kind: Callback): i32 {
  let error = pushBranch(subprog(index).start, insn, false);
  if (error !== 0) return error;
  const state = pushed();
  error = enterFrame(state, index, insn);
  if (error !== 0) return error;
  const caller = state.frame(state.current - 1);
  error = setArguments(kind, caller, state.currentFrame, insn);
  if (error !== 0) return error;
  state.callbackDepth++;
  caller.callbackDepth++;
  const current = env.currentFrame();
  current.callbackDepth = 0;
  return 0;
}

/** The older way: the callback is entered as a called function would be, once; the call goes on behind it. */
function enterSync(insn: i32, index: u32, kind: Callback): i32 {
  let error = enterFrame(env.state, index, insn);
  if (error !== 0) return error;
  const caller = env.state.frame(env.state.current - 1);
  const callee = env.currentFrame();
  error = setArguments(kind, caller, callee, insn);
  if (error !== 0) return error;
  goToCallee(index, caller, callee);
  return 0;
}

/** Queues the verification of a callback of the call at `insn`. `sleepable`: it runs in a context that may sleep. */
export function pushCallback(insn: i32, index: u32, kind: Callback, sleepable: bool): i32 {
  const error = checkSubprogArgs(index);
  if (error === -Errno.EFAULT) return error;
  subprogSet(index, SubprogFlag.Callback);
  if (!env.has(Feature.RepeatedCallbacks)) {
    // a global function was verified on its own, for any arguments that match
    if (isGlobalSubprog(index)) return error;
    if (!callsAsyncCallback(insn)) return enterSync(insn, index, kind);
  }
  return callsAsyncCallback(insn) ? pushAsync(insn, index, kind, sleepable) : pushSync(insn, index, kind);
}

/** bpf_loop: whether the callback may run once more than it was looked at. */
export function loopGoesOn(): bool {
  const func = env.currentFrame();
  if (<u64>func.callbackDepth < func.reg(1).umax) return true;
  func.callbackDepth = 0;
  if (env.logsFully()) say(M.LOOP_LIMIT, env.state.current);
  return false;
}
