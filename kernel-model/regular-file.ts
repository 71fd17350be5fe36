/** Reading and writing what has a page cache, and the two character devices that everything knows. */
import { Errno } from '../bpf/errno.ts';
import { type File, type FileOperations, Open } from './file.ts';

/** Largest file: the page index must stay a small integer. */
export const MAX_FILE_SIZE = 2 ** 40;

function read(file: File, length: number): Uint8Array | number {
  const { pages, size } = file.inode;
  if (!pages) return -Errno.EINVAL;
  const count = Math.max(0, Math.min(length, size - file.position));
  const bytes = pages.read(file.position, count);
  file.position += count;
  return bytes;
}

function write(file: File, bytes: Uint8Array): number {
  const { inode } = file;
  if (!inode.pages) return -Errno.EINVAL;
  const at = (file.flags & Open.Append) !== 0 ? inode.size : file.position;
  if (at + bytes.length > MAX_FILE_SIZE) return -Errno.EFBIG;
  if (!inode.pages.write(at, bytes)) return -Errno.ENOSPC;
  file.position = at + bytes.length;
  inode.size = Math.max(inode.size, file.position);
  return bytes.length;
}

/** Operations of the files of a file system. */
function cached(symbol: string): FileOperations {
  return {
    symbol,
    pollable: false,
    read: (file, _task, length) => read(file, length),
    write: (file, _task, bytes) => write(file, bytes),
  };
}

export const CACHED_FILES: readonly FileOperations[] = [
  cached('ext4_file_operations'),
  cached('shmem_file_operations'),
];

export const CHARACTER_DEVICES: readonly FileOperations[] = [
  {
    symbol: 'null_fops',
    pollable: false,
    read: () => new Uint8Array(0),
    write: (_file, _task, bytes) => bytes.length,
  },
  {
    symbol: 'zero_fops',
    pollable: false,
    read: (_file, _task, length) => new Uint8Array(length),
    write: (_file, _task, bytes) => bytes.length,
  },
  { symbol: 'tty_fops', pollable: true },
];
