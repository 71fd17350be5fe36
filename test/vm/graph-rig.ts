/** The programs of objects/graph.c: they share a struct of variables, which begins with the key they work on. */
import type { Tier } from '../../vm/program.ts';
import { CompiledRig, openCompiled } from './compiled-rig.ts';
import { u32 } from './helper-rig.ts';

const graph = await openCompiled('graph.bpf.o');
const VARIABLES = 'graph.bss';

export class GraphRig {
  readonly programs: CompiledRig;

  private constructor(programs: CompiledRig) {
    this.programs = programs;
  }

  static async create(tier: Tier): Promise<GraphRig> {
    return new GraphRig(await CompiledRig.create(graph, tier));
  }

  /** Objects that something owns. */
  get live(): number {
    return this.programs.live;
  }

  get found(): number {
    return this.variable(1);
  }

  /** How often `less` has been called. */
  get compared(): number {
    return this.variable(2);
  }

  /** Runs a program with a key. @returns what it returns, as a C int */
  run(name: string, key = 0): number {
    const variables = this.programs.map(VARIABLES);
    const value = variables.get(u32(0)) as Uint8Array;
    new DataView(value.buffer).setBigUint64(0, BigInt(key), true);
    variables.update(u32(0), value);
    return this.programs.run(name, { data: new Uint8Array(64) });
  }

  /** Keys of the tree's items in order, which it loses. */
  drainTree(): number[] {
    const keys: number[] = [];
    while (this.run('take_first') === 0) keys.push(this.found);
    return keys;
  }

  private variable(index: number): number {
    const value = this.programs.map(VARIABLES).get(u32(0)) as Uint8Array;
    return Number(new DataView(value.buffer).getBigUint64(8 * index, true));
  }
}
