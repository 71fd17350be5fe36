/**
 * LZ4 in its legacy frame, the one the kernel build uses: a magic number, then blocks, each a 32-bit packed
 * length and its data, unpacking to at most 8 MiB (LZ4 block format description and frame format description,
 * "Legacy frame"). Matches do not reach into an earlier block.
 */

const MAGIC_BYTES = 4;
const MIN_MATCH = 4;

/** Unpacks into `out`; returns the number of bytes. @throws {Error} for damaged data. */
export function unlz4Legacy(packed: Uint8Array, out: Uint8Array): number {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  let at = MAGIC_BYTES;
  let written = 0;
  while (at + 4 <= packed.length) {
    const length = view.getUint32(at, true);
    at += 4;
    if (length === 0 || at + length > packed.length) throw new Error(`bad block length ${length}`);
    written = unpackBlock(packed, at, at + length, out, written);
    at += length;
  }
  return written;
}

function unpackBlock(packed: Uint8Array, from: number, end: number, out: Uint8Array, start: number): number {
  let at = from;
  let to = start;
  const extend = (nibble: number): number => {
    let length = nibble;
    if (nibble !== 15) return length;
    for (;;) {
      if (at >= end) throw new Error('length runs past the block');
      const byte = packed[at++] as number;
      length += byte;
      if (byte !== 255) return length;
    }
  };
  while (at < end) {
    const token = packed[at++] as number;
    const literals = extend(token >>> 4);
    if (at + literals > end || to + literals > out.length) throw new Error('literals run past the block');
    out.set(packed.subarray(at, at + literals), to);
    at += literals;
    to += literals;
    // the last sequence of a block is literals only
    if (at === end) return to;
    if (at + 2 > end) throw new Error('match offset is cut off');
    const distance = (packed[at] as number) | ((packed[at + 1] as number) << 8);
    at += 2;
    const length = extend(token & 15) + MIN_MATCH;
    if (distance === 0 || distance > to - start) throw new Error('match reaches before the block');
    if (to + length > out.length) throw new Error('match runs past the end');
    for (let i = 0; i < length; i++, to++) out[to] = out[to - distance] as number;
  }
  throw new Error('block ends within a sequence');
}
