/** Runs inside of runs: kernel functions that call BPF programs themselves, as a mock of one may. */
import { State } from '../bpf/abi.ts';
import { Limit } from '../bpf/isa.ts';
import type { LoadedProgram } from './program.ts';
import type { RunOptions, RunResult, Vm } from './vm.ts';

const STACKS_SIZE = Limit.Frames * Limit.Stack;
/** The state of a run. */
const STATE_SIZE = State.End - State.Regs;

/**
 * Runs a program from start to end while a helper is being answered, on stacks of its own; the run that has called the
 * helper then goes on as if nothing had been. It is the interpreter that runs it, whatever the program's tier.
 * @throws {OutOfMemory}
 */
export function runNested(
  vm: Vm,
  program: LoadedProgram,
  context: bigint,
  options: RunOptions = {},
): RunResult {
  const { ram, core } = vm;
  const saved = new Uint8Array(ram.buffer, State.Regs, STATE_SIZE).slice();
  const stacks = ram.alloc(STACKS_SIZE, 4096);
  ram.view.setUint32(State.Stacks, stacks, true);
  try {
    vm.start(program, [context], options);
    return vm.resume(options.budget);
  } finally {
    new Uint8Array(ram.buffer).set(saved, State.Regs);
    ram.free(stacks, STACKS_SIZE);
    // How deep the outer run has been is not known any more.
    core.exports.markDepth(Limit.Frames - 1);
  }
}
