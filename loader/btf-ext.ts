/**
 * .BTF.ext: function, line and CO-RE relocation records, a table a section (kernel docs, bpf/btf.rst, "The
 * .BTF.ext section"). Offsets in the records are bytes from the start of the ELF section they speak of.
 */
import type { Btf, TypeId } from '../bpf/btf.ts';
import { BTF_MAGIC } from '../bpf/btf.ts';
import type { InputError } from '../bpf/input-error.ts';
import type { ElfFile, ElfSection } from './elf.ts';
import { SLOT } from './insns.ts';

/** bpf_core_relo_kind */
export const enum CoreKind {
  FieldByteOffset = 0,
  FieldByteSize = 1,
  FieldExists = 2,
  FieldSigned = 3,
  FieldLshift = 4,
  FieldRshift = 5,
  TypeIdLocal = 6,
  TypeIdTarget = 7,
  TypeExists = 8,
  TypeSize = 9,
  EnumvalExists = 10,
  EnumvalValue = 11,
  TypeMatches = 12,
}

export interface FuncRecord {
  offset: number;
  typeId: TypeId;
}

export interface LineRecord {
  offset: number;
  fileNameOffset: number;
  lineOffset: number;
  line: number;
  column: number;
}

export interface CoreRelo {
  offset: number;
  typeId: TypeId;
  accessOffset: number;
  kind: CoreKind;
}

/** The records that speak of one ELF section. */
export interface SectionRecords<T> {
  /** Index of the ELF section, 0 when the object has none of that name. */
  section: number;
  records: T[];
}

export interface BtfExt {
  funcs: SectionRecords<FuncRecord>[];
  lines: SectionRecords<LineRecord>[];
  relos: SectionRecords<CoreRelo>[];
}

const MIN_HEADER = 24;
/** Header length from which it has the CO-RE fields. */
const CORE_HEADER = 32;

/** @throws {InputError} when the section is malformed. */
export function parseBtfExt(elf: ElfFile, section: ElfSection, btf: Btf): BtfExt {
  return new Reader(elf, section, btf).read();
}

class Reader {
  private readonly view: DataView;
  private readonly little: boolean;
  private readonly elf: ElfFile;
  private readonly section: ElfSection;
  private readonly btf: Btf;

  constructor(elf: ElfFile, section: ElfSection, btf: Btf) {
    this.elf = elf;
    this.section = section;
    this.btf = btf;
    this.little = elf.littleEndian;
    this.view = new DataView(section.data.buffer, section.data.byteOffset, section.data.byteLength);
  }

  read(): BtfExt {
    const { length } = this.section.data;
    if (length < 8) throw this.error(`.BTF.ext header is truncated: ${length} bytes`, 0);
    const magic = this.view.getUint16(0, this.little);
    if (magic !== BTF_MAGIC) throw this.error(`bad .BTF.ext magic 0x${magic.toString(16)}`, 0);
    if (this.view.getUint8(2) !== 1) throw this.error('unsupported .BTF.ext version', 2);
    const header = this.u32(4);
    if (header < MIN_HEADER || header > length) throw this.error(`bad .BTF.ext header length ${header}`, 4);
    return {
      funcs: this.inOrder(
        this.segment(header, 8, 8, (at) => ({ offset: this.u32(at), typeId: this.u32(at + 4) })),
      ),
      lines: this.inOrder(this.segment(header, 16, 16, (at) => this.line(at))),
      relos:
        header < CORE_HEADER
          ? []
          : this.segment(header, 24, 16, (at) => ({
              offset: this.u32(at),
              typeId: this.u32(at + 4),
              accessOffset: this.u32(at + 8),
              kind: this.u32(at + 12),
            })),
    };
  }

  /** One of the three tables: record size, then for each section its name, a count and the records. */
  private segment<T>(header: number, field: number, minimum: number, decode: (at: number) => T) {
    const start = header + this.u32(field);
    const size = this.u32(field + 4);
    const result: SectionRecords<T>[] = [];
    if (size === 0) return result;
    const end = start + size;
    if (start % 4 !== 0) throw this.error(`.BTF.ext table is not aligned: offset ${start}`, field);
    if (end > this.section.data.length) throw this.error('.BTF.ext table reaches past the section', field);
    if (size < 4) throw this.error('.BTF.ext table is truncated', start);
    const recordSize = this.u32(start);
    if (recordSize < minimum || recordSize % 4 !== 0) {
      throw this.error(`bad .BTF.ext record size ${recordSize}`, start);
    }
    if (size === 4) throw this.error('.BTF.ext table has no sections', start);
    let at = start + 4;
    while (at < end) {
      if (at + 8 > end) throw this.error('.BTF.ext section header is truncated', at);
      const name = this.btf.string(this.u32(at));
      const count = this.u32(at + 4);
      if (count === 0) throw this.error('.BTF.ext section without records', at + 4);
      at += 8;
      if (at + count * recordSize > end) throw this.error('.BTF.ext records reach past their table', at);
      const records: T[] = [];
      for (let i = 0; i < count; i++, at += recordSize) records.push(decode(at));
      result.push({ section: this.elf.section(name)?.index ?? 0, records });
    }
    return result;
  }

  private inOrder<T extends { offset: number }>(tables: SectionRecords<T>[]): SectionRecords<T>[] {
    for (const { records } of tables) {
      const wrong = records.findIndex(
        ({ offset }, index) => offset % SLOT !== 0 || offset <= (records[index - 1]?.offset ?? -1),
      );
      if (wrong >= 0) throw this.error(`record ${wrong} of a .BTF.ext table is out of order`, 0);
    }
    return tables;
  }

  private line(at: number): LineRecord {
    const position = this.u32(at + 12);
    return {
      offset: this.u32(at),
      fileNameOffset: this.u32(at + 4),
      lineOffset: this.u32(at + 8),
      line: position >>> 10,
      column: position & 0x3ff,
    };
  }

  private u32(at: number): number {
    return this.view.getUint32(at, this.little);
  }

  private error(reason: string, offset: number): InputError {
    return this.elf.error(reason, this.section, offset);
  }
}
