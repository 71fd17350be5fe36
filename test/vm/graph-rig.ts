/** The programs of objects/graph.c, verified and loaded together: they share their maps. */
import { readFileSync } from 'node:fs';
import type { InsnFacts } from '../../bpf/insn-facts.ts';
import { openProfile } from '../../kernel-model/profile-node.ts';
import { loadObject } from '../../loader/index.ts';
import { requestOf } from '../../verifier/examine.ts';
import { verifierLoadOptions } from '../../verifier/load-options-node.ts';
import { createVerifier } from '../../verifier/node.ts';
import { installHelpers } from '../../vm/helpers/index.ts';
import { MapTable, type VmMap } from '../../vm/maps.ts';
import { createVm } from '../../vm/node.ts';
import { VmObject } from '../../vm/object.ts';
import type { Tier } from '../../vm/program.ts';
import { testRun } from '../../vm/test-run/index.ts';
import type { Vm } from '../../vm/vm.ts';
import { TestKernel, u32 } from './helper-rig.ts';

const KERNEL = '6.12';
const file = 'graph.bpf.o';
const bytes = new Uint8Array(readFileSync(new URL(`objects/${file}`, import.meta.url)));
const parsed = loadObject(bytes, { ...verifierLoadOptions(KERNEL), file });
const verifier = await createVerifier(KERNEL);
const facts = new Map<string, InsnFacts>();
for (const program of parsed.programs) {
  const request = requestOf({ verifier }, { path: file, object: parsed, program }, { facts: true, log: 1 });
  const verdict = verifier.verify(request);
  if (!verdict.facts) throw new Error(`${program.name}: ${verdict.log}`);
  facts.set(program.name, verdict.facts);
}

export class GraphRig {
  readonly vm: Vm;
  private readonly object: VmObject;
  private readonly variables: VmMap;

  private constructor(vm: Vm, object: VmObject) {
    this.vm = vm;
    this.object = object;
    this.variables = object.maps.get('graph.bss') as VmMap;
  }

  static async create(tier: Tier): Promise<GraphRig> {
    const vm = await createVm();
    const kernel = new TestKernel(openProfile(KERNEL).btf);
    const maps = new MapTable(vm);
    installHelpers(vm, kernel, maps);
    const options = {
      maps,
      services: kernel,
      facts: ({ name }: { name: string }) => facts.get(name),
      tier,
    };
    return new GraphRig(vm, VmObject.load(vm, parsed, options));
  }

  /** Objects that something owns. */
  get live(): number {
    return this.vm.core.exports.liveObjects() >>> 0;
  }

  get found(): number {
    return this.variable(1);
  }

  /** How often `less` has been called. */
  get compared(): number {
    return this.variable(2);
  }

  map(name: string): VmMap {
    return this.object.maps.get(name) as VmMap;
  }

  /** Runs a program with a key. @returns what it returns, as a C int */
  run(name: string, key = 0): number {
    const value = this.variables.get(u32(0)) as Uint8Array;
    new DataView(value.buffer).setBigUint64(0, BigInt(key), true);
    this.variables.update(u32(0), value);
    const { retval, fault, reason } = testRun(this.vm, this.object.program(name), {
      data: new Uint8Array(64),
    });
    if (fault) throw new Error(fault.message);
    if (reason) throw new Error(reason);
    return retval | 0;
  }

  /** Keys of the tree's items in order, which it loses them. */
  drainTree(): number[] {
    const keys: number[] = [];
    while (this.run('take_first') === 0) keys.push(this.found);
    return keys;
  }

  close(): void {
    this.object.close();
  }

  private variable(index: number): number {
    const value = this.variables.get(u32(0)) as Uint8Array;
    return Number(new DataView(value.buffer).getBigUint64(8 * index, true));
  }
}
