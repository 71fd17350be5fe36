/** The disassembly: where the verifier is, how often it was there, and what led to a rejection. */
import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { LineList } from '../ui/line-list.tsx';
import { Pane } from '../ui/pane.tsx';
import { SearchField } from '../ui/search-field.tsx';
import type { TraceSummary } from './protocol.ts';
import { goToInsn, report, rows, search, stepView, trace } from './state.ts';

export function InsnPane(): JSX.Element {
  const summary = trace.value;
  const [reveal, setReveal] = useState<{ line: number }>();
  if (!summary)
    return <Pane title="Instructions">{report.value ? null : <p class="empty">no program</p>}</Pane>;
  const here = stepView.value?.insn ?? -1;
  const current = summary.rowOfSlot[here] ?? -1;
  const find = async (text: string, direction: 1 | -1) => {
    const from = reveal?.line ?? current;
    const row = await search({ listing: 'insns', text, from, direction });
    if (row >= 0) setReveal({ line: row });
    return row >= 0;
  };
  return (
    <Pane
      title="Instructions"
      class="insn-pane"
      tools={<SearchField where="the instructions" search={find} />}
    >
      <Rows summary={summary} current={current} reveal={reveal} />
    </Pane>
  );
}

function Rows(props: {
  summary: TraceSummary;
  current: number;
  reveal: { line: number } | undefined;
}): JSX.Element {
  const { summary, current, reveal } = props;
  const marks = useMemo(() => causeRows(summary), [summary]);
  const precise = new Map(stepView.value?.precise.map(({ insn, registers }) => [insn, registers.join(' ')]));
  const { insns } = rows.value;
  const select = (row: number) => {
    const slot = insns.row(row)?.slot;
    if (slot !== undefined) void goToInsn(slot);
  };
  return (
    <LineList
      label="Instructions"
      count={summary.insnRows}
      selected={current}
      onSelect={select}
      onMove={(direction) => {
        const slot = reachedBeside(summary, current, direction);
        if (slot >= 0) void goToInsn(slot, direction);
      }}
      {...(reveal ? { reveal } : {})}
      className={(row) => `${marks.get(row) ?? ''} ${reveal?.line === row ? 'found' : ''}`}
      render={(row) => {
        const content = insns.row(row);
        if (!content) return '…';
        if (content.kind === 'function') return <span class="function-name">{content.text}:</span>;
        if (content.kind === 'source') return <span class="source-text">; {content.text}</span>;
        return (
          <Insn
            slot={content.slot}
            text={content.text}
            precise={precise.get(content.slot)}
            summary={summary}
          />
        );
      }}
    />
  );
}

/** The next instruction in the list that the verifier was at; -1 for none. */
function reachedBeside(
  { rowOfSlot, heat: { visits } }: TraceSummary,
  row: number,
  direction: 1 | -1,
): number {
  const first = direction === 1 ? 0 : rowOfSlot.length - 1;
  for (let slot = first; slot >= 0 && slot < rowOfSlot.length; slot += direction) {
    if (((rowOfSlot[slot] as number) - row) * direction > 0 && (visits[slot] ?? 0) > 0) return slot;
  }
  return -1;
}

function Insn(props: {
  slot: number;
  text: string;
  precise: string | undefined;
  summary: TraceSummary;
}): JSX.Element {
  const { slot, text, precise, summary } = props;
  const { visits, states, prunes } = summary.heat;
  const seen = visits[slot] ?? 0;
  const kept = states[slot] ?? 0;
  const pruned = prunes[slot] ?? 0;
  const told = `processed ${seen} times, ${kept} states kept, ${pruned} paths ended here`;
  return (
    <>
      <span class="heat" title={told} style={{ '--heat': heatOf(seen) }} />
      <span class={`kept ${kept > 0 ? 'some' : ''}`} title={told}>
        {kept > 0 ? '◆' : ''}
      </span>
      <span class="slot">{slot}</span>
      <span class={seen === 0 ? 'never' : ''}>{text}</span>
      {precise && (
        <span class="badge precise" title="The exact values of these are needed here">
          needs {precise}
        </span>
      )}
    </>
  );
}

/** 0 for never, 1 for a thousand times and more; each tenfold is a third. */
function heatOf(visits: number): number {
  return visits === 0 ? 0 : Math.min(1, 0.15 + Math.log10(visits) / 3.5);
}

/** Rows of the instructions that a rejection comes from: the last one is where it was noticed. */
function causeRows(summary: TraceSummary): Map<number, string> {
  const marks = new Map<number, string>();
  const diagnosis = report.value?.diagnosis;
  if (!diagnosis) return marks;
  const mark = (insn: number, name: string) => {
    const row = summary.rowOfSlot[insn];
    if (row !== undefined && row >= 0) marks.set(row, name);
  };
  for (const { insn } of diagnosis.history) mark(insn, 'cause');
  mark(diagnosis.insn, 'failed');
  return marks;
}
