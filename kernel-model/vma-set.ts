/**
 * The mappings of an address space in ascending order, and what of that order the records show: map_count, in kernels
 * with a VMA list its links and highest_vm_end. Not modelled: the search trees (mm_rb, the maple tree mm_mt), which
 * stay empty; programs reach mappings by the list, by the task_vma iterator or by find_vma.
 */
import { Errno } from '../bpf/errno.ts';
import type { Record } from './record.ts';
import type { Vma } from './vma.ts';

export class VmaSet {
  private readonly mm: Record;
  private readonly sorted: Vma[] = [];
  private readonly linked: boolean;

  constructor(mm: Record) {
    this.mm = mm;
    this.linked = mm.has('mmap');
  }

  get all(): readonly Vma[] {
    return this.sorted;
  }

  /** First mapping that ends behind an address. */
  find(address: number): Vma | undefined {
    return this.sorted[this.indexBehind(address)];
  }

  /** Mappings that overlap [start, end), ascending. */
  overlapping(start: number, end: number): Vma[] {
    const found: Vma[] = [];
    for (let i = this.indexBehind(start); i < this.sorted.length; i++) {
      const vma = this.sorted[i] as Vma;
      if (vma.start >= end) break;
      found.push(vma);
    }
    return found;
  }

  insert(vma: Vma): void {
    const index = this.indexBehind(vma.start);
    this.sorted.splice(index, 0, vma);
    this.relink(index - 1);
    this.relink(index);
    this.mm.set('map_count', this.sorted.length);
  }

  remove(vma: Vma): void {
    const index = this.indexBehind(vma.start);
    if (this.sorted[index] !== vma) throw new Error('the mapping is not in this address space');
    this.sorted.splice(index, 1);
    this.relink(index - 1);
    this.mm.set('map_count', this.sorted.length);
  }

  /** Highest address in [low, high) where `length` bytes are free, -ENOMEM when there is none. */
  highestGap(length: number, align: number, low: number, high: number): number {
    let top = high;
    for (let i = this.sorted.length - 1; i >= 0; i--) {
      const vma = this.sorted[i] as Vma;
      if (vma.start >= top) continue;
      const address = alignDown(top - length, align);
      if (address >= Math.max(vma.end, low)) return address;
      top = vma.start;
    }
    const address = alignDown(top - length, align);
    return address >= low ? address : -Errno.ENOMEM;
  }

  private indexBehind(address: number): number {
    let low = 0;
    let high = this.sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.sorted[middle] as Vma).end > address) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Links a mapping (or, by -1, the head) with its successor. */
  private relink(index: number): void {
    if (!this.linked) return;
    const vma = this.sorted[index];
    const next = this.sorted[index + 1];
    if (vma) vma.record.point('vm_next', next?.record);
    else this.mm.point('mmap', next?.record);
    next?.record.point('vm_prev', vma?.record);
    if (!next) this.mm.set('highest_vm_end', vma?.end ?? 0);
  }
}

function alignDown(address: number, align: number): number {
  return Math.floor(address / align) * align;
}
