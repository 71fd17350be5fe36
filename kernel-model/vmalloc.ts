/** The vmalloc area: pages that the kernel maps next to each other, wherever they are (vmap). */
import { DIRECT_MAP, PAGE_SHIFT, PAGE_SIZE, VMALLOC, VMALLOC_PAGES } from '../bpf/address.ts';
import { OutOfMemory, type Ram } from './ram.ts';

/** Pages mapped together. */
export interface KernelMapping {
  /** Kernel address of the first. */
  readonly address: bigint;
  /** Linear offset of each page. */
  readonly offsets: readonly number[];
}

export class Vmalloc {
  private readonly ram: Ram;
  /** First page never used. */
  private fresh = 0;
  /** Freed areas: first pages by number of pages. */
  private readonly free = new Map<number, number[]>();

  constructor(ram: Ram) {
    this.ram = ram;
  }

  /** Maps frames; a page behind them stays empty. @throws {OutOfMemory} */
  map(frames: ArrayLike<number>): KernelMapping {
    const count = frames.length;
    const first = this.free.get(count)?.pop() ?? this.allocate(count);
    const address = VMALLOC + BigInt(first * PAGE_SIZE);
    const offsets = Array.from(frames, (frame) => this.offsetOf(frame));
    for (const [index, offset] of offsets.entries()) this.ram.alias(pageAt(address, index), offset);
    return { address, offsets };
  }

  unmap({ address, offsets }: KernelMapping): void {
    const count = offsets.length;
    for (let index = 0; index < count; index++) this.ram.alias(pageAt(address, index), 0);
    const freed = this.free.get(count) ?? [];
    freed.push(Number(address - VMALLOC) / PAGE_SIZE);
    this.free.set(count, freed);
  }

  private allocate(count: number): number {
    const first = this.fresh;
    if (first + count + 1 > VMALLOC_PAGES) throw new OutOfMemory(count * PAGE_SIZE);
    this.fresh += count + 1;
    return first;
  }

  private offsetOf(frame: number): number {
    return this.ram.translate(DIRECT_MAP + (BigInt(frame) << BigInt(PAGE_SHIFT)), PAGE_SIZE, true);
  }
}

function pageAt(address: bigint, index: number): bigint {
  return address + BigInt(index * PAGE_SIZE);
}
