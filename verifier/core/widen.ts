/**
 * Widening: in a loop over an open-coded iterator (or may_goto), scalars that changed since the last visit and
 * whose exact value nobody needs are forgotten, so that the loop reaches a fixed point.
 */
import { Reg } from '../types.ts';
import * as env from './env.ts';
import { identical } from './equal.ts';
import { idMapReset } from './idmap.ts';
import { RegState, setUnknown } from './reg.ts';
import { FuncState, VerifierState } from './state.ts';

function widenReg(old: RegState, current: RegState): void {
  if (old.type !== Reg.Scalar || current.type !== Reg.Scalar) return;
  if (old.precise || current.precise || identical(old, current)) return;
  setUnknown(current, !env.bpfCapable);
}

function widenFrame(old: FuncState, current: FuncState): void {
  for (let i: u32 = 0; i < 11; i++) widenReg(old.reg(i), current.reg(i));
  const slots = min(old.stackSlots, current.stackSlots);
  for (let slot: u32 = 0; slot < slots; slot++) {
    if (old.isSpill(slot) && current.isSpill(slot)) widenReg(old.spilled(slot), current.spilled(slot));
  }
}

/** Forgets in `current` what is not stable since `old`. */
export function widenFrom(old: VerifierState, current: VerifierState): void {
  idMapReset(env.lastGivenId());
  for (let i: i32 = old.current; i >= 0; i--) widenFrame(old.frame(i), current.frame(i));
}
