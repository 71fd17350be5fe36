/** A process that is killed at any moment leaves whole directories of images only. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { readImages } from '../../checkpoint/image/directory.ts';
import { packageRoot } from '../package-root.ts';

const DIST = join(packageRoot(), 'dist');
const CHILD = join(packageRoot(), 'test', 'checkpoint', 'kill-child.mjs');
const KILLS = 50;

/** Starts the writer in a directory of its own and kills it so long after it began. */
async function killed(base: string, delay: number): Promise<void> {
  const child = spawn(process.execPath, [CHILD, DIST, base], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<NodeJS.Signals | null>((resolve) => {
    child.on('exit', (_code, signal) => resolve(signal));
  });
  await Promise.race([new Promise((resolve) => child.stdout.once('data', resolve)), ended]);
  await sleep(delay);
  child.kill('SIGKILL');
  expect(await ended).toBe('SIGKILL');
}

/** Checks all that is there. @returns how many whole directories and how many unfinished ones there are */
function check(base: string): { whole: number; unfinished: number } {
  const names = readdirSync(base);
  const whole = names.filter((name) => !name.startsWith('.'));
  for (const name of whole) {
    const files = readImages(join(base, name));
    expect(files.size).toBe(12);
    for (const [file, bytes] of files)
      expect(
        bytes.every((byte) => byte === bytes[0]),
        file,
      ).toBe(true);
  }
  return { whole: whole.length, unfinished: names.length - whole.length };
}

describe('kill -9', () => {
  it(`leaves no half of a directory, at ${KILLS} moments`, async () => {
    if (!existsSync(join(DIST, 'checkpoint'))) throw new Error('dist/ is missing: run npm run build');
    const base = mkdtempSync(join(tmpdir(), 'drydock-kill-'));
    const seen = { whole: 0, unfinished: 0 };
    try {
      for (let kill = 0; kill < KILLS; kill++) {
        const place = mkdtempSync(join(base, 'k-'));
        // Moments that are spread, and no multiple of anything that the writer does.
        await killed(place, (kill * 7.3) % 40);
        const found = check(place);
        seen.whole += found.whole;
        seen.unfinished += found.unfinished;
        rmSync(place, { recursive: true });
      }
    } finally {
      rmSync(base, { recursive: true, force: true });
    }
    // Otherwise nothing was tested.
    expect(seen.whole).toBeGreaterThan(0);
    expect(seen.unfinished).toBeGreaterThan(0);
  }, 120_000);
});
