/**
 * All registers of a state, frame by frame: r0..r10, then what is spilled on the stack. One walk at a time:
 * `for (let reg = firstReg(state, mask); isReg(reg); reg = nextReg())`.
 */
import { Feature } from '../feature-abi.ts';
import { Slot } from '../types.ts';
import * as env from './env.ts';
import { RegState } from './reg.ts';
import { VerifierState } from './state.ts';

/** Slot kinds to visit, as bits. */
export const SPILLS: u32 = 1 << (<u32>Slot.Spill);
export const ITERS: u32 = 1 << (<u32>Slot.Iter);

let walked: VerifierState = changetype<VerifierState>(0);
let kinds: u32 = 0;
let kindByte: u32 = 7;
let frame: u32 = 0;
/** Registers below 11, slots from there on. */
let place: u32 = 0;

export function isReg(reg: RegState): bool {
  return changetype<usize>(reg) !== 0;
}

export function firstReg(state: VerifierState, mask: u32): RegState {
  walked = state;
  kinds = mask;
  // Without tracking, spills of less than the slot are not found.
  kindByte = env.has(Feature.TrackedSpills) ? 7 : 0;
  frame = 0;
  place = 0;
  return nextReg();
}

export function nextReg(): RegState {
  while (frame <= walked.current) {
    const func = walked.frame(frame);
    while (place < 11 + func.stackSlots) {
      const at = place++;
      if (at < 11) return func.reg(at);
      const slot = at - 11;
      if (((kinds >> func.slotType(slot, kindByte)) & 1) !== 0) return func.spilled(slot);
    }
    frame++;
    place = 0;
  }
  return changetype<RegState>(0);
}
