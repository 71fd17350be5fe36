/**
 * The loader: turns a compiled BPF object into programs as the kernel would be given them. It does what libbpf
 * does between bpf_object__open() and the bpf system calls, against the BTF of a kernel that need not run.
 */
import { Btf } from '../bpf/btf.ts';
import { checkBtf } from '../bpf/btf-check.ts';
import { InputError } from '../bpf/input-error.ts';
import { expectedAttachType, findAttachTarget } from './attach.ts';
import { CoreRelocator } from './core-relo.ts';
import type { BpfFunction } from './functions.ts';
import { setGlobals } from './globals.ts';
import { SLOT } from './insns.ts';
import { exceptionTags, type LinkContext, linkProgram } from './link.ts';
import { mapRefusal } from './map-create.ts';
import { type ObjectFile, openObject } from './open.ts';
import { patchData } from './patch-data.ts';
import { ProgType } from './prog-type.ts';
import type { BpfObject, LoadOptions, Program } from './program.ts';
import { ExternResolver, type Resolved } from './resolve.ts';
import { resolveStructOps, type StructOps, type StructOpsPrograms } from './struct-ops.ts';

export type * from './program.ts';

/**
 * Instruction slots that all programs of an object may have together, or 64 times the file's size where that is
 * more: every program carries its own copy of the subprograms that it calls.
 */
const MIN_TOTAL_SLOTS = 4 << 20;

/**
 * Reads an object and prepares its programs for a kernel. What libbpf refuses when it opens the file throws;
 * what would stop the loading of one program or all stands in `Program.error` of these.
 * @throws {InputError} with section and offset.
 */
export function loadObject(bytes: Uint8Array, options: LoadOptions): BpfObject {
  try {
    // A plain view: slices of node's Buffers would share their memory.
    const object = openObject(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength), options);
    return new Loader(object, options, bytes.length).load();
  } catch (cause) {
    if (cause instanceof InputError && cause.file === undefined && options.file !== undefined) {
      const { section, offset } = cause;
      throw new InputError(cause.reason, { file: options.file, section, offset });
    }
    throw cause;
  }
}

class Loader {
  private readonly object: ObjectFile;
  private readonly options: LoadOptions;
  private readonly structOps: StructOpsPrograms = { targets: new Map(), errors: new Map() };
  private readonly errors = new Map<BpfFunction, string>();
  private readonly resolver: ExternResolver;
  private resolved: Resolved[] = [];
  /** Why no program can be loaded. */
  private objectError: string | undefined;
  private slotsLeft: number;

  constructor(object: ObjectFile, options: LoadOptions, size: number) {
    this.object = object;
    this.options = options;
    this.slotsLeft = Math.max(MIN_TOTAL_SLOTS, (64 * size) / SLOT);
    this.resolver = new ExternResolver(object.btf ?? emptyBtf(), options);
  }

  load(): BpfObject {
    const { object } = this;
    const entries = object.functions.all.filter((func) => !func.isSubprog);
    this.checkNames(entries);
    const { globals = new Map<string, string>() } = this.options;
    const defs = object.maps.entries.map(({ def }) => def);
    setGlobals(globals, { maps: defs, btf: object.btf, littleEndian: object.elf.littleEndian });
    this.checkByteOrder();
    this.guard(() => this.resolveExterns());
    for (const ops of object.structOps) this.resolveOps(ops);
    this.objectError ??= mapRefusal(defs);
    this.settleAutoload();
    const selected = new Set(entries.filter((func) => this.isSelected(func)));
    this.relocateTypes(selected);
    const btfRefusal = this.checkOwnBtf();
    const link: LinkContext = {
      functions: object.functions,
      ext: object.ext,
      exceptions: exceptionTags(object.btf),
    };
    return {
      file: this.options.file ?? '',
      license: object.license,
      bigEndian: !object.elf.littleEndian,
      version: object.version,
      ...(object.btf ? { btf: object.btf } : {}),
      ...(btfRefusal === undefined ? {} : { btfRefusal }),
      programs: entries.map((func) => this.program(func, selected.has(func), link)),
      modules: this.resolver.modules,
      maps: defs,
    };
  }

  private checkNames(entries: BpfFunction[]): void {
    const names = new Set(entries.map((func) => func.name));
    const { programs = [] } = this.options;
    for (const name of programs === 'all' ? [] : programs) {
      if (names.has(name)) continue;
      throw new InputError(
        `there is no program '${name}'; the object has ${[...names].join(', ') || 'none'}`,
      );
    }
  }

  /** Why the kernel would refuse the object's BTF; undefined when it takes it. */
  private checkOwnBtf(): string | undefined {
    const { btf, structOps } = this.object;
    if (!btf) return undefined;
    try {
      checkBtf(btf);
      return undefined;
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      if (structOps.length > 0)
        this.objectError ??= `the kernel refuses the BTF, which struct_ops need: ${error.reason}`;
      return error.reason;
    }
  }

  private checkByteOrder(): void {
    const { byteOrder } = this.options;
    const own = this.object.elf.littleEndian ? 'little' : 'big';
    if (byteOrder === undefined || byteOrder === own) return;
    this.objectError = `elf: endianness mismatch: the object is ${own}-endian, the kernel ${byteOrder}-endian`;
  }

  private isSelected(func: BpfFunction): boolean {
    const { programs } = this.options;
    return programs === 'all' || (programs?.includes(func.name) ?? func.autoload);
  }

  private resolveExterns(): void {
    const { externs, maps } = this.object;
    const kconfig = maps.entries[maps.kconfig]?.def.data ?? new Uint8Array(0);
    this.resolved = this.resolver.resolveAll(externs, kconfig);
  }

  /** A map that is created whatever happens stops the whole object; another one only its own programs. */
  private resolveOps(ops: StructOps): void {
    const { btf } = this.object;
    if (!btf) return;
    try {
      resolveStructOps(ops, btf, this.options, this.structOps);
    } catch (cause) {
      const reason = reasonOf(cause);
      if (ops.def.autocreate !== false) this.objectError ??= reason;
      else for (const func of ops.programs.values()) this.fail(func, reason);
    }
  }

  /** A struct_ops program is loaded when a map that is created uses it. */
  private settleAutoload(): void {
    const used = new Map<BpfFunction, boolean>();
    for (const { def, programs } of this.object.structOps) {
      for (const func of programs.values()) {
        used.set(func, (used.get(func) ?? false) || def.autocreate !== false);
      }
    }
    for (const [func, autoload] of used) func.autoload = autoload;
  }

  /** Applies CO-RE relocations: to subprograms (their errors stop every program) and to selected programs. */
  private relocateTypes(selected: ReadonlySet<BpfFunction>): void {
    const { btf, ext, functions } = this.object;
    if (!btf || !ext) return;
    const { coreBtf, kernelBtf, modules = [] } = this.options;
    const relocator = new CoreRelocator(btf, coreBtf ?? kernelBtf, coreBtf ? [] : modules);
    for (const { section, records } of ext.relos) {
      for (const record of records) {
        const slot = record.offset / SLOT;
        const func = functions.find(section, Math.floor(slot));
        // Code of an overridden weak function belongs to none.
        if (!func || !(func.isSubprog || selected.has(func))) continue;
        const insn = slot - func.start;
        try {
          if (!Number.isInteger(slot)) throw new InputError('CO-RE relocation is not at an instruction');
          if (func.insns.isLdImm64(insn) && insn + 1 >= func.insns.count) {
            throw new InputError('a 64-bit load lacks its second half');
          }
          const what = relocator.apply(func.insns, insn, record);
          if (what !== undefined) func.missing.push({ insn, kind: 'core', what });
        } catch (cause) {
          const { message } = new InputError(reasonOf(cause), {
            section: func.sectionName,
            offset: record.offset,
          });
          if (func.isSubprog) this.objectError ??= message;
          else this.fail(func, message);
        }
      }
    }
  }

  private program(func: BpfFunction, prepared: boolean, link: LinkContext): Program {
    const program: Program = {
      name: func.name,
      section: func.sectionName,
      type: func.def?.type ?? ProgType.Unspec,
      expectedAttachType: expectedAttachType(func, this.options),
      flags: func.def?.flags ?? 0,
      autoload: func.autoload,
      prepared,
      insns: new Uint8Array(0),
      subprogs: [],
      funcInfo: [],
      lineInfo: [],
      missing: [],
    };
    if (!prepared) return program;
    const known = this.objectError ?? this.structOps.errors.get(func) ?? this.errors.get(func);
    const error = known ?? this.prepare(func, program, link);
    if (error !== undefined) program.error = error;
    return program;
  }

  /** Fills in a program; the result says why that is not possible. */
  private prepare(func: BpfFunction, program: Program, link: LinkContext): string | undefined {
    try {
      const code = linkProgram(link, func, this.slotsLeft);
      this.slotsLeft -= code.insns.count;
      patchData(code, this.object, this.resolved);
      program.insns = code.insns.bytes;
      program.subprogs = code.subprogs;
      program.funcInfo = code.funcInfo;
      program.lineInfo = code.lineInfo;
      program.missing = code.missing;
      this.attach(func, program);
      return undefined;
    } catch (cause) {
      return reasonOf(cause);
    }
  }

  private attach(func: BpfFunction, program: Program): void {
    const fail = (reason: string) => new InputError(`prog '${func.name}': ${reason}`);
    if (program.type === ProgType.Unspec) {
      throw fail(`missing BPF prog type, check ELF section name '${func.sectionName}'`);
    }
    if (program.type !== ProgType.StructOps) {
      const target = findAttachTarget(func, this.options);
      if (target) program.attachTarget = target;
      return;
    }
    const ops = this.structOps.targets.get(func);
    if (!ops) throw fail('SEC("struct_ops") program isn\'t referenced anywhere, did you forget to use it?');
    program.expectedAttachType = ops.member;
    program.attachTarget = {
      name: ops.typeName,
      btfId: ops.typeId,
      ...(ops.module ? { module: ops.module } : {}),
    };
  }

  private guard(step: () => void): void {
    try {
      step();
    } catch (cause) {
      this.objectError ??= reasonOf(cause);
    }
  }

  private fail(func: BpfFunction, reason: string): void {
    if (!this.errors.has(func)) this.errors.set(func, reason);
  }
}

/** Text of an expected failure; anything else is a bug and goes on. */
function reasonOf(cause: unknown): string {
  if (cause instanceof InputError) return cause.message;
  throw cause;
}

/** BTF without types, for objects that have none: they have no externs either. */
function emptyBtf(): Btf {
  const bytes = new Uint8Array(25);
  bytes.set([0x9f, 0xeb, 1, 0, 24]);
  bytes[20] = 1;
  return Btf.parse(bytes);
}
