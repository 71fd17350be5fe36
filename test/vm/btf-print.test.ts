import { describe, expect, it } from 'vitest';
import { BTF_INT_SIGNED, type Btf } from '../../bpf/btf.ts';
import type { BtfWriter } from '../../bpf/btf-writer.ts';
import { hashPointer } from '../../vm/helpers/pointer.ts';
import { Rig, TestKernel, testBtf, u32, u64 } from './helper-rig.ts';

const SNPRINTF_BTF = 149;
const SEQ_PRINTF_BTF = 150;
const COMPACT = 1;
const NONAME = 2;
const PTR_RAW = 4;
const ZERO = 8;

const ids: { [name: string]: number } = {};

function addTypes(writer: BtfWriter): void {
  const s8 = writer.int('signed char', 1, BTF_INT_SIGNED);
  const char = writer.int('char', 1, BTF_INT_SIGNED);
  const u8 = writer.int('unsigned char', 1);
  const int = writer.int('int', 4, BTF_INT_SIGNED);
  const word = writer.int('unsigned int', 4);
  const s64 = writer.int('long long int', 8, BTF_INT_SIGNED);
  const wide = writer.int('__int128 unsigned', 16);
  const typedef = writer.typedef('__u32', word);
  const enumeration = writer.enum('state', 4, [
    { name: 'IDLE', value: 0 },
    { name: 'BUSY', value: 2 },
  ]);
  const point = writer.struct('point', 8, [
    { name: 'x', type: int, bitOffset: 0 },
    { name: 'y', type: int, bitOffset: 32 },
  ]);
  const numbers = writer.array(typedef, word, 3);
  Object.assign(ids, {
    int,
    u8,
    s8,
    s64,
    wide,
    typedef,
    enumeration,
    point,
    numbers,
    pointer: writer.pointer(point),
    nothing: writer.pointer(0),
    alias: writer.typedef('point_t', point),
    constant: writer.const(int),
    name: writer.array(char, word, 8),
    points: writer.array(point, word, 2),
    pointers: writer.array(writer.pointer(int), word, 2),
    empty: writer.struct('empty', 0),
    forward: writer.forward('unknown', 4),
  });
  ids.bits = writer.struct('bits', 4, [
    { name: 'low', type: word, bitOffset: 0, bitSize: 3 },
    { name: 'high', type: word, bitOffset: 3, bitSize: 13 },
    { name: 'rest', type: u8, bitOffset: 16 },
  ]);
  ids.either = writer.union('either', 8, [
    { name: 'number', type: s64, bitOffset: 0 },
    { name: 'point', type: point, bitOffset: 0 },
  ]);
  ids.outer = writer.struct('outer', 56, [
    { name: 'id', type: int, bitOffset: 0 },
    { name: 'state', type: enumeration, bitOffset: 32 },
    { name: 'at', type: point, bitOffset: 64 },
    { name: 'next', type: ids.pointer as number, bitOffset: 128 },
    { name: 'name', type: ids.name as number, bitOffset: 192 },
    { name: 'numbers', type: numbers, bitOffset: 256 },
    { name: 'limit', type: ids.constant as number, bitOffset: 352 },
    { name: '', type: ids.either as number, bitOffset: 384 },
  ]);
}

const btf: Btf = testBtf(addTypes);
const rig = await Rig.create(new TestKernel(btf));

function btfPtr(type: string, value: Uint8Array | bigint): bigint {
  const address = typeof value === 'bigint' ? value : rig.put(value);
  return rig.put(Uint8Array.of(...u64(address), ...u32(ids[type] as number), ...u32(0)));
}

function print(type: string, value: Uint8Array | bigint, flags = COMPACT): string | bigint {
  const seq = rig.seqFile(8192);
  const result = rig.call(SEQ_PRINTF_BTF, seq, btfPtr(type, value), 16, flags);
  return result === 0n ? rig.seqText(seq) : result;
}

const bytes = (...values: number[]) => Uint8Array.from(values);

describe('single values', () => {
  it.each([
    ['int', u32(0xffff_fffe), '(int)-2'],
    ['int', u32(0), '(int)0'],
    ['u8', bytes(200), '(unsigned char)200'],
    ['s8', bytes(200), '(signed char)-56'],
    ['s64', u64(-5), '(long long int)-5'],
    ['wide', u64(5, 0), '(__int128 unsigned)0x5'],
    ['wide', u64(5, 1), '(__int128 unsigned)0x10000000000000005'],
    ['typedef', u32(7), '(__u32)7'],
    ['enumeration', u32(2), '(enum state)BUSY'],
    ['enumeration', u32(0), '(enum state)IDLE'],
    ['enumeration', u32(9), '(enum state)9'],
    ['pointer', u64(0), '(struct point *)0x0000000000000000'],
    ['nothing', u64(0), '( *)0x0000000000000000'],
    ['constant', u32(3), '()3'],
    ['forward', u32(0), '<unsupported kind:7>'],
  ])('%s', (type, value, text) => {
    expect(print(type, value)).toBe(text);
  });

  it('pointers are hashed unless asked for raw', () => {
    const value = 0xffff_8880_0400_1230n;
    expect(print('pointer', u64(value))).toBe(
      `(struct point *)0x${hashPointer(value).toString(16).padStart(16, '0')}`,
    );
    expect(print('pointer', u64(value), COMPACT | PTR_RAW)).toBe('(struct point *)0xffff888004001230');
  });

  it('names can be left out', () => {
    expect(print('int', u32(1), NONAME)).toBe('1\n');
    expect(print('int', u32(1), 0)).toBe('(int)1\n');
  });
});

describe('structs', () => {
  const point = Uint8Array.of(...u32(1), ...u32(0));
  it('leave out zeros, unless asked for them', () => {
    expect(print('point', point)).toBe('(struct point){.x = (int)1,}');
    expect(print('point', point, COMPACT | ZERO)).toBe('(struct point){.x = (int)1,.y = (int)0,}');
    expect(print('point', point, COMPACT | NONAME)).toBe('{1,}');
    expect(print('point', new Uint8Array(8))).toBe('(struct point){}');
    expect(print('alias', point)).toBe('(point_t){.x = (int)1,}');
    expect(print('empty', new Uint8Array(8))).toBe('(struct empty){}');
  });

  it('are indented by a space a level', () => {
    expect(print('point', point, ZERO)).toBe('(struct point){\n .x = (int)1,\n .y = (int)0,\n}\n');
  });

  it('bitfields read in hexadecimal', () => {
    expect(print('bits', bytes(0b1010_1101, 1, 9, 0))).toBe(
      '(struct bits){.low = (unsigned int)0x5,.high = (unsigned int)0x35,.rest = (unsigned char)9,}',
    );
    expect(print('bits', bytes(0b1000, 0, 0, 0))).toBe('(struct bits){.high = (unsigned int)0x1,}');
  });

  it('unions show all their members', () => {
    expect(print('either', u64(5))).toBe(
      '(union either){.number = (long long int)5,.point = (struct point){.x = (int)5,},}',
    );
  });

  it('nested ones, with everything in them', () => {
    const value = new Uint8Array(56);
    value.set(u32(7), 0);
    value.set(u32(2), 4);
    value.set(u32(3), 12);
    value.set(u64(0xffff_8880_0000_0008n), 16);
    value.set(new TextEncoder().encode('ab'), 24);
    value.set(u32(1), 36);
    value.set(u32(9), 44);
    expect(print('outer', value, PTR_RAW)).toBe(
      [
        '(struct outer){',
        ' .id = (int)7,',
        ' .state = (enum state)BUSY,',
        ' .at = (struct point){',
        '  .y = (int)3,',
        ' },',
        ' .next = (struct point *)0xffff888000000008,',
        ' .name = (char[])[',
        "  'a',",
        "  'b',",
        ' ],',
        ' .numbers = (__u32[])[',
        '  1,',
        ' ],',
        ' .limit = ()9,',
        '}',
        '',
      ].join('\n'),
    );
  });

  it('an enumerator of value 0 shows, as it has a name', () => {
    expect(print('outer', new Uint8Array(56))).toBe('(struct outer){.state = (enum state)IDLE,}');
  });
});

describe('arrays', () => {
  it('print their values without names', () => {
    expect(print('numbers', Uint8Array.of(...u32(1), ...u32(0), ...u32(3)))).toBe('(__u32[])[1,3,]');
    expect(print('numbers', new Uint8Array(12), COMPACT | ZERO)).toBe('(__u32[])[0,0,0,]');
    expect(print('numbers', new Uint8Array(12))).toBe('(__u32[])[]');
  });

  it('of characters end at the NUL; what cannot be printed is a number', () => {
    const text = new TextEncoder().encode('ab\ncd\0xy');
    expect(print('name', text)).toBe("(char[])['a','b',10,'c','d',]");
  });

  it('of structs print no names at all', () => {
    const value = Uint8Array.of(...u32(1), ...u32(2), ...u32(3), ...u32(4));
    expect(print('points', value)).toBe('(struct point[])[1,2,},3,4,},]');
  });

  it('of pointers repeat the first one', () => {
    expect(print('pointers', u64(0x10, 0x20), COMPACT | PTR_RAW)).toBe(
      '(int *[])0x0000000000000010,0x0000000000000010,]',
    );
  });
});

describe('errors', () => {
  it.each([
    ['flags', 16, 16, -22n],
    ['size', 8, 0, -22n],
  ])('%s', (_text, size, flags, error) => {
    expect(rig.call(SEQ_PRINTF_BTF, rig.seqFile(64), btfPtr('int', u32(1)), size, flags)).toBe(error);
  });

  it('types and addresses that do not exist', () => {
    const seq = rig.seqFile(64);
    const call = (address: bigint, type: number) =>
      rig.call(SEQ_PRINTF_BTF, seq, rig.put(Uint8Array.of(...u64(address), ...u32(type), ...u32(0))), 16, 0);
    expect(call(rig.alloc(8), 0)).toBe(-22n);
    expect(call(rig.alloc(8), 99_999)).toBe(-2n);
    expect(print('int', 0n)).toBe(-34n);
    expect(print('int', 0xffff_8880_0000_0000n)).toBe(-14n);
    expect(rig.seqText(seq)).toBe('');
  });

  it('a full seq_file is marked, not reported', () => {
    const seq = rig.seqFile(8);
    expect(rig.call(SEQ_PRINTF_BTF, seq, btfPtr('int', u32(100)), 16, COMPACT)).toBe(0n);
    expect(rig.overflowed(seq)).toBe(true);
  });
});

describe('bpf_snprintf_btf', () => {
  it.each([
    [32, '(int)42\0~~'],
    [8, '(int)42\0~~'],
    [7, '(int)4\0~~~'],
    [1, '\0~~~~~~~~~'],
    [0, '~~~~~~~~~~'],
  ])('into %i bytes', (size, text) => {
    const buffer = rig.put(new Uint8Array(32).fill(0x7e));
    expect(rig.call(SNPRINTF_BTF, buffer, size, btfPtr('int', u32(42)), 16, COMPACT)).toBe(7n);
    expect(rig.text(buffer, 10)).toBe(text);
  });
});
