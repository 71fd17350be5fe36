/** Checkpoints of scenes. */
import { readdirSync, readFileSync } from 'node:fs';
import { InputError } from '../../bpf/input-error.ts';
import { type Dump, dump } from '../../checkpoint/dump/dump.ts';
import { PROGRAMS, sceneText, sessionOf } from '../programs/support.ts';

export function objectSource(name: string): Uint8Array {
  const folder = name === 'bvec_pages' ? 'bvec_pages' : 'checkpoint';
  return readFileSync(new URL(`${folder}/${name}.bpf.o`, PROGRAMS));
}

export async function dumpOf(scene: string, kernel: string): Promise<Dump> {
  return dump(await sessionOf(sceneText(scene), kernel), objectSource);
}

/** Undefined for a scene that needs what this kernel does not have. */
export async function dumpIfPossible(scene: string, kernel: string): Promise<Dump | undefined> {
  const session = await sessionOf(sceneText(scene), kernel).catch((error: unknown) => {
    if (error instanceof InputError) return undefined;
    throw error;
  });
  return session && dump(session, objectSource);
}

/** Names of the scenes of a folder. */
export function scenesIn(folder: string): string[] {
  return readdirSync(new URL(`scenes/${folder}/`, PROGRAMS))
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => `${folder}/${file.slice(0, -'.yaml'.length)}`)
    .sort();
}
