/** References: objects a program has acquired and must release on every path. */
import { Errno } from '../../bpf/errno.ts';
import { Flag, Reg } from '../types.ts';
import * as env from './env.ts';
import { say } from './log.ts';
import * as M from './messages.ts';
import { isPacketPointer, RegState, setNotInit, setUnknown } from './reg.ts';
import { FuncState, pushRef, removeRef } from './state.ts';

/** Something is acquired at the current instruction. The id of the new reference. */
export function acquireReference(insn: i32): u32 {
  const func = env.currentFrame();
  const id = env.newId();
  pushRef(func, id, insn, func.inCallback ? func.frame : 0);
  return id;
}

/** Takes the reference off the current frame's list. -EINVAL when it is not there, or a caller's. */
export function dropReference(id: u32): i32 {
  const func = env.currentFrame();
  for (let i: u32 = 0; i < func.refCount; i++) {
    const ref = func.ref(i);
    if (ref.id !== id) continue;
    // A callback runs any number of times: it cannot give back what its caller holds.
    if (func.inCallback && ref.callback !== <i32>func.frame) return -Errno.EINVAL;
    removeRef(func, i);
    return 0;
  }
  return -Errno.EINVAL;
}

/** The register's value must not be used any more (as a number it may leak what it was). */
export function invalidateReg(reg: RegState): void {
  if (env.allowPtrLeaks) setUnknown(reg, !env.bpfCapable);
  else setNotInit(reg, !env.bpfCapable);
}

const enum Doomed {
  Reference = 0,
  NonOwning = 1,
  Packet = 2,
}

function isPacketSlice(reg: RegState): bool {
  return reg.base === Reg.Mem && (reg.type & (Flag.DynptrSkb | Flag.DynptrXdp)) !== 0;
}

function isDoomed(reg: RegState, what: Doomed, id: u32): bool {
  if (what === Doomed.Reference) return reg.refId === id;
  if (what === Doomed.NonOwning) {
    return (reg.type & (Flag.Alloc | Flag.NonOwnRef)) === (Flag.Alloc | Flag.NonOwnRef);
  }
  return isPacketPointer(reg) || isPacketSlice(reg);
}

function invalidateInFrame(func: FuncState, what: Doomed, id: u32): void {
  for (let i: u32 = 0; i < 11; i++) {
    if (isDoomed(func.reg(i), what, id)) invalidateReg(func.reg(i));
  }
  for (let slot: u32 = 0; slot < func.stackSlots; slot++) {
    if (func.isSpill(slot) && isDoomed(func.spilled(slot), what, id)) invalidateReg(func.spilled(slot));
  }
}

function invalidateAll(what: Doomed, id: u32): void {
  for (let i: u32 = 0; i <= env.state.current; i++) invalidateInFrame(env.state.frame(i), what, id);
}

/** Releases a reference: every copy of the pointer is void. 0 or -EINVAL. */
export function releaseReference(id: u32): i32 {
  const error = dropReference(id);
  if (error === 0) invalidateAll(Doomed.Reference, id);
  return error;
}

/** Unlocking ends the pointers that were only good under the lock. */
export function invalidateNonOwning(): void {
  invalidateAll(Doomed.NonOwning, 0);
}

/** Packet data may have moved. */
export function invalidatePacketPointers(): void {
  invalidateAll(Doomed.Packet, 0);
}

/** Whether something is still held where the program (or a callback) ends. 0 or -EINVAL. */
export function checkReferenceLeak(exception: bool): i32 {
  const func = env.currentFrame();
  if (!exception && func.frame !== 0 && !func.inCallback) return 0;
  let leaks = false;
  for (let i: u32 = 0; i < func.refCount; i++) {
    const ref = func.ref(i);
    if (!exception && func.inCallback && ref.callback !== <i32>func.frame) continue;
    say(M.UNRELEASED, ref.id, ref.insn);
    leaks = true;
  }
  return leaks ? -Errno.EINVAL : 0;
}
