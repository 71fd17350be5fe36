/** What the page asks the worker that runs programs. */
import type { IterProgramName, Moment, RunChoice } from '../../session/debugger/debugger.ts';
import type { Inspection, Query } from '../../session/debugger/inspect.ts';
import type { ListingLine } from '../../session/debugger/listing.ts';
import type { Recording } from '../../session/debugger/recording.ts';
import type { SceneOverview } from '../../session/debugger/scene-overview.ts';
import type { Subject } from '../state.ts';

/** What is run, over what. */
export interface Setting {
  readonly subject: Subject;
  readonly kernel: string;
  /** BTF of a vmlinux that stands in for the kernel's own. */
  readonly btf?: Uint8Array<ArrayBuffer>;
  /** Scene as YAML, and what messages call it. */
  readonly scene: string;
}

export interface Recorded {
  readonly recording: Recording;
  readonly listing: readonly ListingLine[];
  /** What the reader has got in the end. */
  readonly output: Uint8Array;
  /** Why the run is not complete. */
  readonly failure?: string;
  /** Instruction that the modelled kernel does not survive. */
  readonly fault?: number;
  /** Instructions executed, recorded or not, and runs of the program. */
  readonly insns: number;
  readonly runs: number;
  readonly retval: number;
  readonly milliseconds: number;
}

export interface RunService {
  /** The object's iterators. */
  programs(setting: Setting): Promise<readonly IterProgramName[]>;
  /** What a program can be attached to, in words. */
  targets(setting: Setting, program: string): Promise<readonly string[]>;
  /** What the scene has. Fails with the place where it cannot be built. */
  overview(kernel: string, scene: string): Promise<SceneOverview>;
  record(setting: Setting, choice: RunChoice): Promise<Recorded>;
  inspect(setting: Setting, choice: RunChoice, moment: Moment, query: Query): Promise<Inspection>;
}
