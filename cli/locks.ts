/** drydock locks: all interleavings of a scene's actors, and what can go wrong in them. */
import { readFileSync } from 'node:fs';
import { type Command, InvalidArgumentError } from 'commander';
import { InputError } from '../bpf/input-error.ts';
import {
  DEFAULT_MAX_STATES,
  type FindingReport,
  parseLockScene,
  type RunOptions,
  runLockScene,
  type SceneReport,
  sceneText,
} from '../kernel-model/locks/index.ts';
import { ExitCode } from './exit-code.ts';

interface LocksOptions {
  json?: boolean;
  maxStates: number;
  reduction: boolean;
  all?: boolean;
}

/** About 1.5 GiB. */
const MOST_STATES = 2_000_000;

const EXAMPLES = `
Examples:
  drydock locks programs/scenes/locks/abba-mutex_lock.yaml
  drydock locks programs/scenes/locks/*.yaml
  drydock locks scene.yaml --max-states 2000000 --json

A scene lists actors and what they do: reads of iterators, io_uring_enter, register calls, closes, epoll_ctl, or
plain locks. Every order of their steps is gone through, and what is found is drawn as a shortest timeline:
deadlocks, hangs, lost wake-ups, uses after free, output that tells of what was not there. docs/locks.md shows the
bundled scenes; kernel-model/locks/schema.json is the schema of the format.

Exit code: 0 every scene does what it expects; 1 one does not; 2 bad input; 3 a bug in Drydock.`;

export function addLocks(program: Command, done: (code: ExitCode) => void): void {
  program
    .command('locks')
    .description('go through all interleavings of the actors of scenes')
    .argument('<scene...>', 'lock scenes (.yaml)')
    .option('--json', 'one JSON record a line for each scene')
    .option('--max-states <n>', 'give up a scene after so many states', stateLimit, DEFAULT_MAX_STATES)
    .option('--no-reduction', 'go through orders that make no difference, too')
    .option('--all', 'draw every finding, not only the first of each kind')
    .addHelpText('after', EXAMPLES)
    .action((scenes: string[], options: LocksOptions) => done(locks(scenes, options)));
}

function stateLimit(text: string): number {
  const limit = /^[0-9]+$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > MOST_STATES) throw new InvalidArgumentError(`It has to be 1 to ${MOST_STATES}.`);
  return limit;
}

function locks(paths: readonly string[], options: LocksOptions): ExitCode {
  // Nothing is explored before all scenes are known to be good.
  const scenes = paths.map((path) => parseLockScene(readScene(path), path));
  let code = ExitCode.Ok;
  for (const [i, { file, scene }] of scenes.entries()) {
    const report = runLockScene(scene, runOptions(file, options));
    if (!report.agrees) code = ExitCode.Failed;
    const text = options.json
      ? `${JSON.stringify(record(file, report))}\n`
      : `${i > 0 ? '\n' : ''}${sceneText(file, report, options.all)}`;
    process.stdout.write(text);
  }
  return code;
}

function readScene(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new InputError(`${path} cannot be read: ${(error as Error).message}`);
  }
}

function runOptions(file: string, { maxStates, reduction }: LocksOptions): RunOptions {
  const progress = (states: number) => void process.stderr.write(`${file}: ${states} states\n`);
  return { maxStates, full: !reduction, progress };
}

/** The record of --json; counts beyond 2^53 are decimal strings. */
function record(scene: string, report: SceneReport): object {
  const { interleavings, findings } = report;
  return {
    scene,
    agrees: report.agrees,
    expected: report.expected,
    complete: report.complete,
    reduced: report.reduced,
    interleavings: interleavings === undefined ? null : countValue(interleavings),
    states: report.states,
    steps: report.transitions,
    deadlocks: findings.filter(({ kind }) => kind === 'deadlock').map(findingRecord),
    errors: findings.filter(({ kind }) => kind !== 'deadlock').map(findingRecord),
    results: Object.fromEntries(report.results),
  };
}

function countValue(count: bigint): number | string {
  return count <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(count) : String(count);
}

function findingRecord({ kind, message, actors, trace, shortest, round, waits }: FindingReport): object {
  return { kind, message, actors, shortest, trace, ...(round.length > 0 ? { round } : {}), waits };
}
