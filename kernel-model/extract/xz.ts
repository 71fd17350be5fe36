/**
 * The .xz container (The .xz File Format 1.2) with the filters that kernels are packed by: LZMA2, alone or
 * after the x86 branch filter; integrity checks none and CRC32, as the kernel's own decoder has it.
 */
import { LzmaDecoder } from './lzma.ts';

const STREAM_HEADER = 12;
const CHECK_NONE = 0;
const CHECK_CRC32 = 1;
const FILTER_X86 = 4;
const FILTER_LZMA2 = 0x21;

interface Block {
  /** First byte of the packed data. */
  data: number;
  x86: boolean;
}

/** Unpacks a file of one stream into `out`; returns the bytes. @throws {Error} for damaged data. */
export function unxz(packed: Uint8Array, out: Uint8Array): number {
  if (packed.length < STREAM_HEADER) throw new Error('stream header is cut off');
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const check = packed[7] as number;
  if (crc32(packed, 6, 8) !== view.getUint32(8, true)) throw new Error('stream header fails its checksum');
  if (packed[6] !== 0 || (check !== CHECK_NONE && check !== CHECK_CRC32)) {
    throw new Error(`integrity check ${check} is not one that kernels use`);
  }
  const decoder = new LzmaDecoder(out);
  let at = STREAM_HEADER;
  // a size byte of 0 begins the index, which ends the blocks
  while (at < packed.length && packed[at] !== 0) {
    const start = decoder.position;
    const block = blockHeader(packed, at);
    at = lzma2(decoder, packed, block.data);
    at = (at + 3) & ~3;
    if (block.x86) undoX86(out, start, decoder.position);
    if (check === CHECK_CRC32) {
      if (at + 4 > packed.length) throw new Error('block checksum is cut off');
      if (crc32(out, start, decoder.position) !== view.getUint32(at, true))
        throw new Error('checksum does not match');
      at += 4;
    }
  }
  return decoder.position;
}

function blockHeader(packed: Uint8Array, at: number): Block {
  const length = ((packed[at] as number) + 1) * 4;
  if (at + length > packed.length) throw new Error('block header is cut off');
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  if (crc32(packed, at, at + length - 4) !== view.getUint32(at + length - 4, true)) {
    throw new Error('block header fails its checksum');
  }
  const flags = packed[at + 1] as number;
  let next = at + 2;
  const number = (): number => {
    let value = 0;
    for (let shift = 0; shift < 49; shift += 7) {
      const byte = packed[next++] as number;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new Error('number in the block header is too long');
  };
  if (flags & 0x40) number();
  if (flags & 0x80) number();
  const filters: number[] = [];
  for (let i = 0; i <= (flags & 3); i++) {
    filters.push(number());
    const properties = number();
    // the x86 filter may carry a start offset, which kernels do not use
    if (filters[i] === FILTER_X86 && properties !== 0) throw new Error('x86 filter with a start offset');
    next += properties;
  }
  if (next > at + length - 4) throw new Error('block header is too short for its filters');
  const known = filters.at(-1) === FILTER_LZMA2 && filters.length <= 2;
  if (!known || (filters.length === 2 && filters[0] !== FILTER_X86)) {
    throw new Error(`filters ${filters.join(', ')} are not those kernels use`);
  }
  return { data: at + length, x86: filters.length === 2 };
}

/** Decodes LZMA2 chunks up to their end mark; returns the offset behind it. */
function lzma2(decoder: LzmaDecoder, packed: Uint8Array, from: number): number {
  let at = from;
  let needDictionary = true;
  let needProperties = true;
  for (;;) {
    const control = packed[at];
    if (control === undefined) throw new Error('LZMA2 data are cut off');
    if (control === 0) return at + 1;
    if (control >= 0xe0 || control === 1) {
      decoder.resetDictionary();
      needDictionary = false;
    } else if (needDictionary) throw new Error('LZMA2 data do not begin with a dictionary reset');
    const size = () => ((packed[at + 1] as number) << 8) | (packed[at + 2] as number);
    if (control < 0x80) {
      if (control > 2) throw new Error(`bad LZMA2 control byte ${control}`);
      const end = at + 4 + size();
      if (!(end <= packed.length)) throw new Error('LZMA2 chunk is cut off');
      decoder.store(packed.subarray(at + 3, end));
      at = end;
      continue;
    }
    const unpacked = ((control & 0x1f) << 16) + size() + 1;
    at += 2;
    const length = size() + 1;
    at += 3;
    if (control >= 0xc0) {
      decoder.setProperties(packed[at++] as number);
      needProperties = false;
    } else if (needProperties) throw new Error('LZMA2 chunk without properties');
    else if (control >= 0xa0) decoder.resetState();
    if (!(at + length <= packed.length)) throw new Error('LZMA2 chunk is cut off');
    decoder.decode(packed, at, at + length, decoder.position + unpacked);
    if (decoder.ended) throw new Error('end marker within LZMA2 data');
    at += length;
  }
}

/**
 * Turns the absolute targets of x86 CALL and JMP back into relative ones. The encoder leaves an opcode alone
 * when recent bytes look like part of another instruction; `recent` has a bit for each of the last three
 * positions that held an opcode byte (E8 or E9), and must be kept exactly as the encoder kept it.
 */
function undoX86(data: Uint8Array, start: number, end: number): void {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let recent = 0;
  let last = start - 5;
  for (let at = start; at + 5 <= end; at++) {
    if (((data[at] as number) & 0xfe) !== 0xe8) continue;
    const gap = at - last;
    last = at;
    recent = gap > 3 ? 0 : (recent << (gap - 1)) & 7;
    if (recent !== 0 && !plausible(data, at, recent)) {
      recent = (recent << 1) | 1;
      continue;
    }
    if (!isSignByte(data[at + 4] as number)) {
      recent = (recent << 1) | 1;
      continue;
    }
    view.setUint32(at + 1, relativeTarget(view.getUint32(at + 1, true), at - start + 5, recent), true);
    recent = 0;
    at += 4;
    last = at - 4;
  }
}

/** How many bytes back the nearest of the `recent` opcodes reaches into this operand: highest bit set. */
const REACH = [0, 1, 2, 2, 3, 3, 3, 3];

function plausible(data: Uint8Array, at: number, recent: number): boolean {
  const allowed = recent === 1 || recent === 2 || recent === 4;
  return allowed && !isSignByte(data[at + 4 - (REACH[recent] as number)] as number);
}

function relativeTarget(absolute: number, next: number, recent: number): number {
  let source = absolute;
  let target = (source - next) >>> 0;
  for (let round = 0; recent !== 0 && round < 32; round++) {
    const bits = (REACH[recent] as number) * 8;
    if (!isSignByte((target >>> (24 - bits)) & 0xff)) break;
    source = (target ^ (2 ** (32 - bits) - 1)) >>> 0;
    target = (source - next) >>> 0;
  }
  const low = target & 0x01ff_ffff;
  return (low & 0x0100_0000) !== 0 ? (low | 0xfe00_0000) >>> 0 : low;
}

/** The top byte of a displacement within 16 MiB. */
function isSignByte(byte: number): boolean {
  return byte === 0 || byte === 0xff;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb8_8320 : value >>> 1;
  return value;
});

function crc32(bytes: Uint8Array, from: number, to: number): number {
  let crc = -1;
  for (let at = from; at < to; at++) {
    crc = (CRC_TABLE[(crc ^ (bytes[at] as number)) & 0xff] as number) ^ (crc >>> 8);
  }
  return ~crc >>> 0;
}
