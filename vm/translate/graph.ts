/** Flow of control of one function as a graph of nodes, each of which is a block of the program. */
import { type Blocks, NONE } from './blocks.ts';
import { Untranslatable } from './untranslatable.ts';

/** Nodes are numbered in reverse postorder: 0 is the entry. */
export interface Graph {
  /** Block of the program of each node. Several may be of the same. */
  blocks: Int32Array;
  /** Node that a jump at the end of each goes to, NONE when there is none. */
  taken: Int32Array;
  /** Node that follows when there is no jump or it is not taken. */
  fall: Int32Array;
}

/** How a graph is given: successors of a node, by any numbers. */
interface Ways {
  block: (node: number) => number;
  taken: (node: number) => number;
  fall: (node: number) => number;
}

/**
 * The blocks of a function.
 * @param limit instructions that it may have
 * @throws {Untranslatable} when it has more.
 */
export function functionGraph(program: Blocks, entry: number, limit: number): Graph {
  let insns = 0;
  const count = (block: number): number => {
    insns += program.insns(block);
    if (insns > limit) throw new Untranslatable(`a function has more than ${limit} instructions`);
    return block;
  };
  return order(entry, {
    block: count,
    taken: (block) => program.taken[block] as number,
    fall: (block) => program.fall[block] as number,
  });
}

/** Reachable nodes in reverse postorder. `block` is called once for each. */
export function order(entry: number, ways: Ways): Graph {
  const nodes: number[] = [];
  const blocks: number[] = [];
  const seen = new Set([entry]);
  const stack = [entry];
  // How many successors of each node on the stack have been visited.
  const visited = [0];
  while (stack.length > 0) {
    const node = stack[stack.length - 1] as number;
    const step = visited[visited.length - 1] as number;
    if (step === 2) {
      nodes.push(node);
      stack.pop();
      visited.pop();
      continue;
    }
    visited[visited.length - 1] = step + 1;
    const next = step === 0 ? ways.taken(node) : ways.fall(node);
    if (next === NONE || seen.has(next)) continue;
    seen.add(next);
    stack.push(next);
    visited.push(0);
  }
  nodes.reverse();
  const numbers = new Map(nodes.map((node, number) => [node, number]));
  const number = (node: number): number => (node === NONE ? NONE : (numbers.get(node) as number));
  for (const node of nodes) blocks.push(ways.block(node));
  return {
    blocks: Int32Array.from(blocks),
    taken: Int32Array.from(nodes, (node) => number(ways.taken(node))),
    fall: Int32Array.from(nodes, (node) => number(ways.fall(node))),
  };
}

/** Nodes that lead to each node. */
export function predecessors({ blocks, taken, fall }: Graph): number[][] {
  const edges: number[][] = Array.from(blocks, () => []);
  for (let from = 0; from < blocks.length; from++) {
    for (const next of [taken[from], fall[from]])
      if (next !== undefined && next !== NONE) edges[next]?.push(from);
  }
  return edges;
}

/**
 * Immediate dominator of each node; the entry's is itself (K. Cooper, T. Harvey, K. Kennedy, "A simple, fast
 * dominance algorithm").
 */
export function dominators(edges: readonly (readonly number[])[]): Int32Array {
  const idom = new Int32Array(edges.length).fill(NONE);
  idom[0] = 0;
  let changed = true;
  while (changed) {
    changed = false;
    for (let node = 1; node < idom.length; node++) {
      let best = NONE;
      for (const from of edges[node] ?? []) {
        if (idom[from] === NONE) continue;
        best = best === NONE ? from : intersect(idom, best, from);
      }
      if (best === idom[node]) continue;
      idom[node] = best;
      changed = true;
    }
  }
  return idom;
}

export function dominates(idom: Int32Array, above: number, below: number): boolean {
  let node = below;
  while (node > above) node = idom[node] as number;
  return node === above;
}

function intersect(idom: Int32Array, one: number, other: number): number {
  let [a, b] = [one, other];
  while (a !== b) {
    if (a > b) a = idom[a] as number;
    else b = idom[b] as number;
  }
  return a;
}
