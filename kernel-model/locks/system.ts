/** Actors over one state space, and what each of them can do in a state. */
import {
  Actor,
  type FindingKind,
  type Footprint,
  type Step,
  type StepError,
  View,
  type Wait,
} from './program.ts';
import { type State, StateSpace } from './state.ts';

/** The actor goes on to another state. */
export interface Move {
  readonly kind: 'move';
  readonly state: State;
  readonly text: string;
  readonly errors: readonly StepError[];
  readonly delivered: boolean;
}

export type Attempt = Move | Wait | { readonly kind: 'done' };

const DONE: Attempt = { kind: 'done' };

/** That one actor must not have to wait for another, at any time. */
export interface NeverWaits {
  readonly actor: string;
  readonly for: string;
}

export interface Holder {
  /** Id of the actor. */
  readonly actor: number;
  /** With others: of a rwsem that is taken for reading. */
  readonly shared: boolean;
}

/** A lock, as a trace names it, and who has it. */
export interface Lock {
  readonly name: string;
  holders(state: State): readonly Holder[];
}

export class System {
  readonly space = new StateSpace();
  readonly actors: Actor[] = [];
  readonly neverWaits: NeverWaits[] = [];
  readonly locks: Lock[] = [];

  actor(name: string, daemon = false): Actor {
    const actor = new Actor(this.space, this.actors.length, name, daemon);
    this.actors.push(actor);
    return actor;
  }

  /** All programs are complete. */
  seal(): void {
    for (const actor of this.actors) actor.seal();
  }

  /** Place of an actor in its program; the length of the program when it has ended. */
  pc(state: State, actor: Actor): number {
    const { pc, oops } = this.space.get(state, actor.local);
    return oops ? actor.steps.length : pc;
  }

  /** The actor has died where it stood, with all it held. */
  oopsed(state: State, actor: Actor): boolean {
    return this.space.get(state, actor.local).oops ?? false;
  }

  /** What the actor may still touch, or would if it had not died. */
  future(state: State, actor: Actor): Footprint {
    return actor.future(this.space.get(state, actor.local).pc);
  }

  attempt(state: State, actor: Actor): Attempt {
    const pc = this.pc(state, actor);
    const step = actor.steps[pc];
    if (!step) return DONE;
    const next = state.slice();
    const view = new View(this.space, next, actor, step);
    const outcome = step.run(view);
    if (outcome?.kind === 'wait') return outcome;
    const to = outcome ? outcome.to.at : pc + 1;
    if (outcome && !step.jumps.includes(outcome.to)) throw undeclaredJump(step, actor);
    view.local = { ...view.local, pc: to };
    return {
      kind: 'move',
      state: next,
      text: view.text ?? step.text,
      errors: view.errors,
      delivered: view.delivered,
    };
  }
}

function undeclaredJump({ text }: Step, { name }: Actor): Error {
  return new Error(`step "${text}" of ${name} jumps where it does not declare to`);
}

/** Something wrong that an exploration found; the same thing met on another way has the same signature. */
export interface Finding {
  readonly kind: FindingKind;
  readonly signature: string;
  readonly message: string;
  /** Actors that take part in it. */
  readonly actors: readonly string[];
}

export function errorFinding(actor: Actor, { kind, message }: StepError): Finding {
  return { kind, message, actors: [actor.name], signature: `${kind}|${actor.name}|${message}` };
}
