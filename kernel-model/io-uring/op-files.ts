/** IORING_OP_OPENAT, CLOSE, FILES_UPDATE and FIXED_FD_INSTALL: descriptors, and slots of the registered table. */
import { Errno } from '../../bpf/errno.ts';
import { Open } from '../file.ts';
import type { Task } from '../task.ts';
import { callerMemory, readStruct, UserArray, writeUser } from '../user-pointer.ts';
import { installFixed, removeFixed } from './fixed-install.ts';
import type { Operation } from './outcome.ts';
import { updateFiles } from './register-files.ts';
import type { Request } from './request.ts';
import { IoUring } from './ring.ts';
import { FILE_INDEX_ALLOC, SqeFlag } from './uapi.ts';

const PATH_MAX = 4096;
/** FIXED_FD_INSTALL without O_CLOEXEC. */
const NO_CLOEXEC = 1;

export const openAt: Operation = {
  prepare(request, sqe) {
    if (sqe.buffer !== 0) return -Errno.EINVAL;
    if (request.has(SqeFlag.FixedFile)) return -Errno.EBADF;
    const path = readPath(request.task, sqe.address);
    if (typeof path === 'number') return path;
    return sqe.fileIndex !== 0 && (sqe.opFlags & Open.CloExec) !== 0 ? -Errno.EINVAL : 0;
  },
  execute({ ring, task, sqe }) {
    const path = readPath(task, sqe.address);
    if (typeof path === 'number') return path;
    const { sys } = ring.machine;
    const fd = sys.open(task, path, sqe.opFlags, sqe.length);
    if (fd < 0 || sqe.fileIndex === 0) return fd;
    const file = task.files?.remove(fd);
    return file ? installFixed(ring, file, sqe.fileIndex) : -Errno.EBADF;
  },
};

export const close: Operation = {
  prepare(request, sqe) {
    const unused = sqe.length | sqe.opFlags | sqe.buffer;
    if (unused !== 0 || sqe.offset !== 0n || sqe.address !== 0n) return -Errno.EINVAL;
    if (request.has(SqeFlag.FixedFile)) return -Errno.EBADF;
    return sqe.fileIndex !== 0 && sqe.fd !== 0 ? -Errno.EINVAL : 0;
  },
  execute({ ring, task, sqe }) {
    if (sqe.fileIndex !== 0) return removeFixed(ring, sqe.fileIndex - 1);
    if (task.files?.get(sqe.fd)?.object instanceof IoUring) return -Errno.EBADF;
    return ring.machine.sys.close(task, sqe.fd);
  },
};

export const filesUpdate: Operation = {
  iopoll: true,
  prepare(request, sqe) {
    if (request.has(SqeFlag.FixedFile) || request.has(SqeFlag.BufferSelect)) return -Errno.EINVAL;
    if (sqe.opFlags !== 0 || sqe.fileIndex !== 0) return -Errno.EINVAL;
    return sqe.length === 0 ? -Errno.EINVAL : 0;
  },
  execute(request) {
    const { ring, task, sqe } = request;
    const slot = Number(sqe.offset & 0xffff_ffffn);
    if (slot === FILE_INDEX_ALLOC && ring.ctx.has('file_table.bitmap')) return allocateSlots(request);
    const fds = new UserArray(callerMemory(task), sqe.address, 4);
    return updateFiles(ring, task, slot, fds, sqe.length, undefined);
  },
};

export const fixedFdInstall: Operation = {
  needsFile: true,
  prepare(request, sqe) {
    const unused = sqe.length | sqe.buffer | sqe.fileIndex;
    if (unused !== 0 || sqe.offset !== 0n || sqe.address !== 0n) return -Errno.EINVAL;
    if (!request.has(SqeFlag.FixedFile)) return -Errno.EBADF;
    if ((sqe.opFlags & ~NO_CLOEXEC) !== 0) return -Errno.EINVAL;
    // The descriptor is the task's, whatever credentials the entry names.
    return sqe.personality === 0 ? 0 : -Errno.EPERM;
  },
  execute({ ring, task, file, sqe }) {
    if (!file) return -Errno.EBADF;
    return ring.machine.sys.install(task, file.get(), (sqe.opFlags & NO_CLOEXEC) === 0);
  },
};

/** Each file gets a slot of the kernel's choice, which is written back in place of its descriptor. */
function allocateSlots({ ring, task, sqe }: Request): number {
  if (!ring.files) return -Errno.ENXIO;
  const memory = callerMemory(task);
  let error = 0;
  let done = 0;
  for (; done < sqe.length; done++) {
    const at = sqe.address + BigInt(4 * done);
    const fd = readStruct(memory, at, 4)?.getInt32(0, true);
    const file = fd === undefined ? undefined : task.files?.get(fd);
    error = fd === undefined ? -Errno.EFAULT : file ? 0 : -Errno.EBADF;
    if (!file) break;
    const slot = installFixed(ring, file.get(), FILE_INDEX_ALLOC);
    error = slot;
    if (slot < 0) break;
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setInt32(0, slot, true);
    if (writeUser(memory, at, 0, bytes)) continue;
    removeFixed(ring, slot);
    error = -Errno.EFAULT;
    break;
  }
  return done > 0 ? done : error;
}

function readPath(task: Task, address: bigint): string | number {
  const memory = callerMemory(task);
  const bytes: number[] = [];
  while (bytes.length < PATH_MAX) {
    const byte = memory.read(address + BigInt(bytes.length), 1)?.[0];
    if (byte === undefined) return -Errno.EFAULT;
    if (byte === 0)
      return bytes.length === 0 ? -Errno.ENOENT : new TextDecoder().decode(Uint8Array.from(bytes));
    bytes.push(byte);
  }
  return -Errno.ENAMETOOLONG;
}
