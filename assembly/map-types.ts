/** Types of maps by name (include/uapi/linux/bpf.h), and which sizes a map of a type has. */

/** What has to be said of a map, and what it is when it is not said. */
export interface MapShape {
  /** Bytes; undefined where it must be said. */
  readonly key?: number;
  readonly value?: number;
  readonly entries?: number;
}

export interface MapTypeRow extends MapShape {
  /** "percpu_hash" for BPF_MAP_TYPE_PERCPU_HASH */
  readonly name: string;
  readonly number: number;
}

const KEYED: MapShape = {};
const INDEXED: MapShape = { key: 4 };
/** Slots that hold a descriptor, an index or the like. */
const SLOTS: MapShape = { key: 4, value: 4 };
const SINGLE: MapShape = { key: 0 };
const BYTES: MapShape = { key: 0, value: 0 };
const STORAGE: MapShape = { key: 4, entries: 0 };

const TABLE: readonly (readonly [name: string, number: number, shape: MapShape])[] = [
  ['hash', 1, KEYED],
  ['array', 2, INDEXED],
  ['prog_array', 3, SLOTS],
  ['perf_event_array', 4, SLOTS],
  ['percpu_hash', 5, KEYED],
  ['percpu_array', 6, INDEXED],
  ['stack_trace', 7, INDEXED],
  ['cgroup_array', 8, SLOTS],
  ['lru_hash', 9, KEYED],
  ['lru_percpu_hash', 10, KEYED],
  ['lpm_trie', 11, KEYED],
  ['array_of_maps', 12, SLOTS],
  ['hash_of_maps', 13, { value: 4 }],
  ['devmap', 14, SLOTS],
  ['sockmap', 15, SLOTS],
  ['cpumap', 16, SLOTS],
  ['xskmap', 17, SLOTS],
  ['sockhash', 18, { value: 4 }],
  ['cgroup_storage', 19, { entries: 0 }],
  ['reuseport_sockarray', 20, SLOTS],
  ['percpu_cgroup_storage', 21, { entries: 0 }],
  ['queue', 22, SINGLE],
  ['stack', 23, SINGLE],
  ['sk_storage', 24, STORAGE],
  ['devmap_hash', 25, SLOTS],
  ['struct_ops', 26, INDEXED],
  ['ringbuf', 27, BYTES],
  ['inode_storage', 28, STORAGE],
  ['task_storage', 29, STORAGE],
  ['bloom_filter', 30, SINGLE],
  ['user_ringbuf', 31, BYTES],
  ['cgrp_storage', 32, STORAGE],
  ['arena', 33, BYTES],
];

export const MAP_TYPES: readonly MapTypeRow[] = TABLE.map(([name, number, shape]) => ({
  name,
  number,
  ...shape,
}));

const BY_NAME = new Map(MAP_TYPES.map((row) => [row.name, row]));
const BY_NUMBER = new Map(MAP_TYPES.map((row) => [row.number, row]));

/** "BPF_MAP_TYPE_HASH" is "hash". */
export function findMapType(name: string): MapTypeRow | undefined {
  return BY_NAME.get(name.toLowerCase().replace(/^bpf_map_type_/, ''));
}

export function mapTypeOf(number: number): MapTypeRow | undefined {
  return BY_NUMBER.get(number);
}
