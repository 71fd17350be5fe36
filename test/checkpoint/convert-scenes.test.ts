/** Checkpoints of scenes: the images hold all of them, and give the same state again. */
import { describe, expect, it } from 'vitest';
import { checkpointOf, fromImages, toImages } from '../../checkpoint/convert/index.ts';
import { decodeImage, kindOfFile } from '../../checkpoint/image/index.ts';
import { KERNELS } from '../programs/support.ts';
import './same-bytes.ts';
import { dumpIfPossible, scenesIn } from './dump-support.ts';

const SCENES = [
  'demo',
  'checkpoint',
  'io_uring_buf',
  'io_uring_file',
  'epoll',
  ...scenesIn('liburing'),
  ...scenesIn('acceptance'),
];

describe.each(KERNELS)('images of scenes on %s', (kernel) => {
  it.each(SCENES)('%s', async (scene) => {
    const dump = await dumpIfPossible(scene, kernel);
    if (!dump) return expect(kernel, 'the newest kernel can do all').not.toBe('6.12');
    const { state } = dump;
    const files = toImages(state);
    for (const [name, bytes] of files) {
      if (kindOfFile(name) !== 'PAGES') expect(() => decodeImage(name, bytes)).not.toThrow();
    }
    expect(fromImages(files)).toStrictEqual(state);
    expect(checkpointOf(files).notes).toEqual([]);
    expect(toImages(fromImages(files))).toStrictEqual(files);
  });
});
