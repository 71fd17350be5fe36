/** Loading objects for a kernel that verifies them and does not run them. */
import { Btf } from '../bpf/btf.ts';
import type { KernelProfile } from '../kernel-model/profile.ts';
import { SymbolAddresses } from '../kernel-model/symbol-addresses.ts';
import type { SymbolNames } from '../kernel-model/symbol-names.ts';
import type { LoadOptions } from '../loader/index.ts';

/** What a profile has, as far as the loader asks. */
export interface KernelFiles {
  readonly profile: KernelProfile;
  /** Types of the kernel's modules by name: split BTF. */
  readonly modules: ReadonlyMap<string, Uint8Array>;
  /** Asked when a program names a symbol that has no type. */
  readonly symbols: () => SymbolNames | undefined;
  readonly config: ReadonlyMap<string, string> | undefined;
}

/** Objects that are taken although libbpf on this kernel's machine would not take them. */
export interface ObjectFormats {
  /** As `LoadOptions.legacy`. */
  readonly legacy?: boolean;
  /** Big-endian objects on a little-endian kernel and the other way round, turned around. */
  readonly anyEndian?: boolean;
}

export function withFormats(options: LoadOptions, { legacy, anyEndian }: ObjectFormats): LoadOptions {
  const { byteOrder, ...others } = options;
  const own = byteOrder === undefined || anyEndian ? {} : { byteOrder };
  return { ...others, ...own, ...(legacy ? { legacy } : {}) };
}

/** @param stock the kernel alone, without the overlay that profiles carry. @throws {InputError} for bad BTF of a module */
export function loadOptionsOf(
  { profile, modules, symbols, config }: KernelFiles,
  stock: boolean,
): LoadOptions {
  const { vmlinux, btf, dialect, overlay } = profile;
  const own = [...modules].map(([name, bytes]) => ({
    name,
    btf: Btf.parse(bytes, { base: vmlinux, file: name }),
  }));
  const addresses = new SymbolAddresses([vmlinux, ...own.map((module) => module.btf)], symbols);
  return {
    byteOrder: vmlinux.littleEndian ? 'little' : 'big',
    kernelBtf: vmlinux,
    modules: stock ? own : [...own, { name: overlay.name, btf }],
    ksym: (name) => addresses.find(name),
    kconfig: config ?? new Map([['CONFIG_HZ', String(dialect.hz)]]),
    kernelVersion: dialect.versionCode,
  };
}
