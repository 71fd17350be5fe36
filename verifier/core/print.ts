/**
 * States as the log shows them: registers, stack slots, references.
 *
 * A constant scalar is a bare number, decimal where it is short. Other registers list what is known of them,
 * defaults left out, bounds with equal values merged under the first of their names.
 */

import { MapField } from '../abi.ts';
import { Flag, Reg, Slot } from '../types.ts';
import { typeNameBytes } from './btf.ts';
import * as env from './env.ts';
import {
  logCut,
  logPosition,
  putByte,
  putBytes,
  putHexPrefixed,
  putSigned,
  putString,
  putUnsigned,
  say,
} from './log.ts';
import { dynptrName, phaseName, typeName } from './names.ts';
import { isPacketPointer, LIVE_DONE, LIVE_READ, LIVE_WRITTEN, RegState } from './reg.ts';
import { clearScratched, isRegScratched, isSlotScratched } from './scratched.ts';
import { FuncState } from './state.ts';

/** Bit of a scalar's id that says "same value plus `off`". */
export const ADD_CONST: u32 = 0x8000_0000;

/** Comma between the items inside the parentheses. */
let separate: bool = false;

function item(name: string): void {
  if (separate) putByte(0x2c);
  separate = true;
  putString(name);
}

function putShortUnsigned(value: u64): void {
  if (value <= 0xffff) putUnsigned(value);
  else putHexPrefixed(value);
}

function putShortSigned(value: i64): void {
  if (value >= -0x8000 && value <= 0x7fff) putSigned(value);
  else putHexPrefixed(<u64>value);
}

/** A tnum, as messages about variable offsets print it too. */
export function putTnum(value: u64, mask: u64): void {
  if (mask === 0) {
    putShortUnsigned(value);
    return;
  }
  putByte(0x28);
  putHexPrefixed(value);
  putString('; ');
  putHexPrefixed(mask);
  putByte(0x29);
}

/* The eight bounds in the order they are printed; even ones are minima. */
const BOUNDS: u32 = 8;
const boundValues: usize = memory.data(64, 8);
let boundsLeft: u32 = 0;

function boundName(index: u32): string {
  switch (index) {
    case 0:
      return 'smin';
    case 1:
      return 'smax';
    case 2:
      return 'umin';
    case 3:
      return 'umax';
    case 4:
      return 'smin32';
    case 5:
      return 'smax32';
    case 6:
      return 'umin32';
    default:
      return 'umax32';
  }
}

function isSignedBound(index: u32): bool {
  return (index & 2) === 0;
}

function noteBound(index: u32, value: u64, isDefault: bool): void {
  store<u64>(boundValues + index * 8, value);
  if (!isDefault) boundsLeft |= 1 << index;
}

/** A 32-bit signed bound is compared and printed sign-extended only while it is short. */
function signed32(value: i32): u64 {
  return value >= -0x8000 && value <= 0x7fff ? <u64>(<i64>value) : <u64>(<u32>value);
}

function collectBounds(reg: RegState): void {
  boundsLeft = 0;
  noteBound(0, <u64>reg.smin, reg.smin === i64.MIN_VALUE);
  noteBound(1, <u64>reg.smax, reg.smax === i64.MAX_VALUE);
  noteBound(2, reg.umin, reg.umin === 0);
  noteBound(3, reg.umax, reg.umax === u64.MAX_VALUE);
  noteBound(4, signed32(reg.smin32), reg.smin32 === i32.MIN_VALUE);
  noteBound(5, signed32(reg.smax32), reg.smax32 === i32.MAX_VALUE);
  noteBound(6, reg.umin32, reg.umin32 === 0);
  noteBound(7, reg.umax32, reg.umax32 === u32.MAX_VALUE);
}

function putBounds(reg: RegState): void {
  collectBounds(reg);
  for (let i: u32 = 0; i < BOUNDS; i++) {
    if (((boundsLeft >> i) & 1) === 0) continue;
    const value = load<u64>(boundValues + i * 8);
    const negative = isSignedBound(i) && <i64>value < 0;
    item(boundName(i));
    putByte(0x3d);
    for (let j = i + 2; j < BOUNDS; j += 2) {
      const same = ((boundsLeft >> j) & 1) !== 0 && load<u64>(boundValues + j * 8) === value;
      if (!same || (isSignedBound(j) && <i64>value < 0) !== negative) continue;
      boundsLeft &= ~(1 << j);
      putString(boundName(j));
      putByte(0x3d);
    }
    if (isSignedBound(i)) putShortSigned(<i64>value);
    else putShortUnsigned(value);
  }
}

function putMap(reg: RegState): void {
  const map = <usize>reg.word0;
  const name = <usize>load<u32>(map, MapField.Name);
  if (load<u8>(name) !== 0) {
    item('map=');
    putBytes(name);
  }
  item('ks=');
  putSigned(load<u32>(map, MapField.KeySize));
  putString(',vs=');
  putSigned(load<u32>(map, MapField.ValueSize));
}

function putDetails(reg: RegState): void {
  const base = reg.base;
  if (reg.id !== 0) {
    item('id=');
    putSigned(reg.id & ~ADD_CONST);
    if ((reg.id & ADD_CONST) !== 0) {
      if (reg.off >= 0) putByte(0x2b);
      putSigned(reg.off);
    }
  }
  if (reg.refId !== 0) {
    item('ref_obj_id=');
    putSigned(reg.refId);
  }
  if ((reg.type & (Flag.Alloc | Flag.NonOwnRef)) === (Flag.Alloc | Flag.NonOwnRef)) item('non_own_ref');
  if (base === Reg.MapPtr || base === Reg.MapValue || base === Reg.MapKey) putMap(reg);
  if (reg.type !== Reg.Scalar && reg.off !== 0) {
    item('off=');
    putShortSigned(reg.off);
  }
  if (isPacketPointer(reg) && base !== Reg.PacketEnd) {
    item('r=');
    putShortUnsigned(<u64>(<i64>(<i32>reg.word0)));
  }
  if (base === Reg.Mem) {
    item('sz=');
    putShortUnsigned(reg.word0);
  }
  if (reg.type === Reg.ConstDynptr) {
    item('type=');
    say('%s', dynptrName(reg.word0));
  }
}

/** A register's value, without its name. */
export function putRegValue(func: FuncState, reg: RegState): void {
  const type = reg.type;
  if (type === Reg.Scalar && reg.precise) putByte(0x50);
  if (type === Reg.Scalar && reg.mask === 0) {
    putShortSigned(<i64>reg.value);
    return;
  }
  putBytes(<usize>typeName(type));
  if (type === Reg.Arena) return;
  if (type === Reg.Stack) {
    if (reg.frame !== func.frame) say('[%d]', reg.frame);
    if (reg.mask === 0) {
      putShortSigned(<i64>reg.value + reg.off);
      return;
    }
  }
  if (reg.base === Reg.BtfId) putBytes(typeNameBytes(reg.word0, reg.word2));
  putByte(0x28);
  separate = false;
  putDetails(reg);
  if (reg.mask === 0) {
    if (reg.value !== 0) {
      item('imm=');
      putShortSigned(<i64>reg.value);
    }
  } else {
    putBounds(reg);
    if (reg.mask !== u64.MAX_VALUE) {
      item('var_off=');
      putTnum(reg.value, reg.mask);
    }
  }
  putByte(0x29);
}

function putLiveness(live: u8): void {
  if ((live & (LIVE_READ | LIVE_WRITTEN | LIVE_DONE)) !== 0) putByte(0x5f);
  if ((live & LIVE_READ) !== 0) putByte(0x72);
  if ((live & LIVE_WRITTEN) !== 0) putByte(0x77);
  if ((live & LIVE_DONE) !== 0) putByte(0x44);
}

function slotChar(type: u32): u32 {
  switch (type) {
    case Slot.Spill:
      return 0x72;
    case Slot.Misc:
      return 0x6d;
    case Slot.Zero:
      return 0x30;
    case Slot.Dynptr:
      return 0x64;
    case Slot.Iter:
      return 0x69;
    default:
      return 0x3f;
  }
}

function putSlotHead(slot: u32, reg: RegState): void {
  say(' fp%d', -(<i32>slot + 1) * 8);
  putLiveness(reg.live);
  putByte(0x3d);
}

/** Slot types below the first spilled byte (all eight where nothing is spilled). */
function putSlotChars(func: FuncState, slot: u32, stopAtSpill: bool): void {
  for (let i: u32 = 0; i < 8; i++) {
    const type = func.slotType(slot, i);
    if (stopAtSpill && type === Slot.Spill) return;
    putByte(slotChar(type));
  }
}

function putDynptr(reg: RegState): void {
  say('dynptr_%s(', dynptrName(reg.word0));
  separate = false;
  if (reg.id !== 0) {
    item('id=');
    putSigned(reg.id);
  }
  if (reg.refId !== 0) {
    item('ref_id=');
    putSigned(reg.refId);
  }
  if (reg.word1 !== 0) {
    item('dynptr_id=');
    putSigned(reg.word1);
  }
  putByte(0x29);
}

/** Bytes of "bpf_iter_" in front of an iterator type's short name. */
const ITER_PREFIX: u32 = 9;

function putIter(reg: RegState): void {
  putString('iter_');
  if (reg.word0 === 0 || reg.word2 === 0) putString('<invalid>');
  else putBytes(typeNameBytes(reg.word0, reg.word2) + ITER_PREFIX);
  say('(ref_id=%d,state=%s,depth=%u)', reg.refId, phaseName(reg.word3 & 3), reg.word3 >> 2);
}

/** What a slot holds, without its place. */
export function putSlotValue(func: FuncState, slot: u32): void {
  const reg = func.spilled(slot);
  const type = func.slotType(slot, 7);
  if (type === Slot.Dynptr) {
    putDynptr(reg);
  } else if (type === Slot.Iter) {
    putIter(reg);
  } else {
    putSlotChars(func, slot, type === Slot.Spill);
    if (type === Slot.Spill) putRegValue(func, reg);
  }
}

/** Prints one slot; the result is the last slot it covers (a dynptr takes two). */
function putSlot(func: FuncState, slot: u32): u32 {
  const type = func.slotType(slot, 7);
  if (type === Slot.Iter && func.spilled(slot).refId === 0) return slot;
  // A dynptr is shown at the lower of its two slots.
  if (type === Slot.Dynptr && slot + 1 >= func.stackSlots) return slot;
  const shown = type === Slot.Dynptr ? slot + 1 : slot;
  putSlotHead(shown, func.spilled(shown));
  putSlotValue(func, shown);
  return shown;
}

function isSlotInvalid(func: FuncState, slot: u32): bool {
  return load<u64>(func.slotTypes(slot)) === 0;
}

/** A frame: all of it, or only what changed since it was last printed. Ends the line. */
export function printFrame(func: FuncState, whole: bool): void {
  if (func.frame !== 0) say(' frame%d:', func.frame);
  for (let i: u32 = 0; i < 11; i++) {
    const reg = func.reg(i);
    if (reg.type === Reg.NotInit || (!whole && !isRegScratched(i))) continue;
    say(' R%d', i);
    putLiveness(reg.live);
    putByte(0x3d);
    putRegValue(func, reg);
  }
  for (let slot: u32 = 0; slot < func.stackSlots; slot++) {
    if (!whole && !isSlotScratched(slot)) continue;
    if (isSlotInvalid(func, slot)) continue;
    slot = putSlot(func, slot);
  }
  putRefs(func);
  if (func.inCallback) putString(' cb');
  if (func.inAsyncCallback) putString(' async_cb');
  putByte(0x0a);
  if (!whole) clearScratched();
}

function putRefs(func: FuncState): void {
  const count = func.refCount;
  if (count === 0 || func.ref(0).id === 0) return;
  say(' refs=%d', func.ref(0).id);
  for (let i: u32 = 1; i < count; i++) {
    if (func.ref(i).id !== 0) say(',%d', func.ref(i).id);
  }
}

/* The state behind an instruction's text. */

const COLUMN: u32 = 40;
const GRAIN: u32 = 8;

/** Where the last instruction's line ended, and how long it was. */
let lineEnd: u64 = 0;
let lineLength: u32 = 0;

export function printReset(): void {
  lineEnd = 0;
  lineLength = 0;
}

/** An instruction line begins at `start` and has just been written. */
export function noteInsnLine(start: u64): void {
  lineEnd = logPosition();
  lineLength = <u32>(lineEnd - start);
}

function padding(length: u32): u32 {
  const column = max(length + GRAIN / 2, COLUMN);
  return ((column + GRAIN - 1) & ~(GRAIN - 1)) - length - 1;
}

/** Changes to the state, behind the instruction that made them or on a line of their own. */
export function printChanges(func: FuncState): void {
  if (lineEnd !== 0 && lineEnd === logPosition()) {
    logCut(lineEnd - 1);
    for (let i = padding(lineLength); i > 1; i--) putByte(0x20);
    putString(' ;');
  } else {
    say('%d:', env.insnIndex);
  }
  printFrame(func, false);
}
