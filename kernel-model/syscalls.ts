/**
 * System calls on files and tasks, as a task makes them: a result >= 0, or a negative errno. Memory calls stand in
 * `memory-syscalls.ts`; io_uring and epoll have files of their own.
 */
import { PAGE_SIZE } from '../bpf/address.ts';
import { Errno } from '../bpf/errno.ts';
import { createEventfd } from './eventfd.ts';
import { type File, Open } from './file.ts';
import { FileType, type Inode } from './inode.ts';
import type { Blocked } from './lock.ts';
import { MemorySyscalls } from './memory-syscalls.ts';
import { createPipe } from './pipe.ts';
import { createSocketPair } from './socket.ts';
import { Rlimit, type Task } from './task.ts';

/** EFD_* */
const EFD_SEMAPHORE = 1;
const EFD_FLAGS = EFD_SEMAPHORE | Open.CloExec | Open.NonBlock;
/** MFD_* */
const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const MFD_HUGETLB = 4;
const MFD_SIZE_SHIFT = 26;
const MFD_2MB = 21;
/** Longest name of a memfd, without its prefix. */
const MFD_NAME_MAX = 249;

export const enum Fcntl {
  DupFd = 0,
  GetFd = 1,
  SetFd = 2,
  GetFl = 3,
  SetFl = 4,
  DupFdCloexec = 1030,
}

const FD_CLOEXEC = 1;
const O_DIRECT = 0o40000;
const SOCK_TYPE_MASK = 0xf;
const AF_UNIX = 1;

export class Syscalls extends MemorySyscalls {
  /** open(2). @param mode permission bits of a file it makes. */
  open(task: Task, path: string, flags: number, mode = 0o644): number {
    const { vfs } = this.machine;
    let found = vfs.lookup(path);
    if (typeof found === 'number') {
      if (found !== -Errno.ENOENT || (flags & Open.Creat) === 0) return found;
      const slash = path.lastIndexOf('/');
      const parent = vfs.lookup(path.slice(0, slash) || '/');
      if (typeof parent === 'number') return parent;
      const owner = { mode, uid: task.cred.uid, gid: task.cred.gid };
      found = vfs.createIn(parent, path.slice(slash + 1), owner);
      if (typeof found === 'number') return found;
    } else if ((flags & Open.Creat) !== 0 && (flags & Open.Excl) !== 0) {
      return -Errno.EEXIST;
    }
    const { inode } = found.dentry;
    const writes = (flags & Open.AccMode) !== Open.RdOnly;
    if (inode.isDirectory && (writes || (flags & Open.Creat) !== 0)) return -Errno.EISDIR;
    if (!inode.isDirectory && (flags & Open.Directory) !== 0) return -Errno.ENOTDIR;
    const fd = this.freeFd(task);
    if (fd < 0) return fd;
    if (inode.isRegular && writes && (flags & Open.Trunc) !== 0) this.truncate(found.dentry.inode, 0);
    return this.installAt(task, fd, vfs.openPath(found, flags | Open.LargeFile, task.cred), flags);
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
        return file.setFlags(argument);
      default:
        return -Errno.EINVAL;
    }
  }

  /** unlink(2) of a file: who has it open keeps it, its path then ends in " (deleted)". */
  unlink(_task: Task, path: string): number {
    const found = this.machine.vfs.lookup(path);
    if (typeof found === 'number') return found;
    if (found.dentry.inode.isDirectory) return -Errno.EISDIR;
    found.dentry.unlink();
    return 0;
  }

  mkdir(task: Task, path: string, mode = 0o755): number {
    const { vfs } = this.machine;
    const slash = path.lastIndexOf('/');
    const parent = vfs.lookup(path.slice(0, slash) || '/');
    if (typeof parent === 'number') return parent;
    const owner = { mode, uid: task.cred.uid, gid: task.cred.gid, type: FileType.Directory as const };
    const made = vfs.createIn(parent, path.slice(slash + 1), owner);
    return typeof made === 'number' ? made : 0;
  }

  ftruncate(task: Task, fd: number, size: number): number {
    const file = task.files?.get(fd);
    if (!file) return -Errno.EBADF;
    if (!file.writable || !file.inode.isRegular || size < 0) return -Errno.EINVAL;
    this.truncate(file.inode, size);
    return 0;
  }

  read(task: Task, fd: number, length: number): Uint8Array | number | Blocked {
    const file = task.files?.get(fd);
    return file ? file.read(task, length) : -Errno.EBADF;
  }

  write(task: Task, fd: number, bytes: Uint8Array): number {
    const file = task.files?.get(fd);
    return file ? file.write(task, bytes) : -Errno.EBADF;
  }

  eventfd2(task: Task, count: number, flags: number): number {
    if ((flags & ~EFD_FLAGS) !== 0) return -Errno.EINVAL;
    const fd = this.freeFd(task);
    if (fd < 0) return fd;
    const semaphore = (flags & EFD_SEMAPHORE) !== 0;
    const file = createEventfd(this.machine, task, { count, semaphore, flags: flags & Open.NonBlock });
    return this.installAt(task, fd, file, flags);
  }

  /** pipe2(2): [read end, write end], or a negative errno. */
  pipe2(task: Task, flags: number): [number, number] | number {
    if ((flags & ~(Open.CloExec | Open.NonBlock | O_DIRECT)) !== 0) return -Errno.EINVAL;
    return this.installPair(task, flags, () =>
      createPipe(this.machine, task, flags & (Open.NonBlock | O_DIRECT)),
    );
  }

  /** socketpair(2) of AF_UNIX sockets: both descriptors, or a negative errno. */
  socketpair(task: Task, family: number, type: number): [number, number] | number {
    if (family !== AF_UNIX) return -Errno.EOPNOTSUPP;
    const kind = type & SOCK_TYPE_MASK;
    if (kind !== 1 && kind !== 2 && kind !== 5) return -Errno.EINVAL;
    const flags = type & (Open.CloExec | Open.NonBlock);
    if ((type & ~(SOCK_TYPE_MASK | flags)) !== 0) return -Errno.EINVAL;
    return this.installPair(task, flags, () =>
      createSocketPair(this.machine, task, kind, flags & Open.NonBlock),
    );
  }

  memfd_create(task: Task, name: string, flags: number): number {
    const huge = (flags & MFD_HUGETLB) !== 0;
    const pageBits = flags >>> MFD_SIZE_SHIFT;
    const known = MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB;
    if (((flags & ~known) << 6) >>> 6 !== 0 || (!huge && pageBits !== 0)) return -Errno.EINVAL;
    if (huge && pageBits !== 0 && pageBits !== MFD_2MB) return -Errno.ENODEV;
    if (new TextEncoder().encode(name).length > MFD_NAME_MAX) return -Errno.EINVAL;
    const fd = this.freeFd(task);
    if (fd < 0) return fd;
    const file = this.machine.vfs.openMemory(`memfd:${name}`, 0, task.cred, huge ? 9 : 0);
    return this.installAt(task, fd, file, (flags & MFD_CLOEXEC) !== 0 ? Open.CloExec : 0);
  }

  /** clone(2): the child's id. @param pid the child's id, when the caller chooses it (clone3's set_tid). */
  clone(task: Task, flags: number, pid?: number): number {
    return this.machine.tasks.clone(task, flags, pid);
  }

  fork(task: Task, pid?: number): number {
    return this.clone(task, 0, pid);
  }

  /** One thread ends. */
  exit(task: Task, code: number): number {
    this.machine.tasks.exit(task, code);
    return 0;
  }

  /** The whole process ends. */
  exit_group(task: Task, code: number): number {
    this.machine.tasks.exitGroup(task, code);
    return 0;
  }

  pidfd_open(task: Task, pid: number, flags: number): number {
    if ((flags & ~Open.NonBlock) !== 0 || pid <= 0) return -Errno.EINVAL;
    const target = this.machine.tasks.get(pid);
    if (!target) return -Errno.ESRCH;
    if (!target.isLeader) return -Errno.EINVAL;
    const fd = this.freeFd(task);
    if (fd < 0) return fd;
    const file = this.machine.vfs.openPseudo({
      kind: 'anon_inode',
      name: '[pidfd]',
      ops: { symbol: 'pidfd_fops', pollable: true, release: () => target.putPid() },
      flags: Open.RdWr | (flags & Open.NonBlock),
      cred: task.cred,
    });
    target.getPid();
    file.object = target;
    file.setPrivate(target.pidRecord);
    return this.installAt(task, fd, file, Open.CloExec);
  }

  /** pidfd_getfd(2): a descriptor for another process's open file. */
  pidfd_getfd(task: Task, pidfd: number, fd: number, flags: number): number {
    if (flags !== 0) return -Errno.EINVAL;
    const file = task.files?.get(pidfd);
    if (file?.ops.symbol !== 'pidfd_fops') return -Errno.EBADF;
    const target = file.object as Task;
    if (target.exited) return -Errno.ESRCH;
    const found = target.files?.get(fd);
    if (!found) return -Errno.EBADF;
    return this.dupFrom(task, found, 0, true);
  }

  /** Installs a file in the lowest free descriptor; on failure (-EMFILE) the reference is dropped. */
  install(task: Task, file: File, closeOnExec: boolean): number {
    const fd = this.freeFd(task);
    if (fd < 0) file.put();
    else task.files?.install(fd, file, closeOnExec);
    return fd;
  }

  private freeFd(task: Task, from = 0): number {
    return task.files ? task.files.findFree(from, task.limit(Rlimit.NoFile)) : -Errno.ESRCH;
  }

  /** Sets a file's size; pages behind the end go. */
  private truncate(inode: Inode, size: number): void {
    inode.pages?.release(Math.ceil(size / PAGE_SIZE));
    inode.size = size;
  }

  private installAt(task: Task, fd: number, file: File, flags: number): number {
    task.files?.install(fd, file, (flags & Open.CloExec) !== 0);
    return fd;
  }

  private dupFrom(task: Task, file: File, from: number, closeOnExec: boolean): number {
    if (from < 0 || from >= task.limit(Rlimit.NoFile)) return -Errno.EINVAL;
    const fd = this.freeFd(task, from);
    if (fd >= 0) task.files?.install(fd, file.get(), closeOnExec);
    return fd;
  }

  private installPair(task: Task, flags: number, make: () => [File, File]): [number, number] | number {
    const first = this.freeFd(task);
    const second = first < 0 ? first : this.freeFd(task, first + 1);
    if (second < 0) return second;
    const [a, b] = make();
    this.installAt(task, first, a, flags);
    this.installAt(task, second, b, flags);
    return [first, second];
  }
}
