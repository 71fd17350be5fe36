/** Objects that take whole stack slots: dynptrs and open-coded iterators. */
import { Errno } from '../../bpf/errno.ts';
import * as env from './env.ts';
import { say, text } from './log.ts';
import * as M from './messages.ts';
import { LIVE_WRITTEN, RegState, setNotInit } from './reg.ts';
import { FuncState } from './state.ts';

const DYNPTR_SLOTS: i32 = 2;

/** Frame that a stack pointer points into. */
export function frameOf(reg: RegState): FuncState {
  return env.state.frame(reg.frame);
}

/**
 * First slot (the highest address is slot 0) of an object of `slots` slots that the stack pointer points to.
 * -EINVAL where it cannot be one, -ERANGE where the stack does not reach so far yet.
 */
export function objectSlot(reg: RegState, what: string, slots: i32): i32 {
  if (reg.mask !== 0) {
    say(M.OBJECT_VARIABLE, text(what));
    return -Errno.EINVAL;
  }
  const off = reg.off + <i32>reg.value;
  const slot = (-off - 1) / 8;
  if (off % 8 !== 0 || slot + 1 < slots) {
    say(M.OBJECT_OFFSET, text(what), off);
    return -Errno.EINVAL;
  }
  const inStack = slot - slots + 1 >= 0 && slot < <i32>frameOf(reg).stackSlots;
  return inStack ? slot : -Errno.ERANGE;
}

/** The older way: the slot at the constant offset, -1 where the stack has none. Alignment is for the caller to check. */
export function plainSlot(reg: RegState): i32 {
  const slot = (-reg.off - 1) / 8;
  return slot - DYNPTR_SLOTS + 1 >= 0 && slot < <i32>frameOf(reg).stackSlots ? slot : -1;
}

/** The slot holds nothing any more; reads of it do not concern earlier states. */
export function forgetSlotObject(func: FuncState, slot: u32, type: u32): void {
  func.fillSlot(slot, type);
  const reg = func.spilled(slot);
  setNotInit(reg, !env.bpfCapable);
  reg.live |= LIVE_WRITTEN;
}
