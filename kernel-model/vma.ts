/** One mapping of an address space: `struct vm_area_struct`. */
import { PAGE_SIZE } from '../bpf/address.ts';
import type { File, MapSource } from './file.ts';
import type { KernelHeap } from './heap.ts';
import type { Record } from './record.ts';

/** VM_* bits of vm_flags. */
export const enum VmFlag {
  Read = 0x1,
  Write = 0x2,
  Exec = 0x4,
  Shared = 0x8,
  MayRead = 0x10,
  MayWrite = 0x20,
  MayExec = 0x40,
  MayShare = 0x80,
  GrowsDown = 0x100,
  PfnMap = 0x400,
  Locked = 0x2000,
  Io = 0x4000,
  SequentialRead = 0x8000,
  RandomRead = 0x1_0000,
  DontCopy = 0x2_0000,
  DontExpand = 0x4_0000,
  Account = 0x10_0000,
  NoReserve = 0x20_0000,
  HugeTlb = 0x40_0000,
  WipeOnFork = 0x200_0000,
  DontDump = 0x400_0000,
  HugePage = 0x2000_0000,
  NoHugePage = 0x4000_0000,
  /** What a mapping of a device may be neither merged nor expanded for. */
  Special = 0x4_4400,
}

/** PROT_* */
export const enum Prot {
  None = 0,
  Read = 1,
  Write = 2,
  Exec = 4,
  Mask = 7,
}

export interface VmaInit {
  mm: Record;
  start: number;
  end: number;
  flags: number;
  /** File offset in pages; for private anonymous memory the address in pages. */
  pageOffset: number;
  file?: File | undefined;
  source?: MapSource | undefined;
}

export class Vma {
  readonly record: Record;
  readonly file: File | undefined;
  /** Frames of a device-like mapping. */
  readonly source: MapSource | undefined;
  /** Address of the anon_vma of its private pages, 0n before the first. */
  anonVma = 0n;
  private readonly heap: KernelHeap;
  private first: number;
  private last: number;
  private bits: number;

  /** Takes over the caller's reference to the file. */
  constructor(heap: KernelHeap, init: VmaInit) {
    this.heap = heap;
    this.file = init.file;
    this.source = init.source;
    this.first = init.start;
    this.last = init.end;
    this.bits = init.flags;
    this.record = heap.allocate('vm_area_struct');
    this.record
      .assign({ vm_start: init.start, vm_end: init.end, vm_pgoff: init.pageOffset })
      .point('vm_mm', init.mm)
      .point('vm_file', init.file?.record);
    this.flags = init.flags;
  }

  /** First address. */
  get start(): number {
    return this.first;
  }

  /** First address behind. */
  get end(): number {
    return this.last;
  }

  get flags(): number {
    return this.bits;
  }

  set flags(flags: number) {
    this.bits = flags;
    this.record.set('vm_flags', flags).set('vm_page_prot', pageProtection(flags));
  }

  /** Offset of `start` in the file, in pages. */
  get pageOffset(): number {
    return this.record.get('vm_pgoff');
  }

  get pages(): number {
    return (this.last - this.first) / PAGE_SIZE;
  }

  /** Bytes of a page of this mapping. */
  get pageSize(): number {
    return this.has(VmFlag.HugeTlb) ? PAGE_SIZE << 9 : PAGE_SIZE;
  }

  get shared(): boolean {
    return this.has(VmFlag.Shared);
  }

  has(flag: number): boolean {
    return (this.bits & flag) !== 0;
  }

  /** Index of an address's page in the file or shared object behind the mapping. */
  cacheIndex(address: number): number {
    return this.pageOffset + Math.floor((address - this.first) / PAGE_SIZE);
  }

  /** Moves the bounds; the file offset goes with `start`. */
  resize(start: number, end: number): void {
    const pageOffset = this.pageOffset + (start - this.first) / PAGE_SIZE;
    this.first = start;
    this.last = end;
    this.record.assign({ vm_start: start, vm_end: end, vm_pgoff: pageOffset });
  }

  setAnonVma(address: bigint): void {
    this.anonVma = address;
    this.record.set('anon_vma', address);
  }

  /** A mapping like this one over a part of it, or (fork) of another address space. */
  copy(mm: Record, start = this.first, end = this.last): Vma {
    const copy = new Vma(this.heap, {
      mm,
      start,
      end,
      flags: this.flags,
      pageOffset: this.pageOffset + (start - this.first) / PAGE_SIZE,
      file: this.file?.get(),
      source: this.source && shiftSource(this.source, (start - this.first) / PAGE_SIZE),
    });
    if (this.anonVma !== 0n) copy.setAnonVma(this.anonVma);
    return copy;
  }

  free(): void {
    this.file?.put();
    this.heap.free(this.record);
  }
}

function shiftSource(source: MapSource, pages: number): MapSource {
  return pages === 0 ? source : { frame: (page) => source.frame(page + pages) };
}

/** x86 page protection bits: present, writable, user, accessed, no-execute. */
function pageProtection(flags: number): bigint {
  if ((flags & (VmFlag.Read | VmFlag.Write | VmFlag.Exec)) === 0) return 0x8000_0000_0000_0120n;
  const writable = (flags & VmFlag.Write) !== 0 && (flags & VmFlag.Shared) !== 0 ? 0x2n : 0n;
  const noExec = (flags & VmFlag.Exec) === 0 ? 1n << 63n : 0n;
  return noExec | 0x25n | writable;
}
