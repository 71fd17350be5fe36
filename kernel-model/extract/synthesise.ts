/**
 * Makes a vmlinux BTF out of recorded struct layouts, for a kernel of which no image is at hand.
 *
 * Two inputs: layouts as debug information gives them (members with byte offsets and type names), and C-like
 * definitions of what they refer to, which are laid out by the x86-64 rules. A struct that is embedded but defined
 * nowhere becomes a struct of the right size without members; one that is only pointed to, a forward declaration.
 */
import { BTF_INT_BOOL, BTF_INT_CHAR, BTF_INT_SIGNED, BtfKind, type TypeId } from '../../bpf/btf.ts';
import { BtfWriter, type WriterMember } from '../../bpf/btf-writer.ts';
import { InputError } from '../../bpf/input-error.ts';
import { type Declaration, layOut, type Placed } from './natural-layout.ts';
import { nestOverlaps } from './overlap.ts';
import { parseType, type TypeName } from './type-name.ts';

export interface RecordedField {
  name: string;
  type: string;
  /** Bytes from the start of the outermost struct; absent for bitfields. */
  off?: number;
  size?: number;
  bitoff?: number;
  bits?: number;
  members?: RecordedField[];
}

export interface RecordedLayouts {
  layouts: { readonly [name: string]: { size: number; fields: RecordedField[] } };
  enums: { readonly [name: string]: { readonly [enumerator: string]: number } };
}

export interface Supplement {
  typedefs: { readonly [name: string]: string };
  anonymousTypedefs: { readonly [name: string]: readonly Declaration[] };
  structs: { readonly [name: string]: readonly Declaration[] };
  /** Bytes of structs of which only the size is known. */
  opaque: { readonly [name: string]: number };
  functions: { readonly [name: string]: readonly string[] };
}

/** [size, encoding] */
const INTS: { readonly [name: string]: readonly [size: number, encoding: number] } = {
  'unsigned int': [4, 0],
  int: [4, BTF_INT_SIGNED],
  'long unsigned int': [8, 0],
  'long int': [8, BTF_INT_SIGNED],
  'long long unsigned int': [8, 0],
  'long long int': [8, BTF_INT_SIGNED],
  'short unsigned int': [2, 0],
  'short int': [2, BTF_INT_SIGNED],
  'unsigned char': [1, 0],
  'signed char': [1, BTF_INT_SIGNED],
  char: [1, BTF_INT_SIGNED | BTF_INT_CHAR],
  _Bool: [1, BTF_INT_BOOL],
};

/** @throws {InputError} when the inputs contradict each other or name a type that nobody defines. */
export function synthesiseBtf(recorded: RecordedLayouts, supplement: Supplement): Uint8Array<ArrayBuffer> {
  return new Synthesis(recorded, supplement).run();
}

class Synthesis {
  private readonly writer = new BtfWriter();
  private readonly recorded: RecordedLayouts;
  private readonly supplement: Supplement;
  private readonly named = new Map<string, TypeId>();
  private readonly sizes = new Map<string, number>();

  constructor(recorded: RecordedLayouts, supplement: Supplement) {
    this.recorded = recorded;
    this.supplement = supplement;
  }

  run(): Uint8Array<ArrayBuffer> {
    for (const [name, [size, encoding]] of Object.entries(INTS)) {
      this.named.set(name, this.writer.int(name, size, encoding));
    }
    for (const [name, values] of Object.entries(this.recorded.enums)) this.addEnum(name, values);
    for (const name of Object.keys(this.supplement.typedefs)) this.resolveName(name);
    for (const name of Object.keys(this.supplement.anonymousTypedefs)) this.resolveName(name);
    for (const name of Object.keys(this.recorded.layouts)) {
      if (!this.isAnonymousTypedef(name)) this.resolveName(`struct ${name}`);
    }
    for (const name of Object.keys(this.supplement.structs)) this.resolveName(`struct ${name}`);
    this.declareOpaque();
    for (const [name, params] of Object.entries(this.supplement.functions)) this.addFunction(name, params);
    return this.writer.bytes();
  }

  private addEnum(name: string, values: { readonly [enumerator: string]: number }): void {
    const rows = Object.entries(values).map(([text, value]) => ({ name: text, value }));
    const own = name.startsWith('anon_') ? '' : name;
    const id = this.writer.enum(own, 4, rows);
    if (own !== '') this.named.set(`enum ${own}`, id);
  }

  private addFunction(name: string, params: readonly string[]): void {
    const rows = params.map((param) => {
      const { type, name: text } = splitDeclaration(param);
      return { name: text, type: this.typeId(type) };
    });
    this.writer.func(name, this.writer.funcProto(this.resolveName('int'), rows));
  }

  /** Type id of a type as written. `size` is known where the type is used by value. */
  private typeId(text: string, size?: number, members?: RecordedField[], base = 0): TypeId {
    const parsed = parseType(text);
    let id = members ? this.anonymous(parsed, size ?? 0, members, base) : this.baseId(parsed, size);
    if (parsed.constant) id = this.writer.const(id);
    for (let i = 0; i < parsed.pointers; i++) id = this.writer.pointer(id);
    if (parsed.count !== undefined)
      id = this.writer.array(id, this.resolveName('unsigned int'), parsed.count);
    return id;
  }

  private baseId(parsed: TypeName, size: number | undefined): TypeId {
    if (parsed.base === 'void') return 0;
    if (parsed.base === 'fn' || parsed.base === 'rsrc_put_fn') return this.functionType();
    const elements = Math.max(1, parsed.count ?? 1);
    return this.resolveName(
      parsed.base,
      parsed.pointers > 0 || size === undefined ? undefined : size / elements,
    );
  }

  /** A function of which only the address matters. */
  private functionType(): TypeId {
    const known = this.named.get('fn');
    if (known !== undefined) return known;
    const id = this.writer.funcProto(0, []);
    this.named.set('fn', id);
    return id;
  }

  private resolveName(name: string, size?: number): TypeId {
    if (size !== undefined && !this.isDefined(name)) this.sizes.set(name, size);
    const known = this.named.get(name);
    if (known !== undefined) return known;
    if (Object.hasOwn(this.supplement.typedefs, name)) return this.addTypedef(name);
    const anonymous = this.supplement.anonymousTypedefs[name];
    if (anonymous) return this.addAnonymousTypedef(name, anonymous);
    const [keyword, tag] = splitTag(name);
    if (keyword === 'enum') return this.remember(name, this.writer.enum(tag, 4, []));
    if (keyword === undefined) return this.remember(name, this.addOpaqueTypedef(name));
    return this.addComposite(name, keyword, tag);
  }

  private addTypedef(name: string): TypeId {
    const target = this.typeId(this.supplement.typedefs[name] as string);
    return this.remember(name, this.writer.typedef(name, target));
  }

  private addAnonymousTypedef(name: string, declarations: readonly Declaration[]): TypeId {
    const placed = layOut(declarations, (type) => this.sizeAndAlign(type));
    const struct = this.writer.struct('', placed.size);
    const id = this.remember(name, this.writer.typedef(name, struct));
    this.writer.define(struct, this.placedMembers(placed.members));
    return id;
  }

  /** A typedef that nobody defines: of a struct without members, whose size is set at the end. */
  private addOpaqueTypedef(name: string): TypeId {
    const size = this.sizes.get(name);
    if (size === undefined) throw new InputError(`type ${name} is defined nowhere`);
    return this.writer.typedef(name, this.writer.struct('', size));
  }

  /** The id comes before the members do: structs refer to each other. */
  private addComposite(name: string, keyword: 'struct' | 'union', tag: string): TypeId {
    const recorded = this.recorded.layouts[tag];
    const definition = this.supplement.structs[tag];
    const kind = keyword === 'union' ? BtfKind.Union : BtfKind.Struct;
    if (recorded) {
      const id = this.remember(name, this.writer.composite(kind, tag, recorded.size));
      this.writer.define(id, this.recordedMembers(recorded.fields, 0, recorded.size));
      return id;
    }
    if (definition) {
      const id = this.remember(name, this.writer.composite(kind, tag, 0));
      const placed = layOut(definition, (type) => this.sizeAndAlign(type));
      this.writer.setSize(id, placed.size);
      this.writer.define(id, this.placedMembers(placed.members));
      return id;
    }
    // Whether it is embedded somewhere, and so has a size, shows only when all is read.
    return this.remember(name, this.writer.composite(kind, tag, 0));
  }

  /** Structs that nobody defines: with their size where they are embedded, else forward declarations. */
  private declareOpaque(): void {
    for (const [name, id] of this.named) {
      const [keyword, tag] = splitTag(name);
      if ((keyword !== 'struct' && keyword !== 'union') || this.isDefined(name)) continue;
      const size = this.sizes.get(name);
      if (size === undefined) this.writer.makeForward(id);
      else this.writer.setSize(id, size);
      if (tag === '') throw new InputError('an unnamed struct has no members');
    }
  }

  private recordedMembers(fields: readonly RecordedField[], base: number, size: number): WriterMember[] {
    const members = fields.map((field) => {
      const bitOffset = field.bitoff ?? 8 * (field.off ?? 0);
      const member: WriterMember = {
        name: field.name,
        type: this.typeId(field.type, field.size, field.members, base + bitOffset / 8),
        bitOffset: bitOffset - 8 * base,
      };
      const bits = field.bits ?? 0;
      if (bits > 0) member.bitSize = bits;
      return { member, bitLength: bits > 0 ? bits : 8 * (field.size ?? 0) };
    });
    return nestOverlaps(this.writer, members, size);
  }

  private anonymous(parsed: TypeName, size: number, members: RecordedField[], base: number): TypeId {
    const kind = parsed.base.startsWith('union') ? BtfKind.Union : BtfKind.Struct;
    const tag = splitTag(parsed.base)[1];
    const id = this.writer.composite(kind, tag === '(anon)' ? '' : tag, size);
    const own = members.map((member) => shiftField(member, base));
    this.writer.define(
      id,
      kind === BtfKind.Union ? this.unionMembers(own) : this.recordedMembers(own, 0, size),
    );
    return id;
  }

  private unionMembers(fields: readonly RecordedField[]): WriterMember[] {
    return fields.map((field) => ({
      name: field.name,
      type: this.typeId(field.type, field.size, field.members, field.off ?? 0),
      bitOffset: field.bitoff ?? 8 * (field.off ?? 0),
      bitSize: field.bits ?? 0,
    }));
  }

  private placedMembers(members: readonly Placed[]): WriterMember[] {
    return members.map((member) => ({
      name: member.name,
      type: member.nested
        ? this.writer.composite(
            member.nested.union ? BtfKind.Union : BtfKind.Struct,
            '',
            member.size,
            this.placedMembers(member.nested.members),
          )
        : this.typeId(member.type, member.size),
      bitOffset: 8 * member.offset,
    }));
  }

  /** [size, alignment] of a type as written. */
  private sizeAndAlign(text: string): readonly [size: number, align: number] {
    const parsed = parseType(text);
    const count = parsed.count ?? 1;
    if (parsed.pointers > 0) return [8 * count, 8];
    const [size, align] = this.baseSize(parsed.base);
    return [size * count, align];
  }

  private baseSize(name: string): readonly [size: number, align: number] {
    const int = INTS[name];
    if (int) return [int[0], int[0]];
    const typedef = this.supplement.typedefs[name];
    if (typedef) return this.sizeAndAlign(typedef);
    const [keyword, tag] = splitTag(name);
    if (keyword === 'enum') return [4, 4];
    const definition = this.supplement.anonymousTypedefs[name] ?? this.supplement.structs[tag];
    if (definition) {
      const placed = layOut(definition, (type) => this.sizeAndAlign(type));
      return [placed.size, placed.align];
    }
    const opaque = this.supplement.opaque[tag];
    if (opaque !== undefined) return [opaque, 8];
    const recorded = this.recorded.layouts[tag];
    if (!recorded) throw new InputError(`the size of ${name} is not known`);
    return [recorded.size, recorded.size % 8 === 0 ? 8 : 4];
  }

  private isAnonymousTypedef(name: string): boolean {
    return Object.hasOwn(this.supplement.anonymousTypedefs, name);
  }

  private isDefined(name: string): boolean {
    const [keyword, tag] = splitTag(name);
    if (keyword === undefined) return this.isTypedefOrInt(name);
    return (
      keyword === 'enum' ||
      Object.hasOwn(this.recorded.layouts, tag) ||
      Object.hasOwn(this.supplement.structs, tag)
    );
  }

  private isTypedefOrInt(name: string): boolean {
    return (
      Object.hasOwn(this.supplement.typedefs, name) ||
      this.isAnonymousTypedef(name) ||
      Object.hasOwn(INTS, name)
    );
  }

  private remember(name: string, id: TypeId): TypeId {
    this.named.set(name, id);
    return id;
  }
}

/** "struct file" -> ["struct", "file"]; a typedef has no keyword. */
function splitTag(name: string): ['struct' | 'union' | 'enum' | undefined, string] {
  const match = /^(struct|union|enum) (.+)$/.exec(name);
  return match ? [match[1] as 'struct' | 'union' | 'enum', match[2] as string] : [undefined, name];
}

/** "struct list_head[4] tasks" -> type and name. */
function splitDeclaration(text: string): { type: string; name: string } {
  const space = text.lastIndexOf(' ');
  return { type: text.slice(0, space), name: text.slice(space + 1) };
}

function shiftField(field: RecordedField, base: number): RecordedField {
  const shifted = { ...field };
  if (shifted.off !== undefined) shifted.off -= base;
  if (shifted.bitoff !== undefined) shifted.bitoff -= 8 * base;
  if (shifted.members) shifted.members = shifted.members.map((member) => shiftField(member, base));
  return shifted;
}
