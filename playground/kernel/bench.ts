/** A verifier for one kernel, with what programs are loaded with. */
import { InputError } from '../../bpf/input-error.ts';
import { CONFIG_FILE, parseKernelConfig } from '../../kernel-model/kernel-config.ts';
import { SYMBOLS_FILE, SymbolNames } from '../../kernel-model/symbol-names.ts';
import { VerifierData } from '../../kernel-model/verifier-data.ts';
import type { LoadOptions } from '../../loader/index.ts';
import { loadOptionsOf } from '../../verifier/load-options.ts';
import { Verifier } from '../../verifier/verifier.ts';
import { profileFiles, profileOf } from './profile.ts';
import { fetchBytes } from './site.ts';

const MODULE = /^modules\/(.+)\.btf\.gz$/;

export interface Bench {
  readonly verifier: Verifier;
  readonly options: LoadOptions;
}

/** Types of a kernel that the user has. */
export interface Vmlinux {
  readonly file: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export interface KernelChoice {
  readonly kernel: string;
  /** Without the iterators of the series. */
  readonly stock: boolean;
  /** BTF of a vmlinux that stands in for the profile's own. */
  readonly vmlinux?: Vmlinux;
}

/** @throws {InputError} for a kernel that cannot verify, or types that do not fit it. */
export async function openBench(choice: KernelChoice): Promise<Bench> {
  const { kernel, vmlinux } = choice;
  try {
    return await create(choice);
  } catch (error) {
    if (!vmlinux || !(error instanceof InputError)) throw error;
    throw new InputError(
      `its types do not fit the tables of Linux ${kernel} (${error.message}); it has to be a kernel of that version`,
      { file: vmlinux.file },
    );
  }
}

async function create({ kernel: name, stock, vmlinux }: KernelChoice): Promise<Bench> {
  const [files, wasm] = await Promise.all([profileFiles(name), fetchBytes('verifier.wasm')]);
  const text = (file: string) => {
    const bytes = files.get(file);
    return bytes && new TextDecoder().decode(bytes);
  };
  const profile = profileOf(name, files, vmlinux?.bytes);
  // Modules' types build on the kernel's own, by number: they do not fit another vmlinux.
  const modules = new Map(
    [...files].flatMap(([file, bytes]) => {
      const module = MODULE.exec(file)?.[1];
      return module === undefined || vmlinux ? [] : [[module, bytes] as const];
    }),
  );
  const overlays = stock ? [] : [profile.overlay];
  const data = VerifierData.parse(name, profile.vmlinux, text, overlays);
  const config = text(CONFIG_FILE);
  const symbols = () => {
    const names = text(SYMBOLS_FILE);
    return names === undefined ? undefined : SymbolNames.parse(names, SYMBOLS_FILE);
  };
  const kernel = {
    profile,
    modules,
    symbols,
    config: config === undefined ? undefined : parseKernelConfig(config),
  };
  const withOverlays = new Map([
    ...modules,
    ...overlays.map(({ name: of, btf: types }) => [of, types] as const),
  ]);
  return {
    verifier: await Verifier.create({
      wasm,
      kernel: { btf: profile.vmlinux, data, modules: withOverlays },
    }),
    options: loadOptionsOf(kernel, stock),
  };
}
