/**
 * The memory a ring shares with user space: `struct io_rings` with the completion entries, the index array of
 * the submission queue behind them, and the submission entries.
 */
import { PAGE_SHIFT, PAGE_SIZE } from '../../bpf/address.ts';
import type { KernelHeap } from '../heap.ts';
import type { Machine } from '../machine.ts';
import type { KernelProfile } from '../profile.ts';
import { Record } from '../record.ts';
import type { KernelMapping } from '../vmalloc.ts';
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

/** Frames of the task's pages that hold the two areas (IORING_SETUP_NO_MMAP), pinned. */
export interface UserAreas {
  readonly rings: Int32Array;
  readonly sqes: Int32Array;
}

export class RingMemory {
  readonly rings: Record;
  /** Kernel address of the submission entries. */
  readonly sqesAddress: bigint;
  /** Where the index array begins in the area of the rings, 0 with IORING_SETUP_NO_SQARRAY. */
  readonly sqArray: number;
  /** Bytes of the two areas, not rounded to pages. */
  readonly ringBytes: number;
  readonly sqeBytes: number;
  readonly sqEntries: number;
  readonly cqEntries: number;
  private readonly machine: Machine;
  private readonly heap: KernelHeap;
  /** Linear offset of the first byte of each area; where it stands in user memory, of each page. */
  private readonly at: { readonly rings: readonly number[]; readonly sqes: readonly number[] };
  /** The areas in user memory, and the kernel's own view of them. */
  private readonly user: { frames: UserAreas; rings: KernelMapping; sqes: KernelMapping } | undefined;
  private readonly cqeStart: number;
  private readonly pageTables: { offset: number; size: number }[] = [];

  /** @param areas where the areas stand; the kernel's own memory for undefined. @throws {OutOfMemory} */
  constructor(machine: Machine, shape: RingShape, areas?: UserAreas) {
    const { heap, profile, vmalloc } = machine;
    this.machine = machine;
    this.heap = heap;
    const { sqEntries, cqEntries } = shape;
    this.sqEntries = sqEntries;
    this.cqEntries = cqEntries;
    const layout = profile.layout('io_rings');
    const { cqEnd, ringBytes, sqeBytes } = ringSizes(profile, shape);
    this.ringBytes = ringBytes;
    this.sqeBytes = sqeBytes;
    this.sqArray = (shape.flags & Setup.NoSqArray) === 0 ? cqEnd : 0;
    this.cqeStart = layout.offset('cqes');
    this.user = areas && {
      frames: areas,
      rings: vmalloc.map(areas.rings),
      sqes: vmalloc.map(areas.sqes),
    };
    this.at = this.user
      ? { rings: this.user.rings.offsets, sqes: this.user.sqes.offsets }
      : { rings: [this.allocate(ringBytes)], sqes: [this.allocate(sqeBytes)] };
    const [rings, sqes] = [this.at.rings[0] as number, this.at.sqes[0] as number];
    this.rings = new Record(heap.ram, layout, rings, this.user?.rings.address ?? heap.addressOf(rings));
    this.sqesAddress = this.user?.sqes.address ?? heap.addressOf(sqes);
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
        array: this.sqArray,
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

  /** Linear offset of a completion entry. @param bytes from the first one. */
  cqeAt(bytes: number): number {
    return this.locate('rings', this.cqeStart + bytes);
  }

  /** Linear offset of a submission entry. @param bytes from the first one. */
  sqeAt(bytes: number): number {
    return this.locate('sqes', bytes);
  }

  /** Linear offset of an element of the index array, which must be there. */
  indexAt(element: number): number {
    return this.locate('rings', this.sqArray + 4 * element);
  }

  /** Kernel address of a completion entry. @param bytes from the first one. */
  cqeAddress(bytes: number): bigint {
    return this.rings.address + BigInt(this.cqeStart + bytes);
  }

  /** Linear offset of a completion entry by its kernel address. */
  cqeBehind(address: bigint): number {
    return this.locate('rings', Number(address - this.rings.address));
  }

  /** Frames of one area; the kernel's own stand in low memory, where frame and offset agree. */
  frames(area: 'rings' | 'sqes'): ArrayLike<number> {
    if (this.user) return this.user.frames[area];
    const first = (this.at[area][0] as number) >>> PAGE_SHIFT;
    const bytes = area === 'rings' ? this.ringBytes : this.sqeBytes;
    return Array.from({ length: Math.ceil(bytes / PAGE_SIZE) }, (_, page) => first + page);
  }

  /** An array of `struct page *` over one area, as kernels that keep their ring memory page by page have it. */
  pageTable(area: 'rings' | 'sqes'): bigint {
    const frames = this.frames(area);
    const size = 8 * frames.length;
    const offset = this.heap.allocateBytes(size);
    for (let i = 0; i < frames.length; i++)
      setPagePointer(this.heap.ram.view, offset + 8 * i, frames[i] as number);
    this.pageTables.push({ offset, size });
    return this.heap.addressOf(offset);
  }

  release(): void {
    for (const { offset, size } of this.pageTables) this.heap.freeBytes(offset, size);
    this.rings.retire();
    if (this.user) {
      this.machine.vmalloc.unmap(this.user.rings);
      this.machine.vmalloc.unmap(this.user.sqes);
      return;
    }
    this.heap.freeBytes(this.at.sqes[0] as number, align(this.sqeBytes, PAGE_SIZE));
    this.heap.freeBytes(this.at.rings[0] as number, align(this.ringBytes, PAGE_SIZE));
  }

  /** User memory is backed page by page. */
  private locate(area: 'rings' | 'sqes', bytes: number): number {
    const pages = this.at[area];
    if (!this.user) return (pages[0] as number) + bytes;
    return (pages[bytes >>> PAGE_SHIFT] as number) + (bytes & (PAGE_SIZE - 1));
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

function align(size: number, to: number): number {
  return Math.ceil(size / to) * to;
}
