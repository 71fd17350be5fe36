/**
 * `struct seq_file` in model memory. Helpers append to its buffer there, so the record's `count`, `from` and
 * `size` are the truth and nothing of them is kept twice.
 */
import type { KernelHeap } from './heap.ts';
import type { Record } from './record.ts';
import { getU64, setLowPointer, setU64 } from './words.ts';

/** Bytes of the buffer of a BPF iterator: eight pages. */
export const SEQ_BUFFER_SIZE = 32768;

export class SeqFile {
  readonly record: Record;
  private readonly heap: KernelHeap;
  private readonly offsets: { [Name in 'buf' | 'size' | 'from' | 'count' | 'index']: number };

  constructor(heap: KernelHeap) {
    this.heap = heap;
    const record = heap.allocate('seq_file');
    this.record = record;
    const at = (name: string) => record.offset + record.layout.offset(name);
    this.offsets = {
      buf: at('buf'),
      size: at('size'),
      from: at('from'),
      count: at('count'),
      index: at('index'),
    };
  }

  /** Bytes in the buffer that no reader has got yet. */
  get count(): number {
    return getU64(this.record.ram.view, this.offsets.count);
  }
  set count(value: number) {
    setU64(this.record.ram.view, this.offsets.count, value);
  }

  /** Where the first of them stands. */
  get from(): number {
    return getU64(this.record.ram.view, this.offsets.from);
  }
  set from(value: number) {
    setU64(this.record.ram.view, this.offsets.from, value);
  }

  get size(): number {
    return getU64(this.record.ram.view, this.offsets.size);
  }

  /** Position of the traversal, which start() and next() of a target move on. */
  get index(): number {
    return getU64(this.record.ram.view, this.offsets.index);
  }
  set index(value: number) {
    setU64(this.record.ram.view, this.offsets.index, value);
  }

  /** A full buffer counts as one that did not suffice: the writer cannot tell the two apart. */
  get overflowed(): boolean {
    return this.count === this.size;
  }

  /** Gives the file its buffer when it has none yet. @throws {OutOfMemory} */
  ensureBuffer(): void {
    if (this.size !== 0) return;
    const buffer = this.heap.allocateBytes(SEQ_BUFFER_SIZE, 4096);
    setLowPointer(this.heap.ram.view, this.offsets.buf, buffer);
    setU64(this.heap.ram.view, this.offsets.size, SEQ_BUFFER_SIZE);
  }

  /** A copy of bytes of the buffer. */
  bytes(from: number, length: number): Uint8Array {
    const { ram } = this.record;
    return new Uint8Array(ram.buffer, this.buffer + from, length).slice();
  }

  /** Frees buffer and record: the file is closed. */
  release(): void {
    if (this.size !== 0) this.heap.freeBytes(this.buffer, this.size);
    this.heap.free(this.record);
  }

  private get buffer(): number {
    return this.record.ram.view.getUint32(this.offsets.buf, true);
  }
}
