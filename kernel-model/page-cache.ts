/** Pages of an object that several mappings may show: a file's content, shmem, shared anonymous memory. */
import { PAGE_SIZE } from '../bpf/address.ts';
import { Errno } from '../bpf/errno.ts';
import type { PageAllocator } from './page.ts';

/** What backs the object; decides what may be pinned and how pagemap and d_path see it. */
export type CacheKind = 'file' | 'shmem' | 'hugetlb';

export class PageCache {
  readonly kind: CacheKind;
  /** log2 of pages that are allocated together: 9 for huge pages. */
  readonly order: number;
  private readonly allocator: PageAllocator;
  /** Frame by page index. */
  private readonly frames = new Map<number, number>();
  /** Kernel address of the `struct address_space`. */
  private readonly mapping: bigint;

  constructor(allocator: PageAllocator, kind: CacheKind, mapping: bigint, order = 0) {
    this.allocator = allocator;
    this.kind = kind;
    this.mapping = mapping;
    this.order = order;
  }

  /** Number of pages present. */
  get size(): number {
    return this.frames.size;
  }

  /** Frame of a page, -1 when it is not present. */
  find(index: number): number {
    return this.frames.get(index) ?? -1;
  }

  /** Frame of a page, made (zeroed) when it is not present; -ENOMEM when frames have run out. */
  ensure(index: number): number {
    const known = this.frames.get(index);
    if (known !== undefined) return known;
    const span = 1 << this.order;
    const first = Math.floor(index / span) * span;
    const head = this.allocator.allocate(this.order);
    if (head < 0) return -Errno.ENOMEM;
    for (let i = 0; i < span; i++) this.frames.set(first + i, head + i);
    this.allocator.setMapping(head, this.mapping, first >> this.order);
    return head + (index - first);
  }

  /** Stores bytes; false when frames have run out. */
  write(offset: number, bytes: Uint8Array): boolean {
    for (let done = 0; done < bytes.length; ) {
      const at = offset + done;
      const frame = this.ensure(Math.floor(at / PAGE_SIZE));
      if (frame < 0) return false;
      const length = Math.min(PAGE_SIZE - (at % PAGE_SIZE), bytes.length - done);
      this.allocator.write(frame, at % PAGE_SIZE, bytes.subarray(done, done + length));
      done += length;
    }
    return true;
  }

  /** Bytes from an offset on; pages that are not present read as zeros. */
  read(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const at = offset + done;
      const count = Math.min(PAGE_SIZE - (at % PAGE_SIZE), length - done);
      const frame = this.find(Math.floor(at / PAGE_SIZE));
      if (frame >= 0) bytes.set(this.allocator.read(frame, at % PAGE_SIZE, count), done);
      done += count;
    }
    return bytes;
  }

  /** Makes the pages of a byte range; false when frames have run out. */
  fill(offset: number, length: number): boolean {
    const end = Math.ceil((offset + length) / PAGE_SIZE);
    for (let index = Math.floor(offset / PAGE_SIZE); index < end; index++) {
      if (this.ensure(index) < 0) return false;
    }
    return true;
  }

  /** Zeroes a byte range as far as its pages are present. */
  clear(offset: number, end: number): void {
    for (let at = offset; at < end; ) {
      const next = Math.min(end, (Math.floor(at / PAGE_SIZE) + 1) * PAGE_SIZE);
      const frame = this.find(Math.floor(at / PAGE_SIZE));
      if (frame >= 0) this.allocator.write(frame, at % PAGE_SIZE, new Uint8Array(next - at));
      at = next;
    }
  }

  /** First page from an index on that is present, Infinity for none. */
  nextPresent(index: number): number {
    let next = Number.POSITIVE_INFINITY;
    for (const present of this.frames.keys()) if (present >= index && present < next) next = present;
    return next;
  }

  /** First page from an index on that is not present. */
  nextHole(index: number): number {
    let next = index;
    while (this.frames.has(next)) next++;
    return next;
  }

  /** Drops the cache's references to the pages of an index range (truncate, hole), or to all. */
  release(first = 0, end = Number.POSITIVE_INFINITY): void {
    for (const [index, frame] of this.frames) {
      if (index < first || index >= end) continue;
      this.frames.delete(index);
      if (this.order === 0 || index % (1 << this.order) === 0) this.allocator.put(frame);
    }
  }
}
