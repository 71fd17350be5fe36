// biome-ignore-all lint/style/useImportType: AssemblyScript has no type imports
/**
 * Longest-prefix-match maps (kernel docs, bpf/map_lpm_trie.rst): a key is a u32 prefix length in bits and the
 * data, most significant bit first.
 *
 * Prefixes stand in a hash table, keyed by length and the bits that count, and a lookup probes the lengths in
 * use from the longest down: no deep tree to walk, at most one probe per length.
 */
import { Errno } from '../../bpf/errno.ts';
import { roundUpPow2 } from './hash.ts';
import { ramAlloc, ramFree } from './heap.ts';
import { copyValue, MapRecord, UpdateFlag } from './map.ts';
import { Element, elementAt, freeSlab, giveElement, HEADER, takeElement } from './slab.ts';

const MAX_BUCKETS: u32 = 65_536;
/** Entries per prefix length, a u32 each, for 0 to 2048 bits. */
const LENGTHS: u32 = 2049;

/** 0 or -ENOMEM */
export function lpmInit(map: MapRecord): i32 {
  const buckets = map.maxEntries > MAX_BUCKETS ? MAX_BUCKETS : roundUpPow2(map.maxEntries);
  map.buckets = ramAlloc(buckets * 4, 8);
  map.dataSize = LENGTHS * 4;
  map.data = ramAlloc(map.dataSize, 8);
  if (map.buckets === 0 || map.data === 0) return -Errno.ENOMEM;
  map.bucketMask = buckets - 1;
  map.elementSize = HEADER + keySpan(map) + map.valueSpan;
  return 0;
}

export function lpmFree(map: MapRecord): void {
  freeSlab(map);
  ramFree(map.buckets, (map.bucketMask + 1) * 4);
  ramFree(map.data, map.dataSize);
}

/** Number of the entry with the longest prefix that the key begins with; 0 when there is none. */
export function lpmFind(map: MapRecord, key: u32): u32 {
  const longest = load<u32>(key);
  if (longest > maxLength(map)) return 0;
  for (let length: i32 = longest; length >= 0; length--) {
    if (load<u32>(map.data + <u32>length * 4) === 0) continue;
    const number = findExact(map, key, length);
    if (number !== 0) return number;
  }
  return 0;
}

export function lpmValue(map: MapRecord, number: u32): u32 {
  return changetype<u32>(elementAt(map, number)!) + HEADER + keySpan(map);
}

export function lpmKey(map: MapRecord, number: u32): u32 {
  return changetype<u32>(elementAt(map, number)!) + HEADER;
}

/** @returns 0, -EINVAL (flags, prefix length), -EEXIST, -ENOENT, -ENOSPC (full), -ENOMEM */
export function lpmUpdate(map: MapRecord, key: u32, value: u32, flags: u64): i32 {
  const length = load<u32>(key);
  if (flags > <u64>UpdateFlag.Exist || length > maxLength(map)) return -Errno.EINVAL;
  const known = findExact(map, key, length);
  if (known !== 0 && flags === UpdateFlag.NoExist) return -Errno.EEXIST;
  if (known === 0 && flags === UpdateFlag.Exist) return -Errno.ENOENT;
  if (known === 0 && map.count === map.maxEntries) return -Errno.ENOSPC;
  const number = takeElement(map);
  if (number === 0) return -Errno.ENOMEM;
  if (known !== 0) remove(map, known);
  const element = elementAt(map, number)!;
  memory.copy(changetype<usize>(element) + HEADER, key, map.keySize);
  copyValue(map, lpmValue(map, number), value);
  element.hash = hashPrefix(key + 4, length);
  const bucket = map.buckets + (element.hash & map.bucketMask) * 4;
  element.next = load<u32>(bucket);
  store<u32>(bucket, number);
  countLength(map, length, 1);
  map.count++;
  return 0;
}

/** @returns 0, -EINVAL (prefix length), -ENOENT */
export function lpmDelete(map: MapRecord, key: u32): i32 {
  const length = load<u32>(key);
  if (length > maxLength(map)) return -Errno.EINVAL;
  const number = findExact(map, key, length);
  if (number === 0) return -Errno.ENOENT;
  remove(map, number);
  return 0;
}

/**
 * Entry after a key in Linux's order: a prefix after all that extend it, else by its bits. The first one for
 * key 0, and for a key that is not in the map; 0 at the end. Takes time linear in the number of entries.
 */
export function lpmAfter(map: MapRecord, key: u32): u32 {
  const exact = key !== 0 && load<u32>(key) <= maxLength(map) && findExact(map, key, load<u32>(key)) !== 0;
  let best: u32 = 0;
  for (let number: u32 = 1; number <= map.taken; number++) {
    const element = elementAt(map, number)!;
    if (element.newer !== 0) continue;
    const candidate = changetype<u32>(element) + HEADER;
    if (exact && !precedes(key, candidate)) continue;
    if (best === 0 || precedes(candidate, lpmKey(map, best))) best = number;
  }
  return best;
}

function keySpan(map: MapRecord): u32 {
  return (map.keySize + 7) & ~7;
}

function maxLength(map: MapRecord): u32 {
  return (map.keySize - 4) * 8;
}

function findExact(map: MapRecord, key: u32, length: u32): u32 {
  const hash = hashPrefix(key + 4, length);
  let number = load<u32>(map.buckets + (hash & map.bucketMask) * 4);
  for (let steps: u32 = 0; steps <= map.count; steps++) {
    const element = elementAt(map, number);
    if (element === null) return 0;
    const own = changetype<u32>(element) + HEADER;
    if (element.hash === hash && load<u32>(own) === length && samePrefix(own + 4, key + 4, length)) {
      return number;
    }
    number = element.next;
  }
  return 0;
}

function remove(map: MapRecord, number: u32): void {
  const element = elementAt(map, number)!;
  let link = map.buckets + (element.hash & map.bucketMask) * 4;
  for (let steps: u32 = 0; steps <= map.count; steps++) {
    if (load<u32>(link) === number) {
      store<u32>(link, element.next);
      countLength(map, load<u32>(lpmKey(map, number)), -1);
      giveElement(map, number);
      map.count--;
      return;
    }
    const before = elementAt(map, load<u32>(link));
    if (before === null) return;
    link = changetype<u32>(before) + <u32>offsetof<Element>('next');
  }
}

function countLength(map: MapRecord, length: u32, by: i32): void {
  // The length may have been overwritten by a program since it was stored.
  if (length >= LENGTHS) return;
  store<u32>(map.data + length * 4, load<u32>(map.data + length * 4) + by);
}

/** Bits of the last, partial byte of a prefix that count. */
function lastMask(length: u32): u8 {
  return <u8>(0xff00 >>> (length & 7));
}

function hashPrefix(data: u32, length: u32): u32 {
  let hash: u32 = 0x811c_9dc5 ^ length;
  const whole = length >>> 3;
  for (let at: u32 = 0; at < whole; at++) hash = (hash ^ load<u8>(data + at)) * 0x0100_0193;
  if ((length & 7) !== 0) hash = (hash ^ (load<u8>(data + whole) & lastMask(length))) * 0x0100_0193;
  return hash ^ (hash >>> 15);
}

function samePrefix(one: u32, other: u32, length: u32): bool {
  const whole = length >>> 3;
  if (memory.compare(one, other, whole) !== 0) return false;
  if ((length & 7) === 0) return true;
  return ((load<u8>(one + whole) ^ load<u8>(other + whole)) & lastMask(length)) === 0;
}

function precedes(one: u32, other: u32): bool {
  const length = load<u32>(one);
  const otherLength = load<u32>(other);
  const common = min<u32>(length, otherLength);
  if (samePrefix(one + 4, other + 4, common)) return length > otherLength;
  let at: u32 = 0;
  while (load<u8>(one + 4 + at) === load<u8>(other + 4 + at)) at++;
  return load<u8>(one + 4 + at) < load<u8>(other + 4 + at);
}
