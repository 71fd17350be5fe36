/** The cycle of a deadlock: who waits for a lock that the next one holds. */
import type { JSX } from 'preact';
import { lockClass } from './colours.ts';
import type { Walk, WalkActor } from './protocol.ts';

export interface CycleLink {
  readonly actor: number;
  readonly lock: string;
}

/** Actors that wait for each other at the cursor, each with the lock it waits for; the last one's is held by the first. */
export function cycleOf({ choices }: Walk): readonly CycleLink[] | undefined {
  const next = (id: number) => {
    const choice = choices[id];
    return choice?.kind === 'wait' ? choice.wait : undefined;
  };
  for (const id of choices.keys()) {
    const found = search(id, [], next);
    if (found) return found;
  }
  return undefined;
}

type Next = (
  id: number,
) => { readonly what: string; readonly owners: readonly number[] | undefined } | undefined;

function search(id: number, way: readonly CycleLink[], next: Next): readonly CycleLink[] | undefined {
  const met = way.findIndex(({ actor }) => actor === id);
  if (met >= 0) return way.slice(met);
  const wait = next(id);
  for (const owner of wait?.owners ?? []) {
    const found = search(owner, [...way, { actor: id, lock: wait?.what ?? '' }], next);
    if (found) return found;
  }
  return undefined;
}

export interface CycleTextProps {
  readonly cycle: readonly CycleLink[];
  readonly actors: readonly WalkActor[];
  readonly locks: readonly string[];
}

export function CycleText({ cycle, actors, locks }: CycleTextProps): JSX.Element {
  const name = (id: number | undefined) => actors[id ?? -1]?.name ?? '?';
  return (
    <p class="cycle">
      <strong>Deadlock.</strong>{' '}
      {cycle.map(({ actor, lock }, i) => {
        const holder = cycle[(i + 1) % cycle.length]?.actor;
        return (
          <span key={actor} class="cycle-link">
            <b>{name(actor)}</b> waits for <span class={`lock-name ${lockClass(locks, lock)}`}>{lock}</span>,
            held by <b>{holder === actor ? 'itself' : name(holder)}</b>
            {i + 1 < cycle.length ? '; ' : '.'}
          </span>
        );
      })}
    </p>
  );
}
