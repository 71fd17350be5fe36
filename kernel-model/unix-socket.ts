/**
 * One end of a pair of unix sockets: `struct socket`, and where the profile has them `struct unix_sock` with its
 * receive queue. Send buffers have no limit.
 */
import { Errno } from '../bpf/errno.ts';
import type { Readiness } from './file.ts';
import type { Machine } from './machine.ts';
import type { Record } from './record.ts';
import { MessageQueue } from './socket-queue.ts';
import { PollEvent, WaitQueue } from './wait-queue.ts';

/** SOCK_* */
export const enum SocketType {
  Stream = 1,
  Datagram = 2,
  SeqPacket = 5,
}

/** Bits of sk_shutdown. */
export const enum Shutdown {
  Receive = 1,
  Send = 2,
  Both = 3,
}

/** TCP_* states, which unix sockets share. */
export const enum SocketState {
  Established = 1,
  Close = 7,
}

/** SS_CONNECTED of `struct socket`. */
const CONNECTED = 3;
const AF_UNIX = 1;
/** net.core.wmem_default; a datagram of nearly that much does not fit. */
const SEND_BUFFER = 212_992;
const LARGEST = SEND_BUFFER - 32;

const READABLE = PollEvent.In | PollEvent.RdNorm;
const WRITABLE = PollEvent.Out | PollEvent.WrNorm;

const OPERATIONS: { readonly [type: number]: string } = {
  [SocketType.Stream]: 'unix_stream_ops',
  [SocketType.Datagram]: 'unix_dgram_ops',
  [SocketType.SeqPacket]: 'unix_seqpacket_ops',
};

export interface ReceiveOptions {
  /** The caller would wait (no O_NONBLOCK, no MSG_DONTWAIT). */
  waits: boolean;
  /** MSG_PEEK: what is received stays. */
  peek: boolean;
}

export class UnixSocket {
  /** `struct socket` */
  readonly record: Record;
  readonly type: SocketType;
  private readonly machine: Machine;
  /** `struct unix_sock` */
  private readonly sock: Record | undefined;
  private readonly waiters: WaitQueue;
  private readonly queue: MessageQueue;
  private other: UnixSocket | undefined;
  private inode = 0;
  private closed = false;
  private shut = 0;
  private pendingError = 0;
  private offset = -1;
  private current = SocketState.Established;
  /** Who refers to the sock: its socket, and the other end. */
  private refs = 1;

  constructor(machine: Machine, type: SocketType) {
    this.machine = machine;
    this.type = type;
    this.record = machine.heap.allocate('socket');
    this.waiters = new WaitQueue(this.record.sub('wq.wait'));
    this.record
      .assign({ state: CONNECTED, type })
      .set('ops', machine.symbols.opaque(OPERATIONS[type] as string));
    if (machine.heap.knows('unix_sock', 'peer')) this.sock = this.makeSock();
    this.queue = new MessageQueue(machine, this.sock?.sub('sk.sk_receive_queue'), type === SocketType.Stream);
    machine.unixSockets.add(this);
  }

  /** Inode number, 0 once it is closed. */
  get ino(): number {
    return this.closed ? 0 : this.inode;
  }

  /** The other end. It may be closed. */
  get peer(): UnixSocket | undefined {
    return this.other;
  }

  get state(): SocketState {
    return this.current;
  }

  /** Shutdown bits. */
  get shutdown(): number {
    return this.shut;
  }

  /** SIOCINQ: bytes to read; of a datagram socket those of the next one. */
  get available(): number {
    return this.type === SocketType.Datagram ? this.queue.firstLength : this.queue.length;
  }

  /** SO_PEEK_OFF: where the next MSG_PEEK begins, -1 for always at the front. */
  get peekOffset(): number {
    return this.offset;
  }

  set peekOffset(bytes: number) {
    this.offset = bytes;
    this.sock?.set('sk.sk_peek_off', bytes);
  }

  join(other: UnixSocket): void {
    this.other = other;
    other.refs++;
    this.sock?.point('peer', other.sock);
  }

  open(file: Record, ino: number): void {
    this.inode = ino;
    this.record.point('file', file);
  }

  /** Bytes, an empty array at the end, -EAGAIN, -ECONNRESET (the other end closed with bytes unread). */
  receive(length: number, { waits, peek }: ReceiveOptions): Uint8Array | number {
    const packets = this.type !== SocketType.Stream;
    if (packets && this.pendingError !== 0) return this.takeError();
    const bytes = this.queue.take(length, peek, peek ? this.offset : -1);
    if (bytes) {
      if (this.offset >= 0) this.movePeek(bytes, peek);
      return bytes.part;
    }
    if (this.pendingError !== 0) return this.takeError();
    if ((this.shut & Shutdown.Receive) === 0) return -Errno.EAGAIN;
    return this.type === SocketType.Datagram && !waits ? -Errno.EAGAIN : new Uint8Array(0);
  }

  /** The number of bytes, -EPIPE, -EMSGSIZE, for datagrams -ECONNREFUSED (the other end has closed) and -ENOTCONN. */
  send(bytes: Uint8Array): number {
    const { other } = this;
    if (this.type !== SocketType.Stream && bytes.length > LARGEST) return -Errno.EMSGSIZE;
    if (!other) return -Errno.ENOTCONN;
    if ((this.shut & Shutdown.Send) !== 0) return -Errno.EPIPE;
    if (other.closed) return this.type === SocketType.Datagram ? this.disconnect(other) : -Errno.EPIPE;
    if ((other.shut & Shutdown.Receive) !== 0) return -Errno.EPIPE;
    if (bytes.length === 0 && this.type === SocketType.Stream) return 0;
    other.queue.add(bytes);
    other.waiters.wake(READABLE);
    return bytes.length;
  }

  /** SO_ERROR: the error that waits to be reported, once. */
  takePending(): number {
    const errno = this.pendingError;
    this.setError(0);
    return errno;
  }

  /** shutdown(2): the other end of a connection finds the opposite. */
  shutDown(how: Shutdown): void {
    this.addShutdown(how);
    const { other } = this;
    if (!other || other.closed || this.type === SocketType.Datagram) return;
    const opposite = ((how & Shutdown.Receive) << 1) | ((how & Shutdown.Send) >> 1);
    other.addShutdown(opposite);
  }

  get readiness(): Readiness {
    let mask = this.pendingError !== 0 ? PollEvent.Err : 0;
    if (this.shut === Shutdown.Both) mask |= PollEvent.Hup;
    if ((this.shut & Shutdown.Receive) !== 0) mask |= PollEvent.RdHup | READABLE;
    if (!this.queue.empty) mask |= READABLE;
    return { mask: mask | WRITABLE, queues: [this.waiters] };
  }

  /** The file is gone. */
  release(): void {
    const { other } = this;
    this.closed = true;
    this.machine.unixSockets.delete(this);
    if (other && !other.closed && this.type !== SocketType.Datagram) {
      if (!this.queue.empty) other.setError(Errno.ECONNRESET);
      other.addShutdown(Shutdown.Both);
    }
    this.queue.release();
    this.sock?.point('sk.sk_socket', undefined);
    this.setState(SocketState.Close);
    this.machine.heap.free(this.record);
    this.other = undefined;
    this.sock?.point('peer', undefined);
    other?.put();
    this.put();
  }

  private addShutdown(bits: number): void {
    this.shut |= bits;
    this.sock?.set('sk.sk_shutdown', this.shut);
    const { mask } = this.readiness;
    this.waiters.wake(mask);
  }

  private setError(errno: number): void {
    this.pendingError = errno;
    this.sock?.set('sk.sk_err', errno);
  }

  private takeError(): number {
    return -this.takePending();
  }

  private setState(state: SocketState): void {
    this.current = state;
    this.sock?.set('sk.__sk_common.skc_state', state);
  }

  /** A datagram socket notices that its other end has closed. */
  private disconnect(other: UnixSocket): number {
    this.other = undefined;
    this.sock?.point('peer', undefined);
    this.setState(SocketState.Close);
    other.put();
    return -Errno.ECONNREFUSED;
  }

  /** Peeking goes on where it stopped; reading takes away what was in front of that. */
  private movePeek({ part, taken }: { part: Uint8Array; taken: number }, peek: boolean): void {
    this.peekOffset = peek ? this.offset + part.length : Math.max(0, this.offset - taken);
  }

  private put(): void {
    this.refs--;
    if (this.sock && this.refs === 0) this.machine.heap.free(this.sock);
  }

  private makeSock(): Record {
    const sock = this.machine.heap.allocate('unix_sock');
    sock
      .assign({ 'sk.__sk_common.skc_family': AF_UNIX, 'sk.__sk_common.skc_state': SocketState.Established })
      .assign({ 'sk.sk_type': this.type, 'sk.sk_sndbuf': SEND_BUFFER, 'sk.sk_rcvbuf': SEND_BUFFER })
      .set('sk.sk_peek_off', -1)
      .point('sk.sk_socket', this.record);
    this.record.point('sk', sock);
    return sock;
  }
}
