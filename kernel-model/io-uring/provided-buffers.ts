/**
 * Buffers that user space provides in groups, for requests to choose from: lists made by PROVIDE_BUFFERS, and rings
 * in shared memory (IORING_REGISTER_PBUF_RING).
 */

import { listInit } from '../list.ts';
import type { Machine } from '../machine.ts';
import { Record } from '../record.ts';
import { XArray } from '../xarray.ts';
import { BufferList, type ProvidedBuffer } from './buffer-list.ts';
import type { BufferRing } from './buffer-ring.ts';

/** A buffer chosen for a request. */
export interface Picked {
  readonly address: bigint;
  readonly length: number;
  readonly id: number;
  /** Of a ring: taking it is moving the ring's head. */
  readonly inRing: boolean;
  /** So many bytes of it were used. @returns whether the rest stays for others. */
  commit(length: number): boolean;
  /** Puts it back. @returns false when the request keeps it until it ends. */
  recycle(): boolean;
}

/** 5.19: groups have records of their own, and the buffer first provided is used first. */
const LISTS_VERSION = 0x5_1300;
/** Groups below this stand in an array, in kernels that have one (6.1). */
const ARRAY_GROUPS = 64;

export type Group = BufferList | BufferRing;

export class ProvidedBuffers {
  readonly machine: Machine;
  private readonly ctx: Record;
  private readonly groups = new Map<number, Group>();
  private readonly index: XArray;
  /** Linear offset of the array of the first groups, 0 until it is needed. */
  private array = 0;
  /** Memory of groups that are gone, which is mapped as long as the ring's file is open. */
  private readonly kept: (() => void)[] = [];

  constructor(machine: Machine, ctx: Record) {
    this.machine = machine;
    this.ctx = ctx;
    const xarray = ctx.sub(ctx.has('io_bl_xa') ? 'io_bl_xa' : 'io_buffers');
    this.index = new XArray(machine.heap, xarray, machine.profile.layout('xa_node'));
  }

  /** Group ids, ascending. */
  get ids(): number[] {
    return [...this.groups.keys()].sort((a, b) => a - b);
  }

  group(id: number): Group | undefined {
    return this.groups.get(id);
  }

  /** Whether the id is known: kernels with an array know all of it once one group was made. */
  exists(id: number): boolean {
    return this.groups.has(id) || (this.array !== 0 && this.inArray(id));
  }

  /** Adds buffers to a list, which is made if there is none. @returns false for a group that is a ring. */
  provide(id: number, buffers: readonly ProvidedBuffer[]): boolean {
    const group = this.groups.get(id) ?? this.addList(id);
    if (!(group instanceof BufferList)) return false;
    for (const buffer of buffers) group.append(buffer);
    this.publish(id, group);
    return true;
  }

  /** Drops the first buffers of a list. @returns how many; undefined for no such group or a ring. */
  remove(id: number, count: number): number | undefined {
    const group = this.groups.get(id);
    if (!group && this.exists(id)) return 0;
    if (!(group instanceof BufferList)) return undefined;
    const removed = group.drop(count);
    this.settle(id, group);
    return removed;
  }

  /** The next buffer of a group, undefined when it has none. */
  pick(id: number): Picked | undefined {
    const group = this.groups.get(id);
    const picked = group?.pick();
    if (group instanceof BufferList) this.settle(id, group);
    return picked;
  }

  addRing(ring: BufferRing): void {
    this.groups.set(ring.id, ring);
    this.publish(ring.id, ring);
  }

  /** Frees a group. */
  delete(id: number): void {
    const group = this.groups.get(id);
    if (!group) return;
    this.groups.delete(id);
    if (!this.inArray(id)) this.index.delete(id);
    group.release((free) => this.kept.push(free));
    if (this.inArray(id)) this.initialise(id);
  }

  release(): void {
    for (const id of this.ids) this.delete(id);
    for (const free of this.kept.splice(0)) free();
    if (this.array !== 0) this.machine.heap.freeBytes(this.array, this.arrayBytes);
    this.array = 0;
  }

  /** Where the record of a group has to stand: 0 for anywhere. */
  placeOf(id: number): number {
    if (!this.inArray(id)) return 0;
    if (this.array === 0) this.makeArray();
    return this.array + id * this.machine.profile.layout('io_buffer_list').size;
  }

  private addList(id: number): BufferList {
    const { machine } = this;
    const named = machine.profile.dialect.versionCode >= LISTS_VERSION;
    const list = new BufferList(machine, id, named ? { at: this.placeOf(id) } : undefined);
    this.groups.set(id, list);
    return list;
  }

  /** Kernels without group records have no empty groups either. */
  private settle(id: number, group: BufferList): void {
    if (group.record) return;
    if (group.size === 0) this.delete(id);
    else this.publish(id, group);
  }

  private publish(id: number, group: Group): void {
    const record = group instanceof BufferList ? group.anchor : group.record;
    if (record && !this.inArray(id)) this.index.set(id, record.address);
  }

  private inArray(id: number): boolean {
    return id < ARRAY_GROUPS && this.ctx.has('io_bl');
  }

  private makeArray(): void {
    const { heap } = this.machine;
    this.array = heap.allocateBytes(this.arrayBytes);
    this.ctx.set('io_bl', heap.addressOf(this.array));
    for (let id = 0; id < ARRAY_GROUPS; id++) this.initialise(id);
  }

  /** An element of the array that no group uses. */
  private initialise(id: number): void {
    const { machine } = this;
    const layout = machine.profile.layout('io_buffer_list');
    const record = new Record(machine.ram, layout, this.array + id * layout.size);
    for (const field of ['buf_nr_pages', 'nr_entries', 'head', 'mask']) record.set(field, 0);
    record.set('bgid', id);
    listInit(machine.ram, record.addressOf('buf_list'));
  }

  private get arrayBytes(): number {
    return ARRAY_GROUPS * this.machine.profile.layout('io_buffer_list').size;
  }
}
