/**
 * The event stream (event-abi.ts): what the verifier does, as records beside the log.
 *
 * State changes are found by comparing with a copy of what was last told, so that every change is told, whichever
 * part of the verifier made it. Nothing here is done unless the request asks for events.
 */
import { MapField, Request } from '../abi.ts';
import {
  BranchEvent,
  EVENT_CHUNK,
  EventHead,
  EventKind,
  EventMode,
  FrameEvent,
  FrameFlag,
  FunctionEvent,
  HeldEvent,
  InsnEvent,
  PreciseEvent,
  RegEvent,
  StateEvent,
} from '../event-abi.ts';
import { Reg, Slot } from '../types.ts';
import { allocate, reallocate } from './arena.ts';
import * as env from './env.ts';
import { logByte, logCut, logPosition } from './log.ts';
import { putRegValue, putSlotValue } from './print.ts';
import { REG_SIZE, RegState } from './reg.ts';
import { FuncState, REF_SIZE, SLOT_SIZE, VerifierState } from './state.ts';

const CHUNK: u32 = EVENT_CHUNK;
/** 128 MiB. */
const CHUNKS: u32 = 2048;
const CAPACITY: u32 = CHUNK * CHUNKS;
/** More than one instruction can change: eight frames of 75 registers and slots, with their texts. */
const STEP: u32 = 0x8_0000;
/** Bytes of a RegState that say what is known; behind them stand parent pointer and liveness. */
const KNOWN: u32 = 96;

const table: usize = memory.data(2048 * 4, 8);
let mode: u32 = 0;
let chunks: u32 = 0;
let position: u32 = 0;
let lost: bool = false;
/** Counts how often the stream began anew, so that positions of an earlier one are not used. */
let generation: u32 = 0;
let lastPath: u32 = 0;
let lastState: u32 = 0;

/* What was told last, a record for each of the eight frames. */
const FRAMES: u32 = 8;
const SLOTS: u32 = 64;
const SHADOW_SLOTS: u32 = 11 * 112;
const SHADOW_HEAD: u32 = SHADOW_SLOTS + 64 * 120;
/** present, callsite, subprog, flags, slots, reference count, references block */
const SHADOW_SIZE: u32 = SHADOW_HEAD + 32;
let shadows: usize = 0;
/** spin lock, RCU, preempt depth, speculative: a word each. */
const held: usize = memory.data(16, 8);

function shadow(frame: u32): usize {
  return shadows + frame * SHADOW_SIZE;
}

function shadowWord(frame: u32, word: u32): u32 {
  return load<u32>(shadow(frame) + SHADOW_HEAD + word * 4);
}

function setShadowWord(frame: u32, word: u32, value: u32): void {
  store<u32>(shadow(frame) + SHADOW_HEAD + word * 4, value);
}

function forgetFrame(frame: u32): void {
  const block = shadowWord(frame, 6);
  const refs = shadowWord(frame, 5);
  memory.fill(shadow(frame), 0, SHADOW_SIZE);
  if (block !== 0) reallocate(block, refs * REF_SIZE, 0);
}

function forgetTold(): void {
  for (let i: u32 = 0; i < FRAMES; i++) forgetFrame(i);
  memory.fill(held, 0, 16);
}

export function eventsReset(): void {
  mode = env.requestWord(Request.Events);
  chunks = 0;
  position = 0;
  lost = false;
  generation = 0;
  lastPath = 0;
  lastState = 0;
  shadows = 0;
  memory.fill(held, 0, 16);
  if (mode !== EventMode.None) shadows = allocate(FRAMES * SHADOW_SIZE);
}

export function eventsOn(): bool {
  return mode !== EventMode.None;
}

export function eventLength(): u32 {
  return position;
}

export function eventChunks(): usize {
  return table;
}

export function eventsLost(): bool {
  return lost;
}

/* Writing. */

/** Begins a record. False when it does not fit any more: it is left out then. */
function begin(kind: EventKind, frame: u32, index: u32, length: u32): bool {
  if (position + length > CAPACITY) {
    lost = true;
    return false;
  }
  put(kind | (frame << 8) | (index << 16));
  put(length);
  return true;
}

/** Records are made of whole words, so a word never lies across two chunks. */
function put(word: u32): void {
  const index = position / CHUNK;
  if (index >= chunks) {
    store<u32>(table + index * 4, <u32>allocate(CHUNK));
    chunks = index + 1;
  }
  store<u32>(<usize>load<u32>(table + index * 4) + (position % CHUNK), word);
  position += 4;
}

function put64(value: u64): void {
  put(<u32>value);
  put(<u32>(value >> 32));
}

function rounded(length: u32): u32 {
  return (length + 7) & ~7;
}

/** The log's bytes from `start` on, which are taken away from it again. */
function putLogged(start: u64, length: u32): void {
  for (let i: u32 = 0; i < rounded(length); i += 4) {
    let word: u32 = 0;
    for (let j: u32 = 0; j < 4 && i + j < length; j++) word |= logByte(start + i + j) << (8 * j);
    put(word);
  }
  logCut(start);
}

/** Frees the whole stream when there is no room for another step: its end matters more than its beginning. */
function makeRoom(): void {
  if (position + STEP <= CAPACITY) return;
  lost = true;
  position = 0;
  generation++;
  forgetTold();
}

/* State. */

function detailOf(reg: RegState): u32 {
  switch (reg.base) {
    case Reg.MapPtr:
    case Reg.MapValue:
    case Reg.MapKey:
      return (reg.word0 - env.requestWord(Request.Maps)) / MapField.Size;
    case Reg.BtfId:
      return 0;
    default:
      return reg.word0;
  }
}

function putRegister(func: FuncState, reg: RegState, kind: EventKind, index: u32): void {
  const start = logPosition();
  if (kind === EventKind.Reg) putRegValue(func, reg);
  else putSlotValue(func, index);
  const length = <u32>(logPosition() - start);
  if (!begin(kind, func.frame, index, RegEvent.Size + rounded(length))) {
    logCut(start);
    return;
  }
  put(reg.type);
  put(reg.off);
  put(reg.id);
  put(reg.refId);
  put(reg.frame);
  put(reg.precise ? 1 : 0);
  put(detailOf(reg));
  put(reg.base === Reg.BtfId ? reg.word2 : 0);
  put64(reg.value);
  put64(reg.mask);
  put64(<u64>reg.smin);
  put64(<u64>reg.smax);
  put64(reg.umin);
  put64(reg.umax);
  put(reg.smin32);
  put(reg.smax32);
  put(reg.umin32);
  put(reg.umax32);
  put64(kind === EventKind.Slot ? load<u64>(func.slotTypes(index)) : 0);
  put(length);
  put(0);
  putLogged(start, length);
}

function sameReg(a: RegState, b: RegState): bool {
  if (a.type === Reg.NotInit && b.type === Reg.NotInit) return true;
  if (a.frame !== b.frame || a.precise !== b.precise) return false;
  return memory.compare(changetype<usize>(a), changetype<usize>(b), KNOWN) === 0;
}

function tellRegs(func: FuncState): void {
  const told = shadow(func.frame);
  for (let i: u32 = 0; i < 11; i++) {
    const reg = func.reg(i);
    const before = changetype<RegState>(told + i * REG_SIZE);
    if (sameReg(before, reg)) continue;
    putRegister(func, reg, EventKind.Reg, i);
    memory.copy(changetype<usize>(before), changetype<usize>(reg), REG_SIZE);
  }
}

/** Whether the slot's register says something: plain bytes leave an old one behind. */
function hasRegister(types: u64): bool {
  const last = <u32>(types >> 56);
  return last === Slot.Spill || last === Slot.Dynptr || last === Slot.Iter;
}

function tellSlots(func: FuncState): void {
  const told = shadow(func.frame) + SHADOW_SLOTS;
  for (let slot: u32 = 0; slot < SLOTS; slot++) {
    const before = told + slot * SLOT_SIZE;
    if (slot >= func.stackSlots) return;
    const types = load<u64>(func.slotTypes(slot));
    const sameTypes = load<u64>(before, REG_SIZE) === types;
    const reg = func.spilled(slot);
    if (sameTypes && (!hasRegister(types) || sameReg(changetype<RegState>(before), reg))) continue;
    putRegister(func, reg, EventKind.Slot, slot);
    memory.copy(before, changetype<usize>(reg), SLOT_SIZE);
  }
}

function tellRefs(func: FuncState): void {
  const frame = func.frame;
  const count = func.refCount;
  const told = shadowWord(frame, 5);
  const bytes = count * REF_SIZE;
  const block = shadowWord(frame, 6);
  if (count === told && memory.compare(block, func.refsBlock, bytes) === 0) return;
  const copy = <u32>reallocate(block, told * REF_SIZE, bytes);
  memory.copy(copy, func.refsBlock, bytes);
  setShadowWord(frame, 5, count);
  setShadowWord(frame, 6, copy);
  if (!begin(EventKind.Refs, frame, 0, EventHead.Size + count * 8)) return;
  for (let i: u32 = 0; i < count; i++) {
    put(func.ref(i).id);
    put(func.ref(i).insn);
  }
}

function flagsOf(func: FuncState): u32 {
  let flags: u32 = 0;
  if (func.inCallback) flags |= FrameFlag.Callback;
  if (func.inAsyncCallback) flags |= FrameFlag.AsyncCallback;
  if (func.inExceptionCallback) flags |= FrameFlag.ExceptionCallback;
  return flags;
}

function tellFrame(func: FuncState): void {
  const frame = func.frame;
  const flags = flagsOf(func);
  const known =
    shadowWord(frame, 0) !== 0 &&
    <i32>shadowWord(frame, 1) === func.callsite &&
    shadowWord(frame, 2) === func.subprog &&
    shadowWord(frame, 3) === flags;
  if (!known) {
    forgetFrame(frame);
    setShadowWord(frame, 0, 1);
    setShadowWord(frame, 1, func.callsite);
    setShadowWord(frame, 2, func.subprog);
    setShadowWord(frame, 3, flags);
    if (begin(EventKind.Frame, frame, 0, FrameEvent.Size)) {
      put(func.callsite);
      put(func.subprog);
      put(flags);
      put(0);
    }
  }
  tellRegs(func);
  tellSlots(func);
  tellRefs(func);
}

function tellHeld(state: VerifierState): void {
  const lock: u32 = state.lockObject !== 0 ? 1 : 0;
  const rcu: u32 = state.rcuLocked ? 1 : 0;
  const speculative: u32 = state.speculative ? 1 : 0;
  const same =
    load<u32>(held) === lock &&
    load<u32>(held, 4) === rcu &&
    load<u32>(held, 8) === state.preemptDepth &&
    load<u32>(held, 12) === speculative;
  if (same) return;
  store<u32>(held, lock);
  store<u32>(held, rcu, 4);
  store<u32>(held, state.preemptDepth, 8);
  store<u32>(held, speculative, 12);
  if (!begin(EventKind.Held, 0, 0, HeldEvent.Size)) return;
  for (let i: u32 = 0; i < 4; i++) put(load<u32>(held + i * 4));
}

function tellState(): void {
  const state = env.state;
  for (let i: u32 = 0; i < FRAMES; i++) {
    if (i <= state.current) {
      tellFrame(state.frame(i));
    } else if (shadowWord(i, 0) !== 0) {
      begin(EventKind.Leave, i, 0, EventHead.Size);
      for (let j = i; j < FRAMES; j++) forgetFrame(j);
    }
  }
  tellHeld(state);
}

/* What happens. */

function putInsn(kind: EventKind, index: i32): void {
  if (!begin(kind, env.state.current, 0, InsnEvent.Size)) return;
  put(index);
  put(<u32>logPosition());
}

/** A function begins to be verified at `insn`. */
export function noteFunction(subprog: u32, insn: i32): void {
  if (mode === EventMode.None) return;
  forgetTold();
  if (mode === EventMode.Path) {
    position = 0;
    generation++;
  }
  if (!begin(EventKind.Function, 0, 0, FunctionEvent.Size)) return;
  put(subprog);
  put(insn);
}

/** The instruction is about to be verified in the current state. */
export function noteInsn(index: i32): void {
  if (mode === EventMode.None) return;
  makeRoom();
  tellState();
  putInsn(EventKind.Insn, index);
}

/** The path is at its end without being covered. */
export function noteExit(index: i32): void {
  if (mode === EventMode.All) putInsn(EventKind.Exit, index);
}

function putBranch(kind: EventKind, path: u32, insn: i32, from: i32, speculative: bool): void {
  if (!begin(kind, env.state.current, 0, BranchEvent.Size)) return;
  put(path);
  put(insn);
  put(from);
  put(speculative ? 1 : 0);
}

/** A path is queued: it remembers where the stream stood. */
export function noteBranch(branch: VerifierState, insn: i32, from: i32): void {
  if (mode === EventMode.None) return;
  branch.path = ++lastPath;
  putBranch(EventKind.Branch, branch.path, insn, from, branch.speculative);
  branch.eventPosition = position;
  branch.eventGeneration = generation;
}

/** A queued path goes on. */
export function noteResume(branch: VerifierState): void {
  if (mode === EventMode.None) return;
  if (mode === EventMode.Path) position = branch.eventGeneration === generation ? branch.eventPosition : 0;
  forgetTold();
  putBranch(EventKind.Resume, branch.path, branch.resumeInsn, branch.resumePrevious, branch.speculative);
}

function putState(kind: EventKind, state: VerifierState, insn: i32): void {
  if (!begin(kind, env.state.current, 0, StateEvent.Size)) return;
  put(state.serial);
  put(insn);
}

/** The state is kept. */
export function noteCheckpoint(kept: VerifierState, insn: i32): void {
  if (mode === EventMode.None) return;
  kept.serial = ++lastState;
  if (mode === EventMode.All) putState(EventKind.Checkpoint, kept, insn);
}

/** The path ends because a kept state covers it: what the instruction before has changed is told, to be compared. */
export function notePrune(by: VerifierState, insn: i32): void {
  if (mode !== EventMode.All) return;
  makeRoom();
  tellState();
  putState(EventKind.Prune, by, insn);
}

function putPrecise(kind: EventKind, frame: u32, at: u32, registers: u32, slots: u64): void {
  if (!begin(kind, frame, 0, PreciseEvent.Size)) return;
  put(at);
  put(registers);
  put64(slots);
}

/** Precision is walked back over an instruction. */
export function notePrecise(frame: u32, insn: i32, registers: u32, slots: u64): void {
  if (mode === EventMode.All) putPrecise(EventKind.Precise, frame, insn, registers, slots);
}

/** Precision reaches a kept state. */
export function notePreciseState(frame: u32, state: VerifierState, registers: u32, slots: u64): void {
  if (mode === EventMode.All) putPrecise(EventKind.PreciseState, frame, state.serial, registers, slots);
}
