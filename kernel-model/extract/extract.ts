/**
 * Reads a kernel profile out of a distribution's boot image, with nothing booted: the kernel's types and the
 * tables its verifier works with. What only code decides (which program type may do what) is not in an image;
 * it stands in the hand-written tables of the profiles.
 */
import { type Btf, BtfKind, Btf as BtfReader } from '../../bpf/btf.ts';
import { writeSymbolNames } from '../symbol-names.ts';
import { BtfIdReader } from './btf-ids.ts';
import { unpackKernel } from './bzimage.ts';
import { HelperProtoReader } from './helper-protos.ts';
import { readIterTargets } from './iter-targets.ts';
import { stableJson } from './json.ts';
import { readSymbols, type SymbolTable } from './kallsyms.ts';
import { KernelImage } from './kernel-image.ts';
import { readKfuncs } from './kfuncs.ts';
import { readMapTypes, readProgTypes } from './map-types.ts';
import { readRegisters } from './registers.ts';
import { readStructOps } from './struct-ops.ts';
import { readErrorInjection, readTracepoints } from './tracepoints.ts';
import { readTrustedFields } from './trusted-fields.ts';
import { enumValues } from './type-names.ts';

export interface ExtractedProfile {
  /** uname -r, "6.12.117+deb12-cloud-amd64". */
  readonly release: string;
  /** Version of the source it was built from, "6.12.117"; distributions leave it out of their release names. */
  readonly version: string;
  /** Content of /sys/kernel/btf/vmlinux on that kernel. */
  readonly btf: Uint8Array;
  /** File name -> JSON text. */
  readonly files: ReadonlyMap<string, string>;
  /** Names of all symbols, as symbol-names.ts writes them. */
  readonly symbols: string;
}

/** Lists of .BTF_ids that the verifier uses by position. */
const USED_LISTS = /^(special_kfunc_list|kf_arg_btf_ids|btf_tracing_ids|btf_sock_ids)$/;

const MAX_BANNER = 512;
/** Numbers beyond this are damaged data; 6.18 has 211 helpers. */
const MAX_HELPER = 4095;

/**
 * @param bytes an x86-64 boot image (vmlinuz) or the ELF file inside one.
 * @throws {InputError} when it is neither, or the kernel lacks what a profile needs (BTF, KALLSYMS_ALL).
 */
export function extractProfile(bytes: Uint8Array, file?: string): ExtractedProfile {
  const image = KernelImage.parse(unpackKernel(bytes, file), file);
  const section = image.section('.BTF');
  if (!section) throw image.error('the kernel has no type information (CONFIG_DEBUG_INFO_BTF)');
  const btfBytes = image.contentOf(section);
  const btf = BtfReader.parse(btfBytes, { section: '.BTF', ...(file === undefined ? {} : { file }) });
  const symbols = readSymbols(image);
  const files = new Map<string, string>();
  for (const [name, depth, data] of readTables(image, btf, symbols)) files.set(name, stableJson(data, depth));
  return {
    ...readRelease(image, symbols),
    btf: btfBytes,
    files,
    symbols: writeSymbolNames(symbols.symbols),
  };
}

function* readTables(
  image: KernelImage,
  btf: Btf,
  symbols: SymbolTable,
): Iterable<[file: string, depth: number, data: unknown]> {
  const ids = new BtfIdReader(image, btf, symbols);
  yield [
    'helpers.json',
    2,
    { names: helperNames(btf), protos: new HelperProtoReader(image, btf, symbols).readAll() },
  ];
  yield ['registers.json', 2, readRegisters(image, btf, symbols)];
  yield ['kfuncs.json', 4, readKfuncs(image, btf, symbols, ids)];
  yield ['btf-ids.json', 2, { sets: ids.sets(), lists: ids.lists(USED_LISTS) }];
  yield ['iters.json', 1, readIterTargets(image, btf, symbols)];
  yield ['struct-ops.json', 1, readStructOps(image, btf, symbols)];
  yield [
    'types.json',
    2,
    { maps: readMapTypes(image, btf, symbols), programs: readProgTypes(image, btf, symbols) },
  ];
  yield ['trusted-fields.json', 2, readTrustedFields(btf)];
  yield ['tracepoints.json', 1, readTracepoints(image, btf, symbols)];
  yield [
    'functions.json',
    1,
    { errorInjection: readErrorInjection(image, symbols), withoutAddress: withoutAddress(btf, symbols) },
  ];
}

/** Helper names without "bpf_", by number. */
function helperNames(btf: Btf): string[] {
  const prefix = 'BPF_FUNC_';
  const names: string[] = [];
  for (const { name, value } of enumValues(btf, 'bpf_func_id')) {
    if (!name.startsWith(prefix)) continue;
    if (value < 0 || value > MAX_HELPER) throw btf.error(`helper ${name} has the number ${value}`);
    names[value] = name.slice(prefix.length);
  }
  return Array.from(names, (name) => name ?? '');
}

/** Functions that have a type but no symbol: programs cannot attach to them. */
function withoutAddress(btf: Btf, symbols: SymbolTable): string[] {
  const names = new Set<string>();
  for (let id = btf.firstId; id < btf.typeCount; id++) {
    if (btf.kind(id) !== BtfKind.Func) continue;
    const name = btf.name(id);
    if (symbols.address(name) === undefined) names.add(name);
  }
  return [...names].sort();
}

/** From the banner, "Linux version RELEASE (builder) (compiler) #BUILD ... Debian VERSION-REVISION ...". */
function readRelease(image: KernelImage, symbols: SymbolTable): { release: string; version: string } {
  const banner = symbols.address('linux_banner');
  const text = banner === undefined ? '' : readBanner(image, banner);
  const release = /^Linux version (\S+) /.exec(text)?.[1];
  const version =
    / #\d+ .*Debian (\d+\.\d+\.\d+)-/.exec(text)?.[1] ?? /^\d+\.\d+(\.\d+)?/.exec(release ?? '')?.[0];
  if (release === undefined || version === undefined)
    throw image.error('the kernel does not say its version');
  return { release, version };
}

function readBanner(image: KernelImage, address: bigint): string {
  const offset = image.offsetOf(address, 1) ?? image.bytes.length;
  const bytes = image.bytes.subarray(offset, offset + MAX_BANNER);
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}
