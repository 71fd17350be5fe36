/** A log of a real kernel, line by line beside Drydock's. */

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

/** What differs from boot to boot: addresses of maps, and the time it took. */
function normal(line: string): string {
  return line
    .trimEnd()
    .replace(/0xffff[0-9a-f]{12}/g, '0xADDRESS')
    .replace(/^verification time \d+ usec/, 'verification time');
}

/** @param ours line by number, '' behind the last. */
export function compareLog(ours: (row: number) => string, length: number, theirs: string): LogComparison {
  const lines = theirs.split('\n').map((line) => line.trimEnd());
  while (lines.at(-1) === '') lines.pop();
  const rows = Math.max(length, lines.length);
  for (let row = 0; row < rows; row++) {
    const [own, other] = [row < length ? ours(row) : '', lines[row] ?? ''];
    if (normal(own) !== normal(other))
      return { same: row, equal: false, ours: own, theirs: other, row: Math.min(row, length - 1) };
  }
  return { same: rows, equal: true, ours: '', theirs: '', row: -1 };
}
