/** A log of a real kernel, line by line beside Drydock's. */
import { withoutBootFacts } from '../../verifier/log-text.ts';

export interface LogComparison {
  /** Lines that are the same before the first that is not; all of them when the logs are equal. */
  readonly same: number;
  readonly equal: boolean;
  /** The first line that is different, in both; empty where one has ended. */
  readonly ours: string;
  readonly theirs: string;
  /** Row of Drydock's log, -1 when they are equal. */
  readonly row: number;
}

/** A log by its lines. */
export interface LogLines {
  readonly length: number;
  line(row: number): string;
}

/** @param insns what both logs are of. */
export function compareLog(insns: Uint8Array, ours: LogLines, theirs: string): LogComparison {
  const lines = theirs.split('\n').map((line) => line.trimEnd());
  while (lines.at(-1) === '') lines.pop();
  const { length } = ours;
  const rows = Math.max(length, lines.length);
  for (let row = 0; row < rows; row++) {
    const [own, other] = [row < length ? ours.line(row).trimEnd() : '', lines[row] ?? ''];
    if (withoutBootFacts(insns, own) !== withoutBootFacts(insns, other))
      return { same: row, equal: false, ours: own, theirs: other, row: Math.min(row, length - 1) };
  }
  return { same: rows, equal: true, ours: '', theirs: '', row: -1 };
}
