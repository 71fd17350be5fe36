/** Reads an object file: everything that does not depend on the kernel it will meet. */
import { Btf } from '../bpf/btf.ts';
import { validateBtf } from '../bpf/btf-validate.ts';
import { type BtfExt, parseBtfExt } from './btf-ext.ts';
import { fixUpBtf } from './btf-fixup.ts';
import { btfInLittleEndian } from './byte-order.ts';
import { ElfFile, type ElfSection } from './elf.ts';
import { collectExterns, type Extern } from './externs.ts';
import { FunctionTable } from './functions.ts';
import { refuseLegacyMaps } from './legacy-maps.ts';
import { collectMapSlots } from './map-slots.ts';
import { collectMaps, type MapTable } from './maps.ts';
import type { LoadOptions } from './program.ts';
import { collectCodeRelocs } from './relocs.ts';
import { collectStructOps, type StructOps } from './struct-ops.ts';

export interface ObjectFile {
  elf: ElfFile;
  license: string;
  version: number;
  /** Completed by the ELF file's facts, little-endian. */
  btf: Btf | undefined;
  ext: BtfExt | undefined;
  functions: FunctionTable;
  externs: Extern[];
  maps: MapTable;
  structOps: StructOps[];
}

/** Longest licence text that libbpf hands on, in bytes. */
const MAX_LICENSE = 63;
const decoder = new TextDecoder();

/** @throws {InputError} when the file cannot be used. */
export function openObject(bytes: Uint8Array, options: LoadOptions): ObjectFile {
  const { file, legacy = false } = options;
  const elf = ElfFile.parse(bytes, file);
  if (!legacy) refuseLegacyMaps(elf);
  const functions = new FunctionTable(elf, legacy);
  const original = readBtf(elf, file);
  const extSection = elf.section('.BTF.ext');
  const ext = original && extSection ? parseBtfExt(elf, extSection, original) : undefined;
  const externs = collectExterns(elf, original);
  const btf = original && completeBtf(elf, original, externs, functions, file);
  const maps = collectMaps({
    elf,
    btf,
    externs,
    objectName: objectName(file),
    possibleCpus: options.possibleCpus ?? 1,
    legacy,
  });
  const structOps = collectStructOps(elf, btf, maps, functions);
  const externIndex = new Map(externs.map((extern, index) => [extern.symbol, index]));
  collectCodeRelocs({ elf, functions, maps, externIndex });
  collectMapSlots({ elf, maps, functions });
  return {
    elf,
    license: readLicense(elf.section('license')),
    version: readVersion(elf),
    btf,
    ext,
    functions,
    externs,
    maps,
    structOps,
  };
}

function readBtf(elf: ElfFile, file: string | undefined): Btf | undefined {
  const section = elf.section('.BTF');
  if (!section) return undefined;
  const btf = Btf.parse(section.data, { section: '.BTF', ...(file === undefined ? {} : { file }) });
  validateBtf(btf);
  return btf;
}

function completeBtf(
  elf: ElfFile,
  btf: Btf,
  externs: Extern[],
  functions: FunctionTable,
  file: string | undefined,
): Btf {
  const hidden = functions.all.filter((func) => func.isSubprog && func.isHidden);
  const place = { section: '.BTF', ...(file === undefined ? {} : { file }) };
  const bytes = fixUpBtf({ elf, btf, externs, hiddenFunctions: hidden.map(({ name }) => name) });
  return Btf.parse(btfInLittleEndian(Btf.parse(bytes, place)), place);
}

function readLicense(section: ElfSection | undefined): string {
  if (!section) return '';
  const text = section.data.subarray(0, MAX_LICENSE);
  const end = text.indexOf(0);
  return decoder.decode(end < 0 ? text : text.subarray(0, end));
}

function readVersion(elf: ElfFile): number {
  const section = elf.section('version');
  if (!section) return 0;
  if (section.data.length !== 4)
    throw elf.error(`invalid kver section of ${section.data.length} bytes`, section);
  return new DataView(section.data.buffer, section.data.byteOffset).getUint32(0, elf.littleEndian);
}

/** The file's base name up to its first dot. */
function objectName(file = ''): string {
  const base = file.split(/[/\\]/).at(-1) ?? '';
  return base.split('.')[0] || 'object';
}
