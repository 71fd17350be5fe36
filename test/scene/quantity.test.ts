import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evaluate, expand, QuantityError } from '../../kernel-model/scene/quantity.ts';

const names = (name: string) => ({ i: 5n, data: 0x7f0000000000n })[name];

describe('quantities', () => {
  it.each([
    ['0', 0n],
    ['4K', 4096n],
    ['2M', 2097152n],
    ['0x7f00_0000_0000', 0x7f0000000000n],
    ['0x10K', 16384n],
    ['data + 8K', 0x7f0000002000n],
    ['4K * (i % 4 + 1)', 8192n],
    ['128 << i', 4096n],
    ['1 + 2 * 3', 7n],
    ['10 - 4 - 3', 3n],
    ['1 << 2 + 1', 8n],
    ['-1', -1n],
    ['7 / 2', 3n],
  ])('%s', (text, value) => {
    expect(evaluate(text, names)).toBe(value);
  });

  it.each([
    ['', 'a number is missing'],
    ['4 K', 'nothing is called "K"'],
    ['12abc', '"12abc" is not a number'],
    ['(1', '")" is missing'],
    ['1 2', 'unexpected "2"'],
    ['1 +', 'a number is missing'],
    ['nobody', 'nothing is called "nobody"'],
    ['1 / 0', 'division by zero'],
    ['1 % (i - 5)', 'division by zero'],
    ['1 << 65', 'cannot shift by 65'],
    ['0xffffffffffffffff * 0xffffffffffffffff', 'the value is too large'],
    ['1'.repeat(300), 'longer than 256 characters'],
  ])('refuses "%s"', (text, reason) => {
    expect(() => evaluate(text, names)).toThrow(new QuantityError(reason));
  });

  it('puts values into text', () => {
    expect(expand('/srv/{i}-{i * 2}/{{x}', names)).toBe('/srv/5-10/{x}');
  });

  it('gives a value or says why not, for any text', () => {
    const piece = fc.constantFrom('1', '4K', '(', ')', '+', '*', '<<', '-', 'i', ' ', '%', '0x', 'G', '$');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        try {
          expect(typeof evaluate(pieces.join(''), names)).toBe('bigint');
        } catch (error) {
          expect(error).toBeInstanceOf(QuantityError);
        }
      }),
      { seed: 1, numRuns: 2000 },
    );
  });
});
