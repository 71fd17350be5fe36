/** Calls, returns and packet loads as WebAssembly. */
import { FaultKind, State } from '../../bpf/abi.ts';
import { HelperId } from '../../bpf/helper-id.ts';
import { Limit, Mode } from '../../bpf/isa.ts';
import { ObjectCall } from '../../bpf/object-abi.ts';
import type { Blocks } from './blocks.ts';
import type { Callbacks } from './callbacks.ts';
import type { Code } from './code.ts';
import type { Locals } from './locals.ts';
import { emitFuel, type Place } from './resume.ts';
import type { Runtime } from './runtime.ts';
import { Wasm } from './wasm-op.ts';

/** Bytes of a decoded instruction (vm/core/op.ts): function pointers count in these. */
const INSN_SIZE = 16;
/** Helpers of the core that keep something in the frame that their callbacks get. */
const WITH_LOCALS: readonly number[] = [HelperId.Loop, HelperId.ForEachMapElem, HelperId.UserRingbufDrain];

/** A function of the program in the module. */
export interface Callable {
  /** undefined: the interpreter runs it. */
  number: number | undefined;
  /** Registers that it takes, in order; the fuel follows. */
  params: readonly number[];
}

/** What calls need to know of the whole program. */
export interface CallContext {
  blocks: Blocks;
  runtime: Runtime;
  callbacks: Callbacks;
  /** Function of the module that goes on in the interpreter. */
  resume: number;
  callables: ReadonlyMap<number, Callable>;
  /** Whether calls may nest deeper than the kernel allows: else none checks. */
  checksDepth: boolean;
}

export class CallEmitter {
  private readonly locals: Locals;
  private readonly code: Code;
  private readonly context: CallContext;

  constructor(locals: Locals, context: CallContext) {
    this.locals = locals;
    this.code = locals.code;
    this.context = context;
  }

  /** A call of a function of the program. */
  local(place: Place): void {
    const { slot } = place;
    const { blocks, callables, checksDepth } = this.context;
    const callee = callables.get(blocks.callee(slot));
    if (callee?.number === undefined) {
      this.interpreted(place);
      return;
    }
    if (checksDepth) this.checkDepth(place);
    for (const register of callee.params) this.argument(register);
    emitFuel(this.locals, place.owed);
    this.code.call(callee.number);
    this.takeResults();
  }

  helper({ slot, owed }: Place): void {
    const { code, locals } = this;
    const { runtime, callbacks, blocks } = this.context;
    const id = blocks.slots.imm(slot);
    if (keepsLocals(id)) this.storeDepth();
    code.i32(id);
    for (let register = 1; register <= 5; register++) locals.get(register);
    code.call(runtime.callHelper);
    locals.set(0);
    code.i32(0);
    code.memory(Wasm.I32Load, State.Attention);
    code.open(Wasm.If);
    locals.get(10);
    code.i32(id);
    code.i32(slot);
    emitFuel(locals, owed);
    code.call(callbacks.attend);
    this.takeResults();
    // What was owed is paid here, and owed again: the other way does not come through.
    emitFuel(locals, -owed);
    code.set(locals.fuel);
    code.end();
  }

  /** callx: a helper by number, or a function by its address. */
  register({ slot, owed }: Place): void {
    const { blocks, callbacks } = this.context;
    this.storeDepth();
    this.storeArguments();
    this.locals.get(blocks.slots.calledRegister(slot));
    this.locals.get(10);
    this.code.i32(slot);
    emitFuel(this.locals, owed);
    this.code.call(callbacks.callRegister);
    this.takeResults();
  }

  /** bpf_tail_call: the function returns what the called program returns, unless there is none. */
  tail({ slot, owed }: Place, hasMayGoto: boolean): void {
    const { code, locals } = this;
    for (let register = 0; register < 10; register++) this.spill(register);
    locals.get(10);
    if (hasMayGoto) code.get(locals.mayGoto);
    else code.i64(Limit.MayGoto);
    code.i32(slot);
    emitFuel(locals, owed);
    code.call(this.context.runtime.tierTailCall);
    code.open(Wasm.If);
    code.i32(0);
    code.memory(Wasm.I64Load, State.Regs);
    code.i32(0);
    code.memory(Wasm.I64Load, State.Fuel);
    code.op(Wasm.Return);
    code.end();
  }

  /** ld_abs, ld_ind: where there is no such byte the function returns 0. */
  packet({ slot, owed }: Place): void {
    const { code, locals } = this;
    const { slots } = this.context.blocks;
    const opcode = slots.code(slot);
    code.i32(opcode);
    code.i32(slots.imm(slot));
    if ((opcode & Mode.Mask) === Mode.Ind) {
      locals.get32(slots.src(slot));
      code.op(Wasm.I32Add);
    }
    code.call(this.context.runtime.packetValue);
    locals.set(0);
    locals.get(0);
    code.i64(0);
    code.op(Wasm.I64LtS);
    code.open(Wasm.If);
    code.i64(0);
    emitFuel(locals, owed);
    code.op(Wasm.Return);
    code.end();
  }

  exit({ owed }: Place): void {
    this.locals.get(0);
    emitFuel(this.locals, owed);
    this.code.op(Wasm.Return);
  }

  endOfProgram(place: Place): void {
    this.fault(FaultKind.EndOfProgram, 0, place);
  }

  private fault(kind: FaultKind, value: number, { slot, owed }: Place): void {
    const { code } = this;
    code.i32(kind);
    code.i64(value);
    code.i32(slot);
    emitFuel(this.locals, owed);
    code.call(this.context.runtime.tierFault);
    code.op(Wasm.Unreachable);
  }

  /** Has the interpreter run a function that this tier does not take. */
  private interpreted({ slot, owed }: Place): void {
    const { blocks, runtime } = this.context;
    const { code, locals } = this;
    this.storeArguments();
    for (const register of [0, 6, 7, 8, 9]) this.spill(register);
    emitFunctionAddress(code, runtime, blocks, blocks.callee(slot));
    locals.get(10);
    code.i32(slot);
    emitFuel(locals, owed);
    code.call(runtime.tierCall);
    locals.set(0);
    code.i32(0);
    code.memory(Wasm.I64Load, State.Fuel);
    code.set(locals.fuel);
  }

  private argument(register: number): void {
    this.locals.get(register);
    if (register !== 10) return;
    this.code.i64(Limit.Stack);
    this.code.op(Wasm.I64Sub);
  }

  private takeResults(): void {
    this.code.set(this.locals.fuel);
    this.locals.set(0);
  }

  /** The deepest frame has the lowest stack. */
  private checkDepth(place: Place): void {
    const { code } = this;
    code.get(this.locals.frame);
    code.global(this.context.runtime.stacks);
    code.op(Wasm.I32Eq);
    code.open(Wasm.If);
    this.fault(FaultKind.CallDepth, Limit.Frames, place);
    code.end();
  }

  private storeDepth(): void {
    const { code, locals } = this;
    code.i32(0);
    emitDepth(code, this.context.runtime, () => locals.get32(10));
    code.memory(Wasm.I32Store, State.Depth);
  }

  private storeArguments(): void {
    for (let register = 1; register <= 5; register++) {
      this.code.i32(0);
      this.locals.get(register);
      this.code.memory(Wasm.I64Store, State.CallbackArgs + 8 * (register - 1));
    }
  }

  private spill(register: number): void {
    this.code.i32(0);
    this.locals.get(register);
    this.code.memory(Wasm.I64Store, State.Regs + 8 * register);
  }
}

function keepsLocals(id: number): boolean {
  return WITH_LOCALS.includes(id) || (id & ObjectCall.Operation) === ObjectCall.TreeAdd;
}

/** The value that a pointer to a function has in registers. */
export function emitFunctionAddress(code: Code, runtime: Runtime, blocks: Blocks, entry: number): void {
  const insn = blocks.slots.index[blocks.start[entry] as number] as number;
  code.global(runtime.functions);
  code.i64(insn * INSN_SIZE);
  code.op(Wasm.I64Add);
}

/** How many frames are below the one with this frame pointer, of which `pointer` leaves the low half. */
export function emitDepth(code: Code, runtime: Runtime, pointer: () => void): void {
  code.global(runtime.stacks);
  code.i32(Limit.Frames * Limit.Stack);
  code.op(Wasm.I32Add);
  pointer();
  code.op(Wasm.I32Sub);
  code.i32(Math.log2(Limit.Stack));
  code.op(Wasm.I32ShrU);
}
