/** Runs an iterator over a scene one instruction at a time, and keeps what each step finds. */
import { readInsns } from '../../bpf/decode.ts';
import { CallKind, Class, Jmp } from '../../bpf/isa.ts';
import type { Vm, VmProgram } from '../../vm/index.ts';
import { type Iteration, iterateOne } from '../iterate.ts';
import type { OpenIterator } from '../open-iterator.ts';
import type { LoadedIterator, Runner, Session } from '../session.ts';
import type { IterChoice } from '../targets.ts';
import { Recorder, type Recording } from './recording.ts';

/** Steps that are kept unless another limit is given: 20 MB of them. */
export const MOST_STEPS = 200_000;

/** Class.Jmp calls of what is not a function of the program: what they do is more than registers show. */
const CALL = Class.Jmp | Jmp.Call;

export interface RecordedRun {
  readonly iteration: Iteration;
  readonly recording: Recording;
}

/** Reads the iterator to the end. The session has been used up then. */
export function recordRun(
  session: Session,
  iterator: LoadedIterator,
  choice: IterChoice,
  readSize: number,
  limit: number = MOST_STEPS,
): RecordedRun {
  const observer = new RunObserver(session.vm, limit);
  session.runner = observer.runner;
  const iteration = iterateOne(session, iterator, choice, readSize, (open) => observer.watch(open));
  return {
    iteration: { ...iteration, trace: observer.trace + iteration.trace },
    recording: observer.finish(),
  };
}

/** Runs programs one instruction at a time, and records them. */
export class RunObserver {
  /** What was taken from trace_pipe. */
  trace = '';
  private readonly vm: Vm;
  private readonly recorder: Recorder;
  private open: OpenIterator | undefined;
  private runs = 0;

  constructor(vm: Vm, limit: number = MOST_STEPS) {
    this.vm = vm;
    this.recorder = new Recorder(limit);
  }

  /** The iterator whose output is recorded, too. */
  watch(open: OpenIterator): void {
    this.open = open;
  }

  finish(): Recording {
    return this.recorder.finish();
  }

  readonly runner: Runner = (program, context, options) => {
    const { vm, recorder } = this;
    const run = this.runs++;
    const calls = callSlots(program);
    const budget = options.budget ?? Number.POSITIVE_INFINITY;
    vm.start(program.loaded, [context], options);
    this.lookAtOutput();
    for (let done = 0; !recorder.full && done < budget; done++) {
      const slot = vm.pc;
      recorder.step(vm, run);
      const result = vm.resume(1);
      if (calls.has(slot)) {
        this.lookAtOutput();
        this.lookAtTrace();
      }
      if (result.status !== 'suspended') return result;
    }
    if (recorder.full) recorder.cut();
    return vm.resume(options.budget);
  };

  private lookAtOutput(): void {
    if (!this.open) return;
    const { delivered, seq } = this.open;
    this.recorder.output(delivered + seq.count, (from) =>
      seq.bytes(seq.from + from - delivered, delivered + seq.count - from),
    );
  }

  private lookAtTrace(): void {
    const text = this.vm.takeTrace();
    if (text === '') return;
    this.trace += text;
    this.recorder.traced(text);
  }
}

const known = new WeakMap<VmProgram, ReadonlySet<number>>();

function callSlots(program: VmProgram): ReadonlySet<number> {
  const found = known.get(program);
  if (found) return found;
  const slots = new Set<number>();
  for (const { code, src, slot } of readInsns(program.source.insns)) {
    if (code === CALL && src !== CallKind.Local) slots.add(slot);
  }
  known.set(program, slots);
  return slots;
}
