/** RCU read sections, sections that cannot be preempted, and who may sleep. */
import { Errno } from '../../bpf/errno.ts';
import { KfuncFlag, Special } from '../kfunc-abi.ts';
import { Flag, ProgFlag } from '../types.ts';
import { firstReg, ITERS, isReg, nextReg, SPILLS } from './each-reg.ts';
import * as env from './env.ts';
import { call, callHas, callName } from './kfunc-call.ts';
import { say } from './log.ts';
import * as M from './messages.ts';

/** Whether the program may sleep here, as far as it alone decides. */
export function isSleepable(): bool {
  return (env.progFlags & ProgFlag.Sleepable) !== 0 || env.state.sleepable;
}

/** Whether what RCU protects stays valid here. */
export function inRcuSection(): bool {
  return env.state.rcuLocked || env.state.lockObject !== 0 || !isSleepable();
}

/** The section ends: what it protected may be gone. */
function leaveRcu(): void {
  const state = env.state;
  for (let reg = firstReg(state, SPILLS | ITERS); isReg(reg); reg = nextReg()) {
    if ((reg.type & Flag.Rcu) === 0) continue;
    reg.type = (reg.type & ~(<u32>Flag.Rcu | <u32>Flag.MaybeNull)) | Flag.Untrusted;
  }
  state.rcuLocked = false;
}

function refuse(message: string, errno: i32): i32 {
  say(message, callName());
  return -errno;
}

/** What the call does to the RCU read section. 0 or a negative errno. */
export function checkRcuCall(inTreeCallback: bool): i32 {
  const lock = call.special === Special.RcuReadLock;
  const unlock = call.special === Special.RcuReadUnlock;
  const state = env.state;
  if (!state.rcuLocked) {
    if (unlock) return refuse(M.RCU_UNMATCHED, Errno.EINVAL);
    if (lock) state.rcuLocked = true;
    return 0;
  }
  if (inTreeCallback && (lock || unlock)) {
    say(M.RCU_IN_TREE_CALLBACK);
    return -Errno.EACCES;
  }
  if (lock) return refuse(M.RCU_NESTED, Errno.EINVAL);
  if (unlock) leaveRcu();
  else if (callHas(KfuncFlag.Sleepable)) return refuse(M.RCU_SLEEPABLE, Errno.EACCES);
  return 0;
}

/** What the call does to preemption. 0 or a negative errno. */
export function checkPreemptCall(): i32 {
  const state = env.state;
  if (call.special === Special.PreemptDisable) {
    state.preemptDepth++;
  } else if (call.special === Special.PreemptEnable) {
    if (state.preemptDepth === 0) return refuse(M.PREEMPT_UNMATCHED, Errno.EINVAL);
    state.preemptDepth--;
  } else if (state.preemptDepth !== 0 && callHas(KfuncFlag.Sleepable)) {
    return refuse(M.PREEMPT_SLEEPABLE, Errno.EACCES);
  }
  return 0;
}
