/** Kernel profiles over HTTP: the files of kernel-model/profiles, as they are. */
import { CONFIG_FILE, parseKernelConfig } from '../kernel-model/kernel-config.ts';
import { KernelProfile } from '../kernel-model/profile.ts';
import { SYMBOLS_FILE, SymbolNames } from '../kernel-model/symbol-names.ts';
import { VerifierData } from '../kernel-model/verifier-data.ts';
import type { LoadOptions } from '../loader/index.ts';
import { loadOptionsOf } from '../verifier/load-options.ts';
import { Verifier } from '../verifier/verifier.ts';
import type { Site } from './protocol.ts';

const MODULE = /^modules\/(.+)\.btf\.gz$/;

export interface Bench {
  readonly verifier: Verifier;
  readonly options: LoadOptions;
}

/** All of a profile's files, by name; unpacked where they are packed. */
async function fetchProfile(
  base: URL,
  { name, files }: Site['kernels'][number],
): Promise<Map<string, Uint8Array>> {
  const folder = new URL(`profiles/${encodeURIComponent(name)}/`, base);
  const all = files.map(async (file) => [file, await fetchBytes(new URL(file, folder))] as const);
  return new Map(await Promise.all(all));
}

async function fetchBytes(url: URL): Promise<Uint8Array> {
  const response = await fetch(url);
  if (!response.ok || !response.body) throw new Error(`${url.pathname}: ${response.status}`);
  const isPacked = url.pathname.endsWith('.gz');
  const stream = isPacked ? response.body.pipeThrough(new DecompressionStream('gzip')) : response.body;
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** @param base where the site is */
export async function openBench(base: URL, site: Site['kernels'][number], stock: boolean): Promise<Bench> {
  const [files, wasm] = await Promise.all([
    fetchProfile(base, site),
    fetchBytes(new URL('verifier.wasm', base)),
  ]);
  const text = (name: string) => {
    const bytes = files.get(name);
    return bytes && new TextDecoder().decode(bytes);
  };
  const need = (name: string) => files.get(name) ?? fail(`${name} is missing`);
  const profile = KernelProfile.create({
    name: site.name,
    btf: need('btf.bin.gz'),
    dialect: text('dialect.json') ?? fail('dialect.json is missing'),
  });
  const modules = new Map(
    [...files].flatMap(([name, bytes]) => {
      const module = MODULE.exec(name)?.[1];
      return module === undefined ? [] : [[module, bytes] as const];
    }),
  );
  const overlays = stock ? [] : [profile.overlay];
  const data = VerifierData.parse(site.name, profile.vmlinux, text, overlays);
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
  const withOverlays = new Map([...modules, ...overlays.map(({ name, btf }) => [name, btf] as const)]);
  return {
    verifier: await Verifier.create({
      wasm: wasm as BufferSource,
      kernel: { btf: profile.vmlinux, data, modules: withOverlays },
    }),
    options: loadOptionsOf(kernel, stock),
  };
}

function fail(reason: string): never {
  throw new Error(reason);
}
