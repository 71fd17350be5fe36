/** What the reader gets, as it grows from step to step, and what goes to trace_pipe. */
import type { JSX } from 'preact';
import { useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import { Pane } from '../../ui/pane.tsx';
import { recorded, step, timeline } from '../state.ts';

/** Bytes of a line of a dump. */
const WIDTH = 16;
/** Characters that are drawn: the end of what is longer. */
const MOST = 100_000;

export function OutputPane(): JSX.Element {
  const at = timeline.value;
  const bytes = at?.output(step.value) ?? new Uint8Array();
  const fresh = at?.written(step.value) ?? 0;
  const total = recorded.value?.output.length ?? 0;
  const trace = at?.trace(step.value) ?? '';
  const output = recorded.value?.output;
  const isText = useMemo(() => !output || textOf(output) !== undefined, [output]);
  const text = isText ? new TextDecoder() : undefined;
  const old = bytes.subarray(0, bytes.length - fresh);
  const place = useRef<HTMLPreElement>(null);
  // what is new stands at the end
  useLayoutEffect(() => {
    const box = place.current?.parentElement;
    if (box) box.scrollTop = box.scrollHeight;
  }, [bytes.length]);
  return (
    <Pane
      title="Reader's output"
      class="run-output-pane"
      tools={
        <span class="muted">
          {bytes.length.toLocaleString('en')} of {total.toLocaleString('en')} bytes
        </span>
      }
    >
      <pre id="run-output" ref={place}>
        {text ? (
          <>
            {text.decode(old).slice(-MOST)}
            {fresh > 0 && <mark>{text.decode(bytes.subarray(old.length))}</mark>}
          </>
        ) : (
          dump(bytes, old.length)
        )}
      </pre>
      {trace && (
        <>
          <h3 class="run-trace-head">trace_pipe</h3>
          <pre class="run-trace">{trace}</pre>
        </>
      )}
    </Pane>
  );
}

/** Tab, newline, carriage return and their like. */
const SPACE = new Set([9, 10, 11, 12, 13]);

/** undefined for what is no text. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return bytes.some((byte) => byte < 0x20 && !SPACE.has(byte)) ? undefined : text;
  } catch {
    return undefined;
  }
}

function dump(bytes: Uint8Array, old: number): JSX.Element[] {
  const first = Math.max(0, bytes.length - (MOST / 4 - ((MOST / 4) % WIDTH)));
  const lines: JSX.Element[] = [];
  for (let at = first - (first % WIDTH); at < bytes.length; at += WIDTH) {
    const part = bytes.subarray(at, at + WIDTH);
    const hex = [...part].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = [...part]
      .map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.'))
      .join('');
    const line = `${at.toString(16).padStart(6, '0')}  ${hex.padEnd(3 * WIDTH)} ${text}\n`;
    lines.push(at + part.length > old ? <mark key={at}>{line}</mark> : <span key={at}>{line}</span>);
  }
  return lines;
}
