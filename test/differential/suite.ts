/** A suite: programs of consecutive seeds, a few to an object. */
import { createHash } from 'node:crypto';
import { generate } from './generator.ts';
import { writeObject } from './object.ts';
import type { GeneratedProgram } from './program.ts';

/** Seeds of the suite that is recorded: 1 to 2000. */
export const FIRST_SEED = 1;
export const PROGRAMS = 2000;
/** Seeds that share objects. */
const CHUNK = 40;
/** Every so many chunks one is not under the GPL. */
const PROPRIETARY_EVERY = 10;

export interface SuiteObject {
  /** Name of the file, without ".o". */
  name: string;
  programs: readonly GeneratedProgram[];
  bytes: Uint8Array;
}

/**
 * Programs that call kfuncs stand apart: for each program of such an object libbpf reads all types of the kernel,
 * which takes longer than everything else.
 */
export function* suite(first = FIRST_SEED, count = PROGRAMS): Generator<SuiteObject> {
  for (let from = first; from < first + count; from += CHUNK) {
    const size = Math.min(CHUNK, first + count - from);
    const programs = Array.from({ length: size }, (_, index) => generate(from + index));
    const license = Math.floor(from / CHUNK) % PROPRIETARY_EVERY === 7 ? 'Proprietary' : 'GPL';
    const objects: [string, GeneratedProgram[]][] = [
      [`diff_${from}`, programs.filter((program) => !callsKfunc(program))],
      [`diff_${from}_kfunc`, programs.filter(callsKfunc)],
    ];
    for (const [name, members] of objects) {
      if (members.length > 0) yield { name, programs: members, bytes: writeObject(members, license) };
    }
  }
}

function callsKfunc({ functions }: GeneratedProgram): boolean {
  return functions.some(({ text }) => /^call \w+#/m.test(text));
}

/** Names the bytes of an object: a generator that has changed makes others. */
export function fingerprint(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16);
}
