/** Loads, stores and atomics of RFC 9669 section 5, load-acquire and store-release, packet loads, faults. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectAsReference, runText } from './isa-machine.ts';
import { operandPairs } from './isa-values.ts';

const pattern = Uint8Array.from([
  0x81, 0x92, 0xa3, 0xb4, 0xc5, 0xd6, 0xe7, 0xf8, 0x01, 0x7f, 0x80, 0xff, 0, 1, 2, 3,
]);

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

describe('loads', () => {
  it.each([
    ['r0 = *(u8 *)(r1 +0)', 0x81n],
    ['r0 = *(u16 *)(r1 +0)', 0x9281n],
    ['r0 = *(u32 *)(r1 +0)', 0xb4a3_9281n],
    ['r0 = *(u64 *)(r1 +0)', 0xf8e7_d6c5_b4a3_9281n],
    ['r0 = *(s8 *)(r1 +0)', 0xffff_ffff_ffff_ff81n],
    ['r0 = *(s8 *)(r1 +9)', 0x7fn],
    ['r0 = *(s16 *)(r1 +0)', 0xffff_ffff_ffff_9281n],
    ['r0 = *(s16 *)(r1 +8)', 0x7f01n],
    ['r0 = *(s32 *)(r1 +0)', 0xffff_ffff_b4a3_9281n],
    ['r0 = *(s32 *)(r1 +12)', 0x0302_0100n],
  ])('%s', (text, expected) => {
    expect(runText(`r0 = -1\n${text}\nexit`, { block: pattern }).r0.toString(16)).toBe(expected.toString(16));
  });

  it('any width at any alignment', () => {
    for (const [type, bytes] of [
      ['u8', 1],
      ['u16', 2],
      ['u32', 4],
      ['u64', 8],
      ['s8', 1],
      ['s16', 2],
      ['s32', 4],
    ] as const) {
      for (let at = 0; at + bytes <= 16; at++) {
        expectAsReference({ text: `r0 = *(${type} *)(r1 +${at})\nexit`, block: pattern });
        expectAsReference({ text: `r1 += 16\nr0 = *(${type} *)(r1 ${at - 16})\nexit`, block: pattern });
      }
    }
  });

  it('may load into the register that holds the address', () => {
    expect(runText('r1 = *(u16 *)(r1 +1)\nr0 = r1\nexit', { block: pattern }).r0).toBe(0xa392n);
  });
});

describe('stores', () => {
  const ones = new Uint8Array(16).fill(0xee);
  it.each([
    ['*(u8 *)(r1 +1) = r3', 'ee88eeeeeeeeeeeeeeeeeeeeeeeeeeee'],
    ['*(u16 *)(r1 +1) = r3', 'ee8877eeeeeeeeeeeeeeeeeeeeeeeeee'],
    ['*(u32 *)(r1 +1) = r3', 'ee88776655eeeeeeeeeeeeeeeeeeeeee'],
    ['*(u64 *)(r1 +1) = r3', 'ee8877665544332211eeeeeeeeeeeeee'],
    ['*(u8 *)(r1 +15) = -2', 'eeeeeeeeeeeeeeeeeeeeeeeeeeeeeefe'],
    ['*(u16 *)(r1 +3) = -2', 'eeeeeefeffeeeeeeeeeeeeeeeeeeeeee'],
    ['*(u32 *)(r1 +4) = -2', 'eeeeeeeefeffffffeeeeeeeeeeeeeeee'],
    // The immediate of a 64-bit store is sign-extended.
    ['*(u64 *)(r1 +8) = -2', 'eeeeeeeeeeeeeeeefeffffffffffffff'],
    ['*(u64 *)(r1 +8) = 2147483647', 'eeeeeeeeeeeeeeeeffffff7f00000000'],
  ])('%s', (text, expected) => {
    const { memory } = runText(`r3 = 0x1122334455667788 ll\n${text}\nr0 = 0\nexit`, { block: ones });
    expect(hex(memory)).toBe(expected);
  });

  it('the stack holds what was put there, 512 bytes of it', () => {
    const { r0 } = runText(`
      r3 = 0x1122334455667788 ll
      *(u64 *)(r10 -512) = r3
      *(u64 *)(r10 -8) = r3
      *(u8 *)(r10 -1) = 0
      *(u16 *)(r10 -512) = 1
      r0 = *(u64 *)(r10 -8)
      r4 = *(u64 *)(r10 -512)
      r0 ^= r4
      exit`);
    expect(r0).toBe(0x0022_3344_5566_7788n ^ 0x1122_3344_5566_0001n);
  });
});

/** Runs an atomic on a 64-bit cell; r0 is what r0 and the source register held after it. */
function atomic(insn: string, cell: bigint, src: bigint, r0 = 0n) {
  const block = new Uint8Array(24);
  const view = new DataView(block.buffer);
  view.setBigUint64(0, cell, true);
  const run = runText(
    `r0 = 0x${r0.toString(16)} ll
     r3 = 0x${src.toString(16)} ll
     ${insn}
     *(u64 *)(r1 +8) = r3
     *(u64 *)(r1 +16) = r0
     r0 = 0
     exit`,
    { block },
  );
  const after = new DataView(run.memory.buffer, run.memory.byteOffset);
  return [0, 8, 16].map((at) => `0x${after.getBigUint64(at, true).toString(16)}`);
}

describe('atomics: cell, source register, r0', () => {
  it.each([
    ['lock *(u64 *)(r1 +0) += r3', 0xffff_ffff_ffff_ffffn, 2n, 0n, ['0x1', '0x2', '0x0']],
    ['lock *(u64 *)(r1 +0) |= r3', 0xf0n, 0x0fn, 0n, ['0xff', '0xf', '0x0']],
    ['lock *(u64 *)(r1 +0) &= r3', 0xffn, 0x3cn, 0n, ['0x3c', '0x3c', '0x0']],
    ['lock *(u64 *)(r1 +0) ^= r3', 0xffn, 0x3cn, 0n, ['0xc3', '0x3c', '0x0']],
    ['lock *(u32 *)(r1 +0) += r3', 0x5_ffff_ffffn, 0x9_0000_0002n, 0n, ['0x500000001', '0x900000002', '0x0']],
    ['lock *(u32 *)(r1 +0) |= r3', 0x5_0000_00f0n, 0x9_0000_000fn, 0n, ['0x5000000ff', '0x90000000f', '0x0']],
    ['lock *(u32 *)(r1 +0) &= r3', 0x5_ffff_ffffn, 0x9_0000_000fn, 0n, ['0x50000000f', '0x90000000f', '0x0']],
    ['lock *(u32 *)(r1 +0) ^= r3', 0x5_0000_00ffn, 0x9_0000_000fn, 0n, ['0x5000000f0', '0x90000000f', '0x0']],
    ['r3 = atomic64_fetch_add((u64 *)(r1 +0), r3)', 5n, 2n, 0n, ['0x7', '0x5', '0x0']],
    ['r3 = atomic64_fetch_or((u64 *)(r1 +0), r3)', 0xf0n, 1n, 0n, ['0xf1', '0xf0', '0x0']],
    ['r3 = atomic64_fetch_and((u64 *)(r1 +0), r3)', 0xf0n, 0x30n, 0n, ['0x30', '0xf0', '0x0']],
    ['r3 = atomic64_fetch_xor((u64 *)(r1 +0), r3)', 0xf0n, 0x30n, 0n, ['0xc0', '0xf0', '0x0']],
    // The old 32-bit value arrives zero-extended.
    [
      'r3 = atomic_fetch_add((u32 *)(r1 +0), r3)',
      0x5_ffff_ffffn,
      0x9_0000_0001n,
      0n,
      ['0x500000000', '0xffffffff', '0x0'],
    ],
    [
      'r3 = atomic_fetch_or((u32 *)(r1 +0), r3)',
      0x5_8000_0000n,
      1n,
      0n,
      ['0x580000001', '0x80000000', '0x0'],
    ],
    [
      'r3 = atomic_fetch_and((u32 *)(r1 +0), r3)',
      0x5_8000_0001n,
      1n,
      0n,
      ['0x500000001', '0x80000001', '0x0'],
    ],
    [
      'r3 = atomic_fetch_xor((u32 *)(r1 +0), r3)',
      0x5_8000_0001n,
      1n,
      0n,
      ['0x580000000', '0x80000001', '0x0'],
    ],
    ['r3 = atomic64_xchg((u64 *)(r1 +0), r3)', 5n, 2n, 0n, ['0x2', '0x5', '0x0']],
    [
      'r3 = atomic_xchg((u32 *)(r1 +0), r3)',
      0x5_8000_0000n,
      0x9_0000_0001n,
      0n,
      ['0x500000001', '0x80000000', '0x0'],
    ],
    ['r0 = atomic64_cmpxchg((u64 *)(r1 +0), r0, r3)', 5n, 2n, 5n, ['0x2', '0x2', '0x5']],
    ['r0 = atomic64_cmpxchg((u64 *)(r1 +0), r0, r3)', 5n, 2n, 6n, ['0x5', '0x2', '0x5']],
    [
      'r0 = atomic64_cmpxchg((u64 *)(r1 +0), r0, r3)',
      0x1_0000_0005n,
      2n,
      5n,
      ['0x100000005', '0x2', '0x100000005'],
    ],
    // 32 bits of r0 are compared; r0 is zero-extended, hit or miss.
    [
      'r0 = atomic_cmpxchg((u32 *)(r1 +0), r0, r3)',
      0x7_0000_0005n,
      2n,
      0x9_0000_0005n,
      ['0x700000002', '0x2', '0x5'],
    ],
    [
      'r0 = atomic_cmpxchg((u32 *)(r1 +0), r0, r3)',
      0x7_8000_0005n,
      2n,
      0x9_0000_0006n,
      ['0x780000005', '0x2', '0x80000005'],
    ],
    [
      'r3 = load_acquire((u64 *)(r1 +0))',
      0x8123_4567_89ab_cdefn,
      0n,
      0n,
      ['0x8123456789abcdef', '0x8123456789abcdef', '0x0'],
    ],
    [
      'r3 = load_acquire((u32 *)(r1 +0))',
      0x8123_4567_89ab_cdefn,
      0n,
      0n,
      ['0x8123456789abcdef', '0x89abcdef', '0x0'],
    ],
    [
      'r3 = load_acquire((u16 *)(r1 +0))',
      0x8123_4567_89ab_cdefn,
      0n,
      0n,
      ['0x8123456789abcdef', '0xcdef', '0x0'],
    ],
    [
      'r3 = load_acquire((u8 *)(r1 +0))',
      0x8123_4567_89ab_cdefn,
      0n,
      0n,
      ['0x8123456789abcdef', '0xef', '0x0'],
    ],
    [
      'store_release((u64 *)(r1 +0), r3)',
      1n,
      0x8877_6655_4433_2211n,
      0n,
      ['0x8877665544332211', '0x8877665544332211', '0x0'],
    ],
    [
      'store_release((u32 *)(r1 +0), r3)',
      1n,
      0x8877_6655_4433_2211n,
      0n,
      ['0x44332211', '0x8877665544332211', '0x0'],
    ],
    [
      'store_release((u16 *)(r1 +0), r3)',
      1n,
      0x8877_6655_4433_2211n,
      0n,
      ['0x2211', '0x8877665544332211', '0x0'],
    ],
    [
      'store_release((u8 *)(r1 +0), r3)',
      1n,
      0x8877_6655_4433_2211n,
      0n,
      ['0x11', '0x8877665544332211', '0x0'],
    ],
  ] as const)('%s on %x with %x, r0 %x', (insn, cell, src, r0, expected) => {
    expect(atomic(insn, cell, src, r0)).toEqual(expected);
  });

  it('all operations on random values agree with the reference', () => {
    const operations = ['64', ''].flatMap((suffix) => {
      const target = suffix === '64' ? '(u64 *)(r1 +0)' : '(u32 *)(r1 +0)';
      return [
        ...['+=', '|=', '&=', '^='].map((operator) => `lock *${target} ${operator} r3`),
        ...['fetch_add', 'fetch_or', 'fetch_and', 'fetch_xor', 'xchg'].map(
          (name) => `r3 = atomic${suffix}_${name}(${target}, r3)`,
        ),
        `r0 = atomic${suffix}_cmpxchg(${target}, r0, r3)`,
      ];
    });
    fc.assert(
      fc.property(
        fc.constantFrom(...operations),
        operandPairs,
        operandPairs,
        (insn, [cell, src], [other, mix]) => {
          const block = new Uint8Array(32);
          const view = new DataView(block.buffer);
          const r0 = mix % 2n === 0n ? cell : other;
          [cell, 0n, src, r0].forEach((value, index) => {
            view.setBigUint64(8 * index, value, true);
          });
          const text = `
          r3 = *(u64 *)(r1 +16)
          r0 = *(u64 *)(r1 +24)
          ${insn}
          *(u64 *)(r1 +16) = r3
          exit`;
          expectAsReference({ text, block });
        },
      ),
      { seed: 9669, numRuns: 400 },
    );
  });

  it('the address register may be the source as well', () => {
    const { r0, memory } = runText(
      `r6 = r1
       r1 = atomic64_fetch_add((u64 *)(r1 +0), r1)
       r3 = *(u64 *)(r6 +0)
       r3 -= r6
       r0 = r1
       *(u64 *)(r6 +8) = r3
       exit`,
      { block: Uint8Array.from([5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]) },
    );
    expect(r0).toBe(5n);
    expect(memory[8]).toBe(5);
  });
});

describe('packet loads', () => {
  const packet = pattern;

  it('ld_abs and ld_ind read the packet in network order, zero-extended', () => {
    const read = (insn: string) => runText(`r6 = r1\nr7 = 2\n${insn}\nexit`, { packet }).r0;
    expect(read('r0 = *(u8 *)skb[0]')).toBe(0x81n);
    expect(read('r0 = *(u16 *)skb[1]')).toBe(0x92a3n);
    expect(read('r0 = *(u32 *)skb[0]')).toBe(0x8192_a3b4n);
    expect(read('r0 = *(u8 *)skb[r7 + 1]')).toBe(0xb4n);
    expect(read('r0 = *(u16 *)skb[r7 + -1]')).toBe(0x92a3n);
    expect(read('r0 = *(u32 *)skb[r7 + 0]')).toBe(0xa3b4_c5d6n);
  });

  it('a read past the end ends the program with 0', () => {
    expect(runText('r6 = r1\nr0 = 7\nr0 = *(u32 *)skb[13]\nr0 = 9\nexit', { packet })).toMatchObject({
      finished: true,
      r0: 0n,
    });
  });
});

describe('accesses that leave the model', () => {
  it.each([
    [
      'a load at address 0',
      'r0 = 1\nr2 = 0\nr3 = *(u64 *)(r2 +0)\nexit',
      { kind: 'read', pc: 2, address: 0n, size: 8 },
    ],
    [
      'a store at a small address',
      'r0 = 1\nr2 = 8\n*(u16 *)(r2 +4) = 1\nexit',
      { kind: 'write', pc: 2, address: 12n, size: 2 },
    ],
    [
      'an atomic',
      'r2 = 16\nlock *(u32 *)(r2 +0) += r2\nexit',
      { kind: 'write', pc: 1, address: 16n, size: 4 },
    ],
    [
      'a load at a user address',
      'r2 = 0x7f0000001000 ll\nr0 = *(u8 *)(r2 -1)\nexit',
      { kind: 'read', pc: 2, address: 0x7f00_0000_0fffn, size: 1 },
    ],
    [
      'a load at the last address',
      'r2 = -1\nr0 = *(u64 *)(r2 +0)\nexit',
      { kind: 'read', pc: 1, address: 0xffff_ffff_ffff_ffffn, size: 8 },
    ],
  ])('%s stops the run', (_, text, fault) => {
    const run = runText(text);
    expect(run.finished).toBe(false);
    expect(run.fault).toMatchObject(fault);
  });

  it('a load that faults reads as zero in a program with probed loads', () => {
    const options = { probeLoads: true };
    expect(runText('r0 = 1\nr2 = 8\nr0 = *(u64 *)(r2 +0)\nexit', options)).toMatchObject({
      finished: true,
      r0: 0n,
    });
    expect(runText('r0 = 1\nr2 = 8\nr0 = *(s8 *)(r2 +0)\nr0 += 5\nexit', options).r0).toBe(5n);
    expect(runText('r2 = 8\n*(u8 *)(r2 +0) = 1\nr0 = 0\nexit', options).fault).toMatchObject({
      kind: 'write',
    });
  });
});
