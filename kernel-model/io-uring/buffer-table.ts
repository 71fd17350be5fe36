/** Registered ("fixed") buffers of a ring: the table, and who pays for the pages it pins. */
import { Errno } from '../../bpf/errno.ts';
import type { Machine } from '../machine.ts';
import type { Record } from '../record.ts';
import { Rlimit, type Task } from '../task.ts';
import { type BvecLayout, bvecLayout, MappedBuffer, makeBvecs } from './bvec.ts';
import type { Payer } from './payer.ts';
import { pinBuffer } from './pin.ts';
import type { RsrcData } from './rsrc-data.ts';

export class BufferTable {
  readonly data: RsrcData;
  private readonly machine: Machine;
  private readonly ctx: Record;
  private readonly payer: Payer;
  /** undefined: an empty slot, which holds the dummy buffer. */
  private readonly slots: (MappedBuffer | undefined)[] = [];
  /** Linear offset of the slots, and what an empty one points at. */
  private readonly table: number;
  private readonly dummy: bigint;
  private readonly entry: BvecLayout;
  /** Huge pages that registered buffers contain: head frame -> number of buffers. */
  private readonly hugePages = new Map<number, number>();
  private shown = true;

  constructor(machine: Machine, ctx: Record, data: RsrcData, payer: Payer, dummy: bigint) {
    this.machine = machine;
    this.ctx = ctx;
    this.data = data;
    this.payer = payer;
    this.dummy = dummy;
    this.entry = bvecLayout(machine.profile);
    this.table = machine.heap.allocateBytes(8 * data.size);
  }

  /** Makes the table the ring's own, once it is filled. */
  attach(): void {
    this.ctx.set('user_bufs', this.machine.heap.addressOf(this.table));
    this.ctx.point('buf_data', this.data.record).set('nr_user_bufs', this.size);
  }

  /** Slots that the ring says it has. */
  get size(): number {
    return this.shown ? this.data.size : 0;
  }

  /** Whether the ring says that it has any of the slots. */
  show(shown: boolean): void {
    this.shown = shown;
    this.ctx.set('nr_user_bufs', this.size);
  }

  at(slot: number): MappedBuffer | undefined {
    return this.shown ? this.slots[slot] : undefined;
  }

  /** Address that a slot holds: of a buffer, or of the dummy. */
  pointer(slot: number): bigint {
    return this.slots[slot]?.record.address ?? this.dummy;
  }

  /** Puts a buffer, or nothing, into a slot. What stood there must have been taken out. */
  set(slot: number, buffer: MappedBuffer | undefined): void {
    this.slots[slot] = buffer;
    this.machine.ram.view.setBigUint64(this.table + 8 * slot, buffer?.record.address ?? this.dummy, true);
  }

  /**
   * Pins and charges the pages of a user range.
   * @returns the buffer, or -EFAULT, -EOPNOTSUPP (pages of a file), -ENOMEM (RLIMIT_MEMLOCK).
   */
  map(task: Task, address: bigint, length: number): MappedBuffer | number {
    const frames = pinBuffer(this.machine, task, address, length);
    if (typeof frames === 'number') return frames;
    const { pages } = this.machine;
    const offset = Number(address & 0xfffn);
    const bvecs = makeBvecs(pages, frames, offset, this.machine.profile.dialect.coalesceHugePages);
    const buffer = new MappedBuffer(this.machine.heap, this.entry, { address, length, bvecs });
    const accounted = this.count(buffer);
    if (accounted > 0 && !this.payer.charge(accounted, task.limit(Rlimit.MemLock))) {
      buffer.accountedPages = 0;
      this.unmap(buffer);
      return -Errno.ENOMEM;
    }
    buffer.accountedPages = accounted;
    return buffer;
  }

  /** Unpins and uncharges a buffer that stands in no slot any more. */
  unmap(buffer: MappedBuffer): void {
    if (!buffer.drop()) return;
    for (const head of this.hugeHeads(buffer)) {
      const users = (this.hugePages.get(head) ?? 0) - 1;
      if (users > 0) this.hugePages.set(head, users);
      else this.hugePages.delete(head);
    }
    this.payer.uncharge(buffer.accountedPages);
    buffer.release(this.machine.pages);
  }

  /** Gives everything back; the ring has no table afterwards. */
  release(): void {
    for (const buffer of this.slots) if (buffer) this.unmap(buffer);
    this.ctx.set('user_bufs', 0).set('buf_data', 0).set('nr_user_bufs', 0);
    this.machine.heap.freeBytes(this.table, 8 * this.data.size);
    this.data.release();
  }

  /** Pages to charge for a new buffer. A huge page counts whole, but only with the first buffer that has it. */
  private count(buffer: MappedBuffer): number {
    const { pages } = this.machine;
    let count = 0;
    for (const frame of buffer.frames()) if (pages.order(pages.head(frame)) === 0) count++;
    for (const head of this.hugeHeads(buffer)) {
      const users = this.hugePages.get(head) ?? 0;
      if (users === 0) count += 1 << pages.order(head);
      this.hugePages.set(head, users + 1);
    }
    return count;
  }

  private hugeHeads(buffer: MappedBuffer): Set<number> {
    const { pages } = this.machine;
    const heads = new Set<number>();
    for (const frame of buffer.frames()) {
      const head = pages.head(frame);
      if (pages.order(head) > 0) heads.add(head);
    }
    return heads;
  }
}
