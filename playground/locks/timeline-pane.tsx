/** One order: moved through step by step, with what it has come to. */
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { Pane } from '../ui/pane.tsx';
import { locksOf } from './colours.ts';
import { type CycleLink, CycleText, cycleOf } from './cycle.tsx';
import type { FindingReport, StepFinding, Walk } from './protocol.ts';
import { act, redo, reset, shownFinding, undo, walk } from './state.ts';
import { Timeline } from './timeline.tsx';
import { kindText, list } from './words.ts';

export function TimelinePane(): JSX.Element {
  const now = walk.value;
  return (
    <Pane title="One order" class="locks-timeline" tools={now && <Tools walk={now} />}>
      {now && (
        <>
          <Status walk={now} />
          <Timeline walk={now} />
        </>
      )}
    </Pane>
  );
}

function Tools({ walk: { cursor, schedule, choices, full } }: { walk: Walk }): JSX.Element {
  const seed = useSignal(1);
  const stuck = full || !choices.some(({ kind }) => kind === 'move');
  return (
    <>
      <button type="button" disabled={cursor === 0} onClick={undo}>
        <span aria-hidden="true">↶</span> Undo
      </button>
      <button type="button" disabled={cursor >= schedule.length} onClick={redo}>
        <span aria-hidden="true">↷</span> Redo
      </button>
      <button type="button" disabled={schedule.length === 0} onClick={reset}>
        Reset
      </button>
      <span class="random">
        <button
          type="button"
          disabled={stuck}
          onClick={() => {
            act({ kind: 'random', seed: seed.value });
            seed.value++;
          }}
        >
          Run to the end at random
        </button>
        <label class="field" for="locks-seed">
          <span>seed</span>
          <input
            type="number"
            id="locks-seed"
            min={0}
            max={999_999}
            value={seed.value}
            onInput={({ currentTarget }) => {
              seed.value = Math.abs(Math.trunc(Number(currentTarget.value))) || 0;
            }}
          />
        </label>
      </span>
    </>
  );
}

function Status({ walk: now }: { walk: Walk }): JSX.Element {
  const cycle = cycleOf(now);
  const found = findingsSoFar(now).filter((finding) => !(cycle && isCycle(finding, cycle, now)));
  const graph = shownFinding.value;
  const bad = found.length > 0 || cycle !== undefined || graph !== undefined;
  return (
    <div id="locks-status" role="status" class={bad ? 'bad' : ''}>
      <p>{statusText(now)}</p>
      {cycle && <CycleText cycle={cycle} actors={now.actors} locks={locksOf(now)} />}
      {found.map(({ kind, message }) => (
        <p key={message}>
          <strong>{kindText(kind)}:</strong> {message}
        </p>
      ))}
      {graph && !findingsSoFar(now).some(({ message }) => message === graph.message) && (
        <GraphFinding finding={graph} />
      )}
    </div>
  );
}

/** What no single state shows: that a way has no end. */
function GraphFinding({ finding: { kind, message, round } }: { finding: FindingReport }): JSX.Element {
  return (
    <>
      <p>
        <strong>{kindText(kind)}:</strong> {message}
      </p>
      {round.length > 0 && (
        <p>
          And then for ever: <span class="mono">{round.map(({ text }) => text).join(', ')}</span>
        </p>
      )}
    </>
  );
}

function findingsSoFar({ rows, cursor }: Walk) {
  return rows.filter(({ at }) => at <= cursor).flatMap(({ findings }) => findings);
}

/** Said already, with who holds what. */
function isCycle({ kind, actors }: StepFinding, cycle: readonly CycleLink[], now: Walk): boolean {
  const names = cycle.map(({ actor }) => now.actors[actor]?.name ?? '?');
  return (
    kind === 'deadlock' && actors.length === names.length && names.every((name) => actors.includes(name))
  );
}

function statusText(now: Walk): string {
  const { rows, cursor, choices, actors, full } = now;
  const made = rows.filter(({ at, silent }) => at <= cursor && !silent).length;
  const where =
    made === 0 ? 'At the start' : `After step ${made} of ${rows.filter(({ silent }) => !silent).length}`;
  const names = (kind: string) =>
    choices.flatMap((choice, id) =>
      choice.kind === kind && !isIdle(choice) ? [actors[id]?.name ?? '?'] : [],
    );
  const [movers, waiting] = [names('move'), names('wait')];
  if (full) return `${where}: longer orders are not shown.`;
  if (movers.length > 0)
    return `${where}: ${list(movers)} can move${waiting.length > 0 ? `, ${list(waiting)} ${waiting.length === 1 ? 'waits' : 'wait'}` : ''}.`;
  if (waiting.length > 0)
    return `${where}: nobody can move any more; ${list(waiting)} ${waiting.length === 1 ? 'waits' : 'wait'} for ever.`;
  const wrong = findingsSoFar(now).length > 0;
  return `${where}: everybody is done${wrong ? '.' : ', and nothing has gone wrong in this order.'}`;
}

function isIdle(choice: Walk['choices'][number]): boolean {
  return choice.kind === 'wait' && choice.wait.idle;
}
