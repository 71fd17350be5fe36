/** What became of a log that was dropped: whether Drydock's is the same. */
import { effect, signal } from '@preact/signals';
import type { JSX } from 'preact';
import type { LogComparison } from './compare-log.ts';
import { compareLog, trace } from './state.ts';

export const otherLog = signal<{ readonly file: string; readonly text: string } | undefined>(undefined);
const comparison = signal<LogComparison | undefined>(undefined);

/** Compares with whatever program is followed. */
export function watchLog(): void {
  effect(() => {
    const other = otherLog.value;
    const of = trace.value;
    comparison.value = undefined;
    if (!other || !of) return;
    void compareLog(other.text).then((got) => {
      if (otherLog.peek() === other) comparison.value = got;
    });
  });
}

export function LogComparisonBar({ reveal }: { reveal(row: number): void }): JSX.Element | null {
  const other = otherLog.value;
  const got = comparison.value;
  if (!other || !got) return null;
  return (
    <div class={`log-comparison ${got.equal ? 'equal' : ''}`} role="status" id="log-comparison">
      {got.equal ? (
        <span>
          {other.file} is the same, all {got.same} lines (but for addresses and the time).
        </span>
      ) : (
        <>
          <span>
            {other.file} is different from line {got.same + 1} on. There:{' '}
            <code>{got.theirs || '(ends)'}</code> Here: <code>{got.ours || '(ends)'}</code>
          </span>
          <button type="button" onClick={() => reveal(got.row)}>
            Show
          </button>
        </>
      )}
      <button
        type="button"
        class="quiet"
        aria-label="Forget the other log"
        onClick={() => {
          otherLog.value = undefined;
        }}
      >
        ×
      </button>
    </div>
  );
}
