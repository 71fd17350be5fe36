/**
 * What one process may see and change of another's memory: process_vm_readv and process_vm_writev, and the files
 * /proc/PID/mem, pagemap, map_files and fd. Bytes come and go outside of the modelled memory; a negative errno else.
 */
import { PAGE_SIZE } from '../bpf/address.ts';
import { Errno } from '../bpf/errno.ts';
import { mayAccess } from './access.ts';
import { Capability } from './cred.ts';
import { FileMode, Open } from './file.ts';
import { FileSyscalls } from './file-syscalls.ts';
import { type Mm, USER_END } from './mm.ts';
import type { Task } from './task.ts';

/** `struct iovec` */
export interface IoVec {
  address: number;
  /** Bytes. */
  length: number;
}

/** UIO_MAXIOV */
const MAX_VECTORS = 1024;

export class ProcessSyscalls extends FileSyscalls {
  /**
   * Reads /proc/PID/pagemap: a word for each page, as far as user space goes. Bits 0-54 are the frame number, which is
   * 0 without CAP_SYS_ADMIN, 56 says mapped only here, 61 page of a file or shared, 63 present; 62 (swapped) never is.
   * @returns -ESRCH, -EACCES, -EINVAL (not on a page).
   */
  pagemap(task: Task, pid: number, address: number, pages: number): BigUint64Array | number {
    const mm = this.procMemory(task, pid);
    if (typeof mm === 'number') return mm;
    if (address % PAGE_SIZE !== 0 || address < 0 || pages < 0) return -Errno.EINVAL;
    const count = Math.min(pages, Math.max(0, (USER_END - address) / PAGE_SIZE));
    if (!mm) return new BigUint64Array(0);
    return mm.memory.pagemap(address, count, task.cred.capable(Capability.SysAdmin));
  }

  /**
   * process_vm_readv(2): the bytes of the ranges, one after the other, up to the first page that cannot be read.
   * @returns -EINVAL (flags, more than 1024 ranges), -ESRCH, -EPERM, -EFAULT when the very first page cannot be read.
   */
  process_vm_readv(task: Task, pid: number, remote: readonly IoVec[], flags = 0): Uint8Array | number {
    const mm = this.foreignMemory(task, pid, remote, flags);
    if (typeof mm === 'number') return mm;
    const parts: Uint8Array[] = [];
    for (const { address, length } of remote) {
      const part = inUserSpace(address, length) ? mm.memory.readForeign(address, length, false) : EMPTY;
      parts.push(part);
      if (part.length < length) break;
    }
    const bytes = joined(parts);
    return bytes.length === 0 && remote.some(({ length }) => length > 0) ? -Errno.EFAULT : bytes;
  }

  /**
   * process_vm_writev(2): the number of bytes written.
   * @returns as `process_vm_readv`; pages that the process itself may not write cannot be written.
   */
  process_vm_writev(task: Task, pid: number, bytes: Uint8Array, remote: readonly IoVec[], flags = 0): number {
    const mm = this.foreignMemory(task, pid, remote, flags);
    if (typeof mm === 'number') return mm;
    let done = 0;
    for (const { address, length } of remote) {
      const part = bytes.subarray(done, done + length);
      const written = inUserSpace(address, part.length) ? mm.memory.writeForeign(address, part, false) : 0;
      done += written;
      if (written < part.length) break;
    }
    return done === 0 && bytes.length > 0 && remote.some(({ length }) => length > 0) ? -Errno.EFAULT : done;
  }

  /**
   * Reads /proc/PID/mem, where protection counts for nothing: the bytes up to the first page that is not there.
   * @returns -ESRCH, -EACCES, -EIO when that is the first one.
   */
  read_mem(task: Task, pid: number, address: number, length: number): Uint8Array | number {
    const mm = this.procMemory(task, pid);
    if (typeof mm === 'number') return mm;
    if (!mm || length === 0) return new Uint8Array(0);
    const bytes = inUserSpace(address, length) ? mm.memory.readForeign(address, length, true) : EMPTY;
    return bytes.length === 0 ? -Errno.EIO : bytes;
  }

  /** Writes /proc/PID/mem: private memory even where it is write-protected. Errors as `read_mem`. */
  write_mem(task: Task, pid: number, address: number, bytes: Uint8Array): number {
    const mm = this.procMemory(task, pid);
    if (typeof mm === 'number') return mm;
    if (!mm || bytes.length === 0) return 0;
    const written = inUserSpace(address, bytes.length) ? mm.memory.writeForeign(address, bytes, true) : 0;
    return written === 0 ? -Errno.EIO : written;
  }

  /**
   * Opens /proc/PID/map_files/START-END: the file or shared memory behind a mapping, whether or not it has a path.
   * @param end of the mapping, which must be this one exactly. @param flags O_*
   * @returns the descriptor, -ENOENT, -EACCES, -EPERM without CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE, -ENXIO for what
   * cannot be opened anew (a ring).
   */
  open_map_file(task: Task, pid: number, start: number, end: number, flags: Open | number): number {
    const target = this.machine.tasks.get(pid);
    if (!target) return -Errno.ENOENT;
    if (!mayAccess(task, target, 'filesystem')) return -Errno.EACCES;
    const vma = target.mm?.covering(start);
    if (vma?.start !== start || vma.end !== end || !vma.file) return -Errno.ENOENT;
    const { cred } = task;
    if (!cred.capable(Capability.SysAdmin) && !cred.capable(Capability.CheckpointRestore))
      return -Errno.EPERM;
    return this.openFound(task, vma.file.path, flags);
  }

  /**
   * Opens /proc/PID/fd/N: a new open file of what a descriptor of a process shows.
   * @returns the descriptor, -ENOENT, -EACCES, -ENXIO for what cannot be opened anew (sockets, anonymous inodes).
   */
  open_fd_link(task: Task, pid: number, fd: number, flags: Open | number): number {
    const target = this.machine.tasks.get(pid);
    const file = target?.files?.get(fd);
    if (!target || !file) return -Errno.ENOENT;
    if (!mayAccess(task, target, 'filesystem')) return -Errno.EACCES;
    if ((file.mode & FileMode.Path) === 0 && file.ops.reopen)
      return this.installNew(
        task,
        flags,
        () => file.ops.reopen?.(file, flags | Open.LargeFile, task.cred) ?? -Errno.ENXIO,
      );
    return this.openFound(task, file.path, flags);
  }

  /** Memory behind a file of /proc/PID; undefined for a process that has none any more. */
  private procMemory(task: Task, pid: number): Mm | undefined | number {
    const target = this.machine.tasks.get(pid);
    if (!target) return -Errno.ESRCH;
    return !target.mm || mayAccess(task, target, 'filesystem') ? target.mm : -Errno.EACCES;
  }

  private foreignMemory(task: Task, pid: number, remote: readonly IoVec[], flags: number): Mm | number {
    if (flags !== 0 || remote.length > MAX_VECTORS) return -Errno.EINVAL;
    const target = this.machine.tasks.get(pid);
    if (!target?.mm) return -Errno.ESRCH;
    return mayAccess(task, target, 'real') ? target.mm : -Errno.EPERM;
  }
}

const EMPTY = new Uint8Array(0);

function inUserSpace(address: number, length: number): boolean {
  return address >= 0 && length >= 0 && address <= USER_END - length;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
