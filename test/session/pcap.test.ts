/** Capture files, good and hostile. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../bpf/input-error.ts';
import { readCapture, writeCapture } from '../../session/pcap.ts';

/** A file with one packet of three bytes. */
function file(little: boolean, magic: number, link = 1): Uint8Array {
  const bytes = new Uint8Array(24 + 16 + 3);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, magic, little);
  view.setUint32(20, link, little);
  [5, 6, 3, 60].forEach((word, i) => {
    view.setUint32(24 + 4 * i, word, little);
  });
  bytes.set([1, 2, 3], 40);
  return bytes;
}

describe('readCapture', () => {
  it.each([
    ['little-endian, microseconds', true, 0xa1b2c3d4, false],
    ['big-endian, microseconds', false, 0xa1b2c3d4, false],
    ['little-endian, nanoseconds', true, 0xa1b23c4d, true],
    ['big-endian, nanoseconds', false, 0xa1b23c4d, true],
  ])('reads files in %s', (_what, little, magic, nanoseconds) => {
    const packet = { seconds: 5, fraction: 6, bytes: Uint8Array.from([1, 2, 3]), wireLength: 60 };
    expect(readCapture(file(little, magic), 'a.pcap')).toEqual({ nanoseconds, packets: [packet] });
  });

  it('reads what writeCapture writes', () => {
    const capture = readCapture(file(false, 0xa1b23c4d), 'a.pcap');
    expect(readCapture(writeCapture(capture), 'b.pcap')).toEqual(capture);
  });

  it.each([
    ['an empty file', new Uint8Array(0), /shorter than the header/],
    ['another file', new Uint8Array(40).fill(7), /no capture file/],
    ['pcapng', Uint8Array.from([0x0a, 0x0d, 0x0d, 0x0a, ...new Uint8Array(40)]), /pcapng/],
    ['another link type', file(true, 0xa1b2c3d4, 113), /link type 113/],
    ['a file cut in a header', file(true, 0xa1b2c3d4).subarray(0, 30), /within the header of a packet/],
    ['a file cut in a packet', file(true, 0xa1b2c3d4).subarray(0, 42), /within a packet/],
  ])('refuses %s', (_what, bytes, reason) => {
    expect(() => readCapture(bytes, 'a.pcap')).toThrow(reason);
  });

  it('refuses a packet longer than any', () => {
    const bytes = file(true, 0xa1b2c3d4);
    new DataView(bytes.buffer).setUint32(32, 0xffff_ffff, true);
    expect(() => readCapture(bytes, 'a.pcap')).toThrow('a.pcap, offset 0x20: a packet of 4294967295 bytes');
  });

  it('throws nothing else whatever it reads', () => {
    const magic = fc.constantFrom([0xd4, 0xc3, 0xb2, 0xa1], [0xa1, 0xb2, 0x3c, 0x4d], [1, 2, 3, 4]);
    fc.assert(
      fc.property(magic, fc.uint8Array({ maxLength: 100 }), (start, rest) => {
        try {
          readCapture(Uint8Array.from([...start, ...rest]), 'a.pcap');
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
        }
      }),
    );
  });
});
