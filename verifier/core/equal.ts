/**
 * Whether everything that may follow from the current state has already been verified from an older one.
 * `Exactness` says how strict the comparison is; see state.ts.
 */
import { Feature } from '../feature-abi.ts';
import { Exactness, IterPhase, Reg, Slot, VerifierLimit } from '../types.ts';
import { spend } from './effort.ts';
import * as env from './env.ts';
import { idMapReset, sameId, sameScalarId } from './idmap.ts';
import { ADD_CONST } from './print.ts';
import { LIVE_READ, REG_PREFIX_ID, REG_PREFIX_RANGE, REG_SIZE, RegState, setUnknown } from './reg.ts';
import { FuncState, VerifierState } from './state.ts';
import { tnumContains } from './tnum.ts';
import { coveredUnlinked } from './unlinked-equal.ts';

/** A read, unbounded scalar: what a slot of plain bytes is worth. */
const unbounded: RegState = changetype<RegState>(memory.data(112, 16));

export function equalReset(): void {
  memory.fill(changetype<usize>(unbounded), 0, REG_SIZE);
  setUnknown(unbounded, false);
  unbounded.live = LIVE_READ;
}

/** Whether the first bytes of two registers are the same. */
export function samePrefix(old: RegState, current: RegState, bytes: u32): bool {
  return memory.compare(changetype<usize>(old), changetype<usize>(current), bytes) === 0;
}

/** Every value of `current` lies in the range of `old`. */
export function rangeWithin(old: RegState, current: RegState): bool {
  return (
    old.umin <= current.umin &&
    old.umax >= current.umax &&
    old.smin <= current.smin &&
    old.smax >= current.smax &&
    old.umin32 <= current.umin32 &&
    old.umax32 >= current.umax32 &&
    old.smin32 <= current.smin32 &&
    old.smax32 >= current.smax32 &&
    tnumContains(old.varOff, current.varOff)
  );
}

export function identical(old: RegState, current: RegState): bool {
  return (
    samePrefix(old, current, REG_PREFIX_ID) && sameId(old.id, current.id) && sameId(old.refId, current.refId)
  );
}

function scalarCovered(old: RegState, current: RegState, exact: Exactness): bool {
  if (env.exploreAluLimits) {
    return samePrefix(old, current, REG_PREFIX_ID) && sameScalarId(old.id, current.id, ADD_CONST);
  }
  if (!old.precise && exact === Exactness.NotExact) return true;
  const oldDelta = (old.id & ADD_CONST) !== 0;
  const currentDelta = (current.id & ADD_CONST) !== 0;
  if (oldDelta && !currentDelta) return false;
  if (old.id !== 0 && !oldDelta && currentDelta) return false;
  if (oldDelta && old.off !== current.off) return false;
  return sameScalarId(old.id, current.id, ADD_CONST) && rangeWithin(old, current);
}

function packetCovered(old: RegState, current: RegState): bool {
  const oldRange = <i32>old.word0;
  const currentRange = <i32>current.word0;
  // Negative ranges say "at or beyond packet_end": not comparable with proven bytes.
  if (oldRange < 0 || currentRange < 0) {
    if (oldRange !== currentRange) return false;
  } else if (oldRange > currentRange) {
    return false;
  }
  return old.off === current.off && sameId(old.id, current.id) && rangeWithin(old, current);
}

/** Whether `old` being safe makes `current` safe. */
function regCovered(old: RegState, current: RegState, exact: Exactness): bool {
  if (exact === Exactness.Exact) return identical(old, current);
  if ((old.live & LIVE_READ) === 0 && exact === Exactness.NotExact) return true;
  if (old.type === Reg.NotInit && (exact === Exactness.NotExact || current.type === Reg.NotInit)) {
    return true;
  }
  if (old.type !== current.type) return false;
  switch (old.type & Reg.BaseMask) {
    case Reg.Scalar:
      return scalarCovered(old, current, exact);
    case Reg.MapKey:
    case Reg.MapValue:
    case Reg.Mem:
    case Reg.Buf:
    case Reg.TpBuffer:
      return (
        samePrefix(old, current, REG_PREFIX_RANGE) &&
        rangeWithin(old, current) &&
        sameId(old.id, current.id) &&
        sameId(old.refId, current.refId)
      );
    case Reg.Packet:
    case Reg.PacketMeta:
      return packetCovered(old, current);
    case Reg.Stack:
      return identical(old, current) && old.frame === current.frame;
    case Reg.Arena:
      return true;
    default:
      return identical(old, current);
  }
}

/** All eight bytes are data of unknown value. */
function isAllMisc(func: FuncState, slot: u32): bool {
  for (let i: u32 = 0; i < 8; i++) {
    const type = func.slotType(slot, i);
    if (type === Slot.Misc || (type === Slot.Invalid && env.allowUninitStack)) continue;
    return false;
  }
  return true;
}

/** The slot as a scalar register, null (0) when it is something else. */
function slotAsScalar(func: FuncState, slot: u32): RegState {
  const full = func.slotType(slot, 0) === Slot.Spill && func.spilled(slot).type === Reg.Scalar;
  if (full) return func.spilled(slot);
  return isAllMisc(func, slot) ? unbounded : changetype<RegState>(0);
}

/** Same object in the slot, by what stands in its top byte. */
function slotObjectCovered(old: FuncState, current: FuncState, slot: u32, exact: Exactness): bool {
  const a = old.spilled(slot);
  const b = current.spilled(slot);
  switch (old.slotType(slot, 7)) {
    case Slot.Spill:
      return regCovered(a, b, exact);
    case Slot.Dynptr:
      return a.word0 === b.word0 && a.word1 === b.word1 && sameId(a.refId, b.refId);
    case Slot.Iter:
      return (
        a.type === b.type &&
        a.word0 === b.word0 &&
        a.word2 === b.word2 &&
        (a.word3 & 3) === (b.word3 & 3) &&
        sameId(a.refId, b.refId)
      );
    default:
      return true;
  }
}

function slotCovered(old: FuncState, current: FuncState, slot: u32, exact: Exactness): bool {
  const present = slot < current.stackSlots;
  if (exact !== Exactness.NotExact) {
    if (!present || load<u64>(old.slotTypes(slot)) !== load<u64>(current.slotTypes(slot))) return false;
  } else if ((old.spilled(slot).live & LIVE_READ) === 0) {
    return true;
  }
  for (let i: u32 = 0; i < 8; i++) {
    const type = old.slotType(slot, i);
    if (type === Slot.Invalid) continue;
    if (type === Slot.Misc && env.allowUninitStack) continue;
    if (!present) return false;
    const a = slotAsScalar(old, slot);
    const b = slotAsScalar(current, slot);
    if (changetype<usize>(a) !== 0 && changetype<usize>(b) !== 0) return regCovered(a, b, exact);
    const now = current.slotType(slot, i);
    if (type === Slot.Misc && now === Slot.Zero) continue;
    if (type !== now) return false;
    if (i === 7 && !slotObjectCovered(old, current, slot, exact)) return false;
  }
  return true;
}

function refsCovered(old: FuncState, current: FuncState): bool {
  if (old.refCount !== current.refCount) return false;
  for (let i: u32 = 0; i < old.refCount; i++) {
    if (!sameId(old.ref(i).id, current.ref(i).id)) return false;
  }
  return true;
}

function frameCovered(old: FuncState, current: FuncState, exact: Exactness): bool {
  if (old.callbackDepth > current.callbackDepth) return false;
  for (let i: u32 = 0; i < <u32>VerifierLimit.Registers; i++) {
    if (!regCovered(old.reg(i), current.reg(i), exact)) return false;
  }
  for (let slot: u32 = 0; slot < old.stackSlots; slot++) {
    if (!slotCovered(old, current, slot, exact)) return false;
  }
  spend(old.stackSlots + old.refCount);
  return refsCovered(old, current);
}

function locksCovered(old: VerifierState, current: VerifierState): bool {
  if (old.lockObject !== current.lockObject) return false;
  if ((old.lockId !== 0) !== (current.lockId !== 0)) return false;
  if (old.lockId !== 0 && !sameId(old.lockId, current.lockId)) return false;
  return (
    old.rcuLocked === current.rcuLocked &&
    old.preemptDepth === current.preemptDepth &&
    old.sleepable === current.sleepable
  );
}

/** Whether `old` covers `current`. Their instruction is the caller's to compare. */
export function stateCovered(old: VerifierState, current: VerifierState, exact: Exactness): bool {
  if (!env.has(Feature.ComparedLinks)) return coveredUnlinked(old, current);
  if (old.current !== current.current) return false;
  idMapReset(env.lastGivenId());
  // What was only verified speculatively says nothing about real execution.
  if (old.speculative && !current.speculative) return false;
  if (!locksCovered(old, current)) return false;
  for (let i: u32 = 0; i <= old.current; i++) {
    if (old.frame(i).callsite !== current.frame(i).callsite) return false;
    if (!frameCovered(old.frame(i), current.frame(i), exact)) return false;
  }
  return true;
}

/** Cheap first look: same registers to the letter in the innermost frame. */
export function maybeLooping(old: VerifierState, current: VerifierState): bool {
  if (old.current !== current.current) return false;
  const a = old.currentFrame;
  const b = current.currentFrame;
  for (let i: u32 = 0; i < <u32>VerifierLimit.Registers; i++) {
    if (!samePrefix(a.reg(i), b.reg(i), offsetof<RegState>('parent'))) return false;
  }
  return true;
}

/** Whether an active open-coded iterator has advanced between the two. */
export function iteratorsAdvanced(old: VerifierState, current: VerifierState): bool {
  for (let f: u32 = 0; f <= old.current; f++) {
    const func = old.frame(f);
    for (let slot: u32 = 0; slot < func.stackSlots; slot++) {
      if (func.slotType(slot, 0) !== Slot.Iter) continue;
      const iter = func.spilled(slot);
      if ((iter.word3 & 3) !== IterPhase.Active) continue;
      if (current.frame(f).spilled(slot).word3 >> 2 !== iter.word3 >> 2) return true;
    }
  }
  return false;
}
