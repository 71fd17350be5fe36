/**
 * Payloads of boot images. golden/payloads.json holds what the real tools made of `machineCode()`: xz --x86, xz,
 * lzma, lz4 -l, zstd, lzop; the commands stand in each test's name.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../bpf/input-error.ts';
import { decompress } from '../../kernel-model/extract/decompress.ts';
import { xxh64 } from '../../kernel-model/extract/xxh64.ts';

interface Golden {
  sha256: string;
  /** How it was packed -> base64. */
  payloads: { [how: string]: string };
}

const golden = JSON.parse(readFileSync(new URL('golden/payloads.json', import.meta.url), 'utf8')) as Golden;
const LIMIT = 1 << 20;

/** 20,000 bytes that look like machine code: calls, runs of zeros, text, noise. */
function machineCode(): Uint8Array {
  let state = 12345n;
  const random = (limit: number) => {
    state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffff_ffff_ffff_ffffn;
    return Number((state >> 33n) % BigInt(limit));
  };
  const bytes: number[] = [];
  while (bytes.length < 20000) {
    switch (random(6)) {
      case 0: {
        bytes.push(0xe8 + random(2));
        const distance = random(0x4000) - 0x2000;
        for (let i = 0; i < 4; i++) bytes.push((distance >> (8 * i)) & 0xff);
        break;
      }
      case 1:
        bytes.push(0x48, 0x89, 0xc0 + random(8));
        break;
      case 2:
        for (let i = random(40); i > 0; i--) bytes.push(0);
        break;
      case 3:
        for (const char of 'unlikely to be compressed twice ') bytes.push(char.charCodeAt(0));
        break;
      case 4:
        for (let i = 0; i < 5; i++) bytes.push(random(256));
        break;
      default:
        bytes.push(0xe8, 0xe8, random(2) * 255, 0, 0, random(2) * 255);
    }
  }
  return Uint8Array.from(bytes.slice(0, 20000));
}

/** As the kernel build does it: the packed data, then the unpacked size. */
function payload(packed: Uint8Array, size: number): Uint8Array {
  const bytes = new Uint8Array(packed.length + 4);
  bytes.set(packed);
  new DataView(bytes.buffer).setUint32(packed.length, size, true);
  return bytes;
}

const content = machineCode();
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const packed = Object.entries(golden.payloads).map(
  ([how, base64]) => [how, new Uint8Array(Buffer.from(base64, 'base64'))] as const,
);

it('is tested with what the tools were given', () => expect(sha256(content)).toBe(golden.sha256));

describe.each(packed)('%s', (_, bytes) => {
  it('unpacks to the very bytes', () => {
    expect(sha256(decompress(payload(bytes, content.length), LIMIT))).toBe(golden.sha256);
  });

  it('must have the size it announces', () => {
    expect(() => decompress(payload(bytes, content.length - 1), LIMIT, 'k')).toThrow(InputError);
    expect(() => decompress(payload(bytes, content.length + 1), LIMIT, 'k')).toThrow(
      /^k: damaged \w+ payload/,
    );
    expect(() => decompress(payload(bytes, content.length), content.length - 1)).toThrow(
      /the limit is 19999/,
    );
  });

  it('is refused when it is cut off', () => {
    for (let length = 14; length < bytes.length - 40; length += 97) {
      const cut = payload(bytes.slice(0, length), content.length);
      expect(() => decompress(cut, LIMIT)).toThrow(InputError);
    }
  });

  it('ends in the announced size or a typed error, whatever bytes are changed', () => {
    const change = fc.record({ at: fc.nat(bytes.length - 1), value: fc.integer({ min: 0, max: 255 }) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const hostile = bytes.slice();
        for (const { at, value } of changes) hostile[at] = value;
        try {
          expect(decompress(payload(hostile, content.length), LIMIT).length).toBe(content.length);
        } catch (error) {
          if (!(error instanceof InputError)) throw error;
        }
      }),
      { numRuns: 300, seed: 7 },
    );
  });
});

describe('gzip', () => {
  // its own trailer has the size, the kernel build adds none
  it('unpacks to the very bytes', () => {
    expect(sha256(decompress(gzipSync(content), LIMIT))).toBe(golden.sha256);
  });

  it('is refused when it is cut off or changed', () => {
    const bytes = gzipSync(content);
    expect(() => decompress(bytes.subarray(0, 1000), LIMIT)).toThrow(/damaged gzip payload/);
    bytes[2000] = (bytes[2000] as number) ^ 1;
    expect(() => decompress(bytes, LIMIT)).toThrow(/damaged gzip payload/);
  });

  it('does not grow past the limit', () => {
    expect(() => decompress(gzipSync(new Uint8Array(LIMIT + 1)), LIMIT)).toThrow(/damaged gzip payload/);
  });
});

describe('xz', () => {
  const bytes = new Map(packed).get('xz with the x86 filter') as Uint8Array;

  it('notices changed data by its checksum', () => {
    const changed = bytes.slice();
    // the last byte of the first block's checksum of the unpacked data, before the index
    const end = changed.length - 12 - 8 - 4;
    changed[end - 1] = (changed[end - 1] as number) ^ 1;
    expect(() => decompress(payload(changed, content.length), LIMIT)).toThrow(/checksum does not match/);
  });

  it('refuses checks and filters that kernels do not use', () => {
    const crc64 = bytes.slice();
    crc64[7] = 4;
    expect(() => decompress(payload(crc64, content.length), LIMIT)).toThrow(
      /stream header fails its checksum/,
    );
  });
});

describe('zstd', () => {
  const bytes = new Map(packed).get('zstd') as Uint8Array;

  it('must have a checksum, and data that match it', () => {
    const without = bytes.slice();
    without[4] = (without[4] as number) & ~4;
    expect(() => decompress(payload(without, content.length), LIMIT)).toThrow(/the data have no checksum/);
    const changed = bytes.slice();
    changed[changed.length - 1] = (changed[changed.length - 1] as number) ^ 1;
    expect(() => decompress(payload(changed, content.length), LIMIT)).toThrow(/checksum does not match/);
  });

  it.each([
    ['', 0xef46_db37_51d8_e999n],
    ['abc', 0x44bc_2cf5_ad77_0999n],
    ['Nobody inspects the spammish repetition', 0xfbce_a83c_8a37_8bf1n],
  ])('hashes "%s" as the specification does', (text, hash) => {
    expect(xxh64(new TextEncoder().encode(text))).toBe(hash);
  });
});
