/**
 * An address space: `struct mm_struct` and its mappings in ascending order, with the rules of mmap, munmap, mprotect,
 * madvise and mremap. Addresses are numbers (user space has 47 bits).
 */
import { PAGE_SIZE, TASK_SIZE } from '../bpf/address.ts';
import { Errno } from '../bpf/errno.ts';
import type { Dialect } from './dialect.ts';
import type { File, MapSource } from './file.ts';
import type { KernelHeap } from './heap.ts';
import { rwsemWriteLocked } from './mutex.ts';
import type { PageAllocator } from './page.ts';
import type { Record } from './record.ts';
import { UserMemory } from './user-memory.ts';
import { Prot, Vma, VmFlag } from './vma.ts';
import { VmaSet } from './vma-set.ts';

/** End of user space. */
export const USER_END = Number(TASK_SIZE);
/** Where mappings without an address go, downwards: as without address randomisation. */
const MMAP_BASE = 0x7fff_f7ff_f000;
/** Lowest address that may be mapped (vm.mmap_min_addr). */
export const MMAP_MIN = 0x1_0000;
/** vm.max_map_count */
const MAX_MAPS = 65530;

/** Who may look into a process (low bits of mm_struct.flags): nobody but root, those with the same credentials. */
export const enum Dumpable {
  No = 0,
  Yes = 1,
}
const DUMPABLE_MASK = 3;

export interface MmServices {
  heap: KernelHeap;
  pages: PageAllocator;
  dialect: Dialect;
  zeroFrame: number;
}

export interface Mapping {
  /** Page-aligned address: where to map (`fixed`) or where to try first; 0 for any. */
  address: number;
  fixed: boolean;
  /** Bytes, a multiple of the page size. */
  length: number;
  /** VM_* */
  flags: number;
  /** Offset in the file, in pages. */
  pageOffset: number;
  /** Its reference becomes the mapping's. */
  file?: File | undefined;
  source?: MapSource | undefined;
  /** Private anonymous memory keeps `pageOffset`: it has pages already, which are known by it. */
  keepsOffset?: boolean;
}

export class Mm {
  readonly record: Record;
  readonly memory: UserMemory;
  /** `mmap_lock` */
  readonly lock: Record;
  private readonly services: MmServices;
  private readonly vmas: VmaSet;
  private readonly anonVmas = new Map<bigint, { offset: number; users: number }>();

  constructor(services: MmServices) {
    this.services = services;
    this.record = services.heap.allocate('mm_struct');
    this.lock = this.record.sub('mmap_lock');
    this.vmas = new VmaSet(this.record);
    this.memory = new UserMemory({
      pages: services.pages,
      dialect: services.dialect,
      zeroFrame: services.zeroFrame,
      covering: (address) => this.covering(address),
      anonVma: (vma) => this.ensureAnonVma(vma),
    });
    this.record.assign({ mm_users: 1, mm_count: 1, mmap_base: MMAP_BASE, task_size: USER_END });
    this.dumpable = Dumpable.Yes;
  }

  get dumpable(): Dumpable {
    return this.record.get('flags') & DUMPABLE_MASK;
  }

  set dumpable(value: Dumpable) {
    this.record.set('flags', (this.record.get('flags') & ~DUMPABLE_MASK) | value);
  }

  /** Tasks that share the address space. */
  get users(): number {
    return this.record.get('mm_users');
  }

  /** Mappings, ascending. */
  get mappings(): readonly Vma[] {
    return this.vmas.all;
  }

  /** First mapping that ends behind an address (find_vma). */
  find(address: number): Vma | undefined {
    return this.vmas.find(address);
  }

  /** The mapping that covers an address. */
  covering(address: number): Vma | undefined {
    const vma = this.vmas.find(address);
    return vma && vma.start <= address ? vma : undefined;
  }

  /** Whether somebody is changing the mappings. */
  get writeLocked(): boolean {
    return rwsemWriteLocked(this.lock);
  }

  share(): this {
    this.record.add('mm_users', 1);
    return this;
  }

  /** A user goes; with the last one all mappings go. */
  put(): void {
    if (this.record.add('mm_users', -1) > 0) return;
    this.unmap(0, USER_END);
    this.services.heap.free(this.record);
  }

  /** Maps; the address, or -ENOMEM when there is no room or too many mappings, with nothing done. */
  map(mapping: Mapping): number {
    const address = this.place(mapping);
    if (address < 0) return address;
    if (this.vmas.all.length >= MAX_MAPS) return -Errno.ENOMEM;
    const end = address + mapping.length;
    if (mapping.fixed) this.unmap(address, end);
    const isAnonymous = !mapping.file && !mapping.source;
    const vma = new Vma(this.services.heap, {
      ...mapping,
      mm: this.record,
      start: address,
      end,
      pageOffset: isAnonymous && !mapping.keepsOffset ? address / PAGE_SIZE : mapping.pageOffset,
    });
    this.vmas.insert(vma);
    this.account(vma, vma.pages);
    this.merge(vma.start, vma.end);
    return address;
  }

  /** Whether nothing is mapped in a range. */
  isFree(start: number, end: number): boolean {
    const next = this.vmas.find(start);
    return !next || next.start >= end;
  }

  /** Removes what is mapped in a page-aligned range; -EINVAL when that would cut a huge page, -ENOMEM for too many parts. */
  unmap(start: number, end: number): number {
    const cut = this.checkCuts(start, end);
    if (cut < 0) return cut;
    for (const vma of this.isolate(start, end)) {
      this.memory.zap(vma.start, vma.end);
      this.account(vma, -vma.pages);
      this.vmas.remove(vma);
      this.release(vma);
    }
    return 0;
  }

  /** mprotect on a page-aligned range: -ENOMEM for a hole (what is before it has changed), -EACCES. */
  protect(start: number, end: number, prot: number): number {
    const cut = this.checkCuts(start, end);
    if (cut < 0) return cut;
    let next = start;
    for (const vma of this.vmas.overlapping(start, end)) {
      if (vma.start > next) return -Errno.ENOMEM;
      const wanted = protFlags(prot);
      if ((wanted & ~(vma.flags >> 4) & PROT_FLAGS) !== 0) return -Errno.EACCES;
      next = vma.end;
      for (const part of this.isolate(Math.max(start, vma.start), Math.min(end, vma.end))) {
        this.account(part, -part.pages);
        part.flags = this.reprotected(part, wanted);
        this.account(part, part.pages);
        if (!part.has(VmFlag.Write)) this.memory.writeProtect(part.start, part.end);
      }
    }
    this.merge(start, end);
    return next < end ? -Errno.ENOMEM : 0;
  }

  /** Private memory counts as committed from when it may be written. */
  private reprotected(vma: Vma, wanted: number): number {
    const flags = (vma.flags & ~PROT_FLAGS) | wanted;
    if ((wanted & VmFlag.Write) !== 0) return vma.has(UNCOUNTED) ? flags : flags | VmFlag.Account;
    const unused = !vma.file && vma.anonVma === 0n;
    const forgets = this.services.dialect.versionCode >= UNCOUNT_VERSION;
    return unused && forgets ? flags & ~VmFlag.Account : flags;
  }

  /** Sets and clears VM_* bits of what is mapped in a range, splitting mappings; `merge` is to follow. */
  changeFlags(start: number, end: number, set: number, clear: number): void {
    for (const vma of this.isolate(start, end)) vma.flags = (vma.flags & ~clear) | set;
  }

  /** Mappings that overlap a range, ascending. */
  overlapping(start: number, end: number): Vma[] {
    return this.vmas.overlapping(start, end);
  }

  /** Moves the end of a mapping that has room behind it. */
  extend(vma: Vma, end: number): void {
    this.account(vma, (end - vma.end) / PAGE_SIZE);
    vma.resize(vma.start, end);
    this.merge(vma.start, vma.end);
  }

  /** Moves a mapping's range with its pages (mremap); the new address or -ENOMEM. */
  move(vma: Vma, start: number, end: number, target: Mapping): number {
    const [part] = this.isolate(start, end);
    const source = part ?? vma;
    const moved = this.map({
      ...target,
      flags: source.flags,
      pageOffset: source.pageOffset,
      keepsOffset: source.anonVma !== 0n,
      file: source.file?.get(),
      source: source.source,
    });
    if (moved < 0) {
      source.file?.put();
      return moved;
    }
    const created = this.covering(moved) as Vma;
    if (source.anonVma !== 0n) this.adoptAnonVma(created, source.anonVma);
    this.memory.move(start, moved, Math.min(end - start, target.length));
    this.unmap(start, end);
    return moved;
  }

  /** A child's address space; undefined when memory is exhausted. */
  fork(): Mm | undefined {
    const child = new Mm(this.services);
    child.dumpable = this.dumpable;
    for (const vma of this.vmas.all) {
      if (vma.has(VmFlag.DontCopy)) continue;
      const copy = vma.copy(child.record);
      copy.flags &= ~VmFlag.Locked;
      child.vmas.insert(copy);
      child.account(copy, copy.pages);
      if (vma.has(VmFlag.WipeOnFork)) copy.setAnonVma(0n);
      else if (vma.anonVma !== 0n) child.adoptNewAnonVma(copy);
      if (!vma.has(VmFlag.WipeOnFork) && !this.memory.copyTo(child.memory, vma)) {
        child.put();
        return undefined;
      }
    }
    for (const field of MM_FIELDS) child.record.set(field, this.record.get(field));
    return child;
  }

  private place(mapping: Mapping): number {
    const { address, length, fixed } = mapping;
    if (length > USER_END) return -Errno.ENOMEM;
    if (fixed) return address > USER_END - length ? -Errno.ENOMEM : address;
    const align = (mapping.flags & VmFlag.HugeTlb) !== 0 ? PAGE_SIZE << 9 : PAGE_SIZE;
    const hint = Math.ceil(Math.max(address, MMAP_MIN) / align) * align;
    if (address > 0 && hint <= USER_END - length && this.isFree(hint, hint + length)) return hint;
    return this.vmas.highestGap(length, align, MMAP_MIN, MMAP_BASE);
  }

  /** Splits mappings at the ends of a range and gives those inside. */
  private isolate(start: number, end: number): Vma[] {
    this.splitAt(start);
    this.splitAt(end);
    return this.vmas.overlapping(start, end);
  }

  private splitAt(address: number): void {
    const vma = this.covering(address);
    if (!vma || vma.start === address) return;
    const upper = vma.copy(this.record, address, vma.end);
    if (vma.anonVma !== 0n) this.adoptAnonVma(upper, vma.anonVma);
    vma.resize(vma.start, address);
    this.vmas.insert(upper);
  }

  /** Ends of a range must not cut huge pages, nor make more mappings than allowed. */
  private checkCuts(start: number, end: number): number {
    let parts = 0;
    for (const address of [start, end]) {
      const vma = this.covering(address);
      if (!vma || vma.start === address) continue;
      if (address % vma.pageSize !== 0) return -Errno.EINVAL;
      parts++;
    }
    return this.vmas.all.length + parts > MAX_MAPS + 1 ? -Errno.ENOMEM : 0;
  }

  /** Joins neighbours in and at the ends of a range that have become one mapping. */
  merge(start: number, end: number): void {
    const candidates = this.vmas.overlapping(start - 1, end + 1);
    for (let i = 1; i < candidates.length; i++) {
      const lower = candidates[i - 1] as Vma;
      const upper = candidates[i] as Vma;
      if (!canMerge(lower, upper)) continue;
      if (lower.anonVma === 0n && upper.anonVma !== 0n) this.adoptAnonVma(lower, upper.anonVma);
      const last = upper.end;
      this.vmas.remove(upper);
      this.release(upper);
      lower.resize(lower.start, last);
      candidates[i] = lower;
    }
  }

  /** A neighbour's anon_vma is taken when the two could be merged; otherwise a new one is made. */
  private ensureAnonVma(vma: Vma): bigint {
    if (vma.anonVma !== 0n) return vma.anonVma;
    const before = this.vmas.find(vma.start - 1);
    const after = this.vmas.find(vma.end);
    for (const near of [after, before]) {
      const adjacent = near !== vma && near && (near.end === vma.start || near.start === vma.end);
      if (adjacent && near.anonVma !== 0n && near.file === vma.file && near.flags === vma.flags) {
        this.adoptAnonVma(vma, near.anonVma);
        return near.anonVma;
      }
    }
    return this.adoptNewAnonVma(vma);
  }

  private adoptNewAnonVma(vma: Vma): bigint {
    const offset = this.services.heap.allocateBytes(ANON_VMA_SIZE);
    const address = this.services.heap.addressOf(offset);
    this.anonVmas.set(address, { offset, users: 0 });
    this.adoptAnonVma(vma, address);
    return address;
  }

  private adoptAnonVma(vma: Vma, address: bigint): void {
    const entry = this.anonVmas.get(address);
    if (entry) entry.users++;
    vma.setAnonVma(address);
  }

  private release(vma: Vma): void {
    const entry = this.anonVmas.get(vma.anonVma);
    if (entry && --entry.users === 0) {
      this.anonVmas.delete(vma.anonVma);
      this.services.heap.freeBytes(entry.offset, ANON_VMA_SIZE);
    }
    vma.free();
  }

  /** Page counts by kind of mapping, as /proc/PID/status sums them. */
  private account(vma: Vma, pages: number): void {
    this.record.add('total_vm', pages);
    if (vma.has(VmFlag.Locked)) this.record.add('locked_vm', pages);
    if (vma.has(VmFlag.GrowsDown)) this.record.add('stack_vm', pages);
    else if (vma.has(VmFlag.Exec) && !vma.has(VmFlag.Write)) this.record.add('exec_vm', pages);
    else if (vma.has(VmFlag.Write) && !vma.shared) this.record.add('data_vm', pages);
  }
}

/** Where the parts of a program stand, as far as the kernel keeps it. */
export const MM_FIELDS = [
  ...(['start_code', 'end_code', 'start_data', 'end_data', 'start_brk', 'brk', 'start_stack'] as const),
  ...(['arg_start', 'arg_end', 'env_start', 'env_end'] as const),
] as const;

/** Bytes set aside for a `struct anon_vma`, of which nothing but the address is modelled. */
const ANON_VMA_SIZE = 128;
/** Mappings that are not counted as committed when they become writable: they are already, or never are. */
const UNCOUNTED = VmFlag.Account | VmFlag.Write | VmFlag.HugeTlb | VmFlag.Shared | VmFlag.NoReserve;
/** 6.7: memory without pages is no longer counted once it loses the write permission. */
const UNCOUNT_VERSION = 0x6_0700;
const PROT_FLAGS = VmFlag.Read | VmFlag.Write | VmFlag.Exec;

/** VM_READ, VM_WRITE, VM_EXEC have the values of the PROT_ bits. */
export function protFlags(prot: number): number {
  return prot & Prot.Mask;
}

function canMerge(lower: Vma, upper: Vma): boolean {
  if (lower.end !== upper.start || lower.flags !== upper.flags || lower.file !== upper.file) return false;
  if (lower.has(VmFlag.Special) || lower.source || upper.source) return false;
  if (lower.anonVma !== upper.anonVma && lower.anonVma !== 0n && upper.anonVma !== 0n) return false;
  return lower.pageOffset + lower.pages === upper.pageOffset;
}
