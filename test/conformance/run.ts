/**
 * Scores Drydock against what Linux 6.12 answered to its own selftests, and Linux 6.1 to the same.
 *
 *   npm run conformance [-- --only REGEX] [--part NAME] [--install] [--show] [--update]
 *
 * Prints a line for each requirement and each set, "NAME  good of total  percent  (needs X)  ok|FAIL", and fails
 * when one is below what is required or below its floor (floors-6.12.json, floors-6.1.json), or when a load fails that is not in
 * the lists of known failures. `--update` raises the floors and takes out of the lists what no longer fails;
 * `--install` lets it install the Debian packages that building the selftests needs.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { packageRoot } from '../package-root.ts';
import { openArchive, type RecordedKernel } from './archive.ts';
import { attached } from './attached.ts';
import { builds } from './builds.ts';
import type { Context, Part } from './context.ts';
import { Floors } from './floors.ts';
import { fromSource } from './from-source/index.ts';
import { generated } from './generated.ts';
import { hostile } from './hostile.ts';
import { iterators } from './iterators.ts';
import { type Comparison, KnownFailures } from './known-failures.ts';
import type { Line } from './line.ts';
import { loader } from './loader.ts';
import { logs } from './logs.ts';
import { replay, replayOlder } from './replay.ts';
import { report } from './report.ts';

const KERNELS: readonly RecordedKernel[] = ['6.12', '6.1'];

const PARTS: ReadonlyMap<string, Part> = new Map([
  ['replay', replay],
  ['logs', logs],
  ['attached', attached],
  ['iterators', iterators],
  ['generated', generated],
  ['hostile', hostile],
  ['loader', loader],
  ['builds', builds],
  ['from-source', fromSource],
]);

const OLDER_PARTS: ReadonlyMap<string, Part> = new Map([['replay-6.1', replayOlder]]);

const { values: args } = parseArgs({
  options: {
    only: { type: 'string' },
    part: { type: 'string', multiple: true },
    install: { type: 'boolean', default: false },
    show: { type: 'boolean', default: false },
    update: { type: 'boolean', default: false },
  },
});

/** Runs the parts that a kernel's answers are for, and prints their lines. Whether all is as it has to be. */
async function scoreKernel(kernel: RecordedKernel): Promise<boolean> {
  const available = kernel === '6.12' ? PARTS : OLDER_PARTS;
  const names = (args.part ?? [...available.keys()]).filter((name) => available.has(name));
  if (names.length === 0) return true;
  const root = packageRoot();
  const folder = join(root, 'test/conformance');
  const recorded = join(folder, 'recorded');
  const known = new KnownFailures(folder, kernel);
  const comparisons: Comparison[] = [];
  const partial = args.only !== undefined;
  const context: Context = {
    root,
    wasm: join(root, 'build/verifier.wasm'),
    recorded,
    kernel,
    archive: openArchive(recorded, kernel),
    only: new RegExp(args.only ?? ''),
    install: args.install,
    failed: (kind, failures) => {
      comparisons.push(known.compare(kind, failures));
      if (args.show) for (const [name, what] of failures) console.log(`${kind}: ${name}: ${what}`);
    },
    progress: (text) => process.stderr.write(`${text}\n`),
  };
  const lines: Line[] = [];
  for (const name of names) lines.push(...(await (available.get(name) as Part)(context)));
  const floors = Floors.read(join(folder, `floors-${kernel}.json`));
  const ok = report({ lines, comparisons, floors, partial, complete: args.part === undefined });
  if (args.update && !partial) {
    floors.raise(lines);
    for (const comparison of comparisons) known.shrink(comparison);
  }
  return ok || partial;
}

async function main(): Promise<number> {
  const all = [...PARTS.keys(), ...OLDER_PARTS.keys()];
  const unknown = args.part?.find((name) => !all.includes(name));
  if (unknown !== undefined) throw new Error(`no part "${unknown}"; there are: ${all.join(', ')}`);
  let ok = true;
  for (const kernel of KERNELS) ok = (await scoreKernel(kernel)) && ok;
  return ok ? 0 : 1;
}

process.exitCode = await main();
