/** npm run differential: see HELP. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createVerifier } from '../../verifier/node.ts';
import { answersOf, KERNEL, type Mode, pathOf } from './answer.ts';
import { readResults } from './oracle.ts';
import { type RecordedObject, writeRecorded } from './recorded.ts';
import { ASPECTS, describe, Score, scoreDifferential } from './score.ts';
import { FIRST_SEED, fingerprint, PROGRAMS, type SuiteObject, suite } from './suite.ts';

const HELP = `npm run differential [-- OPTIONS]

Makes ${PROGRAMS} programs from the seeds ${FIRST_SEED} to ${FIRST_SEED + PROGRAMS - 1}, verifies them and compares with what Linux ${KERNEL} answered to the
same objects: verdict and errno, the last line of the reason, instructions processed, states, and for rejected
programs the log of the path that failed.

  --first N --count N   programs of other seeds (for --write, --against, --reasons)
  --write DIR           write the objects, to be loaded by a real kernel
  --against FILE        compare with a kernel's results instead of the recorded ones (format: oracle.ts)
  --record FILE         make a kernel's results the recorded ones
  --reasons             count our own answers by their reason
  --show SEED           print the program of a seed and our log of it (--unpriv: without capabilities)

The exit code is 1 when a verdict or an errno differs.`;

const { values } = parseArgs({
  options: {
    first: { type: 'string', default: String(FIRST_SEED) },
    count: { type: 'string', default: String(PROGRAMS) },
    write: { type: 'string' },
    against: { type: 'string' },
    record: { type: 'string' },
    reasons: { type: 'boolean', default: false },
    show: { type: 'string' },
    unpriv: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

function chosen(): Iterable<SuiteObject> {
  return suite(Number(values.first), Number(values.count));
}

function write(folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const { name, bytes } of chosen()) writeFileSync(join(folder, `${name}.o`), bytes);
}

function record(file: string): void {
  const results = readResults(file);
  const objects = Array.from(suite(), ({ name, bytes }): RecordedObject => {
    const answers = results.get(name);
    if (!answers) throw new Error(`${file} has no results of ${name}.o`);
    return { name, fingerprint: fingerprint(bytes), answers };
  });
  writeRecorded(process.cwd(), objects);
}

function report(score: Score): void {
  for (const disagreement of score.disagreements) console.log(describe(disagreement));
  for (const aspect of ASPECTS) {
    const agree = score.agree[aspect];
    console.log(
      `${aspect.padEnd(8)} ${agree} of ${score.total}  ${((100 * agree) / score.total).toFixed(2)} %`,
    );
  }
  console.log(`${score.accepted} accepted by Linux; ${score.unanswered} without an answer`);
  if (score.disagreements.length > 0) console.log('to see one: npm run differential -- --show SEED');
  process.exitCode = score.agree.verdict === score.total ? 0 : 1;
}

async function against(file: string): Promise<Score> {
  const verifier = await createVerifier(KERNEL);
  const results = readResults(file);
  const score = new Score();
  for (const object of chosen())
    score.add(object.name, answersOf(verifier, object), results.get(object.name) ?? []);
  return score;
}

async function reasons(): Promise<void> {
  const verifier = await createVerifier(KERNEL);
  const counts = new Map<string, number>();
  for (const object of chosen()) {
    for (const { errno, message } of answersOf(verifier, object)) {
      const key = `${errno} ${message.replace(/0x[0-9a-f]+|\d+/g, 'N')}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  for (const [key, count] of [...counts].sort((a, b) => b[1] - a[1])) console.log(`${count} ${key}`);
}

async function show(seed: number, mode: Mode): Promise<void> {
  for (const object of suite(seed, 1)) {
    const [program] = object.programs;
    if (!program) return;
    const functions = program.functions.map(
      ({ kind, text }, index) => `function ${index} (${kind})\n${text}\n`,
    );
    console.log(`${program.section} ${program.flags.join(' ')}\n${functions.join('')}`);
    if (program.mutation !== undefined) console.log('one instruction is changed after this');
    console.log(pathOf(await createVerifier(KERNEL), object, seed, mode));
  }
}

if (values.help) console.log(HELP);
else if (values.write) write(values.write);
else if (values.record) record(values.record);
else if (values.reasons) await reasons();
else if (values.show) await show(Number(values.show), values.unpriv ? 'unpriv' : 'priv');
else if (values.against) report(await against(values.against));
else report(scoreDifferential(await createVerifier(KERNEL), process.cwd()).detail);
