/** Unix socket pairs as files; what goes on between the two is in `unix-socket.ts`. */
import { type File, type FileOperations, Open } from './file.ts';
import { FileType } from './inode.ts';
import type { Machine } from './machine.ts';
import type { Task } from './task.ts';
import { UnixSocket } from './unix-socket.ts';

const operations: FileOperations = {
  symbol: 'socket_file_ops',
  pollable: true,
  signals: true,
  poll: (file) => behind(file).readiness,
  release: (file) => behind(file).release(),
  read: (file, _task, length) =>
    behind(file).receive(length, { waits: (file.flags & Open.NonBlock) === 0, peek: false }),
  write: (file, _task, bytes) => behind(file).send(bytes),
};

/** @param type SOCK_STREAM 1, SOCK_DGRAM 2, SOCK_SEQPACKET 5 */
export function createSocketPair(machine: Machine, task: Task, type: number, flags: number): [File, File] {
  const [a, b] = [new UnixSocket(machine, type), new UnixSocket(machine, type)];
  a.join(b);
  b.join(a);
  return [openSocket(machine, task, a, flags), openSocket(machine, task, b, flags)];
}

/** The socket behind a file, undefined when it is none. */
export function socketOf(file: File): UnixSocket | undefined {
  return file.object instanceof UnixSocket ? file.object : undefined;
}

function openSocket(machine: Machine, task: Task, socket: UnixSocket, flags: number): File {
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
  socket.open(file.record, inode.ino);
  return file;
}

function behind(file: File): UnixSocket {
  return file.object as UnixSocket;
}
