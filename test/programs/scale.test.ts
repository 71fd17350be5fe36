/** As much as one ring can hold, from the scene file to the reader's bytes. */
import { expect, it } from 'vitest';
import { readEverything, sceneText, sessionOf } from './support.ts';

const BUFFERS = 16_384;
const FILES = 32_768;
/** Of all buffers: 4096 times 257 + 2. */
const PAGES = 4096 * 259;

it('16,384 buffers of a million pages and 32,768 files', { timeout: 120_000 }, async () => {
  const session = await sessionOf(sceneText('scale'));
  const lines = (program: string) =>
    Buffer.from(readEverything(session, program, 65536))
      .toString()
      .trimEnd()
      .split('\n');

  const frames = new Set<number>();
  let buffers = 0;
  for (const line of lines('bvec')) {
    const [, first, last] = /^ pfn (\d+)(?:-(\d+))?$/.exec(line) ?? [];
    if (first === undefined) {
      buffers++;
      continue;
    }
    for (let pfn = Number(first); pfn <= Number(last ?? first); pfn++) frames.add(pfn);
  }
  // One more line: the number of buffers.
  expect(buffers).toBe(BUFFERS + 1);
  expect(frames.size).toBe(PAGES);

  const files = lines('io_uring_file');
  expect(files).toHaveLength(FILES + 2);
  expect(files[1]).toBe('0:/srv/0');
  expect(files.at(-2)).toBe(`${FILES - 1}:/srv/${FILES - 1}`);
  expect(files.at(-1)).toBe(`E:${FILES}`);
  expect(session.vm.ram.buffer.byteLength).toBeLessThan(512 << 20);
});
