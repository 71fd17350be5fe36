/** The verifier's log. */
import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { LineList } from '../ui/line-list.tsx';
import { Pane } from '../ui/pane.tsx';
import { SearchField } from '../ui/search-field.tsx';
import { LogComparisonBar } from './log-comparison.tsx';
import { goTo, goToLogRow, report, rows, search, step, stepView, trace } from './state.ts';

export function LogPane(): JSX.Element {
  const summary = trace.value;
  const [reveal, setReveal] = useState<{ line: number }>();
  const current = stepView.value?.logRow ?? -1;
  const find = async (text: string, direction: 1 | -1) => {
    const from = reveal?.line ?? current;
    const row = await search({ listing: 'log', text, from, direction });
    if (row >= 0) setReveal({ line: row });
    return row >= 0;
  };
  const causes = useMemo(() => new Set(summary?.causeLogRows), [summary]);
  if (!summary) return <Pane title="Log">{report.value && <p class="empty">{report.value.message}</p>}</Pane>;
  const markOf = (row: number) => (row === summary.failedLogRow ? 'failed' : causes.has(row) ? 'cause' : '');
  return (
    <Pane
      title={summary.logCut ? 'Log (its end: 16 MiB are kept)' : 'Log'}
      class="log-pane"
      tools={<SearchField where="the log" search={find} />}
    >
      {summary.logRows === 0 && <p class="empty">It is refused before anything is logged.</p>}
      <LogComparisonBar reveal={(line) => setReveal({ line })} />
      <LineList
        label="Log"
        count={summary.logRows}
        selected={current}
        onSelect={(row) => void goToLogRow(row)}
        // States and source lines belong to the step of an instruction's line.
        onMove={(direction) => goTo(step.value + direction)}
        {...(reveal ? { reveal } : {})}
        className={(row) => `${markOf(row)} ${reveal?.line === row ? 'found' : ''}`}
        render={(row) => {
          const text = rows.value.log.row(row) ?? '…';
          return text === '' ? <span class="visually-hidden">empty line</span> : text;
        }}
      />
    </Pane>
  );
}
