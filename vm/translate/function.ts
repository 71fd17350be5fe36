/**
 * One function of a program as one WebAssembly function: registers are locals, r0 and the fuel are its results.
 *
 * What is executed is owed first and paid later: how much, is known at every place without being counted there. It
 * is paid where ways join, by one subtraction for a whole chain of blocks, and handed on to calls and returns.
 * Loop headers, functions that call others, and what parts of a function begin with look whether the fuel lasts for
 * their first instructions.
 */
import { State } from '../../bpf/abi.ts';
import { Class, Jmp } from '../../bpf/isa.ts';
import { emitAlu, emitExtension, isExtension } from './alu.ts';
import { type Blocks, NONE } from './blocks.ts';
import { type CallContext, CallEmitter, emitFunctionAddress } from './calls.ts';
import { Checks } from './checks.ts';
import { Code } from './code.ts';
import { emitCondition } from './condition.ts';
import type { Flow } from './flow.ts';
import { Locals } from './locals.ts';
import { accessToCheck, MemoryEmitter, type MemoryOptions } from './memory.ts';
import { emitStore } from './parts.ts';
import { emitFuel, emitResume, type Place } from './resume.ts';
import { Kind, R10, registersOf } from './slots.ts';
import { type Content, emitStructure } from './structure.ts';
import { Wasm } from './wasm-op.ts';

/** @param params registers that are parameters, in order */
export function emitFunction(
  context: CallContext,
  flow: Flow,
  params: readonly number[],
  options: MemoryOptions,
): Code {
  const code = new Code(params.length + 1);
  const locals = new Locals(code, context.runtime, params);
  emitStructure(
    code,
    flow,
    new FunctionContent(locals, context, flow, grantsIn(context.blocks, flow), options),
  );
  return code;
}

/** Parts of a function (parts.ts): each takes the fuel alone. */
export function emitParts(context: CallContext, flows: readonly Flow[], options: MemoryOptions): Code[] {
  const hasMayGoto = flows.some((flow) => grantsIn(context.blocks, flow));
  return flows.map((flow) => {
    const code = new Code(1);
    const locals = new Locals(code, context.runtime, []);
    locals.restore(registersReadIn(context.blocks, flow), hasMayGoto);
    emitStructure(code, flow, new FunctionContent(locals, context, flow, hasMayGoto, options));
    return code;
  });
}

/** Whether there is a may_goto. */
function grantsIn(blocks: Blocks, flow: Flow): boolean {
  return flow.graph.blocks.some((block) => {
    const last = blocks.last(block);
    return last !== NONE && blocks.slots.code(last) === (Class.Jmp | Jmp.Cond);
  });
}

/** Registers that a part may read before it writes them, and r10. */
function registersReadIn(blocks: Blocks, flow: Flow): number[] {
  let live = R10;
  for (const entry of flow.entries) live |= blocks.liveIn[flow.graph.blocks[entry] as number] as number;
  return registersOf(live);
}

class FunctionContent implements Content {
  private readonly code: Code;
  private readonly context: CallContext;
  private readonly blocks: Blocks;
  private readonly flow: Flow;
  private readonly locals: Locals;
  private readonly memory: MemoryEmitter;
  private readonly checks: Checks;
  private readonly calls: CallEmitter;
  private readonly hasCalls: boolean;
  private readonly hasMayGoto: boolean;
  /** Instructions executed up to here that the fuel has not paid for. */
  private owed = 0;
  /** The same in front of each block. */
  private readonly owedBefore: Int32Array;

  constructor(locals: Locals, context: CallContext, flow: Flow, hasMayGoto: boolean, options: MemoryOptions) {
    this.code = locals.code;
    this.context = context;
    this.blocks = context.blocks;
    this.flow = flow;
    this.owedBefore = new Int32Array(flow.count);
    this.locals = locals;
    this.hasMayGoto = hasMayGoto;
    this.calls = new CallEmitter(this.locals, context);
    this.hasCalls = this.some((slot) => this.blocks.slots.isCall(slot));
    const { runtime, resume } = context;
    const { slots } = this.blocks;
    this.checks = new Checks(context.blocks, flow, (slot) => accessToCheck(slots, slot, options));
    this.memory = new MemoryEmitter(this.locals, { runtime, slots, options, resume, hasMayGoto });
  }

  beforeLoop(number: number): void {
    this.owed = this.owedBefore[number] as number;
    this.pay();
    this.owedBefore[number] = 0;
  }

  body(number: number): void {
    const block = this.flow.graph.blocks[number] as number;
    const insns = this.insns(block);
    this.owed = this.owedBefore[number] as number;
    const special = this.flow.special.get(number);
    if (special?.kind === 'leave') this.leave(special.part, special.block);
    if (special) return;
    const begins = this.flow.entries.has(number) || (number === 0 && this.hasCalls);
    if (this.flow.isHeader[number] === 1 || begins) this.checkFuel(block, insns);
    if (insns.length === 0) {
      this.owed++;
      this.calls.endOfProgram({ slot: this.blocks.slots.count, owed: this.owed, live: 0, check: undefined });
      return;
    }
    const live = this.blocks.liveAt(block);
    for (const [at, slot] of insns.entries()) {
      this.owed++;
      // The second of a pair of shifts does the work of both.
      if (this.isExtension(slot, insns[at + 1])) continue;
      if (this.isExtension(insns[at - 1], slot)) emitExtension(this.locals, this.blocks.slots, slot);
      else
        this.insn({ slot, owed: this.owed, live: live[at] as number, check: this.checks.of(number, slot) });
    }
  }

  private isExtension(first: number | undefined, second: number | undefined): boolean {
    return first !== undefined && second !== undefined && isExtension(this.blocks.slots, first, second);
  }

  beforeJoin(): void {
    this.pay();
  }

  hasToJoin(): boolean {
    return this.owed > 0;
  }

  joinHere(): void {
    const { owed } = this;
    this.pay();
    this.owed = owed;
  }

  goOn(_from: number, next: number): void {
    this.owedBefore[next] = this.owed;
  }

  condition(number: number, inverted: boolean): void {
    const special = this.flow.special.get(number);
    if (special?.kind === 'dispatch') {
      this.code.i32(0);
      this.code.memory(Wasm.I32Load, State.PartEntry);
      this.code.i32(special.below);
      this.code.op(inverted ? Wasm.I32GeU : Wasm.I32LtU);
      return;
    }
    const slot = this.blocks.last(this.flow.graph.blocks[number] as number);
    emitCondition(this.locals, this.blocks.slots, slot, inverted);
  }

  /** Has another part go on with a block. */
  private leave(part: number, block: number): void {
    const { code, locals } = this;
    for (const register of registersOf((this.blocks.liveIn[block] as number) | R10)) {
      code.i32(0);
      locals.get(register);
      code.memory(Wasm.I64Store, State.Regs + 8 * register);
    }
    if (this.hasMayGoto) {
      code.i32(0);
      code.get(locals.mayGoto);
      code.memory(Wasm.I64Store, State.MayGoto);
    }
    emitStore(code, State.Part, part + 1);
    emitStore(code, State.PartEntry, block);
    code.i64(0);
    emitFuel(locals, this.owed);
    code.op(Wasm.Return);
  }

  private some(test: (slot: number) => boolean): boolean {
    return this.flow.graph.blocks.some((block) => this.insns(block).some(test));
  }

  private insns(block: number): number[] {
    const { slots } = this.blocks;
    const insns: number[] = [];
    const end = this.blocks.end(block);
    for (let slot = this.blocks.start[block] as number; slot < end; slot = slots.next(slot)) insns.push(slot);
    return insns;
  }

  private pay(): void {
    if (this.owed === 0) return;
    emitFuel(this.locals, this.owed);
    this.code.set(this.locals.fuel);
    this.owed = 0;
  }

  /**
   * Where the fuel does not last to the end of a block, or to the first call in it, the interpreter goes on: it knows
   * to the instruction where it ends.
   */
  private checkFuel(block: number, insns: readonly number[]): void {
    const { code } = this;
    const call = insns.findIndex((slot) => this.blocks.slots.isCall(slot));
    const needed = Math.max(call < 0 ? insns.length : call + 1, 1);
    const slot = this.blocks.start[block] as number;
    const live = this.blocks.liveIn[block] as number;
    code.get(this.locals.fuel);
    code.i64(needed);
    code.op(Wasm.I64LtS);
    code.open(Wasm.If);
    const place = { slot, owed: 1, live, check: undefined };
    emitResume(this.locals, this.context.resume, place, this.hasMayGoto);
    code.end();
  }

  private insn(place: Place): void {
    const { slots } = this.blocks;
    const { slot } = place;
    switch (slots.kind(slot)) {
      case Kind.Plain:
        this.plain(place);
        return;
      case Kind.Call:
        this.owed = 0;
        this.calls.local(place);
        return;
      case Kind.Helper:
        this.calls.helper(place);
        return;
      case Kind.CallRegister:
        this.owed = 0;
        this.calls.register(place);
        return;
      case Kind.TailCall:
        this.calls.tail(place, this.hasMayGoto);
        return;
      case Kind.Packet:
        this.calls.packet(place);
        return;
      case Kind.Exit:
        this.calls.exit(place);
        return;
      default:
        // Jumps are the structure's matter.
        return;
    }
  }

  private plain(place: Place): void {
    const { slot } = place;
    const { slots } = this.blocks;
    switch (slots.code(slot) & Class.Mask) {
      case Class.Alu:
      case Class.Alu64:
        emitAlu(this.locals, this.context.runtime, slots, slot);
        return;
      case Class.Ld:
        if (slots.isFunctionPointer(slot)) {
          const { runtime } = this.context;
          emitFunctionAddress(this.code, runtime, this.blocks, this.blocks.callee(slot));
        } else this.code.big(slots.imm64(slot));
        this.locals.set(slots.dst(slot));
        return;
      default:
        this.memory.emit(place);
        return;
    }
  }
}
