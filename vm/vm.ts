/** The virtual machine: memory, programs and runs of one modelled kernel. */
import { FaultKind, Frame, RunStatus, State } from '../bpf/abi.ts';
import { OutOfMemory } from '../kernel-model/ram.ts';
import { ArenaSpace } from './arena.ts';
import { Contexts } from './context/contexts.ts';
import { Deferred } from './deferred/deferred.ts';
import type { WorkFunction } from './deferred/work.ts';
import { defaultName, type Fault, readFault } from './fault.ts';
import { HelperCall, type HelperFunction } from './helper-call.ts';
import { isPoison } from './poison.ts';
import { type LoadedProgram, loadProgram, type ProgramOptions } from './program.ts';
import { VmRam } from './ram.ts';
import { RunStorage } from './test-run/storage.ts';
import { TranslatedProgram } from './translate/program.ts';
import { type Core, startCore } from './wasm.ts';

/** Instructions a run may execute unless it says otherwise: seconds, not hours. */
export const DEFAULT_BUDGET = 1_000_000_000;
/**
 * Instructions between returns to the host. Engines put optimised code in place only when a function is
 * called anew, so the first slices are short.
 */
const FIRST_SLICE = 20_000;
const SLICE = 16_000_000;

/** First number of `numberUnmodelled`. */
const UNMODELLED = 0x10_0000;
export interface VmOptions {
  /** vm.wasm */
  wasm: BufferSource | WebAssembly.Module;
  /** Zeroed memory for a module that imports it (`kernel.memory`). */
  memory?: WebAssembly.Memory;
}

/** Where a packet stands: linear offset and bytes; its headers from its first byte, negative when before it. */
export interface LegacyPacket {
  offset: number;
  length: number;
  networkHeader?: number;
  linkHeader?: number;
}

export interface RunOptions {
  /** Instructions the run may execute; the default is 1e9. */
  budget?: number;
  /** Packet that legacy loads (ld_abs, ld_ind) read, in low memory. */
  packet?: LegacyPacket;
  /** r2..r5; Linux sets none for a program. Default 0. */
  args?: readonly bigint[];
}

export interface RunResult {
  /** `suspended`: the budget is spent; `resume` goes on. */
  status: 'finished' | 'faulted' | 'suspended';
  /** r0, when finished; else 0. */
  r0: bigint;
  /** Low 32 bits of r0: the return value as the kernel takes it. */
  retval: number;
  fault: Fault | null;
  /** Instructions executed since the run began. */
  insns: number;
}

/** A frame that waits for a function to return. */
export interface CallerFrame {
  /** Instruction it goes on with. */
  pc: number;
  /** Its r10. */
  stack: bigint;
  /** The helper that called the function back, 0 for a plain call. */
  helper: number;
}

export class Vm {
  readonly core: Core;
  readonly ram: VmRam;
  readonly arenas: ArenaSpace;
  /** Of the test run under way. */
  readonly storage: RunStorage;
  /** Packets of the runs under way. */
  readonly contexts = new Contexts();
  /** Timers and work queues that programs have set up. */
  readonly deferred = new Deferred(this);
  /** By record. */
  private readonly programs = new Map<number, LoadedProgram>();
  private readonly helpers = new Map<number, HelperFunction>();
  private readonly call: HelperCall;
  /** Names of what is called by a number but not modelled, from UNMODELLED on. */
  private readonly unmodelled: string[] = [];

  private constructor(core: Core) {
    this.core = core;
    this.ram = new VmRam(core.exports);
    this.arenas = new ArenaSpace(this.ram);
    this.storage = new RunStorage(this.ram);
    this.call = new HelperCall(this.ram, core.exports);
  }

  /** Starts a machine with empty memory. */
  static async create(options: VmOptions): Promise<Vm> {
    const answer = { helper: (_id: number): void => {} };
    const core = await startCore(options.wasm, {
      helper: (id) => answer.helper(id),
      ...(options.memory ? { memory: options.memory } : {}),
    });
    const vm = new Vm(core);
    answer.helper = (id) => vm.answer(id);
    return vm;
  }

  /** Has the host answer a helper number (enum bpf_func_id or `VmCall`) that the core does not answer itself. */
  setHelper(id: number, helper: HelperFunction): void {
    this.helpers.set(id, helper);
  }

  /** A number for calls of something that is not modelled: calling it is a fault that gives the name. */
  numberUnmodelled(name: string): number {
    const known = this.unmodelled.indexOf(name);
    return UNMODELLED + (known >= 0 ? known : this.unmodelled.push(name) - 1);
  }

  /** A number for calls that this function answers, whatever the core or the host does for the name otherwise. */
  numberMock(name: string, helper: HelperFunction): number {
    const number = this.numberUnmodelled(name);
    this.setHelper(number, helper);
    return number;
  }

  /** Loads a program whose references are resolved: see `loadProgram`. */
  load(code: Uint8Array, options: ProgramOptions = {}): LoadedProgram {
    const program = loadProgram(this.core.exports, code, options);
    this.programs.set(program.record, program);
    return program;
  }

  /** Gives a program's memory back. */
  unload(program: LoadedProgram): void {
    this.translatedAt(program.record)?.withdraw();
    this.programs.delete(program.record);
    this.core.exports.unloadProgram(program.record);
  }

  /** Whether a program was not unloaded since. */
  isLoaded(program: LoadedProgram): boolean {
    return this.programs.get(program.record) === program;
  }

  /** The function of the program that runs which a function pointer names; undefined, with a fault raised, for none. */
  functionAt(address: bigint): WorkFunction | undefined {
    const { exports } = this.core;
    const insn = exports.functionAt(address) >>> 0;
    const program = this.programs.get(this.program);
    return insn === 0 || !program ? undefined : { program, slot: exports.slotOf(program.record, insn) >>> 0 };
  }

  /**
   * Runs a program over the context at a kernel address (r1), from start to end. In the translated tier the
   * results are the interpreter's, but a run whose budget is spent cannot be resumed, has perhaps done more
   * than the budget allows, and no run leaves registers or frames to look at.
   */
  run(program: LoadedProgram, context: bigint, options: RunOptions = {}): RunResult {
    this.start(program, [context, ...(options.args ?? [])], options);
    if (!(program.translated instanceof TranslatedProgram)) return this.resume(options.budget);
    const { translated } = program;
    return this.runTranslated(() => translated.exports.run(), options.budget);
  }

  /**
   * Runs a program `times` times (at least once), each run over what the one before left in memory, and each
   * with the whole budget; the first one that does not finish is the last.
   * @returns the result of the last run, and how many have finished
   */
  runMany(
    program: LoadedProgram,
    context: bigint,
    times: number,
    options: RunOptions = {},
  ): RunResult & { runs: number } {
    const { view } = this.ram;
    if (!(program.translated instanceof TranslatedProgram)) {
      for (let runs = 0; ; ) {
        const result = this.run(program, context, options);
        if (result.status === 'finished') runs++;
        if (result.status !== 'finished' || runs >= times) return { ...result, runs };
      }
    }
    this.start(program, [context, ...(options.args ?? [])], options);
    view.setUint32(State.Runs, 0, true);
    const insn = view.getUint32(State.Pc, true);
    const { translated, record } = program;
    const batch = (): void => translated.exports.runMany(record, insn, times);
    const result = this.runTranslated(batch, options.budget);
    return { ...result, runs: this.ram.view.getUint32(State.Runs, true) };
  }

  /**
   * Begins a run without executing anything; `resume` does.
   * @param args r1..r5
   * @param slot instruction to begin with, for calls of one function
   */
  start(program: LoadedProgram, args: readonly bigint[], options: RunOptions = {}, slot = 0): void {
    const { exports } = this.core;
    const insn = exports.insnAtSlot(program.record, slot) >>> 0;
    if (insn === 0) throw new RangeError(`${program.name} has no instruction at slot ${slot}`);
    const { view } = this.ram;
    for (let i = 0; i < 5; i++) view.setBigUint64(State.Args + 8 * i, args[i] ?? 0n, true);
    this.setPacket(options.packet ?? { offset: 0, length: 0 });
    exports.startRun(program.record, insn);
  }

  /** Has ld_abs and ld_ind read this packet from now on. */
  setPacket({ offset, length, networkHeader = 0, linkHeader = 0 }: LegacyPacket): void {
    const { view } = this.ram;
    view.setUint32(State.Packet, offset, true);
    view.setUint32(State.PacketLength, length, true);
    view.setInt32(State.PacketNetwork, networkHeader, true);
    view.setInt32(State.PacketLink, linkHeader, true);
  }

  /** Goes on with the run for at most `budget` instructions, exactly that many unless it ends before. */
  resume(budget: number = DEFAULT_BUDGET): RunResult {
    if (this.status === RunStatus.Idle) throw new Error('resume: no run is under way');
    let left = budget;
    let slice = FIRST_SLICE;
    let status: RunStatus = this.status;
    while (left > 0 && status === RunStatus.Suspended) {
      const part = Math.min(left, slice);
      status = this.advance(part);
      left -= part;
      slice = Math.min(slice * 4, SLICE);
    }
    return this.result(status);
  }

  /** r0..r10 of the run, as they are now. */
  registers(): bigint[] {
    return Array.from({ length: 11 }, (_, i) => this.ram.view.getBigUint64(State.Regs + 8 * i, true));
  }

  /** Record (`LoadedProgram.record`) of the program that the run is in: tail calls change it. */
  get program(): number {
    return this.ram.view.getUint32(State.Program, true);
  }

  /** Instruction that the run will execute next, in slots of its program. */
  get pc(): number {
    const { view } = this.ram;
    return (
      this.core.exports.slotOf(view.getUint32(State.Program, true), view.getUint32(State.Pc, true)) >>> 0
    );
  }

  /** Frames below the current one: 0 in the main function. */
  get depth(): number {
    return this.ram.view.getUint32(State.Depth, true);
  }

  /** Frames that the current one was called from, the main function's first. */
  callers(): CallerFrame[] {
    const { view } = this.ram;
    return Array.from({ length: this.depth }, (_, depth) => {
      const at = State.Frames + depth * Frame.Size;
      const program = view.getUint32(at + Frame.Program, true);
      return {
        pc: this.core.exports.slotOf(program, view.getUint32(at + Frame.ReturnPc, true)) >>> 0,
        stack: view.getBigUint64(at + Frame.StackPointer, true),
        helper: view.getUint32(at + Frame.Continuation, true),
      };
    });
  }

  /** What was written to trace_pipe since the last call. */
  takeTrace(): string {
    this.core.exports.flushTrace();
    return this.core.takeStdout();
  }

  private get status(): RunStatus {
    return this.ram.view.getUint32(State.Status, true);
  }

  private runTranslated(run: () => void, budget: number = DEFAULT_BUDGET): RunResult {
    const { view } = this.ram;
    view.setBigInt64(State.Fuel, BigInt(Math.min(budget, Number.MAX_SAFE_INTEGER)), true);
    view.setUint32(State.Unwound, 0, true);
    view.setUint32(State.Resumed, 0, true);
    try {
      run();
      this.ram.view.setUint32(State.Status, RunStatus.Finished, true);
    } catch (error) {
      if (this.ram.view.getUint32(State.Unwound, true) === 0) {
        this.ram.view.setUint32(State.Status, RunStatus.Idle, true);
        throw error;
      }
    }
    return this.translatedResult(budget);
  }

  private translatedAt(record: number): TranslatedProgram | undefined {
    const translated = this.programs.get(record)?.translated;
    return translated instanceof TranslatedProgram ? translated : undefined;
  }

  private translatedResult(budget: number): RunResult {
    const { view } = this.ram;
    const left = Number(view.getBigInt64(State.Fuel, true));
    view.setBigUint64(State.Insns, BigInt(budget - Math.max(left, 0)), true);
    // What happened beyond the budget did not happen: the interpreter would have stopped before.
    if (left < 0) view.setUint32(State.Status, RunStatus.Suspended, true);
    else if (this.status !== RunStatus.Suspended)
      this.translatedAt(view.getUint32(State.ResumedIn, true))?.settle();
    const result = this.result(this.status);
    if (result.status === 'suspended') view.setUint32(State.Status, RunStatus.Idle, true);
    return result;
  }

  private advance(budget: number): RunStatus {
    try {
      return this.core.exports.resumeRun(budget);
    } catch (error) {
      // The host threw in the middle of an instruction: nothing can go on from there.
      this.ram.view.setUint32(State.Status, RunStatus.Idle, true);
      throw error;
    }
  }

  private result(status: RunStatus): RunResult {
    const { view } = this.ram;
    const finished = status === RunStatus.Finished;
    const r0 = finished ? view.getBigUint64(State.Regs, true) : 0n;
    return {
      status: finished ? 'finished' : status === RunStatus.Faulted ? 'faulted' : 'suspended',
      r0,
      retval: Number(r0 & 0xffff_ffffn),
      fault: status === RunStatus.Faulted ? readFault(view, (id) => this.helperName(id)) : null,
      insns: Number(view.getBigUint64(State.Insns, true)),
    };
  }

  private helperName(id: number): string {
    return this.unmodelled[id - UNMODELLED] ?? defaultName(id);
  }

  /** The core's `kernel.helper` import. */
  private answer(id: number): void {
    const helper = this.helpers.get(id);
    if (!helper) {
      const kind = isPoison(id) ? FaultKind.Poisoned : FaultKind.UnknownHelper;
      this.core.exports.raiseFault(kind, BigInt(id >>> 0));
      return;
    }
    this.call.id = id;
    try {
      const value = helper(this.call);
      this.ram.view.setBigUint64(State.Result, BigInt.asUintN(64, BigInt(value)), true);
    } catch (error) {
      if (!(error instanceof OutOfMemory)) throw error;
      this.core.exports.raiseFault(FaultKind.OutOfMemory, 0n);
    }
  }
}
