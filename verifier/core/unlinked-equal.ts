/**
 * Whether an older state covers the current one, in kernels that do not compare how scalars are linked (before 6.5):
 * registers are the same to the letter, or what the old one allows is wider. Pairs of ids hold within one frame.
 */
import { Reg, Slot, VerifierLimit } from '../types.ts';
import * as env from './env.ts';
import { rangeWithin, samePrefix } from './equal.ts';
import { idMapReset, mapsId } from './idmap.ts';
import { LIVE_READ, REG_PREFIX_RANGE, RegState } from './reg.ts';
import { FuncState, VerifierState } from './state.ts';

function mapPointerCovered(old: RegState, current: RegState): bool {
  if (!samePrefix(old, current, REG_PREFIX_RANGE)) return false;
  return old.maybeNull ? mapsId(old.id, current.id) : rangeWithin(old, current);
}

function packetCovered(old: RegState, current: RegState): bool {
  if (old.type !== current.type) return false;
  const oldRange = <i32>old.word0;
  const currentRange = <i32>current.word0;
  // Negative ranges say "at or beyond packet_end": not comparable with proven bytes.
  const comparable = oldRange >= 0 && currentRange >= 0;
  if (comparable ? oldRange > currentRange : oldRange !== currentRange) return false;
  if (old.off !== current.off) return false;
  return (old.id === 0 || mapsId(old.id, current.id)) && rangeWithin(old, current);
}

function scalarCovered(old: RegState, current: RegState): bool {
  if (env.exploreAluLimits || current.type !== Reg.Scalar) return false;
  return !old.precise || rangeWithin(old, current);
}

function regCovered(old: RegState, current: RegState): bool {
  if ((old.live & LIVE_READ) === 0) return true;
  const same = samePrefix(old, current, offsetof<RegState>('parent'));
  if (old.type === Reg.Stack) return same && old.frame === current.frame;
  if (same || old.type === Reg.NotInit) return true;
  if (current.type === Reg.NotInit) return false;
  switch (old.type & Reg.BaseMask) {
    case Reg.Scalar:
      return scalarCovered(old, current);
    case Reg.MapKey:
    case Reg.MapValue:
      return mapPointerCovered(old, current);
    case Reg.Packet:
    case Reg.PacketMeta:
      return packetCovered(old, current);
    default:
      return false;
  }
}

function slotCovered(old: FuncState, current: FuncState, slot: u32): bool {
  if ((old.spilled(slot).live & LIVE_READ) === 0) return true;
  for (let i: u32 = 0; i < 8; i++) {
    const type = old.slotType(slot, i);
    if (type === Slot.Invalid || (type === Slot.Misc && env.allowUninitStack)) continue;
    if (slot >= current.stackSlots) return false;
    const now = current.slotType(slot, i);
    if (type === Slot.Misc && now === Slot.Zero) continue;
    if (type !== now) return false;
    if (i === 7 && old.isSpill(slot) && !regCovered(old.spilled(slot), current.spilled(slot))) return false;
  }
  return true;
}

function sameRefs(old: FuncState, current: FuncState): bool {
  if (old.refCount !== current.refCount) return false;
  for (let i: u32 = 0; i < old.refCount; i++) {
    const a = old.ref(i);
    const b = current.ref(i);
    if (a.id !== b.id || a.insn !== b.insn || a.callback !== b.callback) return false;
  }
  return true;
}

function frameCovered(old: FuncState, current: FuncState): bool {
  idMapReset(env.lastGivenId());
  for (let i: u32 = 0; i < <u32>VerifierLimit.Registers; i++) {
    if (!regCovered(old.reg(i), current.reg(i))) return false;
  }
  for (let slot: u32 = 0; slot < old.stackSlots; slot++) {
    if (!slotCovered(old, current, slot)) return false;
  }
  return sameRefs(old, current);
}

/** Whether `old` covers `current`; both are at the same instruction. */
export function coveredUnlinked(old: VerifierState, current: VerifierState): bool {
  if (old.current !== current.current) return false;
  if (old.speculative && !current.speculative) return false;
  if (old.lockId !== current.lockId || old.lockObject !== current.lockObject) return false;
  for (let i: u32 = 0; i <= old.current; i++) {
    if (old.frame(i).callsite !== current.frame(i).callsite) return false;
    if (!frameCovered(old.frame(i), current.frame(i))) return false;
  }
  return true;
}
