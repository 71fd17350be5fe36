/** What is run, and the way through its steps. */
import type { JSX } from 'preact';
import { chooseProgram, chooseTarget, goTo, stop } from './control.ts';
import { COMMANDS, type Command } from './keys.ts';
import * as state from './state.ts';

export function Toolbar(): JSX.Element {
  return (
    <>
      <div class="toolbar run-choice">
        <label class="field">
          <span>Iterator</span>
          <select
            id="run-program"
            value={state.program.value}
            disabled={state.programs.value.length === 0}
            onChange={({ currentTarget }) => void chooseProgram(currentTarget.value)}
          >
            {state.programs.value.map(({ name, target }) => (
              <option key={name} value={name}>
                {name} (iter/{target})
              </option>
            ))}
          </select>
        </label>
        <label class="field">
          <span>over</span>
          <select
            id="run-target"
            value={state.target.value}
            disabled={state.targets.value.length === 0}
            onChange={({ currentTarget }) => void chooseTarget(Number(currentTarget.value))}
          >
            {state.targets.value.map((label, index) => (
              <option key={index} value={index}>
                {label}
              </option>
            ))}
          </select>
        </label>
        {state.busy.value ? (
          <button type="button" onClick={stop}>
            Stop
          </button>
        ) : (
          <Button command={COMMANDS.run} primary disabled={!state.canRun.value} />
        )}
        <Help />
        <Outcome />
      </div>
      <Steps />
    </>
  );
}

/** Arrows of 16 by 16. */
const ICONS = {
  reverse: <path class="solid" d="M3 3v10M13 3.5 5.5 8l7.5 4.5z" />,
  proceed: <path class="solid" d="M13 3v10M3 3.5 10.5 8 3 12.5z" />,
  back: <path class="solid" d="M11.5 3.5 4 8l7.5 4.5z" />,
  forward: <path class="solid" d="M4.5 3.5 12 8l-7.5 4.5z" />,
  over: <path d="M2 10a5.5 5.5 0 0 1 10.6-2M13 4v4.3H8.7M8 13h.01" />,
  overBack: <path d="M14 10A5.5 5.5 0 0 0 3.4 8M3 4v4.3h4.3M8 13h.01" />,
  out: <path d="M8 10V2M4.5 5.5 8 2l3.5 3.5M3 14h10" />,
} as const;

function Button(props: {
  command: Command;
  text?: string;
  icon?: keyof typeof ICONS;
  primary?: boolean;
  disabled?: boolean;
}): JSX.Element {
  const { command, text, icon, primary = false, disabled = false } = props;
  return (
    <button
      type="button"
      class={primary ? 'primary' : ''}
      disabled={disabled}
      aria-label={command.name}
      title={`${command.name}: ${command.about} (${command.keys})`}
      onClick={command.do}
    >
      {icon ? (
        <svg viewBox="0 0 16 16" aria-hidden="true">
          {ICONS[icon]}
        </svg>
      ) : (
        (text ?? command.name)
      )}
    </button>
  );
}

/** How the run ended. */
function Outcome(): JSX.Element {
  const { recorded, stale } = state;
  const run = recorded.value;
  if (stale.value && run) return <span class="badge warn">scene changed: run again</span>;
  if (!run) return <span />;
  const { failure, insns, runs, milliseconds, recording } = run;
  const counts = `${insns.toLocaleString('en')} instructions in ${runs} ${runs === 1 ? 'run' : 'runs'}`;
  return (
    <span class="run-outcome" role="status">
      {failure === undefined ? (
        <span class="badge good">read to the end</span>
      ) : (
        <span class="badge bad">{failure}</span>
      )}
      <span class="muted">
        {counts}, {Math.round(milliseconds)} ms
      </span>
      {recording.cut && (
        <span class="badge warn">
          recorded up to step {recording.steps.toLocaleString('en')}; the run went on to its end
        </span>
      )}
    </span>
  );
}

function Steps(): JSX.Element {
  const last = state.timeline.value?.last ?? 0;
  const { value: step } = state.step;
  const steps = state.recorded.value?.recording.steps ?? 0;
  const none = steps === 0;
  const atEnd = none || step >= last;
  const atStart = none || step <= 0;
  return (
    <fieldset class="toolbar run-steps" aria-label="Steps">
      <div class="run-buttons">
        <Button command={COMMANDS.reverse} icon="reverse" disabled={atStart} />
        <Button command={COMMANDS.overBack} icon="overBack" disabled={atStart} />
        <Button command={COMMANDS.back} icon="back" disabled={atStart} />
        <Button command={COMMANDS.forward} icon="forward" disabled={atEnd} />
        <Button command={COMMANDS.over} icon="over" disabled={atEnd} />
        <Button command={COMMANDS.out} icon="out" disabled={atEnd} />
        <Button command={COMMANDS.proceed} icon="proceed" disabled={atEnd} />
      </div>
      <input
        type="range"
        class="run-slider"
        min={0}
        max={last}
        value={step}
        disabled={none}
        aria-label="Step of the run"
        aria-valuetext={`step ${step + 1} of ${steps}`}
        onInput={({ currentTarget }) => goTo(Number(currentTarget.value))}
      />
      <output id="run-step" class="mono">
        {none ? 'no steps' : `step ${step + 1} of ${steps}`}
      </output>
      <div class="run-buttons">
        <Button command={COMMANDS.lastRun} text="‹ object" disabled={atStart} />
        <Button command={COMMANDS.nextRun} text="object ›" disabled={atEnd} />
        <Button command={COMMANDS.outputBack} text="‹ output" disabled={atStart} />
        <Button command={COMMANDS.output} text="output ›" disabled={atEnd} />
      </div>
    </fieldset>
  );
}

function Help(): JSX.Element {
  return (
    <details class="run-help">
      <summary>Keys</summary>
      <dl>
        {Object.values(COMMANDS).map(({ name, keys, about }) => (
          <div key={name}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>
              {name}: {about}
            </dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
