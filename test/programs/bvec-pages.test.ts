/** Iteration over every page of every registered buffer, with the contents of pages that no mapping shows any more. */
import { describe, expect, it } from 'vitest';
import { KERNELS, readEverything, sessionOf } from './support.ts';

const PAGE = 4096;
/** A head of 8 bytes with the record's whole size, and the members. */
const RECORD = 56;

/** Buffers that are mapped, unmapped, replaced by other pages, partly gone, empty, and in a huge page. */
const SCENE = `
tasks:
  - pid: 100
    comm: app
    files:
      - { fd: 0, open: /dev/null }
    mappings:
      - { name: heap, address: 0x7f0000000000, length: 64K, kind: shared }
      - { name: lost, address: 0x7f0000100000, length: 8K, kind: shared }
      - { name: anon, address: 0x7f0000200000, length: 8K }
      - { name: big, address: 0x7f0040000000, length: 4M, kind: huge }
    rings:
      - fd: 3
        entries: 4
        register:
          - buffers:
              - { address: heap + 100, length: 9000 }
              - none
              - { address: lost, length: 8K }
              - { address: anon, length: 8K }
              - { address: big + 20K, length: 8K }
events:
  - { task: 100, write: { address: lost, text: 'kept by the ring alone' } }
  - { task: 100, write: { address: lost + 8000, text: 'the second page' } }
  - { task: 100, write: { address: anon + 4K, text: 'before' } }
  - { task: 100, unmap: { address: lost, length: 8K } }
  - { task: 100, dontneed: { address: anon + 4K, length: 4K } }
  - { task: 100, write: { address: anon + 4K, text: 'another page' } }
`;

interface Page {
  index: number;
  bvec: number;
  address: bigint;
  pfn: number;
  start: number;
  length: number;
  mapped: boolean;
  content?: Uint8Array;
}

function pagesOf(bytes: Uint8Array): Page[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const pages: Page[] = [];
  for (let at = 0; at < bytes.length; ) {
    const big = (word: number) => view.getBigUint64(at + 8 + 8 * word, true);
    const page: Page = {
      index: Number(big(0)),
      bvec: Number(big(1)),
      address: big(2),
      pfn: Number(big(3)),
      start: view.getUint32(at + 40, true),
      length: view.getUint32(at + 44, true),
      mapped: view.getUint32(at + 48, true) === 1,
    };
    const size = view.getUint32(at + 4, true);
    expect(size).toBe(page.mapped ? RECORD : RECORD + PAGE);
    if (!page.mapped) page.content = bytes.subarray(at + RECORD, at + size);
    at += size;
    pages.push(page);
  }
  return pages;
}

const text = (page: Page | undefined, at: number, length: number) =>
  new TextDecoder().decode(page?.content?.subarray(at, at + length));

describe.each(KERNELS)('the pages of registered buffers on %s', (kernel) => {
  it('come one by one, with the address that was registered', async () => {
    const pages = pagesOf(readEverything(await sessionOf(SCENE, kernel), 'bvec_pages', 32_768));
    expect(pages.map(({ index, address, start, length }) => [index, address, start, length])).toEqual([
      [0, 0x7f0000000064n, 100, 3996],
      [0, 0x7f0000001000n, 0, 4096],
      [0, 0x7f0000002000n, 0, 908],
      [2, 0x7f0000100000n, 0, 4096],
      [2, 0x7f0000101000n, 0, 4096],
      [3, 0x7f0000200000n, 0, 4096],
      [3, 0x7f0000201000n, 0, 4096],
      [4, 0x7f0040005000n, 0, 4096],
      [4, 0x7f0040006000n, 0, 4096],
    ]);
  });

  it('are mapped, or come with what only the ring still has', async () => {
    const session = await sessionOf(SCENE, kernel);
    const pages = pagesOf(readEverything(session, 'bvec_pages', 32_768));
    expect(pages.map(({ mapped }) => mapped)).toEqual([
      ...[true, true, true],
      ...[false, false],
      ...[true, false],
      ...[true, true],
    ]);
    expect(text(pages[3], 0, 22)).toBe('kept by the ring alone');
    expect(text(pages[4], 8000 - PAGE, 15)).toBe('the second page');
    // The mapping has another page there by now.
    expect(text(pages[6], 0, 6)).toBe('before');
  });

  it('name frames of a huge page one after the other, however the kernel cuts it into bvecs', async () => {
    const pages = pagesOf(readEverything(await sessionOf(SCENE, kernel), 'bvec_pages', 32_768));
    const [first, second] = pages.slice(-2);
    expect((first?.pfn ?? 0) + 1).toBe(second?.pfn);
    expect((first?.pfn ?? 0) % 512).toBe(5);
  });

  it('are the same whatever the size of the reads', async () => {
    const session = await sessionOf(SCENE, kernel);
    const whole = readEverything(session, 'bvec_pages', 32_768);
    for (const size of [1, RECORD, 4096]) {
      expect(Buffer.compare(readEverything(session, 'bvec_pages', size), whole)).toBe(0);
    }
  });
});
