/** The programs of an object of objects/, verified and loaded together: they share their maps. */
import { readFileSync } from 'node:fs';
import type { InsnFacts } from '../../bpf/insn-facts.ts';
import { openProfile } from '../../kernel-model/profile-node.ts';
import { type BpfObject, loadObject } from '../../loader/index.ts';
import { requestOf } from '../../verifier/examine.ts';
import { verifierLoadOptions } from '../../verifier/load-options-node.ts';
import { createVerifier } from '../../verifier/node.ts';
import { installHelpers } from '../../vm/helpers/index.ts';
import { MapTable, type VmMap } from '../../vm/maps.ts';
import { createVm } from '../../vm/node.ts';
import { VmObject } from '../../vm/object.ts';
import type { Tier } from '../../vm/program.ts';
import { type TestInput, testRun } from '../../vm/test-run/index.ts';
import type { Vm } from '../../vm/vm.ts';
import { TestKernel } from './helper-rig.ts';

const KERNEL = '6.12';

/** An object and what verifying its programs has found out. */
export interface Compiled {
  object: BpfObject;
  facts: ReadonlyMap<string, InsnFacts>;
}

/** @throws {Error} with the log of a program that is rejected. */
export async function openCompiled(file: string): Promise<Compiled> {
  const bytes = new Uint8Array(readFileSync(new URL(`objects/${file}`, import.meta.url)));
  const object = loadObject(bytes, { ...verifierLoadOptions(KERNEL), file });
  const verifier = await createVerifier(KERNEL);
  const facts = new Map<string, InsnFacts>();
  for (const program of object.programs) {
    const request = requestOf({ verifier }, { path: file, object, program }, { facts: true, log: 1 });
    const verdict = verifier.verify(request);
    if (!verdict.facts) throw new Error(`${program.name}: ${verdict.log}`);
    facts.set(program.name, verdict.facts);
  }
  return { object, facts };
}

export class CompiledRig {
  readonly vm: Vm;
  readonly kernel: TestKernel;
  private readonly object: VmObject;

  private constructor(vm: Vm, kernel: TestKernel, object: VmObject) {
    this.vm = vm;
    this.kernel = kernel;
    this.object = object;
  }

  static async create({ object, facts }: Compiled, tier: Tier): Promise<CompiledRig> {
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
    return new CompiledRig(vm, kernel, VmObject.load(vm, object, options));
  }

  /** Objects that something owns. */
  get live(): number {
    return this.vm.core.exports.liveObjects() >>> 0;
  }

  map(name: string): VmMap {
    const map = this.object.maps.get(name);
    if (!map) throw new Error(`there is no map ${name}`);
    return map;
  }

  /** What a program returns, as a C int. @throws {Error} when it cannot run or faults */
  run(name: string, input: TestInput): number {
    const { retval, fault, reason } = testRun(this.vm, this.object.program(name), input);
    if (fault || reason) throw new Error(fault?.message ?? reason);
    return retval | 0;
  }

  close(): void {
    this.object.close();
  }
}
