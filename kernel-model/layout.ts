/**
 * Where the members of a kernel struct stand, according to a kernel's BTF. Every record of the model is
 * written through a Layout, so the same model code serves every kernel profile.
 */
import {
  BTF_INT_BOOL,
  BTF_INT_SIGNED,
  type Btf,
  BtfKind,
  type BtfMember,
  type BtfType,
  isComposite,
  type TypeId,
} from '../bpf/btf.ts';
import { InputError } from '../bpf/input-error.ts';

/** A member, or an element of an array member, reached by a path. */
export interface Field {
  /** Path as asked for. */
  readonly path: string;
  /** Bytes from the start of the struct; for a bitfield, of the bytes that hold it. */
  readonly offset: number;
  /** Bytes; for a bitfield, of the bytes that hold it (at most 8); 0 for a flexible array. */
  readonly size: number;
  /** Bits from `offset` to the lowest bit; 0 unless a bitfield. */
  readonly bitOffset: number;
  /** Width in bits; 0 unless a bitfield. */
  readonly bitSize: number;
  /** Type as declared (typedefs and qualifiers still on). */
  readonly type: TypeId;
  /** Kind under typedefs and qualifiers. */
  readonly kind: BtfKind;
  /** An integer, pointer or enum, or a struct that wraps one (atomic_t, refcount_t, kuid_t). */
  readonly scalar: boolean;
  readonly signed: boolean;
}

interface Place {
  type: TypeId;
  bits: number;
  bitSize: number;
}

export class Layout {
  readonly btf: Btf;
  readonly name: string;
  readonly typeId: TypeId;
  /** sizeof in bytes. */
  readonly size: number;
  private readonly fields = new Map<string, Field | undefined>();
  private readonly parts = new Map<string, Layout>();

  constructor(btf: Btf, typeId: TypeId, name = btf.name(typeId)) {
    this.btf = btf;
    this.typeId = typeId;
    this.name = name;
    this.size = btf.sizeOf(typeId);
  }

  /** Whether this kernel's struct has such a member: "rings.sq.head", "fd_array[3]". Members of anonymous
   * structs and unions are reached as in C, without naming those. */
  has(path: string): boolean {
    return this.find(path) !== undefined;
  }

  find(path: string): Field | undefined {
    if (this.fields.has(path)) return this.fields.get(path);
    const field = this.resolve(path);
    this.fields.set(path, field);
    return field;
  }

  /** @throws {InputError} when this kernel's struct has no such member. */
  field(path: string): Field {
    const field = this.find(path);
    if (!field) throw new InputError(`struct ${this.name} of this kernel has no member ${path}`);
    return field;
  }

  /** Byte offset of a member that is not a bitfield. */
  offset(path: string): number {
    const field = this.field(path);
    if (field.bitSize !== 0)
      throw new InputError(`${this.name}.${path} is a bitfield, it has no byte offset`);
    return field.offset;
  }

  /** First of several names that this kernel's struct has; members move and change their names. */
  first(...paths: string[]): Field {
    for (const path of paths) {
      const field = this.find(path);
      if (field) return field;
    }
    throw new InputError(`struct ${this.name} of this kernel has none of ${paths.join(', ')}`);
  }

  /** Layout of an embedded struct, union or array element. */
  sub(path: string): Layout {
    const known = this.parts.get(path);
    if (known) return known;
    const part = new Layout(this.btf, this.field(path).type, `${this.name}.${path}`);
    this.parts.set(path, part);
    return part;
  }

  private resolve(path: string): Field | undefined {
    let place: Place = { type: this.typeId, bits: 0, bitSize: 0 };
    for (const step of splitPath(path)) {
      const next = typeof step === 'number' ? this.element(place, step) : this.member(place, step);
      if (!next) return undefined;
      place = next;
    }
    return this.toField(path, place);
  }

  private element(place: Place, index: number): Place | undefined {
    const array = this.btf.resolve(place.type);
    if (array.kind !== BtfKind.Array) return undefined;
    if (array.count > 0 && index >= array.count) return undefined;
    return { type: array.type, bits: place.bits + 8 * index * this.btf.sizeOf(array.type), bitSize: 0 };
  }

  /** Depth of anonymous nesting is bounded by the check that a member lies inside its struct. */
  private member(place: Place, name: string, depth = 0): Place | undefined {
    const composite = this.btf.resolve(place.type);
    if (!isComposite(composite.kind) || depth > 16) return undefined;
    for (const member of composite.members) {
      const at = { type: member.type, bits: place.bits + member.bitOffset, bitSize: member.bitfieldSize };
      if (member.name === name) return at;
      const inner = member.name === '' ? this.member(at, name, depth + 1) : undefined;
      if (inner) return inner;
    }
    return undefined;
  }

  private toField(path: string, place: Place): Field {
    const inner = this.unwrap(place.type);
    const common = {
      path,
      type: place.type,
      kind: this.btf.resolve(place.type).kind,
      scalar: isScalar(inner.kind),
      signed: isSigned(inner),
    };
    const offset = place.bits >>> 3;
    if (place.bitSize === 0) {
      return { ...common, offset, size: this.btf.sizeOf(place.type), bitOffset: 0, bitSize: 0 };
    }
    const bitOffset = place.bits & 7;
    const size = (bitOffset + place.bitSize + 7) >>> 3;
    return { ...common, offset, size, bitOffset, bitSize: place.bitSize };
  }

  /** The only member of a struct that has just one, as deep as that goes. */
  private unwrap(typeId: TypeId): BtfType {
    let type = this.btf.resolve(typeId);
    for (let depth = 0; depth < 4 && type.kind === BtfKind.Struct && type.members.length === 1; depth++) {
      type = this.btf.resolve((type.members[0] as BtfMember).type);
    }
    return type;
  }
}

function isScalar(kind: BtfKind): boolean {
  return kind === BtfKind.Int || kind === BtfKind.Ptr || kind === BtfKind.Enum || kind === BtfKind.Enum64;
}

function isSigned(type: BtfType): boolean {
  if (type.kind === BtfKind.Int) return (type.encoding & (BTF_INT_SIGNED | BTF_INT_BOOL)) === BTF_INT_SIGNED;
  return type.kind === BtfKind.Enum && type.values.some(({ value }) => value < 0n);
}

/** "a.b[3].c" -> ["a", "b", 3, "c"] */
function splitPath(path: string): (string | number)[] {
  const steps: (string | number)[] = [];
  for (const part of path.split('.')) {
    const match = /^(\w+)((?:\[\d+\])*)$/.exec(part);
    if (!match) throw new InputError(`bad member path "${path}"`);
    steps.push(match[1] as string);
    for (const index of (match[2] as string).matchAll(/\d+/g)) steps.push(Number(index[0]));
  }
  return steps;
}
