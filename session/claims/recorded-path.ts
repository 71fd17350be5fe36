/** What a run did, for the verifier to be held against: its path, and what it had in registers and on the stack. */
import { State } from '../../bpf/abi.ts';
import { kernelAddress } from '../../bpf/address.ts';
import { Limit } from '../../bpf/isa.ts';
import { type LoadedProgram, type RunOptions, type RunResult, type Vm, VmProgram } from '../../vm/index.ts';

export const REGISTERS = 11;

export interface RecordedPath {
  /** Instruction of each step, in slots. */
  readonly slots: number[];
  /** Frames below the current one. */
  readonly depths: number[];
  /** r0..r10 before each step. */
  readonly registers: BigUint64Array[];
  /** The current frame's 512 bytes of stack before each step, lowest address first. */
  readonly stacks: Uint8Array[];
  /** The context's address. */
  readonly context: bigint;
  /** The run went on, in another program or beyond the limit, but was not recorded any further. */
  readonly cut: boolean;
}

export interface RecordedPathRun {
  readonly result: RunResult;
  readonly path: RecordedPath;
}

/**
 * Runs a program one instruction at a time.
 * @param limit steps that are recorded; each takes some 700 bytes.
 */
export function recordPath(
  vm: Vm,
  program: LoadedProgram,
  context: bigint,
  options: RunOptions,
  limit: number,
): RecordedPathRun {
  const slots: number[] = [];
  const depths: number[] = [];
  const registers: BigUint64Array[] = [];
  const stacks: Uint8Array[] = [];
  const path = (cut: boolean): RecordedPath => ({ slots, depths, registers, stacks, context, cut });
  vm.start(program, [context], options);
  while (slots.length < limit && vm.program === program.record) {
    slots.push(vm.pc);
    depths.push(vm.depth);
    registers.push(new BigUint64Array(vm.ram.buffer.slice(State.Regs, State.Regs + 8 * REGISTERS)));
    stacks.push(stackOf(vm));
    const result = vm.resume(1);
    if (result.status !== 'suspended') return { result, path: path(false) };
  }
  return { result: vm.resume(options.budget), path: path(true) };
}

function stackOf(vm: Vm): Uint8Array {
  const top = Number(vm.ram.view.getBigUint64(State.Regs + 80, true) - kernelAddress(0));
  return new Uint8Array(vm.ram.buffer.slice(top - Limit.Stack, top));
}

/** A program whose runs are recorded. */
export class RecordingProgram extends VmProgram {
  readonly paths: RecordedPath[] = [];
  private readonly machine: Vm;
  private readonly limit: number;

  /** @param limit steps of each run that are recorded. */
  constructor(vm: Vm, program: VmProgram, limit: number) {
    super(vm, program.source, program.loaded, program.facts);
    this.machine = vm;
    this.limit = limit;
  }

  override run(context: bigint, options: RunOptions = {}): RunResult {
    const { result, path } = recordPath(this.machine, this.loaded, context, options, this.limit);
    this.paths.push(path);
    return result;
  }
}
