/**
 * One modelled kernel with a scene in it and BPF objects loaded over it: what `run` and `demo` drive, and what
 * end-to-end tests look into.
 */
import type { Btf } from '../bpf/btf.ts';
import { InputError } from '../bpf/input-error.ts';
import { Open } from '../kernel-model/file.ts';
import { openMap } from '../kernel-model/iter/bpf-map-elem.ts';
import { iterFileOf } from '../kernel-model/iter/iter-file.ts';
import { iterCreate, linkCreate } from '../kernel-model/iter/link.ts';
import { IterProgram } from '../kernel-model/iter/program.ts';
import { Machine } from '../kernel-model/machine.ts';
import type { KernelProfile } from '../kernel-model/profile.ts';
import { buildScene } from '../kernel-model/scene/build.ts';
import type { ParsedScene } from '../kernel-model/scene/parsed-scene.ts';
import type { World } from '../kernel-model/scene/world.ts';
import type { Task } from '../kernel-model/task.ts';
import { type LoadOptions, loadObject, type Program } from '../loader/index.ts';
import {
  type Fault,
  installHelpers,
  MapTable,
  type RunOptions,
  type RunResult,
  type Vm,
  VmObject,
  type VmProgram,
} from '../vm/index.ts';
import { OpenIterator } from './open-iterator.ts';
import { RunFailure } from './run-failure.ts';
import { type IterChoice, linkInfo } from './targets.ts';

/** BPF_PROG_TYPE_TRACING with BPF_TRACE_ITER. */
const TRACING = 26;
const TRACE_ITER = 28;
/** BPF_F_SLEEPABLE */
const SLEEPABLE = 1 << 4;
/** Instructions one run of a program may execute; the verifier would not let a program come near. */
const RUN_BUDGET = 100_000_000;
const PID_MAX = 1 << 22;

/** BPF_MAP_TYPE_PERCPU_HASH and PERCPU_ARRAY */
const PER_CPU = new Set([5, 6]);

/** What the runs of one program have come to. */
export interface RunLog {
  insns: number;
  runs: number;
  /** Of the last run. */
  retval: number;
  fault: Fault | null;
}

/** Runs a program over the context record at a kernel address. A debugger puts in one that looks on. */
export type Runner = (program: VmProgram, context: bigint, options: RunOptions) => RunResult;

/** A program of a loaded object that iterates. */
export interface LoadedIterator {
  readonly name: string;
  /** Iterator target: "io_uring_buf". */
  readonly target: string;
  readonly program: IterProgram;
  readonly log: RunLog;
}

export interface LoadedObject {
  readonly file: string;
  readonly vmObject: VmObject;
  /** Types that the object declares. */
  readonly btf: Btf | undefined;
  readonly iterators: readonly LoadedIterator[];
}

export class Session {
  readonly vm: Vm;
  readonly machine: Machine;
  readonly world: World;
  readonly maps: MapTable;
  /** The task that attaches and reads: a process of its own, as any tool is, with the highest free pid. */
  readonly reader: Task;
  runner: Runner = (program, context, options) => program.run(context, options);

  /** @throws {SceneError} when the scene cannot be built. */
  constructor(vm: Vm, profile: KernelProfile, scene: ParsedScene) {
    this.vm = vm;
    this.machine = new Machine(vm.ram, profile);
    this.world = buildScene(scene, this.machine);
    this.maps = new MapTable(vm, {
      kernelBtf: profile.btf,
      symbolAddress: (name) => this.machine.symbolAddress(name),
      cpus: this.machine.cpus,
    });
    this.machine.maps = this.maps;
    installHelpers(vm, this.machine, this.maps);
    this.createMaps(scene);
    this.reader = this.createReader();
    this.machine.current = this.reader;
  }

  /**
   * Loads an object's iterators, or the programs named.
   * @param prepare the loader, or one that remembers what it has loaded
   * @throws {InputError} for an object that cannot be loaded, or has no iterator.
   */
  load(
    bytes: Uint8Array,
    file: string,
    programs?: readonly string[],
    prepare: typeof loadObject = loadObject,
  ): LoadedObject {
    try {
      const names = programs ?? this.iteratorNames(bytes, file, prepare);
      return this.loadNamed(bytes, file, names, prepare);
    } catch (error) {
      if (!(error instanceof InputError) || error.file !== undefined) throw error;
      const { reason, section, offset } = error;
      throw new InputError(reason, { file, section, offset });
    }
  }

  private loadNamed(
    bytes: Uint8Array,
    file: string,
    programs: readonly string[],
    prepare: typeof loadObject,
  ): LoadedObject {
    const object = prepare(bytes, { ...this.loadOptions(file), programs });
    for (const program of object.programs) {
      if (!program.prepared || isIterator(program)) continue;
      throw new InputError(
        `program ${program.name} (${program.section}) is not an iterator; only iterators can be run so far`,
      );
    }
    const { helpers } = this.machine.profile.dialect;
    const vmObject = VmObject.load(this.vm, object, { maps: this.maps, services: this.machine, helpers });
    return this.iteratorsOf(vmObject);
  }

  /** Makes the iterators among the programs of an object that is in this kernel ready to be attached. */
  iteratorsOf(vmObject: VmObject): LoadedObject {
    const { file, btf } = vmObject.source;
    const programs = [...vmObject.programs.values()].filter(({ source }) => isIterator(source));
    return { file, vmObject, btf, iterators: programs.map((program) => this.iterator(program)) };
  }

  /** Programs of the object that iterate. */
  private iteratorNames(bytes: Uint8Array, file: string, prepare: typeof loadObject): string[] {
    const { programs } = prepare(bytes, { ...this.loadOptions(file), programs: [] });
    const iterators = programs.filter((program) => program.autoload && isIterator(program));
    if (iterators.length > 0) return iterators.map(({ name }) => name);
    const others = programs.map(({ name, section }) => `${name} (${section})`).join(', ');
    throw new InputError(`no iterator to run; programs of the object: ${others || 'none'}`);
  }

  private loadOptions(file: string): LoadOptions {
    const { btf, dialect } = this.machine.profile;
    return {
      file,
      kernelBtf: btf,
      ksym: (name) => this.machine.symbolAddress(name),
      kconfig: new Map([['CONFIG_HZ', String(dialect.hz)]]),
      kernelVersion: dialect.versionCode,
      possibleCpus: this.machine.cpus,
    };
  }

  /** Attaches an iterator and opens it: BPF_LINK_CREATE and BPF_ITER_CREATE. A negative errno when refused. */
  open(iterator: LoadedIterator, choice: IterChoice): OpenIterator | number {
    const { machine, reader } = this;
    const fd = this.targetFd(choice);
    if (fd < -1) return fd;
    const link = linkCreate(machine, reader, iterator.program, linkInfo(choice, fd));
    if (fd >= 0) machine.sys.close(reader, fd);
    if (link < 0) return link;
    const file = iterCreate(machine, reader, link);
    if (file < 0) {
      machine.sys.close(reader, link);
      return file;
    }
    const open = reader.files?.get(file);
    const iterFile = open && iterFileOf(open);
    if (!iterFile) throw new Error('BPF_ITER_CREATE gave a descriptor that is no iterator');
    return new OpenIterator(machine, reader, iterFile, { iterator: file, link });
  }

  /** A descriptor of the reader for what is attached to; -1 for targets without one. */
  private targetFd(choice: IterChoice): number {
    const { machine, reader } = this;
    if (choice.kind === 'map') return openMap(machine, reader, choice.map);
    if (choice.kind !== 'file') return -1;
    const pidfd = machine.sys.pidfd_open(reader, choice.pid, 0);
    if (pidfd < 0) return pidfd;
    const fd = machine.sys.pidfd_getfd(reader, pidfd, choice.fd, 0);
    machine.sys.close(reader, pidfd);
    return fd;
  }

  private iterator(program: VmProgram): LoadedIterator {
    const { attachTarget, flags } = program.source;
    if (!attachTarget) throw new Error(`iterator ${program.name} was loaded without a target`);
    const log: RunLog = { insns: 0, runs: 0, retval: 0, fault: null };
    const run = (context: bigint): number => {
      const result = this.runner(program, context, { budget: RUN_BUDGET });
      log.insns += result.insns;
      log.runs++;
      log.retval = result.retval;
      if (result.status === 'suspended') throw new RunFailure(`${program.name} does not end`);
      if (result.fault) {
        log.fault = result.fault;
        throw new RunFailure(`${program.name}: ${result.fault.message}`);
      }
      return result.retval;
    };
    return {
      name: program.name,
      target: attachTarget.name,
      program: new IterProgram(this.machine, {
        attachBtfId: attachTarget.btfId,
        run,
        sleepable: (flags & SLEEPABLE) !== 0,
      }),
      log,
    };
  }

  private createMaps(scene: ParsedScene): void {
    for (const [index, map] of this.world.maps.entries()) {
      const { name, type, keySize, valueSize, maxEntries } = map;
      const common = {
        flags: 0,
        mapExtra: 0n,
        keyTypeId: 0,
        valueTypeId: 0,
        pinning: 0,
        numaNode: -1,
        section: 'scene',
      };
      const made = this.maps.tryCreate({ name, type, keySize, valueSize, maxEntries, ...common });
      if (typeof made === 'number')
        throw scene.error(['maps', index], `creating the map fails: errno ${-made}`, -made);
      for (const { key, value } of map.entries) {
        const error = made.update(key, PER_CPU.has(type) ? perCpu(value, this.maps.cpus) : value);
        if (error < 0) throw scene.error(['maps', index], `filling the map fails: errno ${-error}`, -error);
      }
    }
  }

  private createReader(): Task {
    const { tasks } = this.machine;
    let pid = PID_MAX - 1;
    while (tasks.get(pid)) pid--;
    const parent = tasks.get(1);
    const reader = tasks.create({ pid, comm: 'drydock', ...(parent ? { parent } : {}) });
    // Standard input, output and error: a map's descriptor may not be 0 when an iterator is attached to it.
    for (let fd = 0; fd < 3; fd++) this.machine.sys.open(reader, '/dev/null', Open.RdWr);
    return reader;
  }
}

function isIterator({ type, expectedAttachType }: Program): boolean {
  return type === TRACING && expectedAttachType === TRACE_ITER;
}

/** The same value on every CPU, each in whole 8-byte words. */
function perCpu(value: Uint8Array, cpus: number): Uint8Array {
  const stride = Math.ceil(value.length / 8) * 8;
  const bytes = new Uint8Array(stride * cpus);
  for (let cpu = 0; cpu < cpus; cpu++) bytes.set(value, cpu * stride);
  return bytes;
}
