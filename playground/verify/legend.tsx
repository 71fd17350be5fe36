/** What the signs and colours of the view mean, and its keys. */
import type { ComponentChildren, JSX } from 'preact';

const SIGNS: readonly (readonly [sign: JSX.Element, about: string])[] = [
  [
    <>
      <span class="heat" style={{ '--heat': 0.15 }} />
      <span class="heat" style={{ '--heat': 0.6 }} />
      <span class="heat" style={{ '--heat': 1 }} />
    </>,
    'how often the instruction was processed: once, some twenty times, hundreds of times and more; grey for never',
  ],
  [<span class="kept">◆</span>, 'states were kept here, to cover later paths that come by'],
  [
    <span class="badge precise">needs R1</span>,
    'exact values that this step made necessary at earlier instructions',
  ],
  [<span class="sample line selected">line</span>, 'where you are: the instruction that comes next'],
  [<span class="sample line cause">line</span>, 'it gave the value that the program is rejected for'],
  [<span class="sample line failed">line</span>, 'here it is rejected'],
  [<span class="sample line ancestor">line</span>, 'paths on which the one that is shown began'],
  [<span class="sample line changed">R1</span>, 'changed by the step before'],
];

const STACK: readonly (readonly [sign: string, about: string])[] = [
  ['r', 'part of a saved register'],
  ['m', 'some value'],
  ['0', 'zero'],
  ['d, i', 'part of a dynptr, of an iterator'],
  ['?', 'never written'],
];

const KEYS: readonly (readonly [keys: string, about: string])[] = [
  ['← →', 'one step back or on'],
  ['↑ ↓', 'in a list: the line before or behind'],
  ['Enter', 'in a search field: the next place; with Shift the one before'],
  ['Esc', 'closes this'],
];

export function Legend(): JSX.Element {
  return (
    <details
      class="signs"
      onKeyDown={({ key, currentTarget }) => {
        if (key !== 'Escape') return;
        currentTarget.open = false;
        currentTarget.querySelector('summary')?.focus();
      }}
    >
      <summary>What is what</summary>
      <div class="signs-body">
        <h2>Signs</h2>
        <List rows={SIGNS} />
        <h2>Bytes of the stack</h2>
        <List rows={STACK.map(([sign, about]) => [<code>{sign}</code>, about])} />
        <h2>Keys</h2>
        <List rows={KEYS.map(([keys, about]) => [<kbd>{keys}</kbd>, about])} />
      </div>
    </details>
  );
}

function List({
  rows,
}: {
  rows: readonly (readonly [sign: ComponentChildren, about: string])[];
}): JSX.Element {
  return (
    <dl>
      {rows.map(([sign, about]) => (
        <div key={about}>
          <dt>{sign}</dt>
          <dd>{about}</dd>
        </div>
      ))}
    </dl>
  );
}
