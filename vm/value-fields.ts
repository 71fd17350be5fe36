/** Special fields of map values and of objects: what copies must leave alone, found by the type's BTF. */
import { type Btf, BtfKind, type BtfType, isComposite, type TypeId } from '../bpf/btf.ts';
import { containsTags } from '../bpf/btf-contains.ts';
import { ObjectField } from '../bpf/object-abi.ts';

export interface ValueField {
  name: string;
  /** Bytes from the start of the value. */
  offset: number;
  size: number;
  /** It is the value's bpf_spin_lock. */
  lock: boolean;
  kind: ObjectField;
  /** List heads and tree roots: offset of the node in what they hold. */
  node: number;
}

const SPECIAL: ReadonlyMap<string, ObjectField> = new Map<string, ObjectField>([
  ['bpf_spin_lock', ObjectField.Plain],
  ['bpf_timer', ObjectField.Timer],
  ['bpf_wq', ObjectField.Timer],
  ['bpf_list_head', ObjectField.ListHead],
  ['bpf_list_node', ObjectField.ListNode],
  ['bpf_rb_root', ObjectField.TreeRoot],
  ['bpf_rb_node', ObjectField.TreeNode],
  ['bpf_refcount', ObjectField.Refcount],
]);
/** Type tags of pointers that the kernel keeps track of. */
const POINTERS: ReadonlyMap<string, ObjectField> = new Map<string, ObjectField>([
  ['kptr', ObjectField.KptrRef],
  ['kptr_ref', ObjectField.KptrRef],
  ['percpu_kptr', ObjectField.KptrRef],
  ['kptr_untrusted', ObjectField.KptrUnref],
  ['uptr', ObjectField.Plain],
]);
/** BTF_FIELDS_MAX */
const MAX_FIELDS = 11;
const MAX_DEPTH = 16;

/** Fields in ascending order; none for a type that has none, or no type. */
export function specialFields(btf: Btf, valueType: TypeId): ValueField[] {
  if (valueType === 0 || valueType >= btf.typeCount) return [];
  const finder = new FieldFinder(btf);
  finder.collect(valueType, { offset: 0, name: '', contains: undefined }, 0);
  return finder.fields.sort((a, b) => a.offset - b.offset).slice(0, MAX_FIELDS);
}

/** Where a part of a value stands, and what its declaration says that it contains. */
interface Part {
  offset: number;
  name: string;
  contains: string | undefined;
}

class FieldFinder {
  readonly fields: ValueField[] = [];
  private readonly btf: Btf;

  constructor(btf: Btf) {
    this.btf = btf;
  }

  collect(id: TypeId, part: Part, depth: number): void {
    const type = this.btf.resolve(id);
    if (depth > MAX_DEPTH || this.fields.length > MAX_FIELDS) return;
    if (type.kind === BtfKind.Datasec) this.variables(type, part, depth);
    else if (type.kind === BtfKind.Array) this.elements(type, part, depth);
    else if (type.kind === BtfKind.Ptr) this.pointer(type, part);
    else if (isComposite(type.kind)) this.composite(type, part, depth);
  }

  private variables(section: BtfType, { offset }: Part, depth: number): void {
    for (const { type: variable, offset: at } of section.vars) {
      const contains = containsTags(this.btf).get(`${variable}:-1`);
      const part = { offset: offset + at, name: this.btf.name(variable), contains };
      this.collect(this.btf.type(variable).type, part, depth + 1);
    }
  }

  private elements(array: BtfType, { offset, name, contains }: Part, depth: number): void {
    const before = this.fields.length;
    const size = this.btf.sizeOf(array.type);
    for (let i = 0; i < array.count; i++) {
      this.collect(array.type, { offset: offset + i * size, name: `${name}[${i}]`, contains }, depth + 1);
      // An element without any stands for all of them.
      if (this.fields.length === before || this.fields.length > MAX_FIELDS) return;
    }
  }

  private pointer(pointer: BtfType, { offset, name }: Part): void {
    const tag = this.btf.type(pointer.type);
    const kind = tag.kind === BtfKind.TypeTag ? POINTERS.get(tag.name) : undefined;
    if (kind !== undefined) this.fields.push({ name, offset, size: 8, lock: false, kind, node: 0 });
  }

  private composite(type: BtfType, { offset, name, contains }: Part, depth: number): void {
    const kind = SPECIAL.get(type.name);
    if (kind !== undefined) {
      const lock = type.name === 'bpf_spin_lock';
      this.fields.push({ name, offset, size: type.size, lock, kind, node: this.nodeOffset(contains) });
    } else if (type.kind === BtfKind.Struct) {
      type.members.forEach(({ name: member, type: memberType, bitOffset }, index) => {
        if (bitOffset % 8 !== 0) return;
        const tag = containsTags(this.btf).get(`${type.id}:${index}`);
        const part = { offset: offset + bitOffset / 8, name: member, contains: tag };
        this.collect(memberType, part, depth + 1);
      });
    }
  }

  /** Where "struct:node" stands in its struct. */
  private nodeOffset(contains: string | undefined): number {
    const [struct, node] = (contains ?? '').split(':');
    const id = this.btf.find(struct ?? '', BtfKind.Struct);
    const member = id === 0 ? undefined : this.btf.type(id).members.find(({ name }) => name === node);
    return member ? member.bitOffset / 8 : 0;
  }
}
