/**
 * The proof of a checkpoint: a world is dumped, brought about again in a fresh kernel, dumped again, and both dumps are
 * held against each other.
 */
import type { Session } from '../session/session.ts';
import { type Comparison, compareStates } from './compare/compare.ts';
import { type Dump, type DumpOptions, dump } from './dump/dump.ts';
import type { ObjectSource } from './dump/programs.ts';
import type { Refusal } from './dump/refusal.ts';
import type { Call } from './restore/calls.ts';
import { restore } from './restore/restore.ts';
import type { CheckpointState } from './state.ts';

export interface Checkpoint {
  readonly state: CheckpointState;
  /** What forbids it; a checkpoint is only good without any. */
  readonly refusals: readonly Refusal[];
  /** What is left out because the caller said so. */
  readonly dropped: readonly Refusal[];
}

/** Items of the inventory that may be lost. */
export interface CheckpointOptions extends DumpOptions {
  readonly drop?: readonly number[];
}

export function takeCheckpoint(
  session: Session,
  source: ObjectSource,
  { drop = [], ...options }: CheckpointOptions = {},
): Checkpoint {
  const { state, refusals }: Dump = dump(session, source, options);
  const isDropped = ({ item }: Refusal) => item !== undefined && drop.includes(item);
  return {
    state,
    refusals: refusals.filter((refusal) => !isDropped(refusal)),
    dropped: refusals.filter(isDropped),
  };
}

export interface Proof {
  /** The system calls of the restore. */
  readonly calls: readonly Call[];
  readonly comparison: Comparison;
  readonly restored: CheckpointState;
}

/** @param fresh a kernel in which nothing is yet. @throws {InputError} when the state cannot be brought about in it. */
export function proveRestore(fresh: Session, source: ObjectSource, state: CheckpointState): Proof {
  const { calls } = restore(fresh, state);
  const { state: restored } = dump(fresh, source);
  return { calls, restored, comparison: compareStates(state, restored) };
}
