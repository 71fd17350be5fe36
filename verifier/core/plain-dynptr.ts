/**
 * Dynptrs in kernels that know them by their slots alone (before 6.3): what overwrites a slot ends the dynptr without
 * further notice, and only those with a reference have an id that their slices share.
 */
import { Errno } from '../../bpf/errno.ts';
import { Arg, DynptrKind, Flag, Reg, Slot } from '../types.ts';
import { checkAccess } from './access.ts';
import * as env from './env.ts';
import { say } from './log.ts';
import * as M from './messages.ts';
import { dynptrName } from './names.ts';
import { acquireReference, releaseReference } from './refs.ts';
import { RegState } from './reg.ts';
import { frameOf, plainSlot } from './stack-object.ts';

const BYTES: i32 = 16;

/** Register that stands for the dynptr on the stack; null (0) where its place is none. */
export function plainDynptrOf(reg: RegState): RegState {
  const slot = reg.type === Reg.Stack ? plainSlot(reg) : -1;
  return slot < 0 ? changetype<RegState>(0) : frameOf(reg).spilled(slot);
}

function holdsDynptr(reg: RegState): bool {
  const slot = plainSlot(reg);
  if (slot < 0) return false;
  const func = frameOf(reg);
  for (let i: u32 = 0; i < 8; i++) {
    if (func.slotType(slot, i) === Slot.Dynptr || func.slotType(slot - 1, i) === Slot.Dynptr) return true;
  }
  return false;
}

function isInitialized(reg: RegState): bool {
  const slot = plainSlot(reg);
  if (slot < 0) return false;
  const func = frameOf(reg);
  if (func.spilled(slot).word1 === 0) return false;
  const all: u64 = 0x0101_0101_0101_0101 * <u64>Slot.Dynptr;
  return load<u64>(func.slotTypes(slot)) === all && load<u64>(func.slotTypes(slot - 1)) === all;
}

function construct(register: u32, insn: i32, kind: u32): i32 {
  const reg = env.currentReg(register);
  if (holdsDynptr(reg)) {
    say(M.DYNPTR_NOT_UNINIT);
    return -Errno.EINVAL;
  }
  for (let off: i32 = 0; off < BYTES; off += 8) {
    const error = checkAccess(insn, register, off, 8, true, -1, false, false);
    if (error !== 0) return error;
  }
  const slot = plainSlot(reg);
  if (slot < 0 || kind === DynptrKind.Invalid) return -Errno.EINVAL;
  const func = frameOf(reg);
  func.fillSlot(slot, Slot.Dynptr);
  func.fillSlot(slot - 1, Slot.Dynptr);
  func.spilled(slot).word1 = 1;
  func.spilled(slot).word0 = kind;
  func.spilled(slot - 1).word0 = kind;
  if (kind !== DynptrKind.Ringbuf) return 0;
  const id = acquireReference(insn);
  func.spilled(slot).refId = id;
  func.spilled(slot - 1).refId = id;
  return 0;
}

/** A helper has given the dynptr back. 0 or -EINVAL. */
export function releasePlainDynptr(reg: RegState): i32 {
  const slot = plainSlot(reg);
  if (slot < 0) return -Errno.EINVAL;
  const func = frameOf(reg);
  func.fillSlot(slot, Slot.Invalid);
  func.fillSlot(slot - 1, Slot.Invalid);
  const first = func.spilled(slot);
  const second = func.spilled(slot - 1);
  if (first.word0 === DynptrKind.Ringbuf) {
    releaseReference(first.refId);
    first.refId = 0;
    second.refId = 0;
  }
  first.word1 = 0;
  first.word0 = 0;
  second.word0 = 0;
  return 0;
}

/** An argument that is a dynptr of `kind` (Invalid: of any). `uninit`: the call makes it. 0 or a negative errno. */
export function checkPlainDynptrArg(register: u32, insn: i32, type: u32, kind: u32): i32 {
  const reg = env.currentReg(register);
  // one that the kernel hands to a callback is good for everything
  if ((reg.type & Reg.BaseMask) === Reg.ConstDynptr) return 0;
  if ((type & Flag.Uninit) !== 0) return construct(register, insn, kind);
  if (!isInitialized(reg)) {
    say(M.DYNPTR_NOT_INIT, register - 1);
    return -Errno.EINVAL;
  }
  if (type === Arg.Dynptr || plainDynptrOf(reg).word0 === kind) return 0;
  say(M.DYNPTR_KIND, dynptrName(kind), register - 1);
  return -Errno.EINVAL;
}
