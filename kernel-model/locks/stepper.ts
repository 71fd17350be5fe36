/** One way through a scene, step by step: who can move is asked, and who moves is chosen. */
import { buildSystem } from './build.ts';
import type { Actor, FindingKind, Step } from './program.ts';
import type { LockScene } from './scene.ts';
import type { State } from './state.ts';
import { stallFindings, stuckFindings, waitReports } from './stuck.ts';
import { type Attempt, errorFinding, type Finding, type Lock, type System } from './system.ts';

/** What an actor can do next. */
export type Choice =
  | { readonly kind: 'move'; readonly text: string; readonly looksAt: readonly string[] }
  | { readonly kind: 'wait'; readonly text: string; readonly wait: LockWait }
  | { readonly kind: 'done' };

export interface LockWait {
  readonly actor: number;
  /** "ring->uring_lock" */
  readonly what: string;
  /** Who holds the lock; undefined when something is waited for that is no lock. */
  readonly owners: readonly number[] | undefined;
  /** A thread of the kernel that has nothing to do. */
  readonly idle: boolean;
  /** "reader waits for ring->uring_lock, held by submitter" */
  readonly reason: string;
}

export interface HeldLock {
  readonly lock: string;
  readonly actor: number;
  readonly shared: boolean;
}

/** What is wrong, and since which step. */
export interface StepFinding {
  readonly kind: FindingKind;
  readonly message: string;
  readonly actors: readonly string[];
}

/** A step that was made, and how things stand after it. */
export interface StepRow {
  readonly actor: number;
  /** Empty for a step that only decides where its actor goes on. */
  readonly text: string;
  /** What such a step looks at for that. */
  readonly looksAt: readonly string[];
  readonly held: readonly HeldLock[];
  readonly waits: readonly LockWait[];
  /** What this step has brought about. */
  readonly findings: readonly StepFinding[];
}

/** How things stand: before the first step, and after each. */
interface Situation {
  readonly state: State;
  readonly attempts: readonly Attempt[];
  /** Signatures of what was found up to here. */
  readonly known: ReadonlySet<string>;
  readonly row: StepRow;
}

export class Stepper {
  readonly actors: readonly { readonly name: string; readonly daemon: boolean }[];
  private readonly system: System;
  private readonly past: Situation[] = [];

  /** @throws {InputError} for a scene that comes to too many steps. */
  constructor(scene: LockScene) {
    this.system = buildSystem(scene);
    this.actors = this.system.actors.map(({ name, daemon }) => ({ name, daemon }));
    const start = { actor: -1, text: '', looksAt: [] };
    this.past.push(this.situation(this.system.space.initial(), start, [], new Set()));
  }

  /** Actors in the order of their steps, as places in `actors`. */
  get schedule(): readonly number[] {
    return this.rows.map(({ actor }) => actor);
  }

  get rows(): readonly StepRow[] {
    return this.past.slice(1).map(({ row }) => row);
  }

  /** How things stand now; actor -1 before the first step. */
  get now(): StepRow {
    return this.last.row;
  }

  /** By actor. */
  get choices(): readonly Choice[] {
    return this.last.attempts.map((attempt, id) => {
      if (attempt.kind === 'done') return { kind: 'done' };
      if (attempt.kind === 'move') return { kind: 'move', text: attempt.text, looksAt: this.looksAt(id) };
      const text = this.nextStep(id)?.text ?? '';
      return { kind: 'wait', text, wait: this.waitOf(id, attempt, this.last.state) };
    });
  }

  get movers(): readonly number[] {
    return this.last.attempts.flatMap(({ kind }, id) => (kind === 'move' ? [id] : []));
  }

  /** Nobody can move; kernel threads without work may wait as long as they like. */
  get over(): boolean {
    return this.movers.length === 0;
  }

  /** Makes an actor's next step; undefined when it cannot move. */
  step(actor: number): StepRow | undefined {
    const { attempts, known } = this.last;
    const attempt = attempts[actor];
    if (attempt?.kind !== 'move') return undefined;
    const { state, text, errors } = attempt;
    const made = { actor, text, looksAt: this.looksAt(actor) };
    const found = errors.map((error) => errorFinding(this.system.actors[actor] as Actor, error));
    const next = this.situation(state, made, found, known);
    this.past.push(next);
    return next.row;
  }

  /** As step, and what nobody can see or tell from being made later: steps that only decide where it goes on. */
  advance(actor: number): StepRow | undefined {
    let row = this.step(actor);
    while (row && this.isPrivate(actor)) row = this.step(actor);
    return row;
  }

  /** Takes the last step back. */
  undo(): boolean {
    if (this.past.length === 1) return false;
    this.past.pop();
    return true;
  }

  /** Makes the steps of a schedule as long as they can be made; how many those are. */
  follow(schedule: readonly number[]): number {
    const stopped = schedule.findIndex((actor) => this.step(actor) === undefined);
    return stopped === -1 ? schedule.length : stopped;
  }

  /** One actor alone, until it waits or is done. */
  finish(actor: number, mostSteps: number): number {
    let steps = 0;
    while (steps < mostSteps && this.advance(actor)) steps++;
    return steps;
  }

  /** Somebody who can move, again and again until nobody can; the same seed gives the same way. */
  random(seed: number, mostSteps: number): number {
    const next = randomNumbers(seed);
    let steps = 0;
    for (; steps < mostSteps && !this.over; steps++) {
      const { movers } = this;
      this.advance(movers[Math.floor(next() * movers.length)] as number);
    }
    return steps;
  }

  private get last(): Situation {
    return this.past[this.past.length - 1] as Situation;
  }

  private nextStep(id: number): Step | undefined {
    const actor = this.system.actors[id] as Actor;
    return actor.steps[this.system.pc(this.last.state, actor)];
  }

  private looksAt(id: number): readonly string[] {
    return this.nextStep(id)?.reads.map(({ name }) => name) ?? [];
  }

  private isPrivate(id: number): boolean {
    const [step, attempt] = [this.nextStep(id), this.last.attempts[id]];
    if (!step || attempt?.kind !== 'move' || attempt.text !== '') return false;
    return step.reads.length === 0 && step.writes.length === 0;
  }

  private situation(
    state: State,
    made: Pick<StepRow, 'actor' | 'text' | 'looksAt'>,
    errors: readonly Finding[],
    known: ReadonlySet<string>,
  ): Situation {
    const { system } = this;
    const attempts = system.actors.map((each) => system.attempt(state, each));
    const all = [
      ...errors,
      ...stuckFindings(system, state, attempts),
      ...stallFindings(system, state, attempts),
    ];
    const fresh = all.filter(({ signature }) => !known.has(signature));
    const row: StepRow = {
      ...made,
      held: system.locks.flatMap((lock) => heldOf(lock, state)),
      waits: attempts.flatMap((attempt, id) =>
        attempt.kind === 'wait' ? [this.waitOf(id, attempt, state)] : [],
      ),
      findings: fresh.map(({ kind, message, actors }) => ({ kind, message, actors })),
    };
    const signatures = fresh.length === 0 ? known : new Set([...known, ...fresh.map((f) => f.signature)]);
    return { state, attempts, known: signatures, row };
  }

  private waitOf(id: number, attempt: Extract<Attempt, { kind: 'wait' }>, state: State): LockWait {
    const { what, owners, idle = false } = attempt;
    const { name } = this.actors[id] as { name: string };
    const told = idle ? undefined : waitReports(this.system, state).find(({ actor }) => actor === name);
    return { actor: id, what, owners, idle, reason: told?.reason ?? `${name} waits for ${what}` };
  }
}

function heldOf({ name, holders }: Lock, state: State): HeldLock[] {
  return holders(state).map(({ actor, shared }) => ({ lock: name, actor, shared }));
}

/** Mulberry32: from 0 up to 1. */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
