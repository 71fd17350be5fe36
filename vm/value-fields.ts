/** Special fields of map values: what copies must leave alone, found by the value's BTF. */
import { type Btf, BtfKind, type BtfType, isComposite, type TypeId } from '../bpf/btf.ts';

export interface ValueField {
  name: string;
  /** Bytes from the start of the value. */
  offset: number;
  size: number;
  /** It is the value's bpf_spin_lock. */
  lock: boolean;
}

const SPECIAL = new Set([
  'bpf_spin_lock',
  'bpf_timer',
  'bpf_wq',
  'bpf_list_head',
  'bpf_list_node',
  'bpf_rb_root',
  'bpf_rb_node',
  'bpf_refcount',
]);
/** Type tags of pointers that the kernel keeps track of. */
const POINTER_TAGS = new Set(['kptr', 'kptr_untrusted', 'kptr_ref', 'percpu_kptr', 'uptr']);
/** BTF_FIELDS_MAX */
const MAX_FIELDS = 11;
const MAX_DEPTH = 16;

/** Fields in ascending order; none for a type that has none, or no type. */
export function specialFields(btf: Btf, valueType: TypeId): ValueField[] {
  const fields: ValueField[] = [];
  if (valueType !== 0 && valueType < btf.typeCount) collect(btf, valueType, 0, '', fields, 0);
  return fields.sort((a, b) => a.offset - b.offset).slice(0, MAX_FIELDS);
}

function collect(
  btf: Btf,
  id: TypeId,
  offset: number,
  name: string,
  fields: ValueField[],
  depth: number,
): void {
  const type = btf.resolve(id);
  if (depth > MAX_DEPTH || fields.length > MAX_FIELDS) return;
  if (type.kind === BtfKind.Datasec) {
    for (const { type: variable, offset: at } of type.vars) {
      collect(btf, btf.type(variable).type, offset + at, btf.name(variable), fields, depth + 1);
    }
  } else if (type.kind === BtfKind.Array) {
    collectElements(btf, type, offset, name, fields, depth);
  } else if (type.kind === BtfKind.Ptr) {
    const tag = btf.type(type.type);
    if (tag.kind === BtfKind.TypeTag && POINTER_TAGS.has(tag.name)) {
      fields.push({ name, offset, size: 8, lock: false });
    }
  } else if (isComposite(type.kind)) {
    if (SPECIAL.has(type.name)) {
      fields.push({ name, offset, size: type.size, lock: type.name === 'bpf_spin_lock' });
    } else if (type.kind === BtfKind.Struct) {
      for (const { name: member, type: memberType, bitOffset } of type.members) {
        if (bitOffset % 8 === 0) {
          collect(btf, memberType, offset + bitOffset / 8, member, fields, depth + 1);
        }
      }
    }
  }
}

function collectElements(
  btf: Btf,
  array: BtfType,
  offset: number,
  name: string,
  fields: ValueField[],
  depth: number,
): void {
  const before = fields.length;
  for (let i = 0; i < array.count; i++) {
    collect(btf, array.type, offset + i * btf.sizeOf(array.type), `${name}[${i}]`, fields, depth + 1);
    // An element without any stands for all of them.
    if (fields.length === before) return;
    if (fields.length > MAX_FIELDS) return;
  }
}
