/** Sessions over scenes and objects of the repository. */
import { readFileSync } from 'node:fs';
import { dump } from '../../checkpoint/dump/dump.ts';
import { parseScene } from '../../kernel-model/scene/index.ts';
import { iterate } from '../../session/iterate.ts';
import { openSession } from '../../session/open-session-node.ts';
import type { LoadedIterator, LoadedObject, Session } from '../../session/session.ts';

export const KERNELS = ['5.16+series', '6.1', '6.12'];
export const PROGRAMS = new URL('../../programs/', import.meta.url);

export function sceneText(name: string): string {
  return readFileSync(new URL(`scenes/${name}.yaml`, PROGRAMS), 'utf8');
}

export function sessionOf(text: string, kernel = '6.12'): Promise<Session> {
  return openSession(parseScene(text, 'scene.yaml'), kernel);
}

export function loadProgram(session: Session, name: string): LoadedObject {
  const file = `${name}.bpf.o`;
  return session.load(readFileSync(new URL(`${name}/${file}`, PROGRAMS)), file);
}

export function checkpointObject(name: string): Uint8Array {
  const folder = name === 'bvec_pages' ? name : 'checkpoint';
  return readFileSync(new URL(`${folder}/${name}.bpf.o`, PROGRAMS));
}

/** All that a checkpoint has of a world, as JSON; 64-bit numbers and bytes as text. */
export function checkpointText(session: Session): string {
  return JSON.stringify(dump(session, checkpointObject).state, (_key, value: unknown) => {
    if (typeof value === 'bigint') return String(value);
    if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
    return value instanceof Map ? [...value] : value;
  });
}

/** The object's only iterator. */
export function onlyIterator(object: LoadedObject): LoadedIterator {
  const [iterator, ...rest] = object.iterators;
  if (!iterator || rest.length > 0) throw new Error(`${object.file} has not exactly one iterator`);
  return iterator;
}

/** What a reader gets from all of an object's iterators over all of a scene. */
export function readEverything(session: Session, name: string, readSize: number): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const { failure, iterator, bytes } of iterate(session, loadProgram(session, name), {}, readSize)) {
    if (failure !== undefined) throw new Error(`${iterator.name}: ${failure}`);
    parts.push(bytes);
  }
  return Buffer.concat(parts);
}
