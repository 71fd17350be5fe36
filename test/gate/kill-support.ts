/** A writer in a process of its own, which is killed. */
import { execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { packageRoot } from '../package-root.ts';

/** Compiles the writer to a folder, so that it is what the sources are now. */
export function compileWriter(folder: string): void {
  const root = packageRoot();
  const config = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: {
      rootDir: root,
      outDir: folder,
      sourceMap: false,
      typeRoots: [join(root, 'node_modules', '@types')],
    },
    files: [join(root, 'test', 'gate', 'kill-child.ts')],
    include: [],
  };
  const project = join(folder, 'tsconfig.json');
  writeFileSync(project, JSON.stringify(config));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  execFileSync(join(root, 'node_modules', '.bin', 'tsc'), ['-p', project], { stdio: 'inherit' });
}

/** Starts the writer and kills it so many milliseconds after it began. */
export async function killWriter(folder: string, args: readonly string[], delay: number): Promise<void> {
  const script = join(folder, 'test', 'gate', 'kill-child.js');
  const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<NodeJS.Signals | null>((resolve) => {
    child.on('exit', (_code, signal) => resolve(signal));
  });
  await Promise.race([new Promise((resolve) => child.stdout.once('data', resolve)), ended]);
  await sleep(delay);
  child.kill('SIGKILL');
  expect(await ended).toBe('SIGKILL');
}

/** Up to 40 ms, always the same ones. */
export function* delays(seed: number): Generator<number> {
  for (let state = seed; ; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield (state / 2 ** 32) * 40;
  }
}
