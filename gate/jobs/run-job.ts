/** Runs iterators over a scene, and takes scenes through checkpoints. */

import { checkpointObject } from '../../checkpoint/objects-node.ts';
import { proveRestore, takeCheckpoint } from '../../checkpoint/roundtrip.ts';
import { parseScene } from '../../kernel-model/scene/index.ts';
import { readObject } from '../../loader/object-file-node.ts';
import { iterate } from '../../session/iterate.ts';
import { openSession, readScene } from '../../session/open-session-node.ts';
import { matches } from '../config/select.ts';
import type { Answer, CheckpointJob, RunJob } from './job.ts';

/** Differences that are told of two dumps. */
const MOST_DIFFERENCES = 20;

/** @throws {InputError} for an object or a scene that cannot be used. */
export async function runJob(job: RunJob): Promise<Answer> {
  const session = await openSession(await readScene(job.scene ?? undefined), job.kernel);
  const { task, fd, map } = job;
  const selection = {
    ...(task === null ? {} : { task }),
    ...(fd === null ? {} : { fd }),
    ...(map === null ? {} : { map }),
  };
  const bytes = readObject(job.path);
  const all = session.load(bytes, job.file);
  const names = all.iterators
    .map(({ name }) => name)
    .filter((name) => matches(job.programs ?? undefined, name));
  const object = names.length === all.iterators.length ? all : session.load(bytes, job.file, names);
  const parts: Uint8Array[] = [];
  const retvals: number[] = [];
  let failure: string | null = null;
  for (const iteration of iterate(session, object, selection, job.readSize)) {
    parts.push(iteration.bytes);
    retvals.push(iteration.log.retval);
    if (iteration.failure !== undefined) failure ??= `${iteration.iterator.name}: ${iteration.failure}`;
    // After a fault the modelled kernel is as a real one after an oops: its locks stay held.
    if (iteration.log.fault) break;
  }
  return { kind: 'run', ...textOf(Buffer.concat(parts)), retvals, failure };
}

function textOf(bytes: Buffer): { output: string; binary: boolean } {
  try {
    return {
      output: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes),
      binary: false,
    };
  } catch {
    return { output: bytes.toString('latin1'), binary: true };
  }
}

/** @throws {InputError} for a scene that cannot be used, and a state that cannot be brought about again. */
export async function checkpointJob({ scene, kernel, drop }: CheckpointJob): Promise<Answer> {
  const session = await openSession(await readScene(scene), kernel);
  const { state, refusals } = takeCheckpoint(session, checkpointObject, { drop });
  if (refusals.length > 0) {
    const told = refusals.map(({ item, subject, reason }) => ({
      item: item ?? null,
      text: `${subject} ${reason}`,
    }));
    return { kind: 'checkpoint', refusals: told, differences: [] };
  }
  const fresh = await openSession(parseScene('', 'empty scene'), kernel);
  const { items, world } = proveRestore(fresh, checkpointObject, state).comparison;
  const all = [...items.flatMap(({ differences }) => differences), ...world];
  const differences = all.map(({ path, before, after }) => `${path} was ${before}, is ${after}`);
  return { kind: 'checkpoint', refusals: [], differences: differences.slice(0, MOST_DIFFERENCES) };
}
