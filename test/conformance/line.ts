/** One line of the conformance summary: a score, and what it has to be. */

export interface Line {
  name: string;
  good: number;
  total: number;
  /** Least `good` that the project requires; absent where only the floor holds. */
  needs?: number;
  /** What a reader has to know about this line: names of cases, sizes. */
  notes?: string[];
  /** Set where floors and lists of known failures do not apply: what was scored is not quite what was recorded. */
  loose?: boolean;
  /** Why there is no score: then the counts are 0. */
  skipped?: string;
}

export function skippedLine(name: string, reason: string): Line {
  return { name, good: 0, total: 0, skipped: reason };
}

/** A line for something that must not happen: every case is named. */
export function withoutLine(name: string, total: number, bad: readonly string[], allowed = 0): Line {
  return { name, good: total - bad.length, total, needs: total - allowed, notes: [...bad] };
}

/** Smallest count that is `percent` of a total. */
export function atLeast(percent: number, total: number): number {
  return Math.ceil((percent * total) / 100);
}

/** Whether a floor can hold for a line. */
export function hasFloor(line: Line): boolean {
  return line.skipped === undefined && line.loose !== true;
}

/** "NAME  good of total  percent  (needs X)  ok|FAIL". @param floor what an earlier run reached. */
export function formatLine(line: Line, floor: number): string {
  const { name, good, total } = line;
  if (line.skipped !== undefined) return `${name}  skipped: ${line.skipped}`;
  const percent = total === 0 ? '-' : `${((100 * good) / total).toFixed(2)} %`;
  const counts = `${String(good).padStart(5)} of ${String(total).padStart(5)}  ${percent.padStart(8)}`;
  const verdict = isMet(line, floor) ? 'ok' : 'FAIL';
  const needs = line.needs ?? (hasFloor(line) ? floor : 0);
  return `${name.padEnd(44)} ${counts}  (needs ${needs})  ${verdict}`;
}

/** Whether a line is neither below its requirement nor below its floor. */
export function isMet(line: Line, floor: number): boolean {
  return line.skipped !== undefined || line.good >= Math.max(line.needs ?? 0, hasFloor(line) ? floor : 0);
}
