/**
 * `struct io_mapped_ubuf`: one registered buffer with its pages as bio_vecs. A ring may have a million of them,
 * so they are written as numbers, and the record is the only place that knows the pages.
 */
import { DIRECT_MAP, PAGE_SHIFT, PAGE_SIZE } from '../../bpf/address.ts';
import type { KernelHeap } from '../heap.ts';
import type { PageAllocator } from '../page.ts';
import type { KernelProfile } from '../profile.ts';
import type { Ram } from '../ram.ts';
import type { Record } from '../record.ts';
import { getPagePointer, setPagePointer } from '../words.ts';

export interface Bvecs {
  /** Frame of each entry: of a page, or the first one of a huge page. */
  frames: ArrayLike<number>;
  /** log2 of the bytes that an entry spans. */
  shift: number;
  /** Bytes from the start of the first entry to the first byte of the buffer. */
  offset: number;
}

/**
 * The entries for a run of pinned pages.
 *
 * With `coalesce`, a buffer made of huge pages of one size (the first and last of which may be used in part)
 * gets one entry for each of those; the surplus pins are given back.
 * @param offset of the buffer's first byte in its first page.
 */
export function makeBvecs(
  pages: PageAllocator,
  frames: ArrayLike<number>,
  offset: number,
  coalesce: boolean,
): Bvecs {
  const order = coalesce ? commonOrder(pages, frames) : 0;
  if (order === 0) return { frames, shift: PAGE_SHIFT, offset };
  const heads: number[] = [];
  for (let i = 0; i < frames.length; i++) {
    const frame = frames[i] as number;
    const head = pages.head(frame);
    if (heads.at(-1) === head) pages.unpin(frame);
    else heads.push(head);
  }
  const first = frames[0] as number;
  return {
    frames: heads,
    shift: PAGE_SHIFT + order,
    offset: offset + (first - (heads[0] as number)) * PAGE_SIZE,
  };
}

/** Order of the huge pages that the run consists of, 0 when it is no such run. */
function commonOrder(pages: PageAllocator, frames: ArrayLike<number>): number {
  if (frames.length < 2) return 0;
  const order = pages.order(pages.head(frames[0] as number));
  if (order === 0) return 0;
  const last = (1 << order) - 1;
  for (let i = 1; i < frames.length; i++) {
    const before = frames[i - 1] as number;
    const frame = frames[i] as number;
    const head = pages.head(frame);
    if (head === pages.head(before)) {
      if (frame !== before + 1) return 0;
    } else if ((before & last) !== last || frame !== head || pages.order(head) !== order) {
      return 0;
    }
  }
  return order;
}

/** Where the members of `struct bio_vec` stand. */
export interface BvecLayout {
  size: number;
  page: number;
  length: number;
  offset: number;
}

export function bvecLayout(profile: KernelProfile): BvecLayout {
  const layout = profile.layout('bio_vec');
  return {
    size: layout.size,
    page: layout.offset('bv_page'),
    length: layout.offset('bv_len'),
    offset: layout.offset('bv_offset'),
  };
}

export interface MappedRange {
  /** User address and bytes. */
  address: bigint;
  length: number;
  bvecs: Bvecs;
}

/** One registered buffer in model memory. */
export class MappedBuffer {
  readonly record: Record;
  private readonly heap: KernelHeap;
  private readonly entry: BvecLayout;

  constructor(heap: KernelHeap, entry: BvecLayout, range: MappedRange) {
    this.heap = heap;
    this.entry = entry;
    const { frames, shift } = range.bvecs;
    this.record = heap.allocate('io_mapped_ubuf', entry.size * frames.length);
    this.record.set('ubuf', range.address).set('nr_bvecs', frames.length);
    if (this.record.has('ubuf_end')) this.record.set('ubuf_end', range.address + BigInt(range.length));
    else this.record.set('len', range.length).set('folio_shift', shift).set('refs', 1);
    this.writeBvecs(range);
  }

  get address(): bigint {
    return this.record.big('ubuf');
  }

  /** Bytes. */
  get length(): number {
    if (this.record.has('len')) return this.record.get('len');
    return Number(this.record.big('ubuf_end') - this.record.big('ubuf'));
  }

  get entries(): number {
    return this.record.get('nr_bvecs');
  }

  /** Pages charged for this buffer; a huge page that an earlier buffer shares is charged there. */
  get accountedPages(): number {
    return this.record.get('acct_pages');
  }
  set accountedPages(count: number) {
    this.record.set('acct_pages', count);
  }

  /** Frames of the entries. */
  *frames(): Generator<number> {
    const { size, page } = this.entry;
    const start = this.record.offset + this.record.layout.size;
    const count = this.entries;
    for (let i = 0; i < count; i++) yield getPagePointer(this.heap.ram.view, start + i * size + page);
  }

  /** Stores into the pinned pages, whatever the task has mapped there by now. @param offset into the buffer. */
  write(ram: Ram, offset: number, bytes: Uint8Array): boolean {
    let done = 0;
    for (const [address, length] of this.ranges(offset, bytes.length)) {
      if (!ram.write(address, bytes.subarray(done, done + length))) return false;
      done += length;
    }
    return done === bytes.length;
  }

  read(ram: Ram, offset: number, length: number): Uint8Array | null {
    const bytes = new Uint8Array(length);
    let done = 0;
    for (const [address, size] of this.ranges(offset, length)) {
      const part = ram.read(address, size);
      if (!part) return null;
      bytes.set(part, done);
      done += size;
    }
    return done === length ? bytes : null;
  }

  /** Pieces of physical memory behind a part of the buffer, none across a page. */
  private *ranges(offset: number, length: number): Generator<[address: bigint, length: number]> {
    const { view } = this.heap.ram;
    const start = this.record.offset + this.record.layout.size;
    let skip = offset;
    let rest = length;
    for (let i = 0; i < this.entries && rest > 0; i++) {
      const at = start + i * this.entry.size;
      const frame = getPagePointer(view, at + this.entry.page);
      const size = view.getUint32(at + this.entry.length, true);
      let from = view.getUint32(at + this.entry.offset, true) + Math.min(skip, size);
      let left = Math.min(rest, size - Math.min(skip, size));
      skip -= Math.min(skip, size);
      for (; left > 0 && rest > 0; ) {
        const piece = Math.min(left, PAGE_SIZE - (from % PAGE_SIZE));
        yield [DIRECT_MAP + BigInt(frame) * BigInt(PAGE_SIZE) + BigInt(from), piece];
        from += piece;
        left -= piece;
        rest -= piece;
      }
    }
  }

  /** One more table has it. */
  share(): this {
    this.record.add('refs', 1);
    return this;
  }

  /** A table gives it up. @returns whether it was the last one. */
  drop(): boolean {
    return !this.record.has('refs') || this.record.add('refs', -1) === 0;
  }

  /** Unpins the pages and frees the record. */
  release(pages: PageAllocator): void {
    for (const frame of this.frames()) pages.unpin(frame);
    this.heap.free(this.record);
  }

  private writeBvecs(range: MappedRange): void {
    const { entry } = this;
    const { frames, shift } = range.bvecs;
    const { view } = this.heap.ram;
    const span = 2 ** shift;
    let at = this.record.offset + this.record.layout.size;
    let offset = range.bvecs.offset;
    let rest = range.length;
    for (let i = 0; i < frames.length; i++) {
      const frame = frames[i] as number;
      const length = Math.min(rest, span - offset);
      setPagePointer(view, at + entry.page, frame);
      view.setUint32(at + entry.length, length, true);
      view.setUint32(at + entry.offset, offset, true);
      at += entry.size;
      rest -= length;
      offset = 0;
    }
  }
}
