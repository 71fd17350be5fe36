// biome-ignore-all lint/style/useImportType: AssemblyScript has no type imports
/**
 * Hash maps: plain, per-CPU, LRU, of maps, and the local storage kinds (whose key is the owner's address).
 *
 * The bucket order is observable through iteration. Linux seeds its hash per map; here the seed is fixed. In
 * a bucket the element that was added last comes first, as in Linux.
 */
import { Errno } from '../../bpf/errno.ts';
import { ramAlloc, ramFree } from './heap.ts';
import { lruAdd, lruRemove, lruTouch } from './lru.ts';
import {
  copyValue,
  cpuCount,
  currentCpu,
  isLru,
  isPercpu,
  isStorage,
  MapRecord,
  releaseFields,
  UpdateFlag,
} from './map.ts';
import { Element, elementAt, freeSlab, giveElement, HEADER, takeElement } from './slab.ts';

const SEED: u32 = 0x9747_b28c;

/** A table for more entries does not fit into the machine. */
const ENTRIES_LIMIT: u32 = 0x2000_0000;
/** Buckets at most, so that going through an empty map takes no time to speak of. */
const MAX_BUCKETS: u32 = 0x10_0000;

/** Rounds up to a power of two; 0 when the result does not fit into u32. */
export function roundUpPow2(value: u32): u32 {
  return value <= 1 ? 1 : <u32>((<u64>1) << (64 - clz(<u64>value - 1)));
}

/** Bucket table of an empty map; 0 or a negative errno (ENOMEM). */
export function hashInit(map: MapRecord): i32 {
  // Local storage maps have no max_entries: owners limit them. Elements come as they are needed.
  const buckets: u32 = isStorage(map.type) ? 1024 : roundUpPow2(map.maxEntries);
  if (buckets === 0 || buckets > ENTRIES_LIMIT) return -Errno.ENOMEM;
  const kept = min<u32>(buckets, MAX_BUCKETS);
  map.buckets = ramAlloc(kept * 4, 8);
  if (map.buckets === 0) return -Errno.ENOMEM;
  map.bucketMask = kept - 1;
  map.elementSize = HEADER + keySpan(map) + map.valueSpan;
  return 0;
}

export function hashFree(map: MapRecord): void {
  freeSlab(map);
  ramFree(map.buckets, (map.bucketMask + 1) * 4);
}

/** Element of a key as its number; 0 when there is none. */
export function hashFind(map: MapRecord, key: u32): u32 {
  const hash = hashBytes(key, map.keySize);
  let number = load<u32>(bucketOf(map, hash));
  for (let steps: u32 = 0; steps <= map.count; steps++) {
    const element = elementAt(map, number);
    if (element === null) return 0;
    if (element.hash === hash && memory.compare(elementKey(element), key, map.keySize) === 0) return number;
    number = element.next;
  }
  return 0;
}

/** As `hashFind`, for a program: an LRU map takes note of the use. */
export function hashFindUsed(map: MapRecord, key: u32): u32 {
  const number = hashFind(map, key);
  if (number !== 0 && isLru(map.type)) lruTouch(map, number);
  return number;
}

export function elementKey(element: Element): u32 {
  return changetype<u32>(element) + HEADER;
}

/** Linear offset of an element's value: for per-CPU maps that of CPU 0, the others follow. */
export function elementValue(map: MapRecord, element: Element): u32 {
  return changetype<u32>(element) + HEADER + keySpan(map);
}

/**
 * Stores a value. Per-CPU maps: with `all` the value holds every CPU's, `valueStride` apart; without, only
 * the current CPU's, and a new element's other values are zeros.
 * @returns 0, -EINVAL (flags), -EEXIST, -ENOENT, -E2BIG (full), -ENOMEM
 */
export function hashUpdate(map: MapRecord, key: u32, value: u32, flags: u64, all: bool): i32 {
  const how = flags & ~UpdateFlag.Lock;
  if (how > <u64>UpdateFlag.Exist) return -Errno.EINVAL;
  const known = hashFind(map, key);
  if (known !== 0 && how === UpdateFlag.NoExist) return -Errno.EEXIST;
  if (known === 0 && how === UpdateFlag.Exist) return -Errno.ENOENT;
  // Per-CPU values are overwritten in place, locked ones too; any other update makes a new element.
  if (known !== 0 && (isPercpu(map.type) || (flags & UpdateFlag.Lock) !== 0)) {
    writeValue(map, elementAt(map, known)!, value, all);
    if (isLru(map.type)) lruTouch(map, known);
    return 0;
  }
  if (known === 0) {
    const room = makeRoom(map);
    if (room < 0) return room;
  }
  const number = takeElement(map);
  if (number === 0) return -Errno.ENOMEM;
  if (known !== 0) unlinkElement(map, known);
  const element = elementAt(map, number)!;
  memory.copy(elementKey(element), key, map.keySize);
  writeValue(map, element, value, all);
  linkElement(map, number, element);
  return 0;
}

/** A new element with a zeroed value, for local storage; 0 when memory is exhausted. */
export function hashInsertZero(map: MapRecord, key: u32): u32 {
  const number = takeElement(map);
  if (number === 0) return 0;
  const element = elementAt(map, number)!;
  memory.copy(elementKey(element), key, map.keySize);
  linkElement(map, number, element);
  return number;
}

/** @returns 0 or -ENOENT */
export function hashDelete(map: MapRecord, key: u32): i32 {
  const number = hashFind(map, key);
  if (number === 0) return -Errno.ENOENT;
  unlinkElement(map, number);
  return 0;
}

/** Element that iteration gives after `number`, the first one for 0; 0 at the end. */
export function hashAfter(map: MapRecord, number: u32): u32 {
  let bucket: u32 = 0;
  if (number !== 0) {
    const element = elementAt(map, number);
    if (element === null) return 0;
    if (element.next !== 0) return element.next;
    bucket = (element.hash & map.bucketMask) + 1;
  }
  for (; bucket <= map.bucketMask; bucket++) {
    const first = load<u32>(map.buckets + bucket * 4);
    if (elementAt(map, first) !== null) return first;
  }
  return 0;
}

function keySpan(map: MapRecord): u32 {
  return (map.keySize + 7) & ~7;
}

function bucketOf(map: MapRecord, hash: u32): u32 {
  return map.buckets + (hash & map.bucketMask) * 4;
}

/** Evicts from a full LRU map; -E2BIG for any other full map. */
function makeRoom(map: MapRecord): i32 {
  if (isStorage(map.type) || map.count < map.maxEntries) return 0;
  if (!isLru(map.type)) return -Errno.E2BIG;
  if (elementAt(map, map.oldest) === null) return -Errno.ENOMEM;
  unlinkElement(map, map.oldest);
  return 0;
}

function linkElement(map: MapRecord, number: u32, element: Element): void {
  element.hash = hashBytes(elementKey(element), map.keySize);
  const bucket = bucketOf(map, element.hash);
  element.next = load<u32>(bucket);
  store<u32>(bucket, number);
  if (isLru(map.type)) lruAdd(map, number);
  map.count++;
}

function unlinkElement(map: MapRecord, number: u32): void {
  const element = elementAt(map, number)!;
  let link = bucketOf(map, element.hash);
  for (let steps: u32 = 0; steps <= map.count; steps++) {
    if (load<u32>(link) === number) {
      store<u32>(link, element.next);
      if (isLru(map.type)) lruRemove(map, number);
      releaseValue(map, element);
      giveElement(map, number);
      map.count--;
      return;
    }
    const before = elementAt(map, load<u32>(link));
    if (before === null) return;
    link = changetype<u32>(before) + <u32>offsetof<Element>('next');
  }
}

function releaseValue(map: MapRecord, element: Element): void {
  const copies = isPercpu(map.type) ? cpuCount : 1;
  const value = elementValue(map, element);
  for (let cpu: u32 = 0; cpu < copies; cpu++) releaseFields(map, value + cpu * map.valueStride);
}

function writeValue(map: MapRecord, element: Element, value: u32, all: bool): void {
  const to = elementValue(map, element);
  if (!isPercpu(map.type)) {
    copyValue(map, to, value);
    return;
  }
  if (!all) {
    copyValue(map, to + currentCpu * map.valueStride, value);
    return;
  }
  for (let cpu: u32 = 0; cpu < cpuCount; cpu++) {
    copyValue(map, to + cpu * map.valueStride, value + cpu * map.valueStride);
  }
}

/** 32-bit hash of a key: multiply-xorshift over 4-byte words, then a finishing mix. */
export function hashBytes(key: u32, length: u32): u32 {
  let hash = SEED ^ length;
  let at: u32 = 0;
  for (; at + 4 <= length; at += 4) hash = mixWord(hash, load<u32>(key + at));
  let rest: u32 = 0;
  for (let shift: u32 = 0; at < length; at++, shift += 8) rest |= (<u32>load<u8>(key + at)) << shift;
  hash = mixWord(hash, rest);
  hash ^= hash >>> 16;
  hash *= 0x85eb_ca6b;
  hash ^= hash >>> 13;
  hash *= 0xc2b2_ae35;
  return hash ^ (hash >>> 16);
}

function mixWord(hash: u32, word: u32): u32 {
  const mixed = rotl<u32>(word * 0xcc9e_2d51, 15) * 0x1b87_3593;
  return rotl<u32>(hash ^ mixed, 13) * 5 + 0xe654_6b64;
}
