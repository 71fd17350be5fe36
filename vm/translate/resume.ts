/**
 * Where translated code gives up: a function goes on in the interpreter, from an instruction to its return. Its
 * exits out of the translated code have no way back, so they cost the code around them nothing: no register
 * must survive them, and what is read before a loop stays known in it.
 */
import { State } from '../../bpf/abi.ts';
import { Limit } from '../../bpf/isa.ts';
import { RESULTS } from './callbacks.ts';
import type { Check } from './checks.ts';
import { Code } from './code.ts';
import type { Locals } from './locals.ts';
import type { ModuleBuilder } from './module.ts';
import type { Runtime } from './runtime.ts';
import { Type, Wasm } from './wasm-op.ts';

/** r0..r9 in front of r10, may_goto's grant, the slot and the fuel. */
const REGISTERS = Limit.Registers - 1;

/** Declares the function of the module that `emitResume` calls. */
export function declareResume(module: ModuleBuilder): number {
  const registers = Array.from({ length: Limit.Registers }, () => Type.I64);
  return module.declare({ params: [...registers, Type.I64, Type.I32, Type.I64], results: RESULTS });
}

export function defineResume(module: ModuleBuilder, number: number, runtime: Runtime): void {
  const code = new Code(REGISTERS + 4);
  for (let register = 0; register < REGISTERS; register++) {
    code.i32(0);
    code.get(register);
    code.memory(Wasm.I64Store, State.Regs + 8 * register);
  }
  for (let parameter = REGISTERS; parameter < REGISTERS + 4; parameter++) code.get(parameter);
  code.call(runtime.tierResume);
  code.i32(0);
  code.memory(Wasm.I64Load, State.Regs);
  code.i32(0);
  code.memory(Wasm.I64Load, State.Fuel);
  module.define(number, code);
}

/** Where an instruction stands. */
export interface Place {
  slot: number;
  /** Instructions executed up to and with it that the fuel has not paid for. */
  owed: number;
  /** Registers that it or what follows may read. */
  live: number;
  /** What it must find in low memory. */
  check: Check | undefined;
}

/** Leaves the function: the interpreter executes the instruction and the rest. */
export function emitResume(locals: Locals, resume: number, place: Place, hasMayGoto: boolean): void {
  const { code } = locals;
  for (let register = 0; register < REGISTERS; register++) {
    if ((place.live & (1 << register)) !== 0) locals.get(register);
    else code.i64(0);
  }
  locals.get(10);
  if (hasMayGoto) code.get(locals.mayGoto);
  else code.i64(Limit.MayGoto);
  code.i32(place.slot);
  emitFuel(locals, place.owed - 1);
  code.call(resume);
  code.op(Wasm.Return);
}

/** Leaves the fuel that there is after paying for instructions. */
export function emitFuel({ code, fuel }: Locals, owed: number): void {
  code.get(fuel);
  if (owed === 0) return;
  code.i64(owed);
  code.op(Wasm.I64Sub);
}
