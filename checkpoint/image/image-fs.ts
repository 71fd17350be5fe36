/** The file system calls that a directory of images is written and read with; tests put faults in their place. */
import {
  closeSync,
  fsyncSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';

export type FileType = 'file' | 'directory' | 'other';

export interface FileStat {
  readonly type: FileType;
  readonly size: number;
}

/** All calls throw errors with a `code` (ENOSPC, ...), as those of node:fs. */
export interface ImageFs {
  /** Of the name itself: links are not followed. Undefined when there is nothing. */
  stat(path: string): FileStat | undefined;
  list(path: string): string[];
  /** At most so many bytes from the start. */
  read(path: string, limit: number): Uint8Array;
  /** Makes a directory whose name starts so, and gives its path. */
  makeTemporary(prefix: string): string;
  /** For writing; fails when it exists. */
  create(path: string): number;
  /** @returns how many bytes were taken */
  write(file: number, bytes: Uint8Array): number;
  /** Waits until it is on the disk. */
  sync(file: number): void;
  close(file: number): void;
  /** The names in a directory are on the disk. */
  syncDirectory(path: string): void;
  rename(from: string, to: string): void;
  remove(path: string): void;
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

function read(path: string, limit: number): Uint8Array {
  const file = openSync(path, 'r');
  try {
    const bytes = new Uint8Array(limit);
    let size = 0;
    while (size < limit) {
      const count = readSync(file, bytes, size, limit - size, null);
      if (count === 0) break;
      size += count;
    }
    return bytes.subarray(0, size);
  } finally {
    closeSync(file);
  }
}

function stat(path: string): FileStat | undefined {
  try {
    const found = lstatSync(path);
    const type = found.isFile() ? 'file' : found.isDirectory() ? 'directory' : 'other';
    return { type, size: found.size };
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Where directories cannot be opened or synced, their names are as safe as they get. */
const NO_SYNC = ['EINVAL', 'EPERM', 'EACCES', 'EISDIR'];

function syncDirectory(path: string): void {
  try {
    const directory = openSync(path, 'r');
    try {
      fsyncSync(directory);
    } finally {
      closeSync(directory);
    }
  } catch (error) {
    if (!NO_SYNC.some((code) => hasCode(error, code))) throw error;
  }
}

export const nodeFs: ImageFs = {
  stat,
  list: (path) => readdirSync(path),
  read,
  makeTemporary: (prefix) => mkdtempSync(prefix),
  create: (path) => openSync(path, 'wx', 0o600),
  write: (file, bytes) => writeSync(file, bytes),
  sync: (file) => fsyncSync(file),
  close: (file) => closeSync(file),
  syncDirectory,
  rename: (from, to) => renameSync(from, to),
  remove: (path) => rmSync(path, { recursive: true, force: true }),
};
