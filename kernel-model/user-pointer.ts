/**
 * Arguments of system calls in the caller's memory: structs and arrays that are fetched element by element,
 * since a fault in the middle is observable.
 */
import { PAGE_SIZE, TASK_SIZE } from '../bpf/address.ts';
import type { Task } from './task.ts';

/** Memory of the calling task; null or false on a fault. */
export interface CallerMemory {
  read(address: bigint, length: number): Uint8Array | null;
  write(address: bigint, bytes: Uint8Array): boolean;
}

/**
 * Where an argument stands: an address of the caller's memory, or bytes that stand for memory of the caller
 * which is not modelled. What lies behind the end of those bytes faults.
 */
export type UserPointer = bigint | Uint8Array;

/** The memory of a task. */
export function callerMemory(task: Task): CallerMemory {
  const memory = task.mm?.memory;
  const inUserSpace = (address: bigint) => address >= 0n && address < TASK_SIZE;
  return {
    read: (address, length) => (memory && inUserSpace(address) ? memory.read(Number(address), length) : null),
    write: (address, bytes) =>
      memory !== undefined && inUserSpace(address) && memory.write(Number(address), bytes),
  };
}

export function isNull(pointer: UserPointer): boolean {
  return pointer === 0n;
}

export function readUser(
  memory: CallerMemory,
  pointer: UserPointer,
  offset: number,
  length: number,
): Uint8Array | null {
  if (typeof pointer === 'bigint') return memory.read(pointer + BigInt(offset), length);
  return offset + length <= pointer.length ? pointer.subarray(offset, offset + length) : null;
}

export function writeUser(
  memory: CallerMemory,
  pointer: UserPointer,
  offset: number,
  bytes: Uint8Array,
): boolean {
  if (typeof pointer === 'bigint') return memory.write(pointer + BigInt(offset), bytes);
  if (offset + bytes.length > pointer.length) return false;
  pointer.set(bytes, offset);
  return true;
}

/** A struct of the caller, or null when it cannot be read. */
export function readStruct(memory: CallerMemory, pointer: UserPointer, size: number): DataView | null {
  const bytes = readUser(memory, pointer, 0, size);
  return bytes && viewOf(bytes);
}

/** An array of equal elements, fetched a page at a time where that does not fault. */
export class UserArray {
  private readonly memory: CallerMemory;
  private readonly pointer: UserPointer;
  private readonly stride: number;
  private chunk: DataView | undefined;
  private chunkStart = 0;

  /** @param stride bytes of an element, at most a page. */
  constructor(memory: CallerMemory, pointer: UserPointer, stride: number) {
    this.memory = memory;
    this.pointer = pointer;
    this.stride = stride;
  }

  /** View over one element, valid until the next call; null on a fault. */
  at(index: number): DataView | null {
    const offset = index * this.stride;
    if (!this.holds(offset)) this.fetch(offset);
    if (!this.chunk || !this.holds(offset)) return null;
    return new DataView(this.chunk.buffer, this.chunk.byteOffset + offset - this.chunkStart, this.stride);
  }

  private holds(offset: number): boolean {
    const { chunk, chunkStart } = this;
    return (
      chunk !== undefined && offset >= chunkStart && offset + this.stride <= chunkStart + chunk.byteLength
    );
  }

  /** As many elements as stand whole on the page of this one; this one alone where it crosses two pages. */
  private fetch(offset: number): void {
    const inPage = typeof this.pointer === 'bigint' ? Number((this.pointer + BigInt(offset)) & 0xfffn) : 0;
    const room = PAGE_SIZE - inPage;
    const whole = Math.max(this.stride, room - (room % this.stride));
    const bytes =
      readUser(this.memory, this.pointer, offset, whole) ??
      readUser(this.memory, this.pointer, offset, this.stride);
    this.chunk = bytes ? viewOf(bytes) : undefined;
    this.chunkStart = offset;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
