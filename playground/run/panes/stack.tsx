/** Frames, and the words of one frame's stack. */
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { FrameView } from '../../../session/debugger/inspect.ts';
import { inspection } from '../state.ts';

/** Words that are shown however little of the stack is in use. */
const LEAST = 4;

export function Stack(): JSX.Element {
  const frames = inspection.value?.frames ?? [];
  const [chosen, choose] = useState<number | undefined>(undefined);
  const index = chosen !== undefined && chosen < frames.length ? chosen : frames.length - 1;
  const frame = frames[index];
  return (
    <div class="run-stack">
      <ol class="run-frames" aria-label="Call frames">
        {frames.map(({ name, slot, calledBy }, at) => (
          <li key={at}>
            <button type="button" class="quiet mono" aria-pressed={at === index} onClick={() => choose(at)}>
              {at} {name} at {slot}
              {calledBy && `, called by ${calledBy}`}
            </button>
          </li>
        ))}
      </ol>
      {frame && <Words of={frame} />}
    </div>
  );
}

function Words({ of }: { of: FrameView }): JSX.Element {
  const view = new DataView(of.stack.buffer, of.stack.byteOffset, of.stack.byteLength);
  const names = new Map(of.words.map(({ below, text }) => [below, text]));
  const count = Math.max(LEAST, used(of.stack));
  return (
    <table class="run-table mono" aria-label={`Stack of ${of.name}`}>
      <tbody>
        {Array.from({ length: count }, (_, index) => {
          const below = 8 * (index + 1);
          const at = of.stack.length - below;
          const value = view.getBigUint64(at, true);
          return (
            <tr key={below} class={value === 0n ? 'zero' : ''}>
              <th scope="row">fp-{below}</th>
              <td class="run-value">0x{value.toString(16)}</td>
              <td class="run-meaning">{names.get(below) ?? characters(of.stack.subarray(at, at + 8))}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

/** Words from the frame's top down to the last one that is not zero. */
function used(stack: Uint8Array): number {
  const first = stack.findIndex((byte) => byte !== 0);
  return first < 0 ? 0 : Math.ceil((stack.length - first) / 8);
}

function characters(bytes: Uint8Array): string {
  const text = [...bytes]
    .map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.'))
    .join('');
  return /[^.]{2}/.test(text) ? `"${text}"` : '';
}
