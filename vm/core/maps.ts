// biome-ignore-all lint/style/useImportType: AssemblyScript has no type imports
/**
 * Operations on maps of every kind: what a program's helper does, and what a system call does. They differ:
 * a program gets the address of a value and sees one CPU's, a system call gets copies and sees every CPU's.
 *
 * Keys and values are linear offsets here.
 */
import { Errno } from '../../bpf/errno.ts';
import { arrayUpdate, arrayValue } from './array.ts';
import {
  elementKey,
  elementValue,
  hashAfter,
  hashDelete,
  hashFind,
  hashFindUsed,
  hashInsertZero,
  hashUpdate,
} from './hash.ts';
import { ramAlloc, ramFree } from './heap.ts';
import { lpmAfter, lpmDelete, lpmFind, lpmKey, lpmUpdate, lpmValue } from './lpm.ts';
import {
  copyValue,
  cpuCount,
  currentCpu,
  holdsReferences,
  isCgroupStorage,
  isMapOfMaps,
  isPercpu,
  isStorage,
  keyCell,
  MapFlag,
  MapRecord,
  MapType,
  mapAddress,
  mapAtAddress,
  UpdateFlag,
} from './map.ts';
import { isAlwaysEmpty, isArrayLike, isHashLike, isQueueLike, isRingbuf } from './map-create.ts';
import { maskFields } from './owned-values.ts';
import { bloomAdd, bloomTest, queuePeek, queuePush } from './queue.ts';
import { elementAt, FREE } from './slab.ts';

/** bpf_map_lookup_elem: linear offset of the value, per-CPU: of the current CPU's; 0 when there is none. */
export function lookupForProgram(map: MapRecord, key: u32): u32 {
  const value = findValue(map, key, true);
  return value !== 0 && isPercpu(map.type) ? value + currentCpu * map.valueStride : value;
}

/** bpf_map_lookup_percpu_elem: the value of one CPU; 0 when there is none or the map is not per-CPU. */
export function lookupOnCpu(map: MapRecord, key: u32, cpu: u64): u32 {
  if (cpu >= cpuCount || !isPercpu(map.type)) return 0;
  const value = findValue(map, key, true);
  return value === 0 ? 0 : value + <u32>cpu * map.valueStride;
}

/** bpf_map_update_elem: 0 or a negative errno. */
export function updateFromProgram(map: MapRecord, key: u32, value: u32, flags: u64): i32 {
  if ((map.flags & MapFlag.RdonlyProg) !== 0) return -Errno.EPERM;
  if (isMapOfMaps(map.type) || holdsReferences(map.type)) return -Errno.EOPNOTSUPP;
  return update(map, key, value, flags, false);
}

/** bpf_map_delete_elem: 0 or a negative errno. */
export function deleteFromProgram(map: MapRecord, key: u32): i32 {
  if ((map.flags & MapFlag.RdonlyProg) !== 0) return -Errno.EPERM;
  return isMapOfMaps(map.type) || holdsReferences(map.type) ? -Errno.EOPNOTSUPP : remove(map, key);
}

/** bpf_map_push_elem */
export function pushElement(map: MapRecord, value: u32, flags: u64): i32 {
  if (map.type === MapType.BloomFilter) return bloomAdd(map, value, flags);
  return isQueueLike(map.type) ? queuePush(map, value, flags) : -Errno.EOPNOTSUPP;
}

/** bpf_map_pop_elem (with `drop`) and bpf_map_peek_elem */
export function popElement(map: MapRecord, value: u32, drop: bool): i32 {
  if (map.type === MapType.BloomFilter) return drop ? -Errno.EOPNOTSUPP : bloomTest(map, value);
  return isQueueLike(map.type) ? queuePeek(map, value, drop) : -Errno.EOPNOTSUPP;
}

/**
 * Local storage of an owner (task, inode, socket, cgroup): linear offset of its value. A missing one is made
 * with BPF_LOCAL_STORAGE_GET_F_CREATE, from `initial` or zeros.
 * @returns 0 when there is none, the flags are bad, or memory is exhausted
 */
export function storageValue(map: MapRecord, owner: u64, initial: u32, flags: u64): u32 {
  if (flags > 1 || owner === 0) return 0;
  store<u64>(ownerKey, owner);
  let number = hashFind(map, <u32>ownerKey);
  if (number === 0 && flags === 1) {
    number = hashInsertZero(map, <u32>ownerKey);
    const made = elementAt(map, number);
    if (made !== null && initial !== 0) copyValue(map, elementValue(map, made), initial);
  }
  const element = elementAt(map, number);
  return element === null ? 0 : elementValue(map, element);
}

/** 0, -EINVAL (no owner), -ENOENT */
export function deleteStorage(map: MapRecord, owner: u64): i32 {
  if (owner === 0) return -Errno.EINVAL;
  store<u64>(ownerKey, owner);
  return hashDelete(map, <u32>ownerKey);
}

const ownerKey: usize = memory.data(8, 8);

/** What a slot of a prog array (or another map of references) holds; 0 for nothing. */
export function referenceAt(map: MapRecord, index: u32): u32 {
  const slot = arrayValue(map, index);
  return slot === 0 ? 0 : load<u32>(slot);
}

/**
 * BPF_MAP_LOOKUP_ELEM: copies the value out, every CPU's for per-CPU maps, `valueStride` apart.
 * @returns 0, -EPERM (write-only), -EINVAL (flags), -ENOENT, -ENOTSUPP
 */
export function lookupBySyscall(map: MapRecord, key: u32, value: u32, flags: u64): i32 {
  if ((map.flags & MapFlag.Wronly) !== 0) return -Errno.EPERM;
  if (checkLock(map, flags) < 0 || (flags & ~UpdateFlag.Lock) !== 0) return -Errno.EINVAL;
  if (isQueueLike(map.type)) return popElement(map, value, false);
  if (isRingbuf(map.type) || isAlwaysEmpty(map.type)) return -Errno.ENOTSUPP;
  if (map.type === MapType.PerfEventArray || map.type === MapType.CgroupArray) return -Errno.ENOTSUPP;
  const found = isMapOfMaps(map.type) ? slotOfInner(map, key) : findValue(map, key, false);
  if (found === 0) return -Errno.ENOENT;
  if (isMapOfMaps(map.type) || holdsReferences(map.type)) return copyReference(map, found, value);
  const copies = isPercpu(map.type) ? cpuCount : 1;
  for (let cpu: u32 = 0; cpu < copies; cpu++) {
    const at = cpu * map.valueStride;
    memory.copy(value + at, found + at, map.valueSize);
    maskFields(map, value + at);
  }
  return 0;
}

/** BPF_MAP_UPDATE_ELEM: 0, -EPERM (read-only, frozen), or what the kind of map says. */
export function updateBySyscall(map: MapRecord, key: u32, value: u32, flags: u64): i32 {
  if (!isWritable(map)) return -Errno.EPERM;
  if (isQueueLike(map.type)) return pushElement(map, value, flags);
  if (isMapOfMaps(map.type) || holdsReferences(map.type)) return -Errno.EBADF;
  return update(map, key, value, flags, true);
}

/** BPF_MAP_DELETE_ELEM */
export function deleteBySyscall(map: MapRecord, key: u32): i32 {
  return isWritable(map) ? remove(map, key) : -Errno.EPERM;
}

/** BPF_MAP_LOOKUP_AND_DELETE_ELEM */
export function takeBySyscall(map: MapRecord, key: u32, value: u32): i32 {
  if (!isWritable(map) || (map.flags & MapFlag.Wronly) !== 0) return -Errno.EPERM;
  if (map.type === MapType.Queue || map.type === MapType.Stack) return popElement(map, value, true);
  if (!isHashLike(map.type) || isMapOfMaps(map.type) || isStorage(map.type)) return -Errno.ENOTSUPP;
  const found = lookupBySyscall(map, key, value, UpdateFlag.Any);
  return found < 0 ? found : remove(map, key);
}

/**
 * BPF_MAP_GET_NEXT_KEY: the key after `key`; the first one for `key` 0 or one that is not in the map.
 * @returns 0, -ENOENT at the end, -EPERM (write-only), -EINVAL, -ENOTSUPP, -EOPNOTSUPP
 */
export function nextKey(map: MapRecord, key: u32, next: u32): i32 {
  if ((map.flags & MapFlag.Wronly) !== 0) return -Errno.EPERM;
  if (isArrayLike(map.type)) {
    const index = key === 0 ? 0xffff_ffff : load<u32>(key);
    if (index === map.maxEntries - 1) return -Errno.ENOENT;
    store<u32>(next, index >= map.maxEntries ? 0 : index + 1);
    return 0;
  }
  if (map.type === MapType.LpmTrie) {
    const number = lpmAfter(map, key);
    if (number === 0) return -Errno.ENOENT;
    memory.copy(next, lpmKey(map, number), map.keySize);
    return 0;
  }
  if (isHashLike(map.type) && !isStorage(map.type)) {
    const element = elementAt(map, hashAfter(map, key === 0 ? 0 : hashFind(map, key)));
    if (element === null) return -Errno.ENOENT;
    memory.copy(next, elementKey(element), map.keySize);
    return 0;
  }
  if (isCgroupStorage(map.type)) return -Errno.ENOENT;
  if (map.type === MapType.BloomFilter) return -Errno.EOPNOTSUPP;
  return isQueueLike(map.type) ? -Errno.EINVAL : -Errno.ENOTSUPP;
}

/**
 * Puts a map into a map of maps.
 * @returns 0, -EPERM, -EINVAL (not like the template, or bad flags), -E2BIG, -EEXIST, -ENOENT, -ENOMEM
 */
export function setInner(map: MapRecord, key: u32, inner: MapRecord, flags: u64): i32 {
  if (!isWritable(map)) return -Errno.EPERM;
  if (!isMapOfMaps(map.type) || !isLikeTemplate(inner, map)) return -Errno.EINVAL;
  const address = mapAddress(inner);
  if (map.type === MapType.ArrayOfMaps) {
    if (flags !== UpdateFlag.Any) return -Errno.EINVAL;
    const slot = arrayValue(map, load<u32>(key));
    if (slot === 0) return -Errno.E2BIG;
    store<u64>(slot, address);
    return 0;
  }
  const zero = ramAlloc(8, 8);
  if (zero === 0) return -Errno.ENOMEM;
  const done = hashUpdate(map, key, zero, flags, true);
  ramFree(zero, 8);
  if (done === 0) store<u64>(slotOfInner(map, key), address);
  return done;
}

/** Puts a program, perf event, ... into a map of references (0 takes it out). 0, -EPERM, -E2BIG, -EINVAL */
export function setReference(map: MapRecord, index: u32, reference: u32): i32 {
  if (!isWritable(map)) return -Errno.EPERM;
  if (!holdsReferences(map.type)) return -Errno.EINVAL;
  const slot = arrayValue(map, index);
  if (slot === 0) return -Errno.E2BIG;
  store<u32>(slot, reference);
  return 0;
}

/** What `nextEntry` found: linear offsets of the key and of the value (per-CPU: of CPU 0's). */
export let entryKey: u32 = 0;
export let entryValue: u32 = 0;

/** Where an iteration stands; all zero before the first entry. Programs may change the map meanwhile. */
@unmanaged
export class MapCursor {
  /** Array kinds: index of the next entry. Hash kinds: its element number. */
  next: u32;
  started: u32;
  /** Bucket of that element, to go on with when it is deleted meanwhile. */
  bucket: u32;
  /** Bucket of the entry found last (array kinds: its index). */
  found: u32;
}

/**
 * Puts an iteration before the entry that is `skip` entries into a bucket (array kinds: before an index), or
 * before the first of a later bucket when there are not so many.
 */
export function seekEntry(map: MapRecord, cursor: MapCursor, bucket: u32, skip: u32): void {
  cursor.started = 1;
  cursor.next = bucket;
  if (!isHashLike(map.type)) return;
  let number: u32 = 0;
  if (bucket <= map.bucketMask) {
    number = load<u32>(map.buckets + bucket * 4);
    for (let left = skip; left > 0; left--) {
      const element = elementAt(map, number);
      if (element === null) break;
      number = element.next;
    }
    if (elementAt(map, number) === null) number = firstFromBucket(map, bucket + 1);
  }
  cursor.next = number;
  const element = elementAt(map, number);
  if (element !== null) cursor.bucket = element.hash & map.bucketMask;
}

/**
 * Goes to the next entry, in index or bucket order (LPM: in that of their making); false at the end or when the
 * map has no entries.
 */
export function nextEntry(map: MapRecord, cursor: MapCursor): bool {
  if (isArrayLike(map.type)) {
    if (cursor.next >= map.maxEntries) return false;
    entryKey = keyCell(map);
    entryValue = arrayValue(map, cursor.next);
    cursor.found = cursor.next;
    store<u32>(entryKey, cursor.next++);
    return true;
  }
  if (map.type === MapType.LpmTrie) return nextPrefix(map, cursor);
  if (!isHashLike(map.type)) return false;
  let number = cursor.started === 0 ? hashAfter(map, 0) : cursor.next;
  cursor.started = 1;
  let element = elementAt(map, number);
  if (element !== null && cursor.next !== 0 && element.newer === FREE) {
    number = firstFromBucket(map, cursor.bucket + 1);
    element = elementAt(map, number);
  }
  if (element === null) return false;
  entryKey = elementKey(element);
  entryValue = elementValue(map, element);
  cursor.found = element.hash & map.bucketMask;
  cursor.next = hashAfter(map, number);
  const after = elementAt(map, cursor.next);
  if (after !== null) cursor.bucket = after.hash & map.bucketMask;
  return true;
}

function nextPrefix(map: MapRecord, cursor: MapCursor): bool {
  while (cursor.next < map.taken) {
    const number = ++cursor.next;
    if (elementAt(map, number)!.newer === FREE) continue;
    entryKey = lpmKey(map, number);
    entryValue = lpmValue(map, number);
    return true;
  }
  return false;
}

function firstFromBucket(map: MapRecord, from: u32): u32 {
  for (let bucket = from; bucket <= map.bucketMask; bucket++) {
    const first = load<u32>(map.buckets + bucket * 4);
    if (elementAt(map, first) !== null) return first;
  }
  return 0;
}

function isWritable(map: MapRecord): bool {
  return (map.flags & MapFlag.Rdonly) === 0 && map.frozen === 0;
}

/** BPF_F_LOCK needs a lock in the value. */
function checkLock(map: MapRecord, flags: u64): i32 {
  return (flags & UpdateFlag.Lock) !== 0 && map.hasLock === 0 ? -Errno.EINVAL : 0;
}

function findValue(map: MapRecord, key: u32, byProgram: bool): u32 {
  if (isMapOfMaps(map.type)) return innerMap(map, key);
  if (isArrayLike(map.type)) return arrayValue(map, load<u32>(key));
  if (isHashLike(map.type) && !isStorage(map.type)) {
    const element = elementAt(map, byProgram ? hashFindUsed(map, key) : hashFind(map, key));
    return element === null ? 0 : elementValue(map, element);
  }
  if (map.type !== MapType.LpmTrie) return 0;
  const number = lpmFind(map, key);
  return number === 0 ? 0 : lpmValue(map, number);
}

function update(map: MapRecord, key: u32, value: u32, flags: u64, all: bool): i32 {
  if (checkLock(map, flags) < 0) return -Errno.EINVAL;
  if (isArrayLike(map.type)) return arrayUpdate(map, load<u32>(key), value, flags, all);
  if (map.type === MapType.LpmTrie) return lpmUpdate(map, key, value, flags);
  if (isHashLike(map.type) && !isStorage(map.type)) return hashUpdate(map, key, value, flags, all);
  // Elements come and go with attachments.
  if (isCgroupStorage(map.type)) return flags === UpdateFlag.Any ? -Errno.ENOENT : -Errno.EINVAL;
  return isAlwaysEmpty(map.type) || isStorage(map.type) ? -Errno.EOPNOTSUPP : -Errno.ENOTSUPP;
}

function remove(map: MapRecord, key: u32): i32 {
  if (isMapOfMaps(map.type) && isArrayLike(map.type)) return clearSlot(map, key, 8);
  if (holdsReferences(map.type)) return clearSlot(map, key, 4);
  if (isArrayLike(map.type)) return -Errno.EINVAL;
  if (map.type === MapType.LpmTrie) return lpmDelete(map, key);
  if (isHashLike(map.type) && !isStorage(map.type)) return hashDelete(map, key);
  if (map.type === MapType.BloomFilter) return -Errno.EOPNOTSUPP;
  if (isQueueLike(map.type) || isCgroupStorage(map.type)) return -Errno.EINVAL;
  return isRingbuf(map.type) ? -Errno.ENOTSUPP : -Errno.EOPNOTSUPP;
}

/** Empties a slot of an array of references: 0, -E2BIG, -ENOENT (empty already). */
function clearSlot(map: MapRecord, key: u32, size: u32): i32 {
  const slot = arrayValue(map, load<u32>(key));
  if (slot === 0) return -Errno.E2BIG;
  const held = size === 8 ? load<u64>(slot) : <u64>load<u32>(slot);
  store<u64>(slot, 0);
  return held === 0 ? -Errno.ENOENT : 0;
}

/** Where a map of maps keeps the address of the map at a key; 0 when it has none. */
function slotOfInner(map: MapRecord, key: u32): u32 {
  if (map.type === MapType.ArrayOfMaps) return arrayValue(map, load<u32>(key));
  const element = elementAt(map, hashFind(map, key));
  return element === null ? 0 : elementValue(map, element);
}

/** Linear offset of the inner map's visible record: what a lookup in a map of maps gives a program. */
function innerMap(map: MapRecord, key: u32): u32 {
  const slot = slotOfInner(map, key);
  if (slot === 0) return 0;
  const inner = mapAtAddress(load<u64>(slot));
  return inner === null ? 0 : inner.visible;
}

/** Copies what user space sees of a reference: the inner map's slot + 1, or the number put in. */
function copyReference(map: MapRecord, slot: u32, value: u32): i32 {
  if (!isMapOfMaps(map.type)) {
    store<u32>(value, load<u32>(slot));
    return load<u32>(slot) === 0 ? -Errno.ENOENT : 0;
  }
  const inner = mapAtAddress(load<u64>(slot));
  if (inner === null) return -Errno.ENOENT;
  store<u32>(value, inner.slot + 1);
  return 0;
}

/** Whether a map may stand in for the template: same shape, and for arrays as many entries. */
function isLikeTemplate(inner: MapRecord, outer: MapRecord): bool {
  if (inner.type !== outer.innerType || inner.keySize !== outer.innerKeySize) return false;
  if (inner.valueSize !== outer.innerValueSize || inner.flags !== outer.innerFlags) return false;
  if (inner.fieldCount !== outer.innerFieldCount) return false;
  const fixed = inner.type === MapType.Array || inner.type === MapType.PercpuArray;
  if (!fixed || (outer.innerFlags & MapFlag.InnerMap) !== 0) return true;
  return inner.maxEntries === outer.innerMaxEntries;
}
