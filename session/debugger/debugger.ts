/**
 * A program over a scene, to be recorded and looked into at any step.
 *
 * Nothing of the memory at a step is kept: the same session is made again, run to exactly that step and looked into.
 * It comes out the same each time because nothing in the model depends on anything outside of it.
 */
import { InputError } from '../../bpf/input-error.ts';
import type { KernelProfile } from '../../kernel-model/profile.ts';
import type { ParsedScene } from '../../kernel-model/scene/index.ts';
import { type BpfObject, loadObject, type Program } from '../../loader/index.ts';
import type { Vm } from '../../vm/index.ts';
import { iterateOne } from '../iterate.ts';
import { type LoadedIterator, type LoadedObject, Session } from '../session.ts';
import { choices, type IterChoice } from '../targets.ts';
import { type Inspection, inspect, type Query } from './inspect.ts';
import { type ListingLine, listing } from './listing.ts';
import { type RecordedRun, recordRun } from './record.ts';
import { type SceneOverview, sceneOverview } from './scene-overview.ts';

export interface DebuggerInit {
  readonly profile: KernelProfile;
  readonly scene: ParsedScene;
  readonly object: ObjectToRun;
  /** A machine with empty memory, each time. */
  createVm(): Promise<Vm>;
  /** One of them is not used any more. */
  releaseVm?(vm: Vm): void;
}

/** An object, and how it is read where it is no ELF file. */
export interface ObjectToRun {
  readonly bytes: Uint8Array;
  readonly file: string;
  readonly load?: typeof loadObject;
}

/** What to run. */
export interface RunChoice {
  readonly program: string;
  /** Index in `targets`. */
  readonly target: number;
  /** Bytes of the reader's buffer. */
  readonly readSize: number;
}

export interface IterProgramName {
  readonly name: string;
  /** Iterator target: "task_file". */
  readonly target: string;
}

/** A step, as a run repeats it. */
export interface Moment {
  /** Which run of the program, and how many of its instructions come before. */
  readonly run: number;
  readonly insns: number;
}

const TASK_TARGETS = new Set(['task', 'task_file', 'task_vma']);
/** Inspections that are kept: going back and forth is instant. */
const KEPT = 32;

export class Debugger {
  private readonly init: DebuggerInit;
  private readonly prepared = new Map<string, BpfObject>();
  private readonly inspections = new Map<string, Inspection>();

  constructor(init: DebuggerInit) {
    this.init = init;
  }

  /** The object's iterators. @throws {InputError} */
  programs(): Promise<IterProgramName[]> {
    return this.within((session) =>
      this.load(session).iterators.map(({ name, target }) => ({ name, target })),
    );
  }

  /** What a program can be attached to in the scene, in words. @throws {InputError} */
  targets(program: string): Promise<string[]> {
    return this.within((session) =>
      targetsOf(session, this.iterator(session, program).target).map(({ label }) => label),
    );
  }

  /** The program's instructions and source. @throws {InputError} */
  listing(program: string): Promise<ListingLine[]> {
    return this.within((session) => {
      this.iterator(session, program);
      const object = this.object(program);
      const { helpers } = session.machine.profile.dialect;
      return listing(object, programOf(object, program), {
        helperName: (id) => helpers[String(id)],
        kfuncName: (id) => session.machine.btf.name(id),
      });
    });
  }

  /** The scene, as it is before anything runs. @throws {SceneError} */
  overview(): Promise<SceneOverview> {
    return this.within(sceneOverview);
  }

  /** Runs from start to end. @throws {InputError} when there is nothing to attach to. */
  record(choice: RunChoice, limit?: number): Promise<RecordedRun> {
    return this.within((session) => {
      const iterator = this.iterator(session, choice.program);
      return recordRun(session, iterator, target(session, iterator, choice), choice.readSize, limit);
    });
  }

  /** What a step of a recording finds in memory. */
  async inspect(choice: RunChoice, moment: Moment, query: Query): Promise<Inspection> {
    const key = JSON.stringify([choice, moment, query]);
    const known = this.inspections.get(key);
    if (known) return known;
    const found = await this.within((session) => this.repeat(session, choice, moment, query));
    this.inspections.set(key, found);
    const oldest = this.inspections.keys().next();
    if (this.inspections.size > KEPT && !oldest.done) this.inspections.delete(oldest.value);
    return found;
  }

  private repeat(session: Session, choice: RunChoice, { run, insns }: Moment, query: Query): Inspection {
    const iterator = this.iterator(session, choice.program);
    const object = this.object(choice.program);
    let runs = 0;
    session.runner = (program, context, options) => {
      if (runs++ < run) return program.run(context, options);
      session.vm.start(program.loaded, [context]);
      if (insns > 0) session.vm.resume(insns);
      throw new Halt(inspect({ session, object, program, context }, query));
    };
    try {
      iterateOne(session, iterator, target(session, iterator, choice), choice.readSize);
    } catch (error) {
      if (error instanceof Halt) return error.inspection;
      throw error;
    }
    throw new Error(`the run has no step ${insns} in run ${run}`);
  }

  /** In a session of its own, which does not outlast it. @throws {SceneError} */
  private async within<T>(use: (session: Session) => T): Promise<T> {
    const vm = await this.init.createVm();
    try {
      return use(new Session(vm, this.init.profile, this.init.scene));
    } finally {
      this.init.releaseVm?.(vm);
    }
  }

  private load(session: Session, programs?: readonly string[]): LoadedObject {
    const { bytes, file, load = loadObject } = this.init.object;
    // Addresses of symbols are the same in every session, so that what was loaded once fits all.
    return session.load(bytes, file, programs, (code, options = {}) => {
      const key = JSON.stringify(options.programs);
      const object = this.prepared.get(key) ?? load(code, options);
      this.prepared.set(key, object);
      return object;
    });
  }

  private iterator(session: Session, program: string): LoadedIterator {
    const found = this.load(session, [program]).iterators.find(({ name }) => name === program);
    if (!found) throw new InputError(`the object has no program ${program}`);
    return found;
  }

  private object(program: string): BpfObject {
    const object = this.prepared.get(JSON.stringify([program]));
    if (!object) throw new Error(`program ${program} has not been loaded`);
    return object;
  }
}

/** Carries what was found out of a run that is not to go on. */
class Halt extends Error {
  readonly inspection: Inspection;

  constructor(inspection: Inspection) {
    super('halted');
    this.inspection = inspection;
  }
}

/** Everything a target can be attached to, and for tasks each process by itself. */
function targetsOf(session: Session, name: string): IterChoice[] {
  const all = choices(session, name);
  if (!TASK_TARGETS.has(name)) return all;
  const processes = session.machine.tasks.all.filter((task) => task.isLeader && task !== session.reader);
  return [...all, ...processes.flatMap(({ pid }) => choices(session, name, { task: pid }))];
}

function target(session: Session, iterator: LoadedIterator, choice: RunChoice): IterChoice {
  const found = targetsOf(session, iterator.target)[choice.target];
  if (found) return found;
  throw new InputError(`the scene has nothing that ${iterator.name} (${iterator.target}) can be attached to`);
}

function programOf(object: BpfObject, name: string): Program {
  const program = object.programs.find((candidate) => candidate.name === name);
  if (!program) throw new InputError(`the object has no program ${name}`);
  return program;
}
