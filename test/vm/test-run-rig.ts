/** Programs in assembly, verified and then run as BPF_PROG_TEST_RUN does it. */
import { assemble } from '../../bpf/asm.ts';
import { AttachType, ProgFlag, ProgType } from '../../loader/prog-type.ts';
import type { Program } from '../../loader/program.ts';
import { createVerifier } from '../../verifier/node.ts';
import type { Verifier } from '../../verifier/verifier.ts';
import { installHelpers } from '../../vm/helpers/index.ts';
import { MapTable } from '../../vm/maps.ts';
import { createVm } from '../../vm/node.ts';
import { loadVmProgram, type VmProgram } from '../../vm/object.ts';
import { type TestInput, type TestResult, testRun } from '../../vm/test-run/index.ts';
import type { Vm } from '../../vm/vm.ts';
import { TestKernel } from './helper-rig.ts';

const ROOT = 15;

export { ProgType };

export class TestRunRig {
  readonly vm: Vm;
  private readonly verifier: Verifier;
  private readonly kernel = new TestKernel();

  private constructor(vm: Vm, verifier: Verifier) {
    this.vm = vm;
    this.verifier = verifier;
    installHelpers(vm, this.kernel, new MapTable(vm));
  }

  static async create(): Promise<TestRunRig> {
    return new TestRunRig(await createVm(), await createVerifier('6.12'));
  }

  /** Verifies and loads. @throws {Error} with the log when the program is rejected. */
  load(type: ProgType, text: string, verified = true): VmProgram {
    const insns = assemble(text);
    const verdict = this.verifier.verify({
      insns,
      progType: type,
      expectedAttachType: type === ProgType.SkLookup ? AttachType.SkLookup : 0,
      progFlags: type === ProgType.Syscall ? ProgFlag.Sleepable : 0,
      license: 'GPL',
      caps: ROOT,
      logLevel: 1,
      funcInfo: [],
      lineInfo: [],
      maps: [],
      attachBtfId: 0,
      facts: true,
    });
    if (!verdict.accepted) throw new Error(verdict.log);
    const program: Program = {
      name: 'test',
      section: '',
      type,
      expectedAttachType: 0,
      flags: 0,
      autoload: true,
      prepared: true,
      insns,
      subprogs: [],
      funcInfo: [],
      lineInfo: [],
      missing: [],
    };
    const references = {
      maps: [],
      services: this.kernel,
      moduleBtf: () => this.kernel.btf,
      helpers: {},
      unmodelled: (name: string) => this.vm.numberUnmodelled(name),
    };
    return loadVmProgram(this.vm, program, references, {
      facts: verified ? verdict.facts : undefined,
    });
  }

  run(type: ProgType, text: string, input: TestInput): TestResult {
    return testRun(this.vm, this.load(type, text), input);
  }
}

/** An Ethernet frame: zero addresses, a type, and so many bytes counting from 0. */
export function frame(type: number, length: number): Uint8Array {
  const bytes = new Uint8Array(14 + length);
  bytes[12] = type >> 8;
  bytes[13] = type & 0xff;
  for (let i = 0; i < length; i++) bytes[14 + i] = i & 0xff;
  return bytes;
}
