/** Why a modelled system call fails with an errno, in words for the author of a scene. */
import { Errno } from '../../bpf/errno.ts';
import { errnoName } from '../../bpf/errno-name.ts';

/** A system call, as far as its failures are explained together. */
export type Call =
  | 'open'
  | 'dup'
  | 'pipe'
  | 'socketpair'
  | 'eventfd'
  | 'fcntl'
  | 'lseek'
  | 'memfd_create'
  | 'epoll_create'
  | 'epoll_ctl'
  | 'mmap'
  | 'munmap'
  | 'madvise'
  | 'fork'
  | 'close'
  | 'io_uring_setup'
  | 'register buffers'
  | 'register files'
  | 'register eventfd'
  | 'update buffers'
  | 'update files'
  | 'unregister'
  | 'register'
  | 'io_uring_enter'
  | 'write'
  | 'read';

type Reasons = { readonly [errno: number]: string };

const BAD_FD = 'no such descriptor in this task';
const NO_DESCRIPTOR = 'the task has as many descriptors as its nofile limit allows';

const BUFFER_REASONS: Reasons = {
  [Errno.EFAULT]:
    'a buffer is not entirely in memory that the task may write, has an address but no length (or a length but no address), or is longer than 1 GiB',
  [Errno.EOPNOTSUPP]: 'a buffer lies in a mapping of a file that this kernel does not register',
  [Errno.EOVERFLOW]: 'a buffer reaches beyond the end of the address space',
  [Errno.ENOMEM]: "the buffers' pages exceed the task's memlock limit (CAP_IPC_LOCK lifts it)",
};

const REASONS: { readonly [call in Call]: Reasons } = {
  open: { [Errno.EMFILE]: NO_DESCRIPTOR, [Errno.ENOTDIR]: 'a part of the path is not a directory' },
  dup: { [Errno.EBADF]: BAD_FD, [Errno.EMFILE]: NO_DESCRIPTOR },
  pipe: { [Errno.EMFILE]: NO_DESCRIPTOR },
  socketpair: { [Errno.EMFILE]: NO_DESCRIPTOR },
  eventfd: { [Errno.EMFILE]: NO_DESCRIPTOR },
  fcntl: { [Errno.EINVAL]: 'files of this kind do not take O_DIRECT' },
  lseek: {
    [Errno.ESPIPE]: 'files of this kind have no position',
    [Errno.EINVAL]: 'the position is too large',
  },
  memfd_create: { [Errno.EMFILE]: NO_DESCRIPTOR, [Errno.EINVAL]: 'the name is too long' },
  epoll_create: { [Errno.EMFILE]: NO_DESCRIPTOR },
  epoll_ctl: {
    [Errno.EBADF]: BAD_FD,
    [Errno.EPERM]: 'files of this kind cannot be watched (they have no poll operation)',
    [Errno.EEXIST]: 'this descriptor is watched already',
    [Errno.ENOENT]: 'this descriptor is not watched',
    [Errno.EINVAL]: 'an epoll instance cannot watch itself, or the flags exclude each other',
    [Errno.ELOOP]: 'epoll instances watch each other in a circle, or more than four deep',
  },
  mmap: {
    [Errno.EINVAL]: 'address, length and offset are multiples of the page size, and the length is not 0',
    [Errno.EBADF]: BAD_FD,
    [Errno.EACCES]: 'the file is not open for this kind of access',
    [Errno.ENODEV]: 'files of this kind cannot be mapped',
    [Errno.ENOMEM]: 'the range does not fit into the address space, or memory is used up',
    [Errno.EEXIST]: 'the range overlaps an earlier mapping',
  },
  munmap: { [Errno.EINVAL]: 'address and length are multiples of the page size, and the length is not 0' },
  madvise: {
    [Errno.EINVAL]: 'the address is a multiple of the page size',
    [Errno.ENOMEM]: 'a part of the range is not mapped',
  },
  fork: { [Errno.EEXIST]: 'there is a task of this pid', [Errno.EAGAIN]: 'there is a task of this pid' },
  close: { [Errno.EBADF]: BAD_FD },
  io_uring_setup: {
    [Errno.EINVAL]:
      'entries is 1 to 32768, cq_entries needs CQSIZE, SQ_AFF and sq_thread_cpu need SQPOLL and an existing CPU, and this kernel has to know all flags',
    [Errno.ENXIO]: 'wq_fd (ATTACH_WQ) is not an open descriptor',
    [Errno.EMFILE]: NO_DESCRIPTOR,
    [Errno.EFAULT]: 'NO_MMAP needs memory for the rings',
  },
  'register buffers': {
    ...BUFFER_REASONS,
    [Errno.EBUSY]: 'the ring has a buffer table; unregister it first',
    [Errno.EINVAL]: 'a table has 1 to 16384 buffers, and an empty slot has no tag',
  },
  'register files': {
    [Errno.EBUSY]: 'the ring has a file table; unregister it first',
    [Errno.EBADF]: 'an entry is not an open descriptor, or it is an io_uring instance',
    [Errno.EINVAL]: 'a table has at least one slot, and an empty slot has no tag',
    [Errno.EMFILE]: "the table is larger than this kernel allows, or than the task's nofile limit",
  },
  'register eventfd': {
    [Errno.EBUSY]: 'the ring has an eventfd; unregister it first',
    [Errno.EBADF]: BAD_FD,
    [Errno.EINVAL]: 'the descriptor is not an eventfd',
  },
  'update buffers': {
    ...BUFFER_REASONS,
    [Errno.ENXIO]: 'the ring has no buffer table',
    [Errno.EINVAL]: 'offset and count go beyond the table, or an empty slot has a tag',
  },
  'update files': {
    [Errno.ENXIO]: 'the ring has no file table',
    [Errno.EBADF]: 'an entry is not an open descriptor, or it is an io_uring instance',
    [Errno.EINVAL]: 'offset and count go beyond the table, or an empty slot has a tag',
  },
  register: {
    [Errno.EINVAL]: 'this kernel does not know the operation, or a field has a value that it refuses',
    [Errno.EBADFD]: 'the ring is not R_DISABLED',
    [Errno.EACCES]: "the ring's restrictions forbid the operation",
    [Errno.EBUSY]: 'there is one already',
    [Errno.EEXIST]:
      'the group has a ring or buffers already, or the task is not the one that may use the ring',
    [Errno.ENOENT]: 'there is no such group',
    [Errno.ENXIO]: 'the other ring has no buffers',
    [Errno.EFAULT]: 'memory of the argument is not mapped',
  },
  io_uring_enter: {
    [Errno.EBADFD]: 'the ring is R_DISABLED; enable it first',
    [Errno.EEXIST]: 'only the task that made the ring (SINGLE_ISSUER) may submit',
    [Errno.EBUSY]: 'completions wait in the overflow list',
    [Errno.EBADF]: BAD_FD,
    [Errno.EOPNOTSUPP]: 'the descriptor is not an io_uring instance',
  },
  write: {
    [Errno.EBADF]: 'no such descriptor in this task, or it is not open for writing',
    [Errno.EINVAL]: 'an eventfd takes 8 bytes, and other files of this kind cannot be written',
    [Errno.EAGAIN]: 'the pipe is full, or the counter would overflow',
    [Errno.EPIPE]: 'nobody can read it any more',
  },
  read: {
    [Errno.EBADF]: 'no such descriptor in this task, or it is not open for reading',
    [Errno.EAGAIN]: 'there is nothing to read',
  },
  unregister: { [Errno.ENXIO]: 'there is nothing of this kind registered' },
};

/** "mmap by task 100 fails with EINVAL: ..." */
export function explainFailure(call: Call, pid: number, errno: number): string {
  const name = errnoName(errno);
  const reason = REASONS[call][Math.abs(errno)];
  return `${call} by task ${pid} fails with ${name}${reason ? `: ${reason}` : ''}`;
}
