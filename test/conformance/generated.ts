/** 2,000 generated programs against what Linux answered to them. */
import { createVerifier } from '../../verifier/node.ts';
import { ASPECTS, scoreDifferential } from '../differential/score.ts';
import type { Context } from './context.ts';
import type { Line } from './line.ts';

const KERNEL = '6.12';
const NAMED = 20;

export async function generated({ root }: Context): Promise<Line[]> {
  const { detail, disagreements } = scoreDifferential(await createVerifier(KERNEL, true), root);
  return ASPECTS.map((aspect) => ({
    name: `generated programs, ${aspect}`,
    good: detail.agree[aspect],
    total: detail.total,
    ...(aspect === 'verdict' ? { needs: detail.total, notes: disagreements.slice(0, NAMED) } : {}),
  }));
}
