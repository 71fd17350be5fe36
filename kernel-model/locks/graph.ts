/** The graph that an exploration makes: states are numbers from 0, the start. */

/** The transitions, and the questions asked of the graph they make. */
export class EdgeList {
  private readonly from: number[] = [];
  private readonly to: number[] = [];
  private readonly actor: number[] = [];
  private readonly output: boolean[] = [];

  get length(): number {
    return this.from.length;
  }

  add(from: number, to: number, actor: number, output: boolean): void {
    this.from.push(from);
    this.to.push(to);
    this.actor.push(actor);
    this.output.push(output);
  }

  cyclic(states: number): boolean {
    return this.order(states) === undefined;
  }

  /** States so that all transitions lead forwards; undefined when there is no such order. */
  private order(states: number): number[] | undefined {
    const incoming = new Int32Array(states);
    for (const to of this.to) incoming[to] = (incoming[to] as number) + 1;
    const { start, edges } = index(this.from, states);
    const order = [0];
    for (const state of order)
      for (let i = start[state] as number; i < (start[state + 1] as number); i++) {
        const to = this.to[edges[i] as number] as number;
        incoming[to] = (incoming[to] as number) - 1;
        if (incoming[to] === 0) order.push(to);
      }
    return order.length === states && incoming[0] === 0 ? order : undefined;
  }

  /** Number of ways from the start to a state without transitions; undefined when one can go round. */
  paths(states: number): bigint | undefined {
    const order = this.order(states);
    if (!order) return undefined;
    const { start, edges } = index(this.from, states);
    const ways = new Map<number, bigint>([[0, 1n]]);
    let ends = 0n;
    for (const state of order) {
      const here = ways.get(state) ?? 0n;
      ways.delete(state);
      if (start[state] === start[state + 1]) ends += here;
      for (let i = start[state] as number; i < (start[state + 1] as number); i++) {
        const to = this.to[edges[i] as number] as number;
        ways.set(to, (ways.get(to) ?? 0n) + here);
      }
    }
    return ends;
  }

  /** 1 for each state from which an actor can still make a step. */
  reaching(states: number, actor: number): Uint8Array {
    const { start, edges } = index(this.to, states);
    const marked = new Uint8Array(states);
    const queue: number[] = [];
    const mark = (state: number) => {
      if (marked[state] === 1) return;
      marked[state] = 1;
      queue.push(state);
    };
    for (const [edge, mover] of this.actor.entries()) if (mover === actor) mark(this.from[edge] as number);
    for (let state = queue.pop(); state !== undefined; state = queue.pop())
      for (let i = start[state] as number; i < (start[state + 1] as number); i++)
        mark(this.from[edges[i] as number] as number);
    return marked;
  }

  /** For each actor that can hand out output round and round: where, and who. */
  outputCycles(states: number): [state: number, actor: number][] {
    const component = this.components(states);
    const found = new Map<number, number>();
    for (const [edge, output] of this.output.entries()) {
      if (!output) continue;
      const from = this.from[edge] as number;
      if (component[from] !== component[this.to[edge] as number]) continue;
      const actor = this.actor[edge] as number;
      found.set(actor, Math.min(found.get(actor) ?? from, from));
    }
    return [...found].map(([actor, state]) => [state, actor]);
  }

  /** 1 for each state of a loop that cannot be left. */
  inescapable(states: number): Uint8Array {
    const component = this.components(states);
    const left = new Set<number>();
    const looping = new Set<number>();
    for (const [edge, from] of this.from.entries()) {
      const same = component[from] === component[this.to[edge] as number];
      (same ? looping : left).add(component[from] as number);
    }
    return Uint8Array.from(component, (number) => (looping.has(number) && !left.has(number) ? 1 : 0));
  }

  /** Number of the strongly connected component of each state. */
  private components(states: number): Int32Array {
    const { start, edges } = index(this.from, states);
    const component = new Int32Array(states).fill(-1);
    const low = new Int32Array(states);
    const entered = new Int32Array(states).fill(-1);
    const cursor = start.slice();
    const open: number[] = [];
    const path = [0];
    let count = 0;
    let time = 0;
    for (let state = path.at(-1); state !== undefined; state = path.at(-1)) {
      if (entered[state] === -1) {
        entered[state] = time;
        low[state] = time++;
        open.push(state);
      }
      const at = cursor[state] as number;
      if (at < (start[state + 1] as number)) {
        cursor[state] = at + 1;
        const to = this.to[edges[at] as number] as number;
        if (entered[to] === -1) path.push(to);
        else if (component[to] === -1) low[state] = Math.min(low[state] as number, entered[to] as number);
        continue;
      }
      path.pop();
      const above = path.at(-1);
      if (above !== undefined) low[above] = Math.min(low[above] as number, low[state] as number);
      if (low[state] !== entered[state]) continue;
      for (let member = open.pop(); member !== undefined; member = open.pop()) {
        component[member] = count;
        if (member === state) break;
      }
      count++;
    }
    return component;
  }
}

/** Edge numbers sorted by one of their ends. */
function index(ends: readonly number[], states: number): { start: Int32Array; edges: Int32Array } {
  const start = new Int32Array(states + 1);
  for (const end of ends) start[end + 1] = (start[end + 1] as number) + 1;
  for (let i = 0; i < states; i++) start[i + 1] = (start[i + 1] as number) + (start[i] as number);
  const cursor = start.slice();
  const edges = new Int32Array(ends.length);
  for (const [edge, end] of ends.entries()) {
    const at = cursor[end] as number;
    cursor[end] = at + 1;
    edges[at] = edge;
  }
  return { start, edges };
}
