/** What passes between the page and its workers. */
import type { AssemblyService } from '../assembly/protocol.ts';
import type { CheckpointService } from '../checkpoint/protocol.ts';
import type { LockService } from '../locks/protocol.ts';
import type { RunService } from '../run/protocol.ts';
import type { VerifyService } from '../verify/protocol.ts';

/** What a worker can do, by the name of the module that does it. A service is an object of async functions. */
export interface Services {
  readonly assembly: AssemblyService;
  readonly verify: VerifyService;
  readonly run: RunService;
  readonly locks: LockService;
  readonly checkpoint: CheckpointService;
}

export type ServiceName = keyof Services;

export interface Call {
  readonly id: number;
  readonly service: ServiceName;
  readonly method: string;
  readonly args: readonly unknown[];
}

export type Reply =
  | { readonly id: number; readonly value: unknown }
  /** The input cannot be used, or (bug) Drydock is wrong. */
  | { readonly id: number; readonly error: string; readonly bug: boolean; readonly at?: Place };

/** How far a call is that is under way. */
export interface Progress {
  readonly id: number;
  readonly progress: unknown;
}

/** Where in a text, from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}
