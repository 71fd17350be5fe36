/** Arithmetic of RFC 9669 sections 4.1 and 4.2 in the interpreter: edge values by hand, and all forms differentially. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FORMS, type InsnForm } from '../../bpf/opcodes.ts';
import { expectAsReference, runText } from './isa-machine.ts';
import { EDGE_IMMS, EDGE_VALUES, encodeBatch, operand, operandPairs } from './isa-values.ts';

const MIN64 = 0x8000_0000_0000_0000n;
const MAX64 = 0x7fff_ffff_ffff_ffffn;
const ONES = 0xffff_ffff_ffff_ffffn;

/** [instruction on r3 and r4, r3 before, r4 before, r3 after] */
type Vector = [text: string, dst: bigint, src: bigint, expected: bigint];

function check([text, dst, src, expected]: Vector): void {
  const { r0 } = runText(`
    r3 = 0x${dst.toString(16)} ll
    r4 = 0x${src.toString(16)} ll
    ${text}
    r0 = r3
    exit`);
  expect(r0.toString(16)).toBe(expected.toString(16));
}

const named = (vectors: Vector[]) =>
  vectors.map(
    (vector) => [`${vector[0]} [${vector[1].toString(16)}, ${vector[2].toString(16)}]`, vector] as const,
  );

describe('add, sub, mul', () => {
  it.each(
    named([
      ['r3 += r4', ONES, 1n, 0n],
      ['r3 += r4', MAX64, 1n, MIN64],
      ['r3 += -1', 0n, 0n, ONES],
      ['r3 += -2147483648', 0n, 0n, 0xffff_ffff_8000_0000n],
      ['w3 += w4', 0xffff_ffffn, 1n, 0n],
      ['w3 += w4', ONES, 0xffff_ffff_0000_0002n, 1n],
      ['w3 += -1', 0n, 0n, 0xffff_ffffn],
      ['r3 -= r4', 0n, 1n, ONES],
      ['r3 -= r4', MIN64, 1n, MAX64],
      ['r3 -= -2147483648', 0n, 0n, 0x8000_0000n],
      ['w3 -= w4', 0n, 1n, 0xffff_ffffn],
      ['w3 -= w3', ONES, 0n, 0n],
      ['r3 *= r4', 0x1_0000_0001n, 0x1_0000_0001n, 0x2_0000_0001n],
      ['r3 *= r4', MIN64, ONES, MIN64],
      ['r3 *= -1', 5n, 0n, 0xffff_ffff_ffff_fffbn],
      ['w3 *= w4', 0xffff_ffffn, 0xffff_ffffn, 1n],
      ['w3 *= 65536', 0xdead_0001_0000n, 0n, 0n],
    ]),
  )('%s', (_, vector) => check(vector));
});

describe('div and mod', () => {
  it.each(
    named([
      ['r3 /= r4', 7n, 2n, 3n],
      ['r3 /= r4', 7n, 0n, 0n],
      ['r3 /= 0', 7n, 0n, 0n],
      ['r3 /= r4', ONES, 2n, MAX64],
      // The immediate is sign-extended, then taken as unsigned.
      ['r3 /= -1', ONES, 0n, 1n],
      ['r3 /= -1', MAX64, 0n, 0n],
      ['w3 /= w4', 0xffff_ffff_0000_0007n, 0xffff_ffff_0000_0002n, 3n],
      ['w3 /= w4', 0xffff_ffff_0000_0007n, 0xffff_ffff_0000_0000n, 0n],
      ['w3 /= -1', 0xffff_ffff_ffff_ffffn, 0n, 1n],
      ['r3 %= r4', 7n, 4n, 3n],
      ['r3 %= r4', 0xffff_ffff_0000_0007n, 0n, 0xffff_ffff_0000_0007n],
      ['r3 %= 0', 9n, 0n, 9n],
      ['r3 %= -1', ONES, 0n, 0n],
      ['w3 %= w4', 0xffff_ffff_0000_0007n, 4n, 3n],
      // By zero the value stays, but a 32-bit result is still zero-extended.
      ['w3 %= w4', 0xffff_ffff_0000_0007n, 0xffff_ffff_0000_0000n, 7n],
      ['w3 %= 0', 0xffff_ffff_8000_0007n, 0n, 0x8000_0007n],
    ]),
  )('%s', (_, vector) => check(vector));
});

describe('sdiv and smod', () => {
  const minus = (value: bigint) => BigInt.asUintN(64, -value);
  it.each(
    named([
      ['r3 s/= r4', minus(7n), 2n, minus(3n)],
      ['r3 s/= r4', 7n, minus(2n), minus(3n)],
      ['r3 s/= r4', minus(7n), minus(2n), 3n],
      ['r3 s/= r4', MIN64, ONES, MIN64],
      ['r3 s/= -1', MIN64, 0n, MIN64],
      ['r3 s/= -1', 5n, 0n, minus(5n)],
      ['r3 s/= r4', minus(7n), 0n, 0n],
      ['r3 s/= 0', minus(7n), 0n, 0n],
      ['w3 s/= w4', 0xffff_fff9n, 2n, 0xffff_fffdn],
      ['w3 s/= w4', 0x8000_0000n, 0xffff_ffffn, 0x8000_0000n],
      ['w3 s/= -1', 0x1_8000_0000n, 0n, 0x8000_0000n],
      ['w3 s/= w4', 0xffff_fff9n, 0x1_0000_0000n, 0n],
      ['r3 s%= r4', minus(7n), 2n, ONES],
      ['r3 s%= r4', 7n, minus(2n), 1n],
      ['r3 s%= r4', minus(13n), minus(3n), ONES],
      ['r3 s%= r4', MIN64, ONES, 0n],
      ['r3 s%= -1', MIN64, 0n, 0n],
      ['r3 s%= r4', minus(7n), 0n, minus(7n)],
      ['w3 s%= w4', 0xffff_fff9n, 2n, 0xffff_ffffn],
      ['w3 s%= w4', 0x8000_0000n, 0xffff_ffffn, 0n],
      ['w3 s%= -1', 0x8000_0000n, 0n, 0n],
      ['w3 s%= w4', 0xffff_ffff_ffff_fff9n, 0n, 0xffff_fff9n],
    ]),
  )('%s', (_, vector) => check(vector));
});

describe('or, and, xor, neg', () => {
  it.each(
    named([
      ['r3 |= r4', 0xf0f0_0000_0000_0000n, 0x0f0fn, 0xf0f0_0000_0000_0f0fn],
      ['r3 |= -2147483648', 1n, 0n, 0xffff_ffff_8000_0001n],
      ['w3 |= -2147483648', 0xffff_ffff_0000_0001n, 0n, 0x8000_0001n],
      ['r3 &= -16', ONES, 0n, 0xffff_ffff_ffff_fff0n],
      ['r3 &= 255', ONES, 0n, 255n],
      ['w3 &= -1', ONES, 0n, 0xffff_ffffn],
      ['r3 ^= r3', 0x1234n, 0n, 0n],
      ['r3 ^= -1', 0n, 0n, ONES],
      ['w3 ^= -1', 0xffff_ffff_0000_0000n, 0n, 0xffff_ffffn],
      ['r3 = -r3', 1n, 0n, ONES],
      ['r3 = -r3', MIN64, 0n, MIN64],
      ['r3 = -r3', 0n, 0n, 0n],
      ['w3 = -w3', 1n, 0n, 0xffff_ffffn],
      ['w3 = -w3', 0xffff_ffff_8000_0000n, 0n, 0x8000_0000n],
      ['w3 = -w3', 0xffff_ffff_0000_0000n, 0n, 0n],
    ]),
  )('%s', (_, vector) => check(vector));
});

describe('shifts use the low 6 or 5 bits of the count', () => {
  it.each(
    named([
      ['r3 <<= 0', 5n, 0n, 5n],
      ['r3 <<= 31', 1n, 0n, 0x8000_0000n],
      ['r3 <<= 32', 1n, 0n, 0x1_0000_0000n],
      ['r3 <<= 63', 3n, 0n, MIN64],
      ['r3 <<= r4', 3n, 64n, 3n],
      ['r3 <<= r4', 3n, 65n, 6n],
      ['r3 <<= r4', 3n, ONES, MIN64],
      ['w3 <<= 31', 3n, 0n, 0x8000_0000n],
      ['w3 <<= w4', 3n, 32n, 3n],
      ['w3 <<= w4', 3n, 0x1_0000_0000n, 3n],
      ['w3 <<= w4', 0xffff_ffff_0000_0003n, 63n, 0x8000_0000n],
      ['w3 <<= 0', ONES, 0n, 0xffff_ffffn],
      ['r3 >>= 63', ONES, 0n, 1n],
      ['r3 >>= 32', ONES, 0n, 0xffff_ffffn],
      ['r3 >>= r4', MIN64, 64n, MIN64],
      ['w3 >>= 31', ONES, 0n, 1n],
      ['w3 >>= w4', 0xffff_ffff_8000_0000n, 32n, 0x8000_0000n],
      ['w3 >>= 0', ONES, 0n, 0xffff_ffffn],
      ['r3 s>>= 63', MIN64, 0n, ONES],
      ['r3 s>>= 31', 0xffff_ffff_0000_0000n, 0n, 0xffff_ffff_ffff_fffen],
      ['r3 s>>= r4', MIN64, 65n, 0xc000_0000_0000_0000n],
      ['w3 s>>= 31', 0x8000_0000n, 0n, 0xffff_ffffn],
      ['w3 s>>= 31', 0xffff_ffff_7fff_ffffn, 0n, 0n],
      ['w3 s>>= w4', 0x8000_0000n, 33n, 0xc000_0000n],
    ]),
  )('%s', (_, vector) => check(vector));
});

describe('mov and sign extension', () => {
  it.each(
    named([
      ['r3 = r4', 0n, MIN64, MIN64],
      ['w3 = w4', ONES, ONES, 0xffff_ffffn],
      ['r3 = -1', 0n, 0n, ONES],
      ['w3 = -1', ONES, 0n, 0xffff_ffffn],
      ['r3 = -2147483648', 0n, 0n, 0xffff_ffff_8000_0000n],
      ['r3 = 0xffffffff ll', 0n, 0n, 0xffff_ffffn],
      ['r3 = 0x8000000000000000', 0n, 0n, MIN64],
      ['r3 = (s8)r4', 0n, 0x80n, 0xffff_ffff_ffff_ff80n],
      ['r3 = (s8)r4', 0n, 0xff7fn, 0x7fn],
      ['r3 = (s16)r4', 0n, 0x8000n, 0xffff_ffff_ffff_8000n],
      ['r3 = (s16)r4', 0n, 0xf_7fffn, 0x7fffn],
      ['r3 = (s32)r4', 0n, 0x8000_0000n, 0xffff_ffff_8000_0000n],
      ['r3 = (s32)r4', 0n, 0xf_7fff_ffffn, 0x7fff_ffffn],
      ['w3 = (s8)w4', ONES, 0x80n, 0xffff_ff80n],
      ['w3 = (s16)w4', ONES, 0x8000n, 0xffff_8000n],
      ['w3 = (s16)w4', ONES, 0x7fffn, 0x7fffn],
    ]),
  )('%s', (_, vector) => check(vector));
});

describe('byte order', () => {
  const value = 0x0123_4567_89ab_cdefn;
  it.each(
    named([
      ['r3 = le16 r3', value, 0n, 0xcdefn],
      ['r3 = le32 r3', value, 0n, 0x89ab_cdefn],
      ['r3 = le64 r3', value, 0n, value],
      ['r3 = be16 r3', value, 0n, 0xefcdn],
      ['r3 = be32 r3', value, 0n, 0xefcd_ab89n],
      ['r3 = be64 r3', value, 0n, 0xefcd_ab89_6745_2301n],
      ['r3 = bswap16 r3', value, 0n, 0xefcdn],
      ['r3 = bswap32 r3', value, 0n, 0xefcd_ab89n],
      ['r3 = bswap64 r3', value, 0n, 0xefcd_ab89_6745_2301n],
      ['r3 = bswap16 r3', 0x8000n, 0n, 0x80n],
      ['r3 = be32 r3', 0x80n, 0n, 0x8000_0000n],
    ]),
  )('%s', (_, vector) => check(vector));
});

/** Forms that compute on registers alone. */
const ARITHMETIC = FORMS.filter(({ code, name }) => [4, 7].includes(code & 7) && name !== 'addr_space_cast');

describe('every arithmetic form agrees with the reference', () => {
  const takesImm = (form: InsnForm) => form.operands.includes('imm');

  it.each(ARITHMETIC.map((form) => [form.name, form] as const))('%s, edge values crossed', (_, form) => {
    const cases = EDGE_VALUES.flatMap((dst) =>
      takesImm(form)
        ? EDGE_IMMS.map((imm) => ({ dst, src: 0n, imm }))
        : EDGE_VALUES.map((src) => ({ dst, src, imm: 0 })),
    );
    expectAsReference(encodeBatch(form, cases));
  });

  it.each(ARITHMETIC.map((form) => [form.name, form] as const))('%s, random values', (_, form) => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(operandPairs, fc.integer()), { minLength: 30, maxLength: 30 }),
        (values) => {
          const cases = values.map(([[dst, src], imm]) => ({ dst, src, imm }));
          expectAsReference(encodeBatch(form, cases));
        },
      ),
      { seed: 9669, numRuns: 12 },
    );
  });

  it('the same register as both operands', () => {
    fc.assert(
      fc.property(operand, (value) => {
        for (const operator of [
          '+=',
          '-=',
          '*=',
          '/=',
          's/=',
          '%=',
          's%=',
          '|=',
          '&=',
          '^=',
          '<<=',
          '>>=',
          's>>=',
          '=',
        ]) {
          for (const name of ['r3', 'w3']) {
            const block = new Uint8Array(8);
            new DataView(block.buffer).setBigUint64(0, value, true);
            expectAsReference({
              text: `r3 = *(u64 *)(r1 +0)\n${name} ${operator} ${name}\nr0 = r3\nexit`,
              block,
            });
          }
        }
      }),
      { seed: 9669, numRuns: 10 },
    );
  });
});
