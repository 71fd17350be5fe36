/** System calls on pipes and unix sockets. A result >= 0, or a negative errno. */
import { Errno } from '../bpf/errno.ts';
import { Open } from './file.ts';
import { createPipe, type Pipe, pipeOf } from './pipe.ts';
import { PrctlSyscalls } from './prctl.ts';
import { createSocketPair, socketOf } from './socket.ts';
import type { Task } from './task.ts';
import type { Shutdown, SocketState, SocketType, UnixSocket } from './unix-socket.ts';

const SOCK_TYPE_MASK = 0xf;
const AF_UNIX = 1;
/** SPLICE_F_* */
const SPLICE_FLAGS = 0xf;

/** MSG_* */
export const enum Message {
  Peek = 0x2,
  DontWait = 0x40,
  WaitAll = 0x100,
  NoSignal = 0x4000,
}

/** SO_* of SOL_SOCKET. */
export const enum SocketOption {
  Type = 3,
  Error = 4,
  AcceptConn = 30,
  Protocol = 38,
  Domain = 39,
  PeekOffset = 42,
}

const SOL_SOCKET = 1;

/** A unix socket as sock_diag(7) shows it. */
export interface UnixDiag {
  /** Inode number of the socket's file. */
  ino: number;
  type: SocketType;
  state: SocketState;
  /** Inode number of the other end; 0 when there is none, or it has been closed. */
  peer: number;
  /** Shutdown bits: 1 receives nothing more, 2 sends nothing more. */
  shutdown: number;
  /** Bytes to read; of a datagram socket those of the next datagram. */
  queued: number;
}

export class ChannelSyscalls extends PrctlSyscalls {
  /** pipe2(2): [read end, write end], or a negative errno. */
  pipe2(task: Task, flags: number): [number, number] | number {
    if ((flags & ~(Open.CloExec | Open.NonBlock | Open.Direct)) !== 0) return -Errno.EINVAL;
    return this.installPair(task, flags, () =>
      createPipe(this.machine, task, flags & (Open.NonBlock | Open.Direct)),
    );
  }

  /**
   * tee(2): puts what is in one pipe into another one, too; the number of bytes.
   * @returns -EINVAL (no pipes, or the same one), -EBADF, -EAGAIN (nothing there, or no room; also where it would
   * wait), -EPIPE.
   */
  tee(task: Task, from: number, to: number, length: number, flags = 0): number {
    if ((flags & ~SPLICE_FLAGS) !== 0) return -Errno.EINVAL;
    if (length === 0) return 0;
    const [input, output] = [this.openFile(task, from), this.openFile(task, to)];
    if (!input?.readable || !output?.writable) return -Errno.EBADF;
    const [source, target] = [pipeOf(input), pipeOf(output)];
    if (!source || !target || source === target) return -Errno.EINVAL;
    return source.shareWith(target, length);
  }

  /** ioctl FIONREAD of a pipe or socket: bytes to read. -EBADF, -EINVAL. */
  fionread(task: Task, fd: number): number {
    const file = this.openFile(task, fd);
    if (!file) return -Errno.EBADF;
    const channel: Pipe | UnixSocket | undefined = pipeOf(file) ?? socketOf(file);
    if (!channel) return -Errno.EINVAL;
    return 'ring' in channel ? channel.ring.length : channel.available;
  }

  /** socketpair(2) of AF_UNIX sockets: both descriptors, or a negative errno. */
  socketpair(task: Task, family: number, type: number): [number, number] | number {
    if (family !== AF_UNIX) return -Errno.EOPNOTSUPP;
    const kind = type & SOCK_TYPE_MASK;
    if (kind !== 1 && kind !== 2 && kind !== 5) return -Errno.EINVAL;
    const flags = type & (Open.CloExec | Open.NonBlock);
    if ((type & ~(SOCK_TYPE_MASK | flags)) !== 0) return -Errno.EINVAL;
    return this.installPair(task, flags, () =>
      createSocketPair(this.machine, task, kind, flags & Open.NonBlock),
    );
  }

  /**
   * recv(2). With MSG_PEEK the bytes stay; a socket with SO_PEEK_OFF goes on behind what was peeked before.
   * @returns the bytes, or -EBADF, -ENOTSOCK, -EOPNOTSUPP (other flags), -EAGAIN, -ECONNRESET.
   */
  recv(task: Task, fd: number, length: number, flags = 0): Uint8Array | number {
    const socket = this.socket(task, fd);
    if (typeof socket === 'number') return socket;
    if ((flags & ~(Message.Peek | Message.DontWait | Message.WaitAll)) !== 0) return -Errno.EOPNOTSUPP;
    const nonBlocking = ((task.files?.get(fd)?.flags ?? 0) & Open.NonBlock) !== 0;
    return socket.receive(length, {
      waits: !nonBlocking && (flags & Message.DontWait) === 0,
      peek: (flags & Message.Peek) !== 0,
    });
  }

  /** send(2). -EBADF, -ENOTSOCK, -EOPNOTSUPP, -EPIPE, -EMSGSIZE, -ECONNREFUSED, -ENOTCONN. */
  send(task: Task, fd: number, bytes: Uint8Array, flags = 0): number {
    const socket = this.socket(task, fd);
    if (typeof socket === 'number') return socket;
    if ((flags & ~(Message.DontWait | Message.NoSignal)) !== 0) return -Errno.EOPNOTSUPP;
    return socket.send(bytes);
  }

  /** shutdown(2). @param how SHUT_RD 0, SHUT_WR 1, SHUT_RDWR 2. */
  shutdown(task: Task, fd: number, how: number): number {
    const socket = this.socket(task, fd);
    if (typeof socket === 'number') return socket;
    if (how !== 0 && how !== 1 && how !== 2) return -Errno.EINVAL;
    socket.shutDown((how + 1) as Shutdown);
    return 0;
  }

  /** setsockopt(2): SO_PEEK_OFF. -ENOPROTOOPT for others. */
  setsockopt(task: Task, fd: number, level: number, option: SocketOption, value: number): number {
    const socket = this.socket(task, fd);
    if (typeof socket === 'number') return socket;
    if (level !== SOL_SOCKET || option !== SocketOption.PeekOffset) return -Errno.ENOPROTOOPT;
    socket.peekOffset = value;
    return 0;
  }

  /** getsockopt(2): the value, or -EBADF, -ENOTSOCK, -ENOPROTOOPT. A peek offset of -1 is no error. */
  getsockopt(task: Task, fd: number, level: number, option: SocketOption): number {
    const socket = this.socket(task, fd);
    if (typeof socket === 'number') return socket;
    if (level !== SOL_SOCKET) return -Errno.ENOPROTOOPT;
    switch (option) {
      case SocketOption.Type:
        return socket.type;
      case SocketOption.Domain:
        return AF_UNIX;
      case SocketOption.PeekOffset:
        return socket.peekOffset;
      case SocketOption.Error:
        return socket.takePending();
      case SocketOption.Protocol:
      case SocketOption.AcceptConn:
        return 0;
      default:
        return -Errno.ENOPROTOOPT;
    }
  }

  /** All unix sockets, as anybody may list them by sock_diag(7) (UNIX_DIAG_PEER, _RQLEN, _SHUTDOWN). */
  unix_diag(_task: Task): UnixDiag[] {
    return [...this.machine.unixSockets].map((socket) => ({
      ino: socket.ino,
      type: socket.type,
      state: socket.state,
      peer: socket.peer?.ino ?? 0,
      shutdown: socket.shutdown,
      queued: socket.available,
    }));
  }

  private socket(task: Task, fd: number): UnixSocket | number {
    const file = this.openFile(task, fd);
    if (!file) return -Errno.EBADF;
    return socketOf(file) ?? -Errno.ENOTSOCK;
  }
}
