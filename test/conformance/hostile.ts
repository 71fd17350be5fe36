/** Damaged load requests, tables and types end in a verdict or in an error that says what is wrong. */
import { scoreHostile } from '../verifier/hostile-score.ts';
import type { Context } from './context.ts';
import type { Line } from './line.ts';

export async function hostile(_: Context): Promise<Line[]> {
  const { good, total, failures } = await scoreHostile();
  return [{ name: 'hostile input ends as it must', good, total, needs: total, notes: failures }];
}
