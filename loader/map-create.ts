/**
 * What the kernel demands of a map's key and value (BPF_MAP_CREATE; kernel docs, bpf/map_*.rst). libbpf creates all
 * maps before it loads a program, so that one which the kernel refuses stops the whole object. Numbers of entries are
 * not looked at: an object often leaves them to the program that loads it, and tools like veristat put a 1 there.
 */
import { Errno } from '../bpf/errno.ts';
import { isMapInMap } from './map-def.ts';
import { MapFlag, MapType } from './prog-type.ts';
import type { MapDef } from './program.ts';

/** Sizes in bytes, at least and at most. */
type Range = readonly [least: number, most: number];

const NONE: Range = [0, 0];
const SOME: Range = [1, 0xffff_ffff];
const WORD: Range = [4, 4];
/** A descriptor, perhaps with a flags word or a program behind it. */
const WORD_OR_TWO: Range = [4, 8];
/** The prefix length and 1 to 256 bytes of data. */
const PREFIX: Range = [5, 260];
/** An inode number, perhaps with the attach type (padded to as much again). */
const CGROUP_KEY: Range = [8, 16];
const STACK_VALUE: Range = [8, 0xffff_ffff];

const SIZES: ReadonlyMap<number, readonly [key: Range, value: Range]> = new Map([
  [MapType.Hash, [SOME, SOME]],
  [MapType.PercpuHash, [SOME, SOME]],
  [MapType.LruHash, [SOME, SOME]],
  [MapType.LruPercpuHash, [SOME, SOME]],
  [MapType.Array, [WORD, SOME]],
  [MapType.PercpuArray, [WORD, SOME]],
  [MapType.ProgArray, [WORD, WORD]],
  [MapType.PerfEventArray, [WORD, WORD]],
  [MapType.CgroupArray, [WORD, WORD]],
  [MapType.ArrayOfMaps, [WORD, WORD]],
  [MapType.HashOfMaps, [SOME, WORD]],
  [MapType.StackTrace, [WORD, STACK_VALUE]],
  [MapType.LpmTrie, [PREFIX, SOME]],
  [MapType.Devmap, [WORD, WORD_OR_TWO]],
  [MapType.DevmapHash, [WORD, WORD_OR_TWO]],
  [MapType.Cpumap, [WORD, WORD_OR_TWO]],
  [MapType.Xskmap, [WORD, WORD]],
  [MapType.Sockmap, [WORD, WORD_OR_TWO]],
  [MapType.Sockhash, [SOME, WORD_OR_TWO]],
  [MapType.ReuseportSockarray, [WORD, WORD_OR_TWO]],
  [MapType.CgroupStorage, [CGROUP_KEY, SOME]],
  [MapType.PercpuCgroupStorage, [CGROUP_KEY, SOME]],
  [MapType.SkStorage, [WORD, SOME]],
  [MapType.InodeStorage, [WORD, SOME]],
  [MapType.TaskStorage, [WORD, SOME]],
  [MapType.CgrpStorage, [WORD, SOME]],
  [MapType.Queue, [NONE, SOME]],
  [MapType.Stack, [NONE, SOME]],
  [MapType.BloomFilter, [NONE, SOME]],
  [MapType.Ringbuf, [NONE, NONE]],
  [MapType.UserRingbuf, [NONE, NONE]],
  [MapType.Arena, [NONE, NONE]],
]);

/** What libbpf says when the kernel refuses a map; undefined when it takes all. */
export function mapRefusal(maps: readonly MapDef[]): string | undefined {
  for (const map of maps) {
    if (map.autocreate === false || map.type === MapType.StructOps) continue;
    if (map.inner && !canCreate(map.inner)) {
      return `map '${map.name}': failed to create inner map: ${-Errno.EINVAL}`;
    }
    if (!canCreate(map)) return `map '${map.name}': failed to create: Invalid argument(${-Errno.EINVAL})`;
  }
  return undefined;
}

function canCreate(map: MapDef): boolean {
  const sizes = SIZES.get(map.type);
  if (!sizes) return true;
  const [key, value] = sizes;
  if (!within(map.keySize, key) || !within(map.valueSize, value)) return false;
  if (isMapInMap(map.type) && !map.inner) return false;
  return map.type !== MapType.LpmTrie || (map.flags & MapFlag.NoPrealloc) !== 0;
}

function within(size: number, [least, most]: Range): boolean {
  return size >= least && size <= most;
}
