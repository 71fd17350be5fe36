/** A long text as lines, which are found by number and by byte. */
import { lastIndex } from '../../bpf/last-index.ts';

const NEWLINE = 10;

export class TextListing {
  readonly bytes: Uint8Array;
  /** Where each line begins. */
  private readonly starts: Uint32Array;

  constructor(text: string) {
    this.bytes = new TextEncoder().encode(text);
    let count = 0;
    for (const byte of this.bytes) if (byte === NEWLINE) count++;
    const rest = this.bytes.length > 0 && this.bytes.at(-1) !== NEWLINE ? 1 : 0;
    this.starts = new Uint32Array(count + rest);
    let line = 0;
    let start = 0;
    for (let at = 0; at < this.bytes.length && line < this.starts.length; at++) {
      if (this.bytes[at] !== NEWLINE) continue;
      this.starts[line++] = start;
      start = at + 1;
    }
    if (rest) this.starts[line] = start;
  }

  get length(): number {
    return this.starts.length;
  }

  line(index: number): string {
    const start = this.starts[index];
    if (start === undefined) return '';
    const end = this.starts[index + 1] ?? this.bytes.length;
    return new TextDecoder().decode(this.bytes.subarray(start, end)).replace(/\n$/, '');
  }

  rows(from: number, count: number): string[] {
    const length = Math.max(0, Math.min(count, this.length - from));
    return Array.from({ length }, (_, i) => this.line(from + i));
  }

  /** Line that a byte stands in; the nearest one for bytes outside. */
  lineAt(byte: number): number {
    return Math.max(
      0,
      lastIndex(this.length, (line) => this.startOf(line) <= byte),
    );
  }

  startOf(line: number): number {
    return this.starts[line] ?? this.bytes.length;
  }
}
