/**
 * What one actor does, as a list of steps. A step is one atomic action; it declares which components it may
 * read and write, and reaches no others, so that the exploration knows which steps of different actors commute.
 */
import type { AnyComponent, Component, State, StateSpace } from './state.ts';

/** What can be found wrong. */
export type FindingKind =
  | 'deadlock'
  | 'hang'
  | 'lost-wake-up'
  | 'use-after-free'
  | 'wrong-output'
  | 'endless-output'
  | 'failed-call'
  | 'stall';

/** The actor cannot go on for now. */
export interface Wait {
  readonly kind: 'wait';
  /** "ctx->uring_lock (ring)" */
  readonly what: string;
  /** Actors that hold the lock; undefined when an event is waited for rather than a lock. */
  readonly owners?: readonly number[];
  /** A kernel thread without work: it may stay so for ever. */
  readonly idle?: boolean;
  /** What is waited for has happened already, and nobody told. */
  readonly met?: boolean;
}

export interface Jump {
  readonly kind: 'jump';
  readonly to: Label;
}

/** undefined: on to the next step. */
export type Outcome = undefined | Jump | Wait;

/** A place in a program, known once it has been put there. */
export class Label {
  at = -1;

  jump(): Jump {
    return { kind: 'jump', to: this };
  }
}

export interface Step {
  readonly text: string;
  readonly reads: readonly AnyComponent[];
  readonly writes: readonly AnyComponent[];
  /** Where it may jump. */
  readonly jumps: readonly Label[];
  /** Never goes on to the step after it. */
  readonly leaves: boolean;
  run(view: View): Outcome;
}

export interface StepInit {
  text: string;
  reads?: readonly AnyComponent[];
  writes?: readonly AnyComponent[];
  jumps?: readonly Label[];
  leaves?: boolean;
  run?: (view: View) => Outcome;
}

/** What an actor remembers: its next step, and what its calls gave. */
export interface Local {
  readonly pc: number;
  /** It did something that a kernel does not survive, and does nothing more. */
  readonly oops?: boolean;
  /** Results of its calls, for the report. */
  readonly results: readonly string[];
  /** Values between the steps of one call. */
  readonly registers: Registers;
}

export type Registers = { readonly [name: string]: unknown };

export class Actor {
  readonly id: number;
  readonly name: string;
  /** A thread of the kernel that serves others and never ends. */
  readonly daemon: boolean;
  readonly local: Component<Local>;
  readonly steps: Step[] = [];
  private footprints: Footprint[] = [];
  private futures: Footprint[] = [];

  constructor(space: StateSpace, id: number, name: string, daemon = false) {
    this.id = id;
    this.name = name;
    this.daemon = daemon;
    this.local = space.define<Local>(name, { pc: 0, results: [], registers: {} });
  }

  add({ text, reads = [], writes = [], jumps = [], leaves = false, run = () => undefined }: StepInit): void {
    this.steps.push({ text, reads, writes, jumps, leaves, run });
  }

  place(label: Label): void {
    label.at = this.steps.length;
  }

  /** The program is complete: works out what each place of it can still touch. */
  seal(): void {
    this.footprints = this.steps.map(({ reads, writes }) => footprint(reads, writes));
    this.futures = [...this.footprints, NOTHING];
    for (let changed = true; changed; ) {
      changed = false;
      for (let pc = this.steps.length - 1; pc >= 0; pc--) {
        const before = this.futures[pc] as Footprint;
        const after = this.successors(pc).reduce(
          (sum, next) => union(sum, this.futures[next] as Footprint),
          before,
        );
        if (after.reads === before.reads && after.writes === before.writes) continue;
        this.futures[pc] = after;
        changed = true;
      }
    }
  }

  /** What the step at a place touches. */
  footprint(pc: number): Footprint {
    return this.footprints[pc] ?? NOTHING;
  }

  /** What it and all steps that can follow touch. */
  future(pc: number): Footprint {
    return this.futures[pc] ?? NOTHING;
  }

  private successors(pc: number): number[] {
    const { jumps, leaves } = this.steps[pc] as Step;
    const targets = jumps.map(({ at }) => at);
    if (targets.includes(-1))
      throw new Error(`step ${pc} of ${this.name} jumps to a label that has no place`);
    return leaves ? targets : [...targets, pc + 1];
  }
}

/** Components read and written, a bit each. */
export interface Footprint {
  readonly reads: bigint;
  readonly writes: bigint;
}

const NOTHING: Footprint = { reads: 0n, writes: 0n };

function footprint(reads: readonly AnyComponent[], writes: readonly AnyComponent[]): Footprint {
  return { reads: bits(reads), writes: bits(writes) };
}

function bits(components: readonly AnyComponent[]): bigint {
  return components.reduce((mask, { id }) => mask | (1n << BigInt(id)), 0n);
}

function union(a: Footprint, b: Footprint): Footprint {
  return { reads: a.reads | b.reads, writes: a.writes | b.writes };
}

/** Whether the order of the two matters. */
export function conflict(a: Footprint, b: Footprint): boolean {
  return (a.writes & (b.reads | b.writes)) !== 0n || (b.writes & a.reads) !== 0n;
}

/** Something that a step found wrong while it ran. */
export interface StepError {
  readonly kind: FindingKind;
  readonly message: string;
}

/** What a step sees and changes of a state. */
export class View {
  readonly actor: Actor;
  /** What happened, when that differs from the step's own text. */
  text: string | undefined;
  readonly errors: StepError[] = [];
  /** The step handed output to a reader. */
  delivered = false;
  private readonly space: StateSpace;
  private readonly state: State;
  private readonly step: Step;

  /** @param state changed in place. */
  constructor(space: StateSpace, state: State, actor: Actor, step: Step) {
    this.space = space;
    this.state = state;
    this.actor = actor;
    this.step = step;
  }

  get<V>(component: Component<V>): V {
    const { reads, writes } = this.step;
    if (!reads.includes(component) && !writes.includes(component)) this.undeclared('reads', component);
    return this.space.get(this.state, component);
  }

  set<V>(component: Component<V>, value: V): void {
    if (!this.step.writes.includes(component)) this.undeclared('writes', component);
    this.space.set(this.state, component, value);
  }

  /** A value that the actor keeps between steps. */
  register<V>(name: string): V | undefined {
    return this.local.registers[name] as V | undefined;
  }

  remember(values: Registers): undefined {
    // In one order, without what is forgotten, so that equal memories are equal values.
    const all = { ...this.local.registers, ...values };
    const kept = Object.entries(all).filter(([, value]) => value !== undefined);
    kept.sort(([a], [b]) => (a < b ? -1 : 1));
    this.local = { ...this.local, registers: Object.fromEntries(kept) };
  }

  /** Notes what a call gave, each different result once. */
  result(text: string): void {
    if (this.local.results.includes(text)) return;
    this.local = { ...this.local, results: [...this.local.results, text] };
  }

  /** Something is wrong; the actor goes on. */
  fault(kind: FindingKind, message: string): void {
    this.errors.push({ kind, message });
  }

  /** Something is wrong that ends the actor where it stands, with all it holds. */
  oops(kind: FindingKind, message: string): undefined {
    this.fault(kind, message);
    this.local = { ...this.local, oops: true };
  }

  get local(): Local {
    return this.space.get(this.state, this.actor.local);
  }

  set local(value: Local) {
    this.space.set(this.state, this.actor.local, value);
  }

  private undeclared(verb: string, { name }: AnyComponent): never {
    throw new Error(`step "${this.step.text}" of ${this.actor.name} ${verb} ${name} without declaring it`);
  }
}
