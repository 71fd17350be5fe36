/** Resolves externs against a kernel: its configuration, its BTF and its symbols' addresses. */
import { type Btf, BtfKind, type TypeId } from '../bpf/btf.ts';
import { InputError } from '../bpf/input-error.ts';
import { essentialName, TooDeep, typesCompatible } from './core-match.ts';
import type { Extern, KconfigExtern, KsymExtern } from './externs.ts';
import { kconfigBytes, virtualValue } from './kconfig.ts';
import type { LoadOptions } from './program.ts';

/** What an extern is in this kernel. */
export interface Resolved {
  found: boolean;
  /** Typed ksyms and kfuncs: type id in the kernel's BTF or in that of module `modules[module]`. */
  btfId: TypeId;
  module: number;
  /** Typeless ksyms */
  address: bigint;
}

const NOT_FOUND: Resolved = { found: false, btfId: 0, module: 0, address: 0n };

interface KernelType {
  btf: Btf;
  id: TypeId;
  /** "" for the kernel itself */
  module: string;
}

export class ExternResolver {
  /** The kernel's own name, then those of the modules that something was found in. */
  readonly modules: string[] = ['vmlinux'];
  private readonly options: LoadOptions;
  private readonly local: Btf;

  constructor(local: Btf, options: LoadOptions) {
    this.local = local;
    this.options = options;
  }

  /**
   * Resolves all, and writes the values of .kconfig externs into that map.
   * @throws {InputError} for what is not weak and not found, or does not have the declared type.
   */
  resolveAll(externs: readonly Extern[], kconfigMap: Uint8Array): Resolved[] {
    const resolved = externs.map((extern) =>
      extern.kind === 'kconfig' ? this.kconfig(extern, kconfigMap) : NOT_FOUND,
    );
    const ksyms = [...externs.entries()].filter(
      (entry): entry is [number, KsymExtern] => entry[1].kind === 'ksym',
    );
    // Kfuncs first: the numbers of modules go by them.
    for (const [index, extern] of ksyms) if (extern.isFunc) resolved[index] = this.kfunc(extern);
    for (const [index, extern] of ksyms) if (!extern.isFunc) resolved[index] = this.variable(extern);
    for (const [index, extern] of externs.entries()) {
      if (!resolved[index]?.found && !extern.weak)
        throw fail(`extern '${extern.name}' (strong): not resolved`);
    }
    return resolved;
  }

  /** Number of a module in `modules`, which it is added to at its first use; 0 is the kernel. */
  moduleIndex(name: string): number {
    if (name === '') return 0;
    const known = this.modules.indexOf(name, 1);
    return known > 0 ? known : this.modules.push(name) - 1;
  }

  private kconfig(extern: KconfigExtern, map: Uint8Array): Resolved {
    const target = map.subarray(extern.offset, extern.offset + extern.size);
    const text = extern.name.startsWith('CONFIG_')
      ? this.options.kconfig?.get(extern.name)
      : virtualValue(extern, this.options);
    if (text === undefined) return NOT_FOUND;
    target.set(kconfigBytes(extern, text));
    return { ...NOT_FOUND, found: true };
  }

  private variable(extern: KsymExtern): Resolved {
    if (extern.typeId === 0) {
      const address = this.options.ksym?.(extern.name);
      if (address === 'ambiguous') throw fail(`extern (ksym) '${extern.name}': resolution is ambiguous`);
      return address === undefined ? NOT_FOUND : { ...NOT_FOUND, found: true, address };
    }
    const kernel = this.find(extern.name, BtfKind.Var);
    if (!kernel) {
      if (extern.weak) return NOT_FOUND;
      throw fail(`extern (var ksym) '${extern.name}': not found in kernel BTF`);
    }
    const type = kernel.btf.resolve(kernel.btf.type(kernel.id).type);
    if (!this.compatible(extern, kernel.btf, type.id)) {
      throw fail(`extern (var ksym) '${extern.name}': the kernel's variable is of another type`);
    }
    return { found: true, btfId: kernel.id, module: this.moduleIndex(kernel.module), address: 0n };
  }

  private kfunc(extern: KsymExtern): Resolved {
    const kernel = this.find(essentialName(extern.name), BtfKind.Func);
    if (!kernel) {
      if (extern.weak) return NOT_FOUND;
      throw fail(`extern (func ksym) '${extern.name}': not found in kernel or module BTFs`);
    }
    if (!this.compatible(extern, kernel.btf, kernel.btf.type(kernel.id).type)) {
      if (extern.weak) return NOT_FOUND;
      throw fail(`extern (func ksym) '${extern.name}': the prototype is incompatible with the kernel's`);
    }
    return { found: true, btfId: kernel.id, module: this.moduleIndex(kernel.module), address: 0n };
  }

  private compatible(extern: KsymExtern, btf: Btf, id: TypeId): boolean {
    try {
      return typesCompatible({ btf: this.local, id: extern.typeId }, { btf, id });
    } catch (cause) {
      if (cause instanceof TooDeep) throw fail(`extern '${extern.name}': ${cause.message}`);
      throw cause;
    }
  }

  private find(name: string, kind: BtfKind): KernelType | undefined {
    const { kernelBtf } = this.options;
    if (!kernelBtf) throw fail(`extern '${name}' needs the BTF of a kernel, and none is given`);
    return findKernelType(kernelBtf, this.options, name, kind);
  }
}

/** A type of the kernel's BTF, or else of the first module that has it. */
export function findKernelType(
  kernelBtf: Btf,
  { modules = [] }: LoadOptions,
  name: string,
  kind: BtfKind,
): KernelType | undefined {
  const own = kernelBtf.find(name, kind);
  if (own) return { btf: kernelBtf, id: own, module: '' };
  for (const { btf, name: module } of modules) {
    const id = btf.idsByName(name, kind).find((type) => type >= btf.firstId);
    if (id) return { btf, id, module };
  }
  return undefined;
}

function fail(reason: string): InputError {
  return new InputError(reason);
}
