/** What lists and trees hold (kernel docs, bpf/graph_ds_impl.rst): the tags of `__contains(struct, node)`. */
import { type Btf, BtfKind } from './btf.ts';

const CONTAINS = 'contains:';

const tagsOf = new WeakMap<Btf, ReadonlyMap<string, string>>();

/** "struct:node" of the first "contains:" tag on a part of a type (-1: on the type itself), by "type:part". */
export function containsTags(btf: Btf): ReadonlyMap<string, string> {
  const known = tagsOf.get(btf);
  if (known) return known;
  const tags = new Map<string, string>();
  for (let id = 1; id < btf.typeCount; id++) {
    if (btf.kind(id) !== BtfKind.DeclTag || !btf.name(id).startsWith(CONTAINS)) continue;
    const { type, component, name } = btf.type(id);
    const part = `${type}:${component}`;
    if (!tags.has(part)) tags.set(part, name.slice(CONTAINS.length));
  }
  tagsOf.set(btf, tags);
  return tags;
}
