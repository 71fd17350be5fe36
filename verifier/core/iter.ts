/**
 * Open-coded iterators: objects on the stack that new() makes, next() advances until it returns NULL, and
 * destroy() ends.
 */
import { Errno } from '../../bpf/errno.ts';
import { KfuncArg, KfuncFacts, KfuncField, KfuncFlag, Special } from '../kfunc-abi.ts';
import { Flag, IterPhase, Reg, Slot } from '../types.ts';
import { checkAccess } from './access.ts';
import * as env from './env.ts';
import { follows } from './follow.ts';
import { argWord, call, callHas, callName, callWord, kfuncFact } from './kfunc-call.ts';
import { markRegRead } from './liveness.ts';
import { say } from './log.ts';
import * as M from './messages.ts';
import { phaseName } from './names.ts';
import { markNotNull } from './nullness.ts';
import { pushBranch, pushed } from './pending.ts';
import { openVisit } from './prune.ts';
import { inRcuSection, isSleepable } from './rcu.ts';
import { acquireReference, releaseReference } from './refs.ts';
import { LIVE_READ64, LIVE_WRITTEN, RegState, setKnownZero } from './reg.ts';
import { markSlotScratched } from './scratched.ts';
import { setConstZero } from './stack.ts';
import { forgetSlotObject, frameOf, objectSlot } from './stack-object.ts';
import { FuncState, VerifierState } from './state.ts';
import { widenFrom } from './widen.ts';

const NAME = 'iter';
/** `RegState.word3`: phase below, depth above. */
const DEPTH_ONE: u32 = 4;
const PHASE_MASK: u32 = 3;

function slotHasIter(func: FuncState, slot: u32): bool {
  for (let i: u32 = 0; i < 8; i++) {
    if (func.slotType(slot, i) === Slot.Iter) return true;
  }
  return false;
}

function isFree(reg: RegState, slots: i32): bool {
  const slot = objectSlot(reg, NAME, slots);
  if (slot < 0) return slot === -Errno.ERANGE;
  const func = frameOf(reg);
  for (let i = 0; i < slots; i++) {
    if (slotHasIter(func, slot - i)) return false;
  }
  return true;
}

/** The type of an iterator that needs an RCU read section says whether it was made in one. */
function iterType(): u32 {
  if (!callHas(KfuncFlag.RcuProtected)) return Reg.Stack;
  return Reg.Stack | (inRcuSection() ? Flag.Rcu : Flag.Untrusted);
}

function createIter(reg: RegState, insn: i32, id: u32, slots: i32): i32 {
  const slot = objectSlot(reg, NAME, slots);
  if (slot < 0) return slot;
  const func = frameOf(reg);
  const refId = acquireReference(insn);
  for (let i = 0; i < slots; i++) {
    const iter = func.spilled(slot - i);
    setKnownZero(iter);
    iter.type = iterType();
    iter.live |= LIVE_WRITTEN;
    iter.refId = i === 0 ? refId : 0;
    iter.word0 = callWord(KfuncField.Btf);
    iter.word2 = id;
    iter.word3 = IterPhase.Active;
    func.fillSlot(slot - i, Slot.Iter);
    markSlotScratched(slot - i);
  }
  return 0;
}

function checkNew(register: u32, index: u32, insn: i32): i32 {
  const reg = env.currentReg(register);
  const slots = <i32>argWord(index, KfuncArg.IterSlots);
  if (!isFree(reg, slots)) {
    say(M.ITER_NOT_UNINIT, <i64>argWord(index, KfuncArg.IterName), index);
    return -Errno.EINVAL;
  }
  for (let i = 0; i < slots; i++) {
    const error = checkAccess(insn, register, i * 8, 8, true, -1, false, false);
    if (error !== 0) return error;
  }
  return createIter(reg, insn, argWord(index, KfuncArg.IterId), slots);
}

/** Whether slot `i` of the iterator is what it must be. 0, -EINVAL, or -EPROTO outside its RCU section. */
function checkSlot(func: FuncState, slot: u32, first: bool, id: u32): i32 {
  const iter = func.spilled(slot);
  if ((iter.type & Flag.Untrusted) !== 0) return -Errno.EPROTO;
  if ((iter.refId !== 0) !== first) return -Errno.EINVAL;
  if (iter.word0 !== callWord(KfuncField.Btf) || iter.word2 !== id) return -Errno.EINVAL;
  const all: u64 = 0x0101_0101_0101_0101 * <u64>Slot.Iter;
  return load<u64>(func.slotTypes(slot)) === all ? 0 : -Errno.EINVAL;
}

function findIter(reg: RegState, id: u32, slots: i32): i32 {
  const slot = objectSlot(reg, NAME, slots);
  if (slot < 0) return -Errno.EINVAL;
  for (let i = 0; i < slots; i++) {
    const error = checkSlot(frameOf(reg), slot - i, i === 0, id);
    if (error !== 0) return error;
  }
  return slot;
}

function destroyIter(func: FuncState, slot: i32, slots: i32): void {
  for (let i = 0; i < slots; i++) {
    if (i === 0) releaseReference(func.spilled(slot).refId);
    forgetSlotObject(func, slot - i, Slot.Invalid);
    markSlotScratched(slot - i);
  }
}

function checkUse(register: u32, index: u32): i32 {
  const reg = env.currentReg(register);
  const slots = <i32>argWord(index, KfuncArg.IterSlots);
  const slot = findIter(reg, argWord(index, KfuncArg.IterId), slots);
  if (slot === -Errno.EINVAL) say(M.ITER_NOT_INIT, <i64>argWord(index, KfuncArg.IterName), index);
  else if (slot === -Errno.EPROTO) say(M.ITER_NEEDS_RCU, callName());
  if (slot < 0) return slot;
  const func = frameOf(reg);
  for (let i = 0; i < slots; i++) {
    const error = markRegRead(func.spilled(slot - i), LIVE_READ64);
    if (error !== 0) return error;
    markSlotScratched(slot - i);
  }
  call.iterSlot = slot;
  call.iterFrame = reg.frame;
  call.refId = func.spilled(slot).refId;
  if (callHas(KfuncFlag.IterDestroy)) destroyIter(func, slot, slots);
  return 0;
}

/** An argument (parameter `index`) that is an iterator. 0 or a negative errno. */
export function checkIterArg(index: u32, insn: i32): i32 {
  const register = index + 1;
  if (
    call.special === Special.IterCssTaskNew &&
    kfuncFact(KfuncFacts.CssTaskAllowed) === 0 &&
    !isSleepable()
  ) {
    say(M.ITER_CSS_TASK);
    return -Errno.EINVAL;
  }
  if (env.currentReg(register).type !== Reg.Stack) {
    say(M.ITER_EXPECTED, index);
    return -Errno.EINVAL;
  }
  if (argWord(index, KfuncArg.IterId) === 0) {
    say(M.ITER_BAD_TYPE, index);
    return -Errno.EINVAL;
  }
  return callHas(KfuncFlag.IterNew) ? checkNew(register, index, insn) : checkUse(register, index);
}

/** The iterator that the call is about, in a state. */
export function iterIn(state: VerifierState): RegState {
  return state.frame(call.iterFrame).spilled(call.iterSlot);
}

function sameParentVisit(state: VerifierState, insn: i32): bool {
  if (state.parent === 0) return false;
  const parent = changetype<VerifierState>(<usize>state.parent);
  if (parent.insnIndex !== <u32>insn || parent.current !== state.current) return false;
  for (let i: u32 = 0; i <= state.current; i++) {
    if (parent.frame(i).callsite !== state.frame(i).callsite) return false;
  }
  return true;
}

/** Queues the path on which there is one more element. */
function queueActive(insn: i32): i32 {
  const state = env.state;
  if (!follows() && !sameParentVisit(state, insn)) {
    say(M.BUG_ITER_PARENT);
    return -Errno.EFAULT;
  }
  const before = follows()
    ? changetype<VerifierState>(0)
    : openVisit(insn, changetype<VerifierState>(<usize>state.parent));
  const error = pushBranch(insn + 1, insn, false);
  if (error !== 0) return error;
  const queued = pushed();
  const iter = iterIn(queued);
  iter.word3 = ((iter.word3 & ~PHASE_MASK) | IterPhase.Active) + DEPTH_ONE;
  if (changetype<usize>(before) !== 0) widenFrom(before, queued);
  markNotNull(queued.currentFrame.reg(0));
  return 0;
}

/** next(): this path has seen the last element, a queued one goes on with another. 0 or a negative errno. */
export function advanceIter(insn: i32): i32 {
  const iter = iterIn(env.state);
  const phase = iter.word3 & PHASE_MASK;
  if (phase !== IterPhase.Active && phase !== IterPhase.Drained) {
    say(M.BUG_ITER_PHASE, phase, phaseName(phase));
    return -Errno.EFAULT;
  }
  if (phase === IterPhase.Active) {
    const error = queueActive(insn);
    if (error !== 0) return error;
  }
  iter.word3 = (iter.word3 & ~PHASE_MASK) | IterPhase.Drained;
  setConstZero(env.currentReg(0));
  return 0;
}
