/** drydock init: a configuration for the objects that are here. */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { InputError } from '../bpf/input-error.ts';
import { writeAtomically } from '../gate/atomic-file.ts';
import { parseConfig } from '../gate/config/parse.ts';
import { runGate } from '../gate/gate.ts';
import { Pool } from '../gate/jobs/pool.ts';
import { DEFAULT_OBJECTS, findFiles } from '../gate/plan.ts';
import { starterConfig } from '../gate/starter.ts';
import { DEFAULT_KERNEL } from '../kernel-model/profile-node.ts';
import { ExitCode } from './exit-code.ts';
import { CONFIG } from './gate.ts';
import { Progress } from './progress.ts';
import { version } from './version.ts';

const HELP = `
Example:
  drydock init && drydock gate

Looks for *.bpf.o below the directory, verifies them, and writes drydock.yaml. What is rejected now is written down there
as known, so that the gate is green and tells of what comes.

Exit code: 0 written; 2 there is a configuration already, or no object; 3 a bug in Drydock.`;

const LIMIT_MS = 120_000;

export function addInit(program: Command, done: (code: ExitCode) => void): void {
  program
    .command('init')
    .description('write a drydock.yaml for the objects that are here')
    .argument('[directory]', 'where the configuration goes', '.')
    .option('--kernel <name>', 'kernel profile', DEFAULT_KERNEL)
    .option('--force', 'replace a configuration that is there')
    .addHelpText('after', HELP)
    .action(async (directory: string, options: { kernel: string; force?: boolean }) =>
      done(await init(directory, options)),
    );
}

async function init(directory: string, options: { kernel: string; force?: boolean }): Promise<ExitCode> {
  const path = join(directory, CONFIG);
  if (existsSync(path) && !options.force)
    throw new InputError('is there already; --force replaces it', { file: path });
  const root = resolve(directory);
  const files = findFiles(root, [DEFAULT_OBJECTS]);
  if (files.length === 0)
    throw new InputError('no *.bpf.o is in it: compile the programs first', { file: directory });
  const checks = await verifyAll(root, options.kernel);
  writeAtomically(path, starterConfig(files, options.kernel, checks));
  const known = checks.filter(({ status }) => status === 'failed').length;
  const programs = checks.filter(({ kind }) => kind === 'verify').length;
  const rest = known === 0 ? '' : `, ${known} of them written down as known failures`;
  process.stdout.write(`${path}: ${files.length} objects, ${programs} programs${rest}\nNow: drydock gate\n`);
  return ExitCode.Ok;
}

async function verifyAll(root: string, kernel: string) {
  const parsed = parseConfig(JSON.stringify({ kernels: [kernel] }), CONFIG);
  const pool = new Pool({ size: availableParallelism(), limit: LIMIT_MS });
  const progress = new Progress();
  try {
    const { checks } = await runGate(parsed, {
      root,
      pool,
      version: version(),
      cache: undefined,
      build: '',
      baseline: undefined,
      shard: null,
      isUnchanged: () => false,
      isWhole: false,
      updatesOutputs: false,
      explains: false,
      today: '',
      progress: (finished, total, what) => progress.show(finished, total, what),
    });
    return checks;
  } finally {
    await pool.stop();
    progress.end();
  }
}
