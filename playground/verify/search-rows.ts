/** Looks through rows, from one on and round the end. */

/** @returns the row, -1 for none. */
export function searchRows(
  count: number,
  textOf: (row: number) => string,
  { text, from, direction }: { text: string; from: number; direction: 1 | -1 },
): number {
  const wanted = text.toLowerCase();
  if (wanted === '') return -1;
  // Backwards from no row is from behind the last.
  const start = from < 0 && direction < 0 ? 0 : from;
  for (let i = 1; i <= count; i++) {
    const row = (((start + i * direction) % count) + count) % count;
    if (textOf(row).toLowerCase().includes(wanted)) return row;
  }
  return -1;
}
