/** Moving through a recording, either way. */
import { REGISTERS, type Recording } from './recording.ts';

export type Direction = 1 | -1;

/** What to look for in the steps after (or before) one. */
export type Wanted =
  /** One that stands at any of these instructions. */
  | { readonly kind: 'breakpoint'; readonly slots: ReadonlySet<number> }
  /** One that finds a register changed by the step before it. */
  | { readonly kind: 'register'; readonly register: number }
  /** One that finds more output than the step before it. */
  | { readonly kind: 'output' }
  /** The first of another run of the program. */
  | { readonly kind: 'run' }
  /** One in a frame that is not deeper: calls are passed over. */
  | { readonly kind: 'over' }
  /** One in a frame further out. */
  | { readonly kind: 'out' };

export class Timeline {
  readonly recording: Recording;

  constructor(recording: Recording) {
    this.recording = recording;
  }

  get last(): number {
    return Math.max(0, this.recording.steps - 1);
  }

  registers(step: number): BigUint64Array {
    return this.recording.registers.subarray(step * REGISTERS, (step + 1) * REGISTERS);
  }

  /** Registers that the instruction before has changed; all that are not zero where a run begins. */
  changed(step: number): ReadonlySet<number> {
    const now = this.registers(step);
    const isFirst = step === 0 || this.startsRun(step);
    const before = isFirst ? new BigUint64Array(REGISTERS) : this.registers(step - 1);
    return new Set([...now.keys()].filter((register) => now[register] !== before[register]));
  }

  /** What has been written when a step is reached. */
  output(step: number): Uint8Array {
    const { writes, outputLengths } = this.recording;
    const length = outputLengths[step] ?? 0;
    const bytes = new Uint8Array(length);
    let from = 0;
    for (let index = 0; index < writes.steps.length && (writes.steps[index] as number) <= step; index++) {
      const end = writes.ends[index] as number;
      const place = writes.places[index] as number;
      bytes.set(
        writes.bytes.subarray(from, Math.min(end, from + Math.max(0, length - place))),
        Math.min(place, length),
      );
      from = end;
    }
    return bytes;
  }

  /** Bytes of the output, from its end, that the instruction before a step has written. */
  written(step: number): number {
    if (step === 0) return 0;
    const { outputLengths } = this.recording;
    return Math.max(0, (outputLengths[step] as number) - (outputLengths[step - 1] as number));
  }

  trace(step: number): string {
    return this.recording.trace.slice(0, this.recording.traceLengths[step] ?? 0);
  }

  /** The next step in a direction that is wanted; undefined when there is none. */
  find(wanted: Wanted, from: number, direction: Direction): number | undefined {
    const fits = this.test(wanted, from);
    for (let step = from + direction; step >= 0 && step < this.recording.steps; step += direction) {
      if (fits(step)) return step;
    }
    return undefined;
  }

  private startsRun(step: number): boolean {
    const { runs } = this.recording;
    return step === 0 || runs[step] !== runs[step - 1];
  }

  private test(wanted: Wanted, from: number): (step: number) => boolean {
    const { slots, depths, runs } = this.recording;
    const depth = depths[from] ?? 0;
    const isOtherRun = (step: number) => runs[step] !== runs[from];
    switch (wanted.kind) {
      case 'breakpoint':
        return (step) => wanted.slots.has(slots[step] as number);
      case 'register':
        return (step) => !this.startsRun(step) && this.changed(step).has(wanted.register);
      case 'output':
        return (step) => this.written(step) > 0;
      case 'run':
        return (step) => this.startsRun(step);
      case 'over':
        return (step) => isOtherRun(step) || (depths[step] as number) <= depth;
      case 'out':
        return (step) => isOtherRun(step) || (depths[step] as number) < depth;
    }
  }
}
