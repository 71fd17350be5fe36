/** What the gate has workers do, and what they answer: plain data, which is also what the cache is asked for. */
import type { ObjectFormats } from '../../verifier/load-options.ts';
import type { Mode, SourcePlace, VerifyResult } from '../check.ts';
import type { Patterns, Selector } from '../config/config.ts';

/** A kernel as its profile has it, with or without what the series adds. */
export interface KernelChoice {
  readonly kernel: string;
  readonly series: boolean;
}

/** An object, how it is changed before it is loaded, and what its programs attach to. */
export interface ObjectChoice extends KernelChoice {
  /** Absolute. */
  readonly path: string;
  /** For people: relative to the configuration. */
  readonly file: string;
  /** Empty for the object as it is. */
  readonly variant: string;
  readonly globals: Readonly<Record<string, string>>;
  readonly kconfig: Readonly<Record<string, string>>;
  readonly formats?: ObjectFormats;
  /** OBJ[:PROGRAM[=FUNCTION]] with absolute paths. */
  readonly targets: readonly string[];
}

export interface VerifyJob {
  readonly kind: 'verify';
  readonly object: ObjectChoice;
  readonly programs: Patterns | null;
  /** Which programs are also verified without capabilities. */
  readonly unprivileged: readonly Selector[];
}

export interface ExplainJob {
  readonly kind: 'explain';
  readonly object: ObjectChoice;
  /** Of rejected programs. */
  readonly programs: readonly { readonly program: string; readonly mode: Mode }[];
}

export interface Explanation {
  readonly program: string;
  readonly mode: Mode;
  readonly details: readonly string[];
  readonly source: SourcePlace | null;
}

export interface RunJob {
  readonly kind: 'run';
  readonly path: string;
  readonly file: string;
  readonly programs: Patterns | null;
  /** Absolute; null for an empty world. */
  readonly scene: string | null;
  readonly kernel: string;
  readonly task: number | null;
  readonly fd: number | null;
  readonly map: string | null;
  readonly readSize: number;
}

export interface CheckpointJob {
  readonly kind: 'checkpoint';
  readonly scene: string;
  readonly file: string;
  readonly kernel: string;
  readonly drop: readonly number[];
}

export type Job = VerifyJob | ExplainJob | RunJob | CheckpointJob;

export interface ProgramAnswer {
  readonly program: string;
  readonly section: string;
  readonly mode: Mode;
  /** Null when it crashed. */
  readonly result: VerifyResult | null;
  readonly crash: string | null;
}

export interface RunAnswer {
  readonly kind: 'run';
  /** What a reader of all iterators gets, one after the other; as text, other bytes as Latin-1 would have them. */
  readonly output: string;
  /** The output is no UTF-8. */
  readonly binary: boolean;
  /** What each iterator's last call returned. */
  readonly retvals: readonly number[];
  readonly failure: string | null;
}

export interface CheckpointAnswer {
  readonly kind: 'checkpoint';
  readonly refusals: readonly { readonly item: number | null; readonly text: string }[];
  /** Empty when both dumps are equal. */
  readonly differences: readonly string[];
}

export type Answer =
  | { readonly kind: 'verify'; readonly programs: readonly ProgramAnswer[] }
  | { readonly kind: 'explain'; readonly programs: readonly Explanation[] }
  | RunAnswer
  | CheckpointAnswer
  /** The input is bad. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** A bug in Drydock. */
  | { readonly kind: 'crash'; readonly reason: string };

/** Verifications of one object (programs and modes) that workers may share between them; the rest is done by each. */
export const MOST_CLAIMS = 1 << 14;

/** What a worker is given: several may have the same job, and each takes what nobody has taken yet. */
export interface Assignment {
  readonly job: Job;
  /** By verification: 0, or 1 once it is taken. */
  readonly claims: Int32Array;
}

/** A verification of an object's, by its number among all of them. */
export interface Turn {
  readonly index: number;
  readonly program: string;
  readonly section: string;
  readonly mode: Mode;
}

/** What a worker says. */
export type Message =
  /** It has begun with a program. */
  | { readonly begins: Turn }
  | { readonly index: number; readonly program: ProgramAnswer }
  /** It has done its part; of "verify" the programs have been told one by one. */
  | { readonly answer: Answer };
