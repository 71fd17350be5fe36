/** Programs of fixed seeds against what Linux 6.12 answered to them. */
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { createVerifier } from '../../verifier/node.ts';
import { KERNEL } from './answer.ts';
import { type DifferentialScore, scoreDifferential } from './score.ts';
import { fingerprint, PROGRAMS, suite } from './suite.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

describe('the verifier against Linux on generated programs', () => {
  let score: DifferentialScore;
  beforeAll(async () => {
    score = scoreDifferential(await createVerifier(KERNEL), root);
  }, 60_000);

  it('agrees in verdict and errno on all of them', () => {
    expect(score.disagreements).toEqual([]);
    expect(score.agree).toBe(score.total);
    expect(score.total + score.detail.unanswered).toBeGreaterThanOrEqual(PROGRAMS);
  });

  it('asks about programs of both kinds', () => {
    const accepted = score.detail.accepted / score.total;
    expect(accepted).toBeGreaterThan(0.35);
    expect(accepted).toBeLessThan(0.65);
    expect(score.detail.unanswered).toBeLessThan(PROGRAMS / 100);
  });
});

describe('the generator', () => {
  it('makes the same objects each time', () => {
    const prints = () => Array.from(suite(7001, 100), ({ bytes }) => fingerprint(bytes));
    expect(prints()).toEqual(prints());
  });
});
