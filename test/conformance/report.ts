/** Prints the summary of a conformance run. */
import type { Floors } from './floors.ts';
import type { Comparison } from './known-failures.ts';
import { formatLine, hasFloor, isMet, type Line } from './line.ts';

export interface Outcome {
  lines: readonly Line[];
  comparisons: readonly Comparison[];
  floors: Floors;
  /** Some loads were left out: the scores are shown, but nothing is required of them. */
  partial: boolean;
  /** Every part has run. */
  complete: boolean;
}

/** Whether all requirements and floors are met and nothing fails that is not known to. */
export function report({ lines, comparisons, floors, partial, complete }: Outcome): boolean {
  for (const line of lines) {
    console.log(formatLine(partial ? unbound(line) : line, partial ? 0 : floors.of(line)));
    for (const note of line.notes ?? []) console.log(`  ${note}`);
  }
  if (partial) return true;
  for (const comparison of comparisons) reportComparison(comparison);
  for (const line of lines) {
    if (hasFloor(line) && line.good < floors.of(line)) {
      console.log(`below its floor of ${floors.of(line)}: ${line.name}`);
    }
  }
  for (const line of floors.risen(lines)) console.log(`above its floor (--update raises it): ${line.name}`);
  const orphans = complete && lines.every(hasFloor) ? floors.orphans(lines) : [];
  for (const name of orphans) console.log(`a floor without a line: ${name}`);
  const met = orphans.length === 0 && lines.every((line) => isMet(line, floors.of(line)));
  return met && comparisons.every(({ fresh, gone }) => fresh.length + gone.length === 0);
}

function unbound({ needs: _needs, ...line }: Line): Line {
  return line;
}

function reportComparison({ kind, known, fresh, gone }: Comparison): void {
  for (const failure of fresh) console.log(`new failure (${kind}): ${failure}`);
  for (const name of gone)
    console.log(`no longer fails (${kind}; --update takes it out of the list): ${name}`);
  console.log(`${kind}: ${known} known failures, ${fresh.length} new, ${gone.length} gone`);
}
