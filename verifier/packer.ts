/** Writes records into the core's memory. */
import { Refusal } from './refusal.ts';
import type { CoreExports } from './wasm.ts';

const encoder = new TextEncoder();
const ENOMEM = 12;
/** No part of a request is larger than the core's memory. */
const MAX_PART = 1 << 30;

export class Packer {
  private readonly core: CoreExports;
  private readonly kept: boolean;
  private lastView: DataView | undefined;

  /** With `kept`, memory survives the requests. */
  constructor(core: CoreExports, kept = false) {
    this.core = core;
    this.kept = kept;
  }

  /** Zeroed memory, 16-byte aligned. @throws {Refusal} when the core's limit is reached. */
  alloc(size: number): number {
    const fits = size <= MAX_PART;
    const at = fits ? (this.kept ? this.core.allocateKept(size) : this.core.allocatePart(size)) >>> 0 : 0;
    if (at === 0) throw new Refusal(ENOMEM, `the verifier has no memory for ${size} bytes of the request`);
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

  /** Several NUL-terminated texts, none with a NUL in it: their addresses. */
  texts(texts: readonly string[]): number[] {
    const bytes = encoder.encode(texts.map((text) => `${text}\0`).join(''));
    const at = this.bytes(bytes);
    let next = 0;
    return texts.map(() => {
      const start = next;
      next = bytes.indexOf(0, start) + 1;
      return at + start;
    });
  }

  /** Has `write` fill in what was allocated at `at`. It must not allocate. */
  fill(at: number, size: number, write: (view: DataView) => void): void {
    write(new DataView(this.core.memory.buffer, at, size));
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
    this.fill(at, 4 * values.length, (view) => {
      values.forEach((value, i) => {
        view.setUint32(4 * i, value, true);
      });
    });
    return at;
  }

  /** Over all memory; growing gives the memory another buffer. */
  private get view(): DataView {
    const { buffer } = this.core.memory;
    if (this.lastView?.buffer !== buffer) this.lastView = new DataView(buffer);
    return this.lastView;
  }
}
