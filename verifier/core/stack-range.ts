/** Ranges of the stack: within the frame, and written before they are read. */
import { Errno } from '../../bpf/errno.ts';
import { Feature } from '../feature-abi.ts';
import { Reg, Slot, VerifierLimit } from '../types.ts';
import * as env from './env.ts';
import { markRegRead } from './liveness.ts';
import { say, text } from './log.ts';
import * as M from './messages.ts';
import { putTnum } from './print.ts';
import { LIVE_READ64, RegState, setUnknown } from './reg.ts';
import { byteOf, slotOf } from './stack.ts';
import { FuncState, growStack } from './state.ts';
import { subprog } from './subprog.ts';

const MAX_OFFSET: i64 = VerifierLimit.PointerOffset;

/** Who accesses: an instruction, or a helper through a pointer. */
export const enum StackUse {
  Read = 0,
  Write = 1,
  Helper = 2,
}

function extra(use: StackUse): i64 {
  if (use === StackUse.Helper) return text(' indirect access to');
  return text(use === StackUse.Read ? ' read from' : ' write to');
}

/** Makes the frame's stack reach down to `bytes`, and notes its subprogram's depth. */
function reserve(func: FuncState, bytes: u32): void {
  const before = func.stackBytes;
  growStack(func, bytes);
  const record = subprog(func.subprog);
  if (func.stackBytes > before) record.stackDepth = max(record.stackDepth, func.stackBytes);
}

function outOfFrame(register: u32, off: i32, size: i32, use: StackUse, error: i32): i32 {
  const reg = env.currentReg(register);
  if (reg.mask === 0) {
    say(M.BAD_STACK_ACCESS, extra(use), register, off, size);
    return error;
  }
  say(M.BAD_VARIABLE_STACK, extra(use), register);
  putTnum(reg.value, reg.mask);
  say(M.OFF_AND_SIZE, off, size);
  return error;
}

/** Whether [off, off + size) through a stack pointer lies in its frame; grows it. 0 or a negative errno. */
export function checkStackBounds(register: u32, off: i32, size: i32, use: StackUse): i32 {
  const reg = env.currentReg(register);
  const func = env.state.frame(reg.frame);
  let low: i64 = 0;
  let high: i64 = 0;
  if (reg.mask === 0) {
    low = <i64>reg.value + off;
    high = low + size;
  } else {
    if (reg.smax >= MAX_OFFSET || reg.smin <= -MAX_OFFSET) {
      say(M.UNBOUNDED_STACK, extra(use), register);
      return -Errno.EACCES;
    }
    low = reg.smin + off;
    high = reg.smax + off + size;
  }
  const anywhere = use !== StackUse.Read || env.allowUninitStack;
  const lowest = anywhere ? -(<i64>VerifierLimit.StackBytes) : -(<i64>func.stackBytes);
  let error = low < lowest || low > -1 ? -Errno.EACCES : 0;
  if (error === 0 && high > 0) error = -Errno.EINVAL;
  if (error === 0 && size < 0) error = -Errno.EFAULT;
  if (error !== 0) return outOfFrame(register, off, size, use, error);
  reserve(func, <u32>-low);
  return 0;
}

/** A helper may write into the byte: it is plain data from here on. */
function clobber(func: FuncState, slot: u32, byte: u32, isSpill: bool): void {
  if (!isSpill) {
    func.setSlotType(slot, byte, Slot.Misc);
    return;
  }
  setUnknown(func.spilled(slot), !env.bpfCapable);
  for (let i: u32 = 0; i < 8; i++) {
    if (func.slotType(slot, i) !== Slot.Invalid) func.setSlotType(slot, i, Slot.Misc);
  }
}

/** Whether a byte was written; marks it as read. */
function readByte(func: FuncState, off: i32, helper: bool): bool {
  const slot = slotOf(off);
  const byte = byteOf(off);
  const type = func.slotType(slot, byte);
  const plain = type === Slot.Zero || (type === Slot.Invalid && env.allowUninitStack);
  if (type !== Slot.Misc) {
    const reg = func.spilled(slot);
    const spill = func.isSpill(slot) && (reg.type === Reg.Scalar || env.allowPtrLeaks);
    if (!plain && !spill) return false;
    if (helper) clobber(func, slot, byte, !plain);
  }
  markRegRead(func.spilled(slot), LIVE_READ64);
  return true;
}

function notWritten(reg: RegState, register: u32, first: i32, at: i32, size: i32, helper: bool): i32 {
  const how = text(helper ? ' indirect' : '');
  if (reg.mask === 0) {
    say(M.UNWRITTEN_STACK, how, register, first, at - first, size);
  } else {
    say(M.UNWRITTEN_VARIABLE, how, register);
    putTnum(reg.value, reg.mask);
    say(M.UNWRITTEN_TAIL, at - first, size);
  }
  return -Errno.EACCES;
}

/** A helper writes the range without reading it: a dynptr in it would be corrupted. */
function checkRawRange(func: FuncState, first: i32, end: i32): i32 {
  if (!env.has(Feature.GuardedDynptrs)) return 0;
  for (let at = first; at < end; at++) {
    if (slotOf(at) >= func.stackSlots) continue;
    if (func.slotType(slotOf(at), byteOf(at)) !== Slot.Dynptr) continue;
    say(M.WRITE_TO_DYNPTR, at);
    return -Errno.EACCES;
  }
  return 0;
}

/** Set by `checkStackRange`: the memory may stay uninitialised, the call will write it. */
export let rawRange: bool = false;

function checkRange(register: u32, off: i32, size: i32, zeroAllowed: bool, helper: bool, raw: bool): i32 {
  rawRange = false;
  const reg = env.currentReg(register);
  const func = env.state.frame(reg.frame);
  if (size === 0 && !zeroAllowed) {
    say(M.ZERO_SIZED_READ);
    return -Errno.EACCES;
  }
  const error = checkStackBounds(register, off, size, helper ? StackUse.Helper : StackUse.Read);
  if (error !== 0) return error;
  const constant = reg.mask === 0;
  if (!constant && !env.bypassSpecV1) {
    say(M.VARIABLE_STACK_UNPRIV, register, text(helper ? ' indirect' : ''));
    putTnum(reg.value, reg.mask);
    say('\n');
    return -Errno.EACCES;
  }
  const first = (constant ? <i32>reg.value : <i32>reg.smin) + off;
  const end = (constant ? <i32>reg.value : <i32>reg.smax) + off + size;
  if (raw && constant) {
    rawRange = true;
    return checkRawRange(func, first, end);
  }
  for (let at = first; at < end; at++) {
    if (!readByte(func, at, helper)) return notWritten(reg, register, first, at, size, helper);
  }
  return 0;
}

/** Whether every byte that may be read through the stack pointer was written. 0 or a negative errno. */
export function checkStackInitialized(register: u32, off: i32, size: u32): i32 {
  return checkRange(register, off, size, false, false, false);
}

/** The same for memory handed to a helper; with `raw` it may be uninitialised (see `rawRange`). */
export function checkStackRange(register: u32, size: i32, zeroAllowed: bool, raw: bool): i32 {
  return checkRange(register, env.currentReg(register).off, size, zeroAllowed, true, raw);
}
