/**
 * The maps of an object, in libbpf's order: those of ".maps" (behind those of the legacy "maps" section), one for each
 * data section, one for the .kconfig externs, then the struct_ops.
 */
import { type Btf, BtfKind, type BtfType } from '../bpf/btf.ts';
import { kindName } from '../bpf/btf-kind-name.ts';
import { dataInLittleEndian } from './byte-order.ts';
import { type ElfFile, type ElfSection, SectionType, SHF_EXECINSTR } from './elf.ts';
import { type Extern, KCONFIG_SECTION, kconfigSize } from './externs.ts';
import { collectLegacyMaps } from './legacy-maps.ts';
import { emptyMap, MAPS_SECTION, parseMapDef } from './map-def.ts';
import { MapFlag, MapType } from './prog-type.ts';
import type { MapDef } from './program.ts';

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
  /** Maps of the section "maps" count. */
  legacy: boolean;
}

/** All maps but the struct_ops. @throws {InputError} */
export function collectMaps(context: Context): MapTable {
  const table = new MapTable();
  if (context.legacy) collectLegacyMaps(context.elf, table);
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
  if (!btf) throw elf.error('BTF is required, but is missing or corrupted.', section);
  const datasec = btf.find(MAPS_SECTION, BtfKind.Datasec);
  if (datasec === 0) throw elf.error("DATASEC '.maps' not found.", section);
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
  if (name === '') throw fail('empty name.');
  if (place.offset + place.size > section.size) {
    throw elf.error(`map '${name}' BTF data is corrupted.`, section, place.offset);
  }
  if (variable.kind !== BtfKind.Var) throw fail(`unexpected var kind ${kindName(variable.kind)}.`);
  if (variable.linkage !== LINKAGE_GLOBAL) {
    const linkage = variable.linkage === LINKAGE_STATIC ? 'static' : 'extern';
    throw fail(`unsupported map linkage ${linkage}.`);
  }
  const struct = btf.resolve(variable.type);
  if (struct.kind !== BtfKind.Struct) throw fail(`unexpected def kind ${kindName(struct.kind)}.`);
  if (struct.size > place.size) throw fail('invalid def size.');
  const def = parseMapDef(btf, name, struct);
  return { def, section: section.index, offset: place.offset, size: place.size, struct };
}

/** Global variables in the address space of the arena are the first content of the only arena map. */
function placeArena(elf: ElfFile, table: MapTable): void {
  for (const [index, { def }] of table.entries.entries()) {
    if (def.type !== MapType.Arena) continue;
    const other = table.entries[table.arena];
    if (other) {
      const reason = `only single ARENA map is supported (map '${other.def.name}' is also ARENA)`;
      throw elf.error(`map '${def.name}': ${reason}`, MAPS_SECTION);
    }
    table.arena = index;
  }
  const section = elf.section(ARENA_SECTION);
  if (section?.type !== SectionType.Progbits || section.size === 0) return;
  const arena = table.entries[table.arena];
  const fail = (reason: string) => elf.error(`elf: sec '${ARENA_SECTION}': ${reason}`, section);
  if (!arena) {
    throw fail('to use global __arena variables the ARENA map should be explicitly declared in SEC(".maps")');
  }
  if (Math.ceil(section.size / PAGE) > arena.def.maxEntries) {
    const size = arena.def.maxEntries * PAGE;
    throw fail(
      `declared ARENA map size (${size}) is too small to hold global __arena variables of size ${section.size}`,
    );
  }
  table.arenaSection = section.index;
  arena.def.data = section.data.slice();
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
