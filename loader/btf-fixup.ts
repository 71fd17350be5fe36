/**
 * Completes the compiler's BTF with what only the ELF file knows, as the kernel demands it: section sizes and
 * variable offsets, the linkage of hidden symbols, and externs, which become ordinary variables (kernel docs,
 * bpf/btf.rst, "BTF_KIND_DATASEC").
 */
import { type Btf, BtfKind, type BtfType, type TypeId } from '../bpf/btf.ts';
import { type ElfFile, type ElfSymbol, SymbolBind, SymbolType, SymbolVisibility } from './elf.ts';
import { type Extern, KCONFIG_SECTION, KSYMS_SECTION } from './externs.ts';

/** Stands for every kfunc in the DATASEC of .ksyms, which may list variables only. */
const DUMMY_NAME = 'dummy_ksym';
const EXTERN_SIZE = 4;

const enum Linkage {
  Static = 0,
  Global = 1,
  Extern = 2,
}

/** Byte offset of a field from the start of a type record. */
const INFO = 4;
const SIZE = 8;
const TRAILER = 12;

export interface FixupInput {
  elf: ElfFile;
  btf: Btf;
  externs: readonly Extern[];
  /** Names of global subprograms whose symbols are hidden: they are verified as static functions. */
  hiddenFunctions: readonly string[];
}

/** The completed blob; type ids and string offsets of the original stay as they are. */
export function fixUpBtf({ elf, btf, externs, hiddenFunctions }: FixupInput): Uint8Array {
  const fixup = new Fixup(elf, btf, externs);
  fixup.declareKsyms();
  fixup.declareKconfig();
  fixup.completeSections();
  fixup.hideFunctions(hiddenFunctions);
  return fixup.bytes;
}

export function isHidden(symbol: ElfSymbol): boolean {
  return symbol.visibility === SymbolVisibility.Hidden || symbol.visibility === SymbolVisibility.Internal;
}

class Fixup {
  bytes: Uint8Array;
  private readonly elf: ElfFile;
  private readonly btf: Btf;
  private readonly externs: Map<string, Extern>;

  constructor(elf: ElfFile, btf: Btf, externs: readonly Extern[]) {
    this.elf = elf;
    this.btf = btf;
    this.bytes = new Uint8Array(btf.bytes);
    this.externs = new Map(externs.map((extern) => [extern.name, extern]));
  }

  /** Makes every ksym a 4-byte variable; kfuncs share one that is added for them. */
  declareKsyms(): void {
    const { btf } = this;
    const intId = this.findInt32();
    const listed = btf.find(KSYMS_SECTION, BtfKind.Datasec);
    const hasFunc = btf.type(listed).vars.some((v) => btf.kind(v.type) === BtfKind.Func);
    const dummy = hasFunc ? this.addDummy(intId) : { id: 0, name: 0 };
    const section = this.sectionOf('ksym');
    if (!section) return;
    for (const [index, { type: id }] of section.vars.entries()) {
      const type = btf.type(id);
      this.expectExtern(type);
      const entry = TRAILER + 12 * index;
      if (type.kind === BtfKind.Func) {
        this.nameParameters(btf.type(type.type), dummy.name);
        this.setVlen(type, Linkage.Global);
        this.set(section.id, entry, dummy.id);
      } else {
        this.set(id, TRAILER, Linkage.Global);
        this.set(id, SIZE, intId);
      }
      this.set(section.id, entry + 4, index * EXTERN_SIZE);
      this.set(section.id, entry + 8, EXTERN_SIZE);
    }
    this.set(section.id, SIZE, section.vars.length * EXTERN_SIZE);
  }

  declareKconfig(): void {
    const section = this.sectionOf('kconfig');
    if (!section) return;
    let end = 0;
    for (const [index, { type: id }] of section.vars.entries()) {
      const extern = this.expectExtern(this.btf.type(id));
      if (extern.kind !== 'kconfig') continue;
      this.set(id, TRAILER, Linkage.Global);
      this.set(section.id, TRAILER + 12 * index + 4, extern.offset);
      end = Math.max(end, extern.offset + extern.size);
    }
    this.set(section.id, SIZE, end);
    this.sortVariables(section);
  }

  completeSections(): void {
    const variables = globalVariables(this.elf);
    for (let id = this.btf.firstId; id < this.btf.typeCount; id++) {
      if (this.btf.kind(id) !== BtfKind.Datasec) continue;
      const section = this.btf.type(id);
      if (section.name === KCONFIG_SECTION || section.name === KSYMS_SECTION) continue;
      this.completeSection(section, variables);
      this.sortVariables(section);
    }
  }

  hideFunctions(names: readonly string[]): void {
    for (const name of new Set(names)) {
      const id = this.btf
        .idsByName(name, BtfKind.Func)
        .find((func) => this.btf.type(func).linkage === Linkage.Global);
      if (id) this.setVlen(this.btf.type(id), Linkage.Static);
    }
  }

  /** The compiler leaves the size and the offsets of global variables zero. */
  private completeSection(section: BtfType, variables: Map<string, ElfSymbol>): void {
    const { elf, btf } = this;
    const sized = section.size !== 0;
    if (!sized) {
      const size = elf.section(section.name)?.size ?? 0;
      if (size === 0)
        throw elf.error(`DATASEC '${section.name}': there is no such section, or it is empty`, '.BTF');
      if (size > 0xffff_ffff) throw elf.error(`the section is larger than 4 GiB`, section.name);
      this.set(section.id, SIZE, size);
    }
    for (const [index, { type: id }] of section.vars.entries()) {
      const variable = btf.type(id);
      if (variable.kind !== BtfKind.Var) {
        throw elf.error(`DATASEC '${section.name}': type ${id} is not a variable`, '.BTF');
      }
      if (variable.linkage === Linkage.Static || variable.linkage === Linkage.Extern) continue;
      const symbol = variables.get(variable.name);
      if (!symbol) throw elf.error(`there is no ELF symbol for variable '${variable.name}'`, '.BTF');
      if (!sized) this.set(section.id, TRAILER + 12 * index + 4, symbol.value >>> 0);
      if (isHidden(symbol)) this.set(id, TRAILER, Linkage.Static);
    }
  }

  private sortVariables(section: BtfType): void {
    const start = this.btf.recordOffset(section.id) + TRAILER;
    const entries = section.vars.map((_, index) =>
      this.bytes.slice(start + 12 * index, start + 12 * index + 12),
    );
    const offset = (entry: Uint8Array) => new DataView(entry.buffer).getUint32(4, this.btf.littleEndian);
    entries.sort((a, b) => offset(a) - offset(b));
    for (const [index, entry] of entries.entries()) this.bytes.set(entry, start + 12 * index);
  }

  private sectionOf(kind: Extern['kind']): BtfType | undefined {
    const last = [...this.externs.values()].filter((extern) => extern.kind === kind).at(-1);
    return last && this.btf.type(last.datasec);
  }

  private expectExtern(type: BtfType): Extern {
    const extern = this.externs.get(type.name);
    if (!extern) throw this.elf.error(`failed to find extern definition for '${type.name}'`, '.BTF');
    return extern;
  }

  private nameParameters(prototype: BtfType, name: number): void {
    for (const [index, param] of prototype.params.entries()) {
      if (param.type !== 0 && param.name === '') this.set(prototype.id, TRAILER + 8 * index, name);
    }
  }

  private findInt32(): TypeId {
    for (let id = this.btf.firstId; id < this.btf.typeCount; id++) {
      if (this.btf.kind(id) === BtfKind.Int && this.btf.type(id).bits === 32) return id;
    }
    return 0;
  }

  /** Appends VAR "dummy_ksym" to the types and its name to the strings. */
  private addDummy(intId: TypeId): { id: TypeId; name: number } {
    const { littleEndian } = this.btf;
    const view = new DataView(this.bytes.buffer);
    const header = view.getUint32(4, littleEndian);
    const part = (field: number) => {
      const start = header + view.getUint32(field, littleEndian);
      return this.bytes.subarray(start, start + view.getUint32(field + 4, littleEndian));
    };
    const [types, strings] = [part(8), part(16)];
    const { bytes: grown, offset: name } = internString(strings, DUMMY_NAME);
    const record = new DataView(new ArrayBuffer(16));
    for (const [index, word] of [name, BtfKind.Var << 24, intId, Linkage.Global].entries()) {
      record.setUint32(4 * index, word, littleEndian);
    }
    const typesAt = this.btf.recordOffset(this.btf.firstId);
    const result = new Uint8Array(typesAt + types.length + 16 + grown.length);
    result.set(this.bytes.subarray(0, typesAt));
    result.set(types, typesAt);
    result.set(new Uint8Array(record.buffer), typesAt + types.length);
    result.set(grown, typesAt + types.length + 16);
    const fields = new DataView(result.buffer);
    fields.setUint32(12, types.length + 16, littleEndian);
    fields.setUint32(16, typesAt - header + types.length + 16, littleEndian);
    fields.setUint32(20, grown.length, littleEndian);
    this.bytes = result;
    return { id: this.btf.typeCount, name };
  }

  private set(id: TypeId, field: number, value: number): void {
    const view = new DataView(this.bytes.buffer);
    view.setUint32(this.btf.recordOffset(id) + field, value, this.btf.littleEndian);
  }

  /** vlen holds the linkage of a FUNC. */
  private setVlen(type: BtfType, vlen: number): void {
    this.set(type.id, INFO, (type.kind << 24) | vlen);
  }
}

/** Adds a string to a string section unless it is there already. */
function internString(strings: Uint8Array, text: string): { bytes: Uint8Array; offset: number } {
  const encoded = new TextEncoder().encode(`\0${text}\0`);
  for (let at = strings.indexOf(0); at >= 0; at = strings.indexOf(0, at + 1)) {
    if (encoded.every((byte, index) => strings[at + index] === byte))
      return { bytes: strings, offset: at + 1 };
  }
  const bytes = new Uint8Array(strings.length + encoded.length - 1);
  bytes.set(strings);
  bytes.set(encoded.subarray(1), strings.length);
  return { bytes, offset: strings.length };
}

function globalVariables(elf: ElfFile): Map<string, ElfSymbol> {
  const variables = new Map<string, ElfSymbol>();
  for (const symbol of elf.symbols) {
    if (symbol.type !== SymbolType.Object) continue;
    if (symbol.bind !== SymbolBind.Global && symbol.bind !== SymbolBind.Weak) continue;
    if (!variables.has(symbol.name)) variables.set(symbol.name, symbol);
  }
  return variables;
}
