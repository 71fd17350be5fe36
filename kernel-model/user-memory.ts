/**
 * What happens behind an address space's mappings: page faults, copy on write, access to user memory, long-term pins,
 * pagemap.
 */
import { PAGE_SIZE } from '../bpf/address.ts';
import { Errno } from '../bpf/errno.ts';
import type { Dialect } from './dialect.ts';
import type { PageAllocator } from './page.ts';
import type { PageCache } from './page-cache.ts';
import { PageTable, Pte } from './page-table.ts';
import { type Vma, VmFlag } from './vma.ts';

/** Pages of a 2 MiB huge page. */
const HUGE_ORDER = 9;
const HUGE_PAGES = 1 << HUGE_ORDER;

export interface UserMemoryInit {
  pages: PageAllocator;
  dialect: Dialect;
  /** Frame of the zero page, which read faults on private memory map. */
  zeroFrame: number;
  /** The mapping that covers an address. */
  covering(address: number): Vma | undefined;
  /** The anon_vma of a mapping, made when it has none. */
  anonVma(vma: Vma): bigint;
}

export class UserMemory {
  readonly table = new PageTable();
  private readonly env: UserMemoryInit;
  private readonly pages: PageAllocator;

  constructor(env: UserMemoryInit) {
    this.env = env;
    this.pages = env.pages;
  }

  /**
   * The frame behind an address after a read or write access to it; -EFAULT where the access gives a signal, -ENOMEM
   * when memory is exhausted.
   */
  fault(address: number, write: boolean): number {
    const vma = this.env.covering(address);
    if (!vma) return -Errno.EFAULT;
    return this.faultIn(vma, address, write);
  }

  /** As `fault`, in a mapping that is known to cover the address. */
  faultIn(vma: Vma, address: number, write: boolean): number {
    if (!vma.has(write ? VmFlag.Write : VmFlag.Read)) {
      if (write || !vma.has(VmFlag.Write | VmFlag.Exec)) return -Errno.EFAULT;
    }
    return this.faultAllowed(vma, address, write);
  }

  private faultAllowed(vma: Vma, address: number, write: boolean): number {
    const page = Math.floor(address / PAGE_SIZE);
    const entry = this.table.get(page);
    if (entry === 0) return this.faultAbsent(vma, address, write);
    if (write && (entry & Pte.Write) === 0) return this.faultProtected(vma, address, entry);
    return entry & Pte.FrameMask;
  }

  /** Faults a range in, as MAP_POPULATE does: writable private memory gets pages of its own. */
  populate(vma: Vma, start: number, end: number, write = vma.has(VmFlag.Write) && !vma.shared): number {
    for (let address = start; address < end; address += PAGE_SIZE) {
      const frame = this.faultIn(vma, address, write);
      if (frame < 0) return frame;
    }
    return 0;
  }

  /** Drops the pages of a range. */
  zap(start: number, end: number): void {
    this.table.update(start / PAGE_SIZE, end / PAGE_SIZE, (page, entry) => {
      this.forget(page, entry);
      return 0;
    });
  }

  /**
   * Drops what a mapping shows of a range of its file's pages.
   * @param evenCopies private copies of them go, too.
   */
  zapIndices(vma: Vma, first: number, end: number, evenCopies: boolean): void {
    const offset = vma.start / PAGE_SIZE - vma.pageOffset;
    const from = Math.max(vma.start / PAGE_SIZE, first + offset);
    const to = Math.min(vma.end / PAGE_SIZE, end + offset);
    if (from >= to) return;
    this.table.update(from, to, (page, entry) => {
      if (!evenCopies && (entry & Pte.Shared) === 0) return entry;
      this.forget(page, entry);
      return 0;
    });
  }

  /** Takes the write permission from the pages of a range; the next write faults. */
  writeProtect(start: number, end: number): void {
    this.table.update(start / PAGE_SIZE, end / PAGE_SIZE, (_page, entry) => entry & ~Pte.Write);
  }

  /** Moves the pages of a range to another address (mremap). */
  move(from: number, to: number, length: number): void {
    const distance = (to - from) / PAGE_SIZE;
    this.table.update(from / PAGE_SIZE, (from + length) / PAGE_SIZE, (page, entry) => {
      this.table.set(page + distance, entry);
      return 0;
    });
  }

  /**
   * Gives a child's copy of a mapping its pages. Private pages become copy on write in both; a pinned one is copied
   * at once, so that the pin stays with the parent's page. Mappings that can be faulted in again are not copied.
   * False when memory is exhausted.
   */
  copyTo(child: UserMemory, vma: Vma): boolean {
    if (!vma.source && vma.anonVma === 0n) return true;
    let ok = true;
    const isPrivate = !vma.shared && vma.has(VmFlag.MayWrite);
    this.table.update(vma.start / PAGE_SIZE, vma.end / PAGE_SIZE, (page, entry) => {
      const mustShare =
        (entry & (Pte.Special | Pte.Shared)) !== 0 || this.pages.pinned(entry & Pte.FrameMask) === 0;
      if (mustShare) {
        const kept = isPrivate ? entry & ~(Pte.Write | Pte.Exclusive) : entry;
        this.remember(page, kept);
        child.table.set(page, kept);
        return kept;
      }
      ok = child.copyPage(vma, page, entry) && ok;
      return entry;
    });
    return ok;
  }

  /** Copies user memory out, faulting pages in; null on a fault. */
  read(address: number, length: number): Uint8Array | null {
    return this.readBy((at) => this.fault(at, false), address, length);
  }

  /**
   * Copies out for another process, up to the first page that cannot be had: device-like, not mapped, not readable.
   * @param force reads what the process itself may not read (PROT_NONE).
   */
  readForeign(address: number, length: number, force: boolean): Uint8Array {
    const end = address + length;
    let next = address;
    while (next < end && this.foreignFrame(next, false, force) >= 0) next = followingPage(next);
    const frameOf = (at: number) => this.foreignFrame(at, false, force);
    return this.readBy(frameOf, address, Math.min(next, end) - address) as Uint8Array;
  }

  /** Copies in for another process; the bytes written before the first page that cannot be had. */
  writeForeign(address: number, bytes: Uint8Array, force: boolean): number {
    let done = 0;
    while (done < bytes.length) {
      const at = address + done;
      const frame = this.foreignFrame(at, true, force);
      if (frame < 0) break;
      const count = Math.min(PAGE_SIZE - (at % PAGE_SIZE), bytes.length - done);
      this.pages.write(frame, at % PAGE_SIZE, bytes.subarray(done, done + count));
      done += count;
    }
    return done;
  }

  /** Copies out what is present, as a fault-safe kernel read does; null when a page is absent. */
  readPresent(address: number, length: number): Uint8Array | null {
    return this.readBy((at) => this.present(at, VmFlag.Read), address, length);
  }

  /** Copies into user memory, faulting pages in; false on a fault, with the pages before it written. */
  write(address: number, bytes: Uint8Array): boolean {
    return this.writeBy((at) => this.fault(at, true), address, bytes);
  }

  /** Writes only to pages that are present and writable (bpf_probe_write_user). */
  writePresent(address: number, bytes: Uint8Array): boolean {
    return this.writeBy((at) => this.present(at, VmFlag.Write), address, bytes);
  }

  /**
   * Pins the pages of a range for long (FOLL_LONGTERM): their frames, or -EFAULT, -ENOMEM with nothing pinned. Device-like
   * mappings cannot be pinned.
   */
  pin(address: number, length: number, write: boolean): Int32Array | number {
    const first = Math.floor(address / PAGE_SIZE);
    const count = Math.floor((address + length - 1) / PAGE_SIZE) - first + 1;
    const frames = new Int32Array(count);
    for (let i = 0; i < count; i++) {
      const frame = this.faultForPin((first + i) * PAGE_SIZE, write);
      if (frame < 0) {
        for (let undo = 0; undo < i; undo++) this.pages.unpin(frames[undo] as number);
        return frame;
      }
      this.pages.pin(frame);
      frames[i] = frame;
    }
    return frames;
  }

  /**
   * Entries of /proc/PID/pagemap: bits 0-54 frame number (0 unless `withFrames`, which needs CAP_SYS_ADMIN), bit 56
   * mapped only here, 61 page of a file or of shared memory, 63 present. Nothing is ever swapped out (62).
   */
  pagemap(address: number, pages: number, withFrames: boolean): BigUint64Array {
    const entries = new BigUint64Array(pages);
    const first = Math.floor(address / PAGE_SIZE);
    for (let i = 0; i < pages; i++) {
      const entry = this.table.get(first + i);
      if (entry === 0) continue;
      let bits = 1n << 63n;
      if (withFrames) bits |= BigInt(entry & Pte.FrameMask);
      if ((entry & Pte.Shared) !== 0) bits |= 1n << 61n;
      const counted = (entry & Pte.Special) === 0;
      if (counted && this.pages.mappings(this.countedFrame(entry)) === 1) bits |= 1n << 56n;
      entries[i] = bits;
    }
    return entries;
  }

  private readBy(frameOf: (address: number) => number, address: number, length: number): Uint8Array | null {
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const at = address + done;
      const frame = frameOf(at);
      if (frame < 0) return null;
      const count = Math.min(PAGE_SIZE - (at % PAGE_SIZE), length - done);
      bytes.set(this.pages.read(frame, at % PAGE_SIZE, count), done);
      done += count;
    }
    return bytes;
  }

  private writeBy(frameOf: (address: number) => number, address: number, bytes: Uint8Array): boolean {
    for (let done = 0; done < bytes.length; ) {
      const at = address + done;
      const frame = frameOf(at);
      if (frame < 0) return false;
      const count = Math.min(PAGE_SIZE - (at % PAGE_SIZE), bytes.length - done);
      this.pages.write(frame, at % PAGE_SIZE, bytes.subarray(done, done + count));
      done += count;
    }
    return true;
  }

  private present(address: number, flag: VmFlag.Read | VmFlag.Write): number {
    const entry = this.table.get(Math.floor(address / PAGE_SIZE));
    if (entry === 0 || (flag === VmFlag.Write && (entry & Pte.Write) === 0)) return -Errno.EFAULT;
    return this.env.covering(address)?.has(flag) ? entry & Pte.FrameMask : -Errno.EFAULT;
  }

  private foreignFrame(address: number, write: boolean, force: boolean): number {
    const vma = this.env.covering(address);
    if (!vma || vma.has(VmFlag.Io | VmFlag.PfnMap)) return -Errno.EFAULT;
    const forced = force && (write ? !vma.shared && vma.has(VmFlag.MayWrite) : vma.has(VmFlag.MayRead));
    if (!forced && !vma.has(write ? VmFlag.Write : VmFlag.Read)) return -Errno.EFAULT;
    return this.faultAllowed(vma, address, write);
  }

  private faultForPin(address: number, write: boolean): number {
    const vma = this.env.covering(address);
    if (!vma || vma.has(VmFlag.Io | VmFlag.PfnMap)) return -Errno.EFAULT;
    if (write && vma.shared && vma.file?.inode.pages?.kind === 'file') {
      if (this.env.dialect.fileBackedBuffers === 'refuse-shared') return -Errno.EFAULT;
    }
    return this.faultIn(vma, address, write);
  }

  private faultAbsent(vma: Vma, address: number, write: boolean): number {
    const page = Math.floor(address / PAGE_SIZE);
    if (!this.table.hasRoom(page)) return -Errno.ENOMEM;
    if (vma.source) {
      const frame = vma.source.frame(page - vma.start / PAGE_SIZE);
      if (frame < 0) return -Errno.EFAULT;
      this.table.set(page, frame | Pte.Present | Pte.Special | Pte.Shared | writeBit(vma));
      return frame;
    }
    const cache = vma.file?.inode.pages;
    if (cache) return this.faultCached(vma, cache, address, write);
    if (write) return this.mapAnonymous(vma, page, -1);
    this.table.set(page, this.env.zeroFrame | Pte.Present | Pte.Special);
    return this.env.zeroFrame;
  }

  private faultCached(vma: Vma, cache: PageCache, address: number, write: boolean): number {
    const page = Math.floor(address / PAGE_SIZE);
    const index = vma.cacheIndex(address);
    if (index * PAGE_SIZE >= (vma.file?.inode.size ?? 0)) return -Errno.EFAULT;
    if (cache.order > 0) return this.mapHuge(vma, cache, page, write);
    const frame = cache.ensure(index);
    if (frame < 0) return frame;
    if (write && !vma.shared) return this.mapAnonymous(vma, page, frame);
    const entry = frame | Pte.Present | Pte.Shared | (vma.shared ? writeBit(vma) : 0);
    this.remember(page, entry);
    this.table.set(page, entry);
    return frame;
  }

  /** Maps all entries of a huge page. A private mapping gets its own, unless it only reads what the file has. */
  private mapHuge(vma: Vma, cache: PageCache, page: number, write: boolean): number {
    const first = Math.floor(page / HUGE_PAGES) * HUGE_PAGES;
    const index = vma.cacheIndex(first * PAGE_SIZE);
    const cached = cache.find(index);
    if (!vma.shared && (write || cached < 0)) return this.mapOwnHuge(vma, page, cached, write);
    const frame = cache.ensure(index);
    if (frame < 0) return frame;
    this.pages.get(frame);
    this.pages.addMapping(frame, 1);
    this.setHuge(first, frame, Pte.Shared | (vma.shared ? writeBit(vma) : 0));
    return frame + (page - first);
  }

  private mapOwnHuge(vma: Vma, page: number, from: number, write: boolean): number {
    const first = Math.floor(page / HUGE_PAGES) * HUGE_PAGES;
    const frame = this.pages.allocate(HUGE_ORDER);
    if (frame < 0) return -Errno.ENOMEM;
    for (let i = 0; from >= 0 && i < HUGE_PAGES; i++) this.pages.copy(from + i, frame + i);
    this.pages.setAnonymous(frame, this.env.anonVma(vma), first);
    this.pages.addMapping(frame, 1);
    this.setHuge(first, frame, Pte.Exclusive | (write ? Pte.Write : 0));
    return frame + (page - first);
  }

  private setHuge(first: number, frame: number, flags: number): void {
    for (let i = 0; i < HUGE_PAGES; i++)
      this.table.set(first + i, (frame + i) | Pte.Present | Pte.Huge | flags);
  }

  /** A write to a page that is present but not writable: it may be reused, or must be copied. */
  private faultProtected(vma: Vma, address: number, entry: number): number {
    const page = Math.floor(address / PAGE_SIZE);
    const frame = entry & Pte.FrameMask;
    if (vma.shared || this.mayReuse(entry)) {
      const exclusive = vma.shared ? 0 : Pte.Exclusive;
      this.setWritable(page, entry, exclusive);
      return frame;
    }
    if ((entry & Pte.Huge) !== 0) return this.copyHuge(vma, page, entry);
    this.forget(page, entry, false);
    const copy = this.mapAnonymous(vma, page, frame);
    if ((entry & Pte.Special) === 0) this.pages.put(frame);
    return copy;
  }

  private setWritable(page: number, entry: number, extra: number): void {
    const first = (entry & Pte.Huge) !== 0 ? Math.floor(page / HUGE_PAGES) * HUGE_PAGES : page;
    const count = (entry & Pte.Huge) !== 0 ? HUGE_PAGES : 1;
    this.table.update(first, first + count, (_page, old) => old | Pte.Write | extra);
  }

  /** Whether an anonymous page may simply become writable again: nobody else can have a hold of it. */
  private mayReuse(entry: number): boolean {
    if ((entry & (Pte.Special | Pte.Shared)) !== 0) return false;
    if (this.env.dialect.cowReuse === 'exclusive' && (entry & Pte.Exclusive) !== 0) return true;
    return this.pages.references(entry & Pte.FrameMask) === 1;
  }

  /** Maps a new anonymous page with the content of `from` (-1: zeros). */
  private mapAnonymous(vma: Vma, page: number, from: number): number {
    const frame = this.pages.allocate();
    if (frame < 0) return -Errno.ENOMEM;
    if (from >= 0) this.pages.copy(from, frame);
    this.pages.setAnonymous(frame, this.env.anonVma(vma), vma.cacheIndex(page * PAGE_SIZE));
    this.pages.addMapping(frame, 1);
    this.table.set(page, frame | Pte.Present | Pte.Write | Pte.Exclusive);
    return frame;
  }

  private copyHuge(vma: Vma, page: number, entry: number): number {
    const old = (entry & Pte.FrameMask) - (page % HUGE_PAGES);
    const copy = this.mapOwnHuge(vma, page, old, true);
    if (copy < 0) return copy;
    this.pages.addMapping(old, -1);
    this.pages.put(old);
    return copy;
  }

  /** Copies a parent's page for this (child's) address space. */
  private copyPage(vma: Vma, page: number, entry: number): boolean {
    if ((entry & Pte.Huge) === 0) return this.mapAnonymous(vma, page, entry & Pte.FrameMask) >= 0;
    if (page % HUGE_PAGES !== 0) return true;
    return this.mapOwnHuge(vma, page, entry & Pte.FrameMask, true) >= 0;
  }

  /** Counts one more page table entry. */
  private remember(page: number, entry: number): void {
    if ((entry & Pte.Special) !== 0 || ((entry & Pte.Huge) !== 0 && page % HUGE_PAGES !== 0)) return;
    this.pages.get(entry & Pte.FrameMask);
    this.pages.addMapping(entry & Pte.FrameMask, 1);
  }

  /** Counts one page table entry less. */
  private forget(page: number, entry: number, putPage = true): void {
    if ((entry & Pte.Special) !== 0 || ((entry & Pte.Huge) !== 0 && page % HUGE_PAGES !== 0)) return;
    this.pages.addMapping(entry & Pte.FrameMask, -1);
    if (putPage) this.pages.put(entry & Pte.FrameMask);
  }

  private countedFrame(entry: number): number {
    const frame = entry & Pte.FrameMask;
    return (entry & Pte.Huge) !== 0 ? this.pages.head(frame) : frame;
  }
}

function followingPage(address: number): number {
  return (Math.floor(address / PAGE_SIZE) + 1) * PAGE_SIZE;
}

function writeBit(vma: Vma): number {
  return vma.has(VmFlag.Write) ? Pte.Write : 0;
}
