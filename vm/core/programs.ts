/**
 * Numbers of loaded programs. Prog arrays hold these numbers, in memory that a misbehaving program can write:
 * whatever stands there names a loaded program or none.
 */
import { ProgramRecord } from '../../bpf/abi.ts';

const MAX_PROGRAMS: u32 = 4096;

/** u32 record of each number; number 0 is none. */
const table: usize = memory.data(MAX_PROGRAMS * 4, 4);

/** Gives a program record a number. @returns false when there is none left. */
export function registerProgram(program: u32): bool {
  for (let id: u32 = 1; id < MAX_PROGRAMS; id++) {
    if (load<u32>(table + (id << 2)) !== 0) continue;
    store<u32>(table + (id << 2), program);
    store<u32>(program, id, ProgramRecord.Id);
    return true;
  }
  return false;
}

export function forgetProgram(program: u32): void {
  const id = load<u32>(program, ProgramRecord.Id);
  if (id !== 0) store<u32>(table + (id << 2), 0);
}

/** Record of a program; 0 when the number is not in use. */
export function programById(id: u32): u32 {
  return id < MAX_PROGRAMS ? load<u32>(table + (id << 2)) : 0;
}
