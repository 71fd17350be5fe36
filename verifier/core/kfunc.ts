/** Calls of kernel functions. */
import { Errno } from '../../bpf/errno.ts';
import { Request } from '../abi.ts';
import { Feature } from '../feature-abi.ts';
import { KfuncArg, KfuncField, KfuncFlag, Special } from '../kfunc-abi.ts';
import { Cap } from '../types.ts';
import { Callback, inLockedCallback, pushCallback } from './callback.ts';
import * as env from './env.ts';
import { giveAway, insertsNode, isGraphCall } from './graph.ts';
import { advanceIter } from './iter.ts';
import { checkKfuncArgs } from './kfunc-args.ts';
import { argWord, beginKfuncCall, call, callHas, callName, callWord } from './kfunc-call.ts';
import { setKfuncResult } from './kfunc-ret.ts';
import { kfuncAt, specialAt, specialOf } from './kfunc-table.ts';
import { markRegRead, markZeroExtended } from './liveness.ts';
import { say } from './log.ts';
import * as M from './messages.ts';
import { checkPreemptCall, checkRcuCall, isSleepable } from './rcu.ts';
import { releaseReference } from './refs.ts';
import { LIVE_READ32, LIVE_READ64, setNotInit } from './reg.ts';
import { checkReturnCode } from './return-range.ts';
import { exceptionCallbackSubprog, setThrowsUncaught } from './subprog.ts';

/** Whether a function of the kernel itself may be called under a spin lock. */
export function isGraphKfunc(id: i32): bool {
  return isGraphCall(specialOf(id));
}

/** Whether the call at an instruction ends the program. */
export function isThrow(index: i32): bool {
  return specialAt(index) === Special.Throw;
}

/** Whether the program may call the function at all. */
function checkAllowed(): i32 {
  if (callWord(KfuncField.Allowed) === 0) {
    say(M.KFUNC_NOT_ALLOWED, callName());
    return -Errno.EACCES;
  }
  const admin = (env.requestWord(Request.Caps) & Cap.SysAdmin) !== 0;
  if (callHas(KfuncFlag.Destructive) && !admin) {
    say(M.KFUNC_DESTRUCTIVE);
    return -Errno.EACCES;
  }
  if (callHas(KfuncFlag.Sleepable) && !isSleepable()) {
    say(M.KFUNC_SLEEPABLE, callName());
    return env.has(Feature.TypedKfuncArgs) ? -Errno.EACCES : -Errno.EINVAL;
  }
  return 0;
}

function named(message: string, error: i32): i32 {
  if (error !== 0) say(message, callName(), callWord(KfuncField.Id));
  return error;
}

/** Callbacks that the function runs. */
function checkCallbacks(insn: i32): i32 {
  let error = 0;
  if (call.special === Special.RbtreeAdd) {
    error = pushCallback(insn, call.callback, Callback.RbtreeLess, false);
  }
  if (call.special === Special.WqSetCallback) error = pushCallback(insn, call.callback, Callback.Timer, true);
  return named(M.KFUNC_CALLBACK, error);
}

/** What the call does to what the program holds. */
function checkOwnership(insn: i32): i32 {
  if (call.released !== 0) {
    const error = releaseReference(env.currentReg(call.released).refId);
    if (error !== 0) return named(M.KFUNC_NOT_ACQUIRED, error);
  }
  if (!insertsNode(call.special)) return 0;
  const node = env.currentReg(2);
  const refId = node.refId;
  env.aux(insn).nodePlace = <u32>(node.off + <i32>node.value) + 1;
  const error = giveAway(refId);
  if (error !== 0) return named(M.KFUNC_CONVERSION, error);
  return named(M.KFUNC_NOT_ACQUIRED, releaseReference(refId));
}

/** Without a callback of its own, what the program throws is what it returns. */
function checkThrow(): i32 {
  if (call.special !== Special.Throw || exceptionCallbackSubprog() !== 0) return 0;
  setThrowsUncaught();
  return checkReturnCode(1, 'R1');
}

/** The arguments were read, each in the width of its parameter. */
function markArgsRead(): i32 {
  const count = callWord(KfuncField.ArgCount);
  for (let i: u32 = 0; i < count; i++) {
    const reg = env.currentReg(i + 1);
    const wide = argWord(i, KfuncArg.Size) === 8;
    if (wide) markZeroExtended(reg);
    const error = markRegRead(reg, wide ? LIVE_READ64 : LIVE_READ32);
    if (error !== 0) return error;
  }
  return 0;
}

/** Checks the call at an instruction, and what it does to the state. 0 or a negative errno. */
export function checkKfuncCall(index: i32): i32 {
  // Calls of nothing are refused when code that is never reached is gone.
  if (env.insnImm(index) === 0) return 0;
  const record = kfuncAt(index);
  if (record === 0) return -Errno.EINVAL;
  beginKfuncCall(record);
  let error = checkAllowed();
  if (error !== 0) return error;
  if (callHas(KfuncFlag.IterNext)) env.auxSet(index, env.AuxFlag.IterNext);
  if (call.special === Special.SessionCookie) call.resultSize = 8;
  error = checkKfuncArgs(index);
  if (error === 0) error = checkCallbacks(index);
  if (error === 0) error = checkRcuCall(inLockedCallback());
  if (error === 0) error = checkPreemptCall();
  if (error === 0) error = checkOwnership(index);
  if (error === 0) error = checkThrow();
  if (error !== 0) return error;
  for (let i: u32 = 0; i <= 5; i++) setNotInit(env.currentReg(i), !env.bpfCapable);
  error = setKfuncResult(index);
  if (error === 0) error = markArgsRead();
  if (error === 0 && callHas(KfuncFlag.IterNext)) error = advanceIter(index);
  return error;
}
