/** What a verification worker is asked, and what it answers. */
import type { LoadRequest } from '../../verifier/load-request.ts';
import type { Verdict } from '../../verifier/verdict.ts';
import type { RecordedKernel } from './archive.ts';

/** A program of an object file, to be loaded as the recording loader did. */
export interface ObjectJob {
  kind: 'object';
  path: string;
  program: string;
  /** `Cap` bits of the loading task. */
  caps: number;
  /** `LogLevel` bits. */
  logLevel: number;
  /** The log is to say what the loader found missing, as libbpf's does. */
  explained?: boolean;
}

export interface RequestJob {
  kind: 'request';
  request: LoadRequest;
}

export type Job = ObjectJob | RequestJob;

/** What of a verdict is compared. */
export type ComparedVerdict = Pick<Verdict, 'accepted' | 'errno' | 'message' | 'stats' | 'log' | 'logLength'>;

export type Answer =
  | { kind: 'verdict'; verdict: ComparedVerdict; memoryBytes: number; milliseconds: number }
  /** The loader refused, as libbpf would have. */
  | { kind: 'refused'; reason: string }
  | { kind: 'crash'; reason: string }
  | { kind: 'hang'; reason: string };

/** What a worker starts from. */
export interface WorkerSetup {
  /** 6.12 when it is not said. */
  kernel?: RecordedKernel;
  /** verifier.wasm */
  wasm: string;
  /** test/conformance/recorded. */
  recorded: string;
  /** A .config of the kernel, for the objects' CONFIG_ externs. */
  config?: string;
}
