/**
 * Wait queues: who wants to be told that a file has become ready. The entries stand in the record
 * (`struct wait_queue_head`), so that a program that walks it finds the waiters.
 */
import { listAdd, listAddTail, listDel, listInit } from './list.ts';
import type { Ram } from './ram.ts';
import type { Record } from './record.ts';

/** EPOLL* bits, which poll(2) shares. */
export const enum PollEvent {
  In = 0x1,
  Pri = 0x2,
  Out = 0x4,
  Err = 0x8,
  Hup = 0x10,
  RdNorm = 0x40,
  WrNorm = 0x100,
  RdHup = 0x2000,
  /** The waker is a ring that posts completions. */
  UringWake = 1 << 27,
  Exclusive = 1 << 28,
  OneShot = 1 << 30,
  EdgeTriggered = 1 << 31,
}

/** What a file without an opinion of its own is ready for (DEFAULT_POLLMASK). */
export const ALWAYS_READY = PollEvent.In | PollEvent.Out | PollEvent.RdNorm | PollEvent.WrNorm;

export interface Waiter {
  /** `struct wait_queue_entry` */
  readonly entry: Record;
  /** @param events PollEvent bits that have come true. */
  wake(events: number): void;
}

export class WaitQueue {
  /** Kernel address of the `struct wait_queue_head`. */
  readonly address: bigint;
  private readonly ram: Ram;
  private readonly list: bigint;
  private waiters: Waiter[] = [];

  /** @param head the `struct wait_queue_head`, zeroed. */
  constructor(head: Record) {
    this.ram = head.ram;
    this.address = head.address;
    this.list = head.addressOf('head');
    listInit(this.ram, this.list);
  }

  get size(): number {
    return this.waiters.length;
  }

  /** Newcomers stand in front; exclusive ones, of which one is woken, at the end. */
  add(waiter: Waiter, exclusive = false): void {
    const node = waiter.entry.addressOf('entry');
    if (exclusive) {
      this.waiters.push(waiter);
      listAddTail(this.ram, node, this.list);
    } else {
      this.waiters.unshift(waiter);
      listAdd(this.ram, node, this.list);
    }
  }

  remove(waiter: Waiter): void {
    const index = this.waiters.indexOf(waiter);
    if (index < 0) return;
    this.waiters.splice(index, 1);
    listDel(this.ram, waiter.entry.addressOf('entry'));
  }

  /** Tells everyone; a waiter may leave meanwhile. */
  wake(events: number): void {
    for (const waiter of [...this.waiters]) if (this.waiters.includes(waiter)) waiter.wake(events);
  }
}
