/** Under the columns of the timeline: what each actor can do next. */
import type { JSX } from 'preact';
import { lockClass } from './colours.ts';
import type { Choice, Walk, WalkActor } from './protocol.ts';
import { act } from './state.ts';
import { stepText } from './words.ts';

export interface NextStepsProps {
  readonly walk: Walk;
  readonly locks: readonly string[];
}

export function NextSteps({ walk: { actors, choices, full }, locks }: NextStepsProps): JSX.Element {
  return (
    <tfoot>
      <tr>
        <th scope="row" class="number">
          <span class="visually-hidden">Next</span>
          <span aria-hidden="true">▸</span>
        </th>
        {actors.map((actor, id) => (
          <td key={actor.name}>
            <Next actor={actor} id={id} choice={choices[id] ?? { kind: 'done' }} full={full} locks={locks} />
          </td>
        ))}
      </tr>
    </tfoot>
  );
}

interface NextProps {
  readonly actor: WalkActor;
  readonly id: number;
  readonly choice: Choice;
  readonly full: boolean;
  readonly locks: readonly string[];
}

function Next({ actor: { name, daemon }, id, choice, full, locks }: NextProps): JSX.Element {
  if (choice.kind === 'done') return <p class="done">done</p>;
  if (choice.kind === 'wait') {
    const { idle, what, reason } = choice.wait;
    if (idle) return <p class="done">{daemon ? 'idle' : `waits for ${what}`}</p>;
    const why = `next-${id}`;
    return (
      <div class="next">
        <button
          type="button"
          class="next-step"
          disabled
          aria-label={`${name}: ${choice.text}`}
          aria-describedby={why}
        >
          {choice.text}
        </button>
        <p id={why} class={`waits ${lockClass(locks, what)}`}>
          {reason.slice(name.length + 1)}
        </p>
      </div>
    );
  }
  const text = stepText(choice.text, choice.looksAt);
  return (
    <div class="next">
      <button
        type="button"
        class="next-step primary"
        disabled={full}
        aria-label={`${name}: ${text}`}
        onClick={() => act({ kind: 'step', actor: id })}
      >
        {text}
      </button>
      <button
        type="button"
        class="quiet next-all"
        disabled={full}
        aria-label={`Finish alone: ${name}`}
        title={`${name} alone, until it waits or is done`}
        onClick={() => act({ kind: 'finish', actor: id })}
      >
        <span aria-hidden="true">⤓</span> Finish alone
      </button>
    </div>
  );
}
