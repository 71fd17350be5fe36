/**
 * Maps of the section "maps": structs of numbers, as objects had them before BTF. libbpf 1.0 refuses them; cilium/ebpf,
 * aya and iproute2 take them still, each with fields of its own behind the five that all have.
 */
import { type ElfFile, type ElfSection, type ElfSymbol, SectionType, SymbolType } from './elf.ts';
import { emptyMap } from './map-def.ts';
import type { MapTable } from './maps.ts';

export const LEGACY_SECTION = 'maps';
const REFUSAL = "elf: legacy map definitions in 'maps' section are not supported by libbpf v1.0+";
const WORD = 4;
/** type, key_size, value_size, max_entries, map_flags */
const REQUIRED = 5 * WORD;
/** aya and iproute2 continue with an id, which says nothing to the kernel, and with whether the map is pinned. */
const PINNING = 6 * WORD;
const OPTIONAL = 7 * WORD;

/** What libbpf says as soon as it sees such a section. @throws {InputError} */
export function refuseLegacyMaps(elf: ElfFile): void {
  const section = elf.section(LEGACY_SECTION);
  if (section) throw elf.error(REFUSAL, section);
}

/** @throws {InputError} for what no loader would take. */
export function collectLegacyMaps(elf: ElfFile, table: MapTable): void {
  const section = elf.section(LEGACY_SECTION);
  if (section?.type !== SectionType.Progbits || section.size === 0) return;
  const symbols = elf.symbols
    .filter((symbol) => symbol.section === section.index && isVariable(symbol))
    .sort((a, b) => a.value - b.value);
  if (symbols.length === 0) throw elf.error('no symbol names the legacy map definitions', section);
  for (const [index, symbol] of symbols.entries()) {
    const end = symbols[index + 1]?.value ?? section.size;
    addMap(elf, table, section, symbol, symbol.size || end - symbol.value);
  }
}

function isVariable({ name, type }: ElfSymbol): boolean {
  return name !== '' && (type === SymbolType.Object || type === SymbolType.NoType);
}

function addMap(
  elf: ElfFile,
  table: MapTable,
  section: ElfSection,
  { name, value: offset }: ElfSymbol,
  size: number,
): void {
  const fail = (reason: string) => elf.error(`map '${name}': ${reason}`, section, offset);
  if (offset + size > section.size) throw fail('the definition crosses the end of the section');
  if (size < REQUIRED) throw fail(`a definition of ${size} bytes, less than ${REQUIRED}`);
  const data = section.data.subarray(offset, offset + size);
  if (data.subarray(Math.min(OPTIONAL, size)).some((byte) => byte !== 0)) {
    throw fail('unrecognized, non-zero options');
  }
  const view = new DataView(data.buffer, data.byteOffset, size);
  const word = (at: number) => (at + WORD <= size ? view.getUint32(at, elf.littleEndian) : 0);
  const def = {
    ...emptyMap(name, LEGACY_SECTION),
    type: word(0),
    keySize: word(WORD),
    valueSize: word(2 * WORD),
    maxEntries: word(3 * WORD),
    flags: word(4 * WORD),
    pinning: word(PINNING) === 0 ? 0 : 1,
  };
  table.add({ def, section: section.index, offset, size });
}
