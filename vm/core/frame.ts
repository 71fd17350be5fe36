/**
 * Call frames: what calls save, and the stacks. Each frame has 512 bytes of stack of its own in model memory;
 * r10 points behind them. Deeper frames stand at lower addresses.
 */
import { FaultKind, Frame, State } from '../../bpf/abi.ts';
import { Limit } from '../../bpf/isa.ts';
import { raiseFault } from './fault.ts';
import { ramAlloc } from './heap.ts';
import { toAddress } from './ram.ts';

/** Deepest frame since the stacks were last cleared. */
let deepest: u32 = 0;

/** Called once. @returns false when there is no memory. */
export function initStacks(): bool {
  const stacks = ramAlloc(Limit.Frames * Limit.Stack, 4096);
  store<u32>(State.Stacks, stacks);
  return stacks !== 0;
}

/** Tells that a run may use frames down to this one: translated calls push none here. */
export function markDepth(depth: u32): void {
  if (depth > deepest) deepest = depth;
}

/** Frame of the main function, on a stack of zeros. */
export function enterMain(): void {
  const used = (deepest + 1) * Limit.Stack;
  memory.fill(load<u32>(State.Stacks) + Limit.Frames * Limit.Stack - used, 0, used);
  deepest = 0;
  store<u32>(State.Depth, 0);
  store<u64>(State.MayGoto, Limit.MayGoto);
  store<u64>(State.Regs, toAddress(load<u32>(State.Stacks) + Limit.Frames * Limit.Stack), 80);
}

/**
 * Enters a function; r1..r5 are its arguments already.
 * @param returnPc where its caller goes on
 * @param continuation helper that goes on when the function returns, 0 for a plain call
 * @returns false, with a fault raised, when 8 frames are in use.
 */
export function pushFrame(returnPc: u32, continuation: u32): bool {
  if (!enterFunction(returnPc)) {
    raiseFault(FaultKind.CallDepth, load<u32>(State.Depth) + 1);
    return false;
  }
  store<u32>(State.Frames + (load<u32>(State.Depth) - 1) * Frame.Size, continuation, Frame.Continuation);
  return true;
}

/** As `pushFrame`, for a plain call; raises no fault. */
export function enterFunction(returnPc: u32): bool {
  const depth = load<u32>(State.Depth);
  if (depth + 1 >= <u32>Limit.Frames) return false;
  const frame: usize = State.Frames + depth * Frame.Size;
  copyWords(frame, State.Regs + 48);
  store<u64>(frame, load<u64>(State.MayGoto), Frame.MayGoto);
  store<u32>(frame, returnPc, Frame.ReturnPc);
  store<u32>(frame, 0, Frame.Continuation);
  store<u32>(frame, load<u32>(State.Program), Frame.Program);
  store<u32>(State.Depth, depth + 1);
  store<u64>(State.MayGoto, Limit.MayGoto);
  store<u64>(State.Regs, load<u64>(State.Regs, 80) - Limit.Stack, 80);
  if (depth + 1 > deepest) deepest = depth + 1;
  return true;
}

/** Frame of the caller, 0 unless a plain call of the current program made it. */
export function callerFrame(): usize {
  const depth = load<u32>(State.Depth);
  if (depth === 0) return 0;
  const frame: usize = State.Frames + (depth - 1) * Frame.Size;
  const plain = load<u32>(frame, Frame.Continuation) === 0;
  return plain && load<u32>(frame, Frame.Program) === load<u32>(State.Program) ? frame : 0;
}

/** Leaves a function: restores its caller. @returns the frame, whose other fields say how to go on. */
export function popFrame(): usize {
  const frame: usize = State.Frames + (load<u32>(State.Depth) - 1) * Frame.Size;
  restoreFrame(frame);
  store<u32>(State.Program, load<u32>(frame, Frame.Program));
  return frame;
}

/** Restores a caller in the same program. */
export function restoreFrame(frame: usize): void {
  copyWords(State.Regs + 48, frame);
  store<u64>(State.MayGoto, load<u64>(frame, Frame.MayGoto));
  store<u32>(State.Depth, load<u32>(State.Depth) - 1);
}

/** Copies r6..r10: five words, for which memory.copy is slow. */
function copyWords(to: usize, from: usize): void {
  store<u64>(to, load<u64>(from));
  store<u64>(to, load<u64>(from, 8), 8);
  store<u64>(to, load<u64>(from, 16), 16);
  store<u64>(to, load<u64>(from, 24), 24);
  store<u64>(to, load<u64>(from, 32), 32);
}
