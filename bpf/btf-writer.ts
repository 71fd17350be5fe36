/**
 * Builds a BTF blob (kernel docs, bpf/btf.rst), little-endian: a whole one, or one split from a base whose
 * type ids and string offsets it continues. Strings are stored once; types are stored as they are added,
 * except that the unnamed derived ones (pointer, array, const, volatile) are shared.
 */
import { BTF_MAGIC, type Btf, BtfKind, type TypeId } from './btf.ts';

export interface WriterMember {
  name: string;
  type: TypeId;
  /** Bits from the start of the struct. */
  bitOffset: number;
  /** Width in bits of a bitfield; absent or 0 for a plain member. */
  bitSize?: number;
}

export interface WriterParam {
  name: string;
  type: TypeId;
}

export interface WriterSectionVariable {
  /** The VAR, or the FUNC of an extern function. */
  type: TypeId;
  /** Bytes from the start of the section. */
  offset: number;
  size: number;
}

export interface WriterEnumValue {
  name: string;
  value: number;
}

interface Entry {
  name: string;
  kind: BtfKind;
  kindFlag: boolean;
  vlen: number;
  /** The size or the type id that stands in the common part. */
  word: number;
  /** What follows the common part; strings stand as text until they are written. */
  trailer: (number | string)[];
}

const HEADER_SIZE = 24;
const MAX_VLEN = 0xffff;
/** component_idx of a tag that is not on a member or parameter: -1. */
const WHOLE_TYPE = 0xffff_ffff;
const encoder = new TextEncoder();

export class BtfWriter {
  private readonly base: Btf | undefined;
  private readonly entries: Entry[] = [];
  private readonly derived = new Map<string, TypeId>();
  private readonly strings: StringTable;

  /** @param base makes the result a split BTF over it. */
  constructor(base?: Btf) {
    this.base = base;
    this.strings = new StringTable(base);
  }

  /** Id that the next added type gets. */
  get nextId(): TypeId {
    return (this.base?.typeCount ?? 1) + this.entries.length;
  }

  /** @param encoding BTF_INT_* bits. */
  int(name: string, size: number, encoding = 0): TypeId {
    return this.add(name, BtfKind.Int, size, [((encoding << 24) | (size * 8)) >>> 0]);
  }

  pointer(type: TypeId): TypeId {
    return this.share(`*${type}`, () => this.add('', BtfKind.Ptr, type));
  }

  const(type: TypeId): TypeId {
    return this.share(`const ${type}`, () => this.add('', BtfKind.Const, type));
  }

  volatile(type: TypeId): TypeId {
    return this.share(`volatile ${type}`, () => this.add('', BtfKind.Volatile, type));
  }

  array(element: TypeId, index: TypeId, count: number): TypeId {
    return this.share(`${element}[${count}]`, () => this.add('', BtfKind.Array, 0, [element, index, count]));
  }

  typedef(name: string, type: TypeId): TypeId {
    return this.add(name, BtfKind.Typedef, type);
  }

  /** A declaration without a definition. */
  forward(name: string, kind: BtfKind.Struct | BtfKind.Union): TypeId {
    const id = this.add(name, BtfKind.Fwd, 0);
    this.entry(id).kindFlag = kind === BtfKind.Union;
    return id;
  }

  /** A struct or union whose members come now or, for types that refer to themselves, by `define`. */
  composite(
    kind: BtfKind.Struct | BtfKind.Union,
    name: string,
    size: number,
    members: readonly WriterMember[] = [],
  ): TypeId {
    const id = this.add(name, kind, size);
    this.define(id, members);
    return id;
  }

  struct(name: string, size: number, members: readonly WriterMember[] = []): TypeId {
    return this.composite(BtfKind.Struct, name, size, members);
  }

  union(name: string, size: number, members: readonly WriterMember[] = []): TypeId {
    return this.composite(BtfKind.Union, name, size, members);
  }

  /** Sets the members of a struct or union of this writer. */
  define(id: TypeId, members: readonly WriterMember[]): void {
    const entry = this.entry(id);
    entry.kindFlag = members.some((member) => (member.bitSize ?? 0) > 0);
    entry.trailer = members.flatMap((member) => {
      const width = entry.kindFlag ? (member.bitSize ?? 0) << 24 : 0;
      return [member.name, member.type, (width | member.bitOffset) >>> 0];
    });
    entry.vlen = this.checkedVlen(members.length, entry.name);
  }

  /** Sets the size in bytes of a struct or union of this writer. */
  setSize(id: TypeId, size: number): void {
    this.entry(id).word = size;
  }

  /** Turns a struct or union without members into a forward declaration. */
  makeForward(id: TypeId): void {
    const entry = this.entry(id);
    entry.kindFlag = entry.kind === BtfKind.Union;
    entry.kind = BtfKind.Fwd;
    entry.word = 0;
  }

  /** @param values signed 32-bit values. */
  enum(name: string, size: number, values: readonly WriterEnumValue[]): TypeId {
    const id = this.add(
      name,
      BtfKind.Enum,
      size,
      values.flatMap(({ name: text, value }) => [text, value >>> 0]),
    );
    const entry = this.entry(id);
    entry.vlen = this.checkedVlen(values.length, name);
    entry.kindFlag = values.some(({ value }) => value < 0);
    return id;
  }

  /** @param result type of the return value, 0 for void. */
  funcProto(result: TypeId, params: readonly WriterParam[]): TypeId {
    const id = this.add(
      '',
      BtfKind.FuncProto,
      result,
      params.flatMap((param) => [param.name, param.type]),
    );
    this.entry(id).vlen = this.checkedVlen(params.length, 'function prototype');
    return id;
  }

  /** @param linkage BTF_FUNC_*: 0 static, 1 global, 2 extern. */
  func(name: string, proto: TypeId, linkage = 0): TypeId {
    const id = this.add(name, BtfKind.Func, proto);
    this.entry(id).vlen = linkage;
    return id;
  }

  /** @param linkage BTF_VAR_*: 0 static, 1 global, 2 extern. */
  variable(name: string, type: TypeId, linkage: number): TypeId {
    return this.add(name, BtfKind.Var, type, [linkage]);
  }

  /** @param size bytes of the ELF section; 0 lets the loader fill it in. */
  dataSection(name: string, size: number, variables: readonly WriterSectionVariable[]): TypeId {
    const words = variables.flatMap((variable) => [variable.type, variable.offset, variable.size]);
    const id = this.add(name, BtfKind.Datasec, size, words);
    this.entry(id).vlen = this.checkedVlen(variables.length, name);
    return id;
  }

  /** A tag on a type, variable or function as a whole. */
  declTag(text: string, type: TypeId): TypeId {
    return this.add(text, BtfKind.DeclTag, type, [WHOLE_TYPE]);
  }

  /** Offset of a string, which is stored if it is not yet: `.BTF.ext` names sections by it. */
  stringOffset(text: string): number {
    return this.strings.offset(text);
  }

  /** The blob: header, types, strings. */
  bytes(): Uint8Array<ArrayBuffer> {
    const { strings } = this;
    const words: number[] = [];
    for (const entry of this.entries) {
      const info = ((entry.kindFlag ? 0x8000_0000 : 0) | (entry.kind << 24) | entry.vlen) >>> 0;
      words.push(strings.offset(entry.name), info, entry.word);
      for (const item of entry.trailer) words.push(typeof item === 'string' ? strings.offset(item) : item);
    }
    const text = strings.bytes();
    const blob = new Uint8Array(HEADER_SIZE + 4 * words.length + text.length);
    const view = new DataView(blob.buffer);
    view.setUint16(0, BTF_MAGIC, true);
    view.setUint8(2, 1);
    const header = [HEADER_SIZE, 0, 4 * words.length, 4 * words.length, text.length];
    for (const [index, word] of header.entries()) view.setUint32(4 + 4 * index, word, true);
    for (const [index, word] of words.entries()) view.setUint32(HEADER_SIZE + 4 * index, word, true);
    blob.set(text, HEADER_SIZE + 4 * words.length);
    return blob;
  }

  private add(name: string, kind: BtfKind, word: number, trailer: (number | string)[] = []): TypeId {
    const id = this.nextId;
    this.entries.push({ name, kind, kindFlag: false, vlen: 0, word, trailer });
    return id;
  }

  private share(key: string, make: () => TypeId): TypeId {
    const known = this.derived.get(key);
    if (known !== undefined) return known;
    const id = make();
    this.derived.set(key, id);
    return id;
  }

  private entry(id: TypeId): Entry {
    const entry = this.entries[id - (this.base?.typeCount ?? 1)];
    if (!entry) throw new RangeError(`type ${id} was not added by this writer`);
    return entry;
  }

  private checkedVlen(count: number, name: string): number {
    if (count > MAX_VLEN) throw new RangeError(`${name}: BTF holds at most ${MAX_VLEN} entries a type`);
    return count;
  }
}

/** The string section under construction; offset 0 is the empty string (of the base, when split). */
class StringTable {
  private readonly start: number;
  private readonly offsets = new Map<string, number>();
  private readonly parts: Uint8Array[] = [];
  private length = 0;

  constructor(base: Btf | undefined) {
    this.start = base?.stringEnd ?? 0;
    if (base) this.offsets.set('', 0);
    else this.offset('');
  }

  offset(text: string): number {
    const known = this.offsets.get(text);
    if (known !== undefined) return known;
    const bytes = encoder.encode(`${text}\0`);
    const offset = this.start + this.length;
    this.offsets.set(text, offset);
    this.parts.push(bytes);
    this.length += bytes.length;
    return offset;
  }

  bytes(): Uint8Array {
    const all = new Uint8Array(this.length);
    let at = 0;
    for (const part of this.parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }
}
