/**
 * What translated programs (vm/translate) call in the core. They keep registers in locals of their own and
 * count their own fuel; their frames have stacks here, but no entries in `State.Frames`.
 *
 * A fault, and fuel that is spent, end the run by a trap: it unwinds the translated functions, which
 * therefore check nothing after a call. `State.Unwound` tells the host such a trap from a bug.
 */
import { Attention, FaultKind, Frame, ProgramRecord, RunStatus, State } from '../../bpf/abi.ts';
import { Limit } from '../../bpf/isa.ts';
import { atomicOffset, loadOutside, storeOutside } from './access.ts';
import { functionAt, tailCall } from './call.ts';
import { insnAtSlot } from './decode.ts';
import { raiseFault } from './fault.ts';
import { markDepth, pushFrame } from './frame.ts';
import { Field, Op } from './op.ts';
import { advance } from './run.ts';

/** Instructions between looks at the fuel. */
const SLICE: i64 = 1 << 30;

/** Where functions return to that translated code has the interpreter run: there it stops. */
const stop = <u32>memory.data(Field.Size, 16);

/** A load that the fast path does not take, zero-extended. */
export function tierRead(address: u64, size: u32, probe: bool, slot: u32, fuel: i64): u64 {
  if (!loadOutside(address, size, probe)) unwind(slot, fuel);
  return load<u64>(State.Scratch);
}

/** A store that the fast path does not take. */
export function tierWrite(address: u64, value: u64, size: u32, slot: u32, fuel: i64): void {
  if (!storeOutside(address, size, value)) unwind(slot, fuel);
}

/** Linear offset for an atomic that the fast path does not take. */
export function tierAtomic(address: u64, size: u32, slot: u32, fuel: i64): u32 {
  const offset = atomicOffset(address, size);
  if (offset === 0) unwind(slot, fuel);
  return offset;
}

/** Ends the run with a fault; `FaultKind.None` for the one that a helper has raised. */
export function tierFault(kind: u32, value: u64, slot: u32, fuel: i64): void {
  if (kind !== FaultKind.None) raiseFault(kind, value);
  unwind(slot, fuel);
}

/** Ends the run because its fuel is spent. */
export function tierSuspend(fuel: i64): void {
  store<i64>(State.Fuel, fuel);
  store<u32>(State.Unwound, 1);
  unreachable();
}

/** Low 32 bits of an arena pointer -> user pointer; NULL stays NULL. */
export function tierUserPointer(low: u32): u64 {
  const user = load<u64>(load<u32>(State.Program), ProgramRecord.ArenaUser);
  return low === 0 ? 0 : (user & 0xffff_ffff_0000_0000) | low;
}

/**
 * Has the interpreter run a function, from its address to its return; r1..r5 are in `State.CallbackArgs`.
 * @param framePointer r10 of the caller
 * @returns r0; `State.Fuel` is what is left
 */
export function tierCall(address: u64, framePointer: u64, slot: u32, fuel: i64): u64 {
  enterFrame(framePointer);
  const fn = functionAt(address);
  if (fn === 0 || !pushFrame(stop, 0)) unwind(slot, fuel);
  memory.copy(State.Regs + 8, State.CallbackArgs, 40);
  store<u32>(State.Pc, fn);
  interpretToStop(fuel);
  return load<u64>(State.Regs);
}

/**
 * Has the interpreter go on with a function from an instruction on, to the function's return. r0..r9 are in
 * `State.Regs`; so is r0 then, and `State.Fuel` is what is left.
 */
export function tierResume(framePointer: u64, mayGoto: u64, slot: u32, fuel: i64): void {
  const program = load<u32>(State.Program);
  enterFrame(framePointer);
  returnToStop(program);
  store<u64>(State.MayGoto, mayGoto);
  store<u32>(State.Pc, insnAtSlot(program, slot));
  store<u32>(State.Resumed, slot + 1);
  store<u32>(State.ResumedIn, program);
  interpretToStop(fuel);
}

/**
 * bpf_tail_call: the called program runs to the end of the current frame, translated when it is and fits into the
 * frames that are left. r0..r9 are in `State.Regs`.
 * @returns false when there is nothing to call; else r0 is in `State.Regs`, and `State.Fuel` is what is left
 */
export function tierTailCall(framePointer: u64, mayGoto: u64, slot: u32, fuel: i64): bool {
  enterFrame(framePointer);
  const program = load<u32>(State.Program);
  if (!tailCall()) {
    if (load<u32>(State.Attention) !== Attention.None) unwind(slot, fuel);
    return false;
  }
  const target = load<u32>(State.Program);
  const entry = load<u32>(target, ProgramRecord.Entry);
  const depth = load<u32>(State.Depth);
  const more = load<u32>(target, ProgramRecord.Depth);
  const deepest: u32 = more === <u32>Limit.Frames ? Limit.Frames - 1 : depth + more;
  // A frame keeps what may_goto has granted it: that of translated functions begins with all of it.
  if (entry !== 0 && deepest < <u32>Limit.Frames && mayGoto === <u64>Limit.MayGoto) {
    markDepth(deepest);
    store<i64>(State.Fuel, fuel);
    call_indirect(entry);
    // The frame's caller goes on, if there is one, in the program that the frame began in.
    if (depth !== 0) store<u32>(State.Program, program);
    return true;
  }
  store<u64>(State.MayGoto, mayGoto);
  returnToStop(program);
  store<u32>(State.Pc, load<u32>(State.Transfer));
  interpretToStop(fuel);
  return true;
}

/** Makes the state record that of the frame with this r10. */
function enterFrame(framePointer: u64): void {
  const top = load<u32>(State.Stacks) + Limit.Frames * Limit.Stack;
  store<u32>(State.Depth, (top - <u32>framePointer) / Limit.Stack);
  store<u64>(State.Regs, framePointer, 80);
  store<u16>(stop, Op.Stop);
}

/** Makes the current function, unless it is the main one, return to where the interpreter stops. */
function returnToStop(program: u32): void {
  const depth = load<u32>(State.Depth);
  if (depth === 0) return;
  const frame: usize = State.Frames + (depth - 1) * Frame.Size;
  store<u32>(frame, stop, Frame.ReturnPc);
  store<u32>(frame, 0, Frame.Continuation);
  store<u32>(frame, program, Frame.Program);
}

function interpretToStop(fuel: i64): void {
  while (load<u32>(State.Status) === RunStatus.Suspended && load<u32>(State.Pc) !== stop) {
    if (fuel <= 0) tierSuspend(fuel);
    const part = <i32>min<i64>(fuel, SLICE);
    fuel -= part - advance(part);
  }
  store<i64>(State.Fuel, fuel);
  if (load<u32>(State.Status) !== RunStatus.Faulted) return;
  store<u32>(State.Unwound, 1);
  unreachable();
}

/** Ends the run with the fault that was raised, at a slot of the current program. */
function unwind(slot: u32, fuel: i64): void {
  const program = load<u32>(State.Program);
  const insn = insnAtSlot(program, slot);
  store<u32>(State.Status, RunStatus.Faulted);
  store<u32>(State.FaultPc, slot);
  store<u32>(State.Depth, 0);
  if (insn !== 0) store<u32>(State.Pc, insn);
  store<i64>(State.Fuel, fuel);
  store<u32>(State.Unwound, 1);
  unreachable();
}
