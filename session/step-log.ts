/** Every instruction that runs, as a line of text, with what it changed in the registers and the source above it. */
import { State } from '../bpf/abi.ts';
import type { Vm, VmObject, VmProgram } from '../vm/index.ts';
import { type ListingLine, listing } from './debugger/listing.ts';
import type { Runner, Session } from './session.ts';
import { WatchedProgram } from './watched-program.ts';

/** r10 is the frame's, and changes with calls alone. */
const SHOWN = 10;
const TEXT_WIDTH = 40;

/** What is printed before an instruction, and the instruction itself. */
interface Step {
  readonly above: string[];
  readonly text: string;
}

interface ProgramSteps {
  readonly name: string;
  readonly steps: ReadonlyMap<number, Step>;
}

export class StepLog {
  private readonly session: Session;
  private readonly write: (text: string) => void;
  /** By the record that the vm knows a program by: tail calls go from one to another. */
  private readonly programs = new Map<number, ProgramSteps>();

  /** From here on all runs of the session's programs are logged. @param object those that may run. */
  constructor(session: Session, object: VmObject, write: (text: string) => void) {
    this.session = session;
    this.write = write;
    const { profile } = session.machine;
    for (const { name, source, loaded } of object.programs.values()) {
      const lines = listing(object.source, source, {
        helperName: (id) => profile.dialect.helpers[String(id)],
        kfuncName: (id, module) => (module === 0 ? profile.btf.name(id) : undefined),
      });
      this.programs.set(loaded.record, { name, steps: stepsOf(lines) });
    }
    session.runner = this.run;
  }

  /** The same program, whose runs are logged wherever they are started. */
  logging(program: VmProgram): VmProgram {
    return new WatchedProgram(this.session.vm, program, this.run);
  }

  /** Runs it, one instruction at a time. */
  readonly run: Runner = (program, context, options) => {
    const { vm } = this.session;
    const budget = options.budget ?? Number.POSITIVE_INFINITY;
    vm.start(program.loaded, [context], options);
    let running: ProgramSteps | undefined;
    for (let done = 0; done < budget; done++) {
      const current = this.programs.get(vm.program);
      if (current !== running) this.write(`${current?.name ?? 'another program'}:\n`);
      running = current;
      const [step, indent] = [current?.steps.get(vm.pc), '  '.repeat(vm.depth)];
      const before = registers(vm);
      const result = vm.resume(1);
      if (step) this.write(lines(step, indent, changes(before, registers(vm))));
      if (result.status !== 'suspended') return result;
    }
    return vm.resume(0);
  };
}

function stepsOf(listed: readonly ListingLine[]): Map<number, Step> {
  const steps = new Map<number, Step>();
  let above: string[] = [];
  for (const line of listed) {
    if (line.kind === 'source') above.push(`; ${line.place}  ${line.text}`);
    else if (line.kind === 'insn') {
      steps.set(line.slot, { above, text: `${String(line.slot).padStart(5)}: ${line.text}` });
      above = [];
    }
  }
  return steps;
}

function lines({ above, text }: Step, indent: string, changed: string): string {
  const source = above.map((line) => `${indent}${line}\n`).join('');
  const insn = changed === '' ? text : `${text.padEnd(TEXT_WIDTH)} ${changed}`;
  return `${source}${indent}${insn}\n`;
}

function registers({ ram }: Vm): bigint[] {
  return Array.from({ length: SHOWN }, (_, reg) => ram.view.getBigUint64(State.Regs + 8 * reg, true));
}

function changes(before: readonly bigint[], after: readonly bigint[]): string {
  const changed = after.flatMap((value, reg) =>
    value === before[reg] ? [] : `r${reg}=0x${value.toString(16)}`,
  );
  return changed.join(' ');
}
