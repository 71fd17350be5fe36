/** The restore: its system calls, and what has become of each item of the inventory. */
import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import { LineList } from '../ui/line-list.tsx';
import { Pane } from '../ui/pane.tsx';
import { ItemsPane } from './items-pane.tsx';
import type { Call, Trip } from './protocol.ts';

export function RestoreStep({ trip }: { trip: Trip }): JSX.Element {
  const { restored } = trip;
  return (
    <div class="restore">
      <ItemsPane trip={trip} />
      {restored && <CallsPane calls={restored.calls} />}
    </div>
  );
}

type Line = { readonly heading: string } | { readonly call: Call };

function CallsPane({ calls }: { calls: readonly Call[] }): JSX.Element {
  const lines = useMemo(() => linesOf(calls), [calls]);
  return (
    <Pane title={`${calls.length} system calls`} class="calls">
      <LineList
        label="System calls of the restore"
        count={lines.length}
        render={(index) => lineText(lines[index])}
        className={(index) => (lines[index] && 'heading' in lines[index] ? 'call-heading' : '')}
      />
    </Pane>
  );
}

/** Calls under headings that say what they are for. */
function linesOf(calls: readonly Call[]): Line[] {
  return calls.flatMap((call, i): Line[] =>
    call.node === calls[i - 1]?.node ? [{ call }] : [{ heading: call.node }, { call }],
  );
}

function lineText(line: Line | undefined): JSX.Element | string {
  if (!line) return '';
  if ('heading' in line) return line.heading;
  const { tid, text, result } = line.call;
  return (
    <>
      <span class="call-task">{String(tid).padStart(8)}</span> {text} = <b>{result}</b>
    </>
  );
}
