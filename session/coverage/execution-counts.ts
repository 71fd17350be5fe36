/** How often the instructions of programs were executed, and where their conditional jumps went. */
import { readInsns } from '../../bpf/decode.ts';
import { Class, Jmp } from '../../bpf/isa.ts';
import type { VmProgram } from '../../vm/index.ts';
import type { Runner, Session } from '../session.ts';
import { WatchedProgram } from '../watched-program.ts';

/** Counts by slot of the program. */
export interface ExecutionCounts {
  readonly program: VmProgram;
  readonly executed: Float64Array;
  /** Of conditional jumps: how often they jumped. */
  readonly jumped: Float64Array;
}

/**
 * Looks on while a session runs programs, one instruction at a time: some hundred times slower than a run of its own.
 * What was counted adds up over all runs.
 */
export class ExecutionCounter {
  private readonly session: Session;
  /** By the record that the vm knows a program by: tail calls go from one to another. */
  private readonly counts = new Map<number, ExecutionCounts>();

  /** @param programs those that may run. */
  constructor(session: Session, programs: Iterable<VmProgram>) {
    this.session = session;
    for (const program of programs) {
      const { record, slots } = program.loaded;
      const counts = { program, executed: new Float64Array(slots), jumped: new Float64Array(slots) };
      this.counts.set(record, counts);
    }
    session.runner = this.run;
  }

  results(): ExecutionCounts[] {
    return [...this.counts.values()];
  }

  /** The same program, whose runs are counted wherever they are started. */
  counting(program: VmProgram): VmProgram {
    return new WatchedProgram(this.session.vm, program, this.run);
  }

  /** Runs it, one instruction at a time. */
  readonly run: Runner = (program, context, options) => {
    const { vm } = this.session;
    const budget = options.budget ?? Number.POSITIVE_INFINITY;
    vm.start(program.loaded, [context], options);
    for (let done = 0; done < budget; done++) {
      const slot = vm.pc;
      const counts = this.counts.get(vm.program);
      if (counts) counts.executed[slot] = (counts.executed[slot] ?? 0) + 1;
      const result = vm.resume(1);
      if (result.status !== 'suspended') return result;
      if (counts && vm.pc !== slot + 1) counts.jumped[slot] = (counts.jumped[slot] ?? 0) + 1;
    }
    return vm.resume(0);
  };
}

/** Slots of the conditional jumps of a program. */
export function conditionalJumps(program: VmProgram): number[] {
  const slots: number[] = [];
  for (const { code, slot } of readInsns(program.source.insns)) {
    const cls = code & Class.Mask;
    const op = code & Jmp.Mask;
    const isJump = cls === Class.Jmp || cls === Class.Jmp32;
    if (isJump && op !== Jmp.Ja && op !== Jmp.Call && op !== Jmp.Exit) slots.push(slot);
  }
  return slots;
}
