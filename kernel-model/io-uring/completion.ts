/**
 * The completion queue as the kernel fills it: entries at the tail, and the overflow list for what finds no room.
 *
 * Posting and publishing are two steps: user space sees new entries, and the eventfd is signalled, with `commit`.
 */
import type { KernelHeap } from '../heap.ts';
import { listAddTail, listDel, listEmpty, listNodes } from '../list.ts';
import { OutOfMemory } from '../ram.ts';
import { lowOffset, type Record } from '../record.ts';
import type { RingMemory } from './ring-memory.ts';
import { CheckCq, Setup, SqFlag, UserSize } from './uapi.ts';

export interface Completion {
  userData: bigint;
  result: number;
  /** IORING_CQE_F_* */
  flags: number;
  /** Second half of an entry of IORING_SETUP_CQE32; zeros when absent. */
  extra?: readonly [bigint, bigint];
}

export class CompletionQueue {
  private readonly heap: KernelHeap;
  private readonly ctx: Record;
  private readonly memory: RingMemory;
  private readonly overflowHead: bigint;
  private readonly committed: () => void;
  /** Overflow entries by linear offset, so that they can be freed. */
  private readonly overflowed = new Map<number, Record>();
  private readonly check: string;

  /** @param committed called when the tail has been published. */
  constructor(heap: KernelHeap, ctx: Record, memory: RingMemory, committed: () => void) {
    this.heap = heap;
    this.committed = committed;
    this.ctx = ctx;
    this.memory = memory;
    this.overflowHead = ctx.addressOf('cq_overflow_list');
    this.check = ctx.has('check_cq') ? 'check_cq' : 'check_cq_overflow';
  }

  /** Number of entries that wait for room in the ring. */
  get overflowCount(): number {
    return this.overflowed.size;
  }

  /** Number ever posted, modulo 2^32. */
  get tail(): number {
    return this.ctx.get('cached_cq_tail');
  }

  /** Entries that user space sees and has not taken. */
  get available(): number {
    const { rings } = this.memory;
    return (rings.get('cq.tail') - rings.get('cq.head')) >>> 0;
  }

  /** An entry was lost since the last call that told so. */
  get dropped(): boolean {
    return (this.ctx.get(this.check) & CheckCq.Dropped) !== 0;
  }

  clearDropped(): void {
    this.ctx.set(this.check, this.ctx.get(this.check) & ~CheckCq.Dropped);
  }

  /** Posts a request's own entry. With a full ring it waits in the overflow list. */
  post(entry: Completion): void {
    if (!this.write(entry)) this.overflow(entry);
  }

  /** Posts and publishes an entry that ends no request: a tag, a message. @returns false when it was lost. */
  postExtra(userData: bigint, result: number, flags: number): boolean {
    const entry = { userData, result, flags };
    this.countExtra();
    const posted = this.write(entry) || this.overflow(entry);
    this.commit();
    return posted;
  }

  /**
   * Posts one of several entries of a request. From 6.0 on the overflow list takes none of these.
   * @returns false when there was no room; the caller ends the request with the entry then.
   */
  postOneOfMany(entry: Completion): boolean {
    this.countExtra();
    const posted = this.write(entry) || (!this.cachesSlots && this.overflow(entry));
    this.commit();
    return posted;
  }

  /** Moves what waits into the ring as far as there is room. @returns whether nothing waits any more. */
  flushOverflow(): boolean {
    if (this.overflowed.size === 0) return true;
    if (this.free(this.tail) === 0) return false;
    for (const node of [...listNodes(this.heap.ram, this.overflowHead)]) {
      const entry = this.entryOf(node);
      const slot = this.takeSlot(true);
      if (slot === 0) break;
      const from = entry.offset + entry.layout.offset('cqe');
      new Uint8Array(this.heap.ram.buffer).copyWithin(slot, from, from + this.entrySize);
      this.drop(node, entry);
    }
    if (this.overflowed.size === 0) this.setOverflowing(false);
    this.commit();
    return this.overflowed.size === 0;
  }

  /** Publishes the tail to user space. */
  commit(): void {
    this.memory.rings.set('cq.tail', this.tail);
    this.committed();
  }

  release(): void {
    for (const node of [...listNodes(this.heap.ram, this.overflowHead)]) this.drop(node, this.entryOf(node));
  }

  private write(entry: Completion): boolean {
    const at = this.takeSlot(false);
    if (at === 0) return false;
    const { view } = this.heap.ram;
    view.setBigUint64(at, entry.userData, true);
    view.setInt32(at + 8, entry.result, true);
    view.setUint32(at + 12, entry.flags, true);
    if (this.entrySize > UserSize.Cqe) {
      view.setBigUint64(at + 16, entry.extra?.[0] ?? 0n, true);
      view.setBigUint64(at + 24, entry.extra?.[1] ?? 0n, true);
    }
    return true;
  }

  /** Takes the entry at the tail, 0 when the ring is full. */
  private takeSlot(flushing: boolean): number {
    const at = this.cachesSlots ? this.cachedSlot(flushing) : this.plainSlot();
    if (at !== 0) this.ctx.set('cached_cq_tail', this.tail + 1);
    return at;
  }

  private plainSlot(): number {
    const { tail } = this;
    if (this.free(tail) === 0) return 0;
    return this.memory.cqeAt(this.entrySize * (tail & (this.memory.cqEntries - 1)));
  }

  /**
   * Newer kernels take a window of free entries up to the end of the ring and look at `cq.head` only when it is
   * used up; and then not while something waits in the overflow list, which would be overtaken.
   */
  private cachedSlot(flushing: boolean): number {
    if (this.ctx.big('cqe_cached') >= this.ctx.big('cqe_sentinel')) {
      if (!flushing && !listEmpty(this.heap.ram, this.overflowHead)) return 0;
      const { tail } = this;
      const start = tail & (this.memory.cqEntries - 1);
      const length = Math.min(this.free(tail), this.memory.cqEntries - start);
      if (length === 0) return 0;
      this.ctx.set('cqe_cached', this.memory.cqeAddress(this.entrySize * start));
      this.ctx.set('cqe_sentinel', this.memory.cqeAddress(this.entrySize * (start + length)));
    }
    const slot = this.ctx.big('cqe_cached');
    this.ctx.set('cqe_cached', slot + BigInt(this.entrySize));
    return this.memory.cqeBehind(slot);
  }

  /** @returns false when there is no memory for it: the entry is lost, and counted as such. */
  private overflow({ userData, result, flags, extra }: Completion): boolean {
    const entry = this.allocateEntry();
    if (!entry) {
      const { rings } = this.memory;
      rings.set('cq_overflow', rings.get('cq_overflow') + 1);
      this.ctx.set('cq_extra', this.ctx.get('cq_extra') - 1);
      if (this.check === 'check_cq') this.ctx.set(this.check, this.ctx.get(this.check) | CheckCq.Dropped);
      return false;
    }
    entry.set('cqe.user_data', userData).set('cqe.res', result).set('cqe.flags', flags);
    if (entry.extra > 0 && extra) {
      const at = entry.offset + entry.layout.offset('cqe') + UserSize.Cqe;
      this.heap.ram.view.setBigUint64(at, extra[0], true);
      this.heap.ram.view.setBigUint64(at + 8, extra[1], true);
    }
    listAddTail(this.heap.ram, entry.addressOf('list'), this.overflowHead);
    this.overflowed.set(entry.offset, entry);
    this.setOverflowing(true);
    return true;
  }

  private allocateEntry(): Record | undefined {
    try {
      return this.heap.allocate('io_overflow_cqe', this.entrySize - UserSize.Cqe);
    } catch (error) {
      if (error instanceof OutOfMemory) return undefined;
      throw error;
    }
  }

  private setOverflowing(on: boolean): void {
    const { rings } = this.memory;
    const check = this.ctx.get(this.check);
    const flags = rings.get('sq_flags');
    this.ctx.set(this.check, on ? check | CheckCq.Overflow : check & ~CheckCq.Overflow);
    rings.set('sq_flags', on ? flags | SqFlag.CqOverflow : flags & ~SqFlag.CqOverflow);
  }

  private entryOf(node: bigint): Record {
    const offset = lowOffset(node) - this.listOffset;
    return this.overflowed.get(offset) as Record;
  }

  private get listOffset(): number {
    const [entry] = this.overflowed.values();
    return entry?.layout.offset('list') ?? 0;
  }

  private drop(node: bigint, entry: Record): void {
    listDel(this.heap.ram, node);
    this.overflowed.delete(entry.offset);
    this.heap.free(entry);
  }

  private countExtra(): void {
    this.ctx.set('cq_extra', this.ctx.get('cq_extra') + 1);
  }

  private free(tail: number): number {
    const used = (tail - this.memory.rings.get('cq.head')) >>> 0;
    return this.memory.cqEntries - Math.min(used, this.memory.cqEntries);
  }

  private get cachesSlots(): boolean {
    return this.ctx.has('cqe_cached');
  }

  private get entrySize(): number {
    return (this.ctx.get('flags') & Setup.Cqe32) !== 0 ? 2 * UserSize.Cqe : UserSize.Cqe;
  }
}
