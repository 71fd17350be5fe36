/**
 * Physical user memory: frame numbers from HIGH_PFN on and their `struct page` records, whose reference and map
 * counts are the truth about who uses a frame.
 */
import { DIRECT_MAP, HIGH_FRAMES, HIGH_PFN, PAGE_SIZE, PAGE_STRUCT_SIZE, VMEMMAP } from '../bpf/address.ts';
import type { KernelProfile } from './profile.ts';
import type { Ram } from './ram.ts';

/** What one pin of a small page adds to its reference count (GUP_PIN_COUNTING_BIAS). */
const PIN_BIAS = 1024;
/** Largest block: huge pages of 2 MiB. */
const MAX_ORDER = 9;
const PAGES_PER_BLOCK = PAGE_SIZE / PAGE_STRUCT_SIZE;
/** PAGE_MAPPING_ANON: low bit of page.mapping. */
const MAPPING_ANON = 1n;

export class PageAllocator {
  private readonly ram: Ram;
  /** Next never used frame. */
  private fresh = HIGH_PFN;
  /** Freed blocks by order, the last freed is used first. */
  private readonly free: number[][] = Array.from({ length: MAX_ORDER + 1 }, () => []);
  /** Linear offset of each backed page of the `struct page` array, by its index. */
  private readonly backing = new Map<number, number>();
  private readonly orders = new Map<number, number>();
  /** Where a compound page counts its pins, from its first `struct page`. */
  private readonly compoundPins: number;
  private readonly at: { refcount: number; mapcount: number; mapping: number; index: number; head: number };
  private frames = 0;

  constructor(ram: Ram, profile: KernelProfile) {
    this.ram = ram;
    const page = profile.layout('page');
    this.at = {
      refcount: page.offset('_refcount'),
      mapcount: page.offset('_mapcount'),
      mapping: page.offset('mapping'),
      index: page.first('index', '__folio_index').offset,
      head: page.offset('compound_head'),
    };
    this.compoundPins = compoundPinOffset(profile);
  }

  /** Frames in use. */
  get used(): number {
    return this.frames;
  }

  /**
   * A block of 2^order zeroed, contiguous frames, aligned to its size, with one reference; its first frame, or
   * -1 when physical memory is exhausted.
   */
  allocate(order = 0): number {
    const pfn = this.free[order]?.pop() ?? this.allocateFresh(order);
    if (pfn < 0) return -1;
    this.frames += 1 << order;
    for (let i = 0; i < 1 << order; i++) this.initialise(pfn + i, i === 0 ? 0 : pfn);
    if (order > 0) this.orders.set(pfn, order);
    return pfn;
  }

  /** First frame of the compound page that a frame belongs to: itself for a small page. */
  head(pfn: number): number {
    const word = this.ram.view.getUint32(this.structOf(pfn) + this.at.head, true);
    if ((word & 1) === 0) return pfn;
    return Math.floor((word & ~1) / PAGE_STRUCT_SIZE);
  }

  /** log2 of the frames of the compound page that starts here. */
  order(head: number): number {
    return this.orders.get(head) ?? 0;
  }

  /** Reference count of the (compound) page. */
  references(pfn: number): number {
    return this.ram.view.getInt32(this.structOf(this.head(pfn)) + this.at.refcount, true);
  }

  /** How many page tables map the frame. */
  mappings(pfn: number): number {
    return this.ram.view.getInt32(this.structOf(pfn) + this.at.mapcount, true) + 1;
  }

  get(pfn: number, count = 1): void {
    this.addReference(this.head(pfn), count);
  }

  /** Drops references; the page is freed with the last. */
  put(pfn: number, count = 1): void {
    const head = this.head(pfn);
    if (this.addReference(head, -count) === 0) this.release(head);
  }

  /** A page table entry for the frame comes (+1) or goes (-1). References are the caller's. */
  addMapping(pfn: number, delta: number): void {
    const at = this.structOf(pfn) + this.at.mapcount;
    this.ram.view.setInt32(at, this.ram.view.getInt32(at, true) + delta, true);
  }

  /** Long-term pin, as registered buffers hold it: the page stays, whatever its mappings do. */
  pin(pfn: number): void {
    const head = this.head(pfn);
    if (head === pfn && this.order(head) === 0) {
      this.addReference(head, PIN_BIAS);
      return;
    }
    this.addReference(head, 1);
    this.addCompoundPin(head, 1);
  }

  unpin(pfn: number): void {
    const head = this.head(pfn);
    if (this.pinned(head) === 0) throw new Error(`frame 0x${pfn.toString(16)} is not pinned`);
    if (this.order(head) === 0) {
      this.put(head, PIN_BIAS);
      return;
    }
    this.addCompoundPin(head, -1);
    this.put(head);
  }

  /** Pins on the (compound) page. A small page has no count of its own: 1024 references look like a pin. */
  pinned(pfn: number): number {
    const head = this.head(pfn);
    if (this.order(head) === 0) return Math.floor(this.references(head) / PIN_BIAS);
    return this.ram.view.getInt32(this.structOf(head) + this.compoundPins, true);
  }

  /** page.mapping and page.index of a page that belongs to a page cache. */
  setMapping(pfn: number, mapping: bigint, index: number): void {
    this.writeMapping(pfn, mapping, index);
  }

  /** page.mapping and page.index of an anonymous page. @param index address / PAGE_SIZE */
  setAnonymous(pfn: number, anonVma: bigint, index: number): void {
    this.writeMapping(pfn, anonVma | MAPPING_ANON, index);
  }

  /** Copies a frame's content; a source that was never written has nothing to copy. */
  copy(from: number, to: number): void {
    const source = this.ram.translate(this.dataAddress(from), PAGE_SIZE, false);
    if (source < 0) return;
    const target = this.ram.translate(this.dataAddress(to), PAGE_SIZE, true);
    const bytes = new Uint8Array(this.ram.buffer);
    bytes.copyWithin(target, source, source + PAGE_SIZE);
  }

  /** Content of a frame; the range must lie inside it. Works for low frames (rings) too. */
  read(pfn: number, offset: number, length: number): Uint8Array {
    const bytes = this.ram.read(this.dataAddress(pfn) + BigInt(offset), length);
    if (!bytes) throw new RangeError(`frame 0x${pfn.toString(16)} is outside of the model`);
    return bytes;
  }

  write(pfn: number, offset: number, bytes: Uint8Array): void {
    if (!this.ram.write(this.dataAddress(pfn) + BigInt(offset), bytes)) {
      throw new RangeError(`frame 0x${pfn.toString(16)} is outside of the model`);
    }
  }

  /** Direct-map address of a frame's content. */
  dataAddress(pfn: number): bigint {
    return DIRECT_MAP + BigInt(pfn * PAGE_SIZE);
  }

  private allocateFresh(order: number): number {
    const span = 1 << order;
    const first = Math.ceil(this.fresh / span) * span;
    if (first + span > HIGH_PFN + HIGH_FRAMES) return -1;
    for (let pfn = this.fresh; pfn < first; pfn++) this.free[0]?.push(pfn);
    this.fresh = first + span;
    return first;
  }

  private initialise(pfn: number, head: number): void {
    const at = this.structOf(pfn);
    const view = this.ram.view;
    view.setInt32(at + this.at.refcount, head === 0 ? 1 : 0, true);
    view.setInt32(at + this.at.mapcount, -1, true);
    if (head !== 0) {
      view.setUint32(at + this.at.head, head * PAGE_STRUCT_SIZE + 1, true);
      view.setUint32(at + this.at.head + 4, Number(VMEMMAP >> 32n), true);
    }
  }

  private release(head: number): void {
    const order = this.order(head);
    this.orders.delete(head);
    for (let i = 0; i < 1 << order; i++) this.clear(head + i);
    this.frames -= 1 << order;
    this.free[order]?.push(head);
  }

  /** The frame's next user finds zeros. */
  private clear(pfn: number): void {
    const at = this.structOf(pfn);
    new Uint8Array(this.ram.buffer, at, PAGE_STRUCT_SIZE).fill(0);
    const data = this.ram.translate(this.dataAddress(pfn), PAGE_SIZE, false);
    if (data >= 0) new Uint8Array(this.ram.buffer, data, PAGE_SIZE).fill(0);
  }

  private addReference(head: number, count: number): number {
    const at = this.structOf(head) + this.at.refcount;
    const value = this.ram.view.getInt32(at, true) + count;
    if (value < 0) throw new Error(`frame 0x${head.toString(16)}: reference count below zero`);
    this.ram.view.setInt32(at, value, true);
    return value;
  }

  /** The structs of a compound page stand side by side: its first two are in one page of the array. */
  private addCompoundPin(head: number, count: number): void {
    const at = this.structOf(head) + this.compoundPins;
    this.ram.view.setInt32(at, this.ram.view.getInt32(at, true) + count, true);
  }

  private writeMapping(pfn: number, mapping: bigint, index: number): void {
    const at = this.structOf(pfn);
    this.ram.view.setBigUint64(at + this.at.mapping, mapping, true);
    this.ram.view.setBigUint64(at + this.at.index, BigInt(index), true);
  }

  /** Linear offset of a frame's `struct page`, which gets its backing here. */
  private structOf(pfn: number): number {
    const block = Math.floor(pfn / PAGES_PER_BLOCK);
    let base = this.backing.get(block);
    if (base === undefined) {
      base = this.ram.translate(VMEMMAP + BigInt(block * PAGE_SIZE), PAGE_SIZE, true);
      this.backing.set(block, base);
    }
    return base + (pfn % PAGES_PER_BLOCK) * PAGE_STRUCT_SIZE;
  }
}

function compoundPinOffset(profile: KernelProfile): number {
  const folio = profile.findLayout('folio')?.find('_pincount');
  if (folio) return folio.offset;
  const tail = profile.layout('page').first('compound_pincount', 'hpage_pinned_refcount');
  return PAGE_STRUCT_SIZE + tail.offset;
}
