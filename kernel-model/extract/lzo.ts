/**
 * LZO1X in the container of lzop, which the kernel build uses: a header, then blocks, each with its unpacked and its
 * packed length (kernel documentation, staging/lzo.rst, for the instructions of a block). Numbers are big-endian.
 * Checksums are not looked at: the size and the kernel's own structure tell what is damaged.
 */

const MAGIC_BYTES = 9;
/** Header flags: a filter follows; checksums of unpacked and packed data. */
const FILTER = 0x800;
const UNPACKED_SUMS: readonly number[] = [0x1, 0x100];
const PACKED_SUMS: readonly number[] = [0x2, 0x200];
/** The first version whose header has a level, the version needed, and the upper half of the time. */
const LONG_HEADER = 0x0940;

/** Unpacks into `out`; returns the number of bytes. @throws {Error} for damaged data. */
export function unlzo(packed: Uint8Array, out: Uint8Array): number {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const { flags, end } = readHeader(view);
  const sums = (bits: readonly number[]) => 4 * bits.filter((bit) => (flags & bit) !== 0).length;
  let at = end;
  let written = 0;
  for (;;) {
    const size = view.getUint32(at);
    if (size === 0) return written;
    const length = view.getUint32(at + 4);
    at += 8 + sums(UNPACKED_SUMS) + (length < size ? sums(PACKED_SUMS) : 0);
    if (at + length > packed.length) throw new Error('a block is cut off');
    if (written + size > out.length) throw new Error('more data than announced');
    const block = packed.subarray(at, at + length);
    const to = out.subarray(written, written + size);
    // What would not get smaller stands as it is.
    if (length === size) to.set(block);
    else if (new Block(block, to).unpack() !== size) throw new Error('a block is shorter than it says');
    at += length;
    written += size;
  }
}

function readHeader(view: DataView): { flags: number; end: number } {
  const isLong = view.getUint16(MAGIC_BYTES) >= LONG_HEADER;
  const flagsAt = MAGIC_BYTES + (isLong ? 8 : 5);
  const flags = view.getUint32(flagsAt);
  // Mode and time, behind the filter if there is one.
  const nameAt = flagsAt + 4 + ((flags & FILTER) === 0 ? 0 : 4) + (isLong ? 12 : 8);
  // The name, and the header's own checksum.
  return { flags, end: nameAt + 1 + view.getUint8(nameAt) + 4 };
}

/** Farthest a match of each kind reaches, where the next kind begins. */
const NEAR = 2048;
const FAR = 16384;

/** One block: matches do not reach into an earlier one. */
class Block {
  private readonly packed: Uint8Array;
  private readonly out: Uint8Array;
  private at = 0;
  private to = 0;
  /** Literals that the last instruction has copied, 4 for a run of them: it says what a small instruction means. */
  private state = 0;

  constructor(packed: Uint8Array, out: Uint8Array) {
    this.packed = packed;
    this.out = out;
  }

  /** Number of bytes unpacked. */
  unpack(): number {
    const first = this.packed[0] ?? 0;
    if (first > 17) {
      this.at++;
      this.literals(first - 17);
    }
    while (this.instruction(this.byte()));
    if (this.at !== this.packed.length) throw new Error('data behind the end of a block');
    return this.to;
  }

  /** @returns false at the end of the block. */
  private instruction(code: number): boolean {
    if (code >= 64) {
      const length = code >= 128 ? 5 + ((code >> 5) & 3) : 3 + ((code >> 5) & 1);
      this.match((this.byte() << 3) + ((code >> 2) & 7) + 1, length, code & 3);
    } else if (code >= 32) {
      const length = 2 + this.length(code & 31, 31);
      const word = this.word();
      this.match((word >> 2) + 1, length, word & 3);
    } else if (code >= 16) {
      const length = 2 + this.length(code & 7, 7);
      const word = this.word();
      const distance = FAR + ((code & 8) << 11) + (word >> 2);
      if (distance === FAR) return false;
      this.match(distance, length, word & 3);
    } else if (this.state === 0) {
      this.literals(3 + this.length(code, 15));
    } else {
      const distance = (this.byte() << 2) + (code >> 2) + 1;
      if (this.state === 4) this.match(distance + NEAR, 3, code & 3);
      else this.match(distance, 2, code & 3);
    }
    return true;
  }

  /** A length that does not fit into its bits goes on in bytes: each zero adds 255, the last one itself. */
  private length(bits: number, most: number): number {
    if (bits !== 0) return bits;
    let length = most;
    for (let byte = this.byte(); ; byte = this.byte()) {
      length += byte === 0 ? 255 : byte;
      if (byte !== 0) return length;
    }
  }

  private literals(count: number): void {
    this.copyLiterals(count);
    this.state = Math.min(count, 4);
  }

  private match(distance: number, length: number, literals: number): void {
    if (distance > this.to) throw new Error('a match reaches before its block');
    if (this.to + length > this.out.length) throw new Error('a match runs past the end of its block');
    for (let i = 0; i < length; i++, this.to++) this.out[this.to] = this.out[this.to - distance] as number;
    this.copyLiterals(literals);
    this.state = literals;
  }

  private copyLiterals(count: number): void {
    const { packed, at, to } = this;
    if (at + count > packed.length || to + count > this.out.length)
      throw new Error('literals run past the end of a block');
    this.out.set(packed.subarray(at, at + count), to);
    this.at += count;
    this.to += count;
  }

  private byte(): number {
    const byte = this.packed[this.at++];
    if (byte === undefined) throw new Error('a block ends within an instruction');
    return byte;
  }

  /** Little-endian, unlike the container's numbers. */
  private word(): number {
    return this.byte() | (this.byte() << 8);
  }
}
