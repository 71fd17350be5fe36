/**
 * eBPF to WebAssembly: the translated tier of the vm. A program becomes a module that works on the core's
 * memory and calls its exports; every function of the program is a function there.
 *
 * The results are the interpreter's: r0, memory, faults, instruction counts. What a function cannot have here
 * has the interpreter run it, called from the module; when it is the main function, that is the whole program:
 * - loops with several entries: WebAssembly has none, and a dispatcher would cost more than it gains (in functions
 *   that are taken apart they end a part);
 * - what no verified program does: writing r10, reading r1..r5 after a call, callbacks that read other registers
 *   than their arguments.
 *
 * Programs that no verifier accepts can tell the tiers apart in two places: a helper sees what this tier happens to
 * have in argument registers that were not set since a call, and a callback that is called through an address inside
 * of a function sees zeros in r0 and r6..r9.
 */
import { State } from '../../bpf/abi.ts';
import { Limit } from '../../bpf/isa.ts';
import { Blocks } from './blocks.ts';
import { declareCallbacks, defineCallbacks, RESULTS } from './callbacks.ts';
import type { Callable, CallContext } from './calls.ts';
import { Code } from './code.ts';
import { Flow } from './flow.ts';
import { emitFunction, emitParts } from './function.ts';
import { functionGraph } from './graph.ts';
import { ModuleBuilder } from './module.ts';
import { emitCaller, takeApart } from './parts.ts';
import { declareResume, defineResume } from './resume.ts';
import { importRuntime, type Runtime } from './runtime.ts';
import { ARGUMENTS, Kind, R10, registersOf, Slots } from './slots.ts';
import { unroll } from './unroll.ts';
import { Untranslatable } from './untranslatable.ts';
import { Type, Wasm } from './wasm-op.ts';

/** Longest function that becomes one of WebAssembly, in instructions. Longer ones are taken apart (parts.ts). */
export const MAX_FUNCTION_INSNS = 10_000;
/** Instructions of a part. */
const PART_INSNS = 4000;
/** Functions may share code, which each of them then has: a program may become this much longer. */
const MAX_GROWTH = 4;
/** Instructions that all functions together may have. */
const MAX_TOTAL = 500_000;

export interface TranslateOptions {
  /** Loads that fault read as zero. Default false. */
  probeLoads?: boolean;
  /**
   * Whether the load, store or atomic at a slot was proven to stay in low memory: it is not checked then. Only
   * a verifier that knows the maps' addresses to be there can tell; loads that probe are checked always.
   */
  verified?: (slot: number) => boolean;
  /**
   * Whether the access at a slot often leaves low memory: the core then does it, and the function stays in the
   * translated tier.
   */
  slow?: (slot: number) => boolean;
  /** Longest function that is not taken apart, in instructions. Default `MAX_FUNCTION_INSNS`. */
  maxInsns?: number;
}

/** A program as a WebAssembly module. */
export interface Translation {
  module: Uint8Array<ArrayBuffer>;
  /** Functions, the main one included. */
  functions: number;
  /** Frames that it may need beyond the first one; `Limit.Frames` when it looks itself. */
  depth: number;
  /** Those that are left to the interpreter, by their first slot. */
  interpreted: { slot: number; reason: string }[];
}

/** What a module exports. */
export interface TranslatedExports {
  /** Executes the run that `startRun` has prepared, with `State.Fuel`. A trap is a fault or the end of the fuel. */
  run(): void;
  /**
   * (program, instruction, times): runs one after the other, each started anew with the same `State.Fuel`, up to
   * the first one that spends it. `State.Runs` counts those that have finished.
   */
  runMany(program: number, insn: number, times: number): void;
}

interface TranslatedFunction extends Callable {
  entry: number;
  /** The function, or its parts; none when the interpreter runs it. */
  flows: readonly Flow[];
  reason: string;
  number: number | undefined;
  params: number[];
}

/** Translates a program that `loadProgram` accepts: its references are resolved. */
export function translate(code: Uint8Array, options: TranslateOptions = {}): Translation | Untranslatable {
  try {
    return new Translator(code, options).translate();
  } catch (error) {
    if (error instanceof Untranslatable) return error;
    throw error;
  }
}

class Translator {
  private readonly options: TranslateOptions;
  private readonly blocks: Blocks;
  private readonly module = new ModuleBuilder();
  private readonly functions = new Map<number, TranslatedFunction>();

  /** @throws {Untranslatable} */
  constructor(code: Uint8Array, options: TranslateOptions) {
    this.options = options;
    const slots = new Slots(code);
    if (slots.count > MAX_TOTAL) throw new Untranslatable(`it has more than ${MAX_TOTAL} instructions`);
    this.blocks = new Blocks(slots);
  }

  translate(): Translation {
    this.analyse();
    const main = this.functions.get(0) as TranslatedFunction;
    if (main.flows.length === 0) throw new Untranslatable(main.reason);
    for (const entry of this.blocks.addressTaken) {
      if (((this.blocks.liveIn[entry] as number) & ~(ARGUMENTS | R10)) === 0) continue;
      throw new Untranslatable(
        `the callback of insn ${this.blocks.start[entry]} reads what it was not given`,
      );
    }
    const runtime = importRuntime(this.module);
    const callbacks = declareCallbacks(this.module);
    const resume = declareResume(this.module);
    for (const fn of this.functions.values()) {
      if (fn.flows.length === 0) continue;
      const params = [...fn.params.map(() => Type.I64), Type.I64];
      fn.number = this.module.declare({ params, results: RESULTS });
    }
    const depth = this.deepest();
    const context: CallContext = {
      blocks: this.blocks,
      runtime,
      callbacks,
      resume,
      callables: this.functions,
      checksDepth: depth >= Limit.Frames,
    };
    defineResume(this.module, resume, runtime);
    defineCallbacks(this.module, callbacks, runtime, this.blocks, this.functions);
    for (const fn of this.functions.values()) this.define(fn, context);
    this.defineEntries(runtime, main, Math.min(depth, Limit.Frames - 1));
    const interpreted = [...this.functions.values()]
      .filter(({ flows }) => flows.length === 0)
      .map(({ entry, reason }) => ({ slot: this.blocks.start[entry] as number, reason }));
    return { module: this.module.finish(), functions: this.functions.size, depth, interpreted };
  }

  private define(fn: TranslatedFunction, context: CallContext): void {
    const [flow, ...more] = fn.flows;
    if (!flow || fn.number === undefined) return;
    const { probeLoads = false, verified = () => false, slow = () => false } = this.options;
    const options = { probeLoads, verified, slow };
    if (more.length === 0) {
      this.module.define(fn.number, emitFunction(context, flow, fn.params, options));
      return;
    }
    const parts = emitParts(context, fn.flows, options).map((code) => {
      const number = this.module.declare({ params: [Type.I64], results: RESULTS });
      this.module.define(number, code);
      return number;
    });
    this.module.define(fn.number, emitCaller(fn.params, parts, fn.entry));
  }

  /** Flow of all functions. */
  private analyse(): void {
    const { slots } = this.blocks;
    const longest = this.options.maxInsns ?? MAX_FUNCTION_INSNS;
    let budget = MAX_GROWTH * (slots.index[slots.count] as number);
    for (const entry of this.blocks.entries) {
      const live = this.blocks.liveIn[entry] as number;
      const params = registersOf(live);
      const fn: TranslatedFunction = { entry, flows: [], reason: '', number: undefined, params };
      this.functions.set(entry, fn);
      try {
        const graph = functionGraph(this.blocks, entry, budget);
        for (const block of graph.blocks) this.blocks.checkRegisters(block);
        const insns = graph.blocks.reduce((sum, block) => sum + this.blocks.insns(block), 0);
        if (insns <= longest) fn.flows = [new Flow(this.blocks, unroll(this.blocks, graph))];
        else {
          fn.flows = takeApart(this.blocks, graph, Math.min(longest, PART_INSNS));
          // Where the fuel ends, the interpreter goes on: in one of several parts it needs r10.
          fn.params = registersOf(live | R10);
        }
        budget -= insns;
      } catch (error) {
        if (!(error instanceof Untranslatable)) throw error;
        fn.reason = error.reason;
      }
    }
  }

  /** Frames below the deepest one that translated functions can have; 8 when that is not known. */
  private deepest(): number {
    const { slots, addressTaken } = this.blocks;
    if (addressTaken.size > 0) return Limit.Frames;
    const callees = new Map<number, number[]>();
    for (const { entry, flows } of this.functions.values()) {
      const called: number[] = [];
      for (const block of flows.flatMap(({ graph }) => [...graph.blocks])) {
        const end = this.blocks.end(block);
        for (let slot = this.blocks.start[block] as number; slot < end; slot = slots.next(slot)) {
          const kind = slots.kind(slot);
          if (kind === Kind.CallRegister) return Limit.Frames;
          if (kind === Kind.Call) called.push(this.blocks.callee(slot));
        }
      }
      callees.set(entry, called);
    }
    // A level at a time: who is called by whom; a program that recurses reaches every level.
    let level = new Set([0]);
    for (let depth = 0; depth < Limit.Frames; depth++) {
      const next = new Set<number>();
      for (const entry of level) for (const callee of callees.get(entry) ?? []) next.add(callee);
      if (next.size === 0) return depth;
      level = next;
    }
    return Limit.Frames;
  }

  /** Exports that set the main function's registers from the state record and leave its results there. */
  private defineEntries(runtime: Runtime, main: TranslatedFunction, depth: number): void {
    const run = this.module.declare({ params: [], results: [] });
    const code = new Code(0);
    const fuel = code.local(Type.I64);
    const r0 = code.local(Type.I64);
    if (depth > 0) {
      code.i32(depth);
      code.call(runtime.markDepth);
    }
    for (const register of main.params) {
      code.i32(0);
      code.memory(Wasm.I64Load, State.Regs + 8 * register);
    }
    code.i32(0);
    code.memory(Wasm.I64Load, State.Fuel);
    code.call(main.number as number);
    code.set(fuel);
    code.set(r0);
    code.i32(0);
    code.get(fuel);
    code.memory(Wasm.I64Store, State.Fuel);
    code.i32(0);
    code.get(r0);
    code.memory(Wasm.I64Store, State.Regs);
    this.module.define(run, code);
    this.module.export('run', run);
    const runMany = this.module.declare({ params: [Type.I32, Type.I32, Type.I32], results: [] });
    this.module.define(runMany, runManyCode(runtime, run));
    this.module.export('runMany', runMany);
  }
}

function runManyCode(runtime: Runtime, run: number): Code {
  const [program, insn, left] = [0, 1, 2];
  const code = new Code(3);
  const fuel = code.local(Type.I64);
  code.i32(0);
  code.memory(Wasm.I64Load, State.Fuel);
  code.set(fuel);
  code.open(Wasm.Block);
  code.open(Wasm.Loop);
  code.get(program);
  code.get(insn);
  code.call(runtime.startRun);
  code.i32(0);
  code.get(fuel);
  code.memory(Wasm.I64Store, State.Fuel);
  code.call(run);
  code.i32(0);
  code.memory(Wasm.I64Load, State.Fuel);
  code.i64(0);
  code.op(Wasm.I64LtS);
  code.brIf(1);
  code.i32(0);
  code.i32(0);
  code.memory(Wasm.I32Load, State.Runs);
  code.i32(1);
  code.op(Wasm.I32Add);
  code.memory(Wasm.I32Store, State.Runs);
  code.get(left);
  code.i32(1);
  code.op(Wasm.I32Sub);
  code.tee(left);
  code.brIf(0);
  code.end();
  code.end();
  return code;
}
