/** The C source, as far as it is known, beside the instructions that it became. */
import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { LineList } from '../ui/line-list.tsx';
import { Pane } from '../ui/pane.tsx';
import { SearchField } from '../ui/search-field.tsx';
import type { TraceSummary } from './protocol.ts';
import { goToInsn, report, rows, search, stepView, trace } from './state.ts';

export function SourcePane(): JSX.Element {
  const summary = trace.value;
  const [reveal, setReveal] = useState<{ line: number }>();
  const slotOfRow = useMemo(() => firstSlots(summary), [summary]);
  const causes = useMemo(() => {
    const of = summary?.sourceOfSlot;
    return new Set(report.value?.diagnosis?.history.map(({ insn }) => of?.[insn] ?? -1));
  }, [summary]);
  if (!summary || summary.sourceRows === 0) {
    return (
      <Pane title="Source" class="source-pane">
        <p class="empty">{summary ? 'The object has no line information (clang -g writes it).' : ''}</p>
      </Pane>
    );
  }
  const current = summary.sourceOfSlot[stepView.value?.insn ?? -1] ?? -1;
  const failed = summary.sourceOfSlot[report.value?.diagnosis?.insn ?? -1] ?? -1;
  const find = async (text: string, direction: 1 | -1) => {
    const from = reveal?.line ?? current;
    const row = await search({ listing: 'source', text, from, direction });
    if (row >= 0) setReveal({ line: row });
    return row >= 0;
  };
  return (
    <Pane
      title={`Source: ${summary.sourceFile}`}
      class="source-pane"
      tools={<SearchField where="the source" search={find} />}
    >
      <LineList
        label="Source"
        count={summary.sourceRows}
        selected={current}
        {...(reveal ? { reveal } : {})}
        onSelect={(row) => {
          const slot = slotOfRow.get(row);
          if (slot !== undefined) void goToInsn(slot);
        }}
        onMove={(direction) => {
          const row = reachedBeside(summary, slotOfRow, current, direction);
          if (row !== undefined) void goToInsn(slotOfRow.get(row) as number, direction);
        }}
        className={(row) =>
          [
            slotOfRow.has(row) ? 'has-code' : 'no-code',
            causes.has(row) ? 'cause' : '',
            row === failed ? 'failed' : '',
            reveal?.line === row ? 'found' : '',
          ].join(' ')
        }
        render={(row) => (
          <>
            <span class="slot">{summary.sourceLines[row] || ''}</span>
            {rows.value.source.row(row)?.replaceAll('\t', '    ') ?? '…'}
          </>
        )}
      />
    </Pane>
  );
}

/** First instruction of each source row; where there is one, the first that the verifier was at. */
function firstSlots(summary: TraceSummary | undefined): Map<number, number> {
  const first = new Map<number, number>();
  const reached = (slot: number | undefined) => slot !== undefined && (summary?.heat.visits[slot] ?? 0) > 0;
  summary?.sourceOfSlot.forEach((row, slot) => {
    const known = first.get(row);
    if (row >= 0 && (known === undefined || (!reached(known) && reached(slot)))) first.set(row, slot);
  });
  return first;
}

/** The next row that the verifier was at. */
function reachedBeside(
  { heat: { visits } }: TraceSummary,
  slotOfRow: ReadonlyMap<number, number>,
  row: number,
  direction: 1 | -1,
): number | undefined {
  return [...slotOfRow]
    .filter(([each, slot]) => (each - row) * direction > 0 && (visits[slot] ?? 0) > 0)
    .map(([each]) => each)
    .sort((a, b) => (a - b) * direction)[0];
}
