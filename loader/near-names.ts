/** What somebody may have meant by a name that there is none of. */

/** Longer names are compared by their beginnings. */
const LONGEST = 64;
const MOST = 3;

/** Up to three of the names that differ in few letters, the nearest first. */
export function nearNames(name: string, names: Iterable<string>): string[] {
  const limit = Math.max(1, Math.floor(name.length / 3));
  const near: { name: string; edits: number }[] = [];
  for (const candidate of new Set(names)) {
    if (candidate === '' || Math.abs(candidate.length - name.length) > limit) continue;
    const edits = editDistance(name.slice(0, LONGEST), candidate.slice(0, LONGEST));
    if (edits <= limit) near.push({ name: candidate, edits });
  }
  near.sort((a, b) => a.edits - b.edits || (a.name < b.name ? -1 : 1));
  return near.slice(0, MOST).map((found) => found.name);
}

/** Letters to insert, remove or replace. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
}

/** For the end of a message: the near names, or the first few of what there is. */
export function whatThereIs(name: string, names: readonly string[]): string {
  const near = nearNames(name, names);
  if (near.length > 0) return `did you mean ${near.join(' or ')}?`;
  if (names.length === 0) return 'there are none';
  const shown = names.slice(0, 8).join(', ');
  return `there are ${shown}${names.length > 8 ? ` and ${names.length - 8} more` : ''}`;
}
