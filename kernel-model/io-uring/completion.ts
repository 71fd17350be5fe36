/** Completion entries that the kernel posts on its own account: tags of resources that are no longer used. */
import { kernelAddress } from '../../bpf/address.ts';
import type { KernelHeap } from '../heap.ts';
import { listAddTail, listDel, listEmpty, listNodes } from '../list.ts';
import { lowOffset, type Record } from '../record.ts';
import type { RingMemory } from './ring-memory.ts';
import { Setup, SqFlag, UserSize } from './uapi.ts';

export class CompletionQueue {
  private readonly heap: KernelHeap;
  private readonly ctx: Record;
  private readonly memory: RingMemory;
  private readonly overflowHead: bigint;
  private readonly posted: () => void;
  /** Overflow entries by linear offset, so that they can be freed. */
  private readonly overflowed = new Map<number, Record>();

  /** @param posted called when the tail has been published. */
  constructor(heap: KernelHeap, ctx: Record, memory: RingMemory, posted: () => void) {
    this.heap = heap;
    this.posted = posted;
    this.ctx = ctx;
    this.memory = memory;
    this.overflowHead = ctx.addressOf('cq_overflow_list');
  }

  /** Number of entries that wait for room in the ring. */
  get overflowCount(): number {
    return this.overflowed.size;
  }

  /** Posts an entry that belongs to no request. With a full ring it waits in the overflow list. */
  postExtra(userData: bigint, result: number, flags: number): void {
    if (!listEmpty(this.heap.ram, this.overflowHead) || !this.write(userData, result, flags)) {
      this.overflow(userData, result, flags);
    }
    if (this.ctx.has('cq_extra')) this.ctx.add('cq_extra', 1);
    this.commit();
  }

  release(): void {
    for (const node of [...listNodes(this.heap.ram, this.overflowHead)]) listDel(this.heap.ram, node);
    for (const record of this.overflowed.values()) this.heap.free(record);
    this.overflowed.clear();
  }

  private write(userData: bigint, result: number, flags: number): boolean {
    const at = this.ctx.has('cqe_cached') ? this.cachedSlot() : this.plainSlot();
    if (at === 0) return false;
    const { view } = this.heap.ram;
    view.setBigUint64(at, userData, true);
    view.setInt32(at + 8, result, true);
    view.setUint32(at + 12, flags, true);
    this.ctx.set('cached_cq_tail', this.ctx.get('cached_cq_tail') + 1);
    return true;
  }

  /** Free entry at the tail, 0 when the ring is full. */
  private plainSlot(): number {
    const tail = this.ctx.get('cached_cq_tail');
    if (this.free(tail) === 0) return 0;
    return this.memory.cqes + this.entrySize * (tail & (this.memory.cqEntries - 1));
  }

  /** Newer kernels take a window of free entries up to the end of the ring and look at `cq.head` only when it
   * is used up. */
  private cachedSlot(): number {
    if (this.ctx.big('cqe_cached') >= this.ctx.big('cqe_sentinel')) {
      const tail = this.ctx.get('cached_cq_tail');
      const start = tail & (this.memory.cqEntries - 1);
      const length = Math.min(this.free(tail), this.memory.cqEntries - start);
      if (length === 0) return 0;
      const first = this.memory.cqes + this.entrySize * start;
      this.ctx.set('cqe_cached', kernelAddress(first));
      this.ctx.set('cqe_sentinel', kernelAddress(first + this.entrySize * length));
    }
    const slot = this.ctx.big('cqe_cached');
    this.ctx.set('cqe_cached', slot + BigInt(this.entrySize));
    return lowOffset(slot);
  }

  private overflow(userData: bigint, result: number, flags: number): void {
    const big = (this.ctx.get('flags') & Setup.Cqe32) !== 0;
    const entry = this.heap.allocate('io_overflow_cqe', big ? UserSize.Cqe : 0);
    entry.set('cqe.user_data', userData).set('cqe.res', result).set('cqe.flags', flags);
    listAddTail(this.heap.ram, entry.addressOf('list'), this.overflowHead);
    this.overflowed.set(entry.offset, entry);
    this.ctx.set(this.ctx.has('check_cq') ? 'check_cq' : 'check_cq_overflow', 1);
    const { rings } = this.memory;
    rings.set('sq_flags', rings.get('sq_flags') | SqFlag.CqOverflow);
  }

  /** Publishes the tail to user space. */
  private commit(): void {
    this.memory.rings.set('cq.tail', this.ctx.get('cached_cq_tail'));
    this.posted();
  }

  private free(tail: number): number {
    const used = (tail - this.memory.rings.get('cq.head')) >>> 0;
    return this.memory.cqEntries - Math.min(used, this.memory.cqEntries);
  }

  private get entrySize(): number {
    return (this.ctx.get('flags') & Setup.Cqe32) !== 0 ? 2 * UserSize.Cqe : UserSize.Cqe;
  }
}
