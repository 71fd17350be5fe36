/**
 * The maps of an object, in libbpf's order: those of ".maps" (and of the legacy "maps" section), one for each
 * data section, one for the .kconfig externs, then the struct_ops.
 */
import { type Btf, BtfKind, type BtfType } from '../bpf/btf.ts';
import { dataInLittleEndian } from './byte-order.ts';
import { type ElfFile, type ElfSection, SectionType, SHF_EXECINSTR } from './elf.ts';
import { type Extern, KCONFIG_SECTION, kconfigSize } from './externs.ts';
import { emptyMap, MAPS_SECTION, parseMapDef } from './map-def.ts';
import { MapFlag, MapType } from './prog-type.ts';
import type { MapDef } from './program.ts';

export const LEGACY_SECTION = 'maps';
const ARENA_SECTION = '.addr_space.1';
const PAGE = 4096;
/** Longest name of a map, without the terminating zero. */
const MAX_NAME = 15;
/** BTF_VAR_STATIC, BTF_VAR_GLOBAL_ALLOCATED */
const LINKAGE_STATIC = 0;
const LINKAGE_GLOBAL = 1;

export interface MapEntry {
  def: MapDef;
  /** ELF section that defines it, and the place in it. */
  section: number;
  offset: number;
  /** Bytes that the definition takes. */
  size: number;
  /** BTF-defined maps: the struct that describes the map. */
  struct?: BtfType;
}

export class MapTable {
  readonly entries: MapEntry[] = [];
  /** Index of the arena map, -1 when there is none. */
  arena = -1;
  /** Section of the arena's initial content, -1 when there is none. */
  arenaSection = -1;
  /** Index of the .kconfig map, -1 when there is none. */
  kconfig = -1;
  private readonly byPlace = new Map<string, number>();
  private readonly dataSections = new Map<number, number>();

  add(entry: MapEntry): number {
    const index = this.entries.push(entry) - 1;
    this.byPlace.set(`${entry.section}:${entry.offset}`, index);
    return index;
  }

  addData(entry: MapEntry): number {
    const index = this.add(entry);
    this.dataSections.set(entry.section, index);
    return index;
  }

  /** Map that is defined at this place of a section. */
  at(section: number, offset: number): number | undefined {
    return this.byPlace.get(`${section}:${offset}`);
  }

  /** Map that holds the content of a data section. */
  ofDataSection(section: number): number | undefined {
    return this.dataSections.get(section);
  }

  find(name: string): number {
    return this.entries.findIndex((entry) => entry.def.name === name);
  }
}

interface Context {
  elf: ElfFile;
  btf: Btf | undefined;
  externs: readonly Extern[];
  /** Prefix of the names of internal maps. */
  objectName: string;
  possibleCpus: number;
}

/** All maps but the struct_ops. @throws {InputError} */
export function collectMaps(context: Context): MapTable {
  const table = new MapTable();
  collectLegacyMaps(context.elf, table);
  collectBtfMaps(context, table);
  for (const section of context.elf.sections) addDataSection(context, table, section);
  addKconfig(context, table);
  for (const { def } of table.entries) {
    if (def.type === MapType.PerfEventArray && def.maxEntries === 0) def.maxEntries = context.possibleCpus;
  }
  return table;
}

function collectBtfMaps({ elf, btf }: Context, table: MapTable): void {
  const section = elf.section(MAPS_SECTION);
  if (!section) return;
  if (!btf) throw elf.error('BTF is required, but is missing', section);
  const datasec = btf.find(MAPS_SECTION, BtfKind.Datasec);
  if (datasec === 0) throw elf.error("DATASEC '.maps' not found", section);
  for (const variable of btf.type(datasec).vars) {
    table.add(btfMap(elf, btf, section, variable));
  }
  placeArena(elf, table);
}

function btfMap(
  elf: ElfFile,
  btf: Btf,
  section: ElfSection,
  place: { type: number; offset: number; size: number },
): MapEntry {
  const variable = btf.type(place.type);
  const { name } = variable;
  const fail = (reason: string) => elf.error(`map '${name}': ${reason}`, section, place.offset);
  if (name === '') throw fail('empty name');
  if (place.offset + place.size > section.size) throw fail('BTF data is corrupted');
  if (variable.kind !== BtfKind.Var) throw fail(`type ${place.type} is not a variable`);
  if (variable.linkage !== LINKAGE_GLOBAL) {
    const linkage = variable.linkage === LINKAGE_STATIC ? 'static' : `extern (${variable.linkage})`;
    throw fail(`unsupported map linkage ${linkage}`);
  }
  const struct = btf.resolve(variable.type);
  if (struct.kind !== BtfKind.Struct) throw fail('the definition is not a struct');
  if (struct.size > place.size) throw fail('invalid definition size');
  const def = parseMapDef(btf, name, struct);
  return { def, section: section.index, offset: place.offset, size: place.size, struct };
}

/** Global variables in the address space of the arena are the first content of the only arena map. */
function placeArena(elf: ElfFile, table: MapTable): void {
  for (const [index, { def }] of table.entries.entries()) {
    if (def.type !== MapType.Arena) continue;
    if (table.arena >= 0)
      throw elf.error(`map '${def.name}': only a single ARENA map is supported`, MAPS_SECTION);
    table.arena = index;
  }
  const section = elf.section(ARENA_SECTION);
  if (section?.type !== SectionType.Progbits || section.size === 0) return;
  const arena = table.entries[table.arena];
  if (!arena) throw elf.error('global __arena variables need an ARENA map in section .maps', section);
  if (Math.ceil(section.size / PAGE) > arena.def.maxEntries) {
    throw elf.error(`map '${arena.def.name}' is too small for ${section.size} bytes of variables`, section);
  }
  table.arenaSection = section.index;
  arena.def.data = section.data.slice();
}

/** struct bpf_map_def: five u32, and whatever else a program may have added if it is zero. */
function collectLegacyMaps(elf: ElfFile, table: MapTable): void {
  const section = elf.section(LEGACY_SECTION);
  if (section?.type !== SectionType.Progbits || section.size === 0) return;
  const symbols = elf.symbols
    .filter((symbol) => symbol.section === section.index && symbol.name !== '' && symbol.type <= 1)
    .sort((a, b) => a.value - b.value);
  const size = section.size / symbols.length;
  if (symbols.length === 0 || !Number.isInteger(size) || size < 20) {
    throw elf.error(`${symbols.length} legacy map definitions do not fit ${section.size} bytes`, section);
  }
  const view = new DataView(section.data.buffer, section.data.byteOffset, section.data.byteLength);
  for (const [index, symbol] of symbols.entries()) {
    const at = index * size;
    if (symbol.value !== at)
      throw elf.error(`map '${symbol.name}' is not at its place`, section, symbol.value);
    if (section.data.subarray(at + 20, at + size).some((byte) => byte !== 0)) {
      throw elf.error(`map '${symbol.name}' has unrecognized, non-zero options`, section, at + 20);
    }
    const word = (n: number) => view.getUint32(at + 4 * n, elf.littleEndian);
    const def = { ...emptyMap(symbol.name, LEGACY_SECTION), type: word(0), keySize: word(1) };
    Object.assign(def, { valueSize: word(2), maxEntries: word(3), flags: word(4) });
    table.add({ def, section: section.index, offset: at, size });
  }
}

const enum DataKind {
  Data,
  Rodata,
  Bss,
}

function dataKind({ type, flags, name, size }: ElfSection): DataKind | undefined {
  const is = (stem: string) => name === stem || name.startsWith(`${stem}.`);
  if (size === 0) return undefined;
  if (type === SectionType.Nobits) return is('.bss') ? DataKind.Bss : undefined;
  if (type !== SectionType.Progbits || (flags & SHF_EXECINSTR) !== 0) return undefined;
  if (is('.data')) return DataKind.Data;
  return is('.rodata') ? DataKind.Rodata : undefined;
}

function addDataSection(context: Context, table: MapTable, section: ElfSection): void {
  const kind = dataKind(section);
  if (kind === undefined) return;
  const { elf, btf } = context;
  if (section.size > 0xffff_ffff) throw elf.error('the section is larger than 4 GiB', section);
  const def = internalMap(context, section.name, section.size, kind === DataKind.Rodata);
  if (kind !== DataKind.Bss) def.data = dataInLittleEndian(elf, btf, section);
  table.addData({ def, section: section.index, offset: 0, size: section.size });
}

function addKconfig(context: Context, table: MapTable): void {
  const size = kconfigSize(context.externs);
  if (size === 0) return;
  const def = internalMap(context, KCONFIG_SECTION, size, true);
  def.data = new Uint8Array(size);
  table.kconfig = table.add({ def, section: context.elf.symtab, offset: 0, size });
}

function internalMap(context: Context, section: string, size: number, readOnly: boolean): MapDef {
  const { btf, objectName } = context;
  const valueTypeId = btf?.find(section) ?? 0;
  return {
    ...emptyMap(internalName(objectName, section), section),
    type: MapType.Array,
    keySize: 4,
    valueSize: size,
    maxEntries: 1,
    flags: (readOnly ? MapFlag.RdonlyProg : 0) | (btf && isShared(btf, valueTypeId) ? MapFlag.Mmapable : 0),
    valueTypeId,
    ...(readOnly ? { frozen: true } : {}),
  };
}

/** Whether a section has a variable that user space may look at: a global one that is not hidden. */
function isShared(btf: Btf, datasec: number): boolean {
  if (btf.kind(datasec) !== BtfKind.Datasec) return false;
  return btf
    .type(datasec)
    .vars.some(({ type }) => btf.kind(type) === BtfKind.Var && btf.type(type).linkage !== LINKAGE_STATIC);
}

/**
 * libbpf's name of a data section's map: up to 8 characters of the object's name before ".rodata", ".data" and
 * ".bss" (7 before ".kconfig"), none before ".rodata.mine" and the like, cut to 15 characters in all.
 */
export function internalName(objectName: string, section: string): string {
  const suffix = Math.min(Math.max(7, section.length), MAX_NAME);
  const prefix = section.includes('.', 1) ? '' : objectName.slice(0, MAX_NAME - suffix);
  return (prefix + section.slice(0, suffix)).replace(/[^A-Za-z0-9_.]/g, '_');
}
