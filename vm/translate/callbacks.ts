/**
 * Functions that every translated module has: what follows a helper that asks for a callback, or a callx. The
 * core's helpers do not call back: they ask to be continued (vm/core/callback.ts), here as in the interpreter.
 *
 * Functions whose address the program takes and that are translated are called directly; any other address is
 * the interpreter's.
 */
import { Attention, FaultKind, State, VmCall } from '../../bpf/abi.ts';
import { Limit } from '../../bpf/isa.ts';
import type { Blocks } from './blocks.ts';
import { type Callable, emitDepth, emitFunctionAddress } from './calls.ts';
import { Code } from './code.ts';
import type { ModuleBuilder } from './module.ts';
import type { Runtime } from './runtime.ts';
import { Type, Wasm } from './wasm-op.ts';

const I32 = Type.I32;
const I64 = Type.I64;
/** r0 and the fuel. */
export const RESULTS: readonly Type[] = [I64, I64];

/** Numbers of these functions in a module. */
export interface Callbacks {
  /** (r10, helper, slot, fuel): what `State.Attention` asks for after a helper. */
  attend: number;
  /** (address, r10, slot, fuel), arguments in `State.CallbackArgs`. */
  callAddress: number;
  callRegister: number;
}

export function declareCallbacks(module: ModuleBuilder): Callbacks {
  const byAddress = { params: [I64, I64, I32, I64], results: RESULTS };
  return {
    attend: module.declare({ params: [I64, I32, I32, I64], results: RESULTS }),
    callAddress: module.declare(byAddress),
    callRegister: module.declare(byAddress),
  };
}

export function defineCallbacks(
  module: ModuleBuilder,
  callbacks: Callbacks,
  runtime: Runtime,
  blocks: Blocks,
  callables: ReadonlyMap<number, Callable>,
): void {
  module.define(callbacks.attend, attend(callbacks, runtime));
  module.define(callbacks.callAddress, callAddress(runtime, blocks, callables));
  module.define(callbacks.callRegister, callRegister(callbacks, runtime));
}

/** Calls back for as long as the helper asks for it. */
function attend(callbacks: Callbacks, runtime: Runtime): Code {
  const [framePointer, helper, slot, fuel] = [0, 1, 2, 3];
  const code = new Code(4);
  const r0 = code.local(I64);
  code.open(Wasm.Loop);
  code.i32(0);
  code.memory(Wasm.I32Load, State.Attention);
  code.i32(Attention.Fault);
  code.op(Wasm.I32And);
  code.open(Wasm.If);
  emitFault(code, runtime, FaultKind.None, 0, slot, fuel);
  code.end();
  code.i32(0);
  code.i32(Attention.None);
  code.memory(Wasm.I32Store, State.Attention);

  code.i32(0);
  code.memory(Wasm.I64Load, State.CallbackFunction);
  code.get(framePointer);
  code.get(slot);
  code.get(fuel);
  code.call(callbacks.callAddress);
  code.set(fuel);
  code.set(r0);
  code.get(fuel);
  code.i64(0);
  code.op(Wasm.I64LtS);
  code.open(Wasm.If);
  code.get(fuel);
  code.call(runtime.tierSuspend);
  code.end();

  emitStoreDepth(code, runtime, framePointer);
  code.get(helper);
  code.get(r0);
  code.call(runtime.continueHelper);
  code.set(r0);
  code.i32(0);
  code.memory(Wasm.I32Load, State.Attention);
  code.brIf(0);
  code.end();
  code.get(r0);
  code.get(fuel);
  return code;
}

/** A chain of compares: programs take the address of few functions. */
function callAddress(runtime: Runtime, blocks: Blocks, callables: ReadonlyMap<number, Callable>): Code {
  const [address, framePointer, slot, fuel] = [0, 1, 2, 3];
  const code = new Code(4);
  const r0 = code.local(I64);
  for (const entry of blocks.addressTaken) {
    const callable = callables.get(entry);
    if (callable?.number === undefined) continue;
    code.get(address);
    emitFunctionAddress(code, runtime, blocks, entry);
    code.op(Wasm.I64Eq);
    code.open(Wasm.If);
    code.get(framePointer);
    code.op(Wasm.I32WrapI64);
    code.i32(Limit.Stack);
    code.op(Wasm.I32Sub);
    code.global(runtime.stacks);
    code.op(Wasm.I32Eq);
    code.open(Wasm.If);
    emitFault(code, runtime, FaultKind.CallDepth, Limit.Frames, slot, fuel);
    code.end();
    for (const register of callable.params) emitArgument(code, register, framePointer);
    code.get(fuel);
    code.call(callable.number);
    code.op(Wasm.Return);
    code.end();
  }
  code.get(address);
  code.get(framePointer);
  code.get(slot);
  code.get(fuel);
  code.call(runtime.tierCall);
  code.set(r0);
  code.get(r0);
  code.i32(0);
  code.memory(Wasm.I64Load, State.Fuel);
  return code;
}

function callRegister(callbacks: Callbacks, runtime: Runtime): Code {
  const [target, framePointer, slot, fuel] = [0, 1, 2, 3];
  const code = new Code(4);
  const r0 = code.local(I64);
  code.get(target);
  code.i64(VmCall.First);
  code.op(Wasm.I64LtU);
  code.open(Wasm.If);
  code.get(target);
  code.op(Wasm.I32WrapI64);
  for (let register = 1; register <= 5; register++) emitArgument(code, register, framePointer);
  code.call(runtime.callHelper);
  code.set(r0);
  code.i32(0);
  code.memory(Wasm.I32Load, State.Attention);
  code.open(Wasm.If);
  code.get(framePointer);
  code.get(target);
  code.op(Wasm.I32WrapI64);
  code.get(slot);
  code.get(fuel);
  code.call(callbacks.attend);
  code.op(Wasm.Return);
  code.end();
  code.get(r0);
  code.get(fuel);
  code.op(Wasm.Return);
  code.end();
  code.get(target);
  code.get(framePointer);
  code.get(slot);
  code.get(fuel);
  code.call(callbacks.callAddress);
  return code;
}

function emitArgument(code: Code, register: number, framePointer: number): void {
  if (register === 10) {
    code.get(framePointer);
    code.i64(Limit.Stack);
    code.op(Wasm.I64Sub);
  } else {
    code.i32(0);
    code.memory(Wasm.I64Load, State.CallbackArgs + 8 * (register - 1));
  }
}

function emitStoreDepth(code: Code, runtime: Runtime, framePointer: number): void {
  code.i32(0);
  emitDepth(code, runtime, () => {
    code.get(framePointer);
    code.op(Wasm.I32WrapI64);
  });
  code.memory(Wasm.I32Store, State.Depth);
}

function emitFault(
  code: Code,
  runtime: Runtime,
  kind: FaultKind,
  value: number,
  slot: number,
  fuel: number,
): void {
  code.i32(kind);
  code.i64(value);
  code.get(slot);
  code.get(fuel);
  code.call(runtime.tierFault);
}
