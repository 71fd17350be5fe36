/**
 * Special fields of structs (kernel docs, bpf/map_*.rst and bpf/graph_ds_impl.rst): locks, timers, kptrs, graph
 * roots and nodes. Only BTF that the kernel takes is read without complaint.
 */
import { type Btf, BtfKind, type BtfType, MAX_RESOLVE_DEPTH, type TypeId } from '../bpf/btf.ts';
import { containsTags } from '../bpf/btf-contains.ts';
import { BtfRecords } from '../bpf/btf-records.ts';
import type { Features } from '../kernel-model/features.ts';
import { Field } from './types.ts';

export interface SpecialField {
  type: Field;
  /** Bytes from the start of the value. */
  offset: number;
  size: number;
  /** kptr: struct pointed to, in the program's BTF; graph root: struct of its elements. */
  typeId: TypeId;
  /** graph root: offset of the node in an element. */
  nodeOffset: number;
}

interface FieldKind {
  field: Field;
  size: number;
  align: number;
  /** At most one in a value. */
  single: boolean;
}

const KINDS: ReadonlyMap<string, FieldKind> = new Map([
  ['bpf_spin_lock', { field: Field.SpinLock, size: 4, align: 4, single: true }],
  ['bpf_timer', { field: Field.Timer, size: 16, align: 8, single: true }],
  ['bpf_wq', { field: Field.Workqueue, size: 16, align: 8, single: true }],
  ['bpf_list_head', { field: Field.ListHead, size: 16, align: 8, single: false }],
  ['bpf_list_node', { field: Field.ListNode, size: 24, align: 8, single: false }],
  ['bpf_rb_root', { field: Field.RbRoot, size: 16, align: 8, single: false }],
  ['bpf_rb_node', { field: Field.RbNode, size: 32, align: 8, single: false }],
  ['bpf_refcount', { field: Field.Refcount, size: 4, align: 4, single: true }],
]);
type KptrTags = ReadonlyMap<string, Field>;

/** Tags of pointers that a map keeps, and those of kernels before 6.4. */
const KPTR_TAGS: KptrTags = new Map([
  ['kptr_untrusted', Field.KptrUnref],
  ['kptr', Field.KptrRef],
  ['percpu_kptr', Field.KptrPercpu],
]);
const OLD_KPTR_TAGS: KptrTags = new Map([
  ['kptr', Field.KptrUnref],
  ['kptr_ref', Field.KptrRef],
]);
const POINTER = 8;
const MAX_FIELDS = 11;
const NODE_OF_ROOT: ReadonlyMap<Field, string> = new Map([
  [Field.ListHead, 'bpf_list_node'],
  [Field.RbRoot, 'bpf_rb_node'],
]);
/** Fields that an array of structs may have. */
const REPEATABLE = Field.Kptr | Field.GraphRoot;
/** Fields that map values can have, and objects a program allocates. */
const OWN_OBJECTS = Field.GraphRoot | Field.Refcount | Field.Workqueue;
const MAP_FIELDS = Field.SpinLock | Field.Timer | Field.Kptr;
const OBJECT_FIELDS = Field.SpinLock | Field.GraphRoot | Field.GraphNode | Field.Refcount | Field.Kptr;

/** What a kernel looks for in types. */
export interface FieldRules {
  /** `Field` bits of map values, and of objects that a program allocates. */
  readonly map: number;
  readonly object: number;
  readonly tags: KptrTags;
  /** One pointer with another tag makes all of them plain. */
  readonly strictTags: boolean;
  /** In structs and arrays within the type too. */
  readonly nested: boolean;
}

export function fieldRules(features: Features): FieldRules {
  const objects = features.has('ownObjects');
  return {
    map: objects ? MAP_FIELDS | OWN_OBJECTS : MAP_FIELDS,
    object: objects ? OBJECT_FIELDS : 0,
    tags: features.has('owningKptrs') ? KPTR_TAGS : OLD_KPTR_TAGS,
    strictTags: !features.has('owningKptrs'),
    nested: features.has('nestedFields'),
  };
}

/**
 * Fields of a struct or section, by offset.
 * @param wanted `Field` bits.
 * @throws {InputError} for types that no map can have.
 */
export function parseFields(btf: Btf, typeId: TypeId, wanted: number, rules: FieldRules): SpecialField[] {
  const kinds =
    rules.strictTags && hasOtherTag(btf, btf.resolve(typeId), rules.tags) ? wanted & ~Field.Kptr : wanted;
  const fields = new FieldFinder(btf, kinds, rules).find(btf.resolve(typeId), 0);
  return fields.sort((a, b) => a.offset - b.offset);
}

/** Whether a member is a pointer with a tag that stands for no kind of field, or with two tags. */
function hasOtherTag(btf: Btf, type: BtfType, tags: KptrTags): boolean {
  const parts = type.kind === BtfKind.Datasec ? type.vars.map((info) => btf.type(info.type)) : type.members;
  return parts.some((part) => {
    const declared = btf.type(part.type);
    const pointer = declared.kind === BtfKind.Volatile ? btf.type(declared.type) : declared;
    const tag = pointer.kind === BtfKind.Ptr ? btf.type(pointer.type) : undefined;
    if (tag?.kind !== BtfKind.TypeTag) return false;
    return !tags.has(tag.name) || btf.type(tag.type).kind === BtfKind.TypeTag;
  });
}

/** Ids of the structs of a program's BTF that have special fields as objects. */
export function structsWithFields(btf: Btf, { object, tags }: FieldRules): TypeId[] {
  if (object === 0) return [];
  const special = new Set<TypeId>();
  for (const name of ['bpf_spin_lock', 'bpf_list_head', 'bpf_list_node', 'bpf_rb_root', 'bpf_rb_node'])
    special.add(btf.find(name, BtfKind.Struct));
  special.add(btf.find('bpf_refcount', BtfKind.Struct));
  special.delete(0);
  const records = new BtfRecords(btf);
  for (let id = 1; id < btf.typeCount; id++) {
    const kind = records.kind(id);
    const pointer = kind === BtfKind.Ptr || kind === BtfKind.Volatile;
    if (pointer && kptrField(btf, btf.type(id), tags)) special.add(id);
  }
  if (special.size === 0) return [];
  const found: TypeId[] = [];
  for (let id = 1; id < btf.typeCount; id++) if (hasMember(records, id, special)) found.push(id);
  return found;
}

/** Whether it is a struct with a member of one of these types. */
function hasMember(records: BtfRecords, id: TypeId, types: ReadonlySet<TypeId>): boolean {
  const kind = records.kind(id);
  if (kind !== BtfKind.Struct && kind !== BtfKind.Union) return false;
  for (let i = 0; i < records.vlen(id); i++) if (types.has(records.member(id, i).type)) return true;
  return false;
}

class FieldFinder {
  private readonly btf: Btf;
  private readonly wanted: number;
  private readonly rules: FieldRules;
  private seen = 0;
  /** Structs known to have none: they are looked into once, however often they occur. */
  private readonly plain = new Set<TypeId>();

  constructor(btf: Btf, wanted: number, rules: FieldRules) {
    this.btf = btf;
    this.wanted = wanted;
    this.rules = rules;
  }

  find(type: BtfType, level: number): SpecialField[] {
    if (level >= MAX_RESOLVE_DEPTH) throw this.btf.error(`type ${type.id}: structs are nested too deeply`);
    if (this.plain.has(type.id)) return [];
    const found: SpecialField[] = [];
    const add = (fields: SpecialField[]) => {
      found.push(...fields);
      if (found.length > MAX_FIELDS) throw this.btf.error(`type ${type.id} has too many special fields`);
    };
    if (type.kind === BtfKind.Datasec) {
      for (const info of type.vars) {
        const variable = this.btf.type(info.type);
        add(this.part(variable, -1, this.btf.type(variable.type), info.offset, info.size, level));
      }
    } else if (isStruct(type)) {
      type.members.forEach((member, index) => {
        if (member.bitOffset % 8 !== 0) throw this.btf.error(`type ${type.id}: a bitfield beside fields`);
        const memberType = this.btf.type(member.type);
        add(this.part(type, index, memberType, member.bitOffset / 8, 0, level));
      });
    }
    if (found.length === 0) this.plain.add(type.id);
    return found;
  }

  /** Fields of one member or variable; `size` is what it must take up, 0 for anything. */
  private part(
    owner: BtfType,
    index: number,
    declared: BtfType,
    offset: number,
    size: number,
    level: number,
  ): SpecialField[] {
    let type = declared;
    let count = 1;
    for (let depth = 0; type.kind === BtfKind.Array; depth++) {
      if (depth === MAX_RESOLVE_DEPTH) throw this.btf.error(`type ${declared.id}: arrays in arrays`);
      count *= type.count;
      type = this.btf.type(type.type);
    }
    if (count === 0 || (type !== declared && !this.rules.nested)) return [];
    const kind = this.kindOf(type);
    if (kind === undefined) {
      if (!isStruct(type) || !this.rules.nested || (size !== 0 && size !== type.size * count)) return [];
      const inner = this.find(type, level + 1).map((field) => ({ ...field, offset: field.offset + offset }));
      return this.repeat(inner, count, type.size);
    }
    if ((size !== 0 && size !== kind.size * count) || offset % kind.align !== 0) return [];
    const field = this.field(owner, index, type, kind, offset);
    return field ? this.repeat([field], count, kind.size) : [];
  }

  private kindOf(type: BtfType): FieldKind | undefined {
    const kind = KINDS.get(type.name);
    if (kind && (this.wanted & kind.field) !== 0) {
      if (kind.single && (this.seen & kind.field) !== 0)
        throw this.btf.error(`more than one ${type.name} in a value`);
      this.seen |= kind.field;
      return kind;
    }
    if ((this.wanted & Field.Kptr) === 0 || isStruct(type)) return undefined;
    return { field: Field.KptrRef, size: POINTER, align: POINTER, single: false };
  }

  private field(
    owner: BtfType,
    index: number,
    type: BtfType,
    kind: FieldKind,
    offset: number,
  ): SpecialField | undefined {
    if ((kind.field & Field.Kptr) !== 0) {
      const kptr = kptrField(this.btf, type, this.rules.tags);
      return kptr && { ...kptr, offset, size: POINTER, nodeOffset: 0 };
    }
    if (!isStruct(type) || type.size !== kind.size) return undefined;
    const plain = { type: kind.field, offset, size: kind.size, typeId: 0, nodeOffset: 0 };
    return NODE_OF_ROOT.has(kind.field) ? { ...plain, ...this.root(owner, index, kind.field) } : plain;
  }

  /** The "contains:" tag of a graph root: struct and node of its elements. */
  private root(owner: BtfType, index: number, field: Field): { typeId: TypeId; nodeOffset: number } {
    const [struct, node] = this.contains(owner, index).split(':');
    const typeId = this.btf.find(struct ?? '', BtfKind.Struct);
    if (typeId === 0) throw this.btf.error(`a graph root contains an unknown struct ${struct}`);
    const member = this.btf.type(typeId).members.find(({ name }) => name === node);
    const nodeType = member && this.btf.type(member.type);
    if (!member || nodeType?.name !== NODE_OF_ROOT.get(field))
      throw this.btf.error(`struct ${struct} has no such node ${node}`);
    return { typeId, nodeOffset: member.bitOffset / 8 };
  }

  private contains(owner: BtfType, index: number): string {
    const contents = containsTags(this.btf).get(`${owner.id}:${index}`);
    if (contents !== undefined) return contents;
    throw this.btf.error(`type ${owner.id}: a graph root without a tag that says what it contains`);
  }

  private repeat(fields: SpecialField[], count: number, stride: number): SpecialField[] {
    if (count === 1 || fields.length === 0) return fields;
    if (fields.some(({ type }) => (type & REPEATABLE) === 0) || fields.length * count > MAX_FIELDS)
      throw this.btf.error('special fields that cannot stand in an array');
    return Array.from({ length: count }, (_, i) =>
      fields.map((field) => ({ ...field, offset: field.offset + i * stride })),
    ).flat();
  }
}

function isStruct(type: BtfType): boolean {
  return type.kind === BtfKind.Struct || type.kind === BtfKind.Union;
}

function kptrField(btf: Btf, declared: BtfType, tags: KptrTags): { type: Field; typeId: TypeId } | undefined {
  const pointer = declared.kind === BtfKind.Volatile ? btf.type(declared.type) : declared;
  if (pointer.kind !== BtfKind.Ptr) return undefined;
  const tag = btf.type(pointer.type);
  const type = tag.kind === BtfKind.TypeTag ? tags.get(tag.name) : undefined;
  if (type === undefined) return undefined;
  const target = btf.resolve(tag.type);
  return isStruct(target) ? { type, typeId: target.id } : undefined;
}
