/** What the parts of a conformance run share. */
import type { Archive, RecordedKernel, RecordedLoad } from './archive.ts';
import { loadName } from './archive.ts';
import type { FailureKind, Failures } from './known-failures.ts';
import type { Line } from './line.ts';

export interface Context {
  /** Root of the checkout. */
  root: string;
  /** The built verifier.wasm. */
  wasm: string;
  /** test/conformance/recorded. */
  recorded: string;
  /** Whose answers are compared with. */
  kernel: RecordedKernel;
  archive: Archive;
  /** Names of loads that are wanted. */
  only: RegExp;
  /** Whether missing packages may be installed. */
  install: boolean;
  /** Compares what failed with the list of known failures; a part calls it once for each kind. */
  failed(kind: FailureKind, failures: Failures): void;
  progress(text: string): void;
}

/** A set of loads or programs that is scored. The parts run one after the other; the lines are the summary. */
export type Part = (context: Context) => Promise<Line[]>;

export function wantedLoads({ archive, only }: Context): RecordedLoad[] {
  return archive.loads.filter((load) => only.test(loadName(load)));
}
