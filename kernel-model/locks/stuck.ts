/** Who waits for whom in one state, and which of the waiting can never go on. */
import type { Actor, Wait } from './program.ts';
import type { State } from './state.ts';
import type { Attempt, Finding, System } from './system.ts';

/** A waiting actor and the actors that could end its wait. */
interface Waiter {
  readonly actor: Actor;
  readonly wait: Wait;
  readonly wakers: readonly number[];
}

/**
 * Findings that hold from this state on: sets of actors that wait for each other or for nobody.
 *
 * A lock is waited for until its owners give it back. An event is waited for until somebody changes what the
 * waiting step looks at; whoever still may is a waker.
 */
export function stuckFindings(system: System, state: State, attempts: readonly Attempt[]): Finding[] {
  const stuck = stuckWaiters(waiters(system, state, attempts));
  if (stuck.size === 0) return [];
  const edges = new Map<number, Set<number>>();
  for (const [id, { wait }] of stuck) if (!wait.idle) edges.set(id, busyWakers(id, stuck));
  const found = cores(edges).map((core) => coreFinding(core, stuck, edges));
  return [...found, ...victimFindings(stuck, edges, found)];
}

/** Actors that wait, and not because another has died with what they wait for. */
export function blamelessWaiters(system: System, state: State, attempts: readonly Attempt[]): number[] {
  const all = waiters(system, state, attempts);
  const edges = new Map([...all].map(([id, { wakers }]) => [id, new Set(wakers)]));
  const dead = (id: number) => system.oopsed(state, system.actors[id] as Actor);
  return [...all]
    .filter(([id, { wait }]) => !wait.idle && ![...reachable(edges, id)].some(dead))
    .map(([id]) => id);
}

/** Violations of "must never wait for" in this state. */
export function stallFindings(system: System, state: State, attempts: readonly Attempt[]): Finding[] {
  if (system.neverWaits.length === 0) return [];
  const waiting = waiters(system, state, attempts);
  return system.neverWaits.flatMap(({ actor, for: other }) => {
    const from = system.actors.find(({ name }) => name === actor);
    const to = system.actors.find(({ name }) => name === other);
    if (!from || !to || !lockChain(waiting, from.id).has(to.id)) return [];
    const what = waiting.get(from.id)?.wait.what;
    return [
      {
        kind: 'stall' as const,
        message: `${actor} waits for ${what}, and through it for ${other}`,
        actors: [actor, other],
        signature: `stall|${actor}|${other}`,
      },
    ];
  });
}

/** An actor that waits, at which step, and for what: "reader waits for ring->uring_lock, held by submitter". */
export interface WaitReport {
  readonly actor: string;
  readonly text: string;
  readonly reason: string;
}

export function waitReports(system: System, state: State): WaitReport[] {
  const attempts = system.actors.map((actor) => system.attempt(state, actor));
  return [...waiters(system, state, attempts).values()]
    .filter(({ wait }) => !wait.idle)
    .map(({ actor, wait }) => ({
      actor: actor.name,
      text: actor.steps[system.pc(state, actor)]?.text ?? '',
      reason: `${actor.name} waits for ${wait.what}${heldBy(system, actor, wait)}`,
    }));
}

function heldBy(system: System, actor: Actor, { owners, met }: Wait): string {
  if (!owners) return met ? ', which has happened already' : '';
  const names = owners.map((id) => (id === actor.id ? 'itself' : (system.actors[id]?.name ?? '?')));
  return names.length > 0 ? `, held by ${names.join(' and ')}` : '';
}

function waiters(system: System, state: State, attempts: readonly Attempt[]): Map<number, Waiter> {
  const found = new Map<number, Waiter>();
  for (const [id, attempt] of attempts.entries()) {
    const actor = system.actors[id] as Actor;
    if (attempt.kind === 'wait')
      found.set(id, { actor, wait: attempt, wakers: wakers(system, state, actor, attempt) });
  }
  return found;
}

function wakers(system: System, state: State, actor: Actor, wait: Wait): number[] {
  if (wait.owners) return wait.owners.filter((id) => !ended(system, state, id));
  const { reads, writes } = actor.footprint(system.pc(state, actor));
  return system.actors
    .filter((other) => (system.future(state, other).writes & (reads | writes)) !== 0n)
    .map(({ id }) => id);
}

/** Who has died has not ended: what it would have done is missing through no fault of those who wait for it. */
function ended(system: System, state: State, id: number): boolean {
  const actor = system.actors[id] as Actor;
  return system.pc(state, actor) >= actor.steps.length && !system.oopsed(state, actor);
}

/** The largest set of waiters whose wakers are all in the set too. */
function stuckWaiters(all: Map<number, Waiter>): Map<number, Waiter> {
  const stuck = new Map(all);
  for (let changed = true; changed; ) {
    changed = false;
    for (const [id, { wakers }] of stuck) {
      if (wakers.every((waker) => stuck.has(waker))) continue;
      stuck.delete(id);
      changed = true;
    }
  }
  return stuck;
}

/** Wakers that wait for something themselves; idle kernel threads stand for those who could give them work. */
function busyWakers(id: number, stuck: Map<number, Waiter>): Set<number> {
  const busy = new Set<number>();
  const seen = new Set<number>();
  const queue = [...(stuck.get(id)?.wakers ?? [])];
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    if (seen.has(at)) continue;
    seen.add(at);
    const waiter = stuck.get(at);
    if (!waiter?.wait.idle) busy.add(at);
    else queue.push(...waiter.wakers);
  }
  return busy;
}

/** Sets of actors that reach each other and nobody outside: where every chain of waiting ends. */
function cores(edges: Map<number, Set<number>>): number[][] {
  const reach = new Map([...edges.keys()].map((id) => [id, reachable(edges, id)]));
  const found = new Map<string, number[]>();
  for (const [id, reached] of reach) {
    const core = [...new Set([id, ...reached])].sort((a, b) => a - b);
    if (core.every((other) => other === id || reach.get(other)?.has(id))) found.set(core.join(), core);
  }
  return [...found.values()];
}

function reachable(edges: Map<number, Set<number>>, from: number): Set<number> {
  const reached = new Set<number>();
  const queue = [...(edges.get(from) ?? [])];
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    if (reached.has(at)) continue;
    reached.add(at);
    queue.push(...(edges.get(at) ?? []));
  }
  return reached;
}

function coreFinding(core: number[], stuck: Map<number, Waiter>, edges: Map<number, Set<number>>): Finding {
  const members = core.map((id) => stuck.get(id) as Waiter);
  const actors = members.map(({ actor }) => actor.name);
  const circular = core.length > 1 || (edges.get(core[0] as number)?.has(core[0] as number) ?? false);
  const locks = members.some(({ wait }) => wait.owners !== undefined);
  const kind =
    circular && locks ? 'deadlock' : members.some(({ wait }) => wait.met) ? 'lost-wake-up' : 'hang';
  const waits = members.map(({ actor, wait }) => `${actor.name} waits for ${wait.what}`);
  return { kind, actors, message: waits.join('; '), signature: `${kind}|${waits.join('|')}` };
}

/** Actors that are in no core but wait for one, and so for ever. */
function victimFindings(
  stuck: Map<number, Waiter>,
  edges: Map<number, Set<number>>,
  cores: readonly Finding[],
): Finding[] {
  const name = (id: number) => (stuck.get(id) as Waiter).actor.name;
  return [...edges.keys()].flatMap((id) => {
    if (cores.some(({ actors }) => actors.includes(name(id)))) return [];
    const ahead = new Set([...reachable(edges, id)].map(name));
    const behind = cores.filter(({ actors }) => actors.some((actor) => ahead.has(actor)));
    const [first] = behind;
    if (!first) return [];
    const names = [...new Set(behind.flatMap(({ actors }) => actors))].join(' and ');
    const message = `${name(id)} waits for ${stuck.get(id)?.wait.what}, behind ${names}`;
    return [{ kind: first.kind, actors: [name(id)], message, signature: `${first.kind}|${message}` }];
  });
}

/** Actors that one waits for, through any number of held locks. */
function lockChain(waiting: Map<number, Waiter>, from: number): Set<number> {
  const chain = new Set<number>();
  const queue = [...(waiting.get(from)?.wait.owners ?? [])];
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    if (chain.has(at)) continue;
    chain.add(at);
    queue.push(...(waiting.get(at)?.wait.owners ?? []));
  }
  return chain;
}
