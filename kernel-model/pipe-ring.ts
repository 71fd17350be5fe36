/**
 * What is in a pipe: a ring of parts of pages (`struct pipe_buffer`), in order. A short write goes into the page of the
 * one before it when it fits there whole, so what a pipe holds depends on how it was written.
 */
import { PAGE_SIZE } from '../bpf/address.ts';
import { Errno } from '../bpf/errno.ts';
import type { Layout } from './layout.ts';
import type { Machine } from './machine.ts';
import { Record } from './record.ts';
import { setPagePointer } from './words.ts';

/** Slots of a new pipe. */
const DEFAULT_SLOTS = 16;
/** PIPE_BUF_FLAG_* */
const PACKET = 0x08;
const CAN_MERGE = 0x10;
const COUNTER = 2 ** 32;

interface Part {
  frame: number;
  offset: number;
  length: number;
  flags: number;
}

export class PipeRing {
  private readonly machine: Machine;
  private readonly pipe: Record;
  /** `struct pipe_buffer`, where the profile has it. */
  private readonly layout: Layout | undefined;
  private readonly parts: Part[] = [];
  private slots = DEFAULT_SLOTS;
  /** Linear offset of the slots. */
  private array = 0;

  constructor(machine: Machine, pipe: Record) {
    this.machine = machine;
    this.pipe = pipe;
    const layout = machine.profile.findLayout('pipe_buffer');
    if (layout?.has('page')) this.layout = layout;
    this.place();
  }

  /** Slots. */
  get capacity(): number {
    return this.slots;
  }

  get empty(): boolean {
    return this.parts.length === 0;
  }

  get full(): boolean {
    return this.parts.length >= this.slots;
  }

  /** Bytes. */
  get length(): number {
    return this.parts.reduce((sum, { length }) => sum + length, 0);
  }

  /** Takes bytes out; of a packet no more than that one, of which the rest is lost. */
  take(length: number): Uint8Array {
    const bytes: Uint8Array[] = [];
    for (let left = length; left > 0 && !this.empty; ) {
      const part = this.parts[0] as Part;
      const count = Math.min(left, part.length);
      bytes.push(this.machine.pages.read(part.frame, part.offset, count));
      part.offset += count;
      part.length -= count;
      left -= count;
      const packet = (part.flags & PACKET) !== 0;
      if (packet || part.length === 0) this.shift();
      else this.show(0);
      if (packet) break;
    }
    return concat(bytes);
  }

  /** Puts bytes in, as many as there is room for; -EAGAIN when that is none, -ENOMEM. */
  put(bytes: Uint8Array, packets: boolean): number {
    let done = this.merge(bytes.subarray(0, bytes.length % PAGE_SIZE));
    while (done < bytes.length && !this.full) {
      const frame = this.machine.pages.allocate();
      if (frame < 0) return done > 0 ? done : -Errno.ENOMEM;
      const part = bytes.subarray(done, done + PAGE_SIZE);
      this.machine.pages.write(frame, 0, part);
      this.push({ frame, offset: 0, length: part.length, flags: packets ? PACKET : CAN_MERGE });
      done += part.length;
    }
    return done > 0 ? done : -Errno.EAGAIN;
  }

  /** Puts the same pages into another ring; the number of bytes. */
  shareWith(other: PipeRing, length: number): number {
    let left = length;
    for (const part of this.parts) {
      if (left === 0 || other.full) break;
      const count = Math.min(left, part.length);
      this.machine.pages.get(part.frame);
      other.push({ ...part, length: count, flags: part.flags & ~CAN_MERGE });
      left -= count;
    }
    return length - left;
  }

  /** Another number of slots; false when more are in use. */
  resize(slots: number): boolean {
    if (this.parts.length > slots) return false;
    this.freeArray();
    this.slots = slots;
    this.place();
    return true;
  }

  release(): void {
    while (!this.empty) this.shift();
    this.freeArray();
  }

  /** Appends to the last part when its page has room for all; the bytes appended. */
  private merge(bytes: Uint8Array): number {
    const last = this.parts.at(-1);
    if (!last || bytes.length === 0 || (last.flags & CAN_MERGE) === 0) return 0;
    if (last.offset + last.length + bytes.length > PAGE_SIZE) return 0;
    this.machine.pages.write(last.frame, last.offset + last.length, bytes);
    last.length += bytes.length;
    this.show(this.parts.length - 1);
    return bytes.length;
  }

  private push(part: Part): void {
    this.parts.push(part);
    this.pipe.set('head', (this.pipe.get('head') + 1) % COUNTER);
    this.show(this.parts.length - 1);
  }

  private shift(): void {
    const part = this.parts.shift();
    if (part) this.machine.pages.put(part.frame);
    this.slot(this.pipe.get('tail'))?.set('ops', 0);
    this.pipe.set('tail', (this.pipe.get('tail') + 1) % COUNTER);
  }

  /** New slots: the parts stand at their beginning. */
  private place(): void {
    const size = this.layout?.size ?? 0;
    this.array = size > 0 ? this.machine.heap.allocateBytes(size * this.slots) : 0;
    this.pipe
      .assign({ head: this.parts.length, tail: 0, max_usage: this.slots, ring_size: this.slots })
      .set('bufs', size > 0 ? this.machine.heap.addressOf(this.array) : 0n);
    for (let index = 0; index < this.parts.length; index++) this.show(index);
  }

  private freeArray(): void {
    const size = this.layout?.size ?? 0;
    if (size > 0) this.machine.heap.freeBytes(this.array, size * this.slots);
  }

  /** Writes the record of a part. */
  private show(index: number): void {
    const part = this.parts[index] as Part;
    const slot = this.slot(this.pipe.get('tail') + index);
    if (!slot) return;
    const { offset, length, flags } = part;
    slot.assign({ offset, len: length, flags });
    slot.set('ops', this.machine.symbols.opaque('anon_pipe_buf_ops'));
    setPagePointer(this.machine.ram.view, slot.offset + slot.layout.offset('page'), part.frame);
  }

  private slot(number: number): Record | undefined {
    if (!this.layout) return undefined;
    const at = this.array + this.layout.size * (number & (this.slots - 1));
    return new Record(this.machine.ram, this.layout, at);
  }
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
