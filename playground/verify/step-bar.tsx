/** Goes through the verification, forwards and backwards. */
import type { JSX } from 'preact';
import { Icon, type IconName } from '../ui/icon.tsx';
import { Legend } from './legend.tsx';
import { busy, goTo, step, stepView, trace } from './state.ts';

export function StepBar(): JSX.Element | null {
  const summary = trace.value;
  if (!summary) return null;
  const last = summary.steps - 1;
  const { paths } = summary;
  const path = stepView.value?.path ?? 0;
  const at = step.value;
  const parent = paths.parentStep[path] ?? -1;
  const button = (icon: IconName, label: string, to: number) => (
    <button
      type="button"
      aria-label={label}
      title={label}
      disabled={busy.value !== '' || to < 0 || to > last || to === at}
      onClick={() => goTo(to)}
    >
      <Icon name={icon} />{' '}
    </button>
  );
  return (
    <div class="toolbar step-bar" role="toolbar" aria-label="Steps of the verification">
      <div class="button-row">
        {button('first', 'First step', 0)}
        {button('back', 'Step back', at - 1)}
        {button('forward', 'Step', at + 1)}
        {button('last', 'Last step', last)}
      </div>
      <input
        type="range"
        aria-label="Step"
        min={0}
        disabled={busy.value !== ''}
        max={last}
        value={at}
        aria-valuetext={`step ${at + 1} of ${summary.steps}`}
        onInput={({ currentTarget }) => goTo(Number(currentTarget.value))}
      />
      <output id="step" class="mono">
        step {at + 1} of {summary.steps}
      </output>
      <div class="button-row">
        {button('path-start', 'Start of this path', paths.first[path] ?? 0)}
        {button('path-end', 'End of this path', (paths.last[path] ?? 1) - 1)}
        {button('branch', 'Where this path was queued', parent)}
      </div>
      <Legend />
      {summary.lost && <span class="badge warn">only the last {summary.steps} steps are kept</span>}
    </div>
  );
}
