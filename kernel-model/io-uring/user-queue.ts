/** User space's side of a ring: filling submission entries and taking completions, in the shared memory. */
import type { Completion } from './completion.ts';
import type { IoUring } from './ring.ts';
import { encodeSqe, type SqeFields } from './sqe.ts';
import { Setup, UserSize } from './uapi.ts';

export class UserQueue {
  private readonly ring: IoUring;

  constructor(ring: IoUring) {
    this.ring = ring;
  }

  /** Entries that can be filled now. */
  get room(): number {
    const { rings, sqEntries } = this.ring.memory;
    return sqEntries - ((rings.get('sq.tail') - rings.get('sq.head')) >>> 0);
  }

  /** Completions that wait to be taken. */
  get ready(): number {
    return this.ring.completions.available;
  }

  /** Fills the next entry. @returns false when the queue is full. */
  push(fields: SqeFields): boolean {
    return this.pushIndex(this.slot, encodeSqe(fields));
  }

  /** Fills the next place of the index array with a number that may be no entry's. */
  pushIndex(index: number, entry?: Uint8Array): boolean {
    const { memory, machine } = this.ring;
    if (this.room <= 0) return false;
    if (entry) {
      const size = this.has(Setup.Sqe128) ? 2 * UserSize.Sqe : UserSize.Sqe;
      new Uint8Array(machine.ram.buffer).set(entry, memory.sqeAt(size * this.slot));
    }
    if (memory.sqArray !== 0) machine.ram.view.setUint32(memory.indexAt(this.slot), index, true);
    memory.rings.set('sq.tail', memory.rings.get('sq.tail') + 1);
    return true;
  }

  /** The oldest completion, undefined when there is none. */
  take(): Completion | undefined {
    const [first] = this.pending();
    if (first) this.advance(1);
    return first;
  }

  /** All completions there are. */
  takeAll(): Completion[] {
    const all = this.pending();
    this.advance(all.length);
    return all;
  }

  /** The same without taking them. */
  pending(): Completion[] {
    const { rings } = this.ring.memory;
    const head = rings.get('cq.head');
    const count = Math.min(this.ready, this.ring.memory.cqEntries);
    return Array.from({ length: count }, (_, i) => this.at(head + i));
  }

  /** Moves the head of the completion queue. */
  advance(count: number): void {
    const { rings } = this.ring.memory;
    rings.set('cq.head', rings.get('cq.head') + count);
  }

  private at(index: number): Completion {
    const { memory, machine } = this.ring;
    const { view } = machine.ram;
    const size = this.has(Setup.Cqe32) ? 2 * UserSize.Cqe : UserSize.Cqe;
    const at = memory.cqeAt(size * ((index & (memory.cqEntries - 1)) >>> 0));
    const entry = {
      userData: view.getBigUint64(at, true),
      result: view.getInt32(at + 8, true),
      flags: view.getUint32(at + 12, true),
    };
    if (size === UserSize.Cqe) return entry;
    return { ...entry, extra: [view.getBigUint64(at + 16, true), view.getBigUint64(at + 24, true)] };
  }

  private get slot(): number {
    const { rings, sqEntries } = this.ring.memory;
    return rings.get('sq.tail') & (sqEntries - 1);
  }

  private has(flag: number): boolean {
    return (this.ring.flags & flag) !== 0;
  }
}
