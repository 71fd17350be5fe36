/** The same objects on every kernel and with every size of the reader's buffer: the bytes that are kept beside them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { KERNELS, PROGRAMS, readEverything, sceneText, sessionOf } from './support.ts';

const READ_SIZES = [1, 7, 4096, 65536];

interface Golden {
  program: string;
  scene: string;
  kernel: string;
  bytes: Buffer;
}

/** programs/NAME/expected/SCENE[.KERNEL].{txt,hex}: without a kernel for all of them. */
function goldens(): Golden[] {
  const found: Golden[] = [];
  for (const program of readdirSync(PROGRAMS)) {
    const folder = new URL(`${program}/expected/`, PROGRAMS);
    if (!existsSync(folder)) continue;
    for (const name of readdirSync(folder)) {
      const [, scene, kernel, kind] = /^([a-z_]+)(?:\.(.+))?\.(txt|hex)$/.exec(name) ?? [];
      if (scene === undefined) throw new Error(`${program}/expected/${name} is not named as expected`);
      const content = readFileSync(new URL(name, folder));
      const bytes =
        kind === 'hex' ? Buffer.from(content.toString('latin1').replace(/\s/g, ''), 'hex') : content;
      for (const each of kernel === undefined ? KERNELS : [kernel])
        found.push({ program, scene, kernel: each, bytes });
    }
  }
  return found;
}

describe.each(goldens())('$program over $scene on $kernel', ({ program, scene, kernel, bytes }) => {
  it.each(READ_SIZES)('reads of %i bytes', async (size) => {
    const session = await sessionOf(sceneText(scene), kernel);
    const got = Buffer.from(readEverything(session, program, size));
    // As text first: a difference is then shown where it is.
    expect(got.toString('latin1')).toBe(bytes.toString('latin1'));
  });
});

describe('the series selftests', () => {
  const text = async (program: string, scene: string, kernel: string) =>
    Buffer.from(readEverything(await sessionOf(sceneText(scene), kernel), program, 4096)).toString('latin1');

  it.each(KERNELS)('io_uring_buf prints every buffer between B and E on %s', async (kernel) => {
    const lines = (await text('io_uring_buf', 'io_uring_buf', kernel)).split('\n');
    expect(lines[0]).toBe('B');
    for (let j = 0; j < 8; j++) {
      const address = (0x7f00_0000_0000 + j * 0x1_0000).toString(16);
      expect(lines[1 + 2 * j]).toBe(`${j}:0x${address}:${128 << j}`);
      expect(lines[2 + 2 * j]).toMatch(/^`-PFN for bvec\[0\]=\d+$/);
    }
    expect(lines.slice(17)).toEqual(['E:8', '']);
  });

  it.each(KERNELS)('an empty table is B and E in the closing call on %s', async (kernel) => {
    const session = await sessionOf('tasks: [{ pid: 9, rings: [{ fd: 3 }] }]', kernel);
    for (const program of ['io_uring_buf', 'io_uring_file']) {
      expect(Buffer.from(readEverything(session, program, 1)).toString()).toBe('B\nE:0\n');
    }
  });

  it.each(KERNELS)('one slot gives one B on %s', async (kernel) => {
    const scene =
      'tasks: [{ pid: 9, files: [{ fd: 4, open: /a }, { fd: 5, epoll: [{ fd: 6 }] }, { fd: 6, eventfd: 0 }], rings: [{ fd: 3, register: [{ files: [4] }] }] }]';
    const session = await sessionOf(scene, kernel);
    expect(Buffer.from(readEverything(session, 'io_uring_file', 1)).toString()).toBe('B\n0:/a\nE:1\n');
    expect(Buffer.from(readEverything(session, 'epoll', 1)).toString()).toBe('B\neventfd:6\nE\n');
  });
});
