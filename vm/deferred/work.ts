/** Work that a program has put off: a bpf_timer or a bpf_wq in a value of a map. */
import type { LoadedProgram } from '../program.ts';

export type WorkKind = 'timer' | 'work queue';

/** What is called when the work is due. */
export interface WorkFunction {
  readonly program: LoadedProgram;
  /** Its first instruction. */
  readonly slot: number;
}

export interface Work {
  readonly kind: WorkKind;
  /** What stands in the first 8 bytes of the struct for as long as the work exists. */
  readonly mark: bigint;
  /** Kernel address of the map. */
  readonly map: bigint;
  /** Linear offset of the struct. */
  readonly place: number;
  fn: WorkFunction | undefined;
  /** Nanoseconds from 1970 to the zero of its clock; 0 for clocks that count from boot, and work queues. */
  readonly epoch: bigint;
  /** When it is due, in nanoseconds since boot; undefined while it is not started. */
  due: bigint | undefined;
}
