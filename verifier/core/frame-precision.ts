/**
 * The walk back for precision in kernels that look at one frame and at the frame pointer alone (before 6.5): what is
 * needed is looked for up to the next call or exit, and spills are recognised by their address in the instruction.
 * Wherever that does not do, every scalar of the path becomes precise.
 */
import { Errno } from '../../bpf/errno.ts';
import { Alu, Atomic, CallKind, Class, Jmp, Mode, Source } from '../../bpf/isa.ts';
import { Reg } from '../types.ts';
import { callsAsyncCallback, callsSyncCallback } from './callback.ts';
import { spend } from './effort.ts';
import * as env from './env.ts';
import { NO_ENTRY, previousInsn, rewindHistory } from './insn-path.ts';
import { say } from './log.ts';
import * as M from './messages.ts';
import { RegState } from './reg.ts';
import { FuncState, isNull, VerifierState } from './state.ts';

const FRAME_POINTER: u32 = 10;
const ARGUMENTS: u32 = 0x3e;
const CALLER_SAVED: u32 = 0x3f;
/** What an instruction costs on the way back (effort.ts). */
const STEPS_BACK: u32 = 12;

/** What is still needed: registers and stack slots of the frame. */
let registers: u32 = 0;
let slots: u64 = 0;

function needs(register: u32): bool {
  return ((registers >> register) & 1) !== 0;
}

function need(register: u32): void {
  registers |= 1 << register;
}

function drop(register: u32): void {
  registers &= ~(1 << register);
}

function slotBit(index: i32): u64 {
  return (<u64>1) << (<u32>(-env.insnOff(index) - 1) >> 3);
}

/** Above the frame pointer, or below the stack: no load or store that was verified. */
function isBadSlot(index: i32): bool {
  return <u32>(-env.insnOff(index) - 1) >> 3 >= 64;
}

function bug(mask: u32): i32 {
  say(M.BUG_REGS, mask);
  return -Errno.EFAULT;
}

function backOverAlu(index: i32): i32 {
  const dst = env.insnDst(index);
  const op = env.insnCode(index) & Alu.Mask;
  if (!needs(dst) || op === Alu.End || op === Alu.Neg) return 0;
  if (op === Alu.Mov) drop(dst);
  if ((env.insnCode(index) & Source.X) !== 0) need(env.insnSrc(index));
  return 0;
}

function isFetch(index: i32): bool {
  const atomic = env.insnClass(index) === Class.Stx && (env.insnCode(index) & Mode.Mask) === Mode.Atomic;
  return atomic && (env.insnImm(index) & Atomic.Fetch) !== 0;
}

function backOverLoad(index: i32): i32 {
  let loaded = env.insnDst(index);
  let base = env.insnSrc(index);
  if (isFetch(index)) {
    loaded = env.insnImm(index) === Atomic.Cmpxchg ? 0 : env.insnSrc(index);
    base = env.insnDst(index);
  }
  if (!needs(loaded)) return 0;
  drop(loaded);
  if (base !== FRAME_POINTER) return 0;
  if (isBadSlot(index)) return bug(registers);
  slots |= slotBit(index);
  return 0;
}

function backOverStore(index: i32): i32 {
  if (needs(env.insnDst(index))) return -Errno.ENOTSUPP;
  if (env.insnDst(index) !== FRAME_POINTER) return 0;
  if (isBadSlot(index)) return bug(registers);
  if ((slots & slotBit(index)) === 0) return 0;
  slots &= ~slotBit(index);
  if (env.insnClass(index) === Class.Stx) need(env.insnSrc(index));
  return 0;
}

function backOverCall(index: i32): i32 {
  const kind = env.insnSrc(index);
  const unknown = kind === CallKind.Kfunc && env.insnImm(index) === 0;
  if (kind === CallKind.Local || unknown) return -Errno.ENOTSUPP;
  if (callsSyncCallback(index) || callsAsyncCallback(index)) return -Errno.ENOTSUPP;
  drop(0);
  return (registers & CALLER_SAVED) !== 0 ? bug(registers) : 0;
}

function backOverJump(index: i32): i32 {
  const code = env.insnCode(index);
  if ((code & Jmp.Mask) === Jmp.Call) return backOverCall(index);
  if ((code & Jmp.Mask) === Jmp.Exit) return -Errno.ENOTSUPP;
  if ((code & Source.X) === 0) return 0;
  const dst = env.insnDst(index);
  const src = env.insnSrc(index);
  if (needs(dst) || needs(src)) {
    need(dst);
    need(src);
  }
  return 0;
}

function backOverLd(index: i32): i32 {
  if (!needs(env.insnDst(index))) return 0;
  drop(env.insnDst(index));
  const mode = env.insnCode(index) & Mode.Mask;
  return mode === Mode.Ind || mode === Mode.Abs ? -Errno.ENOTSUPP : 0;
}

function backOver(index: i32): i32 {
  if (env.insnCode(index) === 0) return 0;
  switch (env.insnClass(index)) {
    case Class.Alu:
    case Class.Alu64:
      return backOverAlu(index);
    case Class.Ldx:
      return backOverLoad(index);
    case Class.Stx:
      return isFetch(index) ? backOverLoad(index) : backOverStore(index);
    case Class.St:
      return backOverStore(index);
    case Class.Ld:
      return backOverLd(index);
    default:
      return backOverJump(index);
  }
}

/* Marks. */

function forceFrame(func: FuncState): void {
  for (let i: u32 = 0; i < 10; i++) {
    if (func.reg(i).type === Reg.Scalar) func.reg(i).precise = true;
  }
  for (let i: u32 = 0; i < func.stackSlots; i++) {
    if (func.isSpill(i) && func.spilled(i).type === Reg.Scalar) func.spilled(i).precise = true;
  }
}

/** Every scalar of the states that `state` came from. */
function forceAll(state: VerifierState): i32 {
  for (let at = state.parent; at !== 0; ) {
    const ancestor = changetype<VerifierState>(<usize>at);
    for (let i: u32 = 0; i <= ancestor.current; i++) forceFrame(ancestor.frame(i));
    at = ancestor.parent;
  }
  return 0;
}

/** Whether the mark is new; what is no scalar is needed no further. */
function markReg(reg: RegState): bool {
  const fresh = !reg.precise;
  reg.precise = true;
  return fresh;
}

const NOTHING_NEW: i32 = 0;
const GO_ON: i32 = 1;
const FORCE: i32 = 2;

function markInParent(func: FuncState): i32 {
  let fresh = false;
  for (let i: u32 = 0; i < 10; i++) {
    if (!needs(i)) continue;
    if (func.reg(i).type !== Reg.Scalar) drop(i);
    else if (markReg(func.reg(i))) fresh = true;
  }
  for (let i: u32 = 0; i < 64; i++) {
    if (((slots >> i) & 1) === 0) continue;
    if (i >= func.stackSlots) return FORCE;
    if (!func.isSpill(i) || func.spilled(i).type !== Reg.Scalar) slots &= ~((<u64>1) << i);
    else if (markReg(func.spilled(i))) fresh = true;
  }
  return fresh && (registers !== 0 || slots !== 0) ? GO_ON : NOTHING_NEW;
}

/** The walk has reached the entry of a global function: its arguments are what is needed. */
function atEntry(state: VerifierState): i32 {
  const func = state.frame(0);
  const alone = state.current === 0 && func.subprog > 0 && func.callsite === -1;
  if (!alone || slots !== 0 || (registers & ~ARGUMENTS) !== 0) {
    say(M.BUG_ENTRY, func.subprog, registers, slots);
    return -Errno.EFAULT;
  }
  for (let i: u32 = 1; i <= 5; i++) {
    if (needs(i) && func.reg(i).type === Reg.Scalar) func.reg(i).precise = true;
  }
  return 0;
}

const DONE: i32 = 1;

/** Walks back through one state. DONE: nothing is needed any more; 0: go on in its parent; a negative errno. */
function walkState(state: VerifierState, last: i32, skipFirst: bool): i32 {
  let skip = skipFirst;
  let index = last;
  rewindHistory(state);
  while (true) {
    spend(STEPS_BACK);
    const error = skip ? 0 : backOver(index);
    skip = false;
    if (error !== 0) return error;
    if (registers === 0 && slots === 0) return DONE;
    index = previousInsn(state, index);
    if (index === NO_ENTRY) return 0;
    if (<u32>index >= env.insnCount) {
      say(M.BUG_BACKTRACK_INDEX, index);
      return -Errno.EFAULT;
    }
  }
}

function walk(frame: u32): i32 {
  let state = env.state;
  let last = env.insnIndex;
  let skip = true;
  while (true) {
    if (last < 0) return atEntry(state);
    const outcome = walkState(state, last, skip);
    skip = false;
    if (outcome === -Errno.ENOTSUPP) return forceAll(state);
    if (outcome !== 0) return outcome > 0 ? 0 : outcome;
    state = changetype<VerifierState>(<usize>state.parent);
    if (isNull(state)) return 0;
    const marked = markInParent(state.frame(frame));
    if (marked === FORCE) return forceAll(state);
    if (marked === NOTHING_NEW) return 0;
    last = state.lastInsn;
  }
}

/** The value of a scalar register of a frame matters from here on. 0 or a negative errno. */
export function markFrameReg(frame: u32, register: u32): i32 {
  if (env.state.frame(frame).reg(register).type !== Reg.Scalar) {
    say(M.BUG_PRECISE_POINTER);
    return -Errno.EFAULT;
  }
  registers = 1 << register;
  slots = 0;
  return walk(frame);
}

/** The same for a stack slot, which may hold no scalar now. */
export function markFrameSlot(frame: u32, slot: u32): i32 {
  const func = env.state.frame(frame);
  if (!func.isSpill(slot) || func.spilled(slot).type !== Reg.Scalar) return 0;
  registers = 0;
  slots = (<u64>1) << slot;
  return walk(frame);
}
