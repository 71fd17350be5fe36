/** Damaged scenes end in a world or in an error that says where: never in a crash, a hang or a heap of memory. */
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openProfile } from '../../kernel-model/profile-node.ts';
import { parseScene, SceneError } from '../../kernel-model/scene/index.ts';
import { Session } from '../../session/session.ts';
import { choices } from '../../session/targets.ts';
import { Vm } from '../../vm/index.ts';
import { vmModule } from '../../vm/node.ts';
import { KERNELS, loadProgram, onlyIterator } from '../programs/support.ts';

const RUNS = Number(process.env.DRYDOCK_MUTATIONS ?? 1000);
const SEED = Number(process.env.DRYDOCK_SEED ?? 2);
/** Bytes read of each iterator: damage can make one that never ends (an epoll item under two numbers). */
const MAX_READ = 1 << 20;
/** Bytes of model memory that a scene built from a small file may take. */
const MEMORY_LIMIT = 1 << 30;

const bundled = new URL('../../programs/scenes/', import.meta.url);
const sources = [bundled, new URL('liburing/', bundled)].flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.yaml') && name !== 'scale.yaml')
    .map((name) => readFileSync(new URL(name, folder), 'utf8')),
);

/** What is put in the place of a word. */
const PIECES = [
  '0',
  '-1',
  '-2',
  '1',
  '2',
  '3',
  '9',
  '4K',
  '2M',
  '1G',
  '0x7ffffffff000',
  '0xffffffffffffffff',
  '4294967296',
  '"1 << 40"',
  'i',
  'none',
  'skip',
  'true',
  'null',
  '~',
  '""',
  '[]',
  '{}',
  '[1, 2]',
  '{ fd: 3 }',
  'ATTACH_WQ',
  'CQSIZE',
  'R_DISABLED',
  'shared',
  'huge',
  'file',
  '&a [*a]',
  '*nobody',
  '!!binary x',
  'repeat',
  'fd',
  'EBUSY',
  '100',
  '1e9',
  '.nan',
];

const WORD = /[A-Za-z0-9_./"]+/g;

interface Edit {
  kind: 'replace' | 'drop' | 'repeat' | 'indent' | 'swap' | 'character';
  at: number;
  piece: string;
  code: number;
}

function mutate(text: string, edits: readonly Edit[]): string {
  return edits.reduce(apply, text);
}

function apply(text: string, { kind, at, piece, code }: Edit): string {
  const lines = text.split('\n');
  const line = Math.floor(at * lines.length);
  const current = lines[line] ?? '';
  switch (kind) {
    case 'replace': {
      const words = [...current.matchAll(WORD)];
      const word = words[code % Math.max(1, words.length)];
      if (word)
        lines[line] = current.slice(0, word.index) + piece + current.slice(word.index + word[0].length);
      break;
    }
    case 'drop':
      lines.splice(line, 1);
      break;
    case 'repeat':
      lines.splice(line, 0, current);
      break;
    case 'indent':
      lines[line] = code % 2 === 0 ? `  ${current}` : current.replace(/^ {2}/, '');
      break;
    case 'swap':
      lines.splice(line, 1);
      lines.splice(code % (lines.length + 1), 0, current);
      break;
    default: {
      const column = code % (current.length + 1);
      lines[line] =
        current.slice(0, column) + String.fromCharCode(32 + (code % 95)) + current.slice(column + 1);
    }
  }
  return lines.join('\n');
}

const edit: fc.Arbitrary<Edit> = fc.record({
  kind: fc.constantFrom('replace', 'replace', 'replace', 'drop', 'repeat', 'indent', 'swap', 'character'),
  at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  piece: fc.constantFrom(...PIECES),
  code: fc.nat(10_000),
});

/** Builds a scene and, if that works, runs a program over it; whether it worked. */
async function attempt(
  text: string,
  kernel: string,
  program: string,
  memory: (vm: Vm) => void,
): Promise<boolean> {
  const vm = await Vm.create({ wasm: vmModule() });
  try {
    const session = new Session(vm, openProfile(kernel), parseScene(text, 's.yaml'));
    const iterator = onlyIterator(loadProgram(session, program));
    for (const choice of choices(session, iterator.target)) {
      const open = session.open(iterator, choice);
      if (typeof open === 'number') continue;
      open.readAll(4096, MAX_READ);
      open.close();
    }
    return true;
  } catch (error) {
    expect(error, text).toBeInstanceOf(SceneError);
    expect((error as SceneError).message).toMatch(/^s\.yaml:[1-9]\d*:[1-9]\d*: /);
    return false;
  } finally {
    memory(vm);
  }
}

describe('damaged scenes', () => {
  it(`${RUNS} of them end in a world that can be read, or in an error with a place`, {
    timeout: 60_000 + 300 * RUNS,
  }, async () => {
    let built = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...sources),
        fc.array(edit, { minLength: 1, maxLength: 4 }),
        fc.constantFrom(...KERNELS),
        fc.constantFrom('io_uring_buf', 'bvec', 'io_uring_file', 'epoll', 'task_file', 'task_vma'),
        async (source, edits, kernel, program) => {
          const worked = await attempt(mutate(source, edits), kernel, program, (vm) => {
            expect(vm.ram.buffer.byteLength).toBeLessThan(MEMORY_LIMIT);
          });
          if (worked) built++;
        },
      ),
      { seed: SEED, numRuns: RUNS, endOnFailure: true },
    );
    // Damage that never gets past the parser would test nothing.
    expect(built).toBeGreaterThan(RUNS / 10);
    expect(RUNS - built).toBeGreaterThan(RUNS / 10);
  });
});
