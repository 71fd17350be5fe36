// biome-ignore-all lint/style/useImportType: AssemblyScript has no type imports
/** BPF_MAP_CREATE: which sizes and flags each kind of map accepts, and its storage. */
import { Errno } from '../../bpf/errno.ts';
import { arrayFree, arrayInit } from './array.ts';
import { hashFree, hashInit } from './hash.ts';
import { lpmFree, lpmInit } from './lpm.ts';
import {
  cpuCount,
  freeMapRecord,
  holdsReferences,
  isCgroupStorage,
  isLru,
  isMapOfMaps,
  isPercpu,
  isStorage,
  MapFlag,
  MapRecord,
  MapType,
  mapInSlot,
  newMapRecord,
} from './map.ts';
import { bloomInit, queueFree, queueInit } from './queue.ts';
import { ringbufFree, ringbufInit } from './ringbuf.ts';

const ACCESS: u32 = MapFlag.Rdonly | MapFlag.Wronly | MapFlag.RdonlyProg | MapFlag.WronlyProg;
/** Largest allocation of Linux's slab allocator. */
const KMALLOC_MAX: u64 = 4 << 20;
/** Linux's bookkeeping in front of a hash element, an LPM node, a local storage element. */
const HASH_ELEMENT: u64 = 48;
const LPM_NODE: u64 = 40;
const STORAGE_ELEMENT: u64 = 128;
/** Largest per-CPU allocation. */
const PERCPU_MAX: u32 = 32 << 10;
const MAX_ENTRIES: u32 = 0x8000_0000;
const PAGE: u32 = 4096;
/** Arenas have at most 4 GiB, and lie between two multiples of that. */
const ARENA_MAX: u64 = 0x1_0000_0000;

/**
 * Creates a map. `inner` is the slot of the template of a map of maps, else -1; `visibleSize` the bytes that
 * the `struct bpf_map` (or a larger one around it) takes in the kernel's layout.
 * @returns the slot, or -EINVAL, -E2BIG, -ENOMEM, -ENOTSUPP, -EBADF (no such template), -EOPNOTSUPP (a kind
 * of map that is not modelled)
 */
export function createMap(
  type: u32,
  keySize: u32,
  valueSize: u32,
  maxEntries: u32,
  flags: u32,
  mapExtra: u64,
  inner: i32,
  visibleSize: u32,
): i32 {
  // No slot has a number this large: no template.
  const template = mapInSlot(inner < 0 ? 0xffff_ffff : inner);
  const checked = checkCreate(type, keySize, valueSize, maxEntries, flags, mapExtra, template);
  if (checked < 0) return checked;
  const map = newMapRecord(visibleSize);
  if (map === null) return -Errno.ENOMEM;
  map.type = type;
  // Local storage is keyed by the owner's address; user space names the owner with a file descriptor.
  map.keySize = isStorage(type) ? 8 : keySize;
  map.valueSize = valueSize;
  map.maxEntries = maxEntries;
  map.flags = flags;
  map.mapExtra = mapExtra;
  if (template !== null) copyTemplate(map, template);
  // A map of maps holds addresses, though user space sees 4-byte numbers.
  map.valueStride = (valueSize + 7) & ~7;
  map.valueSpan = isPercpu(type) ? map.valueStride * cpuCount : map.valueStride;
  if ((flags & MapFlag.NoCommonLru) !== 0) map.maxEntries = multipleOfCpus(maxEntries);
  const done = initStorage(map);
  if (done < 0) {
    freeMapRecord(map);
    return done;
  }
  return map.slot;
}

/** The template itself may be destroyed after that. */
function copyTemplate(map: MapRecord, template: MapRecord): void {
  map.innerType = template.type;
  map.innerKeySize = template.keySize;
  map.innerValueSize = template.valueSize;
  map.innerMaxEntries = template.maxEntries;
  map.innerFlags = template.flags;
  map.innerFieldCount = template.fieldCount;
}

/** Frees the map and all it holds; addresses into it must no longer be used. */
export function destroyMap(map: MapRecord): void {
  if (isArrayLike(map.type)) arrayFree(map);
  else if (isHashLike(map.type)) hashFree(map);
  else if (map.type === MapType.LpmTrie) lpmFree(map);
  else if (isQueueLike(map.type)) queueFree(map);
  else if (isRingbuf(map.type)) ringbufFree(map);
  freeMapRecord(map);
}

export function isArrayLike(type: u32): bool {
  return (
    type === MapType.Array ||
    type === MapType.PercpuArray ||
    type === MapType.ArrayOfMaps ||
    holdsReferences(type)
  );
}

export function isHashLike(type: u32): bool {
  return (
    type === MapType.Hash ||
    type === MapType.PercpuHash ||
    type === MapType.HashOfMaps ||
    isLru(type) ||
    isStorage(type)
  );
}

export function isQueueLike(type: u32): bool {
  return type === MapType.Queue || type === MapType.Stack || type === MapType.BloomFilter;
}

export function isRingbuf(type: u32): bool {
  return type === MapType.Ringbuf || type === MapType.UserRingbuf;
}

/**
 * Maps of sockets, devices, CPUs and stack traces: the model has nothing to put into them, so they exist and
 * are always empty.
 */
export function isAlwaysEmpty(type: u32): bool {
  return (
    type === MapType.StackTrace ||
    (type >= <u32>MapType.Devmap && type <= <u32>MapType.Sockhash) ||
    type === MapType.ReuseportSockarray ||
    type === MapType.DevmapHash
  );
}

function isModelled(type: u32): bool {
  return (
    isArrayLike(type) ||
    isHashLike(type) ||
    type === MapType.LpmTrie ||
    isQueueLike(type) ||
    isRingbuf(type) ||
    isAlwaysEmpty(type) ||
    isCgroupStorage(type) ||
    type === MapType.Arena
  );
}

function initStorage(map: MapRecord): i32 {
  if (isArrayLike(map.type)) return arrayInit(map);
  if (isHashLike(map.type)) return hashInit(map);
  if (map.type === MapType.LpmTrie) return lpmInit(map);
  if (map.type === MapType.BloomFilter) return bloomInit(map);
  if (isQueueLike(map.type)) return queueInit(map);
  if (isRingbuf(map.type)) return ringbufInit(map);
  return 0;
}

function checkCreate(
  type: u32,
  keySize: u32,
  valueSize: u32,
  maxEntries: u32,
  flags: u32,
  mapExtra: u64,
  template: MapRecord | null,
): i32 {
  if (both(flags, MapFlag.Rdonly, MapFlag.Wronly) || both(flags, MapFlag.RdonlyProg, MapFlag.WronlyProg)) {
    return -Errno.EINVAL;
  }
  if (!isModelled(type)) return -Errno.EOPNOTSUPP;
  if (type === MapType.Arena) return checkArena(keySize, valueSize, maxEntries, flags, mapExtra);
  if (mapExtra !== 0 && type !== MapType.BloomFilter) return -Errno.EINVAL;
  if (isMapOfMaps(type)) {
    if (template === null) return -Errno.EBADF;
    if (isMapOfMaps(template.type)) return -Errno.EINVAL;
    if (!canBeInner(template.type)) return -Errno.ENOTSUPP;
  }
  if (isArrayLike(type)) return checkArray(type, keySize, valueSize, maxEntries, flags);
  if (isStorage(type)) return checkStorage(keySize, valueSize, maxEntries, flags);
  if (isHashLike(type)) return checkHash(type, keySize, valueSize, maxEntries, flags);
  if (isCgroupStorage(type)) return checkCgroupStorage(type, keySize, valueSize, maxEntries, flags);
  if (type === MapType.LpmTrie) return checkLpm(keySize, valueSize, maxEntries, flags);
  if (isQueueLike(type)) return checkQueue(type, keySize, valueSize, maxEntries, flags, mapExtra);
  if (isRingbuf(type)) return checkRingbuf(keySize, valueSize, maxEntries, flags);
  return maxEntries === 0 || keySize === 0 || valueSize === 0 ? -Errno.EINVAL : 0;
}

function checkArray(type: u32, keySize: u32, valueSize: u32, maxEntries: u32, flags: u32): i32 {
  const array = type === MapType.Array;
  const reference = !array && type !== MapType.PercpuArray;
  let allowed = MapFlag.NumaNode | ACCESS;
  if (array) allowed |= MapFlag.Mmapable | MapFlag.InnerMap;
  if (type === MapType.PerfEventArray) allowed |= MapFlag.PreserveElems;
  if (reference) {
    allowed &= ~(MapFlag.RdonlyProg | MapFlag.WronlyProg);
    if (valueSize !== 4) return -Errno.EINVAL;
  }
  if (isPercpu(type)) allowed &= ~MapFlag.NumaNode;
  if (maxEntries === 0 || keySize !== 4 || valueSize === 0 || (flags & ~allowed) !== 0) return -Errno.EINVAL;
  if (valueSize > 0x7fff_ffff || (isPercpu(type) && valueSize > PERCPU_MAX)) return -Errno.E2BIG;
  return maxEntries > MAX_ENTRIES ? -Errno.E2BIG : 0;
}

function checkHash(type: u32, keySize: u32, valueSize: u32, maxEntries: u32, flags: u32): i32 {
  let allowed = MapFlag.NoPrealloc | MapFlag.ZeroSeed | ACCESS;
  if (isLru(type)) allowed |= MapFlag.NoCommonLru;
  if (!isPercpu(type) && (flags & MapFlag.NoCommonLru) === 0) allowed |= MapFlag.NumaNode;
  if (type === MapType.HashOfMaps && valueSize !== 4) return -Errno.EINVAL;
  if ((flags & ~allowed) !== 0) return -Errno.EINVAL;
  if (isLru(type) && (flags & MapFlag.NoPrealloc) !== 0) return -Errno.ENOTSUPP;
  if (maxEntries === 0 || keySize === 0 || valueSize === 0) return -Errno.EINVAL;
  if (<u64>keySize + valueSize >= KMALLOC_MAX - HASH_ELEMENT) return -Errno.E2BIG;
  if (isPercpu(type) && valueSize > PERCPU_MAX) return -Errno.E2BIG;
  return maxEntries > MAX_ENTRIES ? -Errno.E2BIG : 0;
}

/** Local storage: the key is a file descriptor to user space; elements come and go with their owners. */
function checkStorage(keySize: u32, valueSize: u32, maxEntries: u32, flags: u32): i32 {
  // BPF_F_CLONE, for sockets, is 1 << 9.
  if ((flags & ~(MapFlag.NoPrealloc | 512)) !== 0 || (flags & MapFlag.NoPrealloc) === 0) return -Errno.EINVAL;
  if (maxEntries !== 0 || keySize !== 4 || valueSize === 0) return -Errno.EINVAL;
  return valueSize > KMALLOC_MAX - STORAGE_ELEMENT || valueSize > 0xffff ? -Errno.E2BIG : 0;
}

/** Keys are a cgroup's id (8 bytes), or that and an attach type (`struct bpf_cgroup_storage_key`, 16). */
function checkCgroupStorage(type: u32, keySize: u32, valueSize: u32, maxEntries: u32, flags: u32): i32 {
  if ((keySize !== 8 && keySize !== 16) || valueSize === 0) return -Errno.EINVAL;
  if (valueSize > 0xffff) return -Errno.E2BIG;
  if (type === MapType.PercpuCgroupStorage && valueSize > PERCPU_MAX) return -Errno.E2BIG;
  return (flags & ~(MapFlag.NumaNode | ACCESS)) !== 0 || maxEntries !== 0 ? -Errno.EINVAL : 0;
}

function checkLpm(keySize: u32, valueSize: u32, maxEntries: u32, flags: u32): i32 {
  if ((flags & MapFlag.NoPrealloc) === 0) return -Errno.EINVAL;
  if ((flags & ~(MapFlag.NoPrealloc | MapFlag.NumaNode | ACCESS)) !== 0) return -Errno.EINVAL;
  if (maxEntries === 0 || keySize < 5 || keySize > 260) return -Errno.EINVAL;
  return valueSize === 0 || valueSize > KMALLOC_MAX - 256 - LPM_NODE ? -Errno.EINVAL : 0;
}

function checkQueue(
  type: u32,
  keySize: u32,
  valueSize: u32,
  maxEntries: u32,
  flags: u32,
  mapExtra: u64,
): i32 {
  let allowed = MapFlag.NumaNode | ACCESS;
  if (type === MapType.BloomFilter) allowed |= MapFlag.ZeroSeed;
  if (keySize !== 0 || valueSize === 0 || maxEntries === 0) return -Errno.EINVAL;
  if ((flags & ~allowed) !== 0 || mapExtra > 15) return -Errno.EINVAL;
  return valueSize > KMALLOC_MAX ? -Errno.E2BIG : 0;
}

function checkRingbuf(keySize: u32, valueSize: u32, maxEntries: u32, flags: u32): i32 {
  if ((flags & ~MapFlag.NumaNode) !== 0 || keySize !== 0 || valueSize !== 0) return -Errno.EINVAL;
  const powerOfTwo = maxEntries !== 0 && (maxEntries & (maxEntries - 1)) === 0;
  return powerOfTwo && maxEntries % PAGE === 0 ? 0 : -Errno.EINVAL;
}

/** @param user user address of the first page, 0 for whatever a later mmap gives. */
function checkArena(keySize: u32, valueSize: u32, maxEntries: u32, flags: u32, user: u64): i32 {
  const allowed = MapFlag.Mmapable | MapFlag.SegvOnFault | MapFlag.NoUserConv;
  if (keySize !== 0 || valueSize !== 0 || maxEntries === 0) return -Errno.EINVAL;
  if ((flags & MapFlag.Mmapable) === 0 || (flags & ~allowed) !== 0 || user % PAGE !== 0) return -Errno.EINVAL;
  const size = <u64>maxEntries * PAGE;
  if (size > ARENA_MAX) return -Errno.E2BIG;
  return user >> 32 === (user + size - 1) >> 32 ? 0 : -Errno.ERANGE;
}

/** Whether maps of this kind may stand in a map of maps. */
function canBeInner(type: u32): bool {
  return !isCgroupStorage(type) && (!holdsReferences(type) || type === MapType.PerfEventArray);
}

/** Per-CPU LRU lists: every CPU gets the same number of elements. */
function multipleOfCpus(entries: u32): u32 {
  const up = (<u64>entries + cpuCount - 1) / cpuCount;
  const rounded = up * cpuCount;
  return rounded > 0xffff_ffff ? (entries / cpuCount) * cpuCount : <u32>rounded;
}

function both(flags: u32, one: u32, other: u32): bool {
  return (flags & (one | other)) === (one | other);
}
