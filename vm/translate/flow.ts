/**
 * Flow of control of one function as WebAssembly can express it: what becomes a loop, what a block. After N. Ramsey,
 * "Beyond Relooper" (ICFP 2022).
 */
import type { Blocks } from './blocks.ts';
import { dominates, dominators, type Graph, predecessors } from './graph.ts';
import { Untranslatable } from './untranslatable.ts';

/** A node without instructions, of a function that is in parts (parts.ts). */
export type Special =
  /** The part begins with a block of a smaller number, which the jump goes to, or another one. */
  | { kind: 'dispatch'; below: number }
  /** Another part goes on, with this block. */
  | { kind: 'leave'; part: number; block: number };

export class Flow {
  readonly graph: Graph;
  /** Nodes of the graph. */
  readonly count: number;
  /** What nodes are that stand for no block. */
  readonly special: ReadonlyMap<number, Special>;
  /** Nodes that a part of a function may begin with. */
  readonly entries: ReadonlySet<number>;
  /** Nodes that other than one forward edge leads to get a WebAssembly block that ends in front of them. */
  readonly isMerge: Uint8Array;
  /** Targets of back edges. */
  readonly isHeader: Uint8Array;
  /** Merge nodes that each dominates immediately, last in order first. */
  readonly merges: readonly (readonly number[])[];

  /** @throws {Untranslatable} when a loop has several entries. */
  constructor(
    program: Blocks,
    graph: Graph,
    special: ReadonlyMap<number, Special> = new Map(),
    entries: ReadonlySet<number> = new Set(),
  ) {
    this.graph = graph;
    this.special = special;
    this.entries = entries;
    const { blocks } = this.graph;
    this.count = blocks.length;
    const edges = predecessors(this.graph);
    const idom = dominators(edges);
    this.isMerge = new Uint8Array(this.count);
    this.isHeader = new Uint8Array(this.count);
    const merges: number[][] = Array.from(blocks, () => []);
    for (let to = this.count - 1; to >= 0; to--) {
      let forward = 0;
      for (const from of edges[to] ?? []) {
        if (from < to) forward++;
        else if (dominates(idom, to, from)) this.isHeader[to] = 1;
        else
          throw new Untranslatable(
            `a loop has several entries (insn ${program.start[blocks[to] as number]})`,
          );
      }
      if (forward < 2) continue;
      this.isMerge[to] = 1;
      merges[idom[to] as number]?.push(to);
    }
    this.merges = merges;
  }
}
