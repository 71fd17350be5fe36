/** Rings and their register calls as short functions, for the tests of io_uring. */
import type { EpollEvent } from '../../kernel-model/epoll.ts';
import { epollCreate1, epollCtl } from '../../kernel-model/epoll-ctl.ts';
import { type EnterArgument, ioUringEnter, type PendingEnter } from '../../kernel-model/io-uring/enter.ts';
import { ioUringRegister } from '../../kernel-model/io-uring/register.ts';
import { IoUring } from '../../kernel-model/io-uring/ring.ts';
import { ioUringSetup, type SetupParams, type SetupResult } from '../../kernel-model/io-uring/setup.ts';
import type { SqeFields } from '../../kernel-model/io-uring/sqe.ts';
import { UserQueue } from '../../kernel-model/io-uring/user-queue.ts';
import type { Machine } from '../../kernel-model/machine.ts';
import { MapFlag } from '../../kernel-model/memory-syscalls.ts';
import type { Task } from '../../kernel-model/task.ts';
import type { UserPointer } from '../../kernel-model/user-pointer.ts';
import { Prot } from '../../kernel-model/vma.ts';
import { PAGE } from './support.ts';

/** One task with its calls; numbers are results or negative errnos. */
export class Caller {
  readonly machine: Machine;
  readonly task: Task;

  constructor(machine: Machine, task: Task) {
    this.machine = machine;
    this.task = task;
  }

  setup(entries: number, params: SetupParams | undefined = {}): number {
    const result = ioUringSetup(this.machine, this.task, entries, params);
    return typeof result === 'number' ? result : result.fd;
  }

  setupResult(entries: number, params: SetupParams = {}): SetupResult {
    const result = ioUringSetup(this.machine, this.task, entries, params);
    if (typeof result === 'number') throw new Error(`io_uring_setup: ${result}`);
    return result;
  }

  ring(fd: number): IoUring {
    const object = this.task.files?.get(fd)?.object;
    if (!(object instanceof IoUring)) throw new Error(`descriptor ${fd} is no ring`);
    return object;
  }

  register(fd: number, op: number, argument: UserPointer, count: number): number {
    const result = ioUringRegister(this.machine, this.task, fd, op, argument, count);
    if (typeof result !== 'number') throw new Error(`blocked: ${result.waitsFor}`);
    return result;
  }

  /** User space's side of a ring. */
  queue(fd: number): UserQueue {
    return new UserQueue(this.ring(fd));
  }

  enter(fd: number, submit: number, complete = 0, flags = 0, argument?: EnterArgument): number {
    const result = this.enterMayWait(fd, submit, complete, flags, argument);
    if (typeof result !== 'number') throw new Error(`blocked: ${result.waitsFor}`);
    return result;
  }

  enterMayWait(
    fd: number,
    submit: number,
    complete = 0,
    flags = 0,
    argument?: EnterArgument,
  ): number | PendingEnter {
    return ioUringEnter(this.machine, this.task, fd, submit, complete, flags, argument);
  }

  /** Fills entries and submits them; what io_uring_enter returns. */
  submit(fd: number, ...entries: SqeFields[]): number {
    const queue = this.queue(fd);
    for (const entry of entries) if (!queue.push(entry)) throw new Error('the submission queue is full');
    return this.enter(fd, entries.length);
  }

  /** Takes the completions there are: [user data, result, flags]. */
  reap(fd: number): [number, number, number][] {
    return this.queue(fd)
      .takeAll()
      .map(({ userData, result, flags }) => [Number(userData), result, flags]);
  }

  /** `struct __kernel_timespec` in the task's memory. */
  timespec(nanoseconds: number): bigint {
    return this.put(words(Math.floor(nanoseconds / 1e9), nanoseconds % 1e9));
  }

  epollCreate(): number {
    return epollCreate1(this.machine, this.task, 0);
  }

  epollCtl(
    epfd: number,
    op: number,
    fd: number,
    event: EpollEvent | null = { events: 1, data: BigInt(fd) },
  ): number {
    const result = epollCtl(this.task, epfd, op, fd, event ?? undefined);
    if (typeof result !== 'number') throw new Error(`blocked: ${result.waitsFor}`);
    return result;
  }

  /** Anonymous memory of the task. */
  map(bytes: number, prot: number = Prot.Read | Prot.Write, flags: number = MapFlag.Private): number {
    const size = Math.ceil(bytes / PAGE) * PAGE;
    const address = this.machine.sys.mmap(this.task, 0, size, prot, flags | MapFlag.Anonymous);
    if (address < 0) throw new Error(`mmap: ${address}`);
    return address;
  }

  /** Puts bytes into the task's memory; their address. */
  put(bytes: Uint8Array): bigint {
    const address = this.map(Math.max(bytes.length, 1));
    this.task.mm?.memory.write(address, bytes);
    return BigInt(address);
  }
}

/** `struct iovec` elements. */
export function iovecs(...ranges: [base: number | bigint, length: number | bigint][]): Uint8Array {
  return words(...ranges.flat());
}

/** 64-bit words. */
export function words(...values: (number | bigint)[]): Uint8Array {
  const bytes = new Uint8Array(8 * values.length);
  const view = new DataView(bytes.buffer);
  for (const [i, value] of values.entries())
    view.setBigUint64(8 * i, BigInt.asUintN(64, BigInt(value)), true);
  return bytes;
}

/** 32-bit words. */
export function ints(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(4 * values.length);
  const view = new DataView(bytes.buffer);
  for (const [i, value] of values.entries()) view.setInt32(4 * i, value, true);
  return bytes;
}

export function concat(...parts: Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** `struct io_uring_rsrc_register` */
export function rsrcRegister(
  count: number,
  data: bigint,
  options: { flags?: number; tags?: bigint } = {},
): Uint8Array {
  return concat(ints(count, options.flags ?? 0), words(0, data, options.tags ?? 0));
}

/** `struct io_uring_rsrc_update` */
export function rsrcUpdate(offset: number, data: bigint | number, reserved = 0): Uint8Array {
  return concat(ints(offset, reserved), words(data));
}

/** `struct io_uring_rsrc_update2` */
export function rsrcUpdate2(
  offset: number,
  data: bigint,
  count: number,
  options: { reserved?: number; tags?: bigint } = {},
): Uint8Array {
  return concat(ints(offset, options.reserved ?? 0), words(data, options.tags ?? 0), ints(count, 0));
}

/** `struct io_uring_buf_reg` */
export function bufferReg(
  address: bigint,
  entries: number,
  id: number,
  options: { flags?: number; minLeft?: number; reserved?: number } = {},
): Uint8Array {
  const group = id | ((options.flags ?? 0) << 16);
  return concat(
    words(address),
    ints(entries, group, options.minLeft ?? 0, options.reserved ?? 0),
    words(0, 0),
  );
}

/** `struct io_uring_file_index_range` */
export function indexRange(offset: number, length: number, reserved = 0): Uint8Array {
  return concat(ints(offset, length), words(reserved));
}

/** `struct io_uring_restriction` elements. */
export function restrictions(...entries: [opcode: number, value: number][]): Uint8Array {
  return concat(
    ...entries.map(([opcode, value]) => {
      const entry = new Uint8Array(16);
      entry[0] = opcode;
      entry[2] = value;
      return entry;
    }),
  );
}
