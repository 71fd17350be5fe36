/**
 * Unpacks the payload of a boot image. Kernels are packed by gzip, zstd, xz, lz4, lzma or lzo; all but gzip carry
 * the unpacked size in their last four bytes (little endian), which is why the output is allocated once and a
 * hostile payload cannot grow past it.
 */
import { gunzipSync } from 'node:zlib';
import { decompress as unzstd } from 'fzstd';
import { InputError } from '../../bpf/input-error.ts';
import { unlz4Legacy } from './lz4.ts';
import { unlzma } from './lzma.ts';
import { unlzo } from './lzo.ts';
import { xxh64 } from './xxh64.ts';
import { unxz } from './xz.ts';

type Unpack = (packed: Uint8Array, out: Uint8Array) => number;

interface Format {
  name: string;
  magic: readonly number[];
  unpack: Unpack;
}

const GZIP = [0x1f, 0x8b];
const ZSTD = [0x28, 0xb5, 0x2f, 0xfd];
const LZO = [0x89, 0x4c, 0x5a, 0x4f, 0, 0x0d, 0x0a, 0x1a, 0x0a];
const XZ = [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0];

const FORMATS: readonly Format[] = [
  { name: 'zstd', magic: ZSTD, unpack: unzstdInto },
  { name: 'xz', magic: XZ, unpack: unxz },
  { name: 'lz4', magic: [0x02, 0x21, 0x4c, 0x18], unpack: unlz4Legacy },
  { name: 'lzma', magic: [0x5d, 0, 0], unpack: unlzma },
  { name: 'lzo', magic: LZO, unpack: unlzo },
];

const REFUSED: readonly [name: string, magic: readonly number[]][] = [['bzip2', [0x42, 0x5a, 0x68]]];

/** @throws {InputError} for an unknown format, damaged data, or more than `limit` bytes unpacked. */
export function decompress(payload: Uint8Array, limit: number, file?: string): Uint8Array {
  if (startsWith(payload, GZIP)) return gunzip(payload, limit, file);
  const format = FORMATS.find(({ magic }) => startsWith(payload, magic));
  if (!format) throw unknown(payload, file);
  const packed = payload.subarray(0, -4);
  const size = new DataView(payload.buffer, payload.byteOffset + packed.length, 4).getUint32(0, true);
  if (size === 0 || size > limit) {
    throw new InputError(`the ${format.name} payload claims ${size} bytes, the limit is ${limit}`, { file });
  }
  const out = new Uint8Array(size);
  let written: number;
  try {
    written = format.unpack(packed, out);
  } catch (error) {
    throw new InputError(`damaged ${format.name} payload: ${(error as Error).message}`, { file });
  }
  if (written !== size) {
    throw new InputError(`damaged ${format.name} payload: ${written} bytes instead of ${size}`, { file });
  }
  return out;
}

/** Whether bytes are packed in a way that `unpackFile` knows. */
export function isPacked(bytes: Uint8Array): boolean {
  return [GZIP, ZSTD, XZ].some((magic) => startsWith(bytes, magic));
}

/**
 * Unpacks a file as gzip, xz and zstd write them, without the size that boot images have behind it.
 * @throws {InputError} for damaged data, or more than `limit` bytes unpacked.
 */
export function unpackFile(bytes: Uint8Array, limit: number, file?: string): Uint8Array {
  if (startsWith(bytes, GZIP)) return gunzip(bytes, limit, file);
  try {
    if (startsWith(bytes, XZ)) {
      const out = new Uint8Array(limit);
      return out.slice(0, unxz(bytes, out));
    }
    const out = new Uint8Array(zstdSize(bytes, limit));
    unzstdInto(bytes, out);
    return out;
  } catch (error) {
    throw new InputError(`damaged data: ${(error as Error).message}`, { file });
  }
}

/** Unpacked size that a zstd frame claims (RFC 8878, 3.1.1.1). */
function zstdSize(bytes: Uint8Array, limit: number): number {
  const descriptor = bytes[ZSTD_DESCRIPTOR] as number;
  const singleSegment = (descriptor & 0x20) !== 0;
  const width = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] as number;
  const dictionary = [0, 1, 2, 4][descriptor & 3] as number;
  const at = ZSTD_DESCRIPTOR + 1 + (singleSegment ? 0 : 1) + dictionary;
  if (width === 0 || at + width > bytes.length) throw new Error('the frame does not tell its size');
  let size = 0;
  for (let i = width - 1; i >= 0; i--) size = size * 256 + (bytes[at + i] as number);
  if (width === 2) size += 256;
  if (size > limit) throw new Error(`${size} bytes unpacked, the limit is ${limit}`);
  return size;
}

function gunzip(payload: Uint8Array, limit: number, file: string | undefined): Uint8Array {
  try {
    return gunzipSync(payload, { maxOutputLength: limit });
  } catch (error) {
    throw new InputError(`damaged gzip payload: ${(error as Error).message}`, { file });
  }
}

/** Byte of a zstd frame header with its flags (RFC 8878, 3.1.1.1.1), and the flag for a checksum at the end. */
const ZSTD_DESCRIPTOR = 4;
const ZSTD_CHECKSUM = 4;

/**
 * fzstd fills a buffer without saying how far, drops what does not fit, and does not look at the checksum:
 * comparing that tells whether the data were all there. The kernel build always adds one.
 */
function unzstdInto(packed: Uint8Array, out: Uint8Array): number {
  if (((packed[ZSTD_DESCRIPTOR] as number) & ZSTD_CHECKSUM) === 0)
    throw new Error('the data have no checksum');
  unzstd(packed, out);
  const end = packed.byteOffset + packed.length;
  const checksum = new DataView(packed.buffer, end - 4, 4).getUint32(0, true);
  if (Number(xxh64(out) & 0xffff_ffffn) !== checksum) throw new Error('checksum does not match');
  return out.length;
}

function unknown(payload: Uint8Array, file: string | undefined): InputError {
  const supported = ['gzip', ...FORMATS.map(({ name }) => name)].join(', ');
  const refused = REFUSED.find(([, magic]) => startsWith(payload, magic));
  const what = refused ? `packed by ${refused[0]}` : 'packed in an unknown way';
  return new InputError(`the kernel is ${what}; known: ${supported}. Unpack it first and pass the vmlinux`, {
    file,
  });
}

function startsWith(bytes: Uint8Array, magic: readonly number[]): boolean {
  return bytes.length >= magic.length + 4 && magic.every((byte, index) => bytes[index] === byte);
}
