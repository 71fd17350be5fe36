/** Open files: `struct file` and what a kind of file does. */
import { Errno } from '../bpf/errno.ts';
import type { Cred } from './cred.ts';
import { FileOwner } from './file-owner.ts';
import type { KernelHeap } from './heap.ts';
import type { Dentry, Inode, Path } from './inode.ts';
import type { Blocked } from './lock.ts';
import type { Record } from './record.ts';
import type { Task } from './task.ts';
import type { WaitQueue } from './wait-queue.ts';

/** O_* of x86-64. */
export const enum Open {
  RdOnly = 0,
  WrOnly = 1,
  RdWr = 2,
  AccMode = 3,
  Creat = 0o100,
  Excl = 0o200,
  NoCtty = 0o400,
  Trunc = 0o1000,
  Append = 0o2000,
  NonBlock = 0o4000,
  DSync = 0o10000,
  Async = 0o20000,
  Direct = 0o40000,
  LargeFile = 0o100000,
  Directory = 0o200000,
  NoFollow = 0o400000,
  NoAtime = 0o1000000,
  CloExec = 0o2000000,
  Sync = 0o4010000,
  Path = 0o10000000,
  TmpFile = 0o20200000,
}

/** FMODE_* bits of f_mode. */
export const enum FileMode {
  Read = 0x1,
  Write = 0x2,
  Lseek = 0x4,
  Pread = 0x8,
  Pwrite = 0x10,
  /** Opened by O_PATH. */
  Path = 0x4000,
  Opened = 0x80000,
  /** Takes O_DIRECT. */
  CanDirect = 0x40_0000,
  /** Reads and writes can be tried without blocking. */
  NoWait = 0x800_0000,
}

/** What an mmap call asks a file for. */
export interface MapRequest {
  task: Task;
  /** Bytes, a multiple of the page size. */
  length: number;
  /** Byte offset, a multiple of the page size. */
  offset: number;
  /** PROT_* and MAP_*. */
  prot: number;
  flags: number;
  /** Address asked for, 0 for any. */
  address: number;
}

/** What a mapping of a file shows: frames by page index from the start of the mapping, -1 where there is none. */
export interface MapSource {
  frame(page: number): number;
}

/** What a file is ready for now, and who tells when that changes. */
export interface Readiness {
  /** PollEvent bits. */
  readonly mask: number;
  readonly queues: readonly WaitQueue[];
}

/** A kind of file. The symbol is what programs compare `file->f_op` with. */
export interface FileOperations {
  /** Name of the `struct file_operations` object, e.g. "eventfd_fops". */
  readonly symbol: string;
  /** Whether the kind has a poll operation; without one epoll refuses it with EPERM. */
  readonly pollable: boolean;
  /** poll(2). Kinds that can be polled and lack it are never ready. */
  poll?(file: File): Readiness;
  /** The last reference is gone. */
  release?(file: File): void;
  /** Device-like mappings (rings); a negative errno to refuse. Kinds backed by a page cache have none. */
  mmap?(file: File, request: MapRequest): MapSource | number;
  /** read(2): bytes (at most `length`), a negative errno, or a read that has to wait. */
  read?(file: File, task: Task, length: number): Uint8Array | number | Blocked;
  write?(file: File, task: Task, bytes: Uint8Array): number;
  /** Signals its owner when asked (O_ASYNC). */
  readonly signals?: boolean;
  /** fcntl commands of the kind's own. */
  control?(file: File, task: Task, command: number, argument: number): number;
  /** Another open file, made through /proc/PID/fd, of what stands in no directory; a negative errno to refuse. */
  reopen?(file: File, flags: number, cred: Cred): File | number;
}

/** Flags that only open(2) itself looks at; O_CLOEXEC is the descriptor's. */
const NOT_KEPT = Open.Creat | Open.Excl | Open.NoCtty | Open.Trunc | Open.CloExec;

export interface FileInit {
  path: Path;
  ops: FileOperations;
  /** O_* */
  flags: number;
  cred: Cred;
  /** f_op address. */
  opsAddress: bigint;
}

export class File {
  readonly record: Record;
  readonly ops: FileOperations;
  readonly path: Path;
  /** Who opened it. */
  readonly cred: Cred;
  /** Whom it signals. */
  readonly owner: FileOwner;
  /** The model's own object behind the file (a ring, an epoll instance, a pipe), if its kind has one. */
  object: unknown;
  /** Called when the last reference goes, before the kind's own release: epoll drops its items of the file. */
  beforeRelease: (() => void) | undefined;
  private readonly heap: KernelHeap;

  constructor(heap: KernelHeap, init: FileInit) {
    this.heap = heap;
    this.path = init.path;
    this.ops = init.ops;
    this.cred = init.cred.get();
    const inode = init.path.dentry.inode as Inode;
    this.record = heap.allocate('file');
    this.record
      .set('f_count', 1)
      .set('f_op', init.opsAddress)
      .set('f_flags', init.flags & ~NOT_KEPT)
      .set('f_mode', modeOf(init))
      .point('f_inode', inode.record)
      .set('f_mapping', inode.record.big('i_mapping'))
      .point('f_cred', this.cred.record)
      .set('f_path.mnt', init.path.mount.vfsmount)
      .point('f_path.dentry', init.path.dentry.record);
    init.path.dentry.get();
    this.owner = new FileOwner(heap, this.record);
  }

  get inode(): Inode {
    return this.path.dentry.inode as Inode;
  }

  get dentry(): Dentry {
    return this.path.dentry;
  }

  get address(): bigint {
    return this.record.address;
  }

  /** References: descriptors, mappings, registrations, links. */
  get count(): number {
    return this.record.get('f_count');
  }

  /** O_* flags, as fcntl F_GETFL gives them. */
  get flags(): number {
    return this.record.get('f_flags');
  }

  set flags(flags: number) {
    this.record.set('f_flags', flags);
  }

  get mode(): number {
    return this.record.get('f_mode');
  }

  /** Adds FMODE_* bits. */
  addMode(bits: number): void {
    this.record.set('f_mode', this.mode | bits);
  }

  get readable(): boolean {
    return (this.mode & FileMode.Read) !== 0;
  }

  get writable(): boolean {
    return (this.mode & FileMode.Write) !== 0;
  }

  /** File position in bytes. */
  get position(): number {
    return this.record.get('f_pos');
  }

  set position(bytes: number) {
    this.record.set('f_pos', bytes);
  }

  /** `private_data`, where kinds keep a pointer to their own record. */
  setPrivate(target: Record | undefined): void {
    this.record.point('private_data', target);
  }

  get(): this {
    this.record.add('f_count', 1);
    return this;
  }

  /** Drops a reference; with the last one the file is released and freed. */
  put(): void {
    if (this.record.add('f_count', -1) > 0) return;
    this.beforeRelease?.();
    this.ops.release?.(this);
    this.owner.release();
    this.path.dentry.put();
    this.cred.put();
    this.heap.free(this.record);
  }

  read(task: Task, length: number): Uint8Array | number | Blocked {
    if (!this.readable) return -Errno.EBADF;
    return this.ops.read ? this.ops.read(this, task, length) : -Errno.EINVAL;
  }

  write(task: Task, bytes: Uint8Array): number {
    if (!this.writable) return -Errno.EBADF;
    return this.ops.write ? this.ops.write(this, task, bytes) : -Errno.EINVAL;
  }
}

function modeOf({ flags, path }: FileInit): number {
  if ((flags & Open.Path) !== 0) return FileMode.Path | FileMode.Opened;
  const access = ((flags & Open.AccMode) + 1) & (FileMode.Read | FileMode.Write);
  const inode = path.dentry.inode as Inode;
  const seekable = inode.isRegular || inode.isDirectory;
  return access | FileMode.Opened | (seekable ? FileMode.Lseek | FileMode.Pread | FileMode.Pwrite : 0);
}
