/**
 * The interpreter's memory accesses that its fast path (low memory, one compare) does not take: sparse pages,
 * accesses at the end of memory or across sparse pages, arena pointers, and what faults.
 */
import { FaultKind, ProgramRecord, State } from '../../bpf/abi.ts';
import { raiseAccessFault } from './fault.ts';
import { Field } from './op.ts';
import { copyFromKernel, copyToKernel, isMapped, translate } from './ram.ts';

/**
 * Reads `size` bytes (1, 2, 4, 8), zero-extended. A fault reads as zero where the instruction probes;
 * otherwise it is raised, and the value means nothing.
 */
export function readSlow(insn: usize, address: u64, size: u32): u64 {
  const place = arenaAddress(address);
  store<u64>(State.Scratch, 0);
  if (copyFromKernel(State.Scratch, place, size)) return load<u64>(State.Scratch);
  if (load<u32>(insn, Field.Imm) === 0) raiseAccessFault(FaultKind.Read, address, size);
  return 0;
}

/** Writes the low `size` bytes of a value, or raises a fault. */
export function writeSlow(address: u64, size: u32, value: u64): void {
  const place = arenaAddress(address);
  store<u64>(State.Scratch, value);
  if (!copyToKernel(place, State.Scratch, size)) raiseWriteFault(place, address, size);
}

/** Linear offset for a read-modify-write of 4 or 8 bytes; 0 when a fault was raised. */
export function atomicOffset(address: u64, size: u32): u32 {
  const place = arenaAddress(address);
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
function arenaAddress(address: u64): u64 {
  if (address >> 32 !== 0) return address;
  const base = load<u64>(load<u32>(State.Program), ProgramRecord.ArenaKernel);
  return base === 0 ? address : base + address;
}
