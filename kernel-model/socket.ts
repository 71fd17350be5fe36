/** Unix socket pairs, as far as their identity goes: inode, `struct socket`, which is joined with which. */
import { Errno } from '../bpf/errno.ts';
import { type File, type FileOperations, Open, type Readiness } from './file.ts';
import { FileType } from './inode.ts';
import type { Machine } from './machine.ts';
import type { Record } from './record.ts';
import type { Task } from './task.ts';
import { PollEvent, WaitQueue } from './wait-queue.ts';

/** SS_CONNECTED */
const CONNECTED = 3;

class Socket {
  readonly record: Record;
  peer: Socket | undefined;
  private readonly machine: Machine;
  private readonly queue: WaitQueue;
  private readonly received: Uint8Array[] = [];
  private readonly streams: boolean;

  /** @param type SOCK_STREAM 1, SOCK_DGRAM 2, SOCK_SEQPACKET 5 */
  constructor(machine: Machine, type: number) {
    this.machine = machine;
    this.streams = type === 1;
    this.record = machine.heap.allocate('socket');
    this.queue = new WaitQueue(this.record.sub('wq.wait'));
    this.record
      .assign({ state: CONNECTED, type })
      .set('ops', machine.symbols.opaque(OPERATIONS[type] as string));
  }

  read(length: number): Uint8Array | number {
    const first = this.received.shift();
    if (!first) return this.peer ? -Errno.EAGAIN : new Uint8Array(0);
    if (this.streams && first.length > length) this.received.unshift(first.subarray(length));
    return first.slice(0, length);
  }

  write(bytes: Uint8Array): number {
    if (!this.peer) return -Errno.EPIPE;
    this.peer.received.push(bytes.slice());
    this.peer.queue.wake(PollEvent.In | PollEvent.RdNorm);
    return bytes.length;
  }

  get readiness(): Readiness {
    let mask = this.received.length > 0 || !this.peer ? PollEvent.In | PollEvent.RdNorm : 0;
    mask |= this.peer ? PollEvent.Out | PollEvent.WrNorm : PollEvent.Hup | PollEvent.RdHup;
    return { mask, queues: [this.queue] };
  }

  release(): void {
    const { peer } = this;
    if (peer) {
      peer.peer = undefined;
      peer.queue.wake(PollEvent.In | PollEvent.RdNorm | PollEvent.RdHup | PollEvent.Hup);
    }
    this.machine.heap.free(this.record);
  }
}

const OPERATIONS: { readonly [type: number]: string } = {
  1: 'unix_stream_ops',
  2: 'unix_dgram_ops',
  5: 'unix_seqpacket_ops',
};

const operations: FileOperations = {
  symbol: 'socket_file_ops',
  pollable: true,
  poll: (file) => socketOf(file).readiness,
  release: (file) => socketOf(file).release(),
  read: (file, _task, length) => socketOf(file).read(length),
  write: (file, _task, bytes) => socketOf(file).write(bytes),
};

export function createSocketPair(machine: Machine, task: Task, type: number, flags: number): [File, File] {
  const [a, b] = [new Socket(machine, type), new Socket(machine, type)];
  a.peer = b;
  b.peer = a;
  return [openSocket(machine, task, a, flags), openSocket(machine, task, b, flags)];
}

function openSocket(machine: Machine, task: Task, socket: Socket, flags: number): File {
  const inode = machine.vfs.pseudoInode('socket', FileType.Socket | 0o777);
  const file = machine.vfs.openPseudo({
    kind: 'socket',
    name: '',
    ops: operations,
    flags: Open.RdWr | flags,
    cred: task.cred,
    inode,
  });
  file.object = socket;
  file.setPrivate(socket.record);
  socket.record.point('file', file.record);
  return file;
}

function socketOf(file: File): Socket {
  return file.object as Socket;
}
