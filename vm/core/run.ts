/** Runs: started over a context, advanced by budgets. */
import { Attention, FaultKind, ProgramRecord, RunStatus, State } from '../../bpf/abi.ts';
import { enterMain } from './frame.ts';
import { MAX_FUSED } from './fuse.ts';
import { execute, MAX_LEFT } from './interp.ts';
import { freeRetired } from './objects.ts';
import { Field, Op } from './op.ts';

/** Operations that `interpretBlock` has covered. */
const covered = memory.data(MAX_FUSED * Field.Size);

/**
 * Prepares a run of a program from an instruction of it (`insnAtSlot`) on; r1..r5 are taken from
 * `State.Args`, the other registers are zero. A run that was under way is over.
 */
export function startRun(program: u32, insn: u32): void {
  memory.fill(State.Regs, 0, 88);
  memory.copy(State.Regs + 8, State.Args, 40);
  store<u32>(State.Program, program);
  store<u32>(State.Pc, insn);
  store<u64>(State.Insns, 0);
  store<u32>(State.TailCalls, 0);
  store<u32>(State.Attention, Attention.None);
  store<u32>(State.FaultKind, FaultKind.None);
  store<u32>(State.Status, RunStatus.Suspended);
  freeRetired();
  enterMain();
}

/**
 * Executes at most `budget` instructions of the run.
 * @returns the run's status (`RunStatus`): Suspended when exactly `budget` were executed and there are more.
 */
export function resumeRun(budget: i32): u32 {
  let left = budget;
  while (left > 0 && load<u32>(State.Status) === RunStatus.Suspended) left = advance(left);
  store<u64>(State.Insns, load<u64>(State.Insns) + (budget - left));
  return load<u32>(State.Status);
}

/** Executes some of the next `left` instructions. @returns how many are left */
export function advance(left: i32): i32 {
  const count = <i32>load<u32>(load<u32>(State.Program), ProgramRecord.Count);
  // Straight-line code executes no instruction twice: with `count` left, the budget lasts to the next jump.
  if (left <= count) return interpretBlock(left);
  const part = min(left, MAX_LEFT);
  return left - part + execute(part, count);
}

/** Slot-exact: executes up to the next taken jump, or until the budget is spent in front of it. */
function interpretBlock(left: i32): i32 {
  const program = load<u32>(State.Program);
  const start = load<u32>(program, ProgramRecord.Start);
  const end = start + load<u32>(program, ProgramRecord.Count) * Field.Size;
  const pc = load<u32>(State.Pc);
  const stop = pc + <u32>left * Field.Size;
  if (stop >= end) return execute(left, left);
  // Operations fused of several must not reach across the stop: for the time being they are their first part alone.
  const first = max(pc, stop - (MAX_FUSED - 1) * Field.Size);
  for (let insn = first; insn < stop; insn += Field.Size) {
    store<u16>(covered + (insn - first), load<u16>(insn));
    store<u16>(insn, load<u8>(insn, Field.Base));
  }
  store<u16>(covered + (stop - first), load<u16>(stop));
  store<u16>(stop, Op.Stop);
  left = execute(left, left);
  for (let insn = first; insn <= stop; insn += Field.Size)
    store<u16>(insn, load<u16>(covered + (insn - first)));
  return left;
}
