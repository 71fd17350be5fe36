/**
 * Small innermost loops, several rounds at a time. A round of a loop costs a look at the fuel and one for the
 * engine's own interrupts; in the copies of the loop's nodes there is neither, and what a round owes is paid once
 * for all of them.
 */
import { type Blocks, NONE } from './blocks.ts';
import { dominates, dominators, type Graph, order, predecessors } from './graph.ts';

/** Instructions that a loop may have after unrolling, and rounds. */
const MAX_INSNS = 64;
const MAX_ROUNDS = 4;

/** A loop to unroll. */
interface Copies {
  nodes: ReadonlySet<number>;
  header: number;
  rounds: number;
}

export function unroll(program: Blocks, graph: Graph): Graph {
  const count = graph.blocks.length;
  const loops = new Map<number, Copies>();
  for (const loop of smallLoops(program, graph)) for (const node of loop.nodes) loops.set(node, loop);
  if (loops.size === 0) return graph;
  // Copy c of a node has its number plus c times the size of the graph.
  const way = (node: number, ways: Int32Array): number => {
    const copy = Math.floor(node / count);
    const from = node % count;
    const to = ways[from] as number;
    const loop = loops.get(from);
    if (to === NONE || !loop?.nodes.has(to)) return to;
    const next = to === loop.header ? (copy + 1) % loop.rounds : copy;
    return next * count + to;
  };
  return order(0, {
    block: (node) => graph.blocks[node % count] as number,
    taken: (node) => way(node, graph.taken),
    fall: (node) => way(node, graph.fall),
  });
}

/** Innermost loops worth it: short, and without calls. */
function* smallLoops(program: Blocks, graph: Graph): Generator<Copies> {
  const edges = predecessors(graph);
  const idom = dominators(edges);
  const headers = new Map<number, number[]>();
  edges.forEach((from, header) => {
    const back = from.filter((node) => node >= header && dominates(idom, header, node));
    if (back.length > 0) headers.set(header, back);
  });
  for (const [header, back] of headers) {
    const nodes = loopNodes(header, back, edges);
    if (!nodes || [...nodes].some((node) => node !== header && headers.has(node))) continue;
    const blocks = [...nodes].map((node) => graph.blocks[node] as number);
    if (blocks.some((block) => program.hasCall(block))) continue;
    const insns = blocks.reduce((sum, block) => sum + program.insns(block), 0);
    const rounds = Math.min(MAX_ROUNDS, Math.floor(MAX_INSNS / Math.max(insns, 1)));
    if (rounds > 1) yield { nodes, header, rounds };
  }
}

/** Nodes from which the back edges are reached without the header; undefined when there are many. */
function loopNodes(
  header: number,
  back: readonly number[],
  edges: readonly (readonly number[])[],
): Set<number> | undefined {
  const nodes = new Set([header]);
  const work = [...back];
  for (let node = work.pop(); node !== undefined; node = work.pop()) {
    if (nodes.has(node)) continue;
    nodes.add(node);
    if (nodes.size > MAX_INSNS) return undefined;
    work.push(...(edges[node] ?? []));
  }
  return nodes;
}
