/** Images of checkpoints and crit: it reads all of CRIU's kinds, shows what is shown here, and gives the same bytes. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toImages } from '../../checkpoint/convert/index.ts';
import { decodeImage, imageToJson, kindOfFile, writeJson } from '../../checkpoint/image/index.ts';
import type { CheckpointState } from '../../checkpoint/state.ts';
import { crit, critAnswers, critProgram, critTables, renamed } from './crit.ts';
import { dumpOf, scenesIn } from './dump-support.ts';
import { anyState } from './state-support.ts';

const tables = critProgram === undefined ? undefined : critTables();
/** Kinds that only Drydock has. */
const OWN = /^(io_uring|drydock|contents)/;
const SCENES = ['demo', 'checkpoint', 'io_uring_buf', 'io_uring_file', 'epoll', ...scenesIn('acceptance')];

/** What crit makes of each image, plain and pretty. */
function check(state: CheckpointState): number {
  const images = [...toImages(state)].filter(([name]) => kindOfFile(name) !== 'PAGES' && !OWN.test(name));
  const cases = images.flatMap(([name, image]) => [false, true].map((pretty) => ({ name, image, pretty })));
  const answers = critAnswers(cases);
  for (const [index, { name, image, pretty }] of cases.entries()) {
    const { json, image: again } = answers[index] as (typeof answers)[number];
    expect(Buffer.from(again).equals(image), `${name}: the same bytes`).toBe(true);
    if (pretty) continue;
    const shown = writeJson(imageToJson(decodeImage(name, image)));
    expect(json, name).toBe(renamed(tables, shown));
  }
  return images.length;
}

describe(`images of checkpoints and crit${critProgram ? '' : ' (skipped: no crit)'}`, () => {
  it.runIf(critProgram).each(SCENES)('%s', async (scene) => {
    const { state } = await dumpOf(scene, '6.12');
    expect(check(state)).toBeGreaterThan(10);
  });

  it.runIf(critProgram)(
    'states at random',
    () => {
      for (const state of fc.sample(anyState, { seed: 41, numRuns: 25 })) check(state);
    },
    120_000,
  );
});

describe(`its commands over a directory${critProgram ? '' : ' (skipped: no crit)'}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'drydock-crit-'));
  beforeAll(async () => {
    for (const scene of ['demo', 'io_uring_buf']) {
      const { state } = await dumpOf(scene, '6.12');
      mkdirSync(join(folder, scene));
      for (const [name, bytes] of toImages(state)) writeFileSync(join(folder, scene, name), bytes);
    }
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.runIf(critProgram)('show processes and their descriptors', () => {
    expect(crit('x', join(folder, 'demo'), 'ps')).toMatch(/100 +80 +80 +server/);
    const fds = crit('x', join(folder, 'demo'), 'fds');
    expect(fds).toMatch(/5: EVENTFD\.6\n/);
    expect(fds).toMatch(/2: \/var\/log\/server\.log\n/);
    expect(fds).toMatch(/root: \/\n/);
  });

  // It does not know processes that have nothing mapped.
  it.runIf(critProgram)('show mappings and pages', () => {
    const memory = crit('x', join(folder, 'io_uring_buf'), 'mems');
    expect(memory).toMatch(/^\t[0-9a-f]{8,}-[0-9a-f]{8,} +rw-/m);
    expect(() => crit('x', join(folder, 'io_uring_buf'), 'rss')).not.toThrow();
  });
});
