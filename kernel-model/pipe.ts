/** Pipes: two files over one inode, and the pages in between as `struct pipe_inode_info` keeps them. */
import { PAGE_SIZE } from '../bpf/address.ts';
import { Errno } from '../bpf/errno.ts';
import { Capability, type Cred } from './cred.ts';
import { type File, type FileOperations, Open, type Readiness } from './file.ts';
import { FileType } from './inode.ts';
import type { Machine } from './machine.ts';
import { PipeRing } from './pipe-ring.ts';
import type { Record } from './record.ts';
import type { Task } from './task.ts';
import { PollEvent, WaitQueue } from './wait-queue.ts';

/** fs.pipe-max-size: larger ones need CAP_SYS_RESOURCE. */
const MAX_SIZE = 1 << 20;
const MAX_ROUNDED = 2 ** 31;
/** fcntl commands */
const SET_SIZE = 1031;
const GET_SIZE = 1032;

const READABLE = PollEvent.In | PollEvent.RdNorm;
const WRITABLE = PollEvent.Out | PollEvent.WrNorm;

export class Pipe {
  readonly record: Record;
  readonly ring: PipeRing;
  private readonly machine: Machine;
  /** Who waits to read, and who to write. */
  private readonly readers: WaitQueue;
  private readonly writers: WaitQueue;

  constructor(machine: Machine) {
    this.machine = machine;
    this.record = machine.heap.allocate('pipe_inode_info');
    this.ring = new PipeRing(machine, this.record);
    this.readers = new WaitQueue(this.record.sub('rd_wait'));
    this.writers = new WaitQueue(this.record.sub('wr_wait'));
  }

  /** Bytes, an empty array at the end (nobody writes any more), or -EAGAIN. */
  read(length: number): Uint8Array | number {
    if (length === 0) return new Uint8Array(0);
    const { ring } = this;
    if (ring.empty) return this.record.get('writers') === 0 ? new Uint8Array(0) : -Errno.EAGAIN;
    const wasFull = ring.full;
    const bytes = ring.take(length);
    if (wasFull) this.writers.wake(WRITABLE);
    return bytes;
  }

  /** @param packets each write is a packet of its own (O_DIRECT). */
  write(bytes: Uint8Array, packets: boolean): number {
    if (bytes.length === 0) return 0;
    if (this.record.get('readers') === 0) return -Errno.EPIPE;
    const wasEmpty = this.ring.empty;
    const count = this.ring.put(bytes, packets);
    if (count > 0 && wasEmpty) this.readers.wake(READABLE);
    return count;
  }

  /** Shares up to so many bytes with another pipe, and keeps them: tee(2). */
  shareWith(other: Pipe, length: number): number {
    if (this.ring.empty) return this.record.get('writers') === 0 ? 0 : -Errno.EAGAIN;
    if (other.record.get('readers') === 0) return -Errno.EPIPE;
    if (other.ring.full) return -Errno.EAGAIN;
    const wasEmpty = other.ring.empty;
    const count = this.ring.shareWith(other.ring, length);
    if (wasEmpty) other.readers.wake(READABLE);
    return count;
  }

  /** fcntl F_SETPIPE_SZ: the size, rounded up to a power of two of pages. -EINVAL, -EPERM, -EBUSY (more is in it). */
  resize(task: Task, bytes: number): number {
    if (bytes < 0 || bytes > MAX_ROUNDED) return -Errno.EINVAL;
    const size = 2 ** Math.ceil(Math.log2(Math.max(bytes, PAGE_SIZE)));
    const slots = size / PAGE_SIZE;
    const more = slots > this.ring.capacity && size > MAX_SIZE;
    if (more && !task.cred.capable(Capability.SysResource)) return -Errno.EPERM;
    const wasFull = this.ring.full;
    if (!this.ring.resize(slots)) return -Errno.EBUSY;
    if (wasFull && !this.ring.full) this.writers.wake(WRITABLE);
    return size;
  }

  openEnd(file: File): void {
    for (const end of endsOf(file)) {
      this.record.add(end, 1);
      this.record.add(end === 'readers' ? 'r_counter' : 'w_counter', 1);
    }
    this.record.add('files', 1);
  }

  closeEnd(file: File): void {
    for (const end of endsOf(file)) this.record.add(end, -1);
    if (this.record.add('files', -1) === 0) {
      this.ring.release();
      this.machine.heap.free(this.record);
      return;
    }
    const hangUp = READABLE | WRITABLE | PollEvent.Err | PollEvent.Hup;
    if (this.record.get('readers') > 0 && this.record.get('writers') > 0) return;
    this.readers.wake(hangUp);
    this.writers.wake(hangUp);
  }

  /** What an end is ready for. */
  readiness(file: File): Readiness {
    let mask = 0;
    if (file.readable) {
      if (!this.ring.empty) mask |= READABLE;
      if (this.record.get('writers') === 0) mask |= PollEvent.Hup;
    }
    if (file.writable) {
      if (!this.ring.full) mask |= WRITABLE;
      if (this.record.get('readers') === 0) mask |= PollEvent.Err;
    }
    const queues = [...(file.readable ? [this.readers] : []), ...(file.writable ? [this.writers] : [])];
    return { mask, queues };
  }
}

function endsOf(file: File): ('readers' | 'writers')[] {
  return [...(file.readable ? (['readers'] as const) : []), ...(file.writable ? (['writers'] as const) : [])];
}

const operations: FileOperations = {
  symbol: 'pipefifo_fops',
  pollable: true,
  signals: true,
  poll: (file) => behind(file).readiness(file),
  release: (file) => behind(file).closeEnd(file),
  read: (file, _task, length) => behind(file).read(length),
  write: (file, _task, bytes) => behind(file).write(bytes, (file.flags & Open.Direct) !== 0),
  control(file, task, command, argument) {
    if (command === GET_SIZE) return behind(file).ring.capacity * PAGE_SIZE;
    return command === SET_SIZE ? behind(file).resize(task, argument) : -Errno.EINVAL;
  },
};

/** [read end, write end] @param flags O_NONBLOCK, O_DIRECT */
export function createPipe(machine: Machine, task: Task, flags: number): [File, File] {
  const pipe = new Pipe(machine);
  const inode = machine.vfs.pseudoInode('pipe', FileType.Fifo | 0o600);
  inode.record.point('i_pipe', pipe.record);
  const reopen = (file: File, wanted: number, cred: Cred) =>
    adopt(machine.vfs.openAgain(file, wanted, cred), pipe);
  const common = { kind: 'pipe' as const, name: '', ops: { ...operations, reopen }, cred: task.cred, inode };
  // As in the kernel, both files stand for one dentry.
  const reader = machine.vfs.openPseudo({ ...common, flags: Open.RdOnly | (flags & Open.NonBlock) });
  const writer = machine.vfs.openAgain(reader, Open.WrOnly | flags);
  return [adopt(reader, pipe), adopt(writer, pipe)];
}

/** The pipe behind a file, undefined when it is none. */
export function pipeOf(file: File): Pipe | undefined {
  return file.object instanceof Pipe ? file.object : undefined;
}

function adopt(file: File, pipe: Pipe): File {
  file.object = pipe;
  file.setPrivate(pipe.record);
  pipe.openEnd(file);
  return file;
}

function behind(file: File): Pipe {
  return file.object as Pipe;
}
