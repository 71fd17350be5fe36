/**
 * Scores Drydock against what Linux 6.12 answered to its own selftests.
 *
 *   npm run conformance [-- --only REGEX] [--part NAME] [--install] [--show] [--update]
 *
 * Prints a line for each requirement and each set, "NAME  good of total  percent  (needs X)  ok|FAIL", and fails
 * when one is below what is required or below its floor (floors-6.12.json), or when a load fails that is not in
 * the lists of known failures. `--update` raises the floors and takes out of the lists what no longer fails;
 * `--install` lets it install the Debian packages that building the selftests needs.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { packageRoot } from '../package-root.ts';
import { openArchive } from './archive.ts';
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
import { replay } from './replay.ts';
import { report } from './report.ts';

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

const { values: args } = parseArgs({
  options: {
    only: { type: 'string' },
    part: { type: 'string', multiple: true },
    install: { type: 'boolean', default: false },
    show: { type: 'boolean', default: false },
    update: { type: 'boolean', default: false },
  },
});

async function main(): Promise<number> {
  const root = packageRoot();
  const folder = join(root, 'test/conformance');
  const recorded = join(folder, 'recorded');
  const known = new KnownFailures(folder);
  const comparisons: Comparison[] = [];
  const partial = args.only !== undefined;
  const context: Context = {
    root,
    wasm: join(root, 'build/verifier.wasm'),
    recorded,
    archive: openArchive(recorded),
    only: new RegExp(args.only ?? ''),
    install: args.install,
    failed: (kind, failures) => {
      comparisons.push(known.compare(kind, failures));
      if (args.show) for (const [name, what] of failures) console.log(`${kind}: ${name}: ${what}`);
    },
    progress: (text) => process.stderr.write(`${text}\n`),
  };
  const names = args.part ?? [...PARTS.keys()];
  const lines: Line[] = [];
  for (const name of names) {
    const part = PARTS.get(name);
    if (!part) throw new Error(`no part "${name}"; there are: ${[...PARTS.keys()].join(', ')}`);
    lines.push(...(await part(context)));
  }
  const floors = Floors.read(join(folder, 'floors-6.12.json'));
  const ok = report({ lines, comparisons, floors, partial, complete: args.part === undefined });
  if (args.update && !partial) {
    floors.raise(lines);
    for (const comparison of comparisons) known.shrink(comparison);
  }
  return ok || partial ? 0 : 1;
}

process.exitCode = await main();
