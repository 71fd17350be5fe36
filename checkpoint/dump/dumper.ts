/**
 * The dumper's own system calls: everything that it does besides running iterators. It is an ordinary privileged
 * process: it takes other processes' descriptors with pidfd_getfd, maps rings, reads files and memory.
 */
import { errnoName } from '../../bpf/errno-name.ts';
import { InputError } from '../../bpf/input-error.ts';
import { Message, SocketOption, type UnixDiag } from '../../kernel-model/channel-syscalls.ts';
import { Open } from '../../kernel-model/file.ts';
import { Fcntl, Seek } from '../../kernel-model/file-syscalls.ts';
import type { RingOffsets } from '../../kernel-model/io-uring/ring-memory.ts';
import { ioUringSetup } from '../../kernel-model/io-uring/setup.ts';
import { Setup } from '../../kernel-model/io-uring/uapi.ts';
import type { Machine } from '../../kernel-model/machine.ts';
import { Advice, MapFlag } from '../../kernel-model/memory-syscalls.ts';
import type { Task } from '../../kernel-model/task.ts';
import { Prot } from '../../kernel-model/vma.ts';

const PAGE_SIZE = 4096;
const HUGE_SIZE = PAGE_SIZE << 9;
/** Bits of a pagemap entry that are the frame's number. */
const FRAME_MASK = (1n << 55n) - 1n;
/** Bytes read at a time. */
const CHUNK = 1 << 20;
/** Flags that change where things stand. */
const SHAPE_FLAGS = Setup.Sqe128 | Setup.Cqe32 | Setup.NoSqArray;
const SOL_SOCKET = 1;
/** SPLICE_F_NONBLOCK */
const SPLICE_NONBLOCK = 2;
const MAX_MESSAGES = 1 << 16;

export class Dumper {
  readonly machine: Machine;
  readonly task: Task;
  /** Asked for once: nobody makes sockets meanwhile. */
  private sockets: Map<bigint, UnixDiag> | undefined;

  constructor(machine: Machine, task: Task) {
    this.machine = machine;
    this.task = task;
  }

  /** Runs something with a descriptor of the dumper's own for an open file of a process. */
  withFd<T>(pid: number, fd: number, use: (own: number) => T): T {
    const { sys } = this.machine;
    const pidfd = this.done(`pidfd_open of ${pid}`, sys.pidfd_open(this.task, pid, 0));
    const own = sys.pidfd_getfd(this.task, pidfd, fd, 0);
    sys.close(this.task, pidfd);
    this.done(`pidfd_getfd of descriptor ${fd} of process ${pid}`, own);
    try {
      return use(own);
    } finally {
      sys.close(this.task, own);
    }
  }

  /** A part of what a file maps, such as an area of a ring; undefined when it cannot be mapped. */
  readMapped(fd: number, offset: number, length: number): Uint8Array | undefined {
    const { sys } = this.machine;
    const size = Math.ceil(length / PAGE_SIZE) * PAGE_SIZE;
    const address = sys.mmap(this.task, 0, size, Prot.Read, MapFlag.Shared, fd, offset);
    if (address < 0) return undefined;
    try {
      return this.task.mm?.memory.read(address, length)?.slice();
    } finally {
      sys.munmap(this.task, address, size);
    }
  }

  /** Memory of a process up to what is not there. */
  readMemory(pid: number, address: number, length: number): Uint8Array {
    const bytes = this.machine.sys.read_mem(this.task, pid, address, length);
    if (typeof bytes === 'number') {
      throw new InputError(
        `memory of process ${pid} at 0x${address.toString(16)} cannot be read: ${errnoName(bytes)}`,
      );
    }
    return bytes;
  }

  /** Entries of /proc/PID/pagemap. */
  pagemap(pid: number, start: number, end: number): BigUint64Array {
    const entries = this.machine.sys.pagemap(this.task, pid, start, (end - start) / PAGE_SIZE);
    if (typeof entries === 'number') throw new InputError(`pagemap of process ${pid}: ${errnoName(entries)}`);
    return entries;
  }

  /** What is in a pipe, which stays in it. @param fd its read end. */
  peekPipe(fd: number): Uint8Array {
    const { sys } = this.machine;
    const size = this.done('F_GETPIPE_SZ', sys.fcntl(this.task, fd, Fcntl.GetPipeSize, 0));
    const pair = sys.pipe2(this.task, Open.CloExec);
    if (typeof pair === 'number') throw new InputError(`pipe2 fails with ${errnoName(pair)}`);
    const [reader, writer] = pair;
    try {
      this.done('F_SETPIPE_SZ', sys.fcntl(this.task, writer, Fcntl.SetPipeSize, size));
      const shared = sys.tee(this.task, fd, writer, size, SPLICE_NONBLOCK);
      if (shared <= 0) return new Uint8Array();
      const bytes = sys.read(this.task, reader, shared);
      if (!(bytes instanceof Uint8Array)) throw new InputError('a copy of a pipe cannot be read');
      return bytes;
    } finally {
      sys.close(this.task, reader);
      sys.close(this.task, writer);
    }
  }

  /** What sock_diag tells of a unix socket by its inode number. */
  unixSocket(ino: bigint): UnixDiag | undefined {
    this.sockets ??= new Map(
      this.machine.sys.unix_diag(this.task).map((socket) => [BigInt(socket.ino), socket]),
    );
    return this.sockets.get(ino);
  }

  /**
   * What a socket has received, message by message, and stays in it; of a stream one piece.
   * @param ends nothing more can come, so that an empty message is the end
   */
  peekSocket(fd: number, stream: boolean, ends: boolean): { received: Uint8Array[]; peekOffset: number } {
    const { sys } = this.machine;
    const peekOffset = sys.getsockopt(this.task, fd, SOL_SOCKET, SocketOption.PeekOffset);
    const received: Uint8Array[] = [];
    this.done('SO_PEEK_OFF', sys.setsockopt(this.task, fd, SOL_SOCKET, SocketOption.PeekOffset, 0));
    for (;;) {
      const part = sys.recv(this.task, fd, CHUNK, Message.Peek | Message.DontWait);
      if (typeof part === 'number' || (ends && part.length === 0)) break;
      received.push(part.slice());
      if (received.length > MAX_MESSAGES) throw new InputError('a socket has too many messages');
    }
    sys.setsockopt(this.task, fd, SOL_SOCKET, SocketOption.PeekOffset, peekOffset);
    return { received: stream && received.length > 0 ? [joined(received)] : received, peekOffset };
  }

  /** Content of a file that is opened for it: from its start to a size. */
  readWhole(open: () => number, size: number, what: string): Uint8Array {
    const { sys } = this.machine;
    const fd = this.done(`opening ${what}`, open());
    try {
      const content = new Uint8Array(size);
      for (let at = 0; at < size; at += CHUNK) {
        const part = sys.pread(this.task, fd, Math.min(CHUNK, size - at), at);
        if (!(part instanceof Uint8Array)) throw new InputError(`${what} cannot be read`);
        content.set(part, at);
      }
      return content;
    } finally {
      sys.close(this.task, fd);
    }
  }

  /** Its pages that are not zero, by index; the file may be larger than memory. */
  readPages(open: () => number, size: number, what: string): Map<number, Uint8Array> {
    const { sys } = this.machine;
    const fd = this.done(`opening ${what}`, open());
    const pages = new Map<number, Uint8Array>();
    try {
      for (let at = 0; at < size; at += CHUNK) {
        const part = sys.pread(this.task, fd, Math.min(CHUNK, size - at), at);
        if (!(part instanceof Uint8Array)) throw new InputError(`${what} cannot be read`);
        for (const [index, page] of pagesOf(part)) pages.set(at / PAGE_SIZE + index, page);
      }
    } finally {
      sys.close(this.task, fd);
    }
    return pages;
  }

  /** Frames of a file that is memory, with their page's index, as far as it has any. */
  framesOf(open: () => number, size: number, what: string): Map<number, number> {
    const { sys } = this.machine;
    const fd = this.done(`opening ${what}`, open());
    const frames = new Map<number, number>();
    try {
      for (let at = 0; at < size; ) {
        const start = sys.lseek(this.task, fd, at, Seek.Data);
        if (start < 0) break;
        at = this.done(`lseek of ${what}`, sys.lseek(this.task, fd, start, Seek.Hole));
        this.noteFrames(fd, start, at, frames, what);
      }
    } finally {
      sys.close(this.task, fd);
    }
    return frames;
  }

  private noteFrames(fd: number, from: number, to: number, frames: Map<number, number>, what: string): void {
    const { sys } = this.machine;
    // Files of huge pages are mapped in whole ones.
    for (const unit of [PAGE_SIZE, HUGE_SIZE]) {
      const start = Math.floor(from / unit) * unit;
      const size = Math.ceil((to - start) / unit) * unit;
      const address = sys.mmap(this.task, 0, size, Prot.Read, MapFlag.Shared, fd, start);
      if (address < 0 && unit === PAGE_SIZE) continue;
      this.done(`mmap of ${what}`, address);
      this.done(`madvise of ${what}`, sys.madvise(this.task, address, size, Advice.PopulateRead));
      for (const [i, word] of this.pagemap(this.task.pid, address, address + size).entries())
        if (word >> 63n === 1n) frames.set(Number(word & FRAME_MASK), start / PAGE_SIZE + i);
      sys.munmap(this.task, address, size);
      return;
    }
  }

  /** Where a ring of a shape has the members of its shared memory: the dumper sets one up and is told. */
  ringOffsets(shape: { flags: number; sq_entries: number; cq_entries: number }): RingOffsets {
    const flags = (shape.flags & SHAPE_FLAGS) | Setup.CqSize;
    const params = { flags, cqEntries: shape.cq_entries };
    const ring = ioUringSetup(this.machine, this.task, shape.sq_entries, params);
    if (typeof ring === 'number') throw new InputError(`io_uring_setup fails with ${errnoName(ring)}`);
    this.machine.sys.close(this.task, ring.fd);
    return ring.offsets;
  }

  open(path: string): number {
    return this.machine.sys.open(this.task, path, Open.RdOnly);
  }

  openFd(pid: number, fd: number): number {
    return this.machine.sys.open_fd_link(this.task, pid, fd, Open.RdOnly);
  }

  openMapping(pid: number, start: number, end: number): number {
    return this.machine.sys.open_map_file(this.task, pid, start, end, Open.RdOnly);
  }

  private done(call: string, result: number): number {
    if (result < 0) throw new InputError(`${call} fails with ${errnoName(result)}`);
    return result;
  }
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

/** Pages of a piece of memory that are not zero, each padded to a whole page. */
export function* pagesOf(bytes: Uint8Array): Generator<[index: number, page: Uint8Array]> {
  if (isZero(bytes)) return;
  for (let at = 0; at < bytes.length; at += PAGE_SIZE) {
    const page = bytes.subarray(at, at + PAGE_SIZE);
    if (isZero(page)) continue;
    const copy = new Uint8Array(PAGE_SIZE);
    copy.set(page);
    yield [at / PAGE_SIZE, copy];
  }
}

/** Word by word where they are aligned: most of what is dumped is zero. */
function isZero(bytes: Uint8Array): boolean {
  const count = bytes.byteOffset % 4 === 0 ? bytes.length >> 2 : 0;
  if (count > 0) {
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, count);
    for (let i = 0; i < count; i++) if (words[i] !== 0) return false;
  }
  for (let at = 4 * count; at < bytes.length; at++) if (bytes[at] !== 0) return false;
  return true;
}
