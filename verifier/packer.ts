/** Writes records into the core's memory. */
import type { CoreExports } from './wasm.ts';

const encoder = new TextEncoder();

export class Packer {
  private readonly core: CoreExports;
  private readonly kept: boolean;

  /** With `kept`, memory survives the requests. */
  constructor(core: CoreExports, kept = false) {
    this.core = core;
    this.kept = kept;
  }

  /** Zeroed memory, 16-byte aligned. @throws {RangeError} when the core's limit is reached. */
  alloc(size: number): number {
    const at = (this.kept ? this.core.allocateKept(size) : this.core.allocate(size)) >>> 0;
    if (at === 0 || this.core.arenaExhausted() !== 0) {
      throw new RangeError(`the verifier is out of memory: ${size} more bytes do not fit`);
    }
    return at;
  }

  bytes(from: Uint8Array): number {
    const at = this.alloc(from.length);
    new Uint8Array(this.core.memory.buffer).set(from, at);
    return at;
  }

  /** NUL-terminated. */
  text(text: string): number {
    const bytes = encoder.encode(text);
    const at = this.alloc(bytes.length + 1);
    new Uint8Array(this.core.memory.buffer).set(bytes, at);
    return at;
  }

  u32(at: number, value: number): void {
    this.view.setUint32(at, value, true);
  }

  u64(at: number, value: bigint): void {
    this.view.setBigUint64(at, value, true);
  }

  /** An array of u32. */
  words(values: readonly number[]): number {
    const at = this.alloc(Math.max(values.length, 1) * 4);
    values.forEach((value, i) => {
      this.u32(at + 4 * i, value);
    });
    return at;
  }

  private get view(): DataView {
    return new DataView(this.core.memory.buffer);
  }
}
