/**
 * Instruction history: which instructions a path took where that is not just "the next one", and what the
 * precision walk needs to know of an instruction (stack slot it touched, registers it linked).
 *
 * One array for the whole verification; a state owns the part [historyStart, historyEnd).
 */

import { allocate } from './arena.ts';
import * as env from './env.ts';
import { follows } from './follow.ts';
import { VerifierState } from './state.ts';

@unmanaged
export class HistoryEntry {
  insn: i32;
  previous: i32;
  /** History.* bits. */
  flags: u32;
  pad: u32;
  /** Linked registers, packed as `LinkedRegs` does. */
  linked: u64;
}

const ENTRY_SIZE: u32 = 24;

export const enum History {
  FrameMask = 7,
  SlotShift = 3,
  SlotMask = 0x3f,
  StackAccess = 1 << 9,
  DstIsStack = 1 << 10,
  SrcIsStack = 1 << 11,
}

let entries: usize = 0;
let capacity: u32 = 0;
/** Entry of the instruction being verified, if it has one already. */
let current: usize = 0;

export function historyReset(): void {
  capacity = 1024;
  entries = allocate(capacity * ENTRY_SIZE);
  current = 0;
}

/** A new instruction begins. */
export function historyNewInsn(): void {
  current = 0;
}

export function historyEntry(index: u32): HistoryEntry {
  return changetype<HistoryEntry>(entries + index * ENTRY_SIZE);
}

/** Flags of an access to a stack slot. */
export function stackAccessFlags(frame: u32, slot: u32): u32 {
  return History.StackAccess | (slot << History.SlotShift) | frame;
}

/** Adds the current instruction to the state's history, or adds to its entry. */
export function recordHistory(state: VerifierState, flags: u32, linked: u64): void {
  // Only the precision walk reads it, and a path that is followed alone needs none.
  if (follows()) return;
  if (current !== 0) {
    const entry = changetype<HistoryEntry>(current);
    entry.flags |= flags;
    entry.linked = linked;
    return;
  }
  const index = state.historyEnd;
  if (index >= capacity) grow(index);
  const entry = historyEntry(index);
  entry.insn = env.insnIndex;
  entry.previous = env.previousInsn;
  entry.flags = flags;
  entry.linked = linked;
  state.historyEnd = index + 1;
  current = changetype<usize>(entry);
}

function grow(used: u32): void {
  const larger = allocate(capacity * 2 * ENTRY_SIZE);
  memory.copy(larger, entries, used * ENTRY_SIZE);
  entries = larger;
  capacity *= 2;
}

/** The last entry of [start, end) if it is for this instruction, else null (0). */
export function lastEntryFor(start: u32, end: u32, insn: i32): HistoryEntry {
  if (end > start && historyEntry(end - 1).insn === insn) return historyEntry(end - 1);
  return changetype<HistoryEntry>(0);
}
