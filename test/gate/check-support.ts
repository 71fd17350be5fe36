/** Checks for the tests, made up. */
import fc from 'fast-check';
import type { Check, CheckStats, VerifyResult } from '../../gate/check.ts';

const STATS: CheckStats = { insns: 10, states: 2, peakStates: 2, maxStatesPerInsn: 1, markRead: 1, stack: 8 };

export function verified(
  changes: Partial<Check> = {},
  stats: Partial<CheckStats> = {},
  verdict: VerifyResult['verdict'] = 'accepted',
): Check {
  const result: VerifyResult = {
    verdict,
    errno: verdict === 'accepted' ? 0 : 13,
    message: verdict === 'accepted' ? '' : 'why',
    insn: null,
    source: null,
    stats: verdict === 'not-loaded' ? null : { ...STATS, ...stats },
  };
  return {
    kind: 'verify',
    kernel: '6.12',
    mode: 'priv',
    variant: '',
    file: 'a.bpf.o',
    name: 'run',
    section: 'socket',
    status: 'passed',
    findings: [],
    result,
    before: null,
    cached: false,
    ...changes,
  };
}

/** Names as they should not be. */
export const nasty = fc.oneof(
  fc
    .array(fc.constantFrom('"', ',', '\n', '\r', ' ', 'a', 'é', '漢', '\u{1f600}', 'N/A', '\uFEFF'), {
      minLength: 1,
      maxLength: 6,
    })
    .map((parts) => parts.join('')),
  fc.string({ minLength: 1, maxLength: 8, unit: 'grapheme' }),
);

/** Statistics of numbers of one kind. */
export function statsOf(count: fc.Arbitrary<number>): fc.Arbitrary<CheckStats> {
  return fc.record({
    insns: count,
    states: count,
    peakStates: count,
    maxStatesPerInsn: count,
    markRead: count,
    stack: count,
  });
}

const stats = statsOf(fc.nat(0xffff_ffff));

/** Checks of different programs. */
export const checks: fc.Arbitrary<Check[]> = fc.uniqueArray(
  fc
    .record({
      file: nasty,
      name: nasty,
      kernel: nasty,
      mode: fc.constantFrom('priv' as const, 'unpriv' as const),
      variant: fc.oneof(fc.constant(''), nasty),
      stats,
      verdict: fc.constantFrom('accepted' as const, 'rejected' as const, 'not-loaded' as const),
    })
    .map(({ stats: numbers, verdict, ...names }) => verified(names, numbers, verdict)),
  {
    selector: ({ file, name, kernel, mode, variant }) => JSON.stringify([file, name, kernel, mode, variant]),
    maxLength: 8,
  },
);

/** A text with some characters replaced, inserted or removed. */
export function mutated(text: string): fc.Arbitrary<string> {
  const edit = fc.record({
    at: fc.nat(text.length),
    remove: fc.nat(3),
    insert: fc.constantFrom('', '"', ',', '\n', '\r\n', '-', '9', '99999999999999999999', 'x', 'N/A', '\0'),
  });
  return fc.array(edit, { minLength: 1, maxLength: 4 }).map((edits) => {
    let result = text;
    for (const { at, remove, insert } of edits)
      result = result.slice(0, at) + insert + result.slice(at + remove);
    return result;
  });
}
