/** Static initialisation of maps of maps and prog arrays: the relocations of section ".maps". */
import type { ElfFile, ElfRelocation, ElfSection } from './elf.ts';
import type { FunctionTable } from './functions.ts';
import { SLOT } from './insns.ts';
import { isMapInMap, MAPS_SECTION } from './map-def.ts';
import type { MapEntry, MapTable } from './maps.ts';
import { MapType } from './prog-type.ts';
import type { MapSlot } from './program.ts';
import { isRelocTable } from './relocs.ts';

const POINTER = 8;

interface Context {
  elf: ElfFile;
  maps: MapTable;
  functions: FunctionTable;
}

/** @throws {InputError} when a relocation does not name a slot, or names something that cannot stand there. */
export function collectMapSlots(context: Context): void {
  const { elf, maps } = context;
  const section = elf.section(MAPS_SECTION);
  if (!section) return;
  const slots = new Map<MapEntry, Map<number, MapSlot>>();
  for (const table of elf.sections) {
    if (!isRelocTable(table) || table.info !== section.index) continue;
    for (const [index, relocation] of elf.relocations(table).entries()) {
      const fail = (reason: string) =>
        elf.error(`.maps relo #${index}: ${reason}`, section, relocation.offset);
      const entry = maps.entries.find((map) => covers(map, section, relocation.offset));
      if (!entry) {
        throw fail(`cannot find map '${relocation.symbol.name}' at rel->r_offset ${relocation.offset}`);
      }
      const slot = readSlot(context, entry, relocation, fail);
      const others = slots.get(entry) ?? new Map<number, MapSlot>();
      slots.set(entry, others.set(slot.key, slot));
    }
  }
  for (const [{ def }, values] of slots) def.slots = [...values.values()];
}

function covers(map: MapEntry, section: ElfSection, offset: number): boolean {
  return map.section === section.index && map.offset <= offset && offset + POINTER <= map.offset + map.size;
}

function readSlot(context: Context, entry: MapEntry, relocation: ElfRelocation, fail: Fail): MapSlot {
  const { def } = entry;
  const target = isMapInMap(def.type)
    ? slotMap(context, entry, relocation, fail)
    : slotProgram(context, entry, relocation, fail);
  const last = entry.struct?.members.at(-1);
  if (last?.name !== 'values') throw fail(`map '${def.name}' has no last member 'values'`);
  const within = relocation.offset - entry.offset - Math.floor(last.bitOffset / 8);
  if (within < 0 || within % POINTER !== 0) throw fail('the relocation is not at a slot');
  return { key: within / POINTER, ...target };
}

type Fail = (reason: string) => Error;

function slotMap(
  { maps }: Context,
  { def, section }: MapEntry,
  { symbol }: ElfRelocation,
  fail: Fail,
): Pick<MapSlot, 'map'> {
  if (symbol.section !== section) throw fail(`'${symbol.name}' isn't a BTF-defined map`);
  if (def.type === MapType.HashOfMaps && def.keySize !== 4)
    throw fail(`hash-of-maps '${def.name}' should have key size 4.`);
  const map = maps.find(symbol.name);
  if (map < 0) throw fail(`'${symbol.name}' isn't a valid map reference`);
  return { map };
}

function slotProgram(
  { functions }: Context,
  { def }: MapEntry,
  { symbol }: ElfRelocation,
  fail: Fail,
): Pick<MapSlot, 'program'> {
  if (def.type !== MapType.ProgArray) throw fail('only maps of maps and prog arrays have values');
  const program = functions.program(symbol.name);
  if (!program) throw fail(`'${symbol.name}' isn't a valid program reference`);
  if (program.section !== symbol.section || program.start * SLOT !== symbol.value) {
    throw fail(`'${symbol.name}' isn't an entry-point program`);
  }
  return { program: program.name };
}
