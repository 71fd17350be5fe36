/** drydock demo: the bundled iterators, verified and run over a bundled scene, and the scene through a checkpoint. */
import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { Command } from 'commander';
import { packageRoot } from '../bpf/package-root.ts';
import { comparisonText, refusalText, summary } from '../checkpoint/compare/item-report.ts';
import { checkpointObject } from '../checkpoint/objects-node.ts';
import { takeCheckpoint } from '../checkpoint/roundtrip.ts';
import { profileNames } from '../kernel-model/profile-node.ts';
import type { ParsedScene } from '../kernel-model/scene/index.ts';
import { hasVerifierData } from '../kernel-model/verifier-data-node.ts';
import { loadObject } from '../loader/index.ts';
import { type Iteration, iterate } from '../session/iterate.ts';
import { openSession, readScene } from '../session/open-session-node.ts';
import { examine } from '../verifier/examine.ts';
import type { Verifier } from '../verifier/index.ts';
import { verifierLoadOptions } from '../verifier/load-options-node.ts';
import { createVerifier } from '../verifier/node.ts';
import { ExitCode } from './exit-code.ts';
import { prove } from './restore.ts';
import { reportText } from './verify-report.ts';

interface DemoOptions {
  scene?: string;
  kernel?: string[];
}

const READ_SIZE = 4096;
/** Shown at the end: a program that no kernel takes. */
const WRONG = { object: join('programs', 'rejected', 'series.bpf.o'), program: 'file_checked_by_index' };

export function addDemo(program: Command, done: (code: ExitCode) => void): void {
  program
    .command('demo')
    .description('verify and run the iterators that a scene lists, on every kernel')
    .option(
      '--scene <file>',
      'scene with an `iterators` list; default: the bundled programs/scenes/demo.yaml',
    )
    .option('--kernel <name...>', 'kernels; default: all')
    .addHelpText(
      'after',
      '\nExample:\n  drydock demo --scene programs/scenes/io_uring_file.yaml --kernel 6.1 6.12',
    )
    .action(async (options: DemoOptions) => done(await demo(options)));
}

async function demo(options: DemoOptions): Promise<ExitCode> {
  const path = options.scene ?? join(packageRoot(), 'programs', 'scenes', 'demo.yaml');
  const scene = await readScene(path);
  const { iterators = [] } = scene.scene;
  if (iterators.length === 0) throw scene.error(['iterators'], 'the scene lists no iterators to run');
  let code = ExitCode.Ok;
  const kernels = options.kernel ?? profileNames();
  for (const kernel of kernels) {
    process.stdout.write(`${heading(`Linux ${kernel}`, '=')}\n`);
    const accepted = await verifyOn(kernel, scene, path);
    const failed = !accepted || (await runOn(kernel, scene, path));
    if (failed) code = ExitCode.Failed;
  }
  const newest = kernels.at(-1);
  if (newest !== undefined && !(await showRestore(newest, scene))) code = ExitCode.Failed;
  const verifying = kernels.filter(hasVerifierData).at(-1);
  if (verifying !== undefined && options.scene === undefined) await showWrong(verifying);
  return code;
}

/** Prints the verdict on each iterator; whether all were accepted, as far as the kernel's verifier is known. */
async function verifyOn(kernel: string, scene: ParsedScene, path: string): Promise<boolean> {
  if (!hasVerifierData(kernel)) {
    process.stdout.write('not verified: the profile has no verifier tables\n');
    return true;
  }
  const verifier = await createVerifier(kernel);
  const verdicts = (scene.scene.iterators ?? []).map(({ object: file, program }, index) => {
    const at = join(dirname(path), file);
    return verifyObject(verifier, kernel, readBundled(scene, index, at), at, program);
  });
  return verdicts.every(Boolean);
}

function verifyObject(
  verifier: Verifier,
  kernel: string,
  bytes: Uint8Array,
  file: string,
  only?: string,
): boolean {
  const options = verifierLoadOptions(kernel);
  const object = loadObject(bytes, { ...options, file, ...(only === undefined ? {} : { programs: [only] }) });
  const reports = object.programs
    .filter(({ name }) => only === undefined || name === only)
    .map((program) => examine({ verifier }, { path: relative('', file), object, program }));
  for (const report of reports) process.stdout.write(reportText(report, { log: 0 }));
  return reports.every(({ verdict }) => verdict?.accepted === true);
}

/** The scene dumped, restored into an empty kernel and dumped again; whether both dumps are equal. */
async function showRestore(kernel: string, scene: ParsedScene): Promise<boolean> {
  process.stdout.write(`${heading(`Checkpoint and restore, on Linux ${kernel}`, '=')}\n`);
  const { state, refusals } = takeCheckpoint(await openSession(scene, kernel), checkpointObject);
  for (const refusal of refusals) process.stdout.write(`refused: ${refusalText(refusal)}\n`);
  if (refusals.length > 0) return false;
  const { comparison, calls } = await prove(state, kernel);
  process.stdout.write(
    `${summary(state)}, restored by ${calls.length} system calls\n${comparisonText(comparison)}\n`,
  );
  return comparison.equal;
}

async function showWrong(kernel: string): Promise<void> {
  process.stdout.write(`${heading(`A wrong variant, on Linux ${kernel}`, '=')}\n`);
  const file = join(packageRoot(), WRONG.object);
  verifyObject(await createVerifier(kernel), kernel, readFileSync(file), file, WRONG.program);
}

async function runOn(kernel: string, scene: ParsedScene, path: string): Promise<boolean> {
  const session = await openSession(scene, kernel);
  let failed = false;
  for (const [index, { object: file, program }] of (scene.scene.iterators ?? []).entries()) {
    const at = join(dirname(path), file);
    const object = session.load(
      readBundled(scene, index, at),
      at,
      program === undefined ? undefined : [program],
    );
    for (const iteration of iterate(session, object, {}, READ_SIZE)) {
      process.stdout.write(`\n${heading(title(iteration), '-')}\n`);
      process.stdout.write(body(iteration.bytes));
      if (iteration.failure !== undefined) {
        process.stdout.write(`(${iteration.failure})\n`);
        failed = true;
      }
    }
    object.vmObject.close();
  }
  process.stdout.write('\n');
  return failed;
}

function readBundled(scene: ParsedScene, index: number, path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch {
    throw scene.error(['iterators', index, 'object'], `${path} cannot be read`);
  }
}

function title({ iterator, choice }: Iteration): string {
  const where = choice ? choice.label : 'nothing to attach it to';
  return `${iterator.name} (${iterator.target}), ${where}`;
}

/** Binary records are shown as hexadecimal, 16 bytes a line. */
function body(bytes: Uint8Array): string {
  if (!bytes.includes(0)) return new TextDecoder().decode(bytes);
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const part = [...bytes.subarray(at, at + 16)].map((byte) => byte.toString(16).padStart(2, '0'));
    lines.push(`${at.toString(16).padStart(4, '0')}  ${part.join(' ')}\n`);
  }
  return lines.join('');
}

function heading(text: string, line: string): string {
  return `${text}\n${line.repeat(text.length)}`;
}
