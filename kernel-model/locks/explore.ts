/**
 * Goes through every interleaving of a system's actors, breadth first.
 *
 * With reduction only a persistent set of actors moves in each state: a set that nothing the others will ever do
 * can interfere with (by the components that steps touch), so that the orders left out are equivalent to ones
 * that are kept. A state all of whose reduced successors lie behind the exploration's front is expanded in full,
 * so that no actor is put off for ever around a cycle. Every state in which all actors have ended or wait, and
 * every error of a step, is met as in the full exploration; test/kernel-model/locks-reduction.test.ts compares.
 */
import { EdgeList } from './graph.ts';
import { type Actor, conflict, type FindingKind } from './program.ts';
import { type State, stateKey } from './state.ts';
import { blamelessWaiters, stallFindings, stuckFindings } from './stuck.ts';
import { type Attempt, errorFinding, type Finding, type Move, type System } from './system.ts';

export interface ExploreOptions {
  /** States to visit at most. */
  maxStates: number;
  /** Leave out orders that make no difference. */
  reduce: boolean;
  /** Called now and then with the number of states so far. */
  progress?: (states: number) => void;
  /** Ends the exploration early. */
  enough?: (findings: ReadonlyMap<string, Found>) => boolean;
}

/** A finding and the step after which it was first met. */
export interface Found {
  readonly finding: Finding;
  /** Actor ids in the order of their steps, from the start to the finding. */
  readonly schedule: readonly number[];
}

export interface Exploration {
  readonly states: number;
  readonly transitions: number;
  /** Every state was visited. If not, what was not found may still be there. */
  readonly complete: boolean;
  /** States that were known but not expanded when the limit was reached. */
  readonly unexpanded: number;
  /** Different orders of steps, from the start to the end; undefined when the actors can go round for ever. */
  readonly interleavings: bigint | undefined;
  readonly findings: ReadonlyMap<string, Found>;
  /** Keys of the states in which nobody can move. */
  readonly ends: ReadonlySet<string>;
  /** What the calls of each actor gave, all ways together. */
  readonly results: ReadonlyMap<string, ReadonlySet<string>>;
}

const PROGRESS_EVERY = 20_000;
/** States times components that are kept: what bounds the memory, to about 2 GiB. */
const MOST_CELLS = 200_000_000;

export function explore(system: System, options: ExploreOptions): Exploration {
  return new Explorer(system, options).run();
}

class Explorer {
  private readonly system: System;
  private readonly options: ExploreOptions;
  private readonly numbers = new Map<string, number>();
  private readonly queue: (State | undefined)[] = [];
  /** How each state was first reached. */
  private readonly parent: number[] = [-1];
  private readonly mover: number[] = [-1];
  private readonly edges = new EdgeList();
  private readonly found = new Map<string, Found>();
  private readonly ends = new Set<string>();
  private readonly results = new Map<string, Set<string>>();
  /** By actor: states in which it waits for something. */
  private readonly waiting: number[][];

  constructor(system: System, options: ExploreOptions) {
    this.system = system;
    this.options = options;
    this.waiting = system.actors.map(() => []);
    const initial = system.space.initial();
    this.numbers.set(stateKey(initial), 0);
    this.queue.push(initial);
  }

  run(): Exploration {
    const { progress, enough } = this.options;
    const { length: components } = this.system.space.components;
    const limit = Math.min(this.options.maxStates, Math.floor(MOST_CELLS / components));
    let next = 0;
    for (; next < this.parent.length && this.parent.length <= limit; next++) {
      this.expand(next);
      if (progress && next % PROGRESS_EVERY === PROGRESS_EVERY - 1) progress(next + 1);
      if (enough?.(this.found)) break;
    }
    const complete = next === this.parent.length;
    if (complete) this.judgeGraph();
    return {
      states: this.parent.length,
      transitions: this.edges.length,
      complete,
      unexpanded: this.parent.length - next,
      interleavings: complete ? this.edges.paths(this.parent.length) : undefined,
      findings: this.found,
      ends: this.ends,
      results: this.results,
    };
  }

  private expand(number: number): void {
    const { system } = this;
    const state = this.queue[number] as State;
    // Only the key is needed from here on.
    this.queue[number] = undefined;
    const attempts = system.actors.map((actor) => system.attempt(state, actor));
    for (const finding of stuckFindings(system, state, attempts)) this.note(finding, number);
    for (const finding of stallFindings(system, state, attempts)) this.note(finding, number);
    for (const id of blamelessWaiters(system, state, attempts)) this.waiting[id]?.push(number);
    const movers = attempts.flatMap((attempt, id) => (attempt.kind === 'move' ? [id] : []));
    if (movers.length === 0) this.end(state);
    const chosen = this.options.reduce ? persistentSet(system, state, attempts, movers) : movers;
    const ahead = this.follow(number, attempts, chosen);
    if (!ahead && chosen.length < movers.length)
      this.follow(
        number,
        attempts,
        movers.filter((id) => !chosen.includes(id)),
      );
  }

  /** Takes the moves of some actors; whether any of them leads ahead of the exploration's front. */
  private follow(from: number, attempts: readonly Attempt[], movers: readonly number[]): boolean {
    let ahead = false;
    for (const id of movers) {
      const move = attempts[id] as Move;
      const to = this.reach(from, id, move.state);
      this.edges.add(from, to, id, move.delivered);
      if (to > from) ahead = true;
      for (const error of move.errors)
        this.note(errorFinding(this.system.actors[id] as Actor, error), from, id);
    }
    return ahead;
  }

  private reach(from: number, actor: number, state: State): number {
    const key = stateKey(state);
    const known = this.numbers.get(key);
    if (known !== undefined) return known;
    const number = this.parent.length;
    this.numbers.set(key, number);
    this.queue[number] = state;
    this.parent.push(from);
    this.mover.push(actor);
    return number;
  }

  private end(state: State): void {
    this.ends.add(stateKey(state));
    for (const actor of this.system.actors) {
      const { results } = this.system.space.get(state, actor.local);
      const all = this.results.get(actor.name) ?? new Set();
      for (const result of results) all.add(result);
      this.results.set(actor.name, all);
    }
  }

  private note(finding: Finding, state: number, last?: number): void {
    if (this.found.has(finding.signature)) return;
    const schedule = this.scheduleTo(state);
    this.found.set(finding.signature, {
      finding,
      schedule: last === undefined ? schedule : [...schedule, last],
    });
  }

  private scheduleTo(state: number): number[] {
    const schedule: number[] = [];
    for (let at = state; at > 0; at = this.parent[at] as number) schedule.push(this.mover[at] as number);
    return schedule.reverse();
  }

  /** What shows only in the whole graph: actors that wait while others go round, and output without end. */
  private judgeGraph(): void {
    const { edges, parent } = this;
    if (!edges.cyclic(parent.length)) return;
    for (const [from, actor] of edges.outputCycles(parent.length)) {
      const { name } = this.system.actors[actor] as Actor;
      this.note(graphFinding('endless-output', name, `${name} reads for ever and never meets the end`), from);
    }
    const inescapable = edges.inescapable(parent.length);
    for (const [id, waiting] of this.waiting.entries()) {
      if (waiting.length === 0) continue;
      const moving = edges.reaching(parent.length, id);
      const stuck = waiting.find((state) => moving[state] === 0 && inescapable[state] === 1);
      const { name } = this.system.actors[id] as Actor;
      const known = [...this.found.values()].some(({ finding }) => finding.actors.includes(name));
      if (stuck === undefined || known) continue;
      this.note(graphFinding('hang', name, `${name} waits for ever while others go on`), stuck);
    }
  }
}

function graphFinding(kind: FindingKind, actor: string, message: string): Finding {
  return { kind, message, actors: [actor], signature: `${kind}|${actor}` };
}

/** Actors of the smallest set that the others cannot interfere with, among the movers. */
function persistentSet(
  system: System,
  state: State,
  attempts: readonly Attempt[],
  movers: readonly number[],
): readonly number[] {
  let best = movers;
  for (const seed of movers) {
    const closed = close(system, state, attempts, seed).filter((id) => attempts[id]?.kind === 'move');
    if (closed.length < best.length) best = closed;
    if (best.length === 1) break;
  }
  return best;
}

/** Adds to an actor all that may ever interfere with the next step of one in the set. */
function close(system: System, state: State, attempts: readonly Attempt[], seed: number): number[] {
  const members = [seed];
  for (const member of members) {
    const actor = system.actors[member] as Actor;
    const step = actor.footprint(system.pc(state, actor));
    for (const other of system.actors) {
      if (attempts[other.id]?.kind === 'done' || members.includes(other.id)) continue;
      if (conflict(step, other.future(system.pc(state, other)))) members.push(other.id);
    }
  }
  return members.sort((a, b) => a - b);
}
