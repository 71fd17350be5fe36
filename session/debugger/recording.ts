/**
 * What a run did, instruction by instruction, as plain arrays: a page gets it from its worker as it is, and steps
 * back through it as easily as forward.
 *
 * Step n is the state before the nth instruction is executed, so the first step of each run of the program shows its
 * argument in r1, and the last one stands at `exit` with the result in r0.
 */
import { State } from '../../bpf/abi.ts';
import type { Vm } from '../../vm/index.ts';

/** r0..r10 */
export const REGISTERS = 11;

export interface Recording {
  readonly steps: number;
  /** The run went on, but was not recorded any further. */
  readonly cut: boolean;
  /** Instruction that comes next, in slots of the program. */
  readonly slots: Uint32Array;
  /** Program it is in (`LoadedProgram.record`): tail calls change it. */
  readonly programs: Uint32Array;
  /** Frames below the current one. */
  readonly depths: Uint8Array;
  /** Which run of the program it is; there is one for each object and one at the end. */
  readonly runs: Uint32Array;
  /** `REGISTERS` for each step. */
  readonly registers: BigUint64Array;
  /** Bytes that the reader has or will get of what was written so far. */
  readonly outputLengths: Uint32Array;
  /** Characters of `trace` written so far. */
  readonly traceLengths: Uint32Array;
  readonly writes: OutputWrites;
  /** trace_pipe */
  readonly trace: string;
}

/** Every write to the output, in order. What is taken back is overwritten later. */
export interface OutputWrites {
  /** First step that sees it. */
  readonly steps: Uint32Array;
  /** Where in the output it goes. */
  readonly places: Uint32Array;
  /** Ends in `bytes`, which has all of them one after another. */
  readonly ends: Uint32Array;
  readonly bytes: Uint8Array;
}

/** A recording that grows. */
export class Recorder {
  private room = 1024;
  private count = 0;
  private slots = new Uint32Array(this.room);
  private programs = new Uint32Array(this.room);
  private depths = new Uint8Array(this.room);
  private runs = new Uint32Array(this.room);
  private registers = new BigUint64Array(this.room * REGISTERS);
  private outputLengths = new Uint32Array(this.room);
  private traceLengths = new Uint32Array(this.room);
  private readonly writes: { step: number; place: number; bytes: Uint8Array }[] = [];
  private trace = '';
  private outputLength = 0;
  private isCut = false;
  private readonly limit: number;

  /** @param limit steps that are kept. */
  constructor(limit: number) {
    this.limit = limit;
  }

  get steps(): number {
    return this.count;
  }

  get full(): boolean {
    return this.count >= this.limit;
  }

  /** From here on nothing is kept. */
  cut(): void {
    this.isCut = true;
  }

  /** What the vm finds before it executes its next instruction. */
  step(vm: Vm, run: number): void {
    if (this.count === this.room) this.grow();
    const at = this.count++;
    this.slots[at] = vm.pc;
    this.programs[at] = vm.program;
    this.depths[at] = vm.depth;
    this.runs[at] = run;
    this.registers.set(new BigUint64Array(vm.ram.buffer, State.Regs, REGISTERS), at * REGISTERS);
    this.outputLengths[at] = this.outputLength;
    this.traceLengths[at] = this.trace.length;
  }

  /** The output is so long now; what is new of it is asked for. */
  output(length: number, bytes: (from: number) => Uint8Array): void {
    if (length > this.outputLength) {
      this.writes.push({ step: this.count, place: this.outputLength, bytes: bytes(this.outputLength) });
    }
    this.outputLength = length;
  }

  traced(text: string): void {
    this.trace += text;
  }

  finish(): Recording {
    const { count, writes } = this;
    const ends: number[] = [];
    const bytes = new Uint8Array(writes.reduce((size, write) => size + write.bytes.length, 0));
    let end = 0;
    for (const write of writes) {
      bytes.set(write.bytes, end);
      end += write.bytes.length;
      ends.push(end);
    }
    return {
      steps: count,
      cut: this.isCut,
      slots: this.slots.slice(0, count),
      programs: this.programs.slice(0, count),
      depths: this.depths.slice(0, count),
      runs: this.runs.slice(0, count),
      registers: this.registers.slice(0, count * REGISTERS),
      outputLengths: this.outputLengths.slice(0, count),
      traceLengths: this.traceLengths.slice(0, count),
      writes: {
        steps: Uint32Array.from(writes, ({ step }) => step),
        places: Uint32Array.from(writes, ({ place }) => place),
        ends: Uint32Array.from(ends),
        bytes,
      },
      trace: this.trace,
    };
  }

  private grow(): void {
    this.room *= 2;
    const larger = <T extends Uint32Array | Uint8Array | BigUint64Array>(old: T, next: T): T => {
      next.set(old as never);
      return next;
    };
    this.slots = larger(this.slots, new Uint32Array(this.room));
    this.programs = larger(this.programs, new Uint32Array(this.room));
    this.depths = larger(this.depths, new Uint8Array(this.room));
    this.runs = larger(this.runs, new Uint32Array(this.room));
    this.registers = larger(this.registers, new BigUint64Array(this.room * REGISTERS));
    this.outputLengths = larger(this.outputLengths, new Uint32Array(this.room));
    this.traceLengths = larger(this.traceLengths, new Uint32Array(this.room));
  }
}
