/**
 * One group of provided buffers as a ring that user space fills: `struct io_uring_buf_ring` in memory of the task or
 * of the kernel. User space moves the tail, the kernel its own head.
 */
import { DIRECT_MAP, PAGE_SHIFT, PAGE_SIZE } from '../../bpf/address.ts';
import type { MapSource } from '../file.ts';
import type { Machine } from '../machine.ts';
import type { Record } from '../record.ts';
import { setPagePointer } from '../words.ts';
import { makeGroupRecord } from './buffer-list.ts';
import type { Picked } from './provided-buffers.ts';

/** `struct io_uring_buf` */
export const BUF_SIZE = 16;
/** The tail overlays the unused half-word of the first entry. */
const TAIL_AT = 14;
/** IOBL_* of `io_buffer_list.flags`. */
const IOBL_BUF_RING = 1;
const IOBL_MMAP = 2;
const IOBL_INC = 4;

export interface BufferRingInit {
  id: number;
  entries: number;
  /** Frames of the ring, page by page. */
  frames: readonly number[];
  /** The kernel's own memory, which can be mapped, and not pinned pages of the task. */
  mapped: boolean;
  /** Buffers are used bit by bit (IOU_PBUF_RING_INC). */
  incremental: boolean;
  /** A buffer with fewer bytes left is done with; 0 for none. */
  minLeft: number;
  /** Where the group's record has to stand, 0 for anywhere. */
  at: number;
  /** Gives the frames back. */
  release: () => void;
}

export class BufferRing {
  readonly id: number;
  readonly record: Record;
  readonly entries: number;
  readonly frames: readonly number[];
  readonly mapped: boolean;
  private readonly machine: Machine;
  private readonly init: BufferRingInit;
  private readonly pages: number;
  /** User space may have mappings of the memory. */
  private shown = false;

  constructor(machine: Machine, init: BufferRingInit) {
    const { heap, ram } = machine;
    this.machine = machine;
    this.init = init;
    this.id = init.id;
    this.entries = init.entries;
    this.frames = init.frames;
    this.mapped = init.mapped;
    this.record = makeGroupRecord(machine, init.id, init.at);
    this.pages = heap.allocateBytes(8 * init.frames.length);
    for (const [i, frame] of init.frames.entries()) setPagePointer(ram.view, this.pages + 8 * i, frame);
    this.record
      .set('buf_pages', heap.addressOf(this.pages))
      .set('buf_ring', pageAddress(init.frames[0] as number))
      .assign({
        buf_nr_pages: init.frames.length,
        nr_entries: init.entries,
        head: 0,
        mask: init.entries - 1,
      });
    if (this.record.has('flags')) {
      const kind = (init.mapped ? IOBL_MMAP : 0) | (init.incremental ? IOBL_INC : 0);
      this.record.set('flags', IOBL_BUF_RING | kind);
      this.record.set('min_left_sub_one', Math.max(0, init.minLeft - 1));
    }
  }

  /** Buffers ever taken, modulo 2^16. */
  get head(): number {
    return this.record.get('head');
  }

  /** Buffers ever provided, modulo 2^16. */
  get tail(): number {
    return this.bytes(TAIL_AT, 2)?.getUint16(0, true) ?? this.head;
  }

  get incremental(): boolean {
    return this.init.incremental;
  }

  pick(): Picked | undefined {
    const { head } = this;
    if (this.tail === head) return undefined;
    const at = this.place(head);
    const entry = this.bytes(at, BUF_SIZE);
    if (!entry) return undefined;
    return {
      address: entry.getBigUint64(0, true),
      length: entry.getUint32(8, true),
      id: entry.getUint16(12, true),
      inRing: true,
      commit: (length) => this.consume(length),
      recycle: () => true,
    };
  }

  /** The memory, to be mapped by user space: the mappings may outlive the group. */
  show(): MapSource {
    this.shown = true;
    return { frame: (page) => this.frames[page] ?? -1 };
  }

  /** @param keep takes over what gives back memory that may be mapped still. */
  release(keep: (free: () => void) => void): void {
    if (this.shown) keep(this.init.release);
    else this.init.release();
    this.machine.heap.freeBytes(this.pages, 8 * this.frames.length);
    if (this.init.at === 0) this.machine.heap.free(this.record);
    else this.record.retire();
  }

  /** @returns whether the buffer at the head stays there, with less in it. */
  private consume(length: number): boolean {
    if (!this.record.live) return false;
    if (!this.incremental) {
      this.advance();
      return false;
    }
    if (length <= 0) return true;
    for (let rest = length; rest > 0; ) {
      const at = this.place(this.head);
      const entry = this.bytes(at, BUF_SIZE);
      if (!entry) return false;
      const size = entry.getUint32(8, true);
      const used = Math.min(rest, size);
      const left = size - used;
      if (left > Math.max(0, this.init.minLeft - 1) || used === 0) {
        this.store(at, entry.getBigUint64(0, true) + BigInt(used), left);
        return true;
      }
      this.store(at, entry.getBigUint64(0, true), 0);
      this.advance();
      rest -= used;
    }
    return false;
  }

  private advance(): void {
    this.record.set('head', (this.head + 1) & 0xffff);
  }

  private place(index: number): number {
    return BUF_SIZE * (index & (this.entries - 1));
  }

  private store(at: number, address: bigint, length: number): void {
    const bytes = new Uint8Array(12);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, BigInt.asUintN(64, address), true);
    view.setUint32(8, length, true);
    this.machine.ram.write(this.addressOf(at), bytes);
  }

  private bytes(at: number, length: number): DataView | undefined {
    const bytes = this.machine.ram.read(this.addressOf(at), length);
    return bytes ? new DataView(bytes.buffer, bytes.byteOffset, length) : undefined;
  }

  private addressOf(at: number): bigint {
    return pageAddress(this.frames[Math.floor(at / PAGE_SIZE)] as number) + BigInt(at % PAGE_SIZE);
  }
}

function pageAddress(frame: number): bigint {
  return DIRECT_MAP + (BigInt(frame) << BigInt(PAGE_SHIFT));
}
