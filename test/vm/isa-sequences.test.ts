/**
 * Sequences that the interpreter may fuse into one operation (vm/core/fuse.ts), with registers that are the ones
 * such a sequence works on, or nearly: run at once they end as they do one instruction at a time, where nothing is
 * fused - same r0, same memory, same fault, same count - and as they do cut in two anywhere.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assemble } from '../../bpf/asm.ts';
import { expectAsReference, runProgram } from './isa-machine.ts';

/** Letters are registers, K an immediate, S a shift, and O an offset in the block; r8 points at the block. */
const SEQUENCES: readonly string[] = [
  'ra = rb; ra += rc',
  'ra = rb; ra ^= rc',
  'ra = rb; ra += K',
  'wa = wb; wa += wc',
  'ra = rb; wa &= K',
  'wa = wb; wa &= K',
  'wa = wb; wa >>= S',
  'ra = rb; ra <<= S',
  'ra = rb; ra >>= S',
  'ra = rb; ra <<= S; ra >>= S',
  'ra = rb; ra <<= 32; ra >>= 32; ra <<= S',
  'ra = rb; ra <<= S; ra ^= rc',
  'ra = rb; ra >>= S; ra ^= rc',
  'ra = rb; ra >>= S; rc <<= S; rc |= ra',
  'ra = rb; ra >>= S; rc = rd; rc <<= S; rc |= ra',
  'wa = wb; wa >>= S; wc <<= S; wc |= wa',
  'wa <<= S; wa &= K',
  'wa >>= S; wa &= K',
  'ra >>= S; ra &= K',
  'ra <<= S; ra >>= S',
  'wa *= K; wa += K',
  'ra *= K; rb += rc',
  'ra &= K; rb += ra',
  'ra += rb; rc ^= ra',
  'ra += K; rb = rc',
  'ra = rb; rc = rd',
  'wa += K; if wa < wb goto pc+1; r0 += 1',
  'wa &= K; if wa == K goto pc+1; r0 += 1',
  'wa &= K; if wa != K goto pc+1; r0 += 1',
  'if ra == K goto pc+1; goto pc+1; r0 += 1; r0 += 3',
  'ra += K; if ra == K goto pc+1; goto pc+1; r0 += 1; r0 += 3',
  'ra += K; if ra < rb goto pc+1; r0 += 1',
  'ra += K; if ra != K goto pc+1; r0 += 1',
  ...['u8', 'u16', 'u32', 'u64'].flatMap((type) => [
    `ra = O; rb = r8; rb += ra; rc = *(${type} *)(rb +0)`,
    `ra = O; ra += r8; rb = *(${type} *)(ra +1)`,
    `ra = O; rb = r8; rb += ra; *(${type} *)(rb +1) = rc`,
    `ra = r8; ra += O; *(${type} *)(ra +0) = rb`,
    `ra = r8; rb = *(${type} *)(ra +O); *(${type} *)(ra +O) = rb`,
    `rb = *(${type} *)(r8 +O); *(${type} *)(r8 +O) = rb`,
    `*(${type} *)(r8 +O) = ra; *(${type} *)(r8 +O) = rb`,
    `ra = *(${type} *)(r8 +O); if ra == K goto pc+1; r0 += 1`,
    `ra = *(${type} *)(r8 +O); if wa != K goto pc+1; r0 += 1`,
    `ra = *(${type} *)(r8 +O); wa <<= 8; rb = *(${type} *)(r8 +O); wa |= wb`,
  ]),
];

const SIZE = 64;
const block = Uint8Array.from({ length: SIZE }, (_, at) => (at * 73 + 5) & 0xff);
const IMMEDIATES = [0, 1, 2, 8, 255, -1, -8, 0x7fff_ffff, -0x8000_0000, 31, 3];

const register = fc.integer({ min: 1, max: 5 });
const sequence = fc
  .record({
    text: fc.constantFrom(...SEQUENCES),
    letters: fc.tuple(register, register, register, register),
    // Which register of the text becomes another one, if any.
    odd: fc.option(fc.tuple(fc.nat(8), register), { freq: 3, nil: undefined }),
    picks: fc.array(fc.nat(1000), { minLength: 6, maxLength: 6 }),
    /** Instructions of the sequence that are jumped over. */
    skipped: fc.option(fc.integer({ min: 1, max: 3 }), { freq: 4, nil: undefined }),
  })
  .map(({ text, letters, odd, picks, skipped }) => {
    let seen = 0;
    let picked = 0;
    const pick = () => picks[picked++ % picks.length] as number;
    const lines = text
      .replace(/\b([rw])([abcd])\b/g, (_, kind: string, letter: string) => {
        const own = letters['abcd'.indexOf(letter)];
        return kind + (odd && seen++ === odd[0] ? odd[1] : own);
      })
      .replace(/\bK\b/g, () => String(IMMEDIATES[pick() % IMMEDIATES.length]))
      .replace(/\bS\b/g, () => String(pick() % 32))
      .replace(/\bO\b/g, () => String(pick() % (SIZE - 9)))
      .split('; ');
    const skip = skipped !== undefined && skipped < lines.length ? [`goto pc+${skipped}`] : [];
    return [...skip, ...lines, ...[1, 2, 3, 4, 5].flatMap((number) => ['r0 *= 31', `r0 += r${number}`])];
  });

const program = fc.array(sequence, { minLength: 1, maxLength: 12 }).map((sequences) => {
  const setup = [1, 2, 3, 4, 5].map((number) => `r${number} = *(u64 *)(r8 +${number * 8})`);
  return ['r8 = r1', 'r0 = 0', ...setup, ...sequences.flat(), 'exit'].join('\n');
});

/** Nothing is fused in the translated tier. */
const untranslated = true;

describe('sequences of instructions', () => {
  it('end as they do one at a time', () => {
    fc.assert(
      fc.property(program, (text) => {
        const code = assemble(text);
        const whole = runProgram(code, { block, untranslated });
        expect(runProgram(code, { block, step: 1 })).toEqual(whole);
        // In the reference the block stands elsewhere.
        const pointers = / r8$/m.test(text.slice(text.indexOf('\n')));
        if (whole.finished && !pointers) expectAsReference({ program: code, block, untranslated });
      }),
      { numRuns: 3000, seed: 12 },
    );
  });

  it('can be cut in two anywhere', () => {
    fc.assert(
      fc.property(program, (text) => {
        const code = assemble(text);
        const whole = runProgram(code, { block, untranslated });
        for (const step of [2, 3, 4, 5, 7, 11]) expect(runProgram(code, { block, step })).toEqual(whole);
        const budgets = Array.from(
          { length: Math.min(whole.insns - 1, 40) },
          (_, less) => whole.insns - 1 - less,
        );
        for (const budget of budgets) {
          if (budget === 0) continue;
          expect(runProgram(code, { block, budget, untranslated })).toMatchObject({
            finished: false,
            fault: null,
            insns: budget,
          });
        }
      }),
      { numRuns: 300, seed: 21 },
    );
  });
});
