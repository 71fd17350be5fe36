/** The modelled machine's memory over the core's linear memory. */
import { PAGE_SIZE } from '../bpf/address.ts';
import { OutOfMemory, type Ram } from '../kernel-model/ram.ts';
import type { CoreExports } from './wasm.ts';

export class VmRam implements Ram {
  private readonly core: CoreExports;
  private currentView: DataView;

  constructor(core: CoreExports) {
    this.core = core;
    this.currentView = new DataView(core.memory.buffer);
  }

  get buffer(): ArrayBuffer {
    return this.core.memory.buffer;
  }

  get view(): DataView {
    if (this.currentView.buffer !== this.core.memory.buffer) {
      this.currentView = new DataView(this.core.memory.buffer);
    }
    return this.currentView;
  }

  alloc(size: number, align = 8): number {
    if (!Number.isInteger(size) || size < 0) throw new RangeError(`alloc of ${size} bytes`);
    const offset = size > 0xffff_ffff ? 0 : this.core.ramAlloc(size, align) >>> 0;
    if (offset === 0) throw new OutOfMemory(size);
    return offset;
  }

  free(offset: number, size: number): void {
    this.core.ramFree(offset, size);
  }

  translate(address: bigint, length: number, write: boolean): number {
    const offset = this.core.translate(address, length, write ? 1 : 0) >>> 0;
    return offset === 0 ? -1 : offset;
  }

  isMapped(address: bigint, length: number): boolean {
    return length <= 0xffff_ffff && this.core.isMapped(address, length) !== 0;
  }

  alias(address: bigint, offset: number): void {
    if (this.core.setAlias(address, offset) === 0) throw new OutOfMemory(PAGE_SIZE);
  }

  read(address: bigint, length: number): Uint8Array | null {
    if (!this.isMapped(address, length)) return null;
    const whole = this.translate(address, length, false);
    if (whole > 0) return new Uint8Array(this.buffer, whole, length).slice();
    const bytes = new Uint8Array(length);
    for (const { at, start, size } of pageParts(address, length)) {
      const from = this.translate(at, size, false);
      if (from > 0) bytes.set(new Uint8Array(this.buffer, from, size), start);
    }
    return bytes;
  }

  write(address: bigint, bytes: Uint8Array): boolean {
    if (!this.isMapped(address, bytes.length)) return false;
    const whole = this.translate(address, bytes.length, true);
    if (whole > 0) {
      new Uint8Array(this.buffer).set(bytes, whole);
      return true;
    }
    for (const { at, start, size } of pageParts(address, bytes.length)) {
      const to = this.translate(at, size, true);
      if (to < 0) throw new OutOfMemory(size);
      new Uint8Array(this.buffer).set(bytes.subarray(start, start + size), to);
    }
    return true;
  }
}

/** Cuts a range at page borders. */
function* pageParts(address: bigint, length: number): Generator<{ at: bigint; start: number; size: number }> {
  let inPage = Number(address & BigInt(PAGE_SIZE - 1));
  for (let start = 0; start < length; ) {
    const size = Math.min(PAGE_SIZE - inPage, length - start);
    yield { at: address + BigInt(start), start, size };
    start += size;
    inPage = 0;
  }
}
