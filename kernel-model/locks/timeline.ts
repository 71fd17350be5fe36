/** A trace as people draw it: a column for each actor, time going down. */
import type { FindingReport, TraceStep } from './report.ts';

const GAP = 4;

/** @param actors in the order of their columns; those without a step have none. */
export function timeline(finding: FindingReport, actors: readonly string[]): string {
  const blocked = finding.waits
    .filter(({ text }) => text !== '')
    .map(({ actor, text }) => ({ actor, text: `${text}   <waits>` }));
  const rows = [...finding.trace, ...blocked];
  const columns = layOut([...rows, ...finding.round], actors);
  const lines = [
    row(columns, (name) => name),
    row(columns, (name) => '-'.repeat(name.length)),
    ...rows.map((step) => drawStep(columns, step)),
  ];
  if (finding.round.length > 0) {
    lines.push('', 'and then for ever:', '', ...finding.round.map((step) => drawStep(columns, step)));
  }
  const reasons = finding.waits.map(({ reason }) => reason);
  if (reasons.length > 0) lines.push('', ...reasons);
  return lines.join('\n');
}

interface Column {
  readonly name: string;
  readonly width: number;
}

function layOut(rows: readonly TraceStep[], actors: readonly string[]): Column[] {
  return actors.flatMap((name) => {
    const texts = rows.filter(({ actor }) => actor === name).map(({ text }) => text);
    return texts.length === 0 ? [] : [{ name, width: Math.max(...[name, ...texts].map((t) => t.length)) }];
  });
}

function drawStep(columns: readonly Column[], { actor, text }: TraceStep): string {
  return row(columns, (name) => (name === actor ? text : ''));
}

function row(columns: readonly Column[], cell: (name: string) => string): string {
  return columns
    .map(({ name, width }) => cell(name).padEnd(width + GAP))
    .join('')
    .trimEnd();
}
