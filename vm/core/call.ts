/**
 * Transfers of control that are not plain jumps: helper calls, callx, callbacks, returns, tail calls. Where
 * to go on they leave in `State.Transfer`.
 */
import { Attention, FaultKind, Frame, ProgramRecord, RunStatus, State } from '../../bpf/abi.ts';
import { Limit } from '../../bpf/isa.ts';
import { KERNEL_IMAGE } from './address.ts';
import { slotOf } from './decode.ts';
import { raiseFault } from './fault.ts';
import { popFrame, pushFrame } from './frame.ts';
import { callHelper, continueHelper, tailCallTarget } from './helpers.ts';
import { Field } from './op.ts';
import { programById } from './programs.ts';

/** Calls a helper with r1..r5; its result is r0. `State.Attention` says whether there is more to do. */
export function callHelperNumber(id: i32): void {
  const result = callHelper(
    id,
    load<u64>(State.Regs, 8),
    load<u64>(State.Regs, 16),
    load<u64>(State.Regs, 24),
    load<u64>(State.Regs, 32),
    load<u64>(State.Regs, 40),
  );
  store<u64>(State.Regs, result);
}

/**
 * Does what a helper asked for on its return: a callback, or to stop with a fault.
 * @returns false on a fault.
 */
export function attend(id: i32, returnPc: u32): bool {
  const attention = load<u32>(State.Attention);
  if ((attention & Attention.Fault) !== 0) return false;
  store<u32>(State.Attention, Attention.None);
  const fn = functionAt(load<u64>(State.CallbackFunction));
  if (fn === 0 || !pushFrame(returnPc, id)) return false;
  memory.copy(State.Regs + 8, State.CallbackArgs, 40);
  goTo(fn);
  return true;
}

/** callx to a function of the program. @returns false on a fault. */
export function callAddress(address: u64, returnPc: u32): bool {
  const fn = functionAt(address);
  if (fn === 0 || !pushFrame(returnPc, 0)) return false;
  goTo(fn);
  return true;
}

/**
 * Returns from the current function, which is not the main one; a callback's helper goes on.
 * @returns false on a fault.
 */
export function leaveFunction(): bool {
  const frame = popFrame();
  const returnPc = load<u32>(frame, Frame.ReturnPc);
  const helper = <i32>load<u32>(frame, Frame.Continuation);
  goTo(returnPc);
  if (helper === 0) return true;
  store<u64>(State.Regs, continueHelper(helper, load<u64>(State.Regs)));
  if (load<u32>(State.Attention) === Attention.None || attend(helper, returnPc)) return true;
  // The helper faulted, not the instruction that ended its callback.
  recordFault(returnPc - Field.Size);
  return false;
}

/**
 * bpf_tail_call(ctx, map, index).
 * @returns false when there is nothing to call and the program goes on, or a fault was raised.
 */
export function tailCall(): bool {
  const calls = load<u32>(State.TailCalls);
  if (calls >= <u32>Limit.TailCalls) return false;
  const target = programById(tailCallTarget(load<u64>(State.Regs, 16), load<u32>(State.Regs, 24)));
  if (target === 0) return false;
  store<u32>(State.TailCalls, calls + 1);
  store<u32>(State.Program, target);
  goTo(load<u32>(target, ProgramRecord.Start));
  return true;
}

/** Ends the run with the fault that was raised, at an instruction of the current program. */
export function recordFault(insn: u32): void {
  if (load<u32>(State.Status) === RunStatus.Faulted) return;
  store<u32>(State.Status, RunStatus.Faulted);
  store<u32>(State.FaultPc, slotOf(load<u32>(State.Program), insn));
}

function goTo(insn: u32): void {
  store<u32>(State.Transfer, insn);
}

/** Decoded instruction that a function pointer names; 0, with a fault raised, when it is none. */
export function functionAt(address: u64): u32 {
  const program = load<u32>(State.Program);
  const distance = address - KERNEL_IMAGE - load<u32>(program, ProgramRecord.Start);
  if (
    distance < <u64>load<u32>(program, ProgramRecord.Count) * Field.Size &&
    (distance & (Field.Size - 1)) === 0
  ) {
    return <u32>(address - KERNEL_IMAGE);
  }
  raiseFault(FaultKind.BadCallTarget, address);
  return 0;
}
