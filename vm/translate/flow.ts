/**
 * Flow of control of one function as WebAssembly can express it: what becomes a loop, what a block. After N. Ramsey,
 * "Beyond Relooper" (ICFP 2022).
 */
import type { Blocks } from './blocks.ts';
import { dominates, dominators, functionGraph, type Graph, predecessors } from './graph.ts';
import { unroll } from './unroll.ts';
import { Untranslatable } from './untranslatable.ts';

export class Flow {
  readonly graph: Graph;
  /** Nodes of the graph. */
  readonly count: number;
  /** Instructions, without those of copies. */
  readonly insns: number;
  /** Nodes that other than one forward edge leads to get a WebAssembly block that ends in front of them. */
  readonly isMerge: Uint8Array;
  /** Targets of back edges. */
  readonly isHeader: Uint8Array;
  /** Merge nodes that each dominates immediately, last in order first. */
  readonly merges: readonly (readonly number[])[];

  /**
   * @param limit instructions that the function may have
   * @throws {Untranslatable} when a loop has several entries, or the function is too long.
   */
  constructor(program: Blocks, entry: number, limit: number) {
    const once = functionGraph(program, entry, limit);
    this.insns = once.blocks.reduce((sum, block) => sum + program.insns(block), 0);
    this.graph = unroll(program, once);
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
