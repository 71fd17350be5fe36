/** Registered buffers: where their pages are, and the contents of those that only the ring still has. */
import type { BufferState, PageSource } from '../state.ts';
import { ofKind } from './census.ts';
import type { RawBuffer, RawPage } from './raw.ts';
import type { DumpRecord } from './records.ts';
import type { KnownBuffers, RingUnderDump } from './rings.ts';

const PAGE_SHIFT = 12;
const HUGE_SHIFT = 21;
const HUGE_PAGES = 512;

export function buffersOf(
  ring: RingUnderDump,
  records: readonly DumpRecord[],
  clones: KnownBuffers,
): (BufferState | undefined)[] | undefined {
  if (ring.raw.buffers === 0) return undefined;
  const pages = pagesByBuffer(ring);
  return ofKind<RawBuffer>(records, 'buffer').map((buffer) => {
    if (buffer.empty !== 0) return undefined;
    const index = Number(buffer.index);
    if (buffer.kernel !== 0)
      ring.refusals.add(
        50,
        `${ring.subject}, buffer ${index}`,
        'is memory of a driver, which alone can register it',
      );
    const cloneOf = clones.get(buffer.buffer);
    if (!cloneOf) clones.set(buffer.buffer, { ring: ring.index, index });
    const own = pages.get(index) ?? [];
    const huge = ring.memory.isHuge(ring.raw.mm, Number(buffer.address)) || isHuge(buffer, own);
    return {
      address: buffer.address,
      length: Number(buffer.length),
      tag: buffer.tag,
      lost: cloneOf ? new Map() : lostPages(ring, own),
      huge,
      cloneOf,
    };
  });
}

function pagesByBuffer({ programs, choice }: RingUnderDump): Map<number, RawPage[]> {
  const pages = new Map<number, RawPage[]>();
  for (const page of programs.run('bvec_pages', 'dump_bvec_pages', choice) as Iterable<RawPage>) {
    const index = Number(page.index);
    const known = pages.get(index);
    if (known) known.push(page);
    else pages.set(index, [page]);
  }
  return pages;
}

/** Contents stand behind the records of pages that no mapping shows. */
function lostPages(
  { memory, orphans, refusals, subject }: RingUnderDump,
  pages: readonly RawPage[],
): Map<number, PageSource> {
  const lost = new Map<number, PageSource>();
  for (const [i, page] of pages.entries()) {
    if (page.mapped !== 0) continue;
    const frame = Number(page.frame);
    const object = memory.objectAt(frame);
    if (!object && memory.isPrivate(frame))
      refusals.add(
        44,
        subject,
        'a page of its buffers is private memory somewhere else, which both would share',
      );
    lost.set(
      i,
      object
        ? { kind: 'object', object: object.id, page: object.page }
        : { kind: 'orphan', orphan: orphans.add(frame, page.tail) },
    );
  }
  return lost;
}

/** 6.12 says so; before, huge pages show as runs of aligned frames. */
function isHuge({ folio_shift, vectors }: RawBuffer, pages: readonly RawPage[]): boolean {
  if (folio_shift === HUGE_SHIFT) return true;
  if (folio_shift !== 0 && folio_shift !== PAGE_SHIFT) return false;
  if (vectors < 2) return false;
  if (pages.length < HUGE_PAGES) return false;
  return pages.every(({ address, frame }, i) => {
    const inside = Number((address >> BigInt(PAGE_SHIFT)) % BigInt(HUGE_PAGES));
    const follows = i === 0 || inside === 0 || frame === (pages[i - 1] as RawPage).frame + 1n;
    return follows && Number(frame) % HUGE_PAGES === inside;
  });
}
