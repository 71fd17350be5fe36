/**
 * Types by name, without decoding any: a vmlinux BTF has 60,000 different names, and a session asks for a few
 * hundred.
 *
 * Names that differ in a flavour alone ("task_struct", "task_struct___old") are found together, as CO-RE's search
 * for candidates needs them; what is found has to be compared with what was asked for.
 */

/** Bytes of a name that count, so that long names that share their ends cannot cost arbitrarily much. */
const HASHED = 64;
const UNDERSCORE = 0x5f;

const encoder = new TextEncoder();

export class NameIndex {
  /** Position of the first name of each bucket, and of the next after each name; -1 for none. */
  private readonly heads: Int32Array;
  private readonly next: Int32Array;

  /** @param count how many types there are */
  constructor(count: number) {
    this.heads = new Int32Array(1 << (32 - Math.clz32(count))).fill(-1);
    this.next = new Int32Array(count);
  }

  /** To be called with descending positions; the name starts there, and ends with 0. */
  add(position: number, bytes: Uint8Array, start: number): void {
    const bucket = this.bucket(bytes, start);
    this.next[position] = this.heads[bucket] as number;
    this.heads[bucket] = position;
  }

  /** Positions, ascending, of what may have this name or a flavour of it. */
  *candidates(name: string): Iterable<number> {
    const bucket = this.bucket(encoder.encode(`${name}\0`), 0);
    for (let i = this.heads[bucket] as number; i >= 0; i = this.next[i] as number) yield i;
  }

  /** Of what comes before the first "___" and is ASCII: the same for all flavours, however they were decoded. */
  private bucket(bytes: Uint8Array, start: number): number {
    let hash = 0x811c9dc5;
    let previous = UNDERSCORE;
    const end = start + HASHED;
    for (let at = start; at < end; at++) {
      const byte = bytes[at] as number;
      if (byte === 0 || byte >= 0x80) break;
      const flavour = byte === UNDERSCORE && previous !== UNDERSCORE;
      if (flavour && bytes[at + 1] === UNDERSCORE && bytes[at + 2] === UNDERSCORE) break;
      hash = Math.imul(hash ^ byte, 0x01000193);
      previous = byte;
    }
    return (hash ^ (hash >>> 15)) & (this.heads.length - 1);
  }
}
