/**
 * Functions too long for one WebAssembly function: optimising compilers take time that grows faster than a function.
 * Such a one becomes several, its parts, and one that calls them: a part ends with the block that another one, or
 * itself, goes on with. Registers stand in the state record in between.
 */
import { State } from '../../bpf/abi.ts';
import { Limit } from '../../bpf/isa.ts';
import { type Blocks, NONE } from './blocks.ts';
import { Code } from './code.ts';
import { Flow, type Special } from './flow.ts';
import { dominates, dominators, type Graph, order, predecessors } from './graph.ts';
import { Type, Wasm } from './wasm-op.ts';

/** @param limit instructions of a part, which it has more of only when its one block has. */
export function takeApart(program: Blocks, whole: Graph, limit: number): Flow[] {
  return new Splitter(program, whole, limit).flows();
}

class Splitter {
  private readonly program: Blocks;
  private readonly whole: Graph;
  /** Nodes of the whole function: first one of each part, and their number. */
  private readonly starts: number[] = [0];
  private readonly partOf: Int32Array;
  /** Nodes that parts begin with. */
  private readonly entries = new Set([0]);
  /** Ways within a part that it takes by ending: `2 * node`, and 1 more for the way without a jump. */
  private readonly cut = new Set<number>();

  constructor(program: Blocks, whole: Graph, limit: number) {
    this.program = program;
    this.whole = whole;
    const count = whole.blocks.length;
    this.partOf = new Int32Array(count);
    for (let node = 0, insns = 0; node < count; node++) {
      const more = program.insns(whole.blocks[node] as number);
      if (insns > 0 && insns + more > limit) {
        this.starts.push(node);
        insns = 0;
      }
      insns += more;
      this.partOf[node] = this.starts.length - 1;
    }
    for (let node = 0; node < count; node++) {
      for (const next of [whole.taken[node], whole.fall[node]] as number[])
        if (next !== NONE && this.partOf[next] !== this.partOf[node]) this.entries.add(next);
    }
    this.starts.push(count);
  }

  flows(): Flow[] {
    return this.starts.slice(1).map((_, part) => this.flow(part));
  }

  /** A loop that can be entered elsewhere than at its header goes back by ending the part. */
  private flow(part: number): Flow {
    for (;;) {
      const { graph, nodes } = this.graph(part);
      const edges = predecessors(graph);
      const idom = dominators(edges);
      let reducible = true;
      edges.forEach((from, to) => {
        for (const node of from) {
          if (node < to || dominates(idom, to, node)) continue;
          reducible = false;
          this.cutWay(nodes[node] as number, nodes[to] as number);
        }
      });
      if (reducible) return new Flow(this.program, graph, this.specials(nodes), this.entriesAmong(nodes));
    }
  }

  private cutWay(from: number, to: number): void {
    if (this.whole.taken[from] === to) this.cut.add(2 * from);
    if (this.whole.fall[from] === to) this.cut.add(2 * from + 1);
    this.entries.add(to);
  }

  /**
   * What a part consists of. Numbers beyond the nodes of the whole function are those that choose where to begin, by
   * the entry that they compare with, and behind them the ends, by the node that another part goes on with.
   */
  private graph(part: number): { graph: Graph; nodes: number[] } {
    const { whole, program } = this;
    const count = whole.blocks.length;
    const nodes: number[] = [];
    const entries = this.entriesOf(part);
    const choices = new Map<number, [taken: number, fall: number]>();
    const choose = (from: number, to: number): number => {
      if (to - from === 1) return entries[from] as number;
      const middle = (from + to) >> 1;
      const choice = count + (entries[middle] as number);
      choices.set(choice, [choose(from, middle), choose(middle, to)]);
      return choice;
    };
    const way = (node: number, ways: Int32Array, index: 0 | 1): number => {
      if (node >= count) return choices.get(node)?.[index] ?? NONE;
      const to = ways[node] as number;
      if (to === NONE || (this.partOf[to] === part && !this.cut.has(2 * node + index))) return to;
      return 2 * count + to;
    };
    const graph = order(choose(0, entries.length), {
      block: (node) => {
        nodes.push(node);
        return node < count ? (whole.blocks[node] as number) : program.empty;
      },
      taken: (node) => way(node, whole.taken, 0),
      fall: (node) => way(node, whole.fall, 1),
    });
    return { graph, nodes };
  }

  /** Entries of a part, by the numbers of their blocks. */
  private entriesOf(part: number): number[] {
    const entries: number[] = [];
    for (let node = this.starts[part] as number; node < (this.starts[part + 1] as number); node++)
      if (this.entries.has(node)) entries.push(node);
    return entries.sort((a, b) => this.blockOf(a) - this.blockOf(b));
  }

  private blockOf(node: number): number {
    return this.whole.blocks[node] as number;
  }

  private specials(nodes: readonly number[]): Map<number, Special> {
    const count = this.whole.blocks.length;
    const specials = new Map<number, Special>();
    nodes.forEach((node, number) => {
      if (node < count) return;
      if (node < 2 * count) specials.set(number, { kind: 'dispatch', below: this.blockOf(node - count) });
      else {
        const to = node - 2 * count;
        specials.set(number, { kind: 'leave', part: this.partOf[to] as number, block: this.blockOf(to) });
      }
    });
    return specials;
  }

  private entriesAmong(nodes: readonly number[]): Set<number> {
    return new Set(nodes.flatMap((node, number) => (this.entries.has(node) ? [number] : [])));
  }
}

/**
 * The function that calls parts, one after the other, until one returns for good.
 * @param params registers that it takes, in order; the fuel follows
 * @param parts numbers of the parts in the module
 */
export function emitCaller(params: readonly number[], parts: readonly number[], entry: number): Code {
  const code = new Code(params.length + 1);
  const fuel = params.length;
  const r0 = code.local(Type.I64);
  const part = code.local(Type.I32);
  params.forEach((register, local) => {
    code.i32(0);
    code.get(local);
    code.memory(Wasm.I64Store, State.Regs + 8 * register);
  });
  code.i32(0);
  code.i64(Limit.MayGoto);
  code.memory(Wasm.I64Store, State.MayGoto);
  emitStore(code, State.PartEntry, entry);
  code.open(Wasm.Loop);
  code.open(Wasm.Block);
  for (const _ of parts) code.open(Wasm.Block);
  code.get(part);
  code.brTable(parts.length);
  parts.forEach((number, index) => {
    code.end();
    code.get(fuel);
    code.call(number);
    code.set(fuel);
    code.set(r0);
    code.br(parts.length - 1 - index);
  });
  code.end();
  code.i32(0);
  code.memory(Wasm.I32Load, State.Part);
  code.tee(part);
  code.open(Wasm.If);
  emitStore(code, State.Part, 0);
  code.get(part);
  code.i32(1);
  code.op(Wasm.I32Sub);
  code.set(part);
  code.br(1);
  code.end();
  code.end();
  code.get(r0);
  code.get(fuel);
  return code;
}

/** Stores an i32 in the state record. */
export function emitStore(code: Code, at: number, value: number): void {
  code.i32(0);
  code.i32(value);
  code.memory(Wasm.I32Store, at);
}
