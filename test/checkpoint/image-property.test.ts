/** Whatever an entry holds comes back; whatever bytes there are, they are read as what they are, or refused. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../bpf/input-error.ts';
import {
  decodeImage,
  type Image,
  imageFromJson,
  imageToJson,
  readJson,
  writeJson,
} from '../../checkpoint/image/index.ts';
import { KIND_NAMES } from '../../checkpoint/image/kinds.ts';
import { decodeMessage, encodeUnknown } from '../../checkpoint/image/message.ts';
import { anyImage, bytesOf, entryOf, fileOf, imageOf, MESSAGE_NAMES } from './image-support.ts';

const SEED = 20211116;

/** The image, or undefined when the bytes were refused as they should be. */
function read(file: string, bytes: Uint8Array): Image | undefined {
  try {
    return decodeImage(file, bytes);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    expect(error.file).toBe(file);
    expect(error.offset).toBeGreaterThanOrEqual(0);
    expect(error.offset).toBeLessThanOrEqual(bytes.length);
    return undefined;
  }
}

/** Nothing that is in the bytes is overlooked. */
function expectRefusedOrWhole(file: string, bytes: Uint8Array): void {
  const image = read(file, bytes);
  if (image) expect(Buffer.from(bytesOf(image)).equals(bytes)).toBe(true);
}

describe('messages', () => {
  it.each(MESSAGE_NAMES)('%s comes back from its bytes', (name) => {
    fc.assert(
      fc.property(entryOf(name), (entry) => {
        const bytes = encodeUnknown(name, entry);
        expect(decodeMessage(name, bytes)).toStrictEqual(entry);
      }),
      { seed: SEED, numRuns: 40 },
    );
  });
});

describe('images', () => {
  it.each(KIND_NAMES)('%s comes back from its bytes, and from both JSON views', (kind) => {
    fc.assert(
      fc.property(imageOf(kind), fc.boolean(), (image, pretty) => {
        const bytes = bytesOf(image);
        expect(decodeImage(fileOf(kind), bytes)).toStrictEqual(image);
        const text = writeJson(imageToJson(image, { pretty }), pretty ? 4 : 0);
        const again = imageFromJson(readJson(text));
        expect(again).toStrictEqual(image);
        expect(Buffer.from(bytesOf(again)).equals(bytes)).toBe(true);
      }),
      { seed: SEED, numRuns: 40 },
    );
  });

  it('cut anywhere are refused, or are the entries up to there', () => {
    fc.assert(
      fc.property(anyImage(), (image) => {
        const bytes = bytesOf(image);
        for (let length = 0; length < bytes.length; length++) {
          const cut = read(fileOf(image.kind), bytes.subarray(0, length));
          if (cut && image.kind !== 'GHOST_FILE') {
            expect(cut.entries).toStrictEqual(image.entries.slice(0, cut.entries.length));
          }
        }
      }),
      { seed: SEED, numRuns: 25 },
    );
  });

  it('changed anywhere are refused, or are what they now say', () => {
    const change = fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }), count: fc.nat(3) });
    fc.assert(
      fc.property(anyImage(), fc.array(change, { minLength: 1, maxLength: 40 }), (image, changes) => {
        const whole = bytesOf(image);
        for (const { at, byte, count } of changes) {
          const bytes = whole.slice();
          bytes.fill(byte, at % whole.length, (at % whole.length) + count + 1);
          expectRefusedOrWhole(fileOf(image.kind), bytes);
        }
      }),
      { seed: SEED, numRuns: 300 },
    );
  });

  it('made of any bytes are refused, or are what they say', () => {
    const kinds = fc.constantFrom(...KIND_NAMES);
    fc.assert(
      fc.property(kinds, fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 4 }), (kind, messages) => {
        const magic = bytesOf({ kind: 'PSTREE', entries: [] }).subarray(0, 4);
        const parts = messages.map((message) => [message.length, 0, 0, 0, ...message]);
        const own = [...magicOf(kind, magic)];
        expectRefusedOrWhole(fileOf(kind), Uint8Array.from([...own, ...parts.flat()]));
      }),
      { seed: SEED, numRuns: 2000 },
    );
  });

  it('of 250,000 small entries are read in seconds', () => {
    const one = bytesOf({
      kind: 'PSTREE',
      entries: [{ pid: 1, ppid: 0, pgid: 1, sid: 1, threads: [] }],
    });
    const entry = one.subarray(8);
    const bytes = new Uint8Array(8 + entry.length * 250_000);
    bytes.set(one.subarray(0, 8));
    for (let at = 8; at < bytes.length; at += entry.length) bytes.set(entry, at);
    expect(decodeImage('pstree.img', bytes).entries).toHaveLength(250_000);
  }, 30_000);
});

function magicOf(kind: Image['kind'], common: Uint8Array): Uint8Array {
  if (kind === 'PAGEMAP') return Uint8Array.from([...common, 0x25, 0x40, 0x08, 0x56]);
  if (kind === 'GHOST_FILE') return Uint8Array.from([...common, 0x05, 0x36, 0x58, 0x52]);
  return bytesOf({ kind, entries: [] } as Image);
}

describe('JSON text', () => {
  it('of any kind is refused, or is an image', () => {
    const views = fc.oneof(
      fc.json(),
      fc.string(),
      anyImage().map((image) => writeJson(imageToJson(image, { pretty: true }))),
    );
    fc.assert(
      fc.property(views, fc.nat(), fc.string({ maxLength: 3 }), (text, at, inserted) => {
        const place = text.length === 0 ? 0 : at % text.length;
        const changed = text.slice(0, place) + inserted + text.slice(place + 1);
        try {
          imageFromJson(readJson(changed, 'a.json'), 'a.json');
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
          expect((error as InputError).file).toBe('a.json');
        }
      }),
      { seed: SEED, numRuns: 1500 },
    );
  });
});
