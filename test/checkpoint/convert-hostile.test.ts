/**
 * Images that are damaged but read well one by one. What is accepted is what the images say, to the last byte; all else
 * is an error that names the file, and the entry where there is one.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../bpf/input-error.ts';
import { checkpointOf, fromImages, toImages } from '../../checkpoint/convert/index.ts';
import { dumpOf } from './dump-support.ts';
import './same-bytes.ts';
import { mutations } from './image-mutations.ts';
import { anyState } from './state-support.ts';

const SEED = 20240229;

/** @returns whether the images were accepted, as what they are */
function readOrRefuse(files: ReadonlyMap<string, Uint8Array>): boolean {
  try {
    const { state, notes } = checkpointOf(files);
    expect(toImages(state, notes)).toStrictEqual(files);
    return true;
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    expect(error.file, error.message).toMatch(/^[a-z0-9_-]+\.img$/);
    const place = /^entry \d+|^\d+ entries|missing|belongs to|no task's/;
    if (error.offset === undefined) expect(error.reason).toMatch(place);
    return false;
  }
}

describe('damaged images', () => {
  it('of states at random are refused, or are what they say', () => {
    let refused = 0;
    let all = 0;
    fc.assert(
      fc.property(anyState, fc.infiniteStream(fc.nat()), (state, numbers) => {
        const files = toImages(state);
        for (const mutated of mutations(files, numbers, 6)) {
          all++;
          if (!readOrRefuse(mutated)) refused++;
        }
      }),
      { seed: SEED, numRuns: 200, endOnFailure: true },
    );
    // What is accepted is a change of a value that nothing else depends on.
    expect(refused / all).toBeGreaterThan(0.4);
  }, 120_000);

  it.each([
    'demo',
    'io_uring_buf',
    'epoll',
    'acceptance/restrictions-and-counters',
    'acceptance/orphan-page-in-two-rings',
  ])(
    'of %s are refused, or are what they say',
    async (scene) => {
      const { state } = await dumpOf(scene, '6.12');
      const files = toImages(state);
      fc.assert(
        fc.property(fc.infiniteStream(fc.nat()), (numbers) => {
          for (const mutated of mutations(files, numbers, 1)) readOrRefuse(mutated);
        }),
        { seed: SEED, numRuns: 150, endOnFailure: true },
      );
    },
    60_000,
  );

  it('with any file left out are refused', () => {
    for (const state of fc.sample(anyState, { seed: SEED, numRuns: 20 })) {
      const files = toImages(state);
      for (const name of files.keys()) {
        const left = new Map([...files].filter(([file]) => file !== name));
        expect(readOrRefuse(left), name).toBe(false);
      }
    }
  });

  it('with a file too many are refused', () => {
    const files = toImages(fc.sample(anyState, { seed: SEED, numRuns: 1 })[0] as never);
    for (const name of ['pages-99.img', 'mm-77777.img', 'fdinfo-99.img', 'tty.img']) {
      const more = new Map([...files, [name, files.get('pstree.img') as Uint8Array]]);
      expect(() => fromImages(more)).toThrow(InputError);
    }
  });
});
