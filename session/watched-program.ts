/** A program whose runs something looks at, wherever they are started. */
import { type RunOptions, type RunResult, type Vm, VmProgram } from '../vm/index.ts';
import type { Runner } from './session.ts';

export class WatchedProgram extends VmProgram {
  private readonly watched: VmProgram;
  private readonly runner: Runner;

  /** @param runner runs it in place of its own `run`. */
  constructor(vm: Vm, watched: VmProgram, runner: Runner) {
    super(vm, watched.source, watched.loaded, watched.facts);
    this.watched = watched;
    this.runner = runner;
  }

  override run(context: bigint, options: RunOptions = {}): RunResult {
    return this.runner(this.watched, context, options);
  }
}
