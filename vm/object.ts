/** An object's maps and programs, loaded into a vm. */
import type { Btf } from '../bpf/btf.ts';
import { InputError } from '../bpf/input-error.ts';
import type { InsnFacts } from '../bpf/insn-facts.ts';
import type { KernelServices } from '../kernel-model/services.ts';
import type { BpfObject, ModuleBtf, Program } from '../loader/program.ts';
import { contextLayout, rewriteContext } from './context/rewrite.ts';
import type { MapTable, VmMap } from './maps.ts';
import { typeNumbers } from './object-types.ts';
import type { LoadedProgram, Tier } from './program.ts';
import { type References, resolveProgram } from './resolve.ts';
import type { RunOptions, RunResult, Vm } from './vm.ts';

/**
 * BPF_PROG_TYPE_* whose programs may follow kernel pointers: there the kernel makes loads through such pointers
 * BPF_PROBE_MEM loads, which read zero where others fault.
 */
const PROBING_TYPES = new Set([
  2, // kprobe
  5, // tracepoint
  7, // perf_event
  17, // raw_tracepoint
  24, // raw_tracepoint_writable
  26, // tracing: fentry, fexit, iterators
  27, // struct_ops
  28, // ext
  29, // lsm
  31, // syscall
]);

export interface ObjectOptions {
  /** Where the object's maps are created. */
  maps: MapTable;
  /** The kernel it is loaded into. */
  services: KernelServices;
  /** BTF of modules that the object refers to. */
  modules?: readonly ModuleBtf[];
  /** Helpers whose id means something else on this kernel (the profile's dialect): id -> name. */
  helpers?: { readonly [id: string]: string };
  /** What verifying a program has found out; programs that it knows nothing of cannot be test-run. */
  facts?: (program: Program) => InsnFacts | undefined;
  /** Numbers (of `Vm.numberMock`) for helpers and kfuncs that something stands in for. */
  mocked?: (name: string) => number | undefined;
  /** What the programs run in. Default `interpreter`. */
  tier?: Tier;
}

/** A program of an object, ready to run. */
export class VmProgram {
  /** As the loader prepared it: section, type, line info. */
  readonly source: Program;
  readonly loaded: LoadedProgram;
  /** What verifying it has found out; undefined when it was not verified. */
  readonly facts: InsnFacts | undefined;
  private readonly vm: Vm;

  constructor(vm: Vm, source: Program, loaded: LoadedProgram, facts?: InsnFacts) {
    this.vm = vm;
    this.source = source;
    this.loaded = loaded;
    this.facts = facts;
  }

  get name(): string {
    return this.source.name;
  }

  /** Runs it over the context record at a kernel address. */
  run(context: bigint, options: RunOptions = {}): RunResult {
    return this.vm.run(this.loaded, context, options);
  }
}

/** Resolves, rewrites and loads one program. @throws {InputError} as `VmObject.load`. */
export function loadVmProgram(
  vm: Vm,
  program: Program,
  references: References,
  { facts, tier }: { facts: InsnFacts | undefined; tier?: Tier | undefined },
): VmProgram {
  // What stands in for a helper can return pointers that no verifier knows of.
  const bounded = references.mocked ? undefined : facts?.boundedAccesses;
  const code = resolveProgram(program, references, facts);
  const layout = contextLayout(program.type);
  if (layout && facts) rewriteContext(code, facts, layout);
  const loaded = vm.load(code, {
    name: program.name,
    probeLoads: PROBING_TYPES.has(program.type),
    ...(tier ? { tier } : {}),
    ...(bounded ? { verified: (slot: number) => bounded.has(slot) } : {}),
  });
  return new VmProgram(vm, program, loaded, facts);
}

export class VmObject {
  /** As the loader prepared it. */
  readonly source: BpfObject;
  /** By name, in the object's order. */
  readonly maps: ReadonlyMap<string, VmMap>;
  readonly programs: ReadonlyMap<string, VmProgram>;
  private readonly vm: Vm;
  private readonly table: MapTable;

  private constructor(
    source: BpfObject,
    vm: Vm,
    table: MapTable,
    maps: ReadonlyMap<string, VmMap>,
    programs: ReadonlyMap<string, VmProgram>,
  ) {
    this.source = source;
    this.vm = vm;
    this.table = table;
    this.maps = maps;
    this.programs = programs;
  }

  /**
   * Creates the object's maps and loads the programs that the loader has prepared.
   * @throws {InputError} when the kernel would refuse a map, a program could not be prepared, or it refers to
   *   something that the modelled kernel does not have.
   */
  static load(vm: Vm, object: BpfObject, options: ObjectOptions): VmObject {
    const { maps: table, services } = options;
    const prepared = object.programs.filter((program) => program.prepared);
    for (const { error, name, section } of prepared) {
      if (error !== undefined) throw new InputError(`${name}: ${error}`, { file: object.file, section });
    }
    const maps = table.createAll(object.maps, object.btf);
    const references = {
      maps,
      services,
      moduleBtf: (module: number) => moduleBtf(object, options, module),
      helpers: options.helpers ?? {},
      objectTypes: typeNumbers(vm, object.btf, services.btf),
      unmodelled: (name: string) => vm.numberUnmodelled(name),
      ...(options.mocked ? { mocked: options.mocked } : {}),
    };
    const programs = new Map<string, VmProgram>();
    for (const program of prepared) {
      const facts = options.facts?.(program);
      programs.set(program.name, loadVmProgram(vm, program, references, { facts, tier: options.tier }));
    }
    putPrograms(object, maps, programs);
    return new VmObject(
      object,
      vm,
      table,
      new Map(maps.map((map, i) => [object.maps[i]?.name ?? map.name, map])),
      programs,
    );
  }

  /** @throws {InputError} when there is none of that name, naming those there are. */
  program(name: string): VmProgram {
    const program = this.programs.get(name);
    if (program) return program;
    const names = [...this.programs.keys()].join(', ');
    throw new InputError(`there is no program ${name}; loaded programs: ${names || 'none'}`);
  }

  /** Unloads the programs and destroys the maps. */
  close(): void {
    for (const { loaded } of this.programs.values()) this.vm.unload(loaded);
    for (const map of this.maps.values()) this.table.destroy(map);
  }
}

function moduleBtf(object: BpfObject, options: ObjectOptions, module: number): Btf {
  if (module === 0) return options.services.btf;
  const name = object.modules[module];
  const found = options.modules?.find((candidate) => candidate.name === name);
  if (!found) throw new InputError(`BTF of module ${name ?? module} is missing`, { file: object.file });
  return found.btf;
}

/** Fills the prog arrays that the object initialises statically. */
function putPrograms(
  object: BpfObject,
  maps: readonly VmMap[],
  programs: ReadonlyMap<string, VmProgram>,
): void {
  object.maps.forEach(({ slots = [], name, section }, index) => {
    for (const { key, program: target } of slots) {
      const program = target === undefined ? undefined : programs.get(target);
      // A program that is not loaded leaves its slot empty.
      if (!program) continue;
      const error = maps[index]?.setProgram(key, program.loaded) ?? 0;
      if (error < 0)
        throw new InputError(`map ${name}: slot ${key} cannot hold ${target}`, {
          file: object.file,
          section,
        });
    }
  });
}
