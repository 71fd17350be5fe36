/** Registered ("fixed") files of a ring: `io_file_table`, with the bitmap and the hint of slot allocation. */

import type { Dialect } from '../dialect.ts';
import type { File } from '../file.ts';
import type { KernelHeap } from '../heap.ts';
import type { Record } from '../record.ts';
import { setLowPointer } from '../words.ts';
import { supportsNowait } from './nowait.ts';
import type { RsrcData } from './rsrc-data.ts';

/** Low bits of a slot's `file_ptr`: reads may be tried without blocking; a regular file. */
export const SLOT_NOWAIT = 1;
export const SLOT_REGULAR = 2;
export const SLOT_FLAGS = 3;

export class FileTable {
  readonly data: RsrcData;
  private readonly heap: KernelHeap;
  private readonly ctx: Record;
  private readonly slots: (File | undefined)[];
  /** Linear offsets of the slots and of the bitmap of used ones (0 where the kernel keeps none). */
  private readonly files: number;
  private readonly bitmap: number;
  private readonly dialect: Dialect;
  private shown = true;

  /** @param data holds the tags; it has as many as the table has slots. */
  constructor(heap: KernelHeap, ctx: Record, data: RsrcData, dialect: Dialect) {
    this.heap = heap;
    this.dialect = dialect;
    this.ctx = ctx;
    this.data = data;
    this.slots = new Array(data.size).fill(undefined);
    this.files = heap.allocateBytes(8 * data.size);
    const hasBitmap = ctx.has('file_table.bitmap');
    this.bitmap = hasBitmap ? heap.allocateBytes(bitmapBytes(data.size)) : 0;
  }

  /** Makes the table the ring's own, once it is filled. */
  attach(): void {
    this.ctx.set('file_table.files', this.heap.addressOf(this.files));
    if (this.bitmap !== 0) this.ctx.set('file_table.bitmap', this.heap.addressOf(this.bitmap));
    this.ctx.point('file_data', this.data.record).set('nr_user_files', this.size);
    this.setAllocRange(0, this.size);
  }

  /** Slots that the ring says it has. */
  get size(): number {
    return this.shown ? this.data.size : 0;
  }

  /** Whether the ring says that it has any of the slots. */
  show(shown: boolean): void {
    this.shown = shown;
    this.ctx.set('nr_user_files', this.size);
  }

  at(slot: number): File | undefined {
    return this.shown ? this.slots[slot] : undefined;
  }

  /** Puts a file into an empty slot and takes over the caller's reference. */
  set(slot: number, file: File): void {
    this.slots[slot] = file;
    setLowPointer(this.heap.ram.view, this.files + 8 * slot, file.record.offset + this.flagsOf(file));
    this.mark(slot, true);
  }

  /** Empties a slot. @returns the file, whose reference passes to the caller. */
  clear(slot: number): File | undefined {
    const file = this.slots[slot];
    if (!file) return undefined;
    this.slots[slot] = undefined;
    this.heap.ram.view.setBigUint64(this.files + 8 * slot, 0n, true);
    this.mark(slot, false);
    return file;
  }

  /** A free slot of the range, from the hint on and then from the start; -1 when there is none. */
  allocate(): number {
    if (this.bitmap === 0) return -1;
    const start = this.ctx.has('file_alloc_start') ? this.ctx.get('file_alloc_start') : 0;
    const end = this.ctx.has('file_alloc_end') ? this.ctx.get('file_alloc_end') : this.size;
    let hint = this.ctx.get('file_table.alloc_hint');
    if (hint < start || hint >= end) hint = start;
    for (let slot = hint; slot < end; slot++) if (!this.slots[slot]) return slot;
    this.ctx.set('file_table.alloc_hint', start);
    for (let slot = start; slot < hint; slot++) if (!this.slots[slot]) return slot;
    return -1;
  }

  /** Slots that automatic allocation may use: [start, start + length). Kernels before 6.0 have no such range. */
  setAllocRange(start: number, length: number): void {
    if (!this.ctx.has('file_alloc_start')) return;
    this.ctx.set('file_alloc_start', start).set('file_alloc_end', start + length);
    this.ctx.set('file_table.alloc_hint', start);
  }

  /** Drops every file and the table. */
  release(): void {
    for (let slot = 0; slot < this.data.size; slot++) this.clear(slot)?.put();
    this.ctx.set('file_table.files', 0).set('file_data', 0).set('nr_user_files', 0);
    if (this.bitmap !== 0) {
      this.ctx.set('file_table.bitmap', 0);
      this.heap.freeBytes(this.bitmap, bitmapBytes(this.data.size));
    }
    this.heap.freeBytes(this.files, 8 * this.data.size);
    this.data.release();
  }

  private flagsOf(file: File): number {
    const nowait = supportsNowait(file, this.dialect) ? SLOT_NOWAIT : 0;
    return nowait | (file.inode.isRegular ? SLOT_REGULAR : 0);
  }

  private mark(slot: number, used: boolean): void {
    if (this.bitmap === 0) return;
    const { view } = this.heap.ram;
    const at = this.bitmap + (slot >>> 3);
    const bit = 1 << (slot & 7);
    view.setUint8(at, used ? view.getUint8(at) | bit : view.getUint8(at) & ~bit);
    // The next search starts behind a slot just taken, or at one just freed.
    this.ctx.set('file_table.alloc_hint', used ? slot + 1 : slot);
  }
}

/** A bitmap is made of whole 64-bit words. */
function bitmapBytes(slots: number): number {
  return 8 * Math.ceil(slots / 64);
}
