/** Exits of frames and of the program. */
import { Errno } from '../../bpf/errno.ts';
import { Feature } from '../feature-abi.ts';
import { Reg } from '../types.ts';
import * as env from './env.ts';
import { noteCallbackReturn } from './follow.ts';
import { markRegRead } from './liveness.ts';
import { say, text } from './log.ts';
import * as M from './messages.ts';
import { markPrecise } from './precision.ts';
import { printFrame } from './print.ts';
import { openVisit } from './prune.ts';
import { checkReferenceLeak } from './refs.ts';
import { copyReg, LIVE_READ64 } from './reg.ts';
import { checkReturnCode, isWithin, sayOutOfRange } from './return-range.ts';
import { FuncState, freeFrame, isNull, pushRef, removeRef } from './state.ts';
import { widenFrom } from './widen.ts';

function refuse(message: string, errno: i32): i32 {
  say(message);
  return -errno;
}

/** Locks and sections end in the function that began them, at the latest with the program. */
function checkNothingHeld(exception: bool): i32 {
  const state = env.state;
  if (!env.has(Feature.CallsUnderLock) && state.lockObject !== 0) return refuse(M.EXIT_LOCK, Errno.EINVAL);
  if (state.current !== 0 && !exception) return checkReferenceLeak(false);
  if (state.lockObject !== 0) return refuse(exception ? M.THROW_LOCK : M.EXIT_LOCK, Errno.EINVAL);
  if (state.rcuLocked) return refuse(exception ? M.THROW_RCU : M.EXIT_RCU, Errno.EINVAL);
  if (state.preemptDepth !== 0) {
    if (exception) return refuse(M.THROW_PREEMPT, Errno.EINVAL);
    say(M.EXIT_PREEMPT, state.preemptDepth, text(state.preemptDepth === 1 ? ' is' : '(s) are'));
    return -Errno.EINVAL;
  }
  return checkReferenceLeak(exception);
}

function checkCallbackResult(callee: FuncState): i32 {
  const result = callee.reg(0);
  if (result.type !== Reg.Scalar) return refuse(M.RETURNS_POINTER, Errno.EACCES);
  let error = markRegRead(result, LIVE_READ64);
  if (error === 0) error = markPrecise(0);
  if (error !== 0) return error;
  if (isWithin(result, callee.returnMin, callee.returnMax, false)) return 0;
  sayOutOfRange(result, callee.returnMin, callee.returnMax, 'At callback return', 'R0');
  return -Errno.EINVAL;
}

function copyRefs(to: FuncState, from: FuncState): void {
  while (to.refCount > 0) removeRef(to, to.refCount - 1);
  for (let i: u32 = 0; i < from.refCount; i++) {
    const ref = from.ref(i);
    pushRef(to, ref.id, ref.insn, ref.callback);
  }
}

/** Back from a subprogram (or from a callback to its call) into the caller's frame: 1, or a negative errno. */
export function leaveFrame(): i32 {
  const state = env.state;
  const callee = state.currentFrame;
  const caller = state.frame(state.current - 1);
  const isCallback = callee.inCallback;
  if (callee.reg(0).type === Reg.Stack) return refuse(M.RETURNS_STACK, Errno.EINVAL);
  if (isCallback) {
    const error = checkCallbackResult(callee);
    if (error !== 0) return error;
  } else {
    copyReg(caller.reg(0), callee.reg(0));
    copyRefs(caller, callee);
  }
  // The call of a callback is looked at again: the callback may run once more.
  const again = isCallback && env.has(Feature.RepeatedCallbacks);
  const target = again ? callee.callsite : callee.callsite + 1;
  if (env.logsPath()) {
    say(M.RETURNING);
    printFrame(callee, true);
    say(M.TO_CALLER, target);
    printFrame(caller, true);
  }
  freeFrame(callee);
  state.setFrame(state.current, changetype<FuncState>(0));
  state.current--;
  env.setInsnIndex(target);
  if (!again) return 1;
  noteCallbackReturn();
  const earlier = openVisit(target, state);
  if (!isNull(earlier)) widenFrom(earlier, state);
  return 1;
}

/** 1: back in the caller at `env.insnIndex`; 0: the path is at its end; or a negative errno. */
export function checkExit(): i32 {
  const error = checkNothingHeld(false);
  if (error !== 0) return error;
  return env.state.current !== 0 ? leaveFrame() : checkReturnCode(0, 'R0');
}

/** bpf_throw: the whole program ends here. 0 or a negative errno. */
export function leaveProgram(): i32 {
  return checkNothingHeld(true);
}
