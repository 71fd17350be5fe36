/**
 * The memory a ring shares with user space: `struct io_rings` with the completion entries, the index array of
 * the submission queue behind them, and the submission entries.
 */
import { PAGE_SHIFT, PAGE_SIZE } from '../../bpf/address.ts';
import type { KernelHeap } from '../heap.ts';
import type { KernelProfile } from '../profile.ts';
import { Record } from '../record.ts';
import { setPagePointer } from '../words.ts';
import { Setup, UserSize } from './uapi.ts';

const CACHE_LINE = 64;

/** Numbers of io_sqring_offsets and io_cqring_offsets: where user space finds what in the mapping. */
export interface RingOffsets {
  sq: {
    head: number;
    tail: number;
    mask: number;
    entries: number;
    flags: number;
    dropped: number;
    array: number;
  };
  cq: {
    head: number;
    tail: number;
    mask: number;
    entries: number;
    overflow: number;
    cqes: number;
    flags: number;
  };
}

export class RingMemory {
  readonly rings: Record;
  /** Linear offset of the submission entries. */
  readonly sqes: number;
  /** Linear offset of the index array, 0 with IORING_SETUP_NO_SQARRAY. */
  readonly sqArray: number;
  /** Bytes of the two areas, not rounded to pages. */
  readonly ringBytes: number;
  readonly sqeBytes: number;
  readonly sqEntries: number;
  readonly cqEntries: number;
  private readonly heap: KernelHeap;
  private readonly pageTables: { offset: number; size: number }[] = [];

  /** @throws {OutOfMemory} */
  constructor(heap: KernelHeap, profile: KernelProfile, flags: number, sqEntries: number, cqEntries: number) {
    this.heap = heap;
    this.sqEntries = sqEntries;
    this.cqEntries = cqEntries;
    const layout = profile.layout('io_rings');
    const header = layout.size + UserSize.Cqe * cqEntries;
    // Big completion entries double the whole area, header included.
    const cqEnd = align(flags & Setup.Cqe32 ? 2 * header : header, CACHE_LINE);
    const hasArray = (flags & Setup.NoSqArray) === 0;
    this.ringBytes = hasArray ? cqEnd + 4 * sqEntries : cqEnd;
    this.sqeBytes = UserSize.Sqe * sqEntries * (flags & Setup.Sqe128 ? 2 : 1);
    const rings = heap.allocateBytes(align(this.ringBytes, PAGE_SIZE), PAGE_SIZE);
    this.rings = new Record(heap.ram, layout, rings);
    this.sqArray = hasArray ? rings + cqEnd : 0;
    this.sqes = heap.allocateBytes(align(this.sqeBytes, PAGE_SIZE), PAGE_SIZE);
    this.rings.assign({
      sq_ring_mask: sqEntries - 1,
      cq_ring_mask: cqEntries - 1,
      sq_ring_entries: sqEntries,
      cq_ring_entries: cqEntries,
    });
  }

  get offsets(): RingOffsets {
    const at = (path: string) => this.rings.layout.offset(path);
    return {
      sq: {
        head: at('sq.head'),
        tail: at('sq.tail'),
        mask: at('sq_ring_mask'),
        entries: at('sq_ring_entries'),
        flags: at('sq_flags'),
        dropped: at('sq_dropped'),
        array: this.sqArray === 0 ? 0 : this.sqArray - this.rings.offset,
      },
      cq: {
        head: at('cq.head'),
        tail: at('cq.tail'),
        mask: at('cq_ring_mask'),
        entries: at('cq_ring_entries'),
        overflow: at('cq_overflow'),
        cqes: at('cqes'),
        flags: at('cq_flags'),
      },
    };
  }

  /** Linear offset of the completion entries. */
  get cqes(): number {
    return this.rings.offset + this.rings.layout.offset('cqes');
  }

  /** Frames of one area; both stand in low memory, so frame and offset agree. */
  frames(area: 'rings' | 'sqes'): { first: number; count: number } {
    const offset = area === 'rings' ? this.rings.offset : this.sqes;
    const bytes = area === 'rings' ? this.ringBytes : this.sqeBytes;
    return { first: offset >>> PAGE_SHIFT, count: Math.ceil(bytes / PAGE_SIZE) };
  }

  /** An array of `struct page *` over one area, as kernels that keep their ring memory page by page have it. */
  pageTable(area: 'rings' | 'sqes'): bigint {
    const { first, count } = this.frames(area);
    const offset = this.heap.allocateBytes(8 * count);
    for (let i = 0; i < count; i++) setPagePointer(this.heap.ram.view, offset + 8 * i, first + i);
    this.pageTables.push({ offset, size: 8 * count });
    return this.rings.address - BigInt(this.rings.offset) + BigInt(offset);
  }

  release(): void {
    for (const { offset, size } of this.pageTables) this.heap.freeBytes(offset, size);
    this.heap.freeBytes(this.sqes, align(this.sqeBytes, PAGE_SIZE));
    this.heap.freeBytes(this.rings.offset, align(this.ringBytes, PAGE_SIZE));
    this.rings.retire();
  }
}

function align(size: number, to: number): number {
  return Math.ceil(size / to) * to;
}
