/**
 * `struct io_rsrc_data`: what a table of registered buffers or files has beside its slots, above all the tags
 * by which user space learns that a resource is no longer used.
 */
import { PAGE_SIZE } from '../../bpf/address.ts';
import type { KernelHeap } from '../heap.ts';
import type { Record } from '../record.ts';
import { setLowPointer } from '../words.ts';

/** Which table: IORING_RSRC_FILE and IORING_RSRC_BUFFER. */
export const enum RsrcKind {
  File = 0,
  Buffer = 1,
}

const TAG_SIZE = 8;
const TAGS_PER_PAGE = PAGE_SIZE / TAG_SIZE;

export class RsrcData {
  readonly record: Record;
  readonly size: number;
  private readonly heap: KernelHeap;
  /** Linear offset of the table of tag pages, and of each page. */
  private readonly table: number;
  private readonly pages: number[] = [];

  /**
   * @param size number of slots, at least 1.
   * @param release kernel address of the function that gives a resource back (5.16, 6.1).
   */
  constructor(heap: KernelHeap, ring: Record, kind: RsrcKind, size: number, release: bigint) {
    this.heap = heap;
    this.size = size;
    const pageCount = Math.ceil(size / TAGS_PER_PAGE);
    this.table = heap.allocateBytes(8 * pageCount);
    for (let page = 0; page < pageCount; page++) {
      this.pages.push(heap.allocateBytes(this.pageBytes(page)));
    }
    this.pages.forEach((page, i) => {
      setLowPointer(heap.ram.view, this.table + 8 * i, page);
    });
    this.record = heap.allocate('io_rsrc_data');
    this.record.point('ctx', ring).set('nr', size);
    this.record.set('tags', this.record.address - BigInt(this.record.offset) + BigInt(this.table));
    if (this.record.has('rsrc_type')) this.record.set('rsrc_type', kind);
    if (this.record.has('do_put')) this.record.set('do_put', release);
    if (this.record.has('refs')) this.record.set('refs', 1);
  }

  tag(slot: number): bigint {
    return this.heap.ram.view.getBigUint64(this.tagOffset(slot), true);
  }

  setTag(slot: number, tag: bigint): void {
    this.heap.ram.view.setBigUint64(this.tagOffset(slot), tag, true);
  }

  release(): void {
    this.pages.forEach((page, i) => {
      this.heap.freeBytes(page, this.pageBytes(i));
    });
    this.heap.freeBytes(this.table, 8 * this.pages.length);
    this.heap.free(this.record);
  }

  private tagOffset(slot: number): number {
    return (this.pages[Math.floor(slot / TAGS_PER_PAGE)] as number) + TAG_SIZE * (slot % TAGS_PER_PAGE);
  }

  /** The last page holds no more tags than there are. */
  private pageBytes(page: number): number {
    return Math.min(PAGE_SIZE, TAG_SIZE * this.size - page * PAGE_SIZE);
  }
}
