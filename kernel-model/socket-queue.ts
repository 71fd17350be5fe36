/** Messages that wait to be received: `struct sk_buff_head` and its buffers, where the profile has them. */
import type { KernelHeap } from './heap.ts';
import { listAddTail, listDel, listInit } from './list.ts';
import type { Machine } from './machine.ts';
import type { Record } from './record.ts';

interface Message {
  bytes: Uint8Array;
  /** Bytes that a stream's readers have had. */
  consumed: number;
  /** An empty one that has been looked at. */
  peeked: boolean;
  /** `struct sk_buff`, and the linear offset of its data. */
  record: Record | undefined;
  data: number;
}

/** What was received, and how many bytes left the queue for it: all of a datagram. */
export interface Received {
  part: Uint8Array;
  taken: number;
}

export class MessageQueue {
  private readonly heap: KernelHeap;
  private readonly head: Record | undefined;
  private readonly streams: boolean;
  private readonly messages: Message[] = [];

  /** @param head `struct sk_buff_head`, zeroed. @param streams where one message ends does not count. */
  constructor(machine: Machine, head: Record | undefined, streams: boolean) {
    this.heap = machine.heap;
    this.head = head;
    this.streams = streams;
    if (head) listInit(head.ram, head.address);
  }

  get empty(): boolean {
    return this.messages.length === 0;
  }

  /** Bytes. */
  get length(): number {
    return this.messages.reduce((sum, message) => sum + rest(message).length, 0);
  }

  /** Bytes of the first message. */
  get firstLength(): number {
    return this.messages[0]?.bytes.length ?? 0;
  }

  add(bytes: Uint8Array): void {
    const message: Message = {
      bytes: bytes.slice(),
      consumed: 0,
      peeked: false,
      record: undefined,
      data: 0,
    };
    this.messages.push(message);
    if (this.head && this.heap.knows('sk_buff', 'len')) this.show(this.head, message);
  }

  /**
   * @param offset bytes to skip before looking (SO_PEEK_OFF), -1 for none.
   * @returns undefined when nothing is there.
   */
  take(length: number, peek: boolean, offset: number): Received | undefined {
    return this.streams ? this.takeStream(length, peek, offset) : this.takeMessage(length, peek, offset);
  }

  release(): void {
    for (const message of [...this.messages]) this.remove(message);
  }

  private takeMessage(length: number, peek: boolean, offset: number): Received | undefined {
    let skip = Math.max(offset, 0);
    for (const message of this.messages) {
      const { bytes } = message;
      if (offset >= 0 && skip >= bytes.length && (skip > 0 || message.peeked)) {
        skip -= bytes.length;
        continue;
      }
      if (peek && bytes.length === 0) message.peeked = true;
      if (!peek) this.remove(message);
      return { part: bytes.slice(skip, skip + length), taken: bytes.length };
    }
    return undefined;
  }

  private takeStream(length: number, peek: boolean, offset: number): Received | undefined {
    let skip = Math.max(offset, 0);
    const parts: Uint8Array[] = [];
    let left = length;
    for (const message of [...this.messages]) {
      const available = rest(message);
      if (skip >= available.length) {
        skip -= available.length;
        continue;
      }
      const part = available.subarray(skip, skip + left);
      skip = 0;
      parts.push(part);
      left -= part.length;
      if (!peek) this.consume(message, part.length);
      if (left === 0) break;
    }
    if (parts.length === 0) return undefined;
    const joined = new Uint8Array(length - left);
    let at = 0;
    for (const part of parts) {
      joined.set(part, at);
      at += part.length;
    }
    return { part: joined, taken: joined.length };
  }

  private consume(message: Message, count: number): void {
    message.consumed += count;
    if (message.consumed === message.bytes.length) this.remove(message);
  }

  private remove(message: Message): void {
    this.messages.splice(this.messages.indexOf(message), 1);
    const { record, data, bytes } = message;
    if (!record || !this.head) return;
    listDel(record.ram, record.address);
    this.head.set('qlen', this.messages.length);
    this.heap.free(record);
    if (bytes.length > 0) this.heap.freeBytes(data, bytes.length);
  }

  /** Head and buffers begin with the links of one list. */
  private show(head: Record, message: Message): void {
    const { bytes } = message;
    const record = this.heap.allocate('sk_buff');
    message.record = record;
    message.data = bytes.length > 0 ? this.heap.allocateBytes(bytes.length) : 0;
    new Uint8Array(this.heap.ram.buffer, message.data, bytes.length).set(bytes);
    const address = bytes.length > 0 ? this.heap.addressOf(message.data) : 0n;
    record.assign({ len: bytes.length, head: address, data: address });
    listAddTail(head.ram, record.address, head.address);
    head.set('qlen', this.messages.length);
  }
}

function rest({ bytes, consumed }: Message): Uint8Array {
  return bytes.subarray(consumed);
}
