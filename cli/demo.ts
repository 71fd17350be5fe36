/** drydock demo: the bundled iterators over a bundled scene, on every kernel. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { profileNames } from '../kernel-model/profile-node.ts';
import type { ParsedScene } from '../kernel-model/scene/index.ts';
import { ExitCode } from './exit-code.ts';
import { type Iteration, iterate } from './iterate.ts';
import { openSession, readScene } from './open-session.ts';
import { packageRoot } from './paths.ts';

interface DemoOptions {
  scene?: string;
  kernel?: string[];
}

const READ_SIZE = 4096;

export function addDemo(program: Command, done: (code: ExitCode) => void): void {
  program
    .command('demo')
    .description('run the iterators that a scene lists, on every kernel')
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
  const scene = readScene(path);
  const { iterators = [] } = scene.scene;
  if (iterators.length === 0) throw scene.error(['iterators'], 'the scene lists no iterators to run');
  let code = ExitCode.Ok;
  for (const kernel of options.kernel ?? profileNames()) {
    process.stdout.write(`${heading(`Linux ${kernel}`, '=')}\n`);
    const failed = await runOn(kernel, scene, path);
    if (failed) code = ExitCode.Failed;
  }
  return code;
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
