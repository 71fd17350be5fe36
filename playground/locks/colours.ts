/** Colours of locks, and the lanes in which they are drawn. */
import type { Walk, WalkRow } from './protocol.ts';

/** As many as the style sheet has. */
const COLOURS = 8;

/** Locks in the order in which they are first taken: which colour each has. */
export function locksOf({ rows }: Walk): readonly string[] {
  return [...new Set(rows.flatMap(({ held }) => held.map(({ lock }) => lock)))];
}

export function lockClass(locks: readonly string[], lock: string): string {
  const at = locks.indexOf(lock);
  return at < 0 ? 'lock-none' : `lock-${at % COLOURS}`;
}

/** By row: the locks that an actor holds, each in the lane that it was first drawn in. */
export type Lanes = readonly (readonly (string | undefined)[])[];

/** A lock that is taken is drawn in the first lane that is free. */
export function lanesOf(rows: readonly WalkRow[], id: number): Lanes {
  let lanes: (string | undefined)[] = [];
  return rows.map(({ held }) => {
    const own = held.filter(({ actor }) => actor === id).map(({ lock }) => lock);
    const kept = lanes.map((lock) => (lock !== undefined && own.includes(lock) ? lock : undefined));
    for (const lock of own) {
      if (kept.includes(lock)) continue;
      const free = kept.indexOf(undefined);
      kept[free < 0 ? kept.length : free] = lock;
    }
    lanes = kept;
    return kept;
  });
}

export function laneCount(lanes: Lanes): number {
  return Math.max(0, ...lanes.map(({ length }) => length));
}
