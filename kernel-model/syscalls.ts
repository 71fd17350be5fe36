/**
 * System calls on tasks and on what they open that has no path, as a task makes them: a result >= 0, or a negative
 * errno. Memory, files and credentials have files of their own, and so have io_uring and epoll.
 */
import { Errno } from '../bpf/errno.ts';
import { mayAccess } from './access.ts';
import { ChannelSyscalls } from './channel-syscalls.ts';
import { createEventfd } from './eventfd.ts';
import { Open } from './file.ts';
import type { Task } from './task.ts';

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

export class Syscalls extends ChannelSyscalls {
  eventfd2(task: Task, count: number, flags: number): number {
    if ((flags & ~EFD_FLAGS) !== 0) return -Errno.EINVAL;
    const fd = this.freeFd(task);
    if (fd < 0) return fd;
    const semaphore = (flags & EFD_SEMAPHORE) !== 0;
    const file = createEventfd(this.machine, task, { count, semaphore, flags: flags & Open.NonBlock });
    return this.installAt(task, fd, file, flags);
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
    if (!mayAccess(task, target, 'real')) return -Errno.EPERM;
    const found = target.files?.get(fd);
    if (!found) return -Errno.EBADF;
    return this.dupFrom(task, found, 0, true);
  }
}
