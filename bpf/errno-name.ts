import { Errno } from './errno.ts';

const NAMES: ReadonlyMap<number, string> = new Map([
  [Errno.EPERM, 'EPERM'],
  [Errno.ENOENT, 'ENOENT'],
  [Errno.ESRCH, 'ESRCH'],
  [Errno.EINTR, 'EINTR'],
  [Errno.EIO, 'EIO'],
  [Errno.ENXIO, 'ENXIO'],
  [Errno.E2BIG, 'E2BIG'],
  [Errno.EBADF, 'EBADF'],
  [Errno.ECHILD, 'ECHILD'],
  [Errno.EAGAIN, 'EAGAIN'],
  [Errno.ENOMEM, 'ENOMEM'],
  [Errno.EACCES, 'EACCES'],
  [Errno.EFAULT, 'EFAULT'],
  [Errno.EBUSY, 'EBUSY'],
  [Errno.EEXIST, 'EEXIST'],
  [Errno.ENODEV, 'ENODEV'],
  [Errno.ENOTDIR, 'ENOTDIR'],
  [Errno.EISDIR, 'EISDIR'],
  [Errno.EINVAL, 'EINVAL'],
  [Errno.ENFILE, 'ENFILE'],
  [Errno.EMFILE, 'EMFILE'],
  [Errno.EFBIG, 'EFBIG'],
  [Errno.ENOSPC, 'ENOSPC'],
  [Errno.ESPIPE, 'ESPIPE'],
  [Errno.EROFS, 'EROFS'],
  [Errno.EPIPE, 'EPIPE'],
  [Errno.EDOM, 'EDOM'],
  [Errno.ERANGE, 'ERANGE'],
  [Errno.EDEADLK, 'EDEADLK'],
  [Errno.ENAMETOOLONG, 'ENAMETOOLONG'],
  [Errno.ELOOP, 'ELOOP'],
  [Errno.EBADR, 'EBADR'],
  [Errno.ETIME, 'ETIME'],
  [Errno.EOVERFLOW, 'EOVERFLOW'],
  [Errno.EBADFD, 'EBADFD'],
  [Errno.EILSEQ, 'EILSEQ'],
  [Errno.EOPNOTSUPP, 'EOPNOTSUPP'],
  [Errno.ENOBUFS, 'ENOBUFS'],
  [Errno.EALREADY, 'EALREADY'],
  [Errno.ECANCELED, 'ECANCELED'],
  [Errno.EOWNERDEAD, 'EOWNERDEAD'],
  [Errno.ENOTSUPP, 'ENOTSUPP'],
]);

/** "EBUSY" for 16 or -16; the number itself when it has no name here. */
export function errnoName(errno: number): string {
  const positive = Math.abs(errno);
  return NAMES.get(positive) ?? `errno ${positive}`;
}
