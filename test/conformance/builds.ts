/**
 * Part: the bundled programs, compiled for each version of the instruction set and for big-endian machines. Each
 * build has to load, and the verifier has to say of every program what it says of the kept one.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { loadObject } from '../../loader/index.ts';
import { type Bench, verifyProgram } from '../../verifier/examine.ts';
import { withFormats } from '../../verifier/load-options.ts';
import { verifierLoadOptions } from '../../verifier/load-options-node.ts';
import { createVerifier } from '../../verifier/node.ts';
import type { Context } from './context.ts';
import { run, ToolError } from './from-source/command.ts';
import { type Line, skippedLine } from './line.ts';

const NAME = 'bundled programs';
const KERNEL = '6.12';
const SUFFIX = '.bpf.o';

/** Builds, by the options that scripts/build-programs.mjs gets. */
const BUILDS: readonly (readonly [name: string, ...options: string[]])[] = [
  ['v1', '--cpu', 'v1'],
  ['v2', '--cpu', 'v2'],
  ['v3', '--cpu', 'v3'],
  ['v4', '--cpu', 'v4'],
  ['big-endian', '--big-endian'],
];

/** "accepted", or why not, by "OBJECT/PROGRAM". */
type Answers = ReadonlyMap<string, string>;

export async function builds(context: Context): Promise<Line[]> {
  const { root, progress } = context;
  const bench = { verifier: await createVerifier(KERNEL) };
  const kept = answersTo(bench, join(root, 'programs'));
  const failures = new Map<string, string>();
  const lines: Line[] = [];
  for (const [name, ...options] of BUILDS) {
    const folder = join(root, 'build/bundled', name);
    try {
      await build(root, folder, options);
    } catch (error) {
      if (error instanceof ToolError) return [skippedLine(NAME, error.message)];
      throw error;
    }
    progress(`${NAME} of ${name} built`);
    const answers = answersTo(bench, folder);
    const wrong = differences(kept, answers);
    for (const [program, what] of wrong) failures.set(`${name}/${program}/priv`, what);
    lines.push({ name: `${NAME}, ${name}`, good: kept.size - wrong.size, total: kept.size });
  }
  context.failed('builds', failures);
  return lines;
}

async function build(root: string, folder: string, options: readonly string[]): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  await run(process.execPath, ['scripts/build-programs.mjs', '--to', folder, ...options], { cwd: root });
}

function answersTo(bench: Bench, folder: string): Answers {
  const objects = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith(SUFFIX))
    .sort();
  return new Map(objects.flatMap((path) => answersToObject(bench, folder, path)));
}

function answersToObject(bench: Bench, folder: string, path: string): [string, string][] {
  const options = withFormats(verifierLoadOptions(KERNEL), { anyEndian: true });
  const bytes = new Uint8Array(readFileSync(join(folder, path)));
  const object = loadObject(bytes, { ...options, file: path, programs: 'all' });
  return object.programs.map((program) => {
    const { verdict, refusal } = verifyProgram(bench, { path, object, program });
    const answer = verdict?.accepted ? 'accepted' : (refusal ?? `${verdict?.errno} ${verdict?.message}`);
    return [`${path.slice(0, -SUFFIX.length)}/${program.name}`, answer];
  });
}

/** Programs whose verdict is another one; the number of the register in a message is the compiler's choice. */
function differences(kept: Answers, answers: Answers): Map<string, string> {
  const wrong = new Map<string, string>();
  for (const [program, expected] of kept) {
    const answer = answers.get(program) ?? 'it is not there';
    if (verdictOf(answer) !== verdictOf(expected)) wrong.set(program, `${answer}; kept: ${expected}`);
  }
  return wrong;
}

/** "accepted", or the errno. */
function verdictOf(answer: string): string {
  return answer.split(' ')[0] ?? '';
}
