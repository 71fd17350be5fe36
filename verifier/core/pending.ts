/** Paths that wait to be verified: a stack of states, each with where it goes on. */
import { Errno } from '../../bpf/errno.ts';
import { Feature } from '../feature-abi.ts';
import { VerifierLimit } from '../types.ts';
import * as env from './env.ts';
import { noteBranch, noteResume } from './events.ts';
import { allowsRun, leadsTo } from './follow.ts';
import { logCut, logPosition, say } from './log.ts';
import * as M from './messages.ts';
import { copyState, freeState, isNull, newState, VerifierState } from './state.ts';

let head: usize = 0;
let count: u32 = 0;

export function pendingReset(): void {
  head = 0;
  count = 0;
}

function push(state: VerifierState, insn: i32, previous: i32): i32 {
  state.resumeInsn = insn;
  state.resumePrevious = previous;
  state.logPosition = logPosition();
  state.next = <u32>head;
  head = changetype<usize>(state);
  count++;
  noteBranch(state, insn, previous);
  if (count > <u32>VerifierLimit.Pending) {
    say(M.TOO_MANY_BRANCHES, count);
    return env.has(Feature.SpecificErrnos) ? -Errno.E2BIG : -Errno.EFAULT;
  }
  return 0;
}

/** The state pushed last: the other branch, for the caller to adapt. */
export function pushed(): VerifierState {
  return changetype<VerifierState>(head);
}

/** Queues a copy of the current state to go on at `insn`. 0 or -E2BIG; see `pushed`. */
export function pushBranch(insn: i32, previous: i32, speculative: bool): i32 {
  const branch = newState();
  copyState(branch, env.state);
  if (speculative) branch.speculative = true;
  const error = push(branch, insn, previous);
  if (error !== 0) return error;
  if (branch.parent !== 0) {
    const parent = changetype<VerifierState>(<usize>branch.parent);
    parent.branches++;
  }
  return 0;
}

/** Queues a state that has no parent (an asynchronous callback's own root). */
export function pushRoot(state: VerifierState, insn: i32, previous: i32): i32 {
  return push(state, insn, previous);
}

/** Forgets the states that were pushed last and do not go on as the path to be followed does. */
export function dropStrays(): void {
  // One that looks at the last instruction again is a step behind.
  const last = env.state.pathStep - 1;
  while (head !== 0) {
    const top = changetype<VerifierState>(head);
    if (<i32>top.pathStep < <i32>last || (leadsTo(top, top.resumeInsn) && allowsRun(top))) return;
    head = <usize>top.next;
    count--;
    freeState(top);
  }
}

export function isPending(): bool {
  return head !== 0;
}

/** Makes the last pushed state the current one. False when none is left. */
export function popBranch(cutLog: bool): bool {
  const top = changetype<VerifierState>(head);
  if (isNull(top)) return false;
  copyState(env.state, top);
  if (cutLog) logCut(top.logPosition);
  noteResume(top);
  env.setInsnIndex(top.resumeInsn);
  env.setPreviousInsn(top.resumePrevious);
  head = <usize>top.next;
  count--;
  freeState(top);
  return true;
}

/** Forgets all queued paths: the verdict is reached. */
export function dropPending(): void {
  while (head !== 0) {
    const top = changetype<VerifierState>(head);
    head = <usize>top.next;
    freeState(top);
  }
  count = 0;
}
