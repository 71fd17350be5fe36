/** The three steps of a round trip, one behind the other: each can be looked into. */
import type { JSX } from 'preact';
import type { Stage, Trip } from './protocol.ts';
import { STEPS, type Step, step, trip, underWay } from './state.ts';
import { sizeText } from './words.ts';

const TITLES: { readonly [Name in Step]: string } = { dump: 'Dump', images: 'Images', restore: 'Restore' };
const HINTS: { readonly [Name in Step]: string } = {
  dump: 'what BPF iterators see of the tasks',
  images: 'CRIU’s files, and those of the rings',
  restore: 'system calls, and both worlds compared',
};
const ORDER: readonly Stage[] = ['build', 'dump', 'images', 'restore'];

export function Flow(): JSX.Element {
  return (
    <ol class="flow">
      {STEPS.map((name, index) => (
        <li key={name}>
          <FlowStep name={name} index={index} />
        </li>
      ))}
    </ol>
  );
}

function FlowStep({ name, index }: { name: Step; index: number }): JSX.Element {
  const made = trip.value;
  const at = underWay.value;
  const isReached = made !== undefined && reached(name, made);
  const isUnderWay = at === name || (at === 'build' && name === 'dump');
  const isPast = at !== undefined && ORDER.indexOf(at) > ORDER.indexOf(name);
  const time = made?.times[name];
  return (
    <button
      type="button"
      class={`flow-step ${isUnderWay ? 'under-way' : ''} ${isPast ? 'past' : ''}`}
      aria-pressed={isReached && step.value === name}
      {...(made ? { 'aria-controls': 'checkpoint-detail' } : {})}
      disabled={!isReached}
      onClick={() => {
        step.value = name;
      }}
    >
      <span class="flow-title">
        <span class="flow-number" aria-hidden="true">
          {index + 1}
        </span>
        {TITLES[name]}
        {time !== undefined && <span class="flow-time">{Math.round(time)} ms</span>}
      </span>
      <span class="flow-text">{made ? textOf(name, made) : HINTS[name]}</span>
    </button>
  );
}

/** A restore that fails can be looked into, too: what it comes to for each item. */
function reached(name: Step, { images }: Trip): boolean {
  return name === 'dump' || images !== undefined;
}

function textOf(name: Step, { dumped, images, restored, refusals }: Trip): string {
  if (name === 'dump') return dumped.summary;
  if (name === 'images') {
    if (!images) return refusals.length > 0 ? 'none are written: refused' : 'none could be written';
    return `${images.length} files, ${sizeText(images.reduce((sum, { bytes }) => sum + bytes.length, 0))}`;
  }
  if (!restored) return images ? 'failed' : 'not reached';
  return `${restored.calls.length} system calls; ${restored.equal ? 'all equal' : 'different'}`;
}
