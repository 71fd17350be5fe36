/**
 * A packet's bytes in the modelled machine's memory, with room before and behind them. The room grows when it is
 * used up: then the bytes move, as in Linux, and pointers into them are void.
 */
import { kernelAddress } from '../../bpf/address.ts';
import type { Ram } from '../../kernel-model/ram.ts';

/** Bytes of new room on a side that ran out of it. */
const GROWTH = 256;

export class PacketBuffer {
  private readonly ram: Ram;
  /** Linear offset and bytes of the allocation. */
  private base: number;
  private capacity: number;
  /** Of the first byte, from `base`. */
  private start: number;
  private size: number;

  /** @throws {OutOfMemory} when the machine has no room for it. */
  constructor(ram: Ram, bytes: Uint8Array, headroom: number, tailroom: number) {
    this.ram = ram;
    this.capacity = headroom + bytes.length + tailroom;
    this.base = ram.alloc(this.capacity, 64);
    this.start = headroom;
    this.size = bytes.length;
    this.memory(this.base, this.capacity).fill(0);
    this.bytes(0, bytes.length).set(bytes);
  }

  get length(): number {
    return this.size;
  }

  /** Bytes before the first. */
  get headroom(): number {
    return this.start;
  }

  /** Linear offset of the first byte. */
  get offset(): number {
    return this.base + this.start;
  }

  /** Kernel address of a byte; 0 is the packet's first, negative ones stand in the headroom. */
  address(at = 0): bigint {
    return kernelAddress(this.offset + at);
  }

  /** The bytes [at, at + length) themselves, good until the packet changes. */
  bytes(at = 0, length = this.size - at): Uint8Array {
    return this.memory(this.offset + at, length);
  }

  /** Whether [at, at + length) are bytes of the packet. */
  has(at: number, length: number): boolean {
    return at >= 0 && length >= 0 && at + length <= this.size;
  }

  /** Takes `count` bytes of headroom into the packet; they keep what they held. */
  push(count: number): void {
    if (count > this.start) this.move(count - this.start + GROWTH, 0);
    this.start -= count;
    this.size += count;
  }

  /** Gives the first `count` bytes back to the headroom. */
  pull(count: number): void {
    this.start += count;
    this.size -= count;
  }

  /** Cuts the packet, or makes it longer by zeros. */
  resize(length: number): void {
    const tailroom = this.capacity - this.start - this.size;
    const more = length - this.size;
    if (more > tailroom) this.move(0, more - tailroom + GROWTH);
    if (more > 0) this.memory(this.offset + this.size, more).fill(0);
    this.size = length;
  }

  /** Puts `count` zeros before byte `at`, moving the bytes before that to the front. */
  insert(at: number, count: number): void {
    this.push(count);
    this.bytes().copyWithin(0, count, count + at);
    this.bytes(at, count).fill(0);
  }

  /** Takes the bytes [at, at + count) out. */
  remove(at: number, count: number): void {
    this.bytes().copyWithin(count, 0, at);
    this.pull(count);
  }

  free(): void {
    this.ram.free(this.base, this.capacity);
  }

  private move(front: number, back: number): void {
    const capacity = this.capacity + front + back;
    const base = this.ram.alloc(capacity, 64);
    this.memory(base, capacity).fill(0);
    this.memory(base + front, this.capacity).set(this.memory(this.base, this.capacity));
    this.ram.free(this.base, this.capacity);
    this.base = base;
    this.capacity = capacity;
    this.start += front;
  }

  private memory(at: number, length: number): Uint8Array {
    return new Uint8Array(this.ram.buffer, at, length);
  }
}
