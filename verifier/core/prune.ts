/**
 * Exploration bookkeeping: which states were seen at an instruction, whether the current one is covered by one
 * of them, when a new one is kept, and when an old one is dropped.
 *
 * Everything here is observable (states, instructions processed, the walk order), so none of it is a heuristic
 * that may be changed: the bucket of a state, new states at a list's head, the thresholds.
 */
import { Errno } from '../../bpf/errno.ts';
import { Class, Jmp } from '../../bpf/isa.ts';
import { Feature } from '../feature-abi.ts';
import { Exactness, IterPhase, Reg, Slot, VerifierLimit } from '../types.ts';
import { allocate } from './arena.ts';
import { spend } from './effort.ts';
import * as env from './env.ts';
import { iteratorsAdvanced, maybeLooping, stateCovered } from './equal.ts';
import { noteCheckpoint, notePrune } from './events.ts';
import { follows } from './follow.ts';
import { markFrameReg, markFrameSlot } from './frame-precision.ts';
import { recordHistory } from './history.ts';
import { markRead, markZeroExtended } from './liveness.ts';
import { say } from './log.ts';
import * as M from './messages.ts';
import { forgetPrecision, markNeededPrecise, needReg, needSlot } from './precision.ts';
import { printFrame } from './print.ts';
import { LIVE_DONE, LIVE_NONE, LIVE_READ, LIVE_READ64, RegState, setNotInit } from './reg.ts';
import { printLine } from './source.ts';
import { copyState, FuncState, freeState, isNull, newState, VerifierState } from './state.ts';

/** History longer than this forces a checkpoint. */
const LONG_HISTORY: u32 = 40;

/* Buckets of explored states, one per instruction of the program. */
let buckets: usize = 0;
/** Counters at the time the last state was added. */
let insnsAtLastState: u32 = 0;
let jumpsAtLastState: u32 = 0;

export function pruneReset(): void {
  buckets = allocate(env.insnCount * 4);
  insnsAtLastState = 0;
  jumpsAtLastState = 0;
}

/** A new function begins to be verified: what was explored before stays only in the statistics. */
export function pruneNewFunction(): void {
  for (let i: u32 = 0; i < env.insnCount; i++) {
    let at = load<u32>(buckets + i * 4);
    while (at !== 0) {
      const old = changetype<VerifierState>(<usize>at);
      at = old.next;
      freeState(old);
    }
    store<u32>(buckets + i * 4, 0);
  }
}

function bucketOf(insn: i32): usize {
  const callsite = <u32>env.currentFrame().callsite;
  return buckets + ((<u32>insn ^ callsite) % env.insnCount) * 4;
}

/* Loops. */

/** Outermost open loop header the state belongs to; shortens the chain on the way. */
export function loopEntryOf(state: VerifierState): VerifierState {
  let top = changetype<VerifierState>(<usize>state.loopEntry);
  while (!isNull(top) && top.loopEntry !== 0 && <u32>changetype<usize>(top) !== top.loopEntry) {
    top = changetype<VerifierState>(<usize>top.loopEntry);
  }
  const target = <u32>changetype<usize>(top);
  let at = state;
  while (!isNull(at) && at.loopEntry !== target) {
    const next = changetype<VerifierState>(<usize>at.loopEntry);
    at.loopEntry = target;
    at = next;
  }
  return top;
}

/** `header` is an ancestor that the path came back to: `state` is inside that loop. */
export function enterLoop(state: VerifierState, header: VerifierState): void {
  let inner = loopEntryOf(state);
  if (isNull(inner)) inner = state;
  let outer = loopEntryOf(header);
  if (isNull(outer)) outer = header;
  if (outer.branches !== 0 && outer.depth <= inner.depth) {
    state.loopEntry = <u32>changetype<usize>(header);
    header.usedAsLoopEntry = true;
  }
}

/** A path ends: ancestors whose last branch this was are complete. */
export function closeBranch(from: VerifierState): void {
  let at = from;
  while (!isNull(at)) {
    at.branches--;
    if (at.branches === 0 && at.parent !== 0 && at.loopEntry !== 0) {
      enterLoop(changetype<VerifierState>(<usize>at.parent), changetype<VerifierState>(<usize>at.loopEntry));
    }
    if (at.branches !== 0) return;
    at = changetype<VerifierState>(<usize>at.parent);
  }
}

/* Cleaning: what no path read any more need not be compared. */

function cleanReg(reg: RegState): bool {
  const read = (reg.live & LIVE_READ) !== 0;
  reg.live |= LIVE_DONE;
  if (!read) setNotInit(reg, !env.bpfCapable);
  return !read;
}

function cleanFrame(func: FuncState): void {
  for (let i: u32 = 0; i < 10; i++) cleanReg(func.reg(i));
  for (let slot: u32 = 0; slot < func.stackSlots; slot++) {
    if (cleanReg(func.spilled(slot))) func.fillSlot(slot, Slot.Invalid);
  }
}

function isClean(state: VerifierState): bool {
  return (state.frame(0).reg(0).live & LIVE_DONE) !== 0;
}

function sameCallsites(a: VerifierState, b: VerifierState): bool {
  if (a.current !== b.current) return false;
  for (let i: u32 = 0; i <= a.current; i++) {
    if (a.frame(i).callsite !== b.frame(i).callsite) return false;
  }
  return true;
}

function cleanCompleted(bucket: usize, insn: i32, current: VerifierState): void {
  let at = load<u32>(bucket);
  while (at !== 0) {
    const old = changetype<VerifierState>(<usize>at);
    at = old.next;
    if (old.branches !== 0) continue;
    const header = loopEntryOf(old);
    if (!isNull(header) && header.branches !== 0) continue;
    if (old.insnIndex !== <u32>insn || !sameCallsites(old, current) || isClean(old)) continue;
    for (let i: u32 = 0; i <= old.current; i++) cleanFrame(old.frame(i));
  }
}

/* A hit: what the covered future needs, the path that led here needs too. */

/** READ flag that had to be passed on, 0 for none, negative errno on a bug. */
function passLiveness(reg: RegState, current: RegState): i32 {
  const known = current.live & LIVE_READ;
  const flag = reg.live & LIVE_READ;
  if (known === LIVE_READ64 || flag === 0 || known === flag) return 0;
  const error = markRead(reg, current, flag);
  return error !== 0 ? error : flag;
}

function passFrameLiveness(old: FuncState, current: FuncState, innermost: bool): i32 {
  for (let i: u32 = innermost ? 0 : 6; i < 10; i++) {
    const passed = passLiveness(old.reg(i), current.reg(i));
    if (passed < 0) return passed;
    if (passed === LIVE_READ64) markZeroExtended(current.reg(i));
  }
  for (let slot: u32 = 0; slot < old.stackSlots && slot < current.stackSlots; slot++) {
    const passed = passLiveness(old.spilled(slot), current.spilled(slot));
    if (passed < 0) return passed;
  }
  return 0;
}

function passStateLiveness(old: VerifierState, current: VerifierState): i32 {
  if (old.current !== current.current) return -Errno.EFAULT;
  for (let i: u32 = 0; i <= old.current; i++) {
    const error = passFrameLiveness(old.frame(i), current.frame(i), i === old.current);
    if (error !== 0) return error;
  }
  return 0;
}

function isNeeded(reg: RegState): bool {
  return reg.type === Reg.Scalar && reg.precise && (reg.live & LIVE_READ) !== 0;
}

function passFramePrecision(func: FuncState, index: u32): void {
  let first = true;
  for (let i: u32 = 0; i < 10; i++) {
    if (!isNeeded(func.reg(i))) continue;
    if (env.logsFully()) {
      if (first) say(M.PROPAGATING_REG, index, i);
      else say(',r%d', i);
    }
    needReg(index, i);
    first = false;
  }
  for (let slot: u32 = 0; slot < func.stackSlots; slot++) {
    if (!func.isSpill(slot) || !isNeeded(func.spilled(slot))) continue;
    if (env.logsFully()) {
      if (first) say(M.PROPAGATING_SLOT, index, -(<i32>slot + 1) * 8);
      else say(',fp%d', -(<i32>slot + 1) * 8);
    }
    needSlot(index, slot);
    first = false;
  }
  if (!first) say('\n');
}

/** The same, one register or slot after the other. */
function passEachPrecise(func: FuncState, index: u32): i32 {
  for (let i: u32 = 0; i < 10; i++) {
    const error = isNeeded(func.reg(i)) ? markFrameReg(index, i) : 0;
    if (error !== 0) return error;
  }
  for (let slot: u32 = 0; slot < func.stackSlots; slot++) {
    const needed = func.isSpill(slot) && isNeeded(func.spilled(slot));
    const error = needed ? markFrameSlot(index, slot) : 0;
    if (error !== 0) return error;
  }
  return 0;
}

function passPrecision(old: VerifierState): i32 {
  if (!env.has(Feature.TrackedSpills)) {
    let error = 0;
    if (!env.bpfCapable || follows()) return 0;
    for (let i: i32 = old.current; i >= 0 && error === 0; i--) error = passEachPrecise(old.frame(i), i);
    return error;
  }
  for (let i: i32 = old.current; i >= 0; i--) passFramePrecision(old.frame(i), i);
  return markNeededPrecise();
}

function hit(old: VerifierState, current: VerifierState): i32 {
  old.hitCount++;
  let error = passStateLiveness(old, current);
  if (env.auxHas(env.insnIndex, env.AuxFlag.JumpPoint) && error === 0) recordHistory(current, 0, 0);
  if (error === 0) error = passPrecision(old);
  return error !== 0 ? error : 1;
}

/* Loops that are still open. */

const enum Verdict {
  Miss = 0,
  Hit = 1,
  /** Not the same loop, but a state in a loop: do not pile up states. */
  Looping = 2,
  Fail = 3,
}

function infiniteLoop(old: VerifierState, current: VerifierState, insn: i32): Verdict {
  printLine(insn);
  say(M.INFINITE_LOOP, insn);
  say(M.CURRENT_STATE);
  printFrame(current.currentFrame, true);
  say(M.OLD_STATE);
  printFrame(old.frame(current.current), true);
  return Verdict.Fail;
}

/** The iterator that the call at `insn` advances is active in the current state. */
function iteratorIsActive(current: VerifierState): bool {
  const pointer = current.currentFrame.reg(1);
  const slot = (-(pointer.off + <i32>pointer.value) - 1) / 8;
  return (current.frame(pointer.frame).spilled(slot).word3 & 3) === IterPhase.Active;
}

function isMayGoto(insn: i32): bool {
  return env.insnCode(insn) === (Class.Jmp | Jmp.Cond);
}

/** `old` has branches that are not explored yet: coming back to it may be a loop. */
function compareOpen(old: VerifierState, current: VerifierState, insn: i32): Verdict {
  const frame = old.currentFrame;
  if (frame.inAsyncCallback && frame.asyncDepth !== current.currentFrame.asyncDepth) return Verdict.Looping;
  if (env.auxHas(insn, env.AuxFlag.IterNext)) {
    if (stateCovered(old, current, Exactness.RangeWithin) && iteratorIsActive(current)) {
      enterLoop(current, old);
      return Verdict.Hit;
    }
    return Verdict.Looping;
  }
  if (isMayGoto(insn)) {
    const advanced = old.mayGotoDepth !== current.mayGotoDepth;
    if (advanced && stateCovered(old, current, Exactness.RangeWithin)) {
      enterLoop(current, old);
      return Verdict.Hit;
    }
  }
  if (env.auxHas(insn, env.AuxFlag.CallsCallback)) {
    return stateCovered(old, current, Exactness.RangeWithin) ? Verdict.Hit : Verdict.Looping;
  }
  if (
    maybeLooping(old, current) &&
    stateCovered(old, current, env.has(Feature.ExactLoops) ? Exactness.Exact : Exactness.NotExact) &&
    !iteratorsAdvanced(old, current) &&
    old.mayGotoDepth === current.mayGotoDepth &&
    old.callbackDepth === current.callbackDepth
  ) {
    return infiniteLoop(old, current, insn);
  }
  return Verdict.Looping;
}

function compareClosed(old: VerifierState, current: VerifierState): Verdict {
  const header = loopEntryOf(old);
  const open = !isNull(header) && header.branches > 0;
  if (!stateCovered(old, current, open ? Exactness.RangeWithin : Exactness.NotExact)) return Verdict.Miss;
  if (open) enterLoop(current, header);
  return Verdict.Hit;
}

/** The latest state at `insn` that is still open on the path to `ancestor`: the two are in one loop. */
export function openVisit(insn: i32, ancestor: VerifierState): VerifierState {
  let at = load<u32>(bucketOf(insn));
  while (at !== 0) {
    const old = changetype<VerifierState>(<usize>at);
    const open = old.insnIndex === <u32>insn && old.branches !== 0;
    if (open && sameCallsites(old, ancestor) && old.depth < ancestor.depth) return old;
    at = old.next;
  }
  return changetype<VerifierState>(0);
}

/* Keeping and dropping states. */

function tooManyMisses(old: VerifierState, insn: i32): bool {
  const patience: u32 = env.auxHas(insn, env.AuxFlag.ForceCheckpoint) && old.branches > 0 ? 64 : 3;
  return old.missCount > old.hitCount * patience + patience;
}

/** Takes a state out of its bucket; it lives on while others may point to it. */
function dropState(old: VerifierState): void {
  if (!isClean(old) || old.usedAsLoopEntry) return;
  freeState(old);
  env.dropPeakState();
}

function linkToParent(current: VerifierState, parent: VerifierState): void {
  for (let f: u32 = 0; f <= current.current; f++) {
    const func = current.frame(f);
    const above = parent.frame(f);
    for (let i: u32 = 0; i < 10; i++) {
      const reg = func.reg(i);
      if (f === current.current || i >= 6) reg.parent = <u32>changetype<usize>(above.reg(i));
      reg.live = LIVE_NONE;
    }
    for (let slot: u32 = 0; slot < func.stackSlots; slot++) {
      const reg = func.spilled(slot);
      reg.live = LIVE_NONE;
      reg.parent = <u32>changetype<usize>(above.spilled(slot));
    }
  }
}

function keepState(bucket: usize, insn: i32): void {
  const current = env.state;
  env.countState();
  jumpsAtLastState = env.jumpsProcessed;
  insnsAtLastState = env.insnsProcessed;
  if (env.bpfCapable) forgetPrecision(current);
  const kept = newState();
  copyState(kept, current);
  kept.insnIndex = insn;
  current.parent = <u32>changetype<usize>(kept);
  current.firstInsn = insn;
  current.historyStart = current.historyEnd;
  current.depth = kept.depth + 1;
  kept.next = load<u32>(bucket);
  store<u32>(bucket, <u32>changetype<usize>(kept));
  linkToParent(current, kept);
  noteCheckpoint(kept, insn);
}

/**
 * Looks whether the current state at `insn` was verified before, and keeps it where it was not.
 * 1: covered; 0: go on; negative errno.
 */
export function visitState(insn: i32): i32 {
  const current = env.state;
  const jumps = env.jumpsProcessed - jumpsAtLastState;
  const processed = env.insnsProcessed - insnsAtLastState;
  const forced =
    env.testStateFreq ||
    env.auxHas(insn, env.AuxFlag.ForceCheckpoint) ||
    (env.has(Feature.ExactLoops) && current.historyEnd - current.historyStart > LONG_HISTORY);
  let keep = forced || (jumps >= 2 && processed >= 8);
  const bucket = bucketOf(insn);
  cleanCompleted(bucket, insn, current);

  let count: u32 = 0;
  let link = bucket;
  for (let at = load<u32>(link); at !== 0; at = load<u32>(link)) {
    const old = changetype<VerifierState>(<usize>at);
    count++;
    spend(1);
    if (old.insnIndex !== <u32>insn) {
      link = changetype<usize>(old) + offsetof<VerifierState>('next');
      continue;
    }
    const verdict = old.branches !== 0 ? compareOpen(old, current, insn) : compareClosed(old, current);
    if (verdict === Verdict.Hit) {
      notePrune(old, insn);
      return hit(old, current);
    }
    if (verdict === Verdict.Fail) return -Errno.EINVAL;
    if (verdict === Verdict.Looping && !forced && jumps < 20 && processed < 100) keep = false;
    if (keep) old.missCount++;
    if (tooManyMisses(old, insn)) {
      store<u32>(link, old.next);
      dropState(old);
      continue;
    }
    link = changetype<usize>(old) + offsetof<VerifierState>('next');
  }
  env.noteStatesPerInsn(count);
  if (!env.bpfCapable && count > <u32>VerifierLimit.StatesUnprivileged) return 0;
  if (keep) keepState(bucket, insn);
  return 0;
}
