/** BPF objects for tests: loaded for a kernel, verified, and opened in modelled kernels. */
import { InputError } from '../bpf/input-error.ts';
import { DEFAULT_KERNEL, openProfile } from '../kernel-model/profile-node.ts';
import { type BpfObject, type LoadOptions, loadObject, type Program } from '../loader/index.ts';
import { whatThereIs } from '../loader/near-names.ts';
import { readObject } from '../loader/object-file-node.ts';
import { Session } from '../session/session.ts';
import { examine, verifyProgram } from '../verifier/examine.ts';
import type { Diagnosis, Verdict, Verifier } from '../verifier/index.ts';
import { verifierLoadOptions } from '../verifier/load-options-node.ts';
import { createVerifier } from '../verifier/node.ts';
import { createVm } from '../vm/node.ts';
import { type RecordInput, Replay } from './replay.ts';
import { Kernel, type OpenOptions } from './run.ts';
import { Scene } from './scene.ts';

export interface LoadFileOptions {
  /** Kernel profile; the default is "6.12". */
  readonly kernel?: string;
  /**
   * Values of global variables before the object is loaded: `name`, `name.member` or `name[3].member` to an integer,
   * a boolean, or the name of a value of the variable's enum.
   */
  readonly globals?: Readonly<Record<string, number | bigint | boolean | string>>;
  /** Takes what libbpf 1.0 dropped and cilium/ebpf and aya have: maps in section "maps", sections like "xdp/name". */
  readonly legacy?: boolean;
}

export interface VerifyOptions {
  /** As a user without capabilities. */
  readonly unpriv?: boolean;
  /** Level of the log: 1 the path that failed, 2 every path, 4 the reason and the statistics (the default). */
  readonly log?: number;
}

/** What `drydock verify` tells of a program. */
export interface Verification extends Verdict {
  /** Of a rejected program: what kind of mistake it is, and where it came from. */
  readonly diagnosis?: Diagnosis;
}

/**
 * Reads a compiled BPF object for a kernel.
 * @param file its path, or its bytes
 * @throws {InputError} for what is no BPF object, a global variable that cannot be set, and an unknown kernel.
 */
export async function load(file: string | Uint8Array, options: LoadFileOptions = {}): Promise<BpfFile> {
  const { kernel = DEFAULT_KERNEL, globals = {}, legacy = false } = options;
  const bytes = typeof file === 'string' ? readObject(file) : file;
  const loadOptions: LoadOptions = {
    ...verifierLoadOptions(kernel),
    file: typeof file === 'string' ? file : 'object',
    globals: new Map(Object.entries(globals).map(([name, value]) => [name, String(value)])),
    programs: 'all',
    legacy,
  };
  const verifier = await createVerifier(kernel);
  return new BpfFile(bytes, kernel, verifier, loadOptions);
}

export class BpfFile {
  /** Names of its programs, in the object's order. */
  readonly programs: readonly string[];
  private readonly bytes: Uint8Array;
  private readonly kernel: string;
  private readonly verifier: Verifier;
  private readonly options: LoadOptions;
  private readonly object: BpfObject;
  /** Verdicts with facts, by program: what every kernel that it is opened in needs. */
  private readonly verdicts = new Map<string, Verdict | string>();

  /** @internal Use `load`. */
  constructor(bytes: Uint8Array, kernel: string, verifier: Verifier, options: LoadOptions) {
    this.bytes = bytes;
    this.kernel = kernel;
    this.verifier = verifier;
    this.options = options;
    this.object = loadObject(bytes, options);
    this.programs = this.object.programs.map(({ name }) => name);
  }

  /**
   * What the kernel answers when the program is loaded. A rejection is a result.
   * @throws {InputError} when there is no such program, or it does not come as far as the kernel.
   */
  verify(name: string, options: VerifyOptions = {}): Verification {
    const subject = { path: this.object.file, object: this.object, program: this.program(name) };
    const { verdict, refusal, diagnosis } = examine({ verifier: this.verifier }, subject, options);
    if (!verdict) throw new InputError(`program ${name}: ${refusal}`, { file: this.object.file });
    return diagnosis ? { ...verdict, diagnosis } : verdict;
  }

  /**
   * A modelled kernel of its own with the object in it: its maps, and those of its programs that the verifier
   * accepts. Asking it for another one throws.
   * @throws {InputError} for a scene that cannot be built, a map that the kernel refuses, a mock of nothing.
   */
  async open(options: OpenOptions = {}): Promise<Kernel> {
    const { scene = Scene.empty } = options;
    const session = new Session(await createVm(), openProfile(this.kernel), scene);
    const { machine } = session;
    const object = loadObject(this.bytes, {
      ...this.options,
      ksym: (name) => machine.symbolAddress(name) ?? this.options.ksym?.(name),
      possibleCpus: machine.cpus,
    });
    const wanted = options.programs?.map((name) => this.program(name).name);
    const chosen = object.programs.filter(({ name, autoload }) => wanted?.includes(name) ?? autoload);
    const verdicts = new Map(chosen.map(({ name }) => [name, this.verdict(name)]));
    return new Kernel(session, object, { ...options, verdicts, modules: this.options.modules ?? [] });
  }

  /**
   * Runs a program as `Kernel.test` does, in a kernel of its own, and keeps every step.
   * @throws what `open` and `Kernel.test` throw.
   */
  record(name: string, input: RecordInput = {}): Promise<Replay> {
    const { scene, mocks, programs, prepare } = input;
    const open = async (): Promise<Kernel> => {
      const kernel = await this.open({
        ...(scene ? { scene } : {}),
        ...(mocks ? { mocks } : {}),
        ...(programs ? { programs } : {}),
      });
      prepare?.(kernel);
      return kernel;
    };
    return Replay.record(open, name, input);
  }

  /** With facts when it is accepted; why it cannot be verified, when a loader would not get that far. */
  private verdict(name: string): Verdict | string {
    const known = this.verdicts.get(name);
    if (known !== undefined) return known;
    const { object, verifier } = this;
    const subject = { path: object.file, object, program: this.program(name) };
    const report = verifyProgram({ verifier }, subject, { facts: true });
    const verdict = report.verdict ?? report.refusal ?? '';
    this.verdicts.set(name, verdict);
    return verdict;
  }

  private program(name: string): Program {
    const program = this.object.programs.find((candidate) => candidate.name === name);
    if (program) return program;
    const hint = whatThereIs(name, this.programs);
    throw new InputError(`there is no program '${name}'; ${hint}`, { file: this.object.file });
  }
}
