/** A modelled kernel with a BPF object in it: what a test looks into. */
import { errnoName } from '../bpf/errno-name.ts';
import { InputError } from '../bpf/input-error.ts';
import type { BpfObject, ModuleBtf } from '../loader/index.ts';
import { whatThereIs } from '../loader/near-names.ts';
import { encodeFields } from '../session/context-fields.ts';
import { type ListingLine, listing } from '../session/debugger/listing.ts';
import { iterate } from '../session/iterate.ts';
import type { LoadedObject, Runner, Session } from '../session/session.ts';
import { RUN_BUDGET } from '../session/test-bench.ts';
import { WatchedProgram } from '../session/watched-program.ts';
import type { Verdict } from '../verifier/index.ts';
import { type Fault, type Vm, VmObject, type VmProgram } from '../vm/index.ts';
import { type TestInput, type TestResult, testRun } from '../vm/test-run/index.ts';
import { RunMap } from './map.ts';
import { installMocks, type Mocks } from './mocks.ts';
import { ProgramRejected } from './rejected.ts';
import type { Scene } from './scene.ts';

export interface OpenOptions {
  /** What there is in the kernel; only pid 1 when absent. Its own `kernel` does not count. */
  readonly scene?: Scene;
  /** Functions that helpers and kfuncs are answered by. */
  readonly mocks?: Mocks;
  /** Programs to load; those that a loader loads when absent. */
  readonly programs?: readonly string[];
}

/** `{ mark: 1, cb: [1, 2] }`; `{ args: [1, 2] }` for programs whose context is numbers without names. */
export type ContextFields = Readonly<Record<string, number | bigint | readonly (number | bigint)[]>>;

/** What BPF_PROG_TEST_RUN is given. */
export interface RunInput {
  /** The packet. */
  readonly data?: Uint8Array;
  /** Its context: bytes in the layout of the ABI, or fields by name. */
  readonly context?: Uint8Array | ContextFields;
  /** How often it runs, over what the run before left; once when absent. */
  readonly repeat?: number;
}

export interface RunOutput {
  /** Of the last run; 0 when it faulted. */
  readonly retval: number;
  /** The packet as the program left it. */
  readonly data: Uint8Array;
  /** The context after the run; empty when none was given. */
  readonly context: Uint8Array;
  /** What no verified program should do; null when it ran to its end. */
  readonly fault: Fault | null;
  /** What it wrote to trace_pipe. */
  readonly trace: string;
  /** Instructions of all runs. */
  readonly insns: number;
  /** Timers and work queues that came due within a second of modelled time; null when the program used none. */
  readonly deferred: Deferred | null;
}

/** What followed a run. */
export interface Deferred {
  /** Callbacks that were called, and their instructions. */
  readonly callbacks: number;
  readonly insns: number;
  /** Timers and work queues that wait still. */
  readonly pending: number;
}

/** Bytes that an iterator is read with at a time. */
const READ_SIZE = 4096;

/** @internal */
interface Loading extends OpenOptions {
  /** Of the programs to load, or why one cannot be verified. */
  readonly verdicts: ReadonlyMap<string, Verdict | string>;
  readonly modules: readonly ModuleBtf[];
}

export class Kernel {
  /** Maps of the object by name, with those of its variables (".bss" and the like, as libbpf names them). */
  readonly maps: ReadonlyMap<string, RunMap>;
  private readonly session: Session;
  private readonly object: BpfObject;
  private readonly vmObject: VmObject;
  private readonly loaded: LoadedObject;
  private readonly verdicts: ReadonlyMap<string, Verdict | string>;
  private running = false;

  /** @internal Use `BpfFile.open`. */
  constructor(session: Session, object: BpfObject, { mocks = {}, verdicts, modules }: Loading) {
    const { vm, machine } = session;
    const { btf, dialect, vmlinux } = machine.profile;
    const { helpers } = dialect;
    const btfs = [vmlinux, btf, ...modules.map((module) => module.btf)];
    const numbers = installMocks(vm, mocks, { helpers, btfs });
    const factsOf = (name: string) => {
      const verdict = verdicts.get(name);
      return typeof verdict === 'object' ? verdict.facts : undefined;
    };
    const programs = object.programs.filter(({ name }) => factsOf(name) !== undefined);
    this.session = session;
    this.object = object;
    this.verdicts = verdicts;
    this.vmObject = VmObject.load(
      vm,
      { ...object, programs },
      {
        maps: session.maps,
        services: machine,
        modules,
        helpers,
        facts: ({ name }) => factsOf(name),
        mocked: (name) => numbers.get(name),
      },
    );
    this.loaded = session.iteratorsOf(this.vmObject);
    this.maps = new Map([...this.vmObject.maps].map(([name, map]) => [name, new RunMap(map)]));
  }

  /**
   * Runs a program as BPF_PROG_TEST_RUN does.
   * @throws {ProgramRejected} when the verifier rejects it, or a program that one of the prog arrays names.
   * @throws {InputError} when there is no such program, it cannot be run this way, or the input is refused.
   */
  test(name: string, input: RunInput = {}): RunOutput {
    return this.testWith((program, context, options) => program.run(context, options), name, input);
  }

  /** `test`, by something that looks on. @internal */
  testWith(runner: Runner, name: string, { data, context, repeat }: RunInput): RunOutput {
    this.expectAccepted(name);
    const { vm, machine } = this.session;
    const program = new WatchedProgram(vm, this.vmObject.program(name), runner);
    const { type } = program.source;
    const bytes =
      context === undefined || context instanceof Uint8Array
        ? context
        : encodeFields(context, type, machine.profile.btf);
    const input: TestInput = {
      budget: RUN_BUDGET,
      ...(data ? { data } : {}),
      ...(bytes ? { context: bytes } : {}),
      ...(repeat === undefined ? {} : { repeat }),
    };
    const { result, trace } = this.alone(() => {
      try {
        return { result: testRun(vm, program, input), trace: vm.takeTrace() };
      } finally {
        // Of a run that a mock has ended.
        vm.takeTrace();
      }
    });
    const { errno, reason, status, retval, fault, insns } = result;
    if (errno !== 0) throw new InputError(`${name} cannot be run: ${errnoName(errno)}: ${reason}`);
    if (status === 'suspended') throw new InputError(`${name} does not end`);
    const { data: packet, context: after } = result;
    return { retval, data: packet, context: after, fault, trace, insns, deferred: deferredOf(result) };
  }

  /**
   * Attaches an iterator to everything of the scene that it can be attached to, and reads it to the end.
   * @returns the output for each: one for iterators over tasks or maps, one a ring for those over rings, ...
   * @throws {ProgramRejected} as `test`.
   * @throws {InputError} when the program is no iterator, and when reading it fails.
   */
  iterate(name: string): string[] {
    this.expectAccepted(name);
    const iterators = this.loaded.iterators.filter((iterator) => iterator.name === name);
    if (iterators.length === 0) throw new InputError(`program ${name} is not an iterator`);
    const object = { ...this.loaded, iterators };
    const iterations = this.alone(() => [...iterate(this.session, object, {}, READ_SIZE)]);
    const outputs: string[] = [];
    for (const { choice, bytes, failure } of iterations) {
      if (failure !== undefined) throw new InputError(`${name}, ${choice?.label}: ${failure}`);
      if (choice) outputs.push(new TextDecoder().decode(bytes));
    }
    return outputs;
  }

  /** @internal */
  get vm(): Vm {
    return this.session.vm;
  }

  /** @internal */
  get loadedPrograms(): VmProgram[] {
    return [...this.vmObject.programs.values()];
  }

  /** Instructions of a program with their source. @internal */
  listing({ source }: VmProgram): ListingLine[] {
    const { profile } = this.session.machine;
    return listing(this.object, source, {
      helperName: (id) => profile.dialect.helpers[String(id)],
      kfuncName: (id, module) => (module === 0 ? profile.btf.name(id) : undefined),
    });
  }

  /** Memory of the kernel, for mocks that are given pointers; undefined when there is none. */
  read(address: bigint, length: number): Uint8Array | undefined {
    return this.session.vm.ram.read(address, length)?.slice();
  }

  /** @returns false, having written nothing, when there is no memory at the address. */
  write(address: bigint, bytes: Uint8Array): boolean {
    return this.session.vm.ram.write(address, bytes);
  }

  /** The machine has one CPU: a mock cannot run a program while one is under way. */
  private alone<Result>(run: () => Result): Result {
    if (this.running) throw new InputError('a program is running in this kernel already');
    this.running = true;
    try {
      return run();
    } finally {
      this.running = false;
    }
  }

  /** Also of those that it may call through a prog array: a loader would have stopped at them. */
  private expectAccepted(name: string): void {
    const targets = this.object.maps.flatMap(({ slots = [] }) =>
      slots.flatMap(({ program }) => program ?? []),
    );
    for (const program of new Set([name, ...targets])) {
      const verdict = this.verdicts.get(program);
      if (typeof verdict === 'string') throw new InputError(`program ${program}: ${verdict}`);
      if (verdict && !verdict.facts) throw new ProgramRejected(program, verdict);
    }
    if (this.verdicts.has(name)) return;
    const hint = whatThereIs(name, [...this.verdicts.keys()]);
    throw new InputError(`there is no program '${name}' in this kernel; ${hint}`);
  }
}

function deferredOf({ deferred }: TestResult): Deferred | null {
  if (!deferred) return null;
  const { callbacks, insns, pending } = deferred;
  return { callbacks, insns, pending };
}
