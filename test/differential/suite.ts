/** A suite: programs of consecutive seeds, a few to an object. */
import { createHash } from 'node:crypto';
import { generate } from './generator.ts';
import { writeObject } from './object.ts';
import type { GeneratedProgram } from './program.ts';

/** Seeds of the suite that is recorded: 1 to 2000. */
export const FIRST_SEED = 1;
export const PROGRAMS = 2000;
const PER_OBJECT = 25;
/** Every so many objects one is not under the GPL. */
const PROPRIETARY_EVERY = 10;

export interface SuiteObject {
  /** Name of the file, without ".o". */
  name: string;
  programs: readonly GeneratedProgram[];
  bytes: Uint8Array;
}

export function* suite(first = FIRST_SEED, count = PROGRAMS): Generator<SuiteObject> {
  for (let from = first; from < first + count; from += PER_OBJECT) {
    const size = Math.min(PER_OBJECT, first + count - from);
    const programs = Array.from({ length: size }, (_, index) => generate(from + index));
    const number = Math.floor(from / PER_OBJECT);
    const license = number % PROPRIETARY_EVERY === 7 ? 'Proprietary' : 'GPL';
    yield { name: `diff_${from}`, programs, bytes: writeObject(programs, license) };
  }
}

/** Names the bytes of an object: a generator that has changed makes others. */
export function fingerprint(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16);
}
