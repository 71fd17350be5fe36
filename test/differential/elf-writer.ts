/** Writes ELF64 relocatable BPF objects: sections, symbols and REL tables, as clang lays them out. */
import { SectionType, SHF_EXECINSTR, SHN_UNDEF, SymbolBind, type SymbolType } from '../../loader/elf.ts';

const HEADER_SIZE = 64;
const SECTION_HEADER_SIZE = 64;
const SYMBOL_SIZE = 24;
const REL_SIZE = 16;
const ET_REL = 1;
const EM_BPF = 247;
const SHF_WRITE = 1;
const SHF_ALLOC = 2;

export const enum RelocType {
  /** ld_imm64 */
  Imm64 = 1,
  /** call */
  Imm32 = 10,
}

export interface WriterSection {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly data: Uint8Array;
  readonly relocs: { offset: number; type: RelocType; symbol: WriterSymbol }[];
}

export interface WriterSymbol {
  readonly name: string;
  readonly bind: SymbolBind;
  readonly type: SymbolType;
  /** undefined: the symbol is an extern. */
  readonly section: WriterSection | undefined;
  readonly value: number;
  readonly size: number;
}

export class ElfWriter {
  private readonly sections: WriterSection[] = [];
  private readonly symbols: WriterSymbol[] = [];

  code(name: string, data: Uint8Array): WriterSection {
    return this.section(name, SHF_ALLOC | SHF_EXECINSTR, data);
  }

  data(name: string, data: Uint8Array, writable: boolean): WriterSection {
    return this.section(name, SHF_ALLOC | (writable ? SHF_WRITE : 0), data);
  }

  /** A section that is not loaded: BTF. */
  note(name: string, data: Uint8Array): WriterSection {
    return this.section(name, 0, data);
  }

  symbol(symbol: WriterSymbol): WriterSymbol {
    this.symbols.push(symbol);
    return symbol;
  }

  bytes(): Uint8Array {
    const symbols = [...this.symbols].sort((a, b) => Number(isGlobal(a)) - Number(isGlobal(b)));
    const names = new Names();
    const all: Laid[] = this.sections.map((section) => laid(names, section.name, section.type, section));
    const tables = this.sections.filter((section) => section.relocs.length > 0);
    const symtab = all.length + tables.length + 1;
    for (const section of tables) {
      const entry = laid(names, `.rel${section.name}`, SectionType.Rel, {
        flags: 0,
        data: relTable(section, symbols),
      });
      all.push({ ...entry, link: symtab, info: this.sections.indexOf(section) + 1, entrySize: REL_SIZE });
    }
    const table = laid(names, '.symtab', SectionType.Symtab, {
      flags: 0,
      data: symbolTable(names, symbols, this.sections),
    });
    const firstGlobal = 1 + symbols.filter((symbol) => !isGlobal(symbol)).length;
    all.push({ ...table, link: symtab + 1, info: firstGlobal, entrySize: SYMBOL_SIZE });
    const name = names.offset('.strtab');
    all.push({
      name,
      type: SectionType.Strtab,
      flags: 0,
      data: names.bytes(),
      link: 0,
      info: 0,
      entrySize: 0,
    });
    return file(all);
  }

  private section(name: string, flags: number, data: Uint8Array): WriterSection {
    const section = { name, type: SectionType.Progbits, flags, data, relocs: [] };
    this.sections.push(section);
    return section;
  }
}

/** A section with all that its header says. */
interface Laid {
  name: number;
  type: number;
  flags: number;
  data: Uint8Array;
  link: number;
  info: number;
  entrySize: number;
}

function laid(
  names: Names,
  name: string,
  type: number,
  { flags, data }: { flags: number; data: Uint8Array },
): Laid {
  return { name: names.offset(name), type, flags, data, link: 0, info: 0, entrySize: 0 };
}

function isGlobal(symbol: WriterSymbol): boolean {
  return symbol.bind !== SymbolBind.Local;
}

function relTable({ relocs }: WriterSection, symbols: readonly WriterSymbol[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(relocs.length * REL_SIZE));
  for (const [index, { offset, type, symbol }] of relocs.entries()) {
    view.setUint32(index * REL_SIZE, offset, true);
    view.setUint32(index * REL_SIZE + 8, type, true);
    view.setUint32(index * REL_SIZE + 12, 1 + symbols.indexOf(symbol), true);
  }
  return new Uint8Array(view.buffer);
}

function symbolTable(
  names: Names,
  symbols: readonly WriterSymbol[],
  sections: readonly WriterSection[],
): Uint8Array {
  const view = new DataView(new ArrayBuffer((1 + symbols.length) * SYMBOL_SIZE));
  for (const [index, symbol] of symbols.entries()) {
    const at = (1 + index) * SYMBOL_SIZE;
    view.setUint32(at, names.offset(symbol.name), true);
    view.setUint8(at + 4, (symbol.bind << 4) | symbol.type);
    const section = symbol.section === undefined ? SHN_UNDEF : 1 + sections.indexOf(symbol.section);
    view.setUint16(at + 6, section, true);
    view.setUint32(at + 8, symbol.value, true);
    view.setUint32(at + 16, symbol.size, true);
  }
  return new Uint8Array(view.buffer);
}

/** The string table. */
class Names {
  private readonly offsets = new Map<string, number>([['', 0]]);
  private text = '\0';

  offset(name: string): number {
    const known = this.offsets.get(name);
    if (known !== undefined) return known;
    const offset = this.text.length;
    this.offsets.set(name, offset);
    this.text += `${name}\0`;
    return offset;
  }

  bytes(): Uint8Array {
    return new TextEncoder().encode(this.text);
  }
}

/** Header, contents, section headers. */
function file(sections: readonly Laid[]): Uint8Array {
  let end = HEADER_SIZE;
  const offsets = sections.map(({ data }) => {
    const at = end;
    end = (at + data.length + 7) & ~7;
    return at;
  });
  const bytes = new Uint8Array(end + (1 + sections.length) * SECTION_HEADER_SIZE);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, ET_REL, true);
  view.setUint16(18, EM_BPF, true);
  view.setUint32(20, 1, true);
  view.setUint32(40, end, true);
  view.setUint16(52, HEADER_SIZE, true);
  view.setUint16(58, SECTION_HEADER_SIZE, true);
  view.setUint16(60, 1 + sections.length, true);
  view.setUint16(62, sections.length, true);
  for (const [index, section] of sections.entries()) {
    const offset = offsets[index] as number;
    bytes.set(section.data, offset);
    const at = end + (1 + index) * SECTION_HEADER_SIZE;
    view.setUint32(at, section.name, true);
    view.setUint32(at + 4, section.type, true);
    view.setUint32(at + 8, section.flags, true);
    view.setUint32(at + 24, offset, true);
    view.setUint32(at + 32, section.data.length, true);
    view.setUint32(at + 40, section.link, true);
    view.setUint32(at + 44, section.info, true);
    view.setUint32(at + 48, 8, true);
    view.setUint32(at + 56, section.entrySize, true);
  }
  return bytes;
}
