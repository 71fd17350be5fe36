/**
 * The interpreter's memory accesses that its fast path (low memory, one compare) does not take: sparse pages,
 * accesses at the end of memory or across sparse pages, arena pointers, and what faults.
 */
import { FaultKind, ProgramRecord, State } from '../../bpf/abi.ts';
import { raiseAccessFault } from './fault.ts';
import { Field, Op } from './op.ts';
import { copyFromKernel, copyToKernel, isMapped, translate } from './ram.ts';

/** Bytes before and behind an arena where nothing is ever mapped: as far as an offset reaches. */
const ARENA_GUARD: u64 = 0x8000;

/**
 * Executes a load. One that faults reads as zero where the instruction probes; otherwise the fault is raised.
 * @returns false on a fault
 */
export function loadSlow(insn: usize): bool {
  const op: i32 = load<u8>(insn, Field.Base);
  const signed = op >= Op.LoadS8;
  const size: u32 = 1 << (signed ? op - Op.LoadS8 : op - Op.LoadU8);
  const address = load<u64>(<usize>load<u8>(insn, Field.Src), State.Regs) + load<i16>(insn, Field.Offset);
  if (!loadOutside(address, size, load<u8>(insn, Field.Probe) !== 0)) return false;
  let value = load<u64>(State.Scratch);
  if (signed) {
    const unused: u64 = 64 - (size << 3);
    value = <u64>(<i64>(value << unused) >> unused);
  }
  store<u64>(<usize>load<u8>(insn, Field.Dst), value, State.Regs);
  return true;
}

/** Loads into `State.Scratch`, zero-extended; zero where an arena has no page. @returns false on a fault */
export function loadOutside(address: u64, size: u32, probe: bool): bool {
  store<u64>(State.Scratch, 0);
  if (copyFromKernel(State.Scratch, arenaAddress(address, size), size)) return true;
  if (probe || isOfArena(address, size)) return true;
  raiseAccessFault(FaultKind.Read, address, size);
  return false;
}

/** Executes a store of an immediate or a register. @returns false on a fault. */
export function storeSlow(insn: usize): bool {
  const op: i32 = load<u8>(insn, Field.Base);
  const fromRegister = op >= Op.StoreX8;
  const size: u32 = 1 << (fromRegister ? op - Op.StoreX8 : op - Op.StoreK8);
  const address = load<u64>(<usize>load<u8>(insn, Field.Dst), State.Regs) + load<i16>(insn, Field.Offset);
  const value = fromRegister
    ? load<u64>(<usize>load<u8>(insn, Field.Src), State.Regs)
    : load<u64>(insn, Field.Imm);
  return storeOutside(address, size, value);
}

/** Stores the low `size` bytes of a value; nothing where an arena has no page. @returns false on a fault */
export function storeOutside(address: u64, size: u32, value: u64): bool {
  const place = arenaAddress(address, size);
  store<u64>(State.Scratch, value);
  if (copyToKernel(place, State.Scratch, size)) return true;
  if (isOfArena(address, size) && !isMapped(place, size)) return true;
  raiseWriteFault(place, address, size);
  return false;
}

/** Linear offset for a read-modify-write of 4 or 8 bytes; 0 when a fault was raised. */
export function atomicOffset(address: u64, size: u32): u32 {
  const place = arenaAddress(address, size);
  const offset = translate(place, size, true);
  if (offset === 0) raiseWriteFault(place, address, size);
  return offset;
}

function raiseWriteFault(place: u64, address: u64, size: u32): void {
  // A mapped place that cannot be written is one that got no backing, or an atomic across sparse pages.
  const exhausted = isMapped(place, size) && translate(place, 1, true) === 0;
  raiseAccessFault(exhausted ? FaultKind.OutOfMemory : FaultKind.Write, address, size);
}

/** Arena pointers are 32 bits wide after a cast to the kernel's space. */
function arenaAddress(address: u64, size: u32): u64 {
  const program = load<u32>(State.Program);
  const within = address + size <= load<u64>(program, ProgramRecord.ArenaSize) && address >> 32 === 0;
  return within ? load<u64>(program, ProgramRecord.ArenaKernel) + address : address;
}

/** Whether an access is one to the program's arena, or beside it by no more than the offset of an instruction. */
function isOfArena(address: u64, size: u32): bool {
  const span = load<u64>(load<u32>(State.Program), ProgramRecord.ArenaSize);
  const end = span + 2 * ARENA_GUARD;
  const start = address + ARENA_GUARD;
  return span !== 0 && start < end && end - start >= size;
}
