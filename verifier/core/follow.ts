/**
 * Verifying one given path instead of all: that of a run, so that each state can be held against what the run had at
 * the same place. A path is the instructions in the order in which they were executed.
 *
 * Where the verifier would go two ways it still does; a state whose next instruction is not that of the path is given
 * up, and where both ways lead to the same instruction one that does not allow for what the run had in its registers.
 * Nothing is pruned, so that no state stands for another one. Global functions are followed into, as static
 * ones are: the run goes there, too.
 */
import { Request } from '../abi.ts';
import { Flag, Reg } from '../types.ts';
import * as env from './env.ts';
import { RegState } from './reg.ts';
import { VerifierState } from './state.ts';

let path: usize = 0;
let length: u32 = 0;
/** r0..r10 before each step, u64 each; 0 where they are not known. */
let registers: usize = 0;
/** Steps of the path that some state has taken. */
let reached: u32 = 0;
/** The state has come back from a callback to the call, which the run does not execute again. */
let isBackAtCall: bool = false;

export function followReset(): void {
  path = <usize>env.requestWord(Request.Path);
  length = env.requestWord(Request.PathLength);
  registers = <usize>env.requestWord(Request.PathRegisters);
  reached = 0;
  isBackAtCall = false;
}

/** Whether there is a path to follow. */
export function follows(): bool {
  return length !== 0;
}

/** Steps of the path that could be followed. */
export function stepsFollowed(): u32 {
  return reached;
}

/** Whether a state has come to the end of the path. */
export function isAtPathEnd(state: VerifierState): bool {
  return follows() && state.pathStep === length;
}

export function noteCallbackReturn(): void {
  isBackAtCall = true;
}

/** The current state is about to verify an instruction. False when the run did not go there. */
export function takeStep(insn: i32): bool {
  const back = isBackAtCall;
  isBackAtCall = false;
  if (back) return true;
  const pathStep = env.state.pathStep;
  if (!leadsTo(env.state, insn)) return false;
  env.state.pathStep = pathStep + 1;
  if (pathStep + 1 > reached) reached = pathStep + 1;
  return true;
}

/** Whether the path goes on at an instruction behind what a state has taken of it. */
export function leadsTo(state: VerifierState, insn: i32): bool {
  return state.pathStep < length && load<i32>(path + ((<usize>state.pathStep) << 2)) === insn;
}

function allowsValue(reg: RegState, value: u64): bool {
  if (reg.type !== Reg.Scalar) {
    const base = reg.type & Reg.BaseMask;
    const valid = base === Reg.MapValue || base === Reg.Mem || base === Reg.Packet;
    return !valid || (reg.type & Flag.MaybeNull) !== 0 || value !== 0;
  }
  if ((value & ~reg.mask) !== reg.value) return false;
  const low = <u32>value;
  if (low < reg.umin32 || low > reg.umax32 || <i32>low < reg.smin32 || <i32>low > reg.smax32) return false;
  return value >= reg.umin && value <= reg.umax && <i64>value >= reg.smin && <i64>value <= reg.smax;
}

/** Whether a state, before the step that it takes next, allows for what the run had in its registers. */
export function allowsRun(state: VerifierState): bool {
  if (registers === 0 || state.pathStep >= length) return true;
  const values = registers + <usize>state.pathStep * 88;
  const frame = state.currentFrame;
  for (let i: u32 = 0; i < 10; i++) {
    if (!allowsValue(frame.reg(i), load<u64>(values + (i << 3)))) return false;
  }
  return true;
}
