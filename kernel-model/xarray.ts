/**
 * The kernel's xarray in model memory: pointers by index, in nodes of 64 slots (`struct xa_node`) under a head word
 * (kernel docs: core-api/xarray.rst). Marks, multi-index entries and value entries are not used by what is modelled.
 */
import { lowOffset, type Record } from './record.ts';

const SHIFT = 6;
const SLOTS = 1 << SHIFT;

/** 0 to 2^64 - 1. */
export type Index = number | bigint;

/** Low bits of a word that points at a node and not at an entry. */
const INTERNAL = 2n;

/** Where nodes come from. */
interface Heap {
  allocate(struct: string): Record;
  free(record: Record): void;
}

interface Node {
  readonly record: Record;
  readonly shift: number;
  parent: Node | undefined;
  /** Slot in the parent. */
  readonly offset: number;
  readonly slots: (Node | bigint | undefined)[];
  count: number;
}

export class XArray {
  private readonly heap: Heap;
  /** `struct xarray` */
  private readonly record: Record;
  /** A node, or the entry of index 0 when there is no other. */
  private head: Node | bigint | undefined;
  private readonly slotsAt: number;
  private readonly entries = new Map<bigint, bigint>();

  /** @param record the `struct xarray`, zeroed. @param node layout facts of `struct xa_node`. */
  constructor(heap: Heap, record: Record, node: { offset(path: string): number }) {
    this.heap = heap;
    this.record = record;
    this.slotsAt = node.offset('slots');
  }

  get size(): number {
    return this.entries.size;
  }

  /** Entries by ascending index. */
  *[Symbol.iterator](): Generator<[index: bigint, entry: bigint]> {
    const indexes = [...this.entries.keys()].sort((a, b) => (a < b ? -1 : 1));
    for (const index of indexes) yield [index, this.entries.get(index) as bigint];
  }

  get(index: Index): bigint | undefined {
    return this.entries.get(BigInt(index));
  }

  /** @param entry a kernel address. */
  set(at: Index, entry: bigint): void {
    const index = BigInt(at);
    this.entries.set(index, entry);
    if (index === 0n && (this.head === undefined || typeof this.head === 'bigint')) {
      this.setHead(entry);
      return;
    }
    this.growTo(index);
    let node = this.head as Node;
    while (node.shift > 0) {
      const slot = slotOf(index, node.shift);
      const child = node.slots[slot];
      node = typeof child === 'object' ? child : this.addNode(node.shift - SHIFT, node, slot);
    }
    this.setSlot(node, slotOf(index, 0), entry);
  }

  delete(at: Index): boolean {
    const index = BigInt(at);
    if (!this.entries.delete(index)) return false;
    if (typeof this.head !== 'object') {
      this.setHead(undefined);
      return true;
    }
    let node: Node = this.head;
    while (node.shift > 0) node = node.slots[slotOf(index, node.shift)] as Node;
    this.setSlot(node, slotOf(index, 0), undefined);
    this.prune(node);
    this.shrink();
    return true;
  }

  /** Frees the nodes. */
  clear(): void {
    for (const index of [...this.entries.keys()]) this.delete(index);
  }

  /** Adds levels until the tree covers an index. */
  private growTo(index: bigint): void {
    if (typeof this.head !== 'object') {
      let shift = 0;
      while (index >= end(shift)) shift += SHIFT;
      const old = this.head;
      this.setHead(this.newNode(shift, undefined, 0));
      if (old !== undefined) this.reinsertFirst(old);
      return;
    }
    while (index >= end(this.head.shift)) {
      const old: Node = this.head;
      const node = this.newNode(old.shift + SHIFT, undefined, 0);
      this.setHead(node);
      this.setParent(old, node);
      this.setSlot(node, 0, old);
    }
  }

  private reinsertFirst(entry: bigint): void {
    let node = this.head as Node;
    while (node.shift > 0) node = this.addNode(node.shift - SHIFT, node, 0);
    this.setSlot(node, 0, entry);
  }

  private setParent(node: Node, parent: Node | undefined): void {
    node.parent = parent;
    node.record.point('parent', parent?.record);
  }

  /** Frees nodes that have become empty, upwards. */
  private prune(start: Node): void {
    let node: Node | undefined = start;
    while (node && node.count === 0) {
      const { parent, offset }: Node = node;
      this.heap.free(node.record);
      if (parent) this.setSlot(parent, offset, undefined);
      else this.setHead(undefined);
      node = parent;
    }
  }

  /** Drops top levels that hold nothing but their first slot. */
  private shrink(): void {
    while (typeof this.head === 'object' && this.head.count === 1) {
      const old: Node = this.head;
      const first = old.slots[0];
      if (first === undefined) return;
      if (typeof first === 'object') this.setParent(first, undefined);
      this.setHead(first);
      this.heap.free(old.record);
    }
  }

  private addNode(shift: number, parent: Node, slot: number): Node {
    const node = this.newNode(shift, parent, slot);
    this.setSlot(parent, slot, node);
    return node;
  }

  private newNode(shift: number, parent: Node | undefined, offset: number): Node {
    const record = this.heap.allocate('xa_node');
    record.assign({ shift, offset }).point('parent', parent?.record).point('array', this.record);
    return { record, shift, parent, offset, slots: new Array(SLOTS).fill(undefined), count: 0 };
  }

  private setSlot(node: Node, slot: number, value: Node | bigint | undefined): void {
    if ((node.slots[slot] === undefined) !== (value === undefined))
      node.count += value === undefined ? -1 : 1;
    node.slots[slot] = value;
    node.record.set('count', node.count);
    node.record.ram.view.setBigUint64(node.record.offset + this.slotsAt + 8 * slot, wordOf(value), true);
  }

  private setHead(value: Node | bigint | undefined): void {
    this.head = value;
    this.record.set('xa_head', wordOf(value));
  }
}

/** Entry that an index has in a tree of model memory, 0n for none: what a program that walks it finds. */
export function xarrayLoad(record: Record, node: { offset(path: string): number }, at: Index): bigint {
  const { view } = record.ram;
  const index = BigInt(at);
  let word = record.big('xa_head');
  for (let top = true; (word & 3n) === INTERNAL; top = false) {
    const offset = lowOffset(word - INTERNAL);
    const shift = view.getUint8(offset + node.offset('shift'));
    if (top && index >= end(shift)) return 0n;
    word = view.getBigUint64(offset + node.offset('slots') + 8 * slotOf(index, shift), true);
    if (shift === 0) return word;
  }
  return index === 0n ? word : 0n;
}

function slotOf(index: bigint, shift: number): number {
  return Number((index >> BigInt(shift)) & BigInt(SLOTS - 1));
}

/** First index beyond a node. */
function end(shift: number): bigint {
  return BigInt(SLOTS) << BigInt(shift);
}

function wordOf(value: Node | bigint | undefined): bigint {
  if (value === undefined) return 0n;
  return typeof value === 'bigint' ? value : value.record.address + INTERNAL;
}
