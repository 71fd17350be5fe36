/** A world is built, dumped, restored into an empty kernel and dumped again: the two dumps are to be equal. */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { compareStates } from '../../checkpoint/compare/compare.ts';
import { type Dump, dump } from '../../checkpoint/dump/dump.ts';
import { type Restored, restore } from '../../checkpoint/restore/restore.ts';
import type { CheckpointState, RingState } from '../../checkpoint/state.ts';
import { parseScene } from '../../kernel-model/scene/index.ts';
import { openSession } from '../../session/open-session-node.ts';
import type { Session } from '../../session/session.ts';
import { Caller } from '../kernel-model/ring-support.ts';

export const KERNELS = ['5.16+series', '6.1', '6.12'] as const;
export type Kernel = (typeof KERNELS)[number];
export const NEW_KERNELS: readonly Kernel[] = ['6.1', '6.12'];

const PROGRAMS = new URL('../../programs/', import.meta.url);

function objectBytes(name: string): Uint8Array {
  const folder = name === 'bvec_pages' ? 'bvec_pages' : 'checkpoint';
  return readFileSync(new URL(`${folder}/${name}.bpf.o`, PROGRAMS));
}

export function sessionOf(text: string, kernel: Kernel): Promise<Session> {
  return openSession(parseScene(text, 'scene.yaml'), kernel);
}

export function dumpOf(session: Session): Dump {
  return dump(session, objectBytes);
}

/** The state of a world that nothing is lost of. */
export function stateOf(session: Session): CheckpointState {
  const { state, refusals } = dumpOf(session);
  expect(refusals).toEqual([]);
  return state;
}

export interface RoundTrip {
  readonly before: CheckpointState;
  readonly after: CheckpointState;
  readonly restored: Restored;
  /** The kernel that it was restored into. */
  readonly session: Session;
}

/** Dumps, restores and compares everything. @param tolerate paths in the world's differences that are let pass */
export async function roundTrip(session: Session, kernel: Kernel): Promise<RoundTrip> {
  const before = stateOf(session);
  const empty = await sessionOf('', kernel);
  const restored = restore(empty, before);
  const after = stateOf(empty);
  const { items, world } = compareStates(before, after);
  expect(items.filter(({ equal }) => !equal)).toEqual([]);
  expect(world).toEqual([]);
  expect(after.rings.map(comparable)).toEqual(before.rings.map(comparable));
  return { before, after, restored, session: empty };
}

/** A scene's text, restored. */
export async function restoredScene(text: string, kernel: Kernel): Promise<RoundTrip> {
  return roundTrip(await sessionOf(text, kernel), kernel);
}

/** Whoever is the task of a scene with a pid, to make calls. */
export function callerOf(session: Session, pid = 100): Caller {
  const task = session.machine.tasks.get(pid);
  if (!task) throw new Error(`no task ${pid}`);
  return new Caller(session.machine, task);
}

/** What two dumps of one ring may differ in without anybody seeing it. */
function comparable(ring: RingState): unknown {
  const { queues, setup, requests } = ring;
  const pending = requests.length > 0;
  const counting = requests.some(
    ({ timeout, where }) =>
      where === 'timeout' && (timeout?.count ?? 0) > 0 && ((timeout?.flags ?? 0) & 64) === 0,
  );
  return {
    ...ring,
    setup: { ...setup, flags: setup.flags & ~32 },
    queues: {
      ...queues,
      sqFlags: queues.sqFlags & ~1,
      ...(counting ? {} : { lastFlush: 0 }),
      ...(pending ? {} : { drainActive: false }),
    },
    requests: requests.map(withoutTime),
  };
}

function withoutTime(request: RingState['requests'][number]): unknown {
  const { timeout, chain, task: _task, ...rest } = request;
  return { ...rest, timeout: timeout && { ...timeout, time: 0n }, chain: chain.map(withoutTime) };
}
