/**
 * Test runs of an object's programs in one modelled kernel: every program is verified first, and runs only when
 * it was accepted (`drydock run` for what is no iterator).
 */
import { InputError } from '../bpf/input-error.ts';
import type { InsnFacts } from '../bpf/insn-facts.ts';
import { type BpfObject, type LoadOptions, loadObject, type Program } from '../loader/index.ts';
import { requestOf } from '../verifier/examine.ts';
import type { Verdict, Verifier } from '../verifier/index.ts';
import { type Tier, VmObject, type VmProgram } from '../vm/index.ts';
import { type TestInput, type TestResult, testRun } from '../vm/test-run/index.ts';
import type { Session } from './session.ts';

/** Instructions one run may execute; the verifier would not let a program come near. */
export const RUN_BUDGET = 100_000_000;

/** A program that may run. */
export interface TestProgram {
  readonly file: string;
  readonly program: VmProgram;
  readonly object: VmObject;
}

/** A program that may not. */
export interface Rejection {
  readonly file: string;
  readonly name: string;
  readonly verdict: Verdict;
}

export class TestBench {
  readonly session: Session;
  readonly verifier: Verifier;
  private readonly options: LoadOptions;

  /** @param options how objects are loaded for the kernel that the verifier has. */
  constructor(session: Session, verifier: Verifier, options: LoadOptions) {
    this.session = session;
    this.verifier = verifier;
    this.options = options;
  }

  /**
   * Loads one program of an object, and those that its prog arrays name.
   * @param tier what they run in; the default is the interpreter.
   * @returns a rejection when the verifier refuses one of them.
   * @throws {InputError} for an object that cannot be loaded, or has no such program.
   */
  load(bytes: Uint8Array, file: string, name: string, tier?: Tier): TestProgram | Rejection {
    const object = this.prepare(bytes, file, [name]);
    const { verifier, session } = this;
    const facts = new Map<Program, InsnFacts>();
    for (const program of object.programs) {
      if (!program.prepared || program.error !== undefined) continue;
      const request = requestOf({ verifier }, { path: file, object, program }, { facts: true });
      const verdict = verifier.verify(request);
      if (!verdict.facts) return { file, name: program.name, verdict };
      facts.set(program, verdict.facts);
    }
    const { helpers } = session.machine.profile.dialect;
    const vmObject = VmObject.load(session.vm, object, {
      maps: session.maps,
      services: session.machine,
      modules: this.options.modules ?? [],
      helpers,
      facts: (program) => facts.get(program),
      ...(tier ? { tier } : {}),
    });
    return { file, program: vmObject.program(name), object: vmObject };
  }

  run({ program }: TestProgram, input: TestInput): TestResult {
    return testRun(this.session.vm, program, { budget: RUN_BUDGET, ...input });
  }

  private prepare(bytes: Uint8Array, file: string, names: readonly string[]): BpfObject {
    const prepared = loadObject(bytes, { ...this.options, file, programs: names });
    const targets = prepared.maps.flatMap(({ slots = [] }) => slots.flatMap(({ program }) => program ?? []));
    const missing = targets.filter((target) => !names.includes(target));
    if (missing.length === 0) return prepared;
    return loadObject(bytes, { ...this.options, file, programs: [...new Set([...names, ...missing])] });
  }
}

/** BPF_PROG_TYPE_TRACING with BPF_TRACE_ITER. */
const TRACING = 26;
const TRACE_ITER = 28;

/**
 * Name of the one program that a test run is about: the one asked for, or the object's only one.
 * @param names as the user gave them.
 * @returns undefined when it is an iterator, or none is named and there are iterators.
 * @throws {InputError} when no single program is meant.
 */
export function testedProgram(
  bytes: Uint8Array,
  options: LoadOptions,
  names: readonly string[] | undefined,
): string | undefined {
  const { programs, file } = loadObject(bytes, { ...options, programs: [] });
  const isIterator = ({ type, expectedAttachType }: Program) =>
    type === TRACING && expectedAttachType === TRACE_ITER;
  const wanted = names ? programs.filter(({ name }) => names.includes(name)) : programs;
  if (wanted.some(isIterator) || wanted.length === 0) return undefined;
  const [first, second] = wanted;
  if (first && !second) return first.name;
  const list = wanted.map(({ name, section }) => `${name} (${section})`).join(', ');
  throw new InputError(`name one program with --prog; there are ${list}`, { file });
}
