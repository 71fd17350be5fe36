/** A test run that was recorded, to go through either way. */
import { InputError } from '../bpf/input-error.ts';
import { whatThereIs } from '../loader/near-names.ts';
import type { ListingLine } from '../session/debugger/listing.ts';
import { MOST_STEPS, RunObserver } from '../session/debugger/record.ts';
import type { Recording } from '../session/debugger/recording.ts';
import { type Direction, Timeline, type Wanted } from '../session/debugger/timeline.ts';
import type { Runner } from '../session/session.ts';
import type { VmProgram } from '../vm/index.ts';
import type { RunMap } from './map.ts';
import type { Kernel, OpenOptions, RunInput, RunOutput } from './run.ts';

export interface RecordInput extends RunInput, OpenOptions {
  /**
   * What is done to the kernel before the program runs: maps are filled here. It is called for each look into memory, too,
   * and has to do the same each time; so do mocks.
   */
  readonly prepare?: (kernel: Kernel) => void;
  /** Steps that are kept; 200,000 when absent. */
  readonly limit?: number;
}

/** The machine before an instruction is executed. */
export interface Step {
  readonly step: number;
  /** Program that the instruction is of: tail calls go to another one. */
  readonly program: string;
  /** Instruction, in slots of the program, and its text. */
  readonly insn: number;
  readonly text: string;
  /** "limit.bpf.c:25", and that line; undefined for objects without line information. */
  readonly place?: string;
  readonly source?: string;
  /** r0..r10 */
  readonly registers: readonly bigint[];
  /** Functions that wait for the current one. */
  readonly depth: number;
  /** Which of the runs (`repeat`) it is, from 0. */
  readonly run: number;
  /** trace_pipe so far. */
  readonly trace: string;
}

/** What to stop at. */
export type StopAt =
  /** An instruction (slot) of the program, or the first one of a source line: "limit.bpf.c:25". */
  | { readonly insn: number }
  | { readonly place: string }
  /** A register that the step before has changed. */
  | { readonly register: number }
  /** The next step that is not in a function called from here; one in the function that called this one. */
  | 'over'
  | 'out'
  /** The first step of another run. */
  | 'run';

interface Place {
  readonly text: string;
  readonly place?: string;
  readonly source?: string;
}

/** Opens the same kernel, prepared in the same way, each time. */
export type OpenKernel = () => Promise<Kernel>;

/** Ends a run that memory is looked at in the middle of. */
class Halt extends Error {}

export class Replay {
  readonly output: RunOutput;
  private readonly timeline: Timeline;
  private readonly name: string;
  private readonly input: RunInput;
  private readonly open: OpenKernel;
  /** By `LoadedProgram.record`. */
  private readonly programs: ReadonlyMap<number, { name: string; places: ReadonlyMap<number, Place> }>;

  private constructor(
    open: OpenKernel,
    kernel: Kernel,
    name: string,
    input: RunInput,
    { output, recording }: { output: RunOutput; recording: Recording },
  ) {
    this.open = open;
    this.name = name;
    this.input = input;
    this.output = output;
    this.timeline = new Timeline(recording);
    this.programs = new Map(
      kernel.loadedPrograms.map((program) => [
        program.loaded.record,
        { name: program.name, places: placesOf(kernel, program) },
      ]),
    );
  }

  /** @internal Use `BpfFile.record`. */
  static async record(open: OpenKernel, name: string, input: RecordInput): Promise<Replay> {
    const kernel = await open();
    const observer = new RunObserver(kernel.vm, input.limit ?? MOST_STEPS);
    const result = kernel.testWith(observer.runner, name, input);
    const output = { ...result, trace: observer.trace + result.trace };
    return new Replay(open, kernel, name, input, { output, recording: observer.finish() });
  }

  /** Steps that were recorded; step 0 is the first. */
  get steps(): number {
    return this.timeline.recording.steps;
  }

  /** The run went on beyond the last step that was kept. */
  get cut(): boolean {
    return this.timeline.recording.cut;
  }

  /** @throws {RangeError} when there is no such step. */
  at(step: number): Step {
    this.check(step);
    const { slots, programs, depths, runs } = this.timeline.recording;
    const program = this.programs.get(programs[step] ?? 0);
    const insn = slots[step] ?? 0;
    return {
      step,
      program: program?.name ?? '',
      insn,
      ...(program?.places.get(insn) ?? { text: '' }),
      registers: [...this.timeline.registers(step)],
      depth: depths[step] ?? 0,
      run: runs[step] ?? 0,
      trace: this.timeline.trace(step),
    };
  }

  /** The next step after one where to stop; undefined when the run ends before. */
  next(from: number, stop: StopAt): Step | undefined {
    return this.find(from, stop, 1);
  }

  /** The last step before one where to stop. */
  previous(from: number, stop: StopAt): Step | undefined {
    return this.find(from, stop, -1);
  }

  /**
   * Memory as a step finds it: the run is repeated up to there in a kernel of its own.
   * @returns a copy; undefined when there is no memory at the address.
   */
  async read(step: number, address: bigint, length: number): Promise<Uint8Array | undefined> {
    const kernel = await this.kernelAt(step);
    return kernel.read(address, length);
  }

  /** The maps as a step finds them. */
  async maps(step: number): Promise<ReadonlyMap<string, RunMap>> {
    const kernel = await this.kernelAt(step);
    return kernel.maps;
  }

  private find(from: number, stop: StopAt, direction: Direction): Step | undefined {
    this.check(from);
    const step = this.timeline.find(this.wanted(from, stop), from, direction);
    return step === undefined ? undefined : this.at(step);
  }

  private wanted(from: number, stop: StopAt): Wanted {
    if (typeof stop === 'string') return { kind: stop };
    if ('register' in stop) return { kind: 'register', register: stop.register };
    if ('insn' in stop) return { kind: 'breakpoint', slots: new Set([stop.insn]) };
    return { kind: 'breakpoint', slots: this.slotsOf(from, stop.place) };
  }

  /** First instructions of each stretch that a line was made into. */
  private slotsOf(from: number, wanted: string): ReadonlySet<number> {
    const { programs } = this.timeline.recording;
    const places = this.programs.get(programs[from] ?? 0)?.places ?? new Map<number, Place>();
    const slots = new Set<number>();
    let last: string | undefined;
    for (const [slot, { place }] of places) {
      if (place === wanted && place !== last) slots.add(slot);
      last = place;
    }
    if (slots.size > 0) return slots;
    const known = new Set([...places.values()].flatMap(({ place }) => place ?? []));
    throw new InputError(`no instruction comes from ${wanted}; ${whatThereIs(wanted, [...known])}`);
  }

  private async kernelAt(step: number): Promise<Kernel> {
    this.check(step);
    const { runs } = this.timeline.recording;
    const run = runs[step] ?? 0;
    const insns = step - runs.indexOf(run);
    const kernel = await this.open();
    let count = 0;
    const runner: Runner = (program, context, options) => {
      if (count++ < run) return program.run(context, options);
      kernel.vm.start(program.loaded, [context], options);
      if (insns > 0) kernel.vm.resume(insns);
      throw new Halt();
    };
    try {
      kernel.testWith(runner, this.name, this.input);
    } catch (error) {
      if (error instanceof Halt) return kernel;
      throw error;
    }
    throw new Error(
      `${this.name} did not come to step ${step} again: prepare or a mock has done something else`,
    );
  }

  private check(step: number): void {
    if (Number.isInteger(step) && step >= 0 && step < this.steps) return;
    throw new RangeError(`there is no step ${step}: ${this.steps} were recorded`);
  }
}

function placesOf(kernel: Kernel, program: VmProgram): Map<number, Place> {
  const places = new Map<number, Place>();
  let above: { place: string; source: string } | undefined;
  for (const line of kernel.listing(program)) {
    above = sourceOf(line) ?? above;
    if (line.kind === 'function') above = undefined;
    if (line.kind === 'insn') places.set(line.slot, { text: line.text, ...above });
  }
  return places;
}

function sourceOf(line: ListingLine): { place: string; source: string } | undefined {
  return line.kind === 'source' ? { place: line.place, source: line.text } : undefined;
}
