/** Dynptrs on the stack. */
import { Errno } from '../../bpf/errno.ts';
import { Feature } from '../feature-abi.ts';
import { Arg, DynptrKind, Flag, Reg, Slot } from '../types.ts';
import { checkAccess } from './access.ts';
import { firstReg, isReg, nextReg, SPILLS } from './each-reg.ts';
import * as env from './env.ts';
import { markRegRead } from './liveness.ts';
import { say } from './log.ts';
import * as M from './messages.ts';
import { dynptrName } from './names.ts';
import { checkPlainDynptrArg, plainDynptrOf, releasePlainDynptr } from './plain-dynptr.ts';
import { acquireReference, invalidateReg, releaseReference } from './refs.ts';
import { LIVE_READ64, LIVE_WRITTEN, RegState, setKnownZero } from './reg.ts';
import { markSlotScratched } from './scratched.ts';
import { forgetSlotObject, frameOf, objectSlot } from './stack-object.ts';
import { FuncState } from './state.ts';

/** Slots of a dynptr; the first one is at the lower address and has the higher number. */
const SLOTS: i32 = 2;
const NAME = 'dynptr';

/** Whether the kind stands for memory that must be given back. */
export function isCountedDynptr(kind: u32): bool {
  return kind === DynptrKind.Ringbuf;
}

function kindOfFlags(type: u32): u32 {
  switch (type & Flag.DynptrMask) {
    case Flag.DynptrLocal:
      return DynptrKind.Local;
    case Flag.DynptrRingbuf:
      return DynptrKind.Ringbuf;
    case Flag.DynptrSkb:
      return DynptrKind.Skb;
    case Flag.DynptrXdp:
      return DynptrKind.Xdp;
    default:
      return DynptrKind.Invalid;
  }
}

/** Flag that says of an argument or slice what kind of dynptr it belongs to. */
export function dynptrFlag(kind: u32): u32 {
  switch (kind) {
    case DynptrKind.Local:
      return Flag.DynptrLocal;
    case DynptrKind.Ringbuf:
      return Flag.DynptrRingbuf;
    case DynptrKind.Skb:
      return Flag.DynptrSkb;
    case DynptrKind.Xdp:
      return Flag.DynptrXdp;
    default:
      return 0;
  }
}

/** Register that stands for the dynptr a register points to (or is); 0 where there is none. */
export function dynptrOf(reg: RegState): RegState {
  if (!env.has(Feature.GuardedDynptrs)) return plainDynptrOf(reg);
  if (reg.type === Reg.ConstDynptr) return reg;
  const slot = objectSlot(reg, NAME, SLOTS);
  return slot < 0 ? changetype<RegState>(0) : frameOf(reg).spilled(slot);
}

/** Makes `reg` stand for a dynptr. */
export function setDynptr(reg: RegState, kind: u32, first: bool, id: u32): void {
  setKnownZero(reg);
  reg.type = Reg.ConstDynptr;
  reg.id = id;
  reg.word0 = kind;
  reg.word1 = first ? 1 : 0;
}

/* Destruction. */

/** Slices of a dynptr that is gone are gone too. */
function invalidateSlices(id: u32): void {
  for (let reg = firstReg(env.state, SPILLS); isReg(reg); reg = nextReg()) {
    const slice = (reg.type & ~(<u32>Flag.MaybeNull)) === Reg.Mem;
    if (slice && reg.word1 === id) invalidateReg(reg);
  }
}

/** A write to the slot ends the dynptr that is there, where that is allowed. 0 or a negative errno. */
export function destroyDynptrAt(func: FuncState, slot: u32): i32 {
  if (!env.has(Feature.GuardedDynptrs)) return 0;
  if (func.slotType(slot, 0) !== Slot.Dynptr) return 0;
  const first = func.spilled(slot).word1 !== 0 ? slot : slot + 1;
  const dynptr = func.spilled(first);
  if (isCountedDynptr(dynptr.word0)) {
    say(M.DYNPTR_OVERWRITE);
    return -Errno.EINVAL;
  }
  markSlotScratched(first);
  markSlotScratched(first - 1);
  func.fillSlot(first, Slot.Invalid);
  func.fillSlot(first - 1, Slot.Invalid);
  invalidateSlices(dynptr.id);
  forgetDynptr(func, first);
  return 0;
}

function forgetDynptr(func: FuncState, first: u32): void {
  forgetSlotObject(func, first, Slot.Invalid);
  forgetSlotObject(func, first - 1, Slot.Invalid);
}

/** A helper has given the dynptr back: its clones and slices end with it. 0 or a negative errno. */
export function releaseDynptr(reg: RegState): i32 {
  if (!env.has(Feature.GuardedDynptrs)) return releasePlainDynptr(reg);
  const func = frameOf(reg);
  const slot = objectSlot(reg, NAME, SLOTS);
  if (slot < 0) return slot;
  const dynptr = func.spilled(slot);
  if (!isCountedDynptr(dynptr.word0)) {
    forgetDynptr(func, slot);
    return 0;
  }
  const refId = dynptr.refId;
  releaseReference(refId);
  for (let i: u32 = 1; i < func.stackSlots; i++) {
    if (func.spilled(i).refId !== refId) continue;
    if (func.slotType(i, 0) !== Slot.Dynptr) {
      say(M.BUG_REF_OBJ_ID);
      return -Errno.EFAULT;
    }
    if (func.spilled(i).word1 !== 0) forgetDynptr(func, i);
  }
  return 0;
}

/* Arguments. */

function initialize(reg: RegState, type: u32, insn: i32, cloneOf: u32): i32 {
  const func = frameOf(reg);
  const slot = objectSlot(reg, NAME, SLOTS);
  if (slot < 0) return slot;
  let error = destroyDynptrAt(func, slot);
  if (error === 0) error = destroyDynptrAt(func, slot - 1);
  if (error !== 0) return error;
  func.fillSlot(slot, Slot.Dynptr);
  func.fillSlot(slot - 1, Slot.Dynptr);
  const kind = kindOfFlags(type);
  if (kind === DynptrKind.Invalid) return -Errno.EINVAL;
  const id = env.newId();
  const first = func.spilled(slot);
  const second = func.spilled(slot - 1);
  setDynptr(first, kind, true, id);
  setDynptr(second, kind, false, id);
  if (isCountedDynptr(kind)) {
    const refId = cloneOf !== 0 ? cloneOf : acquireReference(insn);
    first.refId = refId;
    second.refId = refId;
  }
  first.live |= LIVE_WRITTEN;
  second.live |= LIVE_WRITTEN;
  return 0;
}

function construct(register: u32, insn: i32, type: u32, cloneOf: u32): i32 {
  const reg = env.currentReg(register);
  const place = reg.type === Reg.ConstDynptr ? -Errno.EINVAL : objectSlot(reg, NAME, SLOTS);
  if (place < 0 && place !== -Errno.ERANGE) {
    say(M.DYNPTR_NOT_UNINIT);
    return -Errno.EINVAL;
  }
  for (let off: i32 = 0; off < SLOTS * 8; off += 8) {
    const error = checkAccess(insn, register, off, 8, true, -1, false, false);
    if (error !== 0) return error;
  }
  return initialize(reg, type, insn, cloneOf);
}

function isInitialized(reg: RegState): bool {
  if (reg.type === Reg.ConstDynptr) return true;
  const slot = objectSlot(reg, NAME, SLOTS);
  if (slot < 0) return false;
  const func = frameOf(reg);
  if (func.spilled(slot).word1 === 0) return false;
  const all: u64 = 0x0101_0101_0101_0101 * <u64>Slot.Dynptr;
  return load<u64>(func.slotTypes(slot)) === all && load<u64>(func.slotTypes(slot - 1)) === all;
}

function isOfKind(reg: RegState, type: u32): bool {
  if (type === Arg.Dynptr) return true;
  const dynptr = dynptrOf(reg);
  return isReg(dynptr) && dynptr.word0 === kindOfFlags(type);
}

function markDynptrRead(reg: RegState): i32 {
  if (reg.type === Reg.ConstDynptr) return 0;
  const slot = objectSlot(reg, NAME, SLOTS);
  if (slot < 0) return slot;
  const func = frameOf(reg);
  const error = markRegRead(func.spilled(slot), LIVE_READ64);
  return error !== 0 ? error : markRegRead(func.spilled(slot - 1), LIVE_READ64);
}

/**
 * An argument that is a dynptr. `type` is Arg.Dynptr with flags: Uninit where the call makes it, Rdonly where it
 * is not changed, a kind where it must be of that. `cloneOf` is the reference a made one shares, 0 for none.
 */
export function checkDynptrArg(register: u32, insn: i32, type: u32, cloneOf: u32): i32 {
  if (!env.has(Feature.GuardedDynptrs)) return checkPlainDynptrArg(register, insn, type, kindOfFlags(type));
  const reg = env.currentReg(register);
  if (reg.type !== Reg.Stack && reg.type !== Reg.ConstDynptr) {
    say(M.DYNPTR_EXPECTED, register - 1);
    return -Errno.EINVAL;
  }
  if ((type & Flag.Uninit) !== 0) {
    if ((type & Flag.Rdonly) === 0) return construct(register, insn, type, cloneOf);
    say(M.BUG_DYNPTR_FLAGS);
    return -Errno.EFAULT;
  }
  if (reg.type === Reg.ConstDynptr && (type & Flag.Rdonly) === 0) {
    say(M.DYNPTR_CONST);
    return -Errno.EINVAL;
  }
  if (!isInitialized(reg)) {
    say(M.DYNPTR_NOT_INIT, register - 1);
    return -Errno.EINVAL;
  }
  if (!isOfKind(reg, type & ~(<u32>Flag.Rdonly))) {
    say(M.DYNPTR_KIND, dynptrName(kindOfFlags(type)), register - 1);
    return -Errno.EINVAL;
  }
  return markDynptrRead(reg);
}
