/** Unix socket pairs, as far as their identity goes: inode, `struct socket`, which is joined with which. */
import { Errno } from '../bpf/errno.ts';
import { type File, type FileOperations, Open } from './file.ts';
import { FileType } from './inode.ts';
import type { Machine } from './machine.ts';
import type { Record } from './record.ts';
import type { Task } from './task.ts';

/** SS_CONNECTED */
const CONNECTED = 3;

class Socket {
  readonly record: Record;
  peer: Socket | undefined;
  private readonly machine: Machine;
  private readonly received: Uint8Array[] = [];
  private readonly streams: boolean;

  /** @param type SOCK_STREAM 1, SOCK_DGRAM 2, SOCK_SEQPACKET 5 */
  constructor(machine: Machine, type: number) {
    this.machine = machine;
    this.streams = type === 1;
    this.record = machine.heap.allocate('socket');
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
    return bytes.length;
  }

  release(): void {
    if (this.peer) this.peer.peer = undefined;
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
