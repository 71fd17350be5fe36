/** System calls on memory: mmap, munmap, mprotect, madvise, mremap. A result >= 0 (an address), or a negative errno. */
import { PAGE_SIZE } from '../bpf/address.ts';
import { Errno } from '../bpf/errno.ts';
import { type File, FileMode, type MapSource } from './file.ts';
import type { Inode } from './inode.ts';
import type { Machine } from './machine.ts';
import { type Mapping, type Mm, protFlags, USER_END } from './mm.ts';
import type { Task } from './task.ts';
import { Prot, type Vma, VmFlag } from './vma.ts';

/** MAP_* */
export const enum MapFlag {
  Shared = 0x01,
  Private = 0x02,
  SharedValidate = 0x03,
  TypeMask = 0x0f,
  Fixed = 0x10,
  Anonymous = 0x20,
  GrowsDown = 0x100,
  Locked = 0x2000,
  NoReserve = 0x4000,
  Populate = 0x8000,
  HugeTlb = 0x4_0000,
  FixedNoReplace = 0x10_0000,
}

/** MADV_* */
export const enum Advice {
  Normal = 0,
  Random = 1,
  Sequential = 2,
  WillNeed = 3,
  DontNeed = 4,
  Remove = 9,
  DontFork = 10,
  DoFork = 11,
  HugePage = 14,
  NoHugePage = 15,
  DontDump = 16,
  DoDump = 17,
  WipeOnFork = 18,
  KeepOnFork = 19,
  PopulateRead = 22,
  PopulateWrite = 23,
}

/** MREMAP_* */
export const enum Remap {
  MayMove = 1,
  Fixed = 2,
}

const HUGE_SIZE = PAGE_SIZE << 9;
const HUGE_ORDER = 9;
/** MAP_HUGE_SHIFT: log2 of the huge page size, 0 for the default of 2 MiB. */
const HUGE_SHIFT = 26;
const HUGE_2MB = 21;

export class MemorySyscalls {
  protected readonly machine: Machine;

  constructor(machine: Machine) {
    this.machine = machine;
  }

  /** mmap(2). @param fd ignored with MAP_ANONYMOUS. @param offset bytes. */
  mmap(
    task: Task,
    address: number,
    length: number,
    prot: number,
    flags: number,
    fd = -1,
    offset = 0,
  ): number {
    const { mm } = task;
    if (!mm) return -Errno.ESRCH;
    if (length <= 0 || offset % PAGE_SIZE !== 0) return -Errno.EINVAL;
    if (length > USER_END) return -Errno.ENOMEM;
    const huge = (flags & MapFlag.HugeTlb) !== 0;
    if (huge && ![0, HUGE_2MB].includes((flags >>> HUGE_SHIFT) & 0x3f)) return -Errno.EINVAL;
    const unit = huge ? HUGE_SIZE : PAGE_SIZE;
    const size = Math.ceil(length / unit) * unit;
    const type = flags & MapFlag.TypeMask;
    if (type !== MapFlag.Shared && type !== MapFlag.Private && type !== MapFlag.SharedValidate)
      return -Errno.EINVAL;
    const fixed = (flags & (MapFlag.Fixed | MapFlag.FixedNoReplace)) !== 0;
    if (fixed && address % unit !== 0) return -Errno.EINVAL;
    if (fixed && (address < 0 || address > USER_END - size)) return -Errno.ENOMEM;
    if ((flags & MapFlag.FixedNoReplace) !== 0 && !mm.isFree(address, address + size)) return -Errno.EEXIST;
    const file =
      (flags & MapFlag.Anonymous) !== 0 ? this.anonymousFile(task, size, flags) : task.files?.get(fd);
    if (!file && (flags & MapFlag.Anonymous) === 0) return -Errno.EBADF;
    const request = { task, length: size, offset, prot, flags, address };
    const backing = file && (flags & MapFlag.Anonymous) === 0 ? openBacking(file, request) : undefined;
    if (typeof backing === 'number') return backing;
    const vmFlags = vmFlagsOf(prot, flags, file) | (backing ? VmFlag.Special : 0) | hugeFlag(file);
    if (file && (flags & MapFlag.Anonymous) === 0) file.get();
    const mapping: Mapping = {
      address: Math.ceil(address / unit) * unit,
      fixed,
      length: size,
      flags: vmFlags,
      pageOffset: (flags & MapFlag.Anonymous) !== 0 ? 0 : offset / PAGE_SIZE,
      file,
      source: backing,
    };
    const mapped = mm.map(mapping);
    if (mapped < 0) file?.put();
    else if ((flags & (MapFlag.Populate | MapFlag.Locked)) !== 0) this.populate(mm, mapped, mapped + size);
    return mapped;
  }

  munmap(task: Task, address: number, length: number): number {
    if (!task.mm) return -Errno.ESRCH;
    const size = pageAlign(length);
    if (address % PAGE_SIZE !== 0 || size === 0 || address < 0 || address > USER_END - size)
      return -Errno.EINVAL;
    return task.mm.unmap(address, address + size);
  }

  mprotect(task: Task, address: number, length: number, prot: number): number {
    if (!task.mm) return -Errno.ESRCH;
    if (address % PAGE_SIZE !== 0 || (prot & ~Prot.Mask) !== 0) return -Errno.EINVAL;
    if (length === 0) return 0;
    const size = pageAlign(length);
    if (address < 0 || address > USER_END - size) return -Errno.ENOMEM;
    return task.mm.protect(address, address + size, prot);
  }

  /** madvise(2). Holes give -ENOMEM, after what is mapped has been advised. */
  madvise(task: Task, address: number, length: number, advice: Advice): number {
    if (!task.mm) return -Errno.ESRCH;
    const size = pageAlign(length);
    if (address % PAGE_SIZE !== 0 || address < 0 || address > USER_END - size) return -Errno.EINVAL;
    if (!ADVICE.has(advice)) return -Errno.EINVAL;
    const end = address + size;
    let next = address;
    let hole = false;
    for (const vma of task.mm.overlapping(address, end)) {
      if (vma.start > next) hole = true;
      next = vma.end;
      const error = this.advise(task.mm, vma, Math.max(vma.start, address), Math.min(next, end), advice);
      if (error < 0) return error;
    }
    task.mm.merge(address, end);
    return hole || next < end ? -Errno.ENOMEM : 0;
  }

  /** mremap(2): the (new) address. @param target with MREMAP_FIXED. */
  mremap(
    task: Task,
    address: number,
    oldLength: number,
    newLength: number,
    flags: number,
    target = 0,
  ): number {
    const { mm } = task;
    if (!mm) return -Errno.ESRCH;
    const oldSize = pageAlign(oldLength);
    const newSize = pageAlign(newLength);
    const fixed = (flags & Remap.Fixed) !== 0;
    if ((flags & ~(Remap.MayMove | Remap.Fixed)) !== 0) return -Errno.EINVAL;
    if (fixed && (flags & Remap.MayMove) === 0) return -Errno.EINVAL;
    if (address % PAGE_SIZE !== 0 || newSize === 0 || oldSize === 0) return -Errno.EINVAL;
    const vma = mm.covering(address);
    if (!vma) return -Errno.EFAULT;
    if (vma.end < address + oldSize) return -Errno.EFAULT;
    if (fixed) return this.remapFixed(mm, vma, address, oldSize, newSize, target);
    if (newSize <= oldSize) {
      if (newSize < oldSize) mm.unmap(address + newSize, address + oldSize);
      return address;
    }
    if (vma.has(VmFlag.DontExpand | VmFlag.PfnMap)) return -Errno.EFAULT;
    const end = address + newSize;
    if (vma.end === address + oldSize && end <= USER_END && mm.isFree(vma.end, end)) {
      mm.extend(vma, end);
      return address;
    }
    if ((flags & Remap.MayMove) === 0) return -Errno.ENOMEM;
    return mm.move(vma, address, address + oldSize, moveTo(0, false, newSize));
  }

  private remapFixed(
    mm: Mm,
    vma: Vma,
    address: number,
    oldSize: number,
    newSize: number,
    target: number,
  ): number {
    if (target % PAGE_SIZE !== 0 || target < 0 || target > USER_END - newSize) return -Errno.EINVAL;
    if (address < target + newSize && target < address + oldSize) return -Errno.EINVAL;
    const pinned = !this.machine.profile.dialect.ringMapFixed && vma.source !== undefined;
    if (pinned) return -Errno.EINVAL;
    if (newSize > oldSize && vma.has(VmFlag.DontExpand | VmFlag.PfnMap)) return -Errno.EFAULT;
    if (newSize < oldSize) mm.unmap(address + newSize, address + oldSize);
    const size = Math.min(oldSize, newSize);
    return mm.move(vma, address, address + size, moveTo(target, true, newSize));
  }

  private advise(mm: Mm, vma: Vma, start: number, end: number, advice: Advice): number {
    switch (advice) {
      case Advice.DontNeed:
        return this.dontNeed(mm, vma, start, end);
      case Advice.Remove:
        return this.punchHole(vma, start, end);
      case Advice.PopulateRead:
      case Advice.PopulateWrite:
        if (vma.has(VmFlag.Io | VmFlag.PfnMap)) return -Errno.EINVAL;
        return mm.memory.populate(vma, start, end, advice === Advice.PopulateWrite);
      default:
        return this.note(mm, vma, start, end, advice);
    }
  }

  /** Advice that is only noted in the mapping's flags. */
  private note(mm: Mm, vma: Vma, start: number, end: number, advice: Advice): number {
    const noted = NOTED[advice];
    if (!noted) return 0;
    const special = vma.has(VmFlag.Special) && !vma.has(VmFlag.HugeTlb);
    if (advice === Advice.DoFork && vma.has(VmFlag.Io)) return -Errno.EINVAL;
    if (advice === Advice.DoDump && special) return -Errno.EINVAL;
    if (advice === Advice.WipeOnFork && (vma.file || vma.shared)) return -Errno.EINVAL;
    mm.changeFlags(start, end, noted.set, noted.clear);
    return 0;
  }

  private dontNeed(mm: Mm, vma: Vma, start: number, end: number): number {
    if (vma.has(VmFlag.Locked | VmFlag.PfnMap)) return -Errno.EINVAL;
    const { hugetlbDontNeed } = this.machine.profile.dialect;
    if (vma.has(VmFlag.HugeTlb) && (!hugetlbDontNeed || start % HUGE_SIZE !== 0)) return -Errno.EINVAL;
    mm.memory.zap(start, end - (end % vma.pageSize));
    return 0;
  }

  /** MADV_REMOVE: the shared object loses the pages, all who map it with them. */
  private punchHole(vma: Vma, start: number, end: number): number {
    const inode = vma.file?.inode;
    if (vma.has(VmFlag.Locked | VmFlag.PfnMap) || !inode?.pages) return -Errno.EINVAL;
    if (!vma.shared || !vma.has(VmFlag.Write)) return -Errno.EACCES;
    const first = vma.cacheIndex(start);
    this.dropPages(inode, first, first + (end - start) / PAGE_SIZE, false);
    return 0;
  }

  /**
   * Takes pages out of a file or shared object: nobody maps them any more.
   * @param first of the pages, @param end the first that stays.
   * @param evenCopies private copies of them go, too (truncation).
   */
  protected dropPages(inode: Inode, first: number, end: number, evenCopies: boolean): void {
    const unit = 1 << (inode.pages?.order ?? 0);
    const from = Math.ceil(first / unit) * unit;
    const to = Math.floor(end / unit) * unit;
    const done = new Set<Mm>();
    for (const { mm } of this.machine.tasks.all) {
      if (!mm || done.has(mm)) continue;
      done.add(mm);
      for (const vma of mm.mappings) {
        if (vma.file?.inode === inode) mm.memory.zapIndices(vma, from, to, evenCopies);
      }
    }
    inode.pages?.release(from, to);
  }

  /** A file behind anonymous memory that is shared or of huge pages. */
  private anonymousFile(task: Task, size: number, flags: number): File | undefined {
    const { vfs } = this.machine;
    if ((flags & MapFlag.HugeTlb) !== 0) return vfs.openMemory('anon_hugepage', size, task.cred, HUGE_ORDER);
    const isPrivate = (flags & MapFlag.TypeMask) === MapFlag.Private;
    return isPrivate ? undefined : vfs.openMemory('dev/zero', size, task.cred);
  }

  private populate(mm: Mm, start: number, end: number): void {
    for (const vma of mm.overlapping(start, end)) mm.memory.populate(vma, vma.start, vma.end);
  }
}

const ADVICE: ReadonlySet<number> = new Set([
  0, 1, 2, 3, 4, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23,
]);

/** VM_* bits that advice sets and clears. */
const NOTED: { readonly [advice: number]: { set: number; clear: number } } = {
  [Advice.Normal]: { set: 0, clear: VmFlag.RandomRead | VmFlag.SequentialRead },
  [Advice.Random]: { set: VmFlag.RandomRead, clear: VmFlag.SequentialRead },
  [Advice.Sequential]: { set: VmFlag.SequentialRead, clear: VmFlag.RandomRead },
  [Advice.DontFork]: { set: VmFlag.DontCopy, clear: 0 },
  [Advice.DoFork]: { set: 0, clear: VmFlag.DontCopy },
  [Advice.HugePage]: { set: VmFlag.HugePage, clear: VmFlag.NoHugePage },
  [Advice.NoHugePage]: { set: VmFlag.NoHugePage, clear: VmFlag.HugePage },
  [Advice.DontDump]: { set: VmFlag.DontDump, clear: 0 },
  [Advice.DoDump]: { set: 0, clear: VmFlag.DontDump },
  [Advice.WipeOnFork]: { set: VmFlag.WipeOnFork, clear: 0 },
  [Advice.KeepOnFork]: { set: 0, clear: VmFlag.WipeOnFork },
};

/** Checks that a file may be mapped so; what backs a device-like mapping. */
function openBacking(
  file: File,
  request: { task: Task; length: number; offset: number; prot: number; flags: number; address: number },
): MapSource | number | undefined {
  const isShared = (request.flags & MapFlag.TypeMask) !== MapFlag.Private;
  if ((file.mode & FileMode.Path) !== 0) return -Errno.EBADF;
  if (!file.readable) return -Errno.EACCES;
  if (isShared && (request.prot & Prot.Write) !== 0 && !file.writable) return -Errno.EACCES;
  if (file.ops.mmap) return file.ops.mmap(file, request);
  return file.inode.pages ? undefined : -Errno.ENODEV;
}

function vmFlagsOf(prot: number, flags: number, file: File | undefined): number {
  const isShared = (flags & MapFlag.TypeMask) !== MapFlag.Private;
  let vmFlags = protFlags(prot) | VmFlag.MayRead | VmFlag.MayWrite | VmFlag.MayExec;
  if (isShared) {
    vmFlags |= VmFlag.Shared | VmFlag.MayShare;
    if (file && !file.writable) vmFlags &= ~(VmFlag.MayWrite | VmFlag.Shared);
  } else if ((prot & Prot.Write) !== 0 && (flags & MapFlag.NoReserve) === 0 && !hugeFlag(file)) {
    vmFlags |= VmFlag.Account;
  }
  if ((flags & MapFlag.GrowsDown) !== 0) vmFlags |= VmFlag.GrowsDown;
  if ((flags & MapFlag.Locked) !== 0) vmFlags |= VmFlag.Locked;
  if ((flags & MapFlag.NoReserve) !== 0) vmFlags |= VmFlag.NoReserve;
  return vmFlags;
}

function hugeFlag(file: File | undefined): number {
  return file?.inode.pages?.kind === 'hugetlb' ? VmFlag.HugeTlb | VmFlag.DontExpand : 0;
}

function moveTo(address: number, fixed: boolean, length: number): Mapping {
  return { address, fixed, length, flags: 0, pageOffset: 0 };
}

/** Rounded up to pages. */
function pageAlign(length: number): number {
  return Math.ceil(length / PAGE_SIZE) * PAGE_SIZE;
}
