/**
 * Makes small kernel images for the tests of the extractor: an ELF file with code, objects laid out by the
 * members of real kernel structs, and the symbol tables that kernels carry (CONFIG_KALLSYMS), packed into a
 * boot image. No kernel is needed.
 */
import { gzipSync } from 'node:zlib';
import { Btf, BtfKind, type TypeId } from '../../bpf/btf.ts';
import { BtfWriter } from '../../bpf/btf-writer.ts';
import { Layout } from '../../kernel-model/layout.ts';

export const TEXT = 0xffff_ffff_8100_0000n;
export const DATA = 0xffff_ffff_8200_0000n;
export const BSS = 0xffff_ffff_8300_0000n;

/** How a kernel arranges its symbol tables. */
export interface SymbolForm {
  /** Offsets and base before the names (kernels up to 6.3) or behind the tokens. */
  offsets: 'before' | 'behind';
  /** Per-CPU symbols keep small absolute addresses; the others are counted down from the base. */
  absolutePercpu: boolean;
}

export const FORMS: readonly SymbolForm[] = [
  { offsets: 'behind', absolutePercpu: true },
  { offsets: 'behind', absolutePercpu: false },
  { offsets: 'before', absolutePercpu: true },
  { offsets: 'before', absolutePercpu: false },
];

interface Symbol {
  name: string;
  kind: string;
  address: bigint;
}

type FieldValues = { [path: string]: bigint | number };

export class KernelBuilder {
  readonly btf: Btf;
  readonly symbols: Symbol[] = [];
  private readonly btfBytes: Uint8Array;
  private text = 0;
  private bss = 0;
  private readonly data: number[] = [];

  constructor(btfBytes: Uint8Array) {
    this.btfBytes = btfBytes;
    this.btf = Btf.parse(btfBytes);
  }

  symbol(name: string, kind: string, address: bigint): void {
    this.symbols.push({ name, kind, address });
  }

  /** A function of 16 bytes; its address. */
  func(...names: string[]): bigint {
    const address = TEXT + BigInt(this.text);
    this.text += 16;
    for (const name of names) this.symbol(name, 't', address);
    return address;
  }

  /** A variable that is filled while the kernel boots: it is not in the file. */
  variable(name: string): bigint {
    const address = BSS + BigInt(this.bss);
    this.bss += 8;
    this.symbol(name, 'b', address);
    return address;
  }

  /** Puts bytes into the data section, aligned to 16. */
  place(bytes: ArrayLike<number>, align = 16): bigint {
    while (this.data.length % align !== 0) this.data.push(0);
    const address = DATA + BigInt(this.data.length);
    for (let i = 0; i < bytes.length; i++) this.data.push(bytes[i] as number);
    return address;
  }

  string(text: string): bigint {
    return this.place([...new TextEncoder().encode(text), 0], 1);
  }

  /** An object of a kernel struct. */
  object(symbol: string, struct: string, values: FieldValues, kind = 'd'): bigint {
    const layout = this.layout(struct);
    const bytes = new Uint8Array(layout.size);
    const view = new DataView(bytes.buffer);
    for (const [path, value] of Object.entries(values)) {
      const { offset, size } = layout.field(path);
      if (size === 8) view.setBigUint64(offset, BigInt.asUintN(64, BigInt(value)), true);
      else if (size === 4) view.setUint32(offset, Number(value), true);
      else view.setUint8(offset, Number(value));
    }
    const address = this.place(bytes);
    if (symbol !== '') this.symbol(symbol, kind, address);
    return address;
  }

  /** An array of pointers. */
  table(symbol: string, entries: readonly bigint[], kind = 'd'): bigint {
    const bytes = new Uint8Array(8 * entries.length);
    const view = new DataView(bytes.buffer);
    for (const [index, entry] of entries.entries()) view.setBigUint64(8 * index, entry, true);
    const address = this.place(bytes);
    this.symbol(symbol, kind, address);
    return address;
  }

  words(values: readonly number[], align = 4): bigint {
    const bytes = new Uint8Array(4 * values.length);
    const view = new DataView(bytes.buffer);
    for (const [index, value] of values.entries()) view.setUint32(4 * index, value, true);
    return this.place(bytes, align);
  }

  /** A set of type ids as .BTF_ids holds it. */
  set(name: string, ids: readonly number[]): void {
    this.symbol(`__BTF_ID__set__${name}__101`, 'r', this.words([ids.length, ...ids]));
  }

  /** A set of functions with flags. */
  kfuncSet(name: string, kfuncs: { [func: string]: number }): bigint {
    const pairs = Object.entries(kfuncs).flatMap(([func, flags]) => [this.id(func, BtfKind.Func), flags]);
    const address = this.words([pairs.length / 2, 1, ...pairs]);
    this.symbol(`__BTF_ID__set8__${name}`, 'r', address);
    return address;
  }

  /** A list of type ids, each with the symbol that the kernel build gives it. */
  list(name: string, entries: readonly [kind: 'struct' | 'func', type: string][]): bigint {
    const ids = entries.map(([kind, type]) => this.id(type, kind === 'func' ? BtfKind.Func : BtfKind.Struct));
    const address = this.words(ids);
    this.symbol(name, 'r', address);
    entries.forEach(([kind, type], index) => {
      this.symbol(`__BTF_ID__${kind}__${type}__${900 + index}`, 'r', address + 4n * BigInt(index));
    });
    return address;
  }

  id(name: string, kind: BtfKind): TypeId {
    const id = this.btf.find(name, kind);
    if (id === 0) throw new Error(`the test's BTF has no ${name}`);
    return id;
  }

  layout(struct: string): Layout {
    return new Layout(this.btf, this.id(struct, BtfKind.Struct), struct);
  }

  /** Value of an enumerator. */
  value(enumName: string, enumerator: string): number {
    const found = this.btf
      .type(this.id(enumName, BtfKind.Enum))
      .values.find(({ name }) => name === enumerator);
    if (!found) throw new Error(`enum ${enumName} has no ${enumerator}`);
    return Number(found.value);
  }

  /** The ELF file. */
  elf(form: SymbolForm): Uint8Array {
    const symbols = [...this.symbols].sort((a, b) =>
      a.address < b.address ? -1 : a.address > b.address ? 1 : 0,
    );
    const sections: ElfPart[] = [
      { name: '.text', address: TEXT, bytes: new Uint8Array(this.text + 16), flags: 6 },
      { name: '.rodata', address: DATA, bytes: Uint8Array.from(this.data), flags: 2 },
      { name: '.kallsyms', address: DATA + 0x40_0000n, bytes: encodeSymbols(symbols, form), flags: 2 },
      { name: '.BTF', address: DATA + 0x80_0000n, bytes: this.btfBytes, flags: 2 },
      { name: '.bss', address: BSS, bytes: new Uint8Array(0), flags: 3, empty: this.bss + 16 },
    ];
    return writeElf(sections);
  }
}

interface ElfPart {
  name: string;
  address: bigint;
  bytes: Uint8Array;
  flags: number;
  /** Size of a section without content. */
  empty?: number;
}

function writeElf(parts: readonly ElfPart[]): Uint8Array {
  const names = ['', ...parts.map(({ name }) => name), '.shstrtab'];
  const nameBytes = new TextEncoder().encode(`${names.join('\0')}\0`);
  const nameOffset = (name: string) =>
    names.slice(0, names.indexOf(name)).reduce((sum, n) => sum + n.length + 1, 0);
  let end = 64;
  const offsets = [...parts.map(({ bytes }) => bytes.length), nameBytes.length].map((length) => {
    const offset = (end + 15) & ~15;
    end = offset + length;
    return offset;
  });
  const table = (end + 15) & ~15;
  const file = new Uint8Array(table + 64 * (parts.length + 2));
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, 62, true);
  view.setBigUint64(40, BigInt(table), true);
  view.setUint16(58, 64, true);
  view.setUint16(60, parts.length + 2, true);
  view.setUint16(62, parts.length + 1, true);
  const header = (
    index: number,
    name: string,
    type: number,
    flags: number,
    address: bigint,
    size: number,
  ) => {
    const at = table + 64 * (index + 1);
    view.setUint32(at, nameOffset(name), true);
    view.setUint32(at + 4, type, true);
    view.setBigUint64(at + 8, BigInt(flags), true);
    view.setBigUint64(at + 16, address, true);
    view.setBigUint64(at + 24, BigInt(offsets[index] as number), true);
    view.setBigUint64(at + 32, BigInt(size), true);
  };
  parts.forEach(({ name, address, bytes, flags, empty }, index) => {
    file.set(bytes, offsets[index]);
    header(index, name, empty === undefined ? 1 : 8, flags, address, empty ?? bytes.length);
  });
  file.set(nameBytes, offsets.at(-1));
  header(parts.length, '.shstrtab', 3, 0, 0n, nameBytes.length);
  return file;
}

/** Some of the pairs that stand for one token; the kernel build finds the most frequent ones. */
const PAIRS = ['bp', 'f_', '__', 'BT', 'F_', 'ID', '_p', 'ro', 'to', '_o', 'ps', 'in', 'fo', '_r', 'eg'];

function encodeSymbols(symbols: readonly Symbol[], form: SymbolForm): Uint8Array {
  const tokens = tokenTable(symbols);
  const names: number[] = [];
  const markers: number[] = [];
  symbols.forEach(({ kind, name }, index) => {
    if (index % 256 === 0) markers.push(names.length);
    const codes = encodeName(`${kind}${name}`, tokens);
    if (codes.length >= 0x80) names.push((codes.length & 0x7f) | 0x80, codes.length >> 7);
    else names.push(codes.length);
    names.push(...codes);
  });
  const writer = new Bytes();
  const base = TEXT;
  const offsets = () => {
    for (const { address } of symbols) writer.u32(symbolOffset(address, base, form));
    writer.align();
    writer.u64(base);
  };
  // a kernel has other data around its tables
  writer.text('not the tables: 0123456789');
  writer.align();
  if (form.offsets === 'before') offsets();
  writer.u32(symbols.length);
  writer.align();
  for (const byte of names) writer.u8(byte);
  writer.align();
  for (const marker of markers) writer.u32(marker);
  writer.align();
  const index: number[] = [];
  const start = writer.length;
  for (const token of tokens) {
    index.push(writer.length - start);
    writer.text(token);
    writer.u8(0);
  }
  writer.align();
  for (const offset of index) writer.u16(offset);
  writer.align();
  if (form.offsets === 'behind') offsets();
  writer.align();
  return writer.bytes();
}

function symbolOffset(address: bigint, base: bigint, { absolutePercpu }: SymbolForm): number {
  if (!absolutePercpu) return Number(BigInt.asUintN(32, address - base));
  return address < base ? Number(address) : Number(BigInt.asUintN(32, base - 1n - address));
}

/** Every character that occurs stands for itself; the numbers of others are free for pairs. */
function tokenTable(symbols: readonly Symbol[]): string[] {
  const used = new Set([...'0123456789', ...symbols.flatMap(({ kind, name }) => [...kind, ...name])]);
  const pairs = [...PAIRS];
  return Array.from({ length: 256 }, (_, code) => {
    const char = String.fromCharCode(code);
    return used.has(char) ? char : (pairs.shift() ?? '');
  });
}

function encodeName(text: string, tokens: readonly string[]): number[] {
  const codes: number[] = [];
  for (let at = 0; at < text.length; ) {
    const pair = tokens.indexOf(text.slice(at, at + 2));
    const code = pair >= 0 && at + 2 <= text.length ? pair : tokens.indexOf(text[at] as string);
    codes.push(code);
    at += (tokens[code] as string).length;
  }
  return codes;
}

class Bytes {
  private readonly data: number[] = [];

  get length(): number {
    return this.data.length;
  }

  u8(value: number): void {
    this.data.push(value & 0xff);
  }

  u16(value: number): void {
    this.u8(value);
    this.u8(value >> 8);
  }

  u32(value: number): void {
    this.u16(value);
    this.u16(value >>> 16);
  }

  u64(value: bigint): void {
    this.u32(Number(BigInt.asUintN(32, value)));
    this.u32(Number(BigInt.asUintN(32, value >> 32n)));
  }

  text(text: string): void {
    for (const byte of new TextEncoder().encode(text)) this.u8(byte);
  }

  align(): void {
    while (this.data.length % 8 !== 0) this.u8(0);
  }

  bytes(): Uint8Array {
    return Uint8Array.from(this.data);
  }
}

/** A boot image around a payload. */
export function bootImage(payload: Uint8Array): Uint8Array {
  const setupSectors = 3;
  const start = (setupSectors + 1) * 512;
  const image = new Uint8Array(start + 64 + payload.length + 100);
  const view = new DataView(image.buffer);
  image[0x1f1] = setupSectors;
  view.setUint16(0x1fe, 0xaa55, true);
  view.setUint32(0x202, 0x5372_6448, true);
  view.setUint16(0x206, 0x20f, true);
  view.setUint32(0x248, 64, true);
  view.setUint32(0x24c, payload.length, true);
  image.set(payload, start + 64);
  return image;
}

export function gzipImage(elf: Uint8Array): Uint8Array {
  return bootImage(gzipSync(elf));
}

/**
 * A few types of a real kernel, with what they hold by value; pointers lose what they point to, but for
 * functions and the structs among `pointees`.
 */
export class TypeSample {
  private readonly writer = new BtfWriter();
  private readonly copies = new Map<TypeId, TypeId>();
  private readonly source: Btf;
  private readonly pointees: ReadonlySet<string>;
  private readonly proto: TypeId;

  constructor(source: Btf, pointees: readonly string[]) {
    this.source = source;
    this.pointees = new Set(pointees);
    this.proto = this.writer.funcProto(0, []);
  }

  add(name: string, kind: BtfKind): void {
    const id = this.source.find(name, kind);
    if (id === 0) throw new Error(`no ${name} in the kernel`);
    if (kind === BtfKind.Func) this.writer.func(name, this.proto);
    else this.copy(id);
  }

  bytes(): Uint8Array {
    return this.writer.bytes();
  }

  private copy(id: TypeId): TypeId {
    const type = this.source.resolve(id);
    const known = this.copies.get(type.id);
    if (known !== undefined) return known;
    const made = this.make(type.id);
    this.copies.set(type.id, made);
    return made;
  }

  private make(id: TypeId): TypeId {
    const type = this.source.type(id);
    const { writer } = this;
    switch (type.kind) {
      case BtfKind.Int:
        return writer.int(type.name, type.size, type.encoding);
      case BtfKind.Ptr:
        return writer.pointer(this.pointee(type.type));
      case BtfKind.Array:
        return writer.array(this.copy(type.type), this.copy(type.index), type.count);
      case BtfKind.Enum:
        return writer.enum(
          type.name,
          type.size,
          type.values.map(({ name, value }) => ({ name, value: Number(BigInt.asIntN(32, value)) })),
        );
      case BtfKind.Struct:
      case BtfKind.Union: {
        const members = type.members.map((member) => ({
          name: member.name,
          type: this.copy(member.type),
          bitOffset: member.bitOffset,
          bitSize: member.bitfieldSize,
        }));
        return writer.composite(type.kind, type.name, type.size, members);
      }
      default:
        throw new Error(`type ${type.name} is of kind ${type.kind}`);
    }
  }

  private pointee(id: TypeId): TypeId {
    const type = this.source.resolve(id);
    if (type.kind === BtfKind.FuncProto) return this.proto;
    return type.kind === BtfKind.Struct && this.pointees.has(type.name) ? this.copy(id) : 0;
  }
}
