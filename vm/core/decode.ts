/**
 * Decodes a program's 8-byte slots (RFC 9669 section 3) into the interpreter's instructions. What cannot be
 * decoded is refused here, so the interpreter only meets operations, registers and targets that exist.
 */
import { LoadError, ProgramFlag, ProgramRecord, State } from '../../bpf/abi.ts';
import {
  Alu,
  Atomic,
  CallKind,
  Class,
  Jmp,
  Limit,
  Mode,
  MovOffset,
  Pseudo,
  Size,
  Source,
} from '../../bpf/isa.ts';
import { KERNEL_IMAGE } from './address.ts';
import { fuse } from './fuse.ts';
import { privateAlloc, privateFree } from './heap.ts';
import { Field, Op } from './op.ts';
import { forgetProgram, registerProgram } from './programs.ts';
import { LOW_ADDRESS } from './ram.ts';

const SLOT: u32 = 8;
/** Marks the second half of a ld_imm64 in the slot map. */
const NO_INSN: u32 = 0xffff_ffff;
const TAIL_CALL_HELPER: i32 = 12;

/** The program being decoded. */
let source: u32 = 0;
let slots: u32 = 0;
let start: u32 = 0;
/** u32 per slot: index of its decoded instruction, or NO_INSN. */
let indexOf: u32 = 0;
let flags: u32 = 0;

/**
 * Loads a program.
 * @param from linear offset of its instructions, at most 2^20 slots
 * @returns its record (`ProgramRecord`), or 0: why and where is in `State.LoadError` and `State.LoadSlot`.
 */
export function loadProgram(from: u32, slotCount: u32, programFlags: u32): u32 {
  source = from;
  slots = slotCount;
  flags = programFlags;
  store<u32>(State.LoadError, LoadError.None);
  if (slotCount === 0) return refuse(LoadError.Empty, 0);
  indexOf = privateAlloc(slotCount * 4, 16);
  if (indexOf === 0) return refuse(LoadError.OutOfMemory, 0);
  const program = decodeProgram();
  privateFree(indexOf, slotCount * 4);
  return program;
}

/** Gives a program's memory back. No run may be on it. */
export function unloadProgram(program: u32): void {
  forgetProgram(program);
  const count = load<u32>(program, ProgramRecord.Count);
  privateFree(load<u32>(program, ProgramRecord.Start), (count + 1) * Field.Size);
  privateFree(load<u32>(program, ProgramRecord.Slots), (count + 1) * 4);
  privateFree(program, ProgramRecord.Size);
}

/** Kernel address that stands for a function: what a function pointer in a register holds. */
export function functionAddress(insn: u32): u64 {
  return KERNEL_IMAGE + insn;
}

/** Decoded instruction at a slot, 0 when there is none. */
export function insnAtSlot(program: u32, slot: u32): u32 {
  const count = load<u32>(program, ProgramRecord.Count);
  const table = load<u32>(program, ProgramRecord.Slots);
  let low: u32 = 0;
  let high: u32 = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (load<u32>(table + (middle << 2)) < slot) low = middle + 1;
    else high = middle;
  }
  if (low === count || load<u32>(table + (low << 2)) !== slot) return 0;
  return load<u32>(program, ProgramRecord.Start) + low * Field.Size;
}

/** Slot of a decoded instruction. */
export function slotOf(program: u32, insn: u32): u32 {
  const index = (insn - load<u32>(program, ProgramRecord.Start)) / Field.Size;
  return load<u32>(load<u32>(program, ProgramRecord.Slots) + (index << 2));
}

function refuse(error: u32, slot: u32): u32 {
  store<u32>(State.LoadError, error);
  store<u32>(State.LoadSlot, slot);
  return 0;
}

function decodeProgram(): u32 {
  const count = mapSlots();
  if (count === 0) return 0;
  const program = privateAlloc(ProgramRecord.Size, 16);
  start = privateAlloc((count + 1) * Field.Size, 16);
  const table = privateAlloc((count + 1) * 4, 16);
  if (program === 0 || start === 0 || table === 0) return refuse(LoadError.OutOfMemory, 0);
  store<u32>(program, start, ProgramRecord.Start);
  store<u32>(program, count, ProgramRecord.Count);
  store<u32>(program, flags, ProgramRecord.Flags);
  store<u32>(program, table, ProgramRecord.Slots);
  let insn = start;
  for (let slot: u32 = 0; slot < slots; slot++) {
    const index = load<u32>(indexOf + (slot << 2));
    if (index === NO_INSN) continue;
    store<u32>(table + (index << 2), slot);
    const error = decodeInsn(insn, slot);
    if (error !== LoadError.None) {
      unloadProgram(program);
      return refuse(error, slot);
    }
    insn += Field.Size;
  }
  store<u32>(table + (count << 2), slots);
  setOp(insn, Op.End);
  fuse(start, count);
  if (registerProgram(program)) return program;
  unloadProgram(program);
  return refuse(LoadError.TooMany, 0);
}

/** Fills `indexOf`; the number of instructions, 0 when a ld_imm64 is cut off. */
function mapSlots(): u32 {
  let count: u32 = 0;
  for (let slot: u32 = 0; slot < slots; slot++) {
    store<u32>(indexOf + (slot << 2), count++);
    if (load<u8>(source + slot * SLOT) !== (Class.Ld | Mode.Imm | Size.Dw)) continue;
    slot++;
    if (slot === slots || load<u32>(source + slot * SLOT) !== 0) return refuse(LoadError.BadImm64, slot - 1);
    store<u32>(indexOf + (slot << 2), NO_INSN);
  }
  return count;
}

function setOp(insn: u32, op: i32): void {
  store<u16>(insn, op, Field.Op);
  store<u8>(insn, op, Field.Base);
}

/** Decodes the instruction of a slot; a LoadError. */
function decodeInsn(insn: u32, slot: u32): u32 {
  const at = source + slot * SLOT;
  const opcode: i32 = load<u8>(at);
  const dst: i32 = load<u8>(at, 1) & 15;
  const src: i32 = load<u8>(at, 1) >> 4;
  store<u8>(insn, dst << 3, Field.Dst);
  store<u8>(insn, src << 3, Field.Src);
  store<u8>(insn, 0, Field.Probe);
  store<i16>(insn, load<i16>(at, 2), Field.Offset);
  store<i64>(insn, load<i32>(at, 4), Field.Imm);
  const kind = opcode & Class.Mask;
  const pseudo = kind === Class.Ld || (kind === Class.Jmp && (opcode & Jmp.Mask) === Jmp.Call);
  if (dst >= Limit.Registers || (src >= Limit.Registers && !pseudo)) return LoadError.BadRegister;
  switch (kind) {
    case Class.Alu:
    case Class.Alu64:
      return decodeAlu(insn, at, opcode);
    case Class.Jmp:
    case Class.Jmp32:
      return decodeJump(insn, slot, opcode);
    case Class.Ld:
      return decodeLd(insn, slot, opcode, src);
    case Class.Ldx:
      return decodeLdx(insn, opcode);
    case Class.St:
      return decodeSt(insn, opcode);
    default:
      return decodeStx(insn, at, opcode);
  }
}

function done(insn: u32, op: i32): u32 {
  setOp(insn, op);
  return LoadError.None;
}

/** A load, or the store of a register. */
function doneAccess(insn: u32, op: i32): u32 {
  store<u64>(insn, <u64>load<i16>(insn, Field.Offset) - LOW_ADDRESS, Field.Distance);
  return done(insn, op);
}

function decodeAlu(insn: u32, at: u32, opcode: i32): u32 {
  const wide = (opcode & Class.Mask) === Class.Alu64;
  const fromRegister = (opcode & Source.X) !== 0;
  const operation = opcode & Alu.Mask;
  const offset = load<i16>(at, 2);
  if (operation === Alu.End) return decodeSwap(insn, wide, fromRegister, load<i32>(at, 4));
  if (operation === Alu.Neg)
    return fromRegister ? LoadError.UnknownOpcode : done(insn, wide ? Op.Neg64 : Op.Neg32);
  if (operation > Alu.End) return LoadError.UnknownOpcode;
  if (operation === Alu.Mov && fromRegister && offset !== 0)
    return decodeMov(insn, wide, offset, load<i32>(at, 4));
  const block: i32 = wide ? (fromRegister ? Op.Alu64X : Op.Alu64K) : fromRegister ? Op.Alu32X : Op.Alu32K;
  if (offset === 0) return done(insn, block + (operation >> 4));
  if (offset !== 1) return LoadError.UnknownOpcode;
  if (operation === Alu.Div) return done(insn, block + (Op.Sdiv64K - Op.Alu64K));
  if (operation === Alu.Mod) return done(insn, block + (Op.Smod64K - Op.Alu64K));
  return LoadError.UnknownOpcode;
}

/** Sign extensions and address space casts. */
function decodeMov(insn: u32, wide: bool, offset: i32, imm: i32): u32 {
  if (offset === MovOffset.AddrSpaceCast && wide) {
    // imm is (destination space << 16) | source space; space 0 is the kernel's, 1 the arena's.
    if (imm === 1) return done(insn, Op.Mov32X);
    return imm === 1 << 16 ? done(insn, Op.CastUser) : LoadError.UnknownOpcode;
  }
  if (offset === MovOffset.Sext8) return done(insn, wide ? Op.Movsx8To64 : Op.Movsx8To32);
  if (offset === MovOffset.Sext16) return done(insn, wide ? Op.Movsx16To64 : Op.Movsx16To32);
  if (offset === MovOffset.Sext32 && wide) return done(insn, Op.Movsx32To64);
  return LoadError.UnknownOpcode;
}

/** Byte order: class Alu converts to little (K) or big (X) endian, class Alu64 swaps always. */
function decodeSwap(insn: u32, always: bool, bigEndian: bool, bits: i32): u32 {
  if (always && bigEndian) return LoadError.UnknownOpcode;
  const swap = always || bigEndian;
  if (bits === 16) return done(insn, swap ? Op.Swap16 : Op.Low16);
  if (bits === 32) return done(insn, swap ? Op.Swap32 : Op.Low32);
  if (bits === 64) return done(insn, swap ? Op.Swap64 : Op.Nop);
  return LoadError.UnknownOpcode;
}

function decodeJump(insn: u32, slot: u32, opcode: i32): u32 {
  const at = source + slot * SLOT;
  const wide = (opcode & Class.Mask) === Class.Jmp;
  const fromRegister = (opcode & Source.X) !== 0;
  const operation = opcode & Jmp.Mask;
  const imm = load<i32>(at, 4);
  store<i32>(insn, imm, Field.JumpImm);
  if (operation === Jmp.Call)
    return wide ? decodeCall(insn, slot, fromRegister, imm) : LoadError.UnknownOpcode;
  if (operation === Jmp.Exit) return wide && !fromRegister ? done(insn, Op.Exit) : LoadError.UnknownOpcode;
  if (operation > Jmp.Cond) return LoadError.UnknownOpcode;
  const unconditional = operation === Jmp.Ja || operation === Jmp.Cond;
  if (unconditional && fromRegister) return LoadError.UnknownOpcode;
  const distance: i32 = operation === Jmp.Ja && !wide ? imm : load<i16>(at, 2);
  const error = setTarget(insn, slot, distance);
  if (error !== LoadError.None) return error;
  if (operation === Jmp.Ja) return done(insn, Op.Ja);
  if (operation === Jmp.Cond) return wide ? done(insn, Op.MayGoto) : LoadError.UnknownOpcode;
  const block: i32 = wide ? (fromRegister ? Op.Jmp64X : Op.Jmp64K) : fromRegister ? Op.Jmp32X : Op.Jmp32K;
  return done(insn, block + (operation >> 4));
}

function decodeCall(insn: u32, slot: u32, fromRegister: bool, imm: i32): u32 {
  const kind = load<u8>(insn, Field.Src) >> 3;
  if (fromRegister) {
    // Compilers before LLVM 19 put the register into imm.
    if (load<u8>(insn, Field.Dst) === 0 && imm > 0 && imm < Limit.Registers)
      store<u8>(insn, imm << 3, Field.Dst);
    return done(insn, Op.CallRegister);
  }
  if (kind === CallKind.Local) {
    setOp(insn, Op.Call);
    return setTarget(insn, slot, imm);
  }
  if (kind !== CallKind.Helper) return LoadError.UnknownOpcode;
  return done(insn, imm === TAIL_CALL_HELPER ? Op.TailCall : Op.CallHelper);
}

/** Points a jump at the decoded instruction `distance` slots after the next one. */
function setTarget(insn: u32, slot: u32, distance: i32): u32 {
  const target = <i64>slot + 1 + distance;
  if (target < 0 || target >= <i64>slots) return LoadError.BadTarget;
  const index = load<u32>(indexOf + ((<u32>target) << 2));
  if (index === NO_INSN) return LoadError.BadTarget;
  store<u32>(insn, start + index * Field.Size, Field.Target);
  return LoadError.None;
}

function decodeLd(insn: u32, slot: u32, opcode: i32, src: i32): u32 {
  const mode = opcode & Mode.Mask;
  if (mode === Mode.Imm)
    return (opcode & Size.Mask) === Size.Dw ? decodeImm64(insn, slot, src) : LoadError.UnknownOpcode;
  if (mode !== Mode.Abs && mode !== Mode.Ind) return LoadError.UnknownOpcode;
  if ((opcode & Size.Mask) === Size.Dw) return LoadError.UnknownOpcode;
  if (mode === Mode.Ind && src >= Limit.Registers) return LoadError.BadRegister;
  store<i16>(insn, <i16>opcode, Field.Offset);
  return done(insn, Op.Packet);
}

function decodeImm64(insn: u32, slot: u32, src: i32): u32 {
  const low = source + slot * SLOT;
  if (src === Pseudo.None) {
    store<u32>(insn, load<u32>(low, 4), Field.Imm);
    store<u32>(insn, load<u32>(low, SLOT + 4), Field.Imm + 4);
    return done(insn, Op.Imm64);
  }
  if (src !== Pseudo.Func) return LoadError.BadImm64;
  const error = setTarget(insn, slot, load<i32>(low, 4));
  store<u64>(insn, functionAddress(load<u32>(insn, Field.Target)), Field.Imm);
  setOp(insn, Op.Imm64);
  return error;
}

/** 0..3 for 1, 2, 4 and 8 bytes. */
function widthOf(opcode: i32): i32 {
  const size = opcode & Size.Mask;
  if (size === Size.B) return 0;
  if (size === Size.H) return 1;
  return size === Size.W ? 2 : 3;
}

function decodeLdx(insn: u32, opcode: i32): u32 {
  const mode = opcode & Mode.Mask;
  const width = widthOf(opcode);
  const probe = mode === Mode.ProbeMem || mode === Mode.ProbeMemsx || (flags & ProgramFlag.ProbeLoads) !== 0;
  store<u8>(insn, <u8>probe, Field.Probe);
  if (mode === Mode.Mem || mode === Mode.ProbeMem) return doneAccess(insn, Op.LoadU8 + width);
  const signed = mode === Mode.Memsx || mode === Mode.ProbeMemsx;
  return signed && width < 3 ? doneAccess(insn, Op.LoadS8 + width) : LoadError.UnknownOpcode;
}

function decodeSt(insn: u32, opcode: i32): u32 {
  if ((opcode & Mode.Mask) !== Mode.Mem) return LoadError.UnknownOpcode;
  return done(insn, Op.StoreK8 + widthOf(opcode));
}

function decodeStx(insn: u32, at: u32, opcode: i32): u32 {
  const mode = opcode & Mode.Mask;
  const width = widthOf(opcode);
  if (mode === Mode.Mem) return doneAccess(insn, Op.StoreX8 + width);
  if (mode !== Mode.Atomic) return LoadError.UnknownOpcode;
  const operation = load<i32>(at, 4);
  // One thread: acquire and release order nothing, so these are a plain load and a plain store.
  if (operation === Atomic.LoadAcquire) {
    store<u8>(insn, <u8>((flags & ProgramFlag.ProbeLoads) !== 0), Field.Probe);
    return doneAccess(insn, Op.LoadU8 + width);
  }
  if (operation === Atomic.StoreRelease) return doneAccess(insn, Op.StoreX8 + width);
  if (width < 2 || !isAtomic(operation)) return LoadError.UnknownOpcode;
  store<u32>(insn, operation, Field.Imm);
  store<u32>(insn, width === 3 ? 8 : 4, Field.JumpImm);
  return done(insn, Op.Atomic);
}

/** add, or, and, xor with and without fetch; xchg; cmpxchg. */
function isAtomic(operation: i32): bool {
  if (operation === Atomic.Xchg || operation === Atomic.Cmpxchg) return true;
  const plain = operation & ~Atomic.Fetch;
  return plain === Atomic.Add || plain === Atomic.Or || plain === Atomic.And || plain === Atomic.Xor;
}
