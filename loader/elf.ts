/**
 * ELF64 relocatable files (System V ABI; machine EM_BPF), either byte order. Everything is checked once, here:
 * headers, section bounds and overlaps, string tables, symbol and relocation tables. Section data are views
 * into the file, nothing is copied.
 */
import { InputError } from '../bpf/input-error.ts';

export const enum SectionType {
  Null = 0,
  Progbits = 1,
  Symtab = 2,
  Strtab = 3,
  Rela = 4,
  Nobits = 8,
  Rel = 9,
  LlvmAddrsig = 0x6fff4c03,
}

export const SHF_EXECINSTR = 4;

/** Special section indices of symbols. */
export const SHN_UNDEF = 0;
export const SHN_LORESERVE = 0xff00;

export const enum SymbolBind {
  Local = 0,
  Global = 1,
  Weak = 2,
}

export const enum SymbolType {
  NoType = 0,
  Object = 1,
  Func = 2,
  Section = 3,
}

export const enum SymbolVisibility {
  Default = 0,
  Internal = 1,
  Hidden = 2,
}

export interface ElfSection {
  index: number;
  name: string;
  type: number;
  flags: number;
  /** Offset in the file. */
  offset: number;
  /** Bytes; for SHT_NOBITS those it takes in memory. */
  size: number;
  link: number;
  info: number;
  entrySize: number;
  /** The section's bytes; empty for SHT_NOBITS. */
  data: Uint8Array;
}

export interface ElfSymbol {
  index: number;
  name: string;
  bind: number;
  type: number;
  visibility: number;
  /** Section it is defined in, SHN_UNDEF for an extern. */
  section: number;
  value: number;
  size: number;
}

export interface ElfRelocation {
  /** Bytes from the start of the relocated section. */
  offset: number;
  /** R_BPF_* */
  type: number;
  symbol: ElfSymbol;
  /** Explicit addend (SHT_RELA); undefined when it stands in the instruction (SHT_REL). */
  addend: number | undefined;
}

const HEADER_SIZE = 64;
const SECTION_HEADER_SIZE = 64;
const SYMBOL_SIZE = 24;
const EM_BPF = 247;
const ET_REL = 1;

/**
 * Linkers let strings share their ends. All names together may take this many times the file's size, which no
 * honest file comes near.
 */
const STRING_SHARING = 4;
const STRING_MINIMUM = 1 << 16;

const decoder = new TextDecoder();

export class ElfFile {
  readonly file: string | undefined;
  readonly littleEndian: boolean;
  readonly sections: ElfSection[] = [];
  readonly symbols: ElfSymbol[] = [];
  /** Index of the symbol table. */
  readonly symtab: number;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly byName = new Map<string, ElfSection>();
  private readonly strings = new Map<number, string>();
  private stringBytesLeft: number;

  private constructor(bytes: Uint8Array, file: string | undefined) {
    this.bytes = bytes;
    this.file = file;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.stringBytesLeft = STRING_SHARING * bytes.length + STRING_MINIMUM;
    this.littleEndian = this.readIdentity();
    this.readSections();
    this.checkOverlap();
    this.symtab = this.findSymtab();
    this.readSymbols();
  }

  /** @throws {InputError} when the file is not a well-formed ELF64 relocatable file for BPF. */
  static parse(bytes: Uint8Array, file?: string): ElfFile {
    return new ElfFile(bytes, file);
  }

  /** First section with this name. */
  section(name: string): ElfSection | undefined {
    return this.byName.get(name);
  }

  /** Name of a section for messages, "<?>" when there is none. */
  sectionName(index: number): string {
    return this.sections[index]?.name ?? '<?>';
  }

  /** @throws {InputError} when the table or a record of it is malformed. */
  relocations(section: ElfSection): ElfRelocation[] {
    const recordSize = section.type === SectionType.Rela ? 24 : 16;
    if (section.entrySize !== recordSize) {
      throw this.error(`relocation records of ${section.entrySize} bytes instead of ${recordSize}`, section);
    }
    if (section.size % recordSize !== 0) {
      throw this.error(`relocation table of ${section.size} bytes is not a whole number of records`, section);
    }
    const result: ElfRelocation[] = [];
    for (let at = 0; at < section.size; at += recordSize) {
      result.push(this.readRelocation(section, at));
    }
    return result;
  }

  error(reason: string, section?: ElfSection | string, offset?: number): InputError {
    const name = typeof section === 'string' ? section : section?.name;
    return new InputError(reason, { file: this.file, section: name, offset });
  }

  private readIdentity(): boolean {
    const { bytes } = this;
    if (bytes.length < HEADER_SIZE) throw this.error(`not an ELF file: ${bytes.length} bytes`, undefined, 0);
    if (this.view.getUint32(0, false) !== 0x7f454c46) {
      throw this.error('not an ELF file: the magic is missing', undefined, 0);
    }
    if (bytes[4] !== 2) throw this.error('not a 64-bit ELF file', undefined, 4);
    const order = bytes[5];
    if (order !== 1 && order !== 2) throw this.error(`unknown byte order ${order}`, undefined, 5);
    if (bytes[6] !== 1) throw this.error(`unknown ELF version ${bytes[6]}`, undefined, 6);
    const little = order === 1;
    const type = this.view.getUint16(16, little);
    if (type !== ET_REL) throw this.error(`not a relocatable object file (ELF type ${type})`, undefined, 16);
    const machine = this.view.getUint16(18, little);
    if (machine !== EM_BPF && machine !== 0) {
      throw this.error(`not a BPF object (ELF machine ${machine} instead of ${EM_BPF})`, undefined, 18);
    }
    return little;
  }

  private readSections(): void {
    const { view, littleEndian } = this;
    const table = this.u64(40);
    const entrySize = view.getUint16(58, littleEndian);
    if (table === 0) throw this.error('there are no sections', undefined, 40);
    if (entrySize !== SECTION_HEADER_SIZE) {
      throw this.error(`section headers of ${entrySize} bytes instead of 64`, undefined, 58);
    }
    if (table + SECTION_HEADER_SIZE > this.bytes.length) {
      throw this.error('the section headers lie past the end of the file', undefined, 40);
    }
    // With 0xff00 sections or more, the first section header holds the numbers.
    const count = view.getUint16(60, littleEndian) || this.u64(table + 32);
    if (table + count * SECTION_HEADER_SIZE > this.bytes.length) {
      throw this.error(`${count} section headers reach past the end of the file`, undefined, 40);
    }
    let names = view.getUint16(62, littleEndian);
    if (names === 0xffff) names = view.getUint32(table + 40, littleEndian);
    for (let index = 0; index < count; index++) {
      this.sections.push(this.readSection(index, table + index * SECTION_HEADER_SIZE));
    }
    this.nameSections(names, table);
  }

  private readSection(index: number, at: number): ElfSection {
    const u32 = (offset: number) => this.view.getUint32(at + offset, this.littleEndian);
    const type = u32(4);
    const offset = this.u64(at + 24);
    const size = this.u64(at + 32);
    const stored = type === SectionType.Nobits || type === SectionType.Null ? 0 : size;
    if (stored > 0 && offset + stored > this.bytes.length) {
      throw this.error(
        `section ${index} reaches past the end of the file: offset ${offset}, ${size} bytes`,
        undefined,
        at,
      );
    }
    return {
      index,
      name: '',
      type,
      flags: this.u64(at + 8),
      offset,
      size: type === SectionType.Null ? 0 : size,
      link: u32(40),
      info: u32(44),
      entrySize: this.u64(at + 56),
      data: stored > 0 ? this.bytes.subarray(offset, offset + stored) : new Uint8Array(0),
    };
  }

  private nameSections(names: number, table: number): void {
    const strings = this.sections[names];
    if (strings?.type !== SectionType.Strtab) {
      throw this.error(`section ${names} is not the table of section names`, undefined, 62);
    }
    for (const section of this.sections) {
      const at = table + section.index * SECTION_HEADER_SIZE;
      const offset = this.view.getUint32(at, this.littleEndian);
      section.name = this.string(strings, offset, at);
      if (!this.byName.has(section.name)) this.byName.set(section.name, section);
    }
  }

  private checkOverlap(): void {
    const stored = this.sections.filter((section) => section.data.length > 0);
    stored.sort((a, b) => a.offset - b.offset);
    let end = HEADER_SIZE;
    let before = 'the ELF header';
    for (const section of stored) {
      if (section.offset < end) {
        throw this.error(`the section overlaps ${before}`, section, 0);
      }
      end = section.offset + section.size;
      before = `section ${section.name}`;
    }
  }

  private findSymtab(): number {
    const tables = this.sections.filter((section) => section.type === SectionType.Symtab);
    const [table] = tables;
    if (!table) throw this.error('there is no symbol table; is this a stripped object file?');
    if (tables.length > 1) throw this.error('there is more than one symbol table');
    if (table.entrySize !== SYMBOL_SIZE || table.size % SYMBOL_SIZE !== 0) {
      throw this.error(
        `malformed symbol table: ${table.size} bytes of ${table.entrySize}-byte records`,
        table,
      );
    }
    return table.index;
  }

  private readSymbols(): void {
    const table = this.sections[this.symtab] as ElfSection;
    const strings = this.sections[table.link];
    if (strings?.type !== SectionType.Strtab) {
      throw this.error(`section ${table.link} is not a string table`, table);
    }
    for (let at = 0; at < table.size; at += SYMBOL_SIZE) {
      const place = table.offset + at;
      const info = this.bytes[place + 4] as number;
      this.symbols.push({
        index: at / SYMBOL_SIZE,
        name: this.string(strings, this.view.getUint32(place, this.littleEndian), place),
        bind: info >>> 4,
        type: info & 0xf,
        visibility: (this.bytes[place + 5] as number) & 3,
        section: this.view.getUint16(place + 6, this.littleEndian),
        value: this.u64(place + 8),
        size: this.u64(place + 16),
      });
    }
  }

  private readRelocation(section: ElfSection, at: number): ElfRelocation {
    const place = section.offset + at;
    // r_info: type in the low word, symbol in the high word
    const low = this.littleEndian ? 8 : 12;
    const high = this.littleEndian ? 12 : 8;
    const symbolIndex = this.view.getUint32(place + high, this.littleEndian);
    const symbol = this.symbols[symbolIndex];
    if (!symbol)
      throw this.error(`relocation against symbol ${symbolIndex}, which there is not`, section, at);
    if (symbol.section < SHN_LORESERVE && symbol.section >= this.sections.length) {
      throw this.error(
        `relocation against symbol ${symbolIndex} of section ${symbol.section}, which there is not`,
        section,
        at,
      );
    }
    const explicit = section.type === SectionType.Rela;
    return {
      offset: this.u64(place),
      type: this.view.getUint32(place + low, this.littleEndian),
      symbol,
      addend: explicit ? Number(this.view.getBigInt64(place + 16, this.littleEndian)) : undefined,
    };
  }

  private string(table: ElfSection, offset: number, place: number): string {
    const known = this.strings.get(table.offset + offset);
    if (known !== undefined && offset < table.size) return known;
    const end = offset < table.size ? table.data.indexOf(0, offset) : -1;
    if (end < 0) throw this.error(`string ${offset} is outside the string table`, undefined, place);
    this.stringBytesLeft -= end - offset;
    if (this.stringBytesLeft < 0) throw this.error('the names overlap too much', table, offset);
    const text = decoder.decode(table.data.subarray(offset, end));
    this.strings.set(table.offset + offset, text);
    return text;
  }

  /** A 64-bit offset or size; 2^53 and more cannot lie within any file and are cut down to that. */
  private u64(at: number): number {
    const value = this.view.getBigUint64(at, this.littleEndian);
    return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(value);
  }
}
