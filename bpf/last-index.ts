/**
 * Where something ends that holds for the first indices and not for the others.
 * @returns the last index below `count` for which it holds, -1 for none.
 */
export function lastIndex(count: number, holds: (index: number) => boolean): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
