/** What a verifier certainly comes to, on small programs whose answers are plain. */
import { describe, expect, it } from 'vitest';
import { assemble } from '../../bpf/asm.ts';
import { Insns } from '../../loader/insns.ts';
import { certainSlots } from '../../portability/certainty.ts';
import { Budget } from '../../portability/function-flow.ts';
import type { Value } from '../../portability/values.ts';

/** Slots that are certain. @param answers what instructions load that ask something. */
function certain(text: string, answers: { readonly [slot: number]: Value } = {}): number[] {
  const insns = new Insns(assemble(text));
  const parts = [{ start: 0, end: insns.count, isGlobal: true }];
  const marks = certainSlots({ insns, parts, loaded: (slot) => answers[slot] }, new Budget(10_000));
  return [...marks.entries()].filter(([, mark]) => mark === 1).map(([slot]) => slot);
}

describe('certainty', () => {
  it('both sides of a branch on what differs from run to run are come to', () => {
    expect(certain('r0 = 0\nif r1 == 0 goto end\ncall 5\nend: exit')).toEqual([0, 1, 2, 3]);
  });

  it('neither side of a branch on an answer is, and what follows is', () => {
    const program = 'r2 = 1\nif r2 == 0 goto other\ncall 5\ngoto end\nother: call 6\nend: r0 = 0\nexit';
    expect(certain(program, { 0: 'known' })).toEqual([0, 1, 5, 6]);
  });

  it('an answer stays one through arithmetic, the stack and other registers', () => {
    const program = `
      r2 = 1
      r2 += 4
      *(u64 *)(r10 -8) = r2
      call 5
      r3 = *(u64 *)(r10 -8)
      if r3 > 4 goto end
      call 6
      end: r0 = 0
      exit`;
    expect(certain(program, { 0: 'known' })).toEqual([0, 1, 2, 3, 4, 5, 7, 8]);
  });

  it('what is read from data that never changes is an answer', () => {
    const program = 'r2 = 1 ll\nr3 = *(u32 *)(r2 +0)\nif r3 == 0 goto end\ncall 5\nend: r0 = 0\nexit';
    expect(certain(program, { 0: 'data' })).toEqual([0, 1, 2, 3, 5, 6]);
    expect(certain(program, { 0: 'any' })).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it('of a branch on constants one side is followed', () => {
    expect(certain('r2 = 3\nif r2 > 2 goto end\ncall 5\nend: r0 = 0\nexit')).toEqual([0, 1, 3, 4]);
  });

  it('the body of a counted loop is come to, and what follows it', () => {
    const program = 'r2 = 0\nagain: r2 += 1\nif r2 < 10 goto again\ncall 5\nr0 = 0\nexit';
    expect(certain(program)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('an answer that ends the program on one side leaves the other to chance', () => {
    const program = 'r2 = 1\nif r2 != 0 goto go_on\nr0 = 0\nexit\ngo_on: call 5\nr0 = 0\nexit';
    expect(certain(program, { 0: 'known' })).toEqual([0, 1]);
  });

  it('nothing is certain when there is no budget', () => {
    const insns = new Insns(assemble('r0 = 0\nexit'));
    const code = { insns, parts: [{ start: 0, end: insns.count, isGlobal: true }], loaded: () => undefined };
    expect([...certainSlots(code, new Budget(1))]).toEqual([0, 0]);
  });
});
