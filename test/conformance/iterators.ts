/** The bundled iterators, and wrong variants of them, against what Linux answered. */
import { RECORDINGS, scoreIterators } from '../programs/score-iterators.ts';
import type { Context } from './context.ts';
import type { Line } from './line.ts';

/** Wrong variants of which Linux's own answer is recorded. */
const LEAST_REJECTED = 40;

export async function iterators(_: Context): Promise<Line[]> {
  const lines: Line[] = [];
  for (const name of RECORDINGS) {
    const { accepted, rejected, failures } = await scoreIterators([name]);
    const of = name === 'stock' ? '' : ', the series’ own';
    lines.push(
      { name: `iterators accepted${of}`, ...accepted, needs: accepted.total, notes: failures },
      {
        name: `wrong iterators rejected${of}`,
        ...rejected,
        needs: name === 'stock' ? Math.max(rejected.total, LEAST_REJECTED) : rejected.total,
      },
    );
  }
  return lines;
}
