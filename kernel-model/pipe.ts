/** Pipes: two files over one inode, with the bytes in between. */
import { Errno } from '../bpf/errno.ts';
import { type File, type FileOperations, Open, type Readiness } from './file.ts';
import { FileType } from './inode.ts';
import type { Machine } from './machine.ts';
import type { Record } from './record.ts';
import type { Task } from './task.ts';
import { PollEvent, WaitQueue } from './wait-queue.ts';

/** Bytes that an unchanged pipe holds: 16 pages. */
const CAPACITY = 16 * 4096;

class Pipe {
  readonly record: Record;
  private readonly machine: Machine;
  /** Who waits to read, and who to write. */
  private readonly readers: WaitQueue;
  private readonly writers: WaitQueue;
  private data = new Uint8Array(0);
  private ends = 2;

  constructor(machine: Machine) {
    this.machine = machine;
    this.record = machine.heap.allocate('pipe_inode_info');
    this.record.assign({
      readers: 1,
      writers: 1,
      files: 2,
      max_usage: 16,
      ring_size: 16,
      r_counter: 1,
      w_counter: 1,
    });
    this.readers = new WaitQueue(this.record.sub('rd_wait'));
    this.writers = new WaitQueue(this.record.sub('wr_wait'));
  }

  read(length: number): Uint8Array | number {
    if (this.data.length === 0) return this.record.get('writers') === 0 ? new Uint8Array(0) : -Errno.EAGAIN;
    const bytes = this.data.slice(0, length);
    const wasFull = this.data.length === CAPACITY;
    this.data = this.data.slice(bytes.length);
    if (wasFull && bytes.length > 0) this.writers.wake(PollEvent.Out | PollEvent.WrNorm);
    return bytes;
  }

  write(bytes: Uint8Array): number {
    if (this.record.get('readers') === 0) return -Errno.EPIPE;
    const count = Math.min(bytes.length, CAPACITY - this.data.length);
    if (count === 0 && bytes.length > 0) return -Errno.EAGAIN;
    const joined = new Uint8Array(this.data.length + count);
    joined.set(this.data);
    joined.set(bytes.subarray(0, count), this.data.length);
    const wasEmpty = this.data.length === 0;
    this.data = joined;
    if (wasEmpty && count > 0) this.readers.wake(PollEvent.In | PollEvent.RdNorm);
    return count;
  }

  closeEnd(counter: 'readers' | 'writers'): void {
    this.record.add(counter, -1);
    this.record.add('files', -1);
    if (--this.ends === 0) {
      this.machine.heap.free(this.record);
      return;
    }
    const hangUp = PollEvent.In | PollEvent.Out | PollEvent.RdNorm | PollEvent.WrNorm;
    this.readers.wake(hangUp | PollEvent.Err | PollEvent.Hup);
    this.writers.wake(hangUp | PollEvent.Err | PollEvent.Hup);
  }

  /** What an end is ready for. */
  readiness(file: File): Readiness {
    let mask = 0;
    if (file.readable) {
      if (this.data.length > 0) mask |= PollEvent.In | PollEvent.RdNorm;
      if (this.record.get('writers') === 0) mask |= PollEvent.Hup;
    }
    if (file.writable) {
      if (this.data.length < CAPACITY) mask |= PollEvent.Out | PollEvent.WrNorm;
      if (this.record.get('readers') === 0) mask |= PollEvent.Err;
    }
    return { mask, queues: [file.readable ? this.readers : this.writers] };
  }
}

const operations: FileOperations = {
  symbol: 'pipefifo_fops',
  pollable: true,
  poll: (file) => pipeOf(file).readiness(file),
  release: (file) => pipeOf(file).closeEnd(file.readable ? 'readers' : 'writers'),
  read: (file, _task, length) => pipeOf(file).read(length),
  write: (file, _task, bytes) => pipeOf(file).write(bytes),
};

/** [read end, write end] @param flags O_NONBLOCK, O_DIRECT */
export function createPipe(machine: Machine, task: Task, flags: number): [File, File] {
  const pipe = new Pipe(machine);
  const inode = machine.vfs.pseudoInode('pipe', FileType.Fifo | 0o600);
  inode.record.point('i_pipe', pipe.record);
  const common = { kind: 'pipe' as const, name: '', ops: operations, cred: task.cred, inode };
  // As in the kernel, both files stand for one dentry.
  const reader = machine.vfs.openPseudo({ ...common, flags: Open.RdOnly | (flags & Open.NonBlock) });
  const writer = machine.vfs.openAgain(reader, Open.WrOnly | flags);
  for (const file of [reader, writer]) {
    file.object = pipe;
    file.setPrivate(pipe.record);
  }
  return [reader, writer];
}

function pipeOf(file: File): Pipe {
  return file.object as Pipe;
}
