/** A program in assembly, as it was understood. */
import { InputError } from '../bpf/input-error.ts';

/** Lines and columns count from 1; `endColumn` is the one behind. */
export interface AssemblyError {
  line: number;
  column: number;
  endColumn: number;
  message: string;
}

/** The first error of a program; the others come along. */
export class AssemblyFailure extends InputError {
  readonly errors: readonly AssemblyError[];

  constructor(errors: readonly [AssemblyError, ...AssemblyError[]]) {
    const [{ line, column, message }] = errors;
    super(`line ${line}, column ${column}: ${message}`);
    this.errors = errors;
  }

  get line(): number {
    return this.errors[0]!.line;
  }

  get column(): number {
    return this.errors[0]!.column;
  }
}

/** Where a word stands. */
export interface Place {
  line: number;
  column: number;
  endColumn: number;
}

export interface AssemblyMap {
  name: string;
  /** BPF_MAP_TYPE_* */
  type: number;
  keySize: number;
  valueSize: number;
  maxEntries: number;
  flags: number;
  extra: bigint;
  frozen: boolean;
  /** What the value of a one-element array begins with. */
  data?: Uint8Array;
  /** Index of the map that the inner ones are like. */
  inner?: number;
  place: Place;
}

/** A function of the kernel that calls name. */
export interface AssemblyKfunc {
  name: string;
  /** Where it is looked for first; the kernel and its modules when absent. */
  module?: string;
  place: Place;
}

export interface AssemblySource {
  /** The kernel's functions that calls name have no numbers yet. */
  insns: Uint8Array;
  /** Source line of every 8-byte slot. */
  lineOfSlot: readonly number[];
  /** Label -> slot. */
  labels: ReadonlyMap<string, number>;
  /** What libbpf takes as the name of a program's section. */
  section: { name: string; place: Place } | undefined;
  license: string;
  /** BPF_F_* besides those that the section means. */
  flags: number;
  maps: readonly AssemblyMap[];
  kfuncs: readonly AssemblyKfunc[];
  /** Modules whose BTF instructions name by number, from 1. */
  modules: readonly string[];
  /** By line; the first hundred. */
  errors: readonly AssemblyError[];
  /** The text without directives. */
  code: string;
}
