/** `struct bpf_map` of a map, as programs and the bpf_map iterator see it, written by the kernel's BTF. */
import { type Btf, BtfKind } from '../bpf/btf.ts';
import { Layout } from '../kernel-model/layout.ts';
import type { Ram } from '../kernel-model/ram.ts';
import { Record } from '../kernel-model/record.ts';
import type { VmMap } from './maps.ts';

/** Room for the record when the kernel's BTF has no struct bpf_map. */
const DEFAULT_SIZE = 512;

/** Structs that begin with a struct bpf_map, by what programs look into. */
const HASH_STRUCT = 'bpf_htab';
const ARRAY_STRUCT = 'bpf_array';
const HASH_TYPES = new Set([1, 5, 9, 10, 13]);
const ARRAY_TYPES = new Set([2, 3, 4, 6, 8, 12]);

/** Bytes that the record of a map of this type takes. */
export function mapRecordSize(btf: Btf | undefined, type: number): number {
  const layout = btf && layoutFor(btf, type);
  return layout ? layout.size : DEFAULT_SIZE;
}

/** Fills the record. */
export function writeMapRecord(ram: Ram, btf: Btf, map: VmMap, operations: bigint): void {
  const layout = layoutFor(btf, map.type);
  if (!layout) return;
  const record = new Record(ram, layout, map.offset);
  const prefix = layout.name === 'bpf_map' ? '' : 'map.';
  const values: { [path: string]: number | bigint } = {
    map_type: map.type,
    key_size: map.keySize,
    value_size: map.valueSize,
    max_entries: map.maxEntries,
    map_flags: map.flags,
    map_extra: map.extra,
    id: map.id,
    ops: operations,
    refcnt: 1,
    usercnt: 1,
  };
  for (const [path, value] of Object.entries(values)) {
    if (record.has(prefix + path)) record.set(prefix + path, value);
  }
  if (record.has(`${prefix}name`)) record.setText(`${prefix}name`, map.name);
  writeDetails(record, map);
}

/** Element sizes and table sizes, where the struct has them. */
function writeDetails(record: Record, map: VmMap): void {
  const power = 2 ** Math.ceil(Math.log2(map.maxEntries || 1));
  const step = (size: number): number => Math.ceil(size / 8) * 8;
  if (record.layout.name === ARRAY_STRUCT) {
    if (record.has('elem_size')) record.set('elem_size', step(map.valueSize));
    if (record.has('index_mask')) record.set('index_mask', power - 1);
  } else if (record.layout.name === HASH_STRUCT) {
    if (record.has('n_buckets')) record.set('n_buckets', power);
    if (record.has('elem_size')) record.set('elem_size', 48 + step(map.keySize) + step(map.valueSize));
  }
}

function layoutFor(btf: Btf, type: number): Layout | undefined {
  const outer = HASH_TYPES.has(type) ? HASH_STRUCT : ARRAY_TYPES.has(type) ? ARRAY_STRUCT : 'bpf_map';
  const id = btf.find(outer, BtfKind.Struct) || btf.find('bpf_map', BtfKind.Struct);
  if (id === 0) return undefined;
  const known = layouts.get(btf) ?? new Map<number, Layout>();
  layouts.set(btf, known);
  const layout = known.get(id) ?? new Layout(btf, id);
  known.set(id, layout);
  return layout;
}

/** By type id. */
const layouts = new WeakMap<Btf, Map<number, Layout>>();
