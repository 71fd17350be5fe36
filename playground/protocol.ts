/** What the page asks the worker, and what it is told. */
import type { SourceLine } from '../verifier/diagnosis/source.ts';

export interface VerifyRequest {
  readonly id: number;
  readonly kernel: string;
  /** Without the iterators of the series. */
  readonly stock: boolean;
  /** As a task without capabilities. */
  readonly unprivileged: boolean;
  readonly file: string;
  readonly bytes: Uint8Array;
}

export interface ProgramReport {
  readonly name: string;
  readonly section: string;
  readonly verdict: 'accepted' | 'rejected' | 'not-loaded';
  readonly errno: string;
  readonly message: string;
  readonly source: SourceLine | null;
  /** "57 insns, 5 states, stack 24"; empty when the verifier has not seen it. */
  readonly numbers: string;
  readonly explanation: readonly string[];
  readonly log: string;
}

export type Answer =
  | { readonly id: number; readonly programs: readonly ProgramReport[]; readonly milliseconds: number }
  /** The object cannot be used, or (bug) Drydock is wrong. */
  | { readonly id: number; readonly error: string; readonly bug: boolean };

/** Written by scripts/build-playground.mjs beside the page. */
export interface Site {
  readonly kernels: readonly { readonly name: string; readonly files: readonly string[] }[];
  readonly examples: readonly { readonly name: string; readonly file: string; readonly series: boolean }[];
}
