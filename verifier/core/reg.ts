/**
 * What the verifier knows of one register (or of one spilled register).
 *
 * The record is flat and 112 bytes: type, offset and the type's own words first, then the value's range, so
 * that the comparisons that decide pruning are comparisons of a prefix.
 */
import { Flag, Reg } from '../types.ts';
import { Tnum } from './tnum.ts';

/** Bytes of a RegState; `offsetof` is not padded, so the size is fixed by hand and asserted in tests. */
export const REG_SIZE: u32 = 112;
/** Prefix that says "same type, same constant offset, same object": up to the range. */
export const REG_PREFIX_RANGE: u32 = 24;
/** Prefix that says "same but for ids": up to `id`. */
export const REG_PREFIX_ID: u32 = 88;

/** `RegState.subregDef` of a register whose upper half is not known to be zero-extended by a 32-bit write. */
export const NO_SUBREG_DEF: i32 = 0;

@unmanaged
export class RegState {
  /** Base type and flag bits (`Reg`, `Flag`). */
  type: u32;
  /** Constant part of a pointer's offset, in bytes. */
  off: i32;
  /** packet: range; map pointers and values: address of the MapInfo; BTF ids, iterators: address of the Btf;
   * mem: size; func: subprogram; dynptr: kind. */
  word0: u32;
  /** mem: dynptr id; dynptr: 1 in the first slot. */
  word1: u32;
  /** map pointers and values: uid of the inner map; BTF ids and iterators: type id. */
  word2: u32;
  /** iterators: phase in the low two bits, depth above. */
  word3: u32;
  /** Range of a scalar, or of the variable part of a pointer's offset: tnum (varOff), then bounds. */
  value: u64;
  mask: u64;
  smin: i64;
  smax: i64;
  umin: u64;
  umax: u64;
  smin32: i32;
  smax32: i32;
  umin32: u32;
  umax32: u32;
  /** Links registers with the same value, or-null pointers of one call, packet pointers of one base. */
  id: u32;
  /** Reference (acquired object) the register stands for. */
  refId: u32;
  /** Same register in the parent state, for liveness. */
  parent: u32;
  /** Frame a stack pointer points into. */
  frame: u32;
  /** Instruction + 1 that wrote the lower half alone, for zero extension. */
  subregDef: i32;
  /** LIVE_* bits. */
  live: u8;
  precise: bool;
  pad: u16;

  get base(): u32 {
    return this.type & Reg.BaseMask;
  }

  get varOff(): Tnum {
    return changetype<Tnum>(changetype<usize>(this) + offsetof<RegState>('value'));
  }

  has(flag: u32): bool {
    return (this.type & flag) !== 0;
  }

  get maybeNull(): bool {
    return (this.type & Flag.MaybeNull) !== 0;
  }

  get isConst(): bool {
    return this.type === Reg.Scalar && this.mask === 0;
  }
}

/** Liveness of a register or slot. */
export const LIVE_NONE: u8 = 0;
export const LIVE_READ32: u8 = 1;
export const LIVE_READ64: u8 = 2;
export const LIVE_READ: u8 = 3;
export const LIVE_WRITTEN: u8 = 4;
/** No one will write to it any more: the state can be compared and cleaned. */
export const LIVE_DONE: u8 = 8;

/** Scratch registers for transfer functions that need a copy; indexes are the caller's to keep apart. */
const scratch: usize = memory.data(112 * 8, 16);

export function scratchReg(index: u32): RegState {
  return changetype<RegState>(scratch + index * REG_SIZE);
}

export function copyReg(to: RegState, from: RegState): void {
  memory.copy(changetype<usize>(to), changetype<usize>(from), REG_SIZE);
}

/** Everything is possible, type aside. */
export function setUnbounded(reg: RegState): void {
  reg.smin = i64.MIN_VALUE;
  reg.smax = i64.MAX_VALUE;
  reg.umin = 0;
  reg.umax = u64.MAX_VALUE;
  setUnbounded32(reg);
}

export function setUnbounded32(reg: RegState): void {
  reg.smin32 = i32.MIN_VALUE;
  reg.smax32 = i32.MAX_VALUE;
  reg.umin32 = 0;
  reg.umax32 = u32.MAX_VALUE;
}

export function setUnbounded64(reg: RegState): void {
  reg.smin = i64.MIN_VALUE;
  reg.smax = i64.MAX_VALUE;
  reg.umin = 0;
  reg.umax = u64.MAX_VALUE;
}

/** Gives range and tnum one value; type, ids and flags stay. */
export function setKnownRange(reg: RegState, value: u64): void {
  reg.value = value;
  reg.mask = 0;
  reg.smin = <i64>value;
  reg.smax = <i64>value;
  reg.umin = value;
  reg.umax = value;
  reg.smin32 = <i32>value;
  reg.smax32 = <i32>value;
  reg.umin32 = <u32>value;
  reg.umax32 = <u32>value;
}

/** A known value: the type's words, ids and offset are cleared, the type itself is the caller's. */
export function setKnown(reg: RegState, value: u64): void {
  clearIdentity(reg);
  setKnownRange(reg, value);
}

/** Only the lower 32 bits of the range become known. */
export function setKnownRange32(reg: RegState, value: u32): void {
  reg.value = (reg.value & 0xffff_ffff_0000_0000) | value;
  reg.mask = reg.mask & 0xffff_ffff_0000_0000;
  reg.smin32 = <i32>value;
  reg.smax32 = <i32>value;
  reg.umin32 = value;
  reg.umax32 = value;
}

/** Offset, the type's words and both ids to zero. */
export function clearIdentity(reg: RegState): void {
  reg.off = 0;
  reg.word0 = 0;
  reg.word1 = 0;
  reg.word2 = 0;
  reg.word3 = 0;
  reg.id = 0;
  reg.refId = 0;
}

/** The register is the constant 0 offset of whatever type the caller sets. */
export function setKnownZero(reg: RegState): void {
  setKnown(reg, 0);
}

/** A scalar with one value. */
export function setConstScalar(reg: RegState, value: u64): void {
  setKnown(reg, value);
  reg.type = Reg.Scalar;
}

/** A scalar of which nothing is known; `precise` is the caller's to say (true where precision is not tracked). */
export function setUnknown(reg: RegState, precise: bool): void {
  reg.type = Reg.Scalar;
  clearIdentity(reg);
  reg.frame = 0;
  reg.value = 0;
  reg.mask = u64.MAX_VALUE;
  reg.precise = precise;
  setUnbounded(reg);
}

/** Not readable. Liveness and parent stay: they belong to the place, not to the value. */
export function setNotInit(reg: RegState, precise: bool): void {
  setUnknown(reg, precise);
  reg.type = Reg.NotInit;
}

export function isPacketPointer(reg: RegState): bool {
  const base = reg.type & (Reg.BaseMask | Flag.MaybeNull);
  return base === Reg.Packet || base === Reg.PacketMeta || base === Reg.PacketEnd;
}

/** Spilled whole: such types keep their identity when an 8-byte store puts them on the stack. */
export function isSpillable(type: u32): bool {
  const base = type & Reg.BaseMask;
  return base >= <u32>Reg.Ctx && base <= <u32>Reg.Arena && base !== Reg.TpBuffer
    ? true
    : base === Reg.Buf || base === Reg.Func;
}
