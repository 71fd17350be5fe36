/**
 * Precision: a scalar's exact range matters for pruning only where something needed its value. When that
 * happens, the need is walked back over the recorded instructions and parent states to where the value came
 * from. Kernel docs, bpf/verifier.rst.
 */

import { Errno } from '../../bpf/errno.ts';
import { Alu, Atomic, CallKind, Class, Jmp, Mode, Source } from '../../bpf/isa.ts';
import { Feature } from '../feature-abi.ts';
import { Reg, Slot } from '../types.ts';
import { callsSyncCallback } from './callback.ts';
import { spend } from './effort.ts';
import * as env from './env.ts';
import { notePrecise, notePreciseState } from './events.ts';
import { follows } from './follow.ts';
import { markFrameReg } from './frame-precision.ts';
import { History, HistoryEntry, lastEntryFor } from './history.ts';
import { historyEnd, NO_ENTRY, previousInsn, rewindHistory } from './insn-path.ts';
import { printInsn } from './insn-text.ts';
import { linkedCount, linkedFrame, linkedIndex, linkedIsRegister } from './linked.ts';
import { putByte, putSigned, putString, say } from './log.ts';
import * as M from './messages.ts';
import { printFrame } from './print.ts';
import { FuncState, isNull, VerifierState } from './state.ts';
import { isGlobalSubprog, subprogAt } from './subprog.ts';

/** Registers r1..r5 in a mask. */
const ARGUMENTS: u32 = 0x3e;
/** What an instruction costs on the way back (effort.ts). */
const STEPS_BACK: u32 = 12;

/* What is still needed: per frame, a mask of registers and one of stack slots. */
const registerMasks: usize = memory.data(8 * 4, 4);
const slotMasks: usize = memory.data(8 * 8, 8);
let frame: u32 = 0;

export function neededRegs(inFrame: u32): u32 {
  return load<u32>(registerMasks + inFrame * 4);
}

export function neededSlots(inFrame: u32): u64 {
  return load<u64>(slotMasks + inFrame * 8);
}

function setNeededRegs(inFrame: u32, mask: u32): void {
  store<u32>(registerMasks + inFrame * 4, mask);
}

function setNeededSlots(inFrame: u32, mask: u64): void {
  store<u64>(slotMasks + inFrame * 8, mask);
}

export function needReg(inFrame: u32, register: u32): void {
  setNeededRegs(inFrame, neededRegs(inFrame) | (1 << register));
}

export function needSlot(inFrame: u32, slot: u32): void {
  setNeededSlots(inFrame, neededSlots(inFrame) | ((<u64>1) << slot));
}

function dropReg(inFrame: u32, register: u32): void {
  setNeededRegs(inFrame, neededRegs(inFrame) & ~(1 << register));
}

function dropSlot(inFrame: u32, slot: u32): void {
  setNeededSlots(inFrame, neededSlots(inFrame) & ~((<u64>1) << slot));
}

function needsReg(inFrame: u32, register: u32): bool {
  return ((neededRegs(inFrame) >> register) & 1) !== 0;
}

function needsSlot(inFrame: u32, slot: u32): bool {
  return ((neededSlots(inFrame) >> slot) & 1) !== 0;
}

/** Nothing is needed any more, in the frames up to the current one. */
function satisfied(): bool {
  let mask: u64 = 0;
  for (let i: u32 = 0; i <= frame; i++) mask |= neededSlots(i) | neededRegs(i);
  return mask === 0;
}

function forgetNeeds(): void {
  memory.fill(registerMasks, 0, 8 * 4);
  memory.fill(slotMasks, 0, 8 * 8);
  frame = 0;
}

export function precisionReset(): void {
  forgetNeeds();
}

/* Text of the masks. */

function putRegMask(mask: u32): void {
  let first = true;
  for (let i = 0; i < 32; i++) {
    if (((mask >> i) & 1) === 0) continue;
    if (!first) putByte(0x2c);
    putByte(0x72);
    putSigned(i);
    first = false;
  }
}

function putSlotMask(mask: u64): void {
  let first = true;
  for (let i = 0; i < 64; i++) {
    if (((mask >> i) & 1) === 0) continue;
    if (!first) putByte(0x2c);
    putSigned(-(i + 1) * 8);
    first = false;
  }
}

function logStep(index: i32): void {
  notePrecise(frame, index, neededRegs(frame), neededSlots(frame));
  if (!env.logsFully()) return;
  say(M.PRECISE_REGS, frame);
  putRegMask(neededRegs(frame));
  putString(M.PRECISE_STACK);
  putSlotMask(neededSlots(frame));
  say(M.PRECISE_BEFORE, index);
  printInsn(index);
}

function logParent(inFrame: u32, func: FuncState): void {
  if (!env.logsFully()) return;
  say(M.PRECISE_PARENT, inFrame);
  putRegMask(neededRegs(inFrame));
  putString(M.PRECISE_STACK);
  putSlotMask(neededSlots(inFrame));
  putString(': ');
  printFrame(func, true);
}

/* One instruction back. */

/** If one of the linked registers is needed, all are. */
function spreadToLinked(entry: HistoryEntry): void {
  if (changetype<usize>(entry) === 0 || entry.linked === 0) return;
  const linked = entry.linked;
  const count = linkedCount(linked);
  let needed = false;
  for (let i: u32 = 0; i < count && !needed; i++) {
    const index = linkedIndex(linked, i);
    const inFrame = linkedFrame(linked, i);
    needed = linkedIsRegister(linked, i) ? needsReg(inFrame, index) : needsSlot(inFrame, index);
  }
  if (!needed) return;
  for (let i: u32 = 0; i < count; i++) {
    const index = linkedIndex(linked, i);
    const inFrame = linkedFrame(linked, i);
    if (linkedIsRegister(linked, i)) needReg(inFrame, index);
    else needSlot(inFrame, index);
  }
}

function hasFlag(entry: HistoryEntry, flag: u32): bool {
  return changetype<usize>(entry) !== 0 && (entry.flags & flag) !== 0;
}

function entryFrame(entry: HistoryEntry): u32 {
  return entry.flags & History.FrameMask;
}

function entrySlot(entry: HistoryEntry): u32 {
  return (entry.flags >> History.SlotShift) & History.SlotMask;
}

function backOverAlu(index: i32): i32 {
  const dst = env.insnDst(index);
  if (!needsReg(frame, dst)) return 0;
  const code = env.insnCode(index);
  const op = code & Alu.Mask;
  if (op === Alu.End || op === Alu.Neg) return 0;
  const src = env.insnSrc(index);
  if (op === Alu.Mov) dropReg(frame, dst);
  if ((code & Source.X) !== 0 && src !== 10) needReg(frame, src);
  return 0;
}

function backOverLoad(register: u32, entry: HistoryEntry): i32 {
  if (!needsReg(frame, register)) return 0;
  dropReg(frame, register);
  if (hasFlag(entry, History.StackAccess)) needSlot(entryFrame(entry), entrySlot(entry));
  return 0;
}

function backOverStore(index: i32, entry: HistoryEntry): i32 {
  // Scalars cannot be addresses: a needed scalar in dst means a reload the walk does not understand.
  if (needsReg(frame, env.insnDst(index))) return -Errno.ENOTSUPP;
  if (!hasFlag(entry, History.StackAccess)) return 0;
  const inFrame = entryFrame(entry);
  const slot = entrySlot(entry);
  if (!needsSlot(inFrame, slot)) return 0;
  dropSlot(inFrame, slot);
  if (env.insnClass(index) === Class.Stx) needReg(frame, env.insnSrc(index));
  return 0;
}

function bugRegs(): i32 {
  say(M.BUG_REGS, neededRegs(frame));
  return -Errno.EFAULT;
}

/** Leaves the callee's frame at the call that made it. */
function leaveFrame(): i32 {
  if (frame === 0) {
    say(M.BUG_BACKTRACK_FRAME);
    return -Errno.EFAULT;
  }
  frame--;
  return 0;
}

/** Enters the callee's frame at its exit. */
function enterFrame(): i32 {
  if (frame === 7) {
    say(M.BUG_BACKTRACK_FRAME);
    return -Errno.EFAULT;
  }
  frame++;
  return 0;
}

function backOverLocalCall(index: i32): i32 {
  const callee = subprogAt(index + env.insnImm(index) + 1);
  if (callee < 0) return -Errno.EFAULT;
  if (isGlobalSubprog(callee)) {
    if ((neededRegs(frame) & ARGUMENTS) !== 0) return bugRegs();
    dropReg(frame, 0);
    return 0;
  }
  if ((neededRegs(frame) & ~ARGUMENTS) !== 0) return bugRegs();
  if (neededSlots(frame) !== 0) {
    say(M.BUG_SLOTS, neededSlots(frame));
    return -Errno.EFAULT;
  }
  // The callee's argumentMask are the caller's registers of the same number.
  const argumentMask = neededRegs(frame) & ARGUMENTS;
  setNeededRegs(frame, 0);
  const error = leaveFrame();
  if (error !== 0) return error;
  setNeededRegs(frame, neededRegs(frame) | argumentMask);
  return 0;
}

function backOverCallbackEntry(): i32 {
  if ((neededRegs(frame) & ~ARGUMENTS) !== 0) return bugRegs();
  if (neededSlots(frame) !== 0) {
    say(M.BUG_SLOTS, neededSlots(frame));
    return -Errno.EFAULT;
  }
  // What a callback gets was made up at its call site: nothing of the caller's is needed for it.
  setNeededRegs(frame, 0);
  return leaveFrame();
}

function backOverExit(next: i32): i32 {
  const fromCall = next - 1 >= 0 && env.isCall(next - 1, CallKind.Local);
  const needsResult = fromCall && needsReg(frame, 0);
  if (fromCall && (neededRegs(frame) & ARGUMENTS) !== 0) return bugRegs();
  dropReg(frame, 0);
  const error = enterFrame();
  if (error !== 0) return error;
  if (needsResult) needReg(frame, 0);
  return 0;
}

function backOverJump(index: i32, next: i32, entry: HistoryEntry): i32 {
  const code = env.insnCode(index);
  const op = code & Jmp.Mask;
  if (env.isCall(index, CallKind.Local)) return backOverLocalCall(index);
  if (callsSyncCallback(index) && index !== next - 1) return backOverCallbackEntry();
  if (op === Jmp.Call) {
    if (env.insnSrc(index) === CallKind.Kfunc && env.insnImm(index) === 0) return -Errno.ENOTSUPP;
    dropReg(frame, 0);
    return (neededRegs(frame) & ARGUMENTS) !== 0 ? bugRegs() : 0;
  }
  if (op === Jmp.Exit) return backOverExit(next);
  if ((code & Source.X) === 0) return 0;
  const dst = env.insnDst(index);
  const src = env.insnSrc(index);
  if (!needsReg(frame, dst) && !needsReg(frame, src)) return 0;
  // The comparison told about both, so both matter; stack pointers are not scalars.
  if (!hasFlag(entry, History.SrcIsStack)) needReg(frame, src);
  if (!hasFlag(entry, History.DstIsStack)) needReg(frame, dst);
  return 0;
}

function backOverLd(index: i32, next: i32): i32 {
  const mode = env.insnCode(index) & Mode.Mask;
  const dst = env.insnDst(index);
  if (mode === Mode.Imm) {
    dropReg(frame, dst);
    return 0;
  }
  if (needsReg(frame, dst)) return -Errno.ENOTSUPP;
  // The failing packet load left its subprogram as an exit does.
  return next !== index + 1 ? enterFrame() : 0;
}

/** Undoes one instruction in the needs. -ENOTSUPP: give up and make everything precise. */
function backOver(index: i32, next: i32, entry: HistoryEntry): i32 {
  const code = env.insnCode(index);
  if (code === 0) return 0;
  logStep(index);
  spreadToLinked(entry);
  const cls = code & Class.Mask;
  const imm = env.insnImm(index);
  const fetches = cls === Class.Stx && (code & Mode.Mask) === Mode.Atomic && (imm & Atomic.Fetch) !== 0;
  let error = 0;
  if (cls === Class.Alu || cls === Class.Alu64) {
    if (!needsReg(frame, env.insnDst(index))) return 0;
    error = backOverAlu(index);
    const op = code & Alu.Mask;
    if (op === Alu.End || op === Alu.Neg) return error;
  } else if (cls === Class.Ldx || fetches) {
    let register = env.insnDst(index);
    if (fetches) register = imm === Atomic.Cmpxchg ? 0 : env.insnSrc(index);
    if (!needsReg(frame, register) || !hasFlag(entry, History.StackAccess)) {
      return backOverLoad(register, entry);
    }
    error = backOverLoad(register, entry);
  } else if (cls === Class.Stx || cls === Class.St) {
    error = backOverStore(index, entry);
  } else if (cls === Class.Jmp || cls === Class.Jmp32) {
    const op = code & Jmp.Mask;
    error = backOverJump(index, next, entry);
    if (op === Jmp.Exit || env.isCall(index, CallKind.Local)) return error;
  } else if (cls === Class.Ld) {
    return backOverLd(index, next);
  }
  if (error !== 0) return error;
  spreadToLinked(entry);
  return 0;
}

/* Whole chains. */

function forcePrecise(func: FuncState, inFrame: u32): void {
  for (let i: u32 = 0; i < 10; i++) {
    const reg = func.reg(i);
    if (reg.type !== Reg.Scalar || reg.precise) continue;
    reg.precise = true;
    if (env.logsFully()) say(M.FORCE_PRECISE_REG, inFrame, i);
  }
  for (let i: u32 = 0; i < func.stackSlots; i++) {
    if (!func.isSpill(i)) continue;
    const reg = func.spilled(i);
    if (reg.type !== Reg.Scalar || reg.precise) continue;
    reg.precise = true;
    if (env.logsFully()) say(M.FORCE_PRECISE_SLOT, inFrame, -(<i32>i + 1) * 8);
  }
}

/** Gives up: every scalar of every ancestor state is precise. */
function forceAllPrecise(state: VerifierState): void {
  if (env.logsFully()) say(M.FORCE_PRECISE, state.current);
  for (let at = state.parent; at !== 0; ) {
    const ancestor = changetype<VerifierState>(<usize>at);
    for (let i: u32 = 0; i <= ancestor.current; i++) forcePrecise(ancestor.frame(i), i);
    at = ancestor.parent;
  }
}

/** A fresh checkpoint starts with nothing precise: its own future decides. */
export function forgetPrecision(state: VerifierState): void {
  for (let f: u32 = 0; f <= state.current; f++) {
    const func = state.frame(f);
    for (let i: u32 = 0; i < 10; i++) {
      const reg = func.reg(i);
      if (reg.type === Reg.Scalar) reg.precise = false;
    }
    for (let i: u32 = 0; i < func.stackSlots; i++) {
      if (func.isSpill(i) && func.spilled(i).type === Reg.Scalar) func.spilled(i).precise = false;
    }
  }
}

/** The walk has reached the entry of a global subprogram or callback: its argumentMask are what is needed. */
function atEntry(state: VerifierState): i32 {
  const func = state.frame(0);
  const mask = neededRegs(frame);
  const verifiedAlone = state.current === 0 && func.subprog > 0 && func.callsite === -1;
  if (!verifiedAlone || neededSlots(frame) !== 0 || (mask & ~ARGUMENTS) !== 0) {
    say(M.BUG_ENTRY, func.subprog, mask, neededSlots(frame));
    return -Errno.EFAULT;
  }
  for (let i: u32 = 0; i < 32; i++) {
    if (((mask >> i) & 1) === 0) continue;
    dropReg(frame, i);
    const reg = func.reg(i);
    if (reg.type === Reg.Scalar) reg.precise = true;
  }
  return 0;
}

/** Marks what is needed in a parent state; what is precise there already is needed no further. */
function markInParent(parent: VerifierState): i32 {
  for (let f: i32 = frame; f >= 0; f--) {
    const func = parent.frame(f);
    const registers = neededRegs(f);
    for (let i: u32 = 0; i < 32; i++) {
      if (((registers >> i) & 1) === 0) continue;
      const reg = func.reg(i);
      if (reg.type !== Reg.Scalar || reg.precise) dropReg(f, i);
      else reg.precise = true;
    }
    const slots = neededSlots(f);
    for (let i: u32 = 0; i < 64; i++) {
      if (((slots >> i) & 1) === 0) continue;
      if (i >= func.stackSlots) {
        say(M.BUG_SLOT_BOUNDS, i, func.stackSlots);
        return -Errno.EFAULT;
      }
      const reg = func.spilled(i);
      const scalarSpill = func.slotType(i, 7) === Slot.Spill && reg.type === Reg.Scalar;
      if (!scalarSpill || reg.precise) dropSlot(f, i);
      else reg.precise = true;
    }
    notePreciseState(f, parent, neededRegs(f), neededSlots(f));
    logParent(f, func);
  }
  return 0;
}

/** Walks the needs back through one state. 1: satisfied or given up; 0: go on in its parent. */
function walkState(state: VerifierState, last: i32, next: i32, skipFirst: bool): i32 {
  let skip = skipFirst;
  let index = last;
  let following = next;
  rewindHistory(state);
  while (true) {
    spend(STEPS_BACK);
    if (!skip) {
      const entry = lastEntryFor(state.historyStart, historyEnd, index);
      const error = backOver(index, following, entry);
      if (error === -Errno.ENOTSUPP) {
        forceAllPrecise(env.state);
        forgetNeeds();
        return 1;
      }
      if (error !== 0) return error;
    }
    skip = false;
    if (satisfied()) return 1;
    following = index;
    index = previousInsn(state, index);
    if (index === NO_ENTRY) return 0;
    if (<u32>index >= env.insnCount) {
      say(M.BUG_BACKTRACK_INDEX, index);
      return -Errno.EFAULT;
    }
  }
}

function walkChain(): i32 {
  if (satisfied()) return 0;
  let state = env.state;
  let first = state.firstInsn;
  let last = env.insnIndex;
  let next = -1;
  let skip = true;
  while (true) {
    if (env.logsFully()) say(M.PRECISE_RANGE, frame, last, first, next);
    if (last < 0) return atEntry(state);
    const outcome = walkState(state, last, next, skip);
    if (outcome !== 0) return outcome > 0 ? 0 : outcome;
    skip = false;
    state = changetype<VerifierState>(<usize>state.parent);
    if (isNull(state)) break;
    const error = markInParent(state);
    if (error !== 0) return error;
    if (satisfied()) return 0;
    next = first;
    last = state.lastInsn;
    first = state.firstInsn;
  }
  if (!satisfied()) {
    forceAllPrecise(env.state);
    forgetNeeds();
  }
  return 0;
}

/** The value of a scalar register of the current frame matters from here on. 0 or a negative errno. */
export function markPrecise(register: u32): i32 {
  // A path that is followed alone has no state that could be pruned.
  if (!env.bpfCapable || follows()) return 0;
  if (!env.has(Feature.TrackedSpills)) return markFrameReg(env.state.current, register);
  frame = env.state.current;
  if (env.currentReg(register).type !== Reg.Scalar) {
    say(M.BUG_PRECISE_POINTER);
    return -Errno.EFAULT;
  }
  needReg(frame, register);
  return walkChain();
}

/** The same for everything asked for with `needReg` and `needSlot`. */
export function markNeededPrecise(): i32 {
  if (!env.bpfCapable || follows()) return 0;
  frame = env.state.current;
  return walkChain();
}
