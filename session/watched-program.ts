/** A program whose runs something looks at, wherever they are started. */
import { type RunOptions, type RunResult, type Vm, VmProgram } from '../vm/index.ts';
import type { Runner } from './session.ts';

export class WatchedProgram extends VmProgram {
  private readonly runner: Runner;

  /** @param runner runs it in place of its own `run`. */
  constructor(vm: Vm, { source, loaded, facts }: VmProgram, runner: Runner) {
    super(vm, source, loaded, facts);
    this.runner = runner;
  }

  override run(context: bigint, options: RunOptions = {}): RunResult {
    return this.runner(this, context, options);
  }
}
