/** BTF blobs out of raw words, good or bad. */
import type { BtfKind } from '../../bpf/btf.ts';

/** Second word of a type's record. */
export const info = (kind: BtfKind, vlen = 0, flag = 0) => ((flag << 31) | (kind << 24) | vlen) >>> 0;

/** @param types words of the records, the first being type 1. @param strings with all their NULs. */
export function btfBlob(types: readonly number[][], strings: string): Uint8Array {
  const words = Uint32Array.from(types.flat());
  const text = new TextEncoder().encode(strings);
  const bytes = new Uint8Array(24 + words.byteLength + text.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 0xeb9f, true);
  bytes[2] = 1;
  const header = [24, 0, words.byteLength, words.byteLength, text.length];
  [...header, ...words].forEach((word, i) => {
    view.setUint32(4 + 4 * i, word, true);
  });
  bytes.set(text, 24 + words.byteLength);
  return bytes;
}
