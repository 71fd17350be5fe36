/** BTF that no kernel loads, one fault each. */
import { expect, test } from 'vitest';
import { Btf, BtfKind } from '../../bpf/btf.ts';
import { checkBtf } from '../../bpf/btf-check.ts';
import { InputError } from '../../bpf/input-error.ts';
import { btfBlob, info } from './btf-blob.ts';

/** Offsets of these in `STRINGS`. */
const NAMES = ['int', 'foo', 'bar', 'x', 'a b', '9x', 'n'.repeat(513), '.maps'] as const;
const STRINGS = `\0${NAMES.join('\0')}\0`;
const at = (name: (typeof NAMES)[number]) => STRINGS.indexOf(`\0${name}\0`) + 1;

const SIGNED = 1 << 24;
const INT = [at('int'), info(BtfKind.Int), 4, SIGNED | 32];
const PROTO = [0, info(BtfKind.FuncProto), 1];

const check = (types: readonly number[][]) => checkBtf(Btf.parse(btfBlob(types, STRINGS)));
const struct = (size: number, ...members: number[][]) => [
  at('foo'),
  info(BtfKind.Struct, members.length),
  size,
  ...members.flat(),
];
const ref = (kind: BtfKind, type: number, name = 0) => [name, info(kind), type];
const array = (element: number, index: number, count: number) => [
  0,
  info(BtfKind.Array),
  0,
  element,
  index,
  count,
];

const FAULTS: readonly [fault: string, types: readonly number[][], reason: string][] = [
  ['no types', [], 'there are no types'],
  ['a struct that holds itself', [INT, struct(4, [0, 2, 0])], 'part of a cycle'],
  ['an array of itself', [INT, array(2, 1, 1)], 'part of a cycle'],
  ['structs that hold each other', [INT, struct(4, [0, 3, 0]), struct(4, [0, 2, 0])], 'part of a cycle'],
  ['a typedef of itself', [INT, ref(BtfKind.Typedef, 2, at('foo'))], 'part of a cycle'],
  [
    'pointers that lead back to themselves',
    [INT, ref(BtfKind.Ptr, 3), ref(BtfKind.Const, 4), ref(BtfKind.Ptr, 2)],
    'part of a cycle',
  ],
  [
    'structs nested too deeply',
    [INT, ...Array.from({ length: 40 }, (_, i) => struct(4, [0, i + 3, 0])), struct(4, [0, 1, 0])],
    'nested more than 32 deep',
  ],
  ['an array larger than 4 GiB', [INT, array(1, 1, 0x4000_0000)], 'larger than 4 GiB'],
  [
    'an array of arrays larger than 4 GiB',
    [INT, array(1, 1, 0x1_0000), array(2, 1, 0x1_0000)],
    'larger than 4 GiB',
  ],
  ['an array of void', [INT, array(0, 1, 1)], 'refers to type 0'],
  ['an array indexed by a struct', [INT, struct(4), array(1, 2, 1)], 'index type 2'],
  ['a pointer to a type that is not there', [INT, ref(BtfKind.Ptr, 9)], 'refers to type 9'],
  ['a member of a type that is not there', [INT, struct(4, [0, 9, 0])], 'refers to type 9'],
  ['a member behind the end', [INT, struct(4, [0, 1, 8])], 'reaches behind its end'],
  ['members out of order', [INT, struct(8, [0, 1, 32], [0, 1, 0])], 'before the one that precedes it'],
  [
    'a member that is a function',
    [INT, PROTO, ref(BtfKind.Func, 2, at('foo')), struct(4, [0, 3, 0])],
    'no size',
  ],
  ['a name behind the strings', [INT, [9999, info(BtfKind.Struct), 0]], 'where there is none'],
  ['a name with a blank', [INT, [at('a b'), info(BtfKind.Struct), 0]], 'a bad name'],
  ['a name that begins with a digit', [INT, [at('9x'), info(BtfKind.Struct), 0]], 'a bad name'],
  ['a name that is too long', [INT, [at('n'.repeat(513) as 'x'), info(BtfKind.Struct), 0]], 'a bad name'],
  ['a pointer with a name', [INT, ref(BtfKind.Ptr, 1, at('foo'))], 'a name that its kind does not have'],
  ['an int of 200 bits', [[at('int'), info(BtfKind.Int), 32, 200]], '200 bits'],
  ['an enum of three bytes', [INT, [0, info(BtfKind.Enum), 3]], 'size 3'],
  ['a function without a prototype', [INT, ref(BtfKind.Func, 1, at('foo'))], 'is no prototype'],
  [
    'a function whose argument has no name',
    [INT, [0, info(BtfKind.FuncProto, 1), 1, 0, 1], ref(BtfKind.Func, 2, at('foo'))],
    'argument 1 has no name',
  ],
  [
    'an argument that is void',
    [INT, [0, info(BtfKind.FuncProto, 2), 1, at('x'), 0, at('x'), 1]],
    'of type 0',
  ],
  ['an unknown linkage', [INT, PROTO, [at('foo'), info(BtfKind.Func, 2), 2]], 'linkage 2'],
  [
    'a section of something that is no variable',
    [INT, [at('.maps'), info(BtfKind.Datasec, 1), 4, 1, 0, 4]],
    'no variable',
  ],
  [
    'a variable behind the end of its section',
    [INT, [at('x'), info(BtfKind.Var), 1, 0], [at('.maps'), info(BtfKind.Datasec, 1), 4, 2, 4, 4]],
    'at offset 4',
  ],
  [
    'a variable larger than its place',
    [INT, [at('x'), info(BtfKind.Var), 1, 0], [at('.maps'), info(BtfKind.Datasec, 1), 4, 2, 0, 2]],
    'but 2 there',
  ],
  [
    'a tag on a part that is not there',
    [INT, struct(4, [0, 1, 0]), [at('x'), info(BtfKind.DeclTag), 2, 1]],
    'no part 1',
  ],
  ['a tag on an int', [INT, [at('x'), info(BtfKind.DeclTag), 1, -1 >>> 0]], 'cannot have a tag'],
  [
    'a type tag behind a modifier',
    [INT, [at('x'), info(BtfKind.TypeTag), 1], ref(BtfKind.Const, 2)],
    'does not precede',
  ],
  ['an info with unknown bits', [INT, [0, info(BtfKind.Ptr) | 0x2000_0000, 1]], 'unknown bits'],
];

test.each(FAULTS)('%s is refused', (_, types, reason) => {
  expect(() => check(types)).toThrow(InputError);
  expect(() => check(types)).toThrow(reason);
});

test('what compilers write is taken', () => {
  const good = [
    INT,
    // struct foo { struct foo *next; int x:3; int y[2]; }
    [at('foo'), info(BtfKind.Struct, 3, 1), 24, at('bar'), 3, 0, at('x'), 1, (3 << 24) | 64, 0, 4, 96],
    ref(BtfKind.Ptr, 2),
    array(1, 1, 2),
    [at('x'), info(BtfKind.Fwd), 0],
    ref(BtfKind.Ptr, 5),
    // int foo(struct x *x, ...)
    [0, info(BtfKind.FuncProto, 2), 1, at('x'), 6, 0, 0],
    [at('foo'), info(BtfKind.Func, 1), 7],
    [at('x'), info(BtfKind.Var), 2, 1],
    [at('.maps'), info(BtfKind.Datasec, 1), 24, 9, 0, 24],
    [at('bar'), info(BtfKind.DeclTag), 2, 2],
    [at('bar'), info(BtfKind.TypeTag), 1],
    ref(BtfKind.Ptr, 12),
  ];
  expect(() => check(good)).not.toThrow();
});

test('sections that overlap, or leave something over, are refused', () => {
  const bytes = btfBlob([INT], STRINGS);
  const longer = new Uint8Array(bytes.length + 4);
  longer.set(bytes);
  expect(() => checkBtf(Btf.parse(longer))).toThrow('do not fill it');
  const view = new DataView(bytes.buffer);
  view.setUint32(16, 0, true);
  view.setUint32(20, bytes.length - 24, true);
  bytes[24] = 0;
  expect(() => checkBtf(Btf.parse(bytes))).toThrow('overlap');
});
