/** Jumps of RFC 9669 section 4.3 in the interpreter, Linux's may_goto, and the instruction budget. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FORMS, type InsnForm } from '../../bpf/opcodes.ts';
import { expectAsReference, runText } from './isa-machine.ts';
import { EDGE_IMMS, EDGE_VALUES, encodeBatch, operandPairs } from './isa-values.ts';

/** [condition on r3 and r4, r3, r4, whether it holds] */
type Vector = [condition: string, dst: bigint, src: bigint, taken: boolean];

const ONES = 0xffff_ffff_ffff_ffffn;
const MIN64 = 0x8000_0000_0000_0000n;
const MAX64 = 0x7fff_ffff_ffff_ffffn;

describe('conditional jumps', () => {
  const vectors: Vector[] = [
    ['r3 == r4', ONES, ONES, true],
    ['r3 == -1', ONES, 0n, true],
    ['r3 == -1', 0xffff_ffffn, 0n, false],
    ['w3 == -1', 0xffff_ffffn, 0n, true],
    ['w3 == w4', 0x1_0000_0005n, 5n, true],
    ['r3 == r4', 0x1_0000_0005n, 5n, false],
    ['r3 != r4', 1n, 1n, false],
    ['w3 != w4', 0x1_0000_0000n, 0n, false],
    ['r3 > r4', ONES, 0n, true],
    ['r3 s> r4', ONES, 0n, false],
    ['r3 > r4', MIN64, MAX64, true],
    ['r3 s> r4', MIN64, MAX64, false],
    ['r3 > r4', 5n, 5n, false],
    ['r3 >= r4', 5n, 5n, true],
    ['r3 > -2', ONES, 0n, true],
    ['r3 > -1', ONES, 0n, false],
    ['r3 s> -1', 0n, 0n, true],
    ['w3 > w4', 0x1_0000_0000n, 0xffff_ffffn, false],
    ['w3 s> w4', 0x7fff_ffffn, 0x8000_0000n, true],
    ['w3 s> -1', 0xffff_ffffn, 0n, false],
    ['w3 s> 0', 0x8000_0000n, 0n, false],
    ['r3 s> 0', 0x8000_0000n, 0n, true],
    ['r3 >= r4', 0n, ONES, false],
    ['r3 s>= r4', 0n, ONES, true],
    ['w3 s>= w4', 0x8000_0000n, 0x7fff_ffffn, false],
    ['r3 < r4', 0n, ONES, true],
    ['r3 s< r4', 0n, ONES, false],
    ['r3 < -2147483648', 0n, 0n, true],
    ['r3 s< -2147483648', MIN64, 0n, true],
    ['w3 s< -2147483648', 0x8000_0000n, 0n, false],
    ['r3 <= r4', MAX64, MIN64, true],
    ['r3 s<= r4', MAX64, MIN64, false],
    ['w3 <= w4', ONES, 0xffff_ffffn, true],
    ['w3 s<= w4', 0xffff_ffffn, 0n, true],
    ['r3 & r4', MIN64, MIN64, true],
    ['r3 & r4', MIN64, MAX64, false],
    ['r3 & -2147483648', MIN64, 0n, true],
    ['w3 & w4', 0x1_0000_0000n, 0x1_0000_0000n, false],
    ['w3 & 1', 3n, 0n, true],
  ];

  it.each(vectors)('%s with %x, %x: %s', (condition, dst, src, taken) => {
    const { r0 } = runText(`
      r3 = 0x${dst.toString(16)} ll
      r4 = 0x${src.toString(16)} ll
      if ${condition} goto yes
      r0 = 0
      exit
      yes: r0 = 1
      exit`);
    expect(r0).toBe(taken ? 1n : 0n);
  });

  it('a relation with itself', () => {
    for (const operator of ['==', '>=', '<=', 's>=', 's<=', '!=', '>', '<', 's>', 's<']) {
      const { r0 } = runText(`r3 = -7\nr0 = 1\nif r3 ${operator} r3 goto end\nr0 = 0\nend: exit`);
      expect(r0, operator).toBe(operator.includes('=') && operator !== '!=' ? 1n : 0n);
    }
  });
});

const CONDITIONAL = FORMS.filter(({ pattern }) => pattern.startsWith('if '));

describe('every conditional form agrees with the reference', () => {
  it.each(CONDITIONAL.map((form) => [form.name, form] as const))('%s, edge values crossed', (_, form) => {
    const byImm = form.operands.includes('hex');
    const cases = EDGE_VALUES.flatMap((dst) =>
      byImm
        ? EDGE_IMMS.map((imm) => ({ dst, src: 0n, imm }))
        : EDGE_VALUES.map((src) => ({ dst, src, imm: 0 })),
    );
    expectAsReference(encodeBatch(form, cases));
  });

  it.each(CONDITIONAL.map((form) => [form.name, form] as const))('%s, random values', (_, form: InsnForm) => {
    const value = fc.tuple(operandPairs, fc.integer());
    fc.assert(
      fc.property(fc.array(value, { minLength: 30, maxLength: 30 }), (values) => {
        expectAsReference(
          encodeBatch(
            form,
            values.map(([[dst, src], imm]) => ({ dst, src, imm })),
          ),
        );
      }),
      { seed: 9669, numRuns: 8 },
    );
  });
});

describe('unconditional jumps', () => {
  it('goto and gotol jump both ways', () => {
    for (const jump of ['goto', 'gotol']) {
      const { r0 } = runText(`
        r0 = 1
        ${jump} forward
        r0 = 100
        back: r0 += 10
        exit
        forward: r0 += 2
        ${jump} back`);
      expect(r0).toBe(13n);
    }
  });

  it('gotol reaches farther than a 16-bit offset', () => {
    const { r0 } = runText(`gotol end\n${'r0 = 1\n'.repeat(40_000)}end: r0 = 7\nexit`);
    expect(r0).toBe(7n);
  });

  it('goto pc+0 goes on with the next instruction', () => {
    expect(runText('r0 = 3\ngoto pc+0\ngotol pc+0\nexit').r0).toBe(3n);
  });

  it('a jump over a ld_imm64 counts both of its slots', () => {
    expect(runText('r0 = 1\ngoto pc+2\nr0 = 2 ll\nexit').r0).toBe(1n);
  });

  it('loops: sums 1..1000', () => {
    const { r0 } = runText('r0 = 0\nr3 = 1000\nagain: r0 += r3\nr3 += -1\nif r3 != 0 goto again\nexit');
    expect(r0).toBe(500_500n);
  });
});

describe('may_goto', () => {
  it('falls through at first', () => {
    expect(runText('r0 = 1\nmay_goto end\nr0 = 2\nend: exit').r0).toBe(2n);
  });

  it('ends a loop that has no other end, after 8 Mi iterations', () => {
    const run = runText('r0 = 0\nagain: may_goto end\nr0 += 1\ngoto again\nend: exit');
    expect(run.r0).toBe(8n * 1024n * 1024n);
  });
});

describe('budget', () => {
  const endless = 'r0 = 0\nagain: r0 += 1\ngoto again';

  it('stops an endless program', () => {
    const run = runText(endless, { budget: 100_001 });
    expect(run.finished).toBe(false);
    expect(run.insns).toBe(100_001);
  });

  it('counts instructions, ld_imm64 once', () => {
    expect(runText('r0 = 1 ll\nr0 += 1\ngoto pc+0\nexit').insns).toBe(4);
  });

  it('is enough when it equals the length of the run', () => {
    const program = 'r0 = 1\nr0 += 1\nexit';
    expect(runText(program, { budget: 3 })).toMatchObject({ finished: true, r0: 2n });
    expect(runText(program, { budget: 2 })).toMatchObject({ finished: false, insns: 2 });
  });
});
