/** Loading objects for a kernel that verifies them and does not run them. */
import { Btf } from '../bpf/btf.ts';
import { openKernelConfig, openModules, openProfile, openSymbolNames } from '../kernel-model/profile-node.ts';
import { SymbolAddresses } from '../kernel-model/symbol-addresses.ts';
import type { LoadOptions } from '../loader/index.ts';

/**
 * What the loader has to know of a kernel.
 * @param kernel as for `openProfile`.
 * @param stock the kernel alone, without the overlay that profiles carry.
 * @throws {InputError} when there is no such profile.
 */
export function verifierLoadOptions(kernel: string, stock = false): LoadOptions {
  const { vmlinux, btf, dialect, overlay } = openProfile(kernel);
  const own = [...openModules(kernel)].map(([name, bytes]) => ({
    name,
    btf: Btf.parse(bytes, { base: vmlinux, file: name }),
  }));
  const typed = [vmlinux, ...own.map((module) => module.btf)];
  const symbols = new SymbolAddresses(typed, () => openSymbolNames(kernel));
  return {
    byteOrder: vmlinux.littleEndian ? 'little' : 'big',
    kernelBtf: vmlinux,
    modules: stock ? own : [...own, { name: overlay.name, btf }],
    ksym: (name) => symbols.find(name),
    kconfig: openKernelConfig(kernel) ?? new Map([['CONFIG_HZ', String(dialect.hz)]]),
    kernelVersion: dialect.versionCode,
  };
}
