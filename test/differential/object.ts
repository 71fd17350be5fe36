/** Generated programs as one object file, with what libbpf needs to load each of them alone. */
import { assemble } from '../../bpf/asm.ts';
import { SLOT_SIZE } from '../../bpf/decode.ts';
import { CallKind, Class, Mode, Size } from '../../bpf/isa.ts';
import { SymbolBind, SymbolType } from '../../loader/elf.ts';
import { ElfWriter, RelocType, type WriterSection, type WriterSymbol } from './elf-writer.ts';
import { DATA_SECTIONS, KFUNCS, MAPS } from './maps.ts';
import { mutate } from './mutate.ts';
import { definitionSize, ObjectTypes } from './object-types.ts';
import { type GeneratedFunction, type GeneratedProgram, programName } from './program.ts';
import { type Reference, references } from './references.ts';

const LD_IMM64 = Class.Ld | Mode.Imm | Size.Dw;
const TEXT = '.text';
const MAGIC = 0xeb9f;

/** A function on its way into the object. */
interface Piece {
  program: GeneratedProgram;
  func: GeneratedFunction;
  name: string;
  section: string;
  /** Bytes from the start of its section. */
  offset: number;
  code: Uint8Array;
  typeId: number;
}

export function writeObject(programs: readonly GeneratedProgram[], license: string): Uint8Array {
  return new ObjectBuilder(programs, license).build();
}

class ObjectBuilder {
  private readonly programs: readonly GeneratedProgram[];
  private readonly license: string;
  private readonly elf = new ElfWriter();
  private readonly types = new ObjectTypes();
  private readonly pieces: Piece[] = [];
  private readonly sections = new Map<string, WriterSection>();
  private readonly symbols = new Map<string, WriterSymbol>();

  constructor(programs: readonly GeneratedProgram[], license: string) {
    this.programs = programs;
    this.license = license;
  }

  build(): Uint8Array {
    for (const program of this.programs) this.addFunctions(program);
    this.addSections();
    this.addMaps();
    this.addReferences();
    this.elf.data('license', new TextEncoder().encode(`${this.license}\0`), true);
    const ext = this.btfExt();
    this.elf.note('.BTF', this.types.btf.bytes());
    this.elf.note('.BTF.ext', ext);
    return this.elf.bytes();
  }

  private addFunctions(program: GeneratedProgram): void {
    for (const [index, func] of program.functions.entries()) {
      const name = index === 0 ? programName(program) : `${programName(program)}_${index}`;
      const section = func.kind === 'main' ? program.section : TEXT;
      const before = this.pieces.findLast((piece) => piece.section === section);
      const offset = before ? before.offset + before.code.length : 0;
      const code = mutate(assemble(func.text), program.mutation, index);
      const typeId = this.types.func(program, func, name);
      this.pieces.push({ program, func, name, section, offset, code, typeId });
    }
  }

  private addSections(): void {
    const names = new Set([TEXT, ...this.pieces.map((piece) => piece.section)]);
    for (const name of names) {
      const pieces = this.pieces.filter((piece) => piece.section === name);
      if (pieces.length === 0) continue;
      const section = this.elf.code(name, concat(pieces.map((piece) => piece.code)));
      this.sections.set(name, section);
      if (name === TEXT) this.addSymbol(TEXT, SymbolBind.Local, SymbolType.Section, section, 0, 0);
      for (const { name: symbol, func, offset, code } of pieces) {
        const bind = func.kind === 'static' ? SymbolBind.Local : SymbolBind.Global;
        this.addSymbol(symbol, bind, SymbolType.Func, section, offset, code.length);
      }
    }
  }

  private addMaps(): void {
    this.types.maps();
    const size = MAPS.reduce((sum, map) => sum + definitionSize(map), 0);
    const section = this.elf.data('.maps', new Uint8Array(size), true);
    let offset = 0;
    for (const map of MAPS) {
      this.addSymbol(map.name, SymbolBind.Global, SymbolType.Object, section, offset, definitionSize(map));
      offset += definitionSize(map);
    }
    for (const { name, writable, data } of DATA_SECTIONS) {
      const variables = this.elf.data(name, data, writable);
      this.addSymbol(name, SymbolBind.Local, SymbolType.Section, variables, 0, 0);
    }
  }

  /** Relocates every instruction that speaks of a map, a function or a kfunc. */
  private addReferences(): void {
    const kfuncs = new Set<number>();
    for (const piece of this.pieces) {
      const section = this.sections.get(piece.section);
      if (!section) continue;
      const view = new DataView(
        section.data.buffer,
        section.data.byteOffset + piece.offset,
        piece.code.length,
      );
      for (const reference of references(piece.code)) {
        if (reference.kind === 'kfunc') kfuncs.add(reference.index);
        this.relocate(piece, section, view, reference);
      }
    }
    this.types.kfuncs([...kfuncs].sort((a, b) => a - b));
  }

  private relocate(piece: Piece, section: WriterSection, view: DataView, reference: Reference): void {
    const at = reference.slot * SLOT_SIZE;
    const registers = view.getUint8(at + 1) & 0x0f;
    const set = (src: number, imm: number, imm2 = 0) => {
      view.setUint8(at + 1, registers | (src << 4));
      view.setInt32(at + 4, imm, true);
      if (view.getUint8(at) === LD_IMM64) view.setInt32(at + 12, imm2, true);
    };
    const type = reference.kind === 'call' || reference.kind === 'kfunc' ? RelocType.Imm32 : RelocType.Imm64;
    const add = (name: string) =>
      section.relocs.push({ offset: piece.offset + at, type, symbol: this.symbol(name) });
    switch (reference.kind) {
      case 'map':
        set(0, 0);
        add(named(MAPS[reference.index]));
        break;
      case 'data':
        set(0, view.getInt32(at + 12, true));
        add(named(DATA_SECTIONS[reference.index]));
        break;
      case 'callback':
        set(0, this.functionOf(piece, reference.index).offset);
        add(TEXT);
        break;
      case 'call':
        set(CallKind.Local, -1);
        add(this.functionOf(piece, reference.index).name);
        break;
      case 'kfunc':
        set(CallKind.Local, -1);
        add(this.externName(reference.index));
    }
  }

  private functionOf(piece: Piece, index: number): Piece {
    const found = this.pieces.filter((other) => other.program === piece.program)[index];
    if (!found) throw new RangeError(`${piece.name} speaks of function ${index}, which it does not have`);
    return found;
  }

  private externName(index: number): string {
    const name = named(KFUNCS[index]);
    if (!this.symbols.has(name)) {
      this.addSymbol(name, SymbolBind.Global, SymbolType.NoType, undefined, 0, 0);
    }
    return name;
  }

  private addSymbol(
    name: string,
    bind: SymbolBind,
    type: SymbolType,
    section: WriterSection | undefined,
    value: number,
    size: number,
  ): void {
    const shown = type === SymbolType.Section ? '' : name;
    this.symbols.set(name, this.elf.symbol({ name: shown, bind, type, section, value, size }));
  }

  private symbol(name: string): WriterSymbol {
    const symbol = this.symbols.get(name);
    if (!symbol) throw new RangeError(`there is no symbol ${name}`);
    return symbol;
  }

  /** func_info of each section; there is no source, so no line_info. */
  private btfExt(): Uint8Array {
    const words: number[] = [8];
    for (const name of this.sections.keys()) {
      const pieces = this.pieces.filter((piece) => piece.section === name);
      words.push(this.types.btf.stringOffset(name), pieces.length);
      for (const { offset, typeId } of pieces) words.push(offset, typeId);
    }
    const header = 24;
    const length = words.length * 4;
    const view = new DataView(new ArrayBuffer(header + length));
    view.setUint16(0, MAGIC, true);
    view.setUint8(2, 1);
    for (const [index, word] of [header, 0, length, length, 0].entries())
      view.setUint32(4 + 4 * index, word, true);
    for (const [index, word] of words.entries()) view.setUint32(header + 4 * index, word, true);
    return new Uint8Array(view.buffer);
  }
}

function named(item: { name: string } | undefined): string {
  if (!item) throw new RangeError('the text speaks of something by a wrong index');
  return item.name;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
