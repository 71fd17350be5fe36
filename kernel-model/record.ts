/**
 * One struct in the modelled machine's memory, read and written through its Layout.
 *
 * Members are named by path. Hot loops do not use this class per element: they ask the Layout for offsets once
 * and write with `setUint32` of `ram.view` or the functions of `words.ts`.
 */
import { DIRECT_MAP, KERNEL_IMAGE } from '../bpf/address.ts';
import type { Field, Layout } from './layout.ts';
import type { Ram } from './ram.ts';
import { utf8 } from './utf8.ts';
import { readUnsigned, writeUnsigned } from './words.ts';

const decoder = new TextDecoder();

export class Record {
  readonly ram: Ram;
  readonly layout: Layout;
  /** Linear offset of the struct. */
  readonly offset: number;
  /** Kernel address of the struct; for objects outside of the direct map (`struct page`) their own. */
  readonly address: bigint;
  /** Bytes of a flexible array behind the struct. */
  extra = 0;
  private freed = false;

  constructor(ram: Ram, layout: Layout, offset: number, address: bigint = DIRECT_MAP + BigInt(offset)) {
    this.ram = ram;
    this.layout = layout;
    this.offset = offset;
    this.address = address;
  }

  get live(): boolean {
    return !this.freed;
  }

  /** The object is gone: any later access through this record is a use after free. */
  retire(): void {
    this.freed = true;
  }

  has(path: string): boolean {
    return this.layout.has(path);
  }

  /** An integer, enumerator, bool or bitfield that fits a double exactly (use `big` for full 64-bit words). */
  get(path: string): number {
    const field = this.scalar(path);
    if (field.bitSize === 0 && field.size <= 4) return this.getSmall(field);
    const value = this.getBig(field);
    const number = Number(value);
    if (!Number.isSafeInteger(number)) throw new RangeError(`${this.layout.name}.${path} needs 64 bits`);
    return number;
  }

  /** An integer, pointer or bitfield as it is. Signed members give signed values. */
  big(path: string): bigint {
    return this.getBig(this.scalar(path));
  }

  /** Stores an integer, bool, pointer or bitfield; higher bits than the member has are dropped. */
  set(path: string, value: number | bigint | boolean): this {
    const field = this.scalar(path);
    const view = this.ram.view;
    const at = this.offset + field.offset;
    if (field.bitSize === 0 && typeof value === 'number' && field.size <= 4) {
      if (field.size === 4) view.setUint32(at, value, true);
      else if (field.size === 2) view.setUint16(at, value, true);
      else view.setUint8(at, value);
      return this;
    }
    if (field.bitSize === 0) {
      writeUnsigned(view, at, field.size, BigInt.asUintN(8 * field.size, BigInt(value)));
      return this;
    }
    const mask = ((1n << BigInt(field.bitSize)) - 1n) << BigInt(field.bitOffset);
    const old = readUnsigned(view, at, field.size);
    const bits = (BigInt(value) << BigInt(field.bitOffset)) & mask;
    writeUnsigned(view, at, field.size, (old & ~mask) | bits);
    return this;
  }

  /** Sets several members. */
  assign(values: { readonly [path: string]: number | bigint | boolean }): this {
    for (const path of Object.keys(values)) this.set(path, values[path] as number | bigint | boolean);
    return this;
  }

  /** Adds to an integer and gives the new value: reference counts, accounting. */
  add(path: string, delta: number): number {
    const value = this.get(path) + delta;
    this.set(path, value);
    return value;
  }

  /** Points a pointer member at a record, or at nothing. */
  point(path: string, target: Record | undefined): this {
    return this.set(path, target ? target.address : 0n);
  }

  /** Text of a char array up to its NUL. */
  text(path: string): string {
    const field = this.checked(path);
    const bytes = new Uint8Array(this.ram.buffer, this.offset + field.offset, field.size);
    const end = bytes.indexOf(0);
    return decoder.decode(bytes.subarray(0, end < 0 ? bytes.length : end));
  }

  /** Fills a char array: cut so that a NUL still fits, the rest zeroed. */
  setText(path: string, text: string): this {
    const field = this.checked(path);
    const bytes = new Uint8Array(this.ram.buffer, this.offset + field.offset, field.size);
    bytes.fill(0);
    bytes.set(utf8(text).subarray(0, Math.max(0, field.size - 1)));
    return this;
  }

  /** An embedded struct, or an element of an embedded array. */
  sub(path: string): Record {
    const field = this.checked(path);
    const address = this.address + BigInt(field.offset);
    return new Record(this.ram, this.layout.sub(path), this.offset + field.offset, address);
  }

  /** Kernel address of a member. */
  addressOf(path: string): bigint {
    return this.address + BigInt(this.checked(path).offset);
  }

  private getSmall(field: Field): number {
    const view = this.ram.view;
    const at = this.offset + field.offset;
    if (field.size === 4) return field.signed ? view.getInt32(at, true) : view.getUint32(at, true);
    if (field.size === 2) return field.signed ? view.getInt16(at, true) : view.getUint16(at, true);
    return field.signed ? view.getInt8(at) : view.getUint8(at);
  }

  private getBig(field: Field): bigint {
    const raw = readUnsigned(this.ram.view, this.offset + field.offset, field.size);
    const bits = field.bitSize === 0 ? 8 * field.size : field.bitSize;
    const value = BigInt.asUintN(bits, raw >> BigInt(field.bitOffset));
    return field.signed ? BigInt.asIntN(bits, value) : value;
  }

  /** The member, unless it is not a scalar. A struct that wraps one scalar (atomic_t, kuid_t) counts as it. */
  private scalar(path: string): Field {
    const field = this.checked(path);
    if (field.scalar) return field;
    throw new TypeError(`${this.layout.name}.${path} is not a number`);
  }

  private checked(path: string): Field {
    if (this.freed) throw new UseAfterFree(`${this.layout.name}.${path}`, this.address);
    return this.layout.field(path);
  }
}

/** The model itself touched an object that it has freed: a bug in the model, or the kernel bug it models. */
export class UseAfterFree extends Error {
  override readonly name = 'UseAfterFree';
  constructor(
    readonly what: string,
    readonly address: bigint,
  ) {
    super(`use after free: ${what} at 0x${address.toString(16)}`);
  }
}

/** Linear offset behind a kernel address of low memory (direct map or kernel image), -1 for any other. */
export function lowOffset(address: bigint): number {
  const direct = address - DIRECT_MAP;
  if (direct >= 0n && direct < 0x1_0000_0000n) return Number(direct);
  const image = address - KERNEL_IMAGE;
  return image >= 0n && image < 0x8000_0000n ? Number(image) : -1;
}
