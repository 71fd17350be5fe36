/** drydock checkpoint and restore, as a user calls them. Needs `npm run build`. */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packageRoot } from '../package-root.ts';

const ROOT = packageRoot();
const SCENE = join(ROOT, 'programs', 'scenes', 'checkpoint.yaml');
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drydock-checkpoint-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function drydock(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, 'dist/cli/main.js'), ...args], {
    encoding: 'utf8',
    cwd: folder,
    maxBuffer: 1 << 26,
  });
  return { status, stdout, stderr };
}

describe('the sample of the patch series', () => {
  it('comes back whole: the buffers too, at which the sample stopped with EFAULT', () => {
    const written = drydock('checkpoint', SCENE, '-o', 'images');
    expect(written).toMatchObject({ status: 0, stderr: '' });
    expect(written.stdout).toBe(
      `1 task, 2 rings, 4 files, 1 mapping: ${readdirSync(join(folder, 'images')).length - 1} images in images\n`,
    );
    const { status, stdout } = drydock('restore', 'images', '--plan');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^ring 1 buffers$/m);
    expect(stdout).toMatch(/io_uring_register\(\d+, BUFFERS2?, .*\) = 0$/m);
    expect(stdout).toMatch(/^ {2}42 R buffer table size.* equal$/m);
    expect(stdout).toMatch(
      /^\d+ items in use: \d+ equal, \d+ equal up to a caveat, 0 different; the rest of the world is equal$/m,
    );
  });

  it('comes back from the images of its restore', () => {
    drydock('checkpoint', SCENE, '-o', 'first');
    expect(drydock('restore', 'first', '-o', 'second').status).toBe(0);
    const names = readdirSync(join(folder, 'first'));
    expect(readdirSync(join(folder, 'second'))).toEqual(names);
    for (const name of names)
      expect(readFileSync(join(folder, 'second', name)), name).toEqual(
        readFileSync(join(folder, 'first', name)),
      );
  });

  it('is told in JSON', () => {
    const record = JSON.parse(drydock('checkpoint', SCENE, '-o', 'images', '--json').stdout);
    expect(record).toMatchObject({ kernel: '6.12', refused: [], dropped: [] });
    expect(record.images).toContain('io_uring.img');
    const lines = drydock('restore', 'images', '--json').stdout.trimEnd().split('\n');
    const records = lines.map((line) => JSON.parse(line));
    expect(records.at(-1)).toMatchObject({ world: true, differences: [] });
    for (const item of records.slice(0, -1)) expect(item).toMatchObject({ equal: true, differences: [] });
  });
});

describe('drydock images', () => {
  it('lists a checkpoint, and shows one image as crit would', () => {
    drydock('checkpoint', SCENE, '-o', 'images');
    const list = drydock('images', 'images');
    expect(list.status).toBe(0);
    expect(list.stdout).toMatch(/^io_uring\.img +\d+ .*IO_URING.*2/m);
    const shown = JSON.parse(drydock('images', 'images', 'io_uring.img').stdout);
    expect(shown).toMatchObject({
      magic: 'IO_URING',
      entries: [{ sq_entries: 2 }, { nr_user_bufs: 2, nr_user_files: 5 }],
    });
    expect(drydock('images', 'images', 'no.img')).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/no\.img/),
    });
  });
});

describe('a world that cannot be dumped', () => {
  const WORKER = `
tasks:
  - pid: 100
    files: [{ fd: 0, open: /dev/null }, { fd: [4, 5], pipe: true }]
    rings: [{ fd: 3 }]
locks: [{ lock: uring_lock, task: 100, fd: 3, by: 100 }]
`;

  it('leaves nothing behind', () => {
    writeFileSync(join(folder, 'scene.yaml'), WORKER);
    const { status, stderr } = drydock('checkpoint', 'scene.yaml', '-o', 'images');
    expect(status).toBe(2);
    expect(stderr).toMatch(/^drydock: dump_ring: .*EDEADLK/);
    expect(existsSync(join(folder, 'images'))).toBe(false);
  });

  it('is refused with item and reason, and may lose what --drop names', () => {
    const scene = `
tasks:
  - pid: 100
    files: [{ fd: 0, open: /dev/null }, { fd: 5, open: /tmp/gone, deleted: true }]
    rings: [{ fd: 3, register: [{ files: [5] }] }]
events: [{ task: 100, close: 5 }]
`;
    writeFileSync(join(folder, 'scene.yaml'), scene);
    const refused = drydock('checkpoint', 'scene.yaml', '-o', 'images');
    expect(refused.status).toBe(1);
    expect(refused.stderr).toMatch(/^drydock: refused: item 52: \/tmp\/gone \(deleted\) is deleted/);
    expect(existsSync(join(folder, 'images'))).toBe(false);
    const dropped = drydock('checkpoint', 'scene.yaml', '-o', 'images', '--drop', '52');
    expect(dropped.status).toBe(0);
    expect(dropped.stderr).toMatch(/^drydock: dropped: item 52/);
  });
});

describe('damaged images', () => {
  it('are refused before anything is restored', () => {
    drydock('checkpoint', SCENE, '-o', 'images');
    const ring = join(folder, 'images', 'io_uring.img');
    const whole = readFileSync(ring);
    truncateSync(ring, whole.length - 1);
    expect(drydock('restore', 'images')).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/^drydock: .*io_uring\.img/),
    });
    writeFileSync(ring, whole);
    rmSync(join(folder, 'images', 'files.img'));
    expect(drydock('restore', 'images')).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/files\.img/),
    });
    expect(drydock('restore', 'nowhere')).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/nowhere/),
    });
  });

  it('and a directory with something else in it is left alone', () => {
    writeFileSync(join(folder, 'mine.txt'), 'mine');
    const { status, stderr } = drydock('checkpoint', SCENE, '-o', folder);
    expect(status).toBe(2);
    expect(stderr).not.toBe('');
    expect(readdirSync(folder)).toEqual(['mine.txt']);
  });
});

describe('drydock inventory with a scene', () => {
  it('says of each item whether it came back', () => {
    const { status, stdout } = drydock('inventory', SCENE);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^ {2}42 R .* equal$/m);
    expect(stdout).toMatch(/^ {2}60 r .* not in use$/m);
    const lines = drydock('inventory', SCENE, '--json').stdout.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).equal)).not.toContain(false);
  });
});
