/** BTF: hostile blobs, big-endian ones, split ones. */
import { describe, expect, it } from 'vitest';
import { Btf, BtfKind } from '../../bpf/btf.ts';
import { validateBtf } from '../../bpf/btf-validate.ts';
import { InputError } from '../../bpf/input-error.ts';
import { btfOf, kernelBtf } from './support.ts';

/** A blob of type records (words of each, the first an offset of a string) and strings. */
function blob(records: number[][], strings = '\0a\0bb\0'): Uint8Array {
  const words = records.flat();
  const bytes = new Uint8Array(24 + words.length * 4 + strings.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x0001eb9f, true);
  view.setUint32(4, 24, true);
  view.setUint32(12, words.length * 4, true);
  view.setUint32(16, words.length * 4, true);
  view.setUint32(20, strings.length, true);
  for (const [index, word] of words.entries()) view.setUint32(24 + index * 4, word, true);
  bytes.set(new TextEncoder().encode(strings), 24 + words.length * 4);
  return bytes;
}

const info = (kind: BtfKind, vlen = 0) => (kind << 24) | vlen;
const INT = [1, info(BtfKind.Int), 4, 32];
const typedef = (to: number) => [1, info(BtfKind.Typedef), to];
const pointer = (to: number) => [0, info(BtfKind.Ptr), to];
const array = (of: number, count: number) => [0, info(BtfKind.Array), 0, of, 1, count];
const struct = (...members: number[]) => [
  1,
  info(BtfKind.Struct, members.length),
  8,
  ...members.flatMap((type) => [1, type, 0]),
];

describe('header', () => {
  it.each<[string, number, number, string]>([
    ['magic', 0, 0x0001aaaa, 'not BTF: magic'],
    ['version', 0, 0x0002eb9f, 'unsupported BTF version 2'],
    ['header length', 4, 0xffff, 'bad BTF header length'],
    ['alignment', 8, 2, 'not aligned'],
    ['types past the end', 12, 0xffff_fff0, 'reaches past the end'],
    ['strings past the end', 20, 0xffff, 'reaches past the end'],
    ['strings not terminated', 20, 2, 'not terminated'],
  ])('%s', (_, field, value, reason) => {
    const bytes = blob([INT]);
    new DataView(bytes.buffer).setUint32(field, value, true);
    expect(() => Btf.parse(bytes)).toThrow(reason);
    expect(() => Btf.parse(bytes)).toThrow(InputError);
  });

  it.each([0, 8, 23])('%d bytes', (size) => {
    expect(() => Btf.parse(blob([INT]).subarray(0, size))).toThrow('truncated');
  });
});

describe('types', () => {
  it.each<[string, number[][], string]>([
    ['kind 0', [[1, 0, 0]], 'unknown BTF kind 0'],
    ['kind 31', [[1, info(31 as BtfKind), 0]], 'unknown BTF kind 31'],
    ['65535 members', [[1, info(BtfKind.Struct, 0xffff), 8]], 'reaches past the section'],
    ['a truncated record', [[1, info(BtfKind.Int)]], 'truncated'],
  ])('%s', (_, records, reason) => {
    expect(() => Btf.parse(blob(records))).toThrow(reason);
  });

  it.each<[string, number[][], string]>([
    ['a type that is not there', [pointer(7)], 'refers to type 7; the last is 1'],
    ['a member type that is not there', [struct(9)], 'refers to type 9'],
    ['a name outside the strings', [[999, info(BtfKind.Int), 4, 32]], 'string offset 999'],
    ['a function that has no prototype', [INT, [1, info(BtfKind.Func), 1]], 'no function prototype'],
    ['an integer wider than its size', [[1, info(BtfKind.Int), 1, 32]], '32 bits'],
    ['a typedef of itself', [typedef(1)], 'type 1 contains itself'],
    ['typedefs in a circle', [typedef(2), typedef(3), typedef(1)], 'contains itself'],
    ['an array of itself', [array(1, 2)], 'contains itself'],
    ['structs in a circle', [struct(2), struct(1)], 'contains itself'],
    ['a struct in itself, by an array', [struct(2), array(1, 1)], 'contains itself'],
  ])('%s', (_, records, reason) => {
    const btf = Btf.parse(blob(records));
    expect(() => validateBtf(btf)).toThrow(reason);
    expect(() => validateBtf(btf)).toThrow(InputError);
  });

  it('a struct may point to itself', () => {
    expect(() => validateBtf(Btf.parse(blob([struct(2), pointer(1)])))).not.toThrow();
  });

  it('a chain of 200,000 typedefs overflows nothing', () => {
    const records = Array.from({ length: 200_000 }, (_, index) => typedef(index + 2));
    const btf = Btf.parse(blob([...records, INT]));
    expect(() => validateBtf(btf)).not.toThrow();
    expect(() => btf.resolve(1)).toThrow('too long or a cycle');
    expect(btf.resolve(199_990).kind).toBe(BtfKind.Int);
  });

  it('unvalidated circles end as well', () => {
    const btf = Btf.parse(blob([typedef(2), typedef(1), array(3, 4), [1, info(BtfKind.Int), 4, 32]]));
    expect(() => btf.resolve(1)).toThrow(InputError);
    expect(() => btf.sizeOf(3)).toThrow(InputError);
  });

  it('40,000 names that are ends of one long string do not take 40,000 long strings', () => {
    const long = `\0${'x'.repeat(400_000)}\0`;
    const records = Array.from({ length: 40_000 }, (_, index) => [index + 1, info(BtfKind.Int), 4, 32]);
    const btf = Btf.parse(blob(records, long));
    expect(() => validateBtf(btf)).toThrow('overlap too much');
  });

  it('a name that is written 100,000 times is found once each', () => {
    const records = Array.from({ length: 100_000 }, (_, index) => [1 + 2 * index, info(BtfKind.Int), 4, 32]);
    const btf = Btf.parse(blob(records.toReversed(), `\0${'a\0'.repeat(100_000)}`));
    const ids = btf.idsByName('a');
    expect(ids).toHaveLength(100_000);
    expect(ids.slice(0, 3)).toEqual([1, 2, 3]);
  });

  it('sizes beyond 4 GiB are refused', () => {
    const btf = Btf.parse(blob([INT, array(1, 0xffff_ffff), array(2, 0xffff_ffff)]));
    expect(() => btf.sizeOf(3)).toThrow('larger than 4 GiB');
  });
});

describe('big-endian', () => {
  const big = btfOf('kernel.be');

  it('decodes to the same types', () => {
    expect(big.littleEndian).toBe(false);
    expect(big.typeCount).toBe(kernelBtf.typeCount);
    for (let id = 1; id < big.typeCount; id++) expect(big.type(id)).toEqual(kernelBtf.type(id));
  });

  it('is valid', () => {
    expect(() => validateBtf(big)).not.toThrow();
  });
});

it('a split blob continues the ids and strings of its base', () => {
  const base = Btf.parse(blob([INT]));
  const split = Btf.parse(blob([pointer(1), [6, info(BtfKind.Typedef), 2]], 'x\0y\0'), { base });
  validateBtf(split);
  expect(split.firstId).toBe(2);
  expect(split.type(3)).toMatchObject({ name: 'x', type: 2 });
  expect(split.find('x')).toBe(3);
  expect(split.idsByName('a')).toEqual([1]);
});
