/**
 * BPF Type Format: a lazily decoded, read-only view over a BTF blob (kernel docs, bpf/btf.rst).
 *
 * A vmlinux BTF has some 130,000 types; opening one only records where each stands. A split BTF (kernel
 * module, overlay) continues the type ids and string offsets of its base.
 */
import { BtfKind } from './btf-kind.ts';
import { kindName } from './btf-kind-name.ts';
import { NameIndex } from './btf-names.ts';
import { InputError } from './input-error.ts';

export { BtfKind };

const LAST_KIND = BtfKind.Enum64;

export const BTF_MAGIC = 0xeb9f;
export const BTF_INT_SIGNED = 1;
export const BTF_INT_CHAR = 2;
export const BTF_INT_BOOL = 4;
/** Modifier chains longer than this are refused, as the kernel and libbpf do. */
export const MAX_RESOLVE_DEPTH = 32;

export type TypeId = number;

export interface BtfMember {
  name: string;
  type: TypeId;
  /** Bits from the start of the struct. */
  bitOffset: number;
  /** 0 when not a bitfield. */
  bitfieldSize: number;
}

export interface BtfParam {
  name: string;
  type: TypeId;
}

export interface BtfEnumValue {
  name: string;
  value: bigint;
}

export interface BtfVarInfo {
  type: TypeId;
  offset: number;
  size: number;
}

/** One type, decoded. Fields that a kind does not have keep their empty value. */
export interface BtfType {
  id: TypeId;
  kind: BtfKind;
  name: string;
  /** Bytes, for int, struct, union, enum, datasec, float. */
  size: number;
  /** What a pointer, modifier, typedef, func, var, tag or func_proto (its return type) refers to. */
  type: TypeId;
  kindFlag: boolean;
  vlen: number;
  /** int: BTF_INT_* bits, bit offset and width. */
  encoding: number;
  intOffset: number;
  bits: number;
  /** array: element type, index type, number of elements. */
  index: TypeId;
  count: number;
  members: BtfMember[];
  params: BtfParam[];
  values: BtfEnumValue[];
  /** datasec */
  vars: BtfVarInfo[];
  /** func, var: BTF_FUNC_* or BTF_VAR_* linkage. */
  linkage: number;
  /** decl_tag: -1 for the type itself, else the index of the member or parameter. */
  component: number;
}

export interface BtfOptions {
  base?: Btf;
  file?: string;
  section?: string;
}

/**
 * Strings may share their ends, so that a short section could spell out arbitrarily much. Compilers and linkers
 * do not write such sections: this many times the section's size is enough for all strings together.
 */
const STRING_SHARING = 4;
const STRING_MINIMUM = 1 << 16;

const decoder = new TextDecoder();

export class Btf {
  readonly bytes: Uint8Array;
  readonly base: Btf | undefined;
  readonly littleEndian: boolean;
  /** First id this blob defines itself: 1, or the base's `typeCount`. */
  readonly firstId: TypeId;
  /** One more than the highest type id. */
  readonly typeCount: number;
  private readonly view: DataView;
  private readonly place: { file?: string | undefined; section?: string | undefined };
  private readonly typesStart: number;
  private readonly stringsStart: number;
  private readonly stringsLength: number;
  private readonly firstString: number;
  /** Offset of each own type's record in `bytes`. */
  private readonly offsets: Uint32Array;
  private readonly cache = new Map<TypeId, BtfType>();
  private readonly strings = new Map<number, string>();
  private stringBytesLeft: number;
  private names: NameIndex | undefined;

  private constructor(bytes: Uint8Array, options: BtfOptions) {
    this.bytes = bytes;
    this.base = options.base;
    this.place = { file: options.file, section: options.section ?? '.BTF' };
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bytes.length < 24) throw this.error(`BTF header is truncated: ${bytes.length} bytes`, 0);
    const magic = this.view.getUint16(0, true);
    if (magic !== BTF_MAGIC && magic !== 0x9feb) {
      throw this.error(`not BTF: magic 0x${magic.toString(16)} instead of 0xeb9f`, 0);
    }
    this.littleEndian = magic === BTF_MAGIC;
    const version = bytes[2];
    if (version !== 1) throw this.error(`unsupported BTF version ${version}`, 2);
    const header = this.u32(4);
    if (header < 24 || header > bytes.length) throw this.error(`bad BTF header length ${header}`, 4);
    const [typeOffset, typeLength, stringOffset, stringLength] = [8, 12, 16, 20].map((at) =>
      this.u32(at),
    ) as [number, number, number, number];
    this.typesStart = header + typeOffset;
    this.stringsStart = header + stringOffset;
    this.stringsLength = stringLength;
    this.stringBytesLeft = STRING_SHARING * stringLength + STRING_MINIMUM;
    if (typeOffset % 4 !== 0) throw this.error(`BTF type section is not aligned: offset ${typeOffset}`, 8);
    if (this.typesStart + typeLength > bytes.length)
      throw this.error('BTF type section reaches past the end', 12);
    if (this.stringsStart + stringLength > bytes.length) {
      throw this.error('BTF string section reaches past the end', 20);
    }
    this.checkStrings();
    this.firstString = this.base ? this.base.stringEnd : 0;
    this.firstId = this.base ? this.base.typeCount : 1;
    this.offsets = this.indexTypes(this.typesStart + typeLength);
    this.typeCount = this.firstId + this.offsets.length;
  }

  /**
   * Opens a BTF blob of either byte order.
   * @throws {InputError} when the blob is malformed (header, bounds, unknown kinds, unterminated strings).
   */
  static parse(bytes: Uint8Array, options: BtfOptions = {}): Btf {
    return new Btf(bytes, options);
  }

  /** String offset one past this blob's own strings, where a split BTF's strings begin. */
  get stringEnd(): number {
    return this.firstString + this.stringsLength;
  }

  /** String at an offset of the (combined) string section. */
  string(offset: number): string {
    const owner = this.stringOwner(offset);
    if (owner !== this) return owner.string(offset);
    const known = this.strings.get(offset);
    if (known !== undefined) return known;
    const from = this.stringsStart + offset - this.firstString;
    const end = this.bytes.indexOf(0, from);
    this.stringBytesLeft -= end - from;
    if (this.stringBytesLeft < 0) throw this.error('the strings overlap too much', from);
    const text = decoder.decode(this.bytes.subarray(from, end));
    this.strings.set(offset, text);
    return text;
  }

  /** Where an own type's record stands in `bytes`. */
  recordOffset(id: TypeId): number {
    return this.offsetOf(id);
  }

  /** Kind of a type without decoding it. */
  kind(id: TypeId): BtfKind {
    if (id === 0) return BtfKind.Void;
    if (id < this.firstId && this.base) return this.base.kind(id);
    return (this.u32(this.offsetOf(id) + 4) >>> 24) & 0x1f;
  }

  /** Name of a type, "" for none, without decoding the type. */
  name(id: TypeId): string {
    if (id === 0) return 'void';
    if (id < this.firstId && this.base) return this.base.name(id);
    return this.string(this.u32(this.offsetOf(id)));
  }

  /** @throws {InputError} when there is no such type or its record is malformed. */
  type(id: TypeId): BtfType {
    if (id < this.firstId && this.base) return this.base.type(id);
    const known = this.cache.get(id);
    if (known) return known;
    const decoded = id === 0 ? emptyType(0, BtfKind.Void, 'void') : this.decode(id);
    this.cache.set(id, decoded);
    return decoded;
  }

  /** Ids of all types with this name, ascending; `kinds` narrows them. */
  idsByName(name: string, ...kinds: BtfKind[]): TypeId[] {
    const ids = this.idsLike(name).filter((id) => this.name(id) === name);
    return kinds.length === 0 ? ids : ids.filter((id) => kinds.includes(this.kind(id)));
  }

  /** Ids, ascending, of the types that have this name or a flavour of it ("task_struct___old"), and of some others. */
  idsLike(name: string): TypeId[] {
    const ids = this.base ? this.base.idsLike(name) : [];
    for (const index of this.nameIndex().candidates(name)) ids.push(this.firstId + index);
    return ids;
  }

  /** First type with this name (and one of these kinds), 0 when there is none. */
  find(name: string, ...kinds: BtfKind[]): TypeId {
    return this.idsByName(name, ...kinds)[0] ?? 0;
  }

  /** Skips const, volatile, restrict, type tags and typedefs. */
  resolve(id: TypeId): BtfType {
    let type = this.type(id);
    for (let depth = 0; isModifier(type.kind) || type.kind === BtfKind.Typedef; depth++) {
      if (depth === MAX_RESOLVE_DEPTH) throw this.error(`type ${id}: modifier chain is too long or a cycle`);
      type = this.type(type.type);
    }
    return type;
  }

  /** Size in bytes of a value of the type. @throws {InputError} for void, functions and endless chains. */
  sizeOf(id: TypeId): number {
    let elements = 1;
    let type = this.resolve(id);
    for (let depth = 0; type.kind === BtfKind.Array; depth++) {
      if (depth === MAX_RESOLVE_DEPTH) throw this.error(`type ${id}: arrays are nested too deeply`);
      elements *= type.count;
      type = this.resolve(type.type);
    }
    const size = type.kind === BtfKind.Ptr ? 8 : type.size;
    if (!isSized(type.kind)) throw this.error(`type ${id} (${kindName(type.kind)}) has no size`);
    const total = elements * size;
    if (total > 0xffff_ffff) throw this.error(`type ${id} is larger than 4 GiB`);
    return total;
  }

  /** An InputError at this blob's place. */
  error(reason: string, offset?: number): InputError {
    return new InputError(reason, { ...this.place, offset });
  }

  private u32(offset: number): number {
    return this.view.getUint32(offset, this.littleEndian);
  }

  private offsetOf(id: TypeId): number {
    const offset = this.offsets[id - this.firstId];
    if (offset === undefined) throw this.error(`there is no type ${id} (the last is ${this.typeCount - 1})`);
    return offset;
  }

  private checkStrings(): void {
    const { stringsStart: start, stringsLength: length, bytes } = this;
    if (length === 0 && this.base) return;
    if (length === 0 || bytes[start + length - 1] !== 0)
      throw this.error('BTF strings are not terminated', start);
    if (!this.base && bytes[start] !== 0)
      throw this.error('BTF strings do not begin with an empty one', start);
  }

  private indexTypes(end: number): Uint32Array {
    let offsets = new Uint32Array(Math.max(16, (end - this.typesStart) >>> 4));
    let count = 0;
    for (let at = this.typesStart; at < end; ) {
      if (at + 12 > end) throw this.error('BTF type record is truncated', at);
      const info = this.u32(at + 4);
      const kind = (info >>> 24) & 0x1f;
      if (kind === BtfKind.Void || kind > LAST_KIND) throw this.error(`unknown BTF kind ${kind}`, at + 4);
      if (count === offsets.length) {
        const larger = new Uint32Array(count * 2);
        larger.set(offsets);
        offsets = larger;
      }
      offsets[count++] = at;
      at += 12 + trailingSize(kind, info & 0xffff);
      if (at > end) throw this.error('BTF type record reaches past the section', offsets[count - 1]);
    }
    return offsets.slice(0, count);
  }

  private nameIndex(): NameIndex {
    if (this.names) return this.names;
    const names = new NameIndex(this.offsets.length);
    for (let i = this.offsets.length - 1; i >= 0; i--) {
      const name = this.u32(this.offsets[i] as number);
      if (name === 0) continue;
      const owner = this.stringOwner(name);
      names.add(i, owner.bytes, owner.stringsStart + name - owner.firstString);
    }
    this.names = names;
    return names;
  }

  /** The blob whose string section an offset lies in. */
  private stringOwner(offset: number): Btf {
    if (offset < this.firstString && this.base) return this.base.stringOwner(offset);
    if (offset >= this.stringEnd) {
      throw this.error(`string offset ${offset} is outside the string section`, this.stringsStart);
    }
    return this;
  }

  private decode(id: TypeId): BtfType {
    const at = this.offsetOf(id);
    const info = this.u32(at + 4);
    const kind: BtfKind = (info >>> 24) & 0x1f;
    const vlen = info & 0xffff;
    const type = emptyType(id, kind, this.string(this.u32(at)));
    type.kindFlag = info >>> 31 === 1;
    type.vlen = vlen;
    const word = this.u32(at + 8);
    if (isSized(kind) && kind !== BtfKind.Ptr && kind !== BtfKind.Array) type.size = word;
    else if (kind === BtfKind.Datasec) type.size = word;
    else type.type = word;
    this.decodeTrailer(type, at + 12);
    return type;
  }

  private decodeTrailer(type: BtfType, at: number): void {
    const word = (index: number) => this.u32(at + 4 * index);
    const { vlen, kindFlag } = type;
    switch (type.kind) {
      case BtfKind.Int:
        type.encoding = (word(0) >>> 24) & 0xf;
        type.intOffset = (word(0) >>> 16) & 0xff;
        type.bits = word(0) & 0xff;
        break;
      case BtfKind.Array:
        type.type = word(0);
        type.index = word(1);
        type.count = word(2);
        break;
      case BtfKind.Struct:
      case BtfKind.Union:
        for (let i = 0; i < vlen; i++) {
          const offset = word(3 * i + 2);
          type.members.push({
            name: this.string(word(3 * i)),
            type: word(3 * i + 1),
            bitOffset: kindFlag ? offset & 0xff_ffff : offset,
            bitfieldSize: kindFlag ? offset >>> 24 : 0,
          });
        }
        break;
      case BtfKind.Enum:
        for (let i = 0; i < vlen; i++) {
          const value = word(2 * i + 1);
          type.values.push({ name: this.string(word(2 * i)), value: BigInt(kindFlag ? value | 0 : value) });
        }
        break;
      case BtfKind.Enum64:
        for (let i = 0; i < vlen; i++) {
          const value = (BigInt(word(3 * i + 2)) << 32n) | BigInt(word(3 * i + 1));
          type.values.push({
            name: this.string(word(3 * i)),
            value: kindFlag ? BigInt.asIntN(64, value) : value,
          });
        }
        break;
      case BtfKind.FuncProto:
        for (let i = 0; i < vlen; i++) {
          type.params.push({ name: this.string(word(2 * i)), type: word(2 * i + 1) });
        }
        break;
      case BtfKind.Func:
        type.linkage = vlen;
        break;
      case BtfKind.Var:
        type.linkage = word(0);
        break;
      case BtfKind.Datasec:
        for (let i = 0; i < vlen; i++) {
          type.vars.push({ type: word(3 * i), offset: word(3 * i + 1), size: word(3 * i + 2) });
        }
        break;
      case BtfKind.DeclTag:
        type.component = word(0) | 0;
        break;
    }
  }
}

/** const, volatile, restrict and type tags: they do not change what a value is. */
export function isModifier(kind: BtfKind): boolean {
  return (
    kind === BtfKind.Const ||
    kind === BtfKind.Volatile ||
    kind === BtfKind.Restrict ||
    kind === BtfKind.TypeTag
  );
}

export function isComposite(kind: BtfKind): boolean {
  return kind === BtfKind.Struct || kind === BtfKind.Union;
}

export function isEnum(kind: BtfKind): boolean {
  return kind === BtfKind.Enum || kind === BtfKind.Enum64;
}

function isSized(kind: BtfKind): boolean {
  return (
    isComposite(kind) ||
    isEnum(kind) ||
    kind === BtfKind.Int ||
    kind === BtfKind.Ptr ||
    kind === BtfKind.Float
  );
}

/** Bytes that follow the 12-byte common part of a type record. */
function trailingSize(kind: BtfKind, vlen: number): number {
  switch (kind) {
    case BtfKind.Int:
    case BtfKind.Var:
    case BtfKind.DeclTag:
      return 4;
    case BtfKind.Array:
      return 12;
    case BtfKind.Struct:
    case BtfKind.Union:
    case BtfKind.Datasec:
    case BtfKind.Enum64:
      return 12 * vlen;
    case BtfKind.Enum:
    case BtfKind.FuncProto:
      return 8 * vlen;
    default:
      return 0;
  }
}

function emptyType(id: TypeId, kind: BtfKind, name: string): BtfType {
  return {
    id,
    kind,
    name,
    size: 0,
    type: 0,
    kindFlag: false,
    vlen: 0,
    encoding: 0,
    intOffset: 0,
    bits: 0,
    index: 0,
    count: 0,
    members: [],
    params: [],
    values: [],
    vars: [],
    linkage: 0,
    component: 0,
  };
}
