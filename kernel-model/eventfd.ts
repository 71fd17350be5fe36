/** Event counters: `struct eventfd_ctx` behind a file. */
import { Errno } from '../bpf/errno.ts';
import { type File, type FileOperations, Open, type Readiness } from './file.ts';
import type { KernelHeap } from './heap.ts';
import type { Machine } from './machine.ts';
import type { Record } from './record.ts';
import type { Task } from './task.ts';
import { PollEvent, WaitQueue } from './wait-queue.ts';

const EFD_SEMAPHORE = 1;
/** Largest counter value; one more would be the "overflow" mark. */
const COUNT_MAX = 0xffff_ffff_ffff_fffen;

/** The counter. An eventfd file holds one reference, a ring that it is registered with another. */
export class EventfdContext {
  readonly record: Record;
  readonly queue: WaitQueue;
  private readonly heap: KernelHeap;

  constructor(machine: Machine, count: number, semaphore: boolean) {
    this.heap = machine.heap;
    this.record = machine.heap.allocate('eventfd_ctx');
    // 5.16 to 6.12 number eventfds from 0.
    this.record.assign({ count, flags: semaphore ? EFD_SEMAPHORE : 0, id: machine.nextId('eventfd') - 1 });
    this.record.set('kref', 1);
    this.queue = new WaitQueue(this.record.sub('wqh'));
  }

  get count(): bigint {
    return this.record.big('count');
  }

  /**
   * Adds to the counter, which stays at its maximum when it would overflow (eventfd_signal).
   * @param origin PollEvent bits that tell waiters who signals.
   */
  signal(amount = 1n, origin = 0): void {
    const sum = this.count + amount;
    this.record.set('count', sum > COUNT_MAX ? COUNT_MAX : sum);
    this.queue.wake(PollEvent.In | origin);
  }

  get readiness(): Readiness {
    const { count } = this;
    const readable = count > 0n ? PollEvent.In : 0;
    const writable = count < COUNT_MAX ? PollEvent.Out : 0;
    return { mask: readable | writable, queues: [this.queue] };
  }

  get(): this {
    this.record.add('kref', 1);
    return this;
  }

  put(): void {
    if (this.record.add('kref', -1) === 0) this.heap.free(this.record);
  }

  /** What read(2) takes: all of the counter, or 1 of a semaphore; undefined when the counter is 0. */
  take(): bigint | undefined {
    const { count } = this;
    if (count === 0n) return undefined;
    const amount = (this.record.get('flags') & EFD_SEMAPHORE) !== 0 ? 1n : count;
    this.record.set('count', count - amount);
    this.queue.wake(PollEvent.Out);
    return amount;
  }
}

const operations: FileOperations = {
  symbol: 'eventfd_fops',
  pollable: true,
  poll: (file) => contextOf(file).readiness,
  release: (file) => contextOf(file).put(),
  read: (file, _task, length) => {
    if (length < 8) return -Errno.EINVAL;
    const value = contextOf(file).take();
    if (value === undefined) return -Errno.EAGAIN;
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, value, true);
    return bytes;
  },
  write: (file, _task, bytes) => {
    if (bytes.length < 8) return -Errno.EINVAL;
    const amount = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
    if (amount > COUNT_MAX) return -Errno.EINVAL;
    const context = contextOf(file);
    if (context.count + amount > COUNT_MAX) return -Errno.EAGAIN;
    context.signal(amount);
    return 8;
  },
};

export function createEventfd(
  machine: Machine,
  task: Task,
  init: { count: number; semaphore: boolean; flags: number },
): File {
  const context = new EventfdContext(machine, init.count, init.semaphore);
  const file = machine.vfs.openPseudo({
    kind: 'anon_inode',
    name: '[eventfd]',
    ops: operations,
    flags: Open.RdWr | init.flags,
    cred: task.cred,
  });
  file.object = context;
  file.setPrivate(context.record);
  return file;
}

/** The counter behind a file, undefined when the file is no eventfd. */
export function eventfdOf(file: File): EventfdContext | undefined {
  return file.ops === operations ? contextOf(file) : undefined;
}

function contextOf(file: File): EventfdContext {
  return file.object as EventfdContext;
}
