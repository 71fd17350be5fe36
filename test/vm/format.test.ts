import { describe, expect, it } from 'vitest';
import { hashPointer } from '../../vm/helpers/pointer.ts';
import { Rig, SYMBOL, USER_PAGE } from './helper-rig.ts';

const SEQ_PRINTF = 126;
const SEQ_WRITE = 127;
const SNPRINTF = 165;
const EINVAL = -22n;
const ENOSPC = -28n;
const EOVERFLOW = -75n;

const rig = await Rig.create();
rig.kernel.userPage.set(new TextEncoder().encode('from user\0'), 0x10);
const hello = rig.put('hello');
const ip4 = rig.put(Uint8Array.of(127, 0, 0, 1));
const ip6 = rig.put(Uint8Array.from({ length: 16 }, (_, i) => i * 0x11));

/** Text that a format gives, or the error. */
function print(format: string, ...args: (bigint | number)[]): string | bigint {
  const seq = rig.seqFile(4096);
  const text = rig.put(format);
  const data = args.length > 0 ? rig.words(...args) : 0n;
  const result = rig.call(SEQ_PRINTF, seq, text, Buffer.byteLength(format) + 1, data, args.length * 8);
  return result === 0n ? rig.seqText(seq) : result;
}

describe('what a format prints', () => {
  const cases: [format: string, args: (bigint | number)[], text: string][] = [
    ['plain text\n', [], 'plain text\n'],
    ['100%%', [], '100%'],
    ['%%%d%%', [7], '%7%'],
    // integers
    ['%d', [-1], '-1'],
    ['%i', [-2147483648], '-2147483648'],
    ['%d', [0x1_0000_0005n], '5'],
    ['%u', [-1], '4294967295'],
    ['%x', [0xdeadbeef], 'deadbeef'],
    ['%X', [0xdeadbeef], 'DEADBEEF'],
    ['%ld', [-1], '-1'],
    ['%lu', [-1], '18446744073709551615'],
    ['%lld', [-(2n ** 63n)], '-9223372036854775808'],
    ['%llx', [2n ** 64n - 1n], 'ffffffffffffffff'],
    ['%lX', [0xabcn], 'ABC'],
    // flags and widths
    ['[%5d]', [42], '[   42]'],
    ['[%-5d]', [42], '[42   ]'],
    ['[%05d]', [42], '[00042]'],
    ['[%05d]', [-42], '[-0042]'],
    ['[%5d]', [-42], '[  -42]'],
    ['[%+d]', [42], '[+42]'],
    ['[%+d]', [-42], '[-42]'],
    ['[% d]', [42], '[ 42]'],
    ['[%+ d]', [42], '[+42]'],
    ['[%+5d]', [42], '[  +42]'],
    ['[%+05d]', [42], '[+0042]'],
    ['[%-05d]', [42], '[42   ]'],
    ['[%+u]', [42], '[42]'],
    ['[% x]', [42], '[2a]'],
    ['[%08llx]', [0xabcdef], '[00abcdef]'],
    ['[%-8lx]', [0xabc], '[abc     ]'],
    ['[%20llu]', [2n ** 64n - 1n], '[18446744073709551615]'],
    ['[%25d]', [7], `[${'7'.padStart(25)}]`],
    // characters
    ['%c%c', [0x41, 0x1_42], 'AB'],
    ['[%3c]', [0x41], '[  A]'],
    ['[%-3c]', [0x41], '[A  ]'],
    ['[%c]', [0], '[\0]'],
    // strings
    ['%s', [hello], 'hello'],
    ['[%8s]', [hello], '[   hello]'],
    ['[%-8s]', [hello], '[hello   ]'],
    ['[%08s]', [hello], '[   hello]'],
    ['[%2s]', [hello], '[hello]'],
    ['%s, %s!', [hello, hello], 'hello, hello!'],
    ['%pks', [hello], 'hello'],
    ['[%10pks]', [hello], '[hello]'],
    ['%pus', [USER_PAGE + 0x10n], 'from user'],
    ['%s', [USER_PAGE + 0x10n], 'from user'],
    ['[%s]', [0], '[]'],
    ['[%s]', [0xffff_8880_0000_0000n], '[]'],
    ['[%pks]', [USER_PAGE + 0x10n], '[]'],
    ['[%pus]', [hello], '[]'],
    // pointers
    ['%px', [0xffff_8881_2345_6780n], 'ffff888123456780'],
    ['%px', [0x10], '0000000000000010'],
    ['[%20px]', [0xabc], `[${'abc'.padStart(20)}]`],
    ['[%-20px]', [0xabc], `[${'abc'.padEnd(20)}]`],
    ['[%020px]', [0xabc], `[${'abc'.padStart(20, '0')}]`],
    ['%p', [0], '0000000000000000'],
    ['%p', [-14], 'fffffffffffffff2'],
    ['%pK.', [0], '0000000000000000.'],
    ['%ps', [SYMBOL + 4n], 'kernel_clone'],
    ['%pS', [SYMBOL + 4n], 'kernel_clone+0x4/0x100'],
    ['%pB', [SYMBOL + 4n], 'kernel_clone+0x4/0x100'],
    ['%pB', [SYMBOL + 0x100n], 'kernel_clone+0x100/0x100'],
    ['%pS', [SYMBOL + 0x100n], '0xffffffff81000100'],
    ['[%16ps]', [SYMBOL], '[    kernel_clone]'],
    ['[%-16ps]', [SYMBOL], '[kernel_clone    ]'],
    ['%ps', [0x1234], '0x1234'],
    // what follows a pointer conversion is swallowed while it is a letter or a digit
    ['%pxyz1-', [1], '0000000000000001-'],
    ['%pSabc!', [SYMBOL], 'kernel_clone+0x0/0x100!'],
    // addresses
    ['%pI4', [ip4], '127.0.0.1'],
    ['%pi4', [ip4], '127.000.000.001'],
    ['%pI6', [ip6], '0011:2233:4455:6677:8899:aabb:ccdd:eeff'],
    ['%pi6', [ip6], '00112233445566778899aabbccddeeff'],
    ['%pI4', [0], '0.0.0.0'],
    ['%pI4abc', [ip4], '127.0.0.1'],
    // several
    ['%d:0x%llx:%s\n', [3, 0x7f00_0000_1000n, hello], '3:0x7f0000001000:hello\n'],
    ['%d%d%d%d%d%d%d%d%d%d%d%d', [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], '123456789101112'],
    ['%d', [1, 2, 3], '1'],
  ];
  it.each(cases)('%#: %s', (format, args, text) => {
    expect(print(format, ...args)).toBe(text);
  });

  it('hashes %p and %pK alike on both sides of the boundary', () => {
    const pointer = 0xffff_8880_0123_4560n;
    const hashed = hashPointer(pointer).toString(16).padStart(16, '0');
    expect(print('%p', pointer)).toBe(hashed);
    expect(print('%pK', pointer)).toBe(hashed);
    expect(hashed).toMatch(/^00000000/);
    expect(print('%p', pointer + 8n)).not.toBe(hashed);
  });
});

describe('what a format must not contain', () => {
  it.each([
    ['%', [1]],
    ['%z', [1]],
    ['%f', [1]],
    ['%n', [1]],
    ['%h', [1]],
    ['%hd', [1]],
    ['%lld%', [1]],
    ['%llld', [1]],
    ['%#x', [1]],
    ['%.3d', [1]],
    ['%*d', [1]],
    ['%5%', [1]],
    ['%ls', [1]],
    ['%lc', [1]],
    ['%sabc', [hello]],
    ['%s1', [hello]],
    ['%pksa', [hello]],
    ['%pus0', [hello]],
    ['%pa', [1]],
    ['%pk', [1]],
    ['%pu', [1]],
    ['%pI', [1]],
    ['%pI5', [1]],
    ['%pi', [1]],
    ['bell\x07', []],
    ['\x7f', []],
    ['caf\u00e9', []],
  ] as [string, (bigint | number)[]][])('%#: %s', (format, args) => {
    expect(print(format, ...args)).toBe(EINVAL);
  });

  it('more conversions than arguments', () => {
    expect(print('%d')).toBe(EINVAL);
    expect(print('%d %d', 1)).toBe(EINVAL);
    expect(print(`${'%d'.repeat(12)}%d`, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)).toBe(EINVAL);
  });

  it('no end', () => {
    const seq = rig.seqFile(64);
    expect(rig.call(SEQ_PRINTF, seq, rig.put('abc'), 3, 0, 0)).toBe(EINVAL);
    expect(rig.call(SEQ_PRINTF, seq, rig.put('abc'), 0, 0, 0)).toBe(EINVAL);
    expect(rig.call(SEQ_PRINTF, seq, rig.put('abc'), 4, 0, 0)).toBe(0n);
    expect(rig.call(SEQ_PRINTF, seq, rig.put('abc'), 100, 0, 0)).toBe(0n);
    expect(rig.seqText(seq)).toBe('abcabc');
  });

  it('prints nothing when it fails', () => {
    const seq = rig.seqFile(64);
    const format = rig.put('abc %d %y');
    expect(rig.call(SEQ_PRINTF, seq, format, 10, rig.words(1, 2), 16)).toBe(EINVAL);
    expect(rig.seqText(seq)).toBe('');
  });
});

describe('arguments of bpf_seq_printf', () => {
  const format = rig.put('x');
  const words = rig.words(...Array.from({ length: 13 }, () => 0));
  it.each([
    [0n, 8, EINVAL],
    [words, 4, EINVAL],
    [words, 12, EINVAL],
    [words, 104, EINVAL],
    [words, 96, 0n],
    [words, 0, 0n],
    [0n, 0, 0n],
  ])('data %s of %i bytes: %s', (data, length, result) => {
    expect(rig.call(SEQ_PRINTF, rig.seqFile(64), format, 2, data, length)).toBe(result);
  });

  it('faults on memory outside the model, and on what is no seq_file', () => {
    const seq = rig.seqFile(64);
    expect(() => rig.call(SEQ_PRINTF, seq, 0x1000, 8, 0, 0)).toThrow('read of');
    expect(() => rig.call(SEQ_PRINTF, seq, format, 2, 0xffff_8880_0000_0000n, 8)).toThrow('read of');
    expect(() => rig.call(SEQ_PRINTF, 0, format, 2, 0, 0)).toThrow('a helper was passed');
  });
});

describe('the area of 512 bytes for arguments', () => {
  const long = rig.put('x'.repeat(600));
  it('cuts a string at 511 bytes and has no room left', () => {
    expect(print('%s', long)).toBe('x'.repeat(511));
    expect(print('%s %d', long, 1)).toBe(ENOSPC);
    expect(print('%s %s', long, hello)).toBe(ENOSPC);
    expect(print('%s %c', long, 0x41)).toBe(ENOSPC);
    expect(print('%s %pI4', long, ip4)).toBe(ENOSPC);
    expect(print('%s %px', long, 1)).toBe(ENOSPC);
  });

  it('aligns numbers to 4 and strings not at all', () => {
    // 503 bytes and NUL: 8 left.
    const text = 'y'.repeat(503);
    const address = rig.put(text);
    expect(print('%s %lld', address, 7)).toBe(`${text} 7`);
    expect(print('%s %d %d', address, 7, 8)).toBe(`${text} 7 8`);
    expect(print('%s %d %d %d', address, 7, 8, 9)).toBe(ENOSPC);
    expect(print('%s %c %lld', address, 0x41, 7)).toBe(ENOSPC);
    expect(print('%s %c %d', address, 0x41, 7)).toBe(`${text} A 7`);
    expect(print('%s %c %s', address, 0x41, hello)).toBe(`${text} A hello`);
  });
});

describe('a full seq_file', () => {
  it('counts an exact fill as overflow', () => {
    const fits = rig.seqFile(6);
    expect(rig.call(SEQ_PRINTF, fits, hello, 6, 0, 0)).toBe(0n);
    expect(rig.seqText(fits)).toBe('hello');
    expect(rig.overflowed(fits)).toBe(false);
    const exact = rig.seqFile(5);
    expect(rig.call(SEQ_PRINTF, exact, hello, 6, 0, 0)).toBe(EOVERFLOW);
    expect(rig.overflowed(exact)).toBe(true);
  });

  it('stays full: later calls fail too', () => {
    const seq = rig.seqFile(5);
    rig.call(SEQ_PRINTF, seq, hello, 6, 0, 0);
    expect(rig.call(SEQ_PRINTF, seq, rig.put(''), 1, 0, 0)).toBe(EOVERFLOW);
    expect(rig.call(SEQ_WRITE, seq, hello, 0)).toBe(EOVERFLOW);
  });

  it('bpf_seq_write is strict as well', () => {
    const seq = rig.seqFile(8);
    expect(rig.call(SEQ_WRITE, seq, hello, 5)).toBe(0n);
    expect(rig.call(SEQ_WRITE, seq, hello, 0)).toBe(0n);
    expect(rig.call(SEQ_WRITE, seq, hello, 2)).toBe(0n);
    expect(rig.seqText(seq)).toBe('hellohe');
    expect(rig.call(SEQ_WRITE, seq, hello, 1)).toBe(EOVERFLOW);
    expect(rig.overflowed(seq)).toBe(true);
  });

  it('keeps to the iterator buffer of 32768 bytes', () => {
    const data = rig.put(new Uint8Array(32_768).fill(0x2e));
    const seq = rig.seqFile(32_768);
    expect(rig.call(SEQ_WRITE, seq, data, 32_767)).toBe(0n);
    const full = rig.seqFile(32_768);
    expect(rig.call(SEQ_WRITE, full, data, 32_768)).toBe(EOVERFLOW);
  });
});

describe('bpf_snprintf', () => {
  const snprintf = (size: number, format: string, ...args: (bigint | number)[]) => {
    const buffer = rig.put(new Uint8Array(64).fill(0x7e));
    const data = args.length > 0 ? rig.words(...args) : 0n;
    const result = rig.call(SNPRINTF, size === 0 ? 0n : buffer, size, rig.put(format), data, args.length * 8);
    return { result, text: rig.text(buffer, 16) };
  };

  it('gives the length with NUL that the text would have', () => {
    expect(snprintf(64, 'n=%d', 42)).toEqual({ result: 5n, text: 'n=42\0~~~~~~~~~~~' });
    expect(snprintf(5, 'n=%d', 42)).toEqual({ result: 5n, text: 'n=42\0~~~~~~~~~~~' });
    expect(snprintf(4, 'n=%d', 42)).toEqual({ result: 5n, text: 'n=4\0~~~~~~~~~~~~' });
    expect(snprintf(1, 'n=%d', 42)).toEqual({ result: 5n, text: '\0~~~~~~~~~~~~~~~' });
    expect(snprintf(0, 'n=%d', 42).result).toBe(5n);
  });

  it('counts padding that does not fit without storing it', () => {
    expect(snprintf(4, '%8388607d', 1)).toEqual({ result: 8_388_608n, text: `   \0${'~'.repeat(12)}` });
  });

  it('refuses what bpf_seq_printf refuses', () => {
    expect(snprintf(16, '%d').result).toBe(EINVAL);
    expect(snprintf(16, '%#x', 1).result).toBe(EINVAL);
  });
});
