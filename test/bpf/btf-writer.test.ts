import { expect, test } from 'vitest';
import { BTF_INT_SIGNED, Btf, BtfKind } from '../../bpf/btf.ts';
import { BtfWriter } from '../../bpf/btf-writer.ts';

test('every kind that it writes reads back', () => {
  const writer = new BtfWriter();
  const int = writer.int('int', 4, BTF_INT_SIGNED);
  const point = writer.struct('point', 8);
  writer.define(point, [
    { name: 'x', type: int, bitOffset: 0 },
    { name: 'y', type: int, bitOffset: 32 },
  ]);
  const alias = writer.typedef('point_t', writer.const(point));
  const array = writer.array(alias, int, 3);
  const union = writer.union('either', 24, [
    { name: 'points', type: array, bitOffset: 0 },
    { name: 'next', type: writer.pointer(writer.volatile(point)), bitOffset: 0 },
  ]);
  const mode = writer.enum('mode', 4, [
    { name: 'OFF', value: -1 },
    { name: 'ON', value: 7 },
  ]);
  const hidden = writer.forward('hidden', BtfKind.Union);
  const proto = writer.funcProto(int, [
    { name: 'a', type: union },
    { name: 'b', type: mode },
  ]);
  const func = writer.func('work', proto, 1);

  const btf = Btf.parse(writer.bytes());
  expect(btf.typeCount).toBe(writer.nextId);
  expect(btf.type(int)).toMatchObject({ kind: BtfKind.Int, name: 'int', bits: 32, encoding: BTF_INT_SIGNED });
  expect(btf.type(point).members.map(({ name, bitOffset }) => [name, bitOffset])).toEqual([
    ['x', 0],
    ['y', 32],
  ]);
  expect(btf.resolve(alias).id).toBe(point);
  expect(btf.sizeOf(array)).toBe(24);
  expect(btf.type(union)).toMatchObject({ kind: BtfKind.Union, size: 24, kindFlag: false });
  expect(btf.type(mode).values).toEqual([
    { name: 'OFF', value: -1n },
    { name: 'ON', value: 7n },
  ]);
  expect(btf.type(hidden)).toMatchObject({ kind: BtfKind.Fwd, kindFlag: true });
  expect(btf.type(func)).toMatchObject({ kind: BtfKind.Func, type: proto, linkage: 1 });
  expect(btf.type(proto).params.map(({ name, type }) => [name, type])).toEqual([
    ['a', union],
    ['b', mode],
  ]);
});

test('one bitfield makes all members carry their width', () => {
  const writer = new BtfWriter();
  const int = writer.int('unsigned int', 4);
  const id = writer.struct('flags', 8, [
    { name: 'low', type: int, bitOffset: 0, bitSize: 3 },
    { name: 'plain', type: int, bitOffset: 32 },
  ]);
  const type = Btf.parse(writer.bytes()).type(id);
  expect(type.kindFlag).toBe(true);
  expect(type.members.map(({ bitOffset, bitfieldSize }) => [bitOffset, bitfieldSize])).toEqual([
    [0, 3],
    [32, 0],
  ]);
});

test('a split BTF continues ids and strings of its base', () => {
  const first = new BtfWriter();
  const int = first.int('int', 4, BTF_INT_SIGNED);
  const base = Btf.parse(first.bytes());
  const second = new BtfWriter(base);
  const struct = second.struct('extra', 8, [{ name: 'int', type: int, bitOffset: 0 }]);
  const btf = Btf.parse(second.bytes(), { base });
  expect(struct).toBe(base.typeCount);
  expect(btf.find('extra')).toBe(struct);
  expect(btf.type(struct).members[0]).toMatchObject({ name: 'int', type: int });
  expect(btf.find('int', BtfKind.Int)).toBe(int);
});

test('equal strings are stored once, unnamed derived types too', () => {
  const writer = new BtfWriter();
  const int = writer.int('same', 4);
  expect(writer.pointer(int)).toBe(writer.pointer(int));
  expect(writer.array(int, int, 2)).toBe(writer.array(int, int, 2));
  expect(writer.array(int, int, 2)).not.toBe(writer.array(int, int, 3));
  writer.typedef('same', int);
  const text = new TextDecoder().decode(writer.bytes());
  expect(text.split('same')).toHaveLength(2);
});

test('golden bytes: one int', () => {
  const writer = new BtfWriter();
  writer.int('u8', 1);
  expect(Buffer.from(writer.bytes()).toString('hex')).toBe(
    '9feb0100180000000000000010000000100000000400000001000000000000010100000008000000007538' + '00',
  );
});

test('types of another writer are refused', () => {
  expect(() => new BtfWriter().define(5, [])).toThrow(RangeError);
});
