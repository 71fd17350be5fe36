/** Whatever state there is: it comes back from its images, and the same state gives the same images. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkpointOf, fromImages, toImages } from '../../checkpoint/convert/index.ts';
import { decodeImage, kindOfFile } from '../../checkpoint/image/index.ts';
import './same-bytes.ts';
import { anyState } from './state-support.ts';

const SEED = 20230117;

describe('states at random', () => {
  it('come back from their images', () => {
    fc.assert(
      fc.property(anyState, (state) => {
        const files = toImages(state);
        const again = fromImages(files);
        expect(again).toStrictEqual(state);
        expect(toImages(again)).toStrictEqual(files);
      }),
      { seed: SEED, numRuns: 600, endOnFailure: true },
    );
  }, 120_000);

  it('are images that read strictly, each by itself', () => {
    fc.assert(
      fc.property(anyState, (state) => {
        for (const [name, bytes] of toImages(state)) {
          if (kindOfFile(name) !== 'PAGES') expect(decodeImage(name, bytes).kind).toBe(kindOfFile(name));
          else expect(bytes.length % 4096).toBe(0);
        }
      }),
      { seed: SEED + 1, numRuns: 100 },
    );
  }, 60_000);

  it('keep what a checkpoint says of itself', () => {
    const notes = [{ item: 8, action: 'dropped', text: 'the thread gets another number' }] as const;
    fc.assert(
      fc.property(anyState, (state) => {
        expect(checkpointOf(toImages(state, notes)).notes).toEqual(notes);
      }),
      { seed: SEED + 2, numRuns: 20 },
    );
  }, 60_000);
});
