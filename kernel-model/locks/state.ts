/**
 * The state that an exploration goes through: a fixed set of components (a lock, a reference count, a table, an
 * actor's place in its program), each with a small immutable value.
 *
 * Equal values of a component are stored once and numbered, so that a state is a row of numbers: cheap to copy,
 * and compared exactly, without digests that could collide.
 */

/** Value numbers by component id. */
export type State = Int32Array;

export interface Component<V> {
  readonly id: number;
  /** As a trace names it: "ctx->uring_lock (ring)". */
  readonly name: string;
  readonly initial: V;
}

/** A component whatever its values are. */
export type AnyComponent = Component<unknown>;

class Values {
  private readonly all: unknown[] = [];
  private readonly numbers = new Map<string, number>();

  number(value: unknown): number {
    const key = JSON.stringify(value);
    const known = this.numbers.get(key);
    if (known !== undefined) return known;
    const number = this.all.length;
    this.all.push(value);
    this.numbers.set(key, number);
    return number;
  }

  at(number: number): unknown {
    return this.all[number];
  }
}

export class StateSpace {
  readonly components: AnyComponent[] = [];
  private readonly values: Values[] = [];

  /** @param initial a value that JSON can write, never changed in place. */
  define<V>(name: string, initial: V): Component<V> {
    const component: Component<V> = { id: this.components.length, name, initial };
    this.components.push(component);
    this.values.push(new Values());
    return component;
  }

  initial(): State {
    return Int32Array.from(this.components, ({ id, initial }) => this.valuesOf(id).number(initial));
  }

  get<V>(state: State, component: Component<V>): V {
    return this.valuesOf(component.id).at(state[component.id] as number) as V;
  }

  set<V>(state: State, component: Component<V>, value: V): void {
    state[component.id] = this.valuesOf(component.id).number(value);
  }

  private valuesOf(id: number): Values {
    return this.values[id] as Values;
  }
}

/** Equal for equal states and for no others. */
export function stateKey(state: State): string {
  return String.fromCharCode(...new Uint16Array(state.buffer, state.byteOffset, 2 * state.length));
}
