/**
 * Where the paths of a function meet again: the block that every path from a block to the function's end goes
 * through next (Cooper, Harvey and Kennedy, "A Simple, Fast Dominance Algorithm", on the reversed graph).
 */
import type { Block, Budget } from './function-flow.ts';

/** Stands for the end behind all exits. */
const END = 0;

/**
 * By first slot of each block, first slot of the block where its paths meet again; absent where they meet at the
 * function's end only, or never. Undefined when the budget does not suffice.
 */
export function meetingPoints(
  blocks: ReadonlyMap<number, Block>,
  budget: Budget,
): ReadonlyMap<number, number> | undefined {
  const graph = new ReversedGraph(blocks);
  const closest = new Int32Array(graph.order.length).fill(-1);
  closest[END] = END;
  for (let changed = true; changed; ) {
    changed = false;
    for (let node = 1; node < closest.length; node++) {
      if (!budget.spend(1)) return undefined;
      const found = commonOf(graph.successors[node] ?? [], closest, budget);
      if (found === undefined) return undefined;
      if (found < 0 || closest[node] === found) continue;
      closest[node] = found;
      changed = true;
    }
  }
  const result = new Map<number, number>();
  for (let node = 1; node < closest.length; node++) {
    const meeting = closest[node] ?? END;
    if (meeting > END) result.set(graph.order[node] ?? 0, graph.order[meeting] ?? 0);
  }
  return result;
}

/** -1 while nothing is known; undefined when the budget is gone. Numbers fall towards the end. */
function commonOf(nodes: readonly number[], closest: Int32Array, budget: Budget): number | undefined {
  let common = -1;
  for (const node of nodes) {
    if ((closest[node] ?? -1) < 0) continue;
    let other = node;
    if (common < 0) common = node;
    while (common !== other) {
      if (!budget.spend(1)) return undefined;
      if (common > other) common = closest[common] ?? END;
      else other = closest[other] ?? END;
    }
  }
  return common;
}

/** Blocks numbered from the end on, so that a block's number is above that of one that it can only leave through. */
class ReversedGraph {
  /** First slot of the block of each number; that of `END` means nothing. */
  readonly order: number[] = [-1];
  /** Numbers of the blocks that each block goes on with. */
  readonly successors: number[][] = [[]];

  constructor(blocks: ReadonlyMap<number, Block>) {
    const predecessors = new Map<number, number[]>();
    const exits: number[] = [];
    for (const { start, out } of blocks.values()) {
      if (out.successors.length === 0) exits.push(start);
      for (const next of out.successors) {
        const list = predecessors.get(next);
        if (list) list.push(start);
        else predecessors.set(next, [start]);
      }
    }
    const finished = postorder(exits, predecessors);
    this.order.push(...[...finished].reverse());
    const numbers = new Map(this.order.map((start, number) => [start, number]));
    for (const start of this.order.slice(1)) {
      const next = blocks.get(start)?.out.successors ?? [];
      const known = next.flatMap((each) => numbers.get(each) ?? []);
      this.successors.push(next.length === 0 ? [END] : known);
    }
  }
}

function postorder(roots: readonly number[], edges: ReadonlyMap<number, readonly number[]>): number[] {
  const finished: number[] = [];
  const seen = new Set<number>();
  for (const root of roots) {
    if (seen.has(root)) continue;
    seen.add(root);
    const open = [{ node: root, at: 0 }];
    for (let top = open.at(-1); top; top = open.at(-1)) {
      const next = edges.get(top.node)?.[top.at++];
      if (next === undefined) {
        finished.push(top.node);
        open.pop();
      } else if (!seen.has(next)) {
        seen.add(next);
        open.push({ node: next, at: 0 });
      }
    }
  }
  return finished;
}
