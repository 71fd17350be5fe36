/** One group of provided buffers as a list of `struct io_buffer`. */
import { listAdd, listAddTail, listDel, listInit } from '../list.ts';
import type { Machine } from '../machine.ts';
import { Record } from '../record.ts';
import type { Picked } from './provided-buffers.ts';

export interface ProvidedBuffer {
  readonly address: bigint;
  /** Bytes. */
  readonly length: number;
  readonly id: number;
}

interface Entry extends ProvidedBuffer {
  readonly record: Record;
}

export class BufferList {
  readonly id: number;
  /** `struct io_buffer_list`; none in kernels where the first buffer stands for the group. */
  readonly record: Record | undefined;
  private readonly machine: Machine;
  private readonly entries: Entry[] = [];
  private readonly owned: boolean;

  /** @param named where the group's record stands (0 for anywhere); undefined for groups without a record. */
  constructor(machine: Machine, id: number, named: { at: number } | undefined) {
    this.machine = machine;
    this.id = id;
    this.owned = named?.at === 0;
    this.record = named && makeGroupRecord(machine, id, named.at);
    if (this.record) listInit(machine.ram, this.record.addressOf('buf_list'));
  }

  get size(): number {
    return this.entries.length;
  }

  /** In the order of the list. */
  get buffers(): readonly ProvidedBuffer[] {
    return this.entries;
  }

  /** What the table of groups points at. */
  get anchor(): Record | undefined {
    return this.record ?? this.entries[0]?.record;
  }

  append(buffer: ProvidedBuffer): void {
    const record = this.machine.heap.allocate('io_buffer');
    record.assign({ addr: buffer.address, len: buffer.length, bid: buffer.id });
    if (record.has('bgid')) record.set('bgid', this.id);
    this.link({ ...buffer, record }, false);
  }

  /** Removes buffers from the start; without a group record, those behind the first one before that. */
  drop(count: number): number {
    let dropped = 0;
    while (dropped < count && this.entries.length > 0) {
      this.free(this.takeAt(this.record || this.entries.length === 1 ? 0 : 1));
      dropped++;
    }
    return dropped;
  }

  /** The first one; without a group record, the last one. */
  pick(): Picked | undefined {
    if (this.entries.length === 0) return undefined;
    const entry = this.takeAt(this.record ? 0 : this.entries.length - 1);
    return {
      address: entry.address,
      length: entry.length,
      id: entry.id,
      inRing: false,
      commit: () => {
        this.free(entry);
        return false;
      },
      recycle: () => {
        if (!this.record) return false;
        if (this.record.live) this.link(entry, true);
        else this.free(entry);
        return true;
      },
    };
  }

  release(): void {
    this.drop(this.entries.length);
    if (!this.record) return;
    if (this.owned) this.machine.heap.free(this.record);
    else this.record.retire();
  }

  private link(entry: Entry, front: boolean): void {
    const { ram } = this.machine;
    const node = entry.record.addressOf('list');
    const head = (this.record ?? this.entries[0]?.record)?.addressOf(this.record ? 'buf_list' : 'list');
    if (head === undefined) listInit(ram, node);
    else if (front) listAdd(ram, node, head);
    else listAddTail(ram, node, head);
    if (front) this.entries.unshift(entry);
    else this.entries.push(entry);
  }

  private takeAt(index: number): Entry {
    const [entry] = this.entries.splice(index, 1) as [Entry];
    listDel(this.machine.ram, entry.record.addressOf('list'));
    return entry;
  }

  private free(entry: Entry): void {
    if (entry.record.live) this.machine.heap.free(entry.record);
  }
}

/** The record of a group, at a place of its own or in an array of groups. */
export function makeGroupRecord(machine: Machine, id: number, at: number): Record {
  const record =
    at === 0
      ? machine.heap.allocate('io_buffer_list')
      : new Record(machine.ram, machine.profile.layout('io_buffer_list'), at);
  record.set('bgid', id);
  if (record.has('refs')) record.set('refs', 1);
  return record;
}
