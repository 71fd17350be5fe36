/** System calls on files and descriptors. A result >= 0, or a negative errno. */
import { PAGE_SIZE } from '../bpf/address.ts';
import { Errno } from '../bpf/errno.ts';
import { Capability } from './cred.ts';
import { deviceOps } from './devices.ts';
import { type File, FileMode, Open } from './file.ts';
import { type FileOwner, OwnerType } from './file-owner.ts';
import { FileType, type Inode, type Path } from './inode.ts';
import type { Blocked } from './lock.ts';
import { MemorySyscalls } from './memory-syscalls.ts';
import { MAX_FILE_SIZE } from './regular-file.ts';
import { Rlimit, type Task } from './task.ts';

export const enum Fcntl {
  DupFd = 0,
  GetFd = 1,
  SetFd = 2,
  GetFl = 3,
  SetFl = 4,
  /** Whom signals go to: a process, or (negative) a process group; 0 for nobody. */
  SetOwn = 8,
  GetOwn = 9,
  SetSig = 10,
  GetSig = 11,
  DupFdCloexec = 1030,
  SetPipeSize = 1031,
  GetPipeSize = 1032,
}

export const enum Seek {
  Set = 0,
  Current = 1,
  End = 2,
  Data = 3,
  Hole = 4,
}

/** FALLOC_FL_* */
export const enum Fallocate {
  KeepSize = 1,
  PunchHole = 2,
}

const FD_CLOEXEC = 1;
/** What open(2) takes with O_PATH, and what a file of it can be asked for. */
const PATH_FLAGS = Open.Path | Open.Directory | Open.NoFollow | Open.CloExec;
const PATH_COMMANDS: ReadonlySet<number> = new Set([
  Fcntl.DupFd,
  Fcntl.DupFdCloexec,
  Fcntl.GetFd,
  Fcntl.SetFd,
  Fcntl.GetFl,
]);
/** What fcntl F_SETFL changes; O_ASYNC too where the kind of file has it. */
const CHANGEABLE = Open.Append | Open.NonBlock | Open.Direct | Open.NoAtime;
/** 6.0: whether a file takes O_DIRECT is a mode bit. */
const NOTED_DIRECT_VERSION = 0x6_0000;
/** 6.6: tmpfs takes O_DIRECT. */
const TMPFS_DIRECT_VERSION = 0x6_0600;
const MAX_SIGNAL = 64;
const INT_MIN = -0x8000_0000;
/** CAP_FOWNER */
const CAP_FOWNER = 3 as Capability;

export class FileSyscalls extends MemorySyscalls {
  /** open(2). @param mode permission bits of a file it makes. */
  open(task: Task, path: string, flags: number, mode = 0o644): number {
    if ((flags & Open.TmpFile) === Open.TmpFile) return -Errno.EOPNOTSUPP;
    const wanted = (flags & Open.Path) !== 0 ? flags & PATH_FLAGS : flags;
    const found = this.findOrCreate(task, path, wanted, mode);
    return typeof found === 'number' ? found : this.openFound(task, found, wanted);
  }

  close(task: Task, fd: number): number {
    const file = task.files?.remove(fd);
    if (!file) return -Errno.EBADF;
    file.put();
    return 0;
  }

  dup(task: Task, fd: number): number {
    return this.fcntl(task, fd, Fcntl.DupFd, 0);
  }

  dup2(task: Task, from: number, to: number): number {
    if (from === to) return task.files?.get(from) ? to : -Errno.EBADF;
    return this.dup3(task, from, to, 0);
  }

  dup3(task: Task, from: number, to: number, flags: number): number {
    if ((flags & ~Open.CloExec) !== 0 || from === to) return -Errno.EINVAL;
    if (to < 0 || to >= task.limit(Rlimit.NoFile)) return -Errno.EBADF;
    const file = task.files?.get(from);
    if (!file) return -Errno.EBADF;
    file.get();
    task.files?.remove(to)?.put();
    task.files?.install(to, file, flags !== 0);
    return to;
  }

  fcntl(task: Task, fd: number, command: Fcntl, argument: number): number {
    const file = task.files?.get(fd);
    if (!file) return -Errno.EBADF;
    if ((file.mode & FileMode.Path) !== 0 && !PATH_COMMANDS.has(command)) return -Errno.EBADF;
    switch (command) {
      case Fcntl.DupFd:
      case Fcntl.DupFdCloexec:
        return this.dupFrom(task, file, argument, command === Fcntl.DupFdCloexec);
      case Fcntl.GetFd:
        return task.files?.closesOnExec(fd) ? FD_CLOEXEC : 0;
      case Fcntl.SetFd:
        task.files?.setCloseOnExec(fd, (argument & FD_CLOEXEC) !== 0);
        return 0;
      case Fcntl.GetFl:
        return file.flags;
      case Fcntl.SetFl:
        return this.setStatus(task, file, argument);
      case Fcntl.SetOwn:
        return this.setOwner(task, file, argument);
      case Fcntl.GetOwn: {
        const { type, pid } = this.ownerOf(file);
        return type === OwnerType.Group ? -pid : pid;
      }
      case Fcntl.SetSig:
        if (argument < 0 || argument > MAX_SIGNAL) return -Errno.EINVAL;
        file.owner.signal = argument;
        return 0;
      case Fcntl.GetSig:
        return file.owner.signal;
      default:
        return file.ops.control?.(file, task, command, argument) ?? -Errno.EINVAL;
    }
  }

  /** fcntl F_SETOWN_EX: signals go to a thread, process or group; to nobody for id 0. -EBADF, -EINVAL, -ESRCH. */
  fcntl_setown_ex(task: Task, fd: number, owner: { type: OwnerType; pid: number }): number {
    const file = this.openFile(task, fd);
    if (!file) return -Errno.EBADF;
    if (owner.type < OwnerType.Thread || owner.type > OwnerType.Group) return -Errno.EINVAL;
    return this.setOwnerTo(task, file, owner.type, owner.pid);
  }

  /** fcntl F_GETOWN_EX, and F_GETOWNER_UIDS: who gets signals, and the ids of who said so. -EBADF. */
  fcntl_getown_ex(
    task: Task,
    fd: number,
  ): { type: OwnerType; pid: number; uid: number; euid: number } | number {
    const file = this.openFile(task, fd);
    return file ? this.ownerOf(file) : -Errno.EBADF;
  }

  /** unlink(2) of a file: who has it open keeps it, its path then ends in " (deleted)". */
  unlink(_task: Task, path: string): number {
    const found = this.machine.vfs.lookup(path);
    if (typeof found === 'number') return found;
    if (found.dentry.inode.isDirectory) return -Errno.EISDIR;
    found.dentry.unlink();
    return 0;
  }

  /**
   * rename(2): what stood at the new path is unlinked.
   * @returns -ENOENT, -ENOTDIR, -EISDIR, -ENOTEMPTY, -EXDEV (another mount), -EBUSY (a mount point), -EINVAL (into
   * itself), -ENAMETOOLONG.
   */
  rename(_task: Task, from: string, to: string): number {
    const { vfs } = this.machine;
    const source = vfs.lookup(from);
    if (typeof source === 'number') return source;
    const [directory, name] = splitLast(to);
    const parent = vfs.lookup(directory);
    return typeof parent === 'number' ? parent : vfs.rename(source, parent, name);
  }

  mkdir(task: Task, path: string, mode = 0o755): number {
    const { vfs } = this.machine;
    const [directory, name] = splitLast(path);
    const parent = vfs.lookup(directory);
    if (typeof parent === 'number') return parent;
    const { fsuid, fsgid } = task.cred;
    const made = vfs.createIn(parent, name, { mode, uid: fsuid, gid: fsgid, type: FileType.Directory });
    return typeof made === 'number' ? made : 0;
  }

  /**
   * mknod(2) of a character device.
   * @param device number as `st_rdev` has it inside of the kernel. @returns -EPERM without CAP_MKNOD, -EEXIST, -ENOENT,
   * -ENXIO for one that is not modelled (Linux finds out at open).
   */
  mknod(task: Task, path: string, mode: number, device: number): number {
    if (!task.cred.capable(Capability.Mknod)) return -Errno.EPERM;
    const ops = deviceOps(device);
    if (ops === undefined) return -Errno.ENXIO;
    const { vfs } = this.machine;
    const [directory, name] = splitLast(path);
    const parent = vfs.lookup(directory);
    if (typeof parent === 'number') return parent;
    const { fsuid, fsgid } = task.cred;
    const made = vfs.createIn(parent, name, {
      mode,
      uid: fsuid,
      gid: fsgid,
      type: FileType.CharDevice,
      ops,
      device,
    });
    return typeof made === 'number' ? made : 0;
  }

  ftruncate(task: Task, fd: number, size: number): number {
    const file = this.openFile(task, fd);
    if (!file) return -Errno.EBADF;
    if (!file.writable || !file.inode.isRegular || size < 0) return -Errno.EINVAL;
    const huge = file.inode.pages?.kind === 'hugetlb';
    if (huge && size % cacheUnit(file.inode) !== 0) return -Errno.EINVAL;
    if (size > MAX_FILE_SIZE) return -Errno.EFBIG;
    this.truncate(file.inode, size);
    return 0;
  }

  /**
   * fallocate(2): gives a range of a file pages, or takes them away (FALLOC_FL_PUNCH_HOLE with KEEP_SIZE).
   * @returns -EBADF, -EINVAL, -EOPNOTSUPP, -ESPIPE, -ENODEV (not a file with content), -EFBIG, -ENOSPC.
   */
  fallocate(task: Task, fd: number, mode: number, offset: number, length: number): number {
    const file = this.openFile(task, fd);
    if (!file) return -Errno.EBADF;
    if (offset < 0 || length <= 0) return -Errno.EINVAL;
    const punch = (mode & Fallocate.PunchHole) !== 0;
    const keep = (mode & Fallocate.KeepSize) !== 0;
    if ((mode & ~(Fallocate.PunchHole | Fallocate.KeepSize)) !== 0 || (punch && !keep))
      return -Errno.EOPNOTSUPP;
    if (!file.writable) return -Errno.EBADF;
    const { inode } = file;
    if ((inode.mode & FileType.Mask) === FileType.Fifo) return -Errno.ESPIPE;
    if (!inode.isRegular || !inode.pages) return -Errno.ENODEV;
    if (offset + length > MAX_FILE_SIZE) return -Errno.EFBIG;
    if (punch) return this.punchFile(inode, offset, length);
    if (!inode.pages.fill(offset, length)) return -Errno.ENOSPC;
    if (!keep) inode.size = Math.max(inode.size, offset + length);
    return 0;
  }

  /** lseek(2): the new position. -EBADF, -ESPIPE (pipes, sockets, ...), -EINVAL, -ENXIO (no data or hole there). */
  lseek(task: Task, fd: number, offset: number, whence: Seek): number {
    const file = this.openFile(task, fd);
    if (!file) return -Errno.EBADF;
    if ((file.mode & FileMode.Lseek) === 0) return -Errno.ESPIPE;
    const to = seekTarget(file, offset, whence);
    if (to >= 0) file.position = to;
    return to;
  }

  read(task: Task, fd: number, length: number): Uint8Array | number | Blocked {
    const file = task.files?.get(fd);
    return file ? file.read(task, length) : -Errno.EBADF;
  }

  write(task: Task, fd: number, bytes: Uint8Array): number {
    const file = task.files?.get(fd);
    return file ? file.write(task, bytes) : -Errno.EBADF;
  }

  /** pread64(2): the file's position stays. -ESPIPE for what has none. */
  pread(task: Task, fd: number, length: number, offset: number): Uint8Array | number | Blocked {
    if (offset < 0) return -Errno.EINVAL;
    const file = this.openFile(task, fd);
    if (!file) return -Errno.EBADF;
    if ((file.mode & FileMode.Pread) === 0) return -Errno.ESPIPE;
    return at(file, offset, () => file.read(task, length));
  }

  /** pwrite64(2): the file's position stays. With O_APPEND the bytes go to the end all the same. */
  pwrite(task: Task, fd: number, bytes: Uint8Array, offset: number): number {
    if (offset < 0) return -Errno.EINVAL;
    const file = this.openFile(task, fd);
    if (!file) return -Errno.EBADF;
    if ((file.mode & FileMode.Pwrite) === 0) return -Errno.ESPIPE;
    return at(file, offset, () => file.write(task, bytes));
  }

  /** Installs a file in the lowest free descriptor; on failure (-EMFILE) the reference is dropped. */
  install(task: Task, file: File, closeOnExec: boolean): number {
    const fd = this.freeFd(task);
    if (fd < 0) file.put();
    else task.files?.install(fd, file, closeOnExec);
    return fd;
  }

  /** A new open file of what stands at a path. */
  protected openFound(task: Task, path: Path, flags: number): number {
    const { inode } = path.dentry;
    if ((flags & Open.Path) === 0) {
      const error = this.checkOpen(inode, flags);
      if (error < 0) return error;
    } else if (!inode.isDirectory && (flags & Open.Directory) !== 0) {
      return -Errno.ENOTDIR;
    }
    const large = (flags & Open.Path) === 0 ? Open.LargeFile : 0;
    const fd = this.installNew(task, flags, () => {
      const file = this.machine.vfs.openPath(path, flags | large, task.cred);
      const noted = this.machine.profile.dialect.versionCode >= NOTED_DIRECT_VERSION;
      if (noted && large !== 0 && this.takesDirect(inode)) file.addMode(FileMode.CanDirect);
      return file;
    });
    const writes = (flags & Open.AccMode) !== Open.RdOnly;
    if (fd >= 0 && inode.isRegular && writes && (flags & Open.Trunc) !== 0) this.truncate(inode, 0);
    return fd;
  }

  /** Makes a file for the lowest free descriptor. */
  protected installNew(task: Task, flags: number, make: () => File | number): number {
    const fd = this.freeFd(task);
    if (fd < 0) return fd;
    const file = make();
    return typeof file === 'number' ? file : this.installAt(task, fd, file, flags);
  }

  /** The file of a descriptor that was not opened with O_PATH. */
  protected openFile(task: Task, fd: number): File | undefined {
    const file = task.files?.get(fd);
    return file && (file.mode & FileMode.Path) === 0 ? file : undefined;
  }

  protected freeFd(task: Task, from = 0): number {
    return task.files ? task.files.findFree(from, task.limit(Rlimit.NoFile)) : -Errno.ESRCH;
  }

  protected installAt(task: Task, fd: number, file: File, flags: number): number {
    task.files?.install(fd, file, (flags & Open.CloExec) !== 0);
    return fd;
  }

  protected dupFrom(task: Task, file: File, from: number, closeOnExec: boolean): number {
    if (from < 0 || from >= task.limit(Rlimit.NoFile)) return -Errno.EINVAL;
    const fd = this.freeFd(task, from);
    if (fd >= 0) task.files?.install(fd, file.get(), closeOnExec);
    return fd;
  }

  protected installPair(task: Task, flags: number, make: () => [File, File]): [number, number] | number {
    const first = this.freeFd(task);
    const second = first < 0 ? first : this.freeFd(task, first + 1);
    if (second < 0) return second;
    const [a, b] = make();
    this.installAt(task, first, a, flags);
    this.installAt(task, second, b, flags);
    return [first, second];
  }

  private findOrCreate(task: Task, path: string, flags: number, mode: number): Path | number {
    const { vfs } = this.machine;
    const found = vfs.lookup(path);
    if (typeof found !== 'number')
      return (flags & Open.Creat) !== 0 && (flags & Open.Excl) !== 0 ? -Errno.EEXIST : found;
    if (found !== -Errno.ENOENT || (flags & Open.Creat) === 0) return found;
    const [directory, name] = splitLast(path);
    const parent = vfs.lookup(directory);
    if (typeof parent === 'number') return parent;
    return vfs.createIn(parent, name, { mode, uid: task.cred.fsuid, gid: task.cred.fsgid });
  }

  private checkOpen(inode: Inode, flags: number): number {
    const writes = (flags & Open.AccMode) !== Open.RdOnly;
    if (inode.isDirectory && (writes || (flags & Open.Creat) !== 0)) return -Errno.EISDIR;
    if (!inode.isDirectory && (flags & Open.Directory) !== 0) return -Errno.ENOTDIR;
    if (inode.ops === 'no_open_fops') return -Errno.ENXIO;
    return (flags & Open.Direct) !== 0 && !this.takesDirect(inode) ? -Errno.EINVAL : 0;
  }

  private takesDirect(inode: Inode): boolean {
    if (!inode.isRegular || inode.pages?.kind === 'hugetlb') return false;
    return inode.pages?.kind === 'file' || this.machine.profile.dialect.versionCode >= TMPFS_DIRECT_VERSION;
  }

  /** Newer kernels note it when a file is opened, which a memfd is not. */
  private mayBeDirect(file: File): boolean {
    const noted = this.machine.profile.dialect.versionCode >= NOTED_DIRECT_VERSION;
    return noted ? (file.mode & FileMode.CanDirect) !== 0 : this.takesDirect(file.inode);
  }

  /** fcntl F_SETFL: only the flags that may change do. */
  private setStatus(task: Task, file: File, flags: number): number {
    const { inode } = file;
    const owns = inode.uid === task.cred.fsuid || task.cred.capable(CAP_FOWNER);
    if ((flags & ~file.flags & Open.NoAtime) !== 0 && !owns) return -Errno.EPERM;
    const isPipe = (inode.mode & FileType.Mask) === FileType.Fifo;
    if ((flags & Open.Direct) !== 0 && !isPipe && !this.mayBeDirect(file)) return -Errno.EINVAL;
    const changeable = CHANGEABLE | (file.ops.signals ? Open.Async : 0);
    file.flags = (file.flags & ~changeable) | (flags & changeable);
    return 0;
  }

  private setOwner(task: Task, file: File, who: number): number {
    if (who === INT_MIN) return -Errno.EINVAL;
    return this.setOwnerTo(task, file, who < 0 ? OwnerType.Group : OwnerType.Process, Math.abs(who));
  }

  /** Process groups are known by their leaders only. */
  private setOwnerTo(task: Task, file: File, type: OwnerType, pid: number): number {
    const target = pid === 0 ? undefined : this.machine.tasks.get(pid);
    if (pid !== 0 && !target) return -Errno.ESRCH;
    file.owner.set(type, target, task.cred);
    return 0;
  }

  /** The owner as others see it: nobody once it is gone. */
  private ownerOf({ owner }: { owner: FileOwner }) {
    const { type, uid, euid, target } = owner;
    const alive = target && this.machine.tasks.get(target.pid) === target;
    return { type, pid: alive ? target.pid : 0, uid, euid };
  }

  private punchFile(inode: Inode, offset: number, length: number): number {
    const end = offset + length;
    const unit = cacheUnit(inode);
    const [first, last] = [Math.ceil(offset / unit) * unit, Math.floor(end / unit) * unit];
    if (first > last) inode.pages?.clear(offset, end);
    else {
      inode.pages?.clear(offset, first);
      inode.pages?.clear(last, end);
      this.dropPages(inode, first / PAGE_SIZE, last / PAGE_SIZE, false);
    }
    return 0;
  }

  /** Sets a file's size; pages behind the end go, and the rest of the last one is cleared. */
  private truncate(inode: Inode, size: number): void {
    if (size < inode.size) {
      const end = Math.ceil(size / PAGE_SIZE);
      this.dropPages(inode, end, Number.POSITIVE_INFINITY, true);
      inode.pages?.clear(size, end * PAGE_SIZE);
    }
    inode.size = size;
  }
}

/** Bytes that a file's pages come in. */
function cacheUnit(inode: Inode): number {
  return PAGE_SIZE << (inode.pages?.order ?? 0);
}

/** [path of the directory, name in it] */
function splitLast(path: string): [string, string] {
  const slash = path.lastIndexOf('/');
  return [path.slice(0, slash) || '/', path.slice(slash + 1)];
}

/** Does something at a place of a file without moving its position. */
function at<T>(file: File, offset: number, action: () => T): T {
  const { position } = file;
  file.position = offset;
  const result = action();
  file.position = position;
  return result;
}

function seekTarget(file: File, offset: number, whence: Seek): number {
  const { size, pages } = file.inode;
  const from = { [Seek.Set]: 0, [Seek.Current]: file.position, [Seek.End]: size }[whence as number];
  if (from !== undefined) {
    const to = from + offset;
    return to < 0 || to > MAX_FILE_SIZE ? -Errno.EINVAL : to;
  }
  if (whence !== Seek.Data && whence !== Seek.Hole) return -Errno.EINVAL;
  if (offset < 0 || offset >= size) return -Errno.ENXIO;
  const index = Math.floor(offset / PAGE_SIZE);
  const found = (whence === Seek.Data ? pages?.nextPresent(index) : pages?.nextHole(index)) ?? index;
  const to = Math.max(offset, found * PAGE_SIZE);
  if (to < size) return to;
  return whence === Seek.Data ? -Errno.ENXIO : size;
}
