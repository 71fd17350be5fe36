/**
 * Reads and writes of the stack. A register stored whole keeps its identity (a spill); anything else leaves
 * typed bytes. Offsets are relative to the frame pointer, -512..-1.
 */

import { Errno } from '../../bpf/errno.ts';
import { Class, Mode } from '../../bpf/isa.ts';
import { Feature } from '../feature-abi.ts';
import { Reg, Slot } from '../types.ts';
import { clearScalarId, linkForMove, moveReg } from './alu.ts';
import { destroyDynptrAt } from './dynptr.ts';
import * as env from './env.ts';
import { breakFastcallContract } from './fastcall.ts';
import { recordHistory, stackAccessFlags } from './history.ts';
import { markRegRead } from './liveness.ts';
import { say } from './log.ts';
import * as M from './messages.ts';
import { markPrecise } from './precision.ts';
import { putTnum } from './print.ts';
import {
  isSpillable,
  LIVE_READ64,
  LIVE_WRITTEN,
  RegState,
  scratchReg,
  setConstScalar,
  setUnknown,
} from './reg.ts';
import { markSlotScratched } from './scratched.ts';
import { printLine } from './source.ts';
import { checkStackInitialized } from './stack-range.ts';
import { FuncState } from './state.ts';

/** Scratch register for a stored immediate. */
const IMMEDIATE: u32 = 5;
const FRAME_POINTER: u32 = 10;

export function slotOf(off: i32): u32 {
  return <u32>(-off - 1) >> 3;
}

export function byteOf(off: i32): u32 {
  return <u32>(-off - 1) & 7;
}

/** A constant zero, precise where precision is not tracked. */
export function setConstZero(reg: RegState): void {
  setConstScalar(reg, 0);
  reg.precise = !env.bpfCapable;
}

function isNullConst(reg: RegState): bool {
  return reg.type === Reg.Scalar && reg.mask === 0 && reg.value === 0;
}

/** Bits of the largest value. */
function widthOf(reg: RegState): u32 {
  return <u32>(64 - clz(reg.umax));
}

function isStoredImmediate(index: i32): bool {
  const code = env.insnCode(index);
  return (code & Class.Mask) === Class.St && (code & Mode.Mask) === Mode.Mem;
}

/** The slot's object (spill, dynptr, iterator) is gone; bytes that were set stay set. */
function scrubObject(func: FuncState, slot: u32): void {
  func.spilled(slot).type = Reg.NotInit;
  const kind = func.slotType(slot, 7);
  const guarded = env.has(Feature.GuardedDynptrs) && (kind === Slot.Dynptr || kind === Slot.Iter);
  if (kind !== Slot.Spill && !guarded) return;
  for (let i: u32 = 0; i < 8; i++) {
    if (func.slotType(slot, i) !== Slot.Invalid) func.setSlotType(slot, i, Slot.Misc);
  }
}

function spill(func: FuncState, slot: u32, reg: RegState, size: u32): void {
  const place = func.spilled(slot);
  moveReg(place, reg);
  if (size === 8) place.live |= LIVE_WRITTEN;
  for (let i: u32 = 8 - size; i < 8; i++) func.setSlotType(slot, i, Slot.Spill);
  // The other bytes no longer belong to an object; set or zero they remain.
  for (let i: u32 = 0; i < 8 - size; i++) {
    const type = func.slotType(slot, i);
    const kept = type === Slot.Invalid || (type === Slot.Zero && env.has(Feature.TrackedSpills));
    if (!kept) func.setSlotType(slot, i, Slot.Misc);
  }
}

/* Writes at a fixed offset. */

function noteSpillHardening(func: FuncState, off: i32, size: u32, value: RegState, index: i32): void {
  if (env.bypassSpecV4) return;
  let harden = changetype<usize>(value) !== 0 && isSpillable(value.type);
  for (let i: u32 = 0; i < size && !harden; i++) {
    const type = func.slotType(slotOf(off), byteOf(off + i));
    harden = type !== Slot.Misc && type !== Slot.Zero;
  }
  if (harden) env.auxSet(index, env.AuxFlag.SpillHardening);
}

/** Nothing at all is known of the scalar. */
function isUnbounded(reg: RegState): bool {
  return (
    reg.mask === u64.MAX_VALUE &&
    reg.smin === i64.MIN_VALUE &&
    reg.smax === i64.MAX_VALUE &&
    reg.umin === 0 &&
    reg.umax === u64.MAX_VALUE &&
    reg.smin32 === i32.MIN_VALUE &&
    reg.smax32 === i32.MAX_VALUE &&
    reg.umin32 === 0 &&
    reg.umax32 === u32.MAX_VALUE
  );
}

/** Whether a scalar is worth a spill: without tracking, one that is not known is bytes, and so is zero. */
function isSpilledScalar(value: RegState): bool {
  if (value.type !== Reg.Scalar) return false;
  return env.has(Feature.TrackedSpills) || !(isUnbounded(value) || isNullConst(value));
}

/** What a spill through another register than the frame pointer is worth is settled now: the walk would miss it. */
function settleSpill(register: i32, index: i32): i32 {
  if (env.has(Feature.TrackedSpills) || env.insnDst(index) === FRAME_POINTER) return 0;
  return markPrecise(register);
}

function writeScalar(func: FuncState, off: i32, size: u32, value: RegState): void {
  const fits = widthOf(value) <= size * 8;
  if (fits && env.has(Feature.WiderLinks)) linkForMove(value);
  spill(func, slotOf(off), value, size);
  if (!fits) func.spilled(slotOf(off)).id = 0;
}

function writePointer(func: FuncState, off: i32, size: u32, value: RegState, index: i32): i32 {
  if (size !== 8) {
    printLine(index);
    say(M.BAD_SPILL_SIZE);
    return -Errno.EACCES;
  }
  const foreign = changetype<usize>(func) !== changetype<usize>(env.currentFrame());
  if (foreign && value.type === Reg.Stack) {
    say(M.SPILL_INTO_CALLER);
    return -Errno.EINVAL;
  }
  spill(func, slotOf(off), value, size);
  return 0;
}

function writeBytes(func: FuncState, off: i32, size: u32, register: i32, zero: bool): i32 {
  const slot = slotOf(off);
  scrubObject(func, slot);
  if (size === 8) func.spilled(slot).live |= LIVE_WRITTEN;
  if (zero && register >= 0) {
    // Zero bytes are remembered: that the value was zero matters.
    const error = markPrecise(register);
    if (error !== 0) return error;
  }
  const type: u32 = zero ? Slot.Zero : Slot.Misc;
  for (let i: u32 = 0; i < size; i++) func.setSlotType(slot, byteOf(off + i), type);
  return 0;
}

/** `register` is -1 for a stored immediate or an unknown value. */
function writeFixed(func: FuncState, off: i32, size: u32, register: i32, index: i32): i32 {
  const slot = slotOf(off);
  const guarded = func.spilled(slot).type !== Reg.Scalar || !env.has(Feature.TrackedSpills);
  const spilledPointer = func.isSpill(slot) && guarded;
  if (!env.allowPtrLeaks && spilledPointer && size !== 8) {
    say(M.CORRUPT_SPILL);
    return -Errno.EACCES;
  }
  const value = register >= 0 ? env.currentReg(register) : changetype<RegState>(0);
  const known = changetype<usize>(value) !== 0;
  noteSpillHardening(func, off, size, value, index);
  let error = destroyDynptrAt(func, slot);
  if (error !== 0) return error;
  breakFastcallContract(func, index, off);
  markSlotScratched(slot);
  const aligned = (off & 7) === 0 && env.bpfCapable;
  const immediate = !known && isStoredImmediate(index);
  if (known && aligned && isSpilledScalar(value)) {
    error = settleSpill(register, index);
    if (error !== 0) return error;
    writeScalar(func, off, size, value);
  } else if (immediate && aligned && (env.insnImm(index) !== 0 || env.has(Feature.TrackedSpills))) {
    const constant = scratchReg(IMMEDIATE);
    memory.fill(changetype<usize>(constant), 0, offsetof<RegState>());
    setConstScalar(constant, <u64>(<i64>env.insnImm(index)));
    spill(func, slot, constant, size);
  } else if (known && isSpillable(value.type)) {
    error = writePointer(func, off, size, value, index);
    if (error !== 0) return error;
  } else {
    const zero = known ? isNullConst(value) : immediate && env.insnImm(index) === 0;
    return writeBytes(func, off, size, register, zero);
  }
  if (env.has(Feature.TrackedSpills)) recordHistory(env.state, stackAccessFlags(func.frame, slot), 0);
  return 0;
}

/* Writes at a variable offset: every byte that may be hit. */

function writeVariableByte(func: FuncState, off: i32, zero: bool, index: i32): i32 {
  const slot = slotOf(off);
  const byte = byteOf(off);
  const type = func.slotType(slot, byte);
  markSlotScratched(slot);
  if (!env.allowPtrLeaks && type !== Slot.Misc && type !== Slot.Zero) {
    say(M.VARIABLE_WRITE_SPILL, index, off);
    return -Errno.EINVAL;
  }
  if (!env.has(Feature.TrackedSpills)) {
    func.spilled(slot).type = Reg.NotInit;
  } else {
    if (zero && type === Slot.Spill && isNullConst(func.spilled(slot))) return 1;
    scrubObject(func, slot);
  }
  if (type === Slot.Invalid && !env.allowUninitStack) {
    say(M.VARIABLE_WRITE_UNINIT, index, off);
    return -Errno.EINVAL;
  }
  const keepsZero = zero && type === Slot.Zero;
  func.setSlotType(slot, byte, keepsZero ? Slot.Zero : Slot.Misc);
  return keepsZero ? 1 : 0;
}

function writeVariable(
  func: FuncState,
  pointer: RegState,
  off: i32,
  size: u32,
  register: i32,
  index: i32,
): i32 {
  const first = <i32>pointer.smin + off;
  const end = <i32>pointer.smax + off + <i32>size;
  const tracked = env.has(Feature.TrackedSpills);
  const immediate = tracked && register < 0 && isStoredImmediate(index) && env.insnImm(index) === 0;
  const zero = register >= 0 ? isNullConst(env.currentReg(register)) : immediate;
  for (let at = first; at < end; at++) {
    const error = destroyDynptrAt(func, slotOf(at));
    if (error !== 0) return error;
  }
  breakFastcallContract(func, index, first);
  let zeroUsed = false;
  for (let at = first; at < end; at++) {
    const outcome = writeVariableByte(func, at, zero, index);
    if (outcome < 0) return outcome;
    if (outcome === 1) zeroUsed = true;
  }
  return zeroUsed && register >= 0 ? markPrecise(register) : 0;
}

/** Stores `size` bytes through a stack pointer; `register` is -1 where the value is not a register. */
export function writeStack(pointer: RegState, off: i32, size: u32, register: i32, index: i32): i32 {
  const func = env.state.frame(pointer.frame);
  if (pointer.mask !== 0) return writeVariable(func, pointer, off, size, register, index);
  return writeFixed(func, off + <i32>pointer.value, size, register, index);
}

/* Reads. */

/** dst becomes what bytes of data are: zero where all are known to be, else unknown. */
function loadBytes(func: FuncState, first: i32, end: i32, register: i32): void {
  const dst = env.currentReg(register);
  let at = first;
  for (; at < end; at++) {
    markSlotScratched(slotOf(at));
    if (func.slotType(slotOf(at), byteOf(at)) !== Slot.Zero) break;
  }
  if (at === end) {
    setConstZero(dst);
    // where zero bytes come from is not followed: what was stored is precise already
    if (!env.has(Feature.TrackedSpills)) dst.precise = true;
  } else setUnknown(dst, !env.bpfCapable);
  dst.live |= LIVE_WRITTEN;
}

function badRead(off: i32, byte: u32, size: u32): i32 {
  say(M.BAD_STACK_READ, off, byte, size);
  return -Errno.EACCES;
}

/** Whether data may be read from a byte of this type. */
function isReadable(type: u32): bool {
  return type === Slot.Misc || type === Slot.Zero || (type === Slot.Invalid && env.allowUninitStack);
}

/** Bytes of the spill at the slot, from its lowest address. */
function spillSize(func: FuncState, slot: u32): u32 {
  let size: u32 = 1;
  while (size < 8 && func.slotType(slot, 7 - size) === Slot.Spill) size++;
  return size;
}

/** A narrow fill takes the low bytes of the spill (little-endian: those at its lowest address). */
function takesLowBytes(off: i32): bool {
  return (off & 7) === 0;
}

/** Part of a spilled scalar that is not its low bytes. Whether the register itself was restored. */
function loadMixed(func: FuncState, off: i32, size: u32, dst: RegState): i32 {
  const slot = slotOf(off);
  let spilled: u32 = 0;
  let zeros: u32 = 0;
  for (let i: u32 = 0; i < size; i++) {
    const type = func.slotType(slot, byteOf(off + i));
    if (type === Slot.Spill) spilled++;
    else if (type === Slot.Zero && env.has(Feature.TrackedSpills)) zeros++;
    else if (!isReadable(type)) return badRead(off, i, size);
  }
  if (spilled === size && env.has(Feature.TrackedSpills) && isNullConst(func.spilled(slot))) {
    setConstZero(dst);
    return 1;
  }
  if (zeros === size) setConstZero(dst);
  else setUnknown(dst, !env.bpfCapable);
  return 0;
}

/** Part of a spill, or a spill of less than 8 bytes. 1: the history matters; 0; negative errno. */
function fillPart(func: FuncState, off: i32, size: u32, register: i32): i32 {
  const slot = slotOf(off);
  const reg = func.spilled(slot);
  if (reg.type !== Reg.Scalar) {
    printLine(env.insnIndex);
    say(M.BAD_FILL_SIZE);
    return -Errno.EACCES;
  }
  markRegRead(reg, LIVE_READ64);
  if (register < 0) return 0;
  const dst = env.currentReg(register);
  let restored = 1;
  const whole = size === spillSize(func, slot);
  const fits = env.has(Feature.TrackedSpills) ? size <= spillSize(func, slot) : whole;
  if (fits && takesLowBytes(off)) {
    const subregDef = dst.subregDef;
    moveReg(dst, reg);
    dst.subregDef = subregDef;
    if (env.has(Feature.TrackedSpills) && widthOf(reg) > size * 8) clearScalarId(dst);
  } else {
    restored = loadMixed(func, off, size, dst);
    if (restored < 0) return restored;
  }
  dst.live |= LIVE_WRITTEN;
  return restored;
}

function fill(func: FuncState, off: i32, size: u32, register: i32): i32 {
  const slot = slotOf(off);
  const reg = func.spilled(slot);
  let restored = 1;
  if (size !== 8 || spillSize(func, slot) !== 8) {
    restored = fillPart(func, off, size, register);
    if (restored < 0 || register < 0) return restored;
  } else if (register >= 0) {
    const dst = env.currentReg(register);
    moveReg(dst, reg);
    dst.live |= LIVE_WRITTEN;
  } else if (!env.allowPtrLeaks && reg.type !== Reg.Scalar) {
    say(M.LEAK_FROM_STACK, off);
    return -Errno.EACCES;
  }
  markRegRead(reg, LIVE_READ64);
  if (restored === 1 && env.has(Feature.TrackedSpills))
    recordHistory(env.state, stackAccessFlags(func.frame, slot), 0);
  return 0;
}

function readFixed(func: FuncState, off: i32, size: u32, register: i32): i32 {
  const slot = slotOf(off);
  markSlotScratched(slot);
  breakFastcallContract(func, env.insnIndex, off);
  if (func.isSpill(slot)) return fill(func, off, size, register);
  for (let i: u32 = 0; i < size; i++) {
    if (!isReadable(func.slotType(slot, byteOf(off + i)))) return badRead(off, i, size);
  }
  markRegRead(func.spilled(slot), LIVE_READ64);
  if (register >= 0) loadBytes(func, off, off + size, register);
  return 0;
}

/** Loads `size` bytes through the stack pointer in `base`; `register` is -1 for a helper's argument. */
export function readStack(base: u32, off: i32, size: u32, register: i32): i32 {
  const pointer = env.currentReg(base);
  const func = env.state.frame(pointer.frame);
  if (pointer.mask === 0) return readFixed(func, off + <i32>pointer.value, size, register);
  if (register < 0) {
    say(M.VARIABLE_STACK_HELPER);
    putTnum(pointer.value, pointer.mask);
    say(M.VARIABLE_STACK_HELPER_TAIL, off, size);
    return -Errno.EACCES;
  }
  const error = checkStackInitialized(base, off, size);
  if (error !== 0) return error;
  const first = <i32>pointer.smin + off;
  loadBytes(func, first, <i32>pointer.smax + off + <i32>size, register);
  breakFastcallContract(func, env.insnIndex, first);
  return 0;
}
