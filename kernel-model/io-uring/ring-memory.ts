/**
 * The memory a ring shares with user space: `struct io_rings` with the completion entries, the index array of
 * the submission queue behind them, and the submission entries.
 */
import { DIRECT_MAP, PAGE_SHIFT, PAGE_SIZE } from '../../bpf/address.ts';
import type { KernelHeap } from '../heap.ts';
import type { KernelProfile } from '../profile.ts';
import type { Ram } from '../ram.ts';
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

/** Pages of the task that hold the two areas (IORING_SETUP_NO_MMAP), pinned; one frame each. */
export interface UserAreas {
  readonly rings: number;
  readonly sqes: number;
}

export class RingMemory {
  readonly rings: Record;
  /** Kernel address of the submission entries. */
  readonly sqesAddress: bigint;
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
  private readonly user: UserAreas | undefined;
  private readonly pageTables: { offset: number; size: number }[] = [];

  /** @param user where the areas stand; the kernel's own memory for undefined. @throws {OutOfMemory} */
  constructor(heap: KernelHeap, profile: KernelProfile, shape: RingShape, user?: UserAreas) {
    this.heap = heap;
    this.user = user;
    const { sqEntries, cqEntries } = shape;
    this.sqEntries = sqEntries;
    this.cqEntries = cqEntries;
    const layout = profile.layout('io_rings');
    const { cqEnd, ringBytes, sqeBytes } = ringSizes(profile, shape);
    this.ringBytes = ringBytes;
    this.sqeBytes = sqeBytes;
    const rings = user ? pageOffset(heap.ram, user.rings) : this.allocate(ringBytes);
    this.rings = new Record(heap.ram, layout, rings, user ? pageAddress(user.rings) : heap.addressOf(rings));
    this.sqArray = (shape.flags & Setup.NoSqArray) === 0 ? rings + cqEnd : 0;
    this.sqes = user ? pageOffset(heap.ram, user.sqes) : this.allocate(sqeBytes);
    this.sqesAddress = user ? pageAddress(user.sqes) : heap.addressOf(this.sqes);
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

  /** Kernel address of something in the area of the rings, by its linear offset. */
  addressOf(offset: number): bigint {
    return this.rings.address + BigInt(offset - this.rings.offset);
  }

  /** The way back. */
  offsetOf(address: bigint): number {
    return this.rings.offset + Number(address - this.rings.address);
  }

  /** Frames of one area; the kernel's own stand in low memory, where frame and offset agree. */
  frames(area: 'rings' | 'sqes'): { first: number; count: number } {
    if (this.user) return { first: this.user[area], count: 1 };
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
    return this.heap.addressOf(offset);
  }

  release(): void {
    for (const { offset, size } of this.pageTables) this.heap.freeBytes(offset, size);
    this.rings.retire();
    if (this.user) return;
    this.heap.freeBytes(this.sqes, align(this.sqeBytes, PAGE_SIZE));
    this.heap.freeBytes(this.rings.offset, align(this.ringBytes, PAGE_SIZE));
  }

  private allocate(bytes: number): number {
    return this.heap.allocateBytes(align(bytes, PAGE_SIZE), PAGE_SIZE);
  }
}

export interface RingShape {
  /** IORING_SETUP_* */
  flags: number;
  sqEntries: number;
  cqEntries: number;
}

/** Bytes of the two areas, and where the completion entries end. */
export function ringSizes(
  profile: KernelProfile,
  { flags, sqEntries, cqEntries }: RingShape,
): { cqEnd: number; ringBytes: number; sqeBytes: number } {
  const header = profile.layout('io_rings').size + UserSize.Cqe * cqEntries;
  // Big completion entries double the whole area, header included.
  const cqEnd = align(flags & Setup.Cqe32 ? 2 * header : header, CACHE_LINE);
  const ringBytes = (flags & Setup.NoSqArray) === 0 ? cqEnd + 4 * sqEntries : cqEnd;
  return { cqEnd, ringBytes, sqeBytes: UserSize.Sqe * sqEntries * (flags & Setup.Sqe128 ? 2 : 1) };
}

function pageAddress(frame: number): bigint {
  return DIRECT_MAP + (BigInt(frame) << BigInt(PAGE_SHIFT));
}

/** Where the model keeps a frame of user memory. */
function pageOffset(ram: Ram, frame: number): number {
  return ram.translate(pageAddress(frame), PAGE_SIZE, true);
}

function align(size: number, to: number): number {
  return Math.ceil(size / to) * to;
}
