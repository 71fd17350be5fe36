/** Runs an object's iterators over everything of a scene that they can be attached to. */
import { errnoName } from '../bpf/errno-name.ts';
import { OutOfMemory } from '../kernel-model/ram.ts';
import type { OpenIterator } from './open-iterator.ts';
import { RunFailure } from './run-failure.ts';
import type { LoadedIterator, LoadedObject, RunLog, Session } from './session.ts';
import { choices, type IterChoice, type Selection } from './targets.ts';

/** One iterator, attached to one thing and read to the end. */
export interface Iteration {
  readonly iterator: LoadedIterator;
  /** undefined: there is nothing in the scene to attach to. */
  readonly choice: IterChoice | undefined;
  readonly bytes: Uint8Array;
  /** Why it is not complete; undefined when it is. */
  readonly failure: string | undefined;
  /** errno of the failure (positive), 0 when there is none. */
  readonly errno: number;
  /** What the programs wrote to trace_pipe. */
  readonly trace: string;
  /** Of this iteration alone. */
  readonly log: RunLog;
}

const EMPTY = new Uint8Array();

/** In the order of the programs, and of each the order of `choices`. */
export function* iterate(
  session: Session,
  object: LoadedObject,
  selection: Selection,
  readSize: number,
): Generator<Iteration> {
  for (const iterator of object.iterators) {
    const found = choices(session, iterator.target, selection);
    if (found.length === 0) yield { ...nothing(iterator), choice: undefined };
    for (const choice of found) yield iterateOne(session, iterator, choice, readSize);
  }
}

function nothing(iterator: LoadedIterator) {
  const log = { insns: 0, runs: 0, retval: 0, fault: null };
  return { iterator, bytes: EMPTY, failure: undefined, errno: 0, trace: '', log };
}

/** @param opened is told of the iterator before it is read. */
export function iterateOne(
  session: Session,
  iterator: LoadedIterator,
  choice: IterChoice,
  readSize: number,
  opened?: (open: OpenIterator) => void,
): Iteration & { readonly choice: IterChoice } {
  const before = { ...iterator.log };
  const outcome = attempt(session, iterator, choice, readSize, opened);
  const { log } = iterator;
  return {
    iterator,
    choice,
    ...outcome,
    trace: session.vm.takeTrace(),
    log: { ...log, insns: log.insns - before.insns, runs: log.runs - before.runs },
  };
}

function attempt(
  session: Session,
  iterator: LoadedIterator,
  choice: IterChoice,
  readSize: number,
  opened?: (open: OpenIterator) => void,
) {
  try {
    const open = session.open(iterator, choice);
    if (typeof open === 'number') {
      return { bytes: EMPTY, failure: `attaching fails with ${errnoName(open)}`, errno: -open };
    }
    opened?.(open);
    const { bytes, errno, stopped } = open.readAll(readSize);
    open.close();
    const failure = stopped ?? (errno === 0 ? undefined : `reading fails with ${errnoName(errno)}`);
    return { bytes, failure, errno };
  } catch (error) {
    if (error instanceof RunFailure || error instanceof OutOfMemory) {
      return { bytes: EMPTY, failure: error.message, errno: 0 };
    }
    throw error;
  }
}
