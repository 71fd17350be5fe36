// biome-ignore-all lint/style/useImportType: AssemblyScript has no type imports
/** Queue and stack maps (kernel docs, bpf/map_queue_stack.rst) and Bloom filters (bpf/map_bloom_filter.rst). */
import { Errno } from '../../bpf/errno.ts';
import { hashBytes, roundUpPow2 } from './hash.ts';
import { ramAlloc, ramFree } from './heap.ts';
import { MapRecord, MapType, UpdateFlag } from './map.ts';

/** Hash functions of a Bloom filter whose map_extra names no number. */
const BLOOM_HASHES: u32 = 5;

/** Storage for max_entries values; 0 or -ENOMEM. */
export function queueInit(map: MapRecord): i32 {
  return allocate(map, <u64>map.maxEntries * <u64>map.valueSize);
}

/** A bitmap of some 7/5 bits per entry and hash function; 0 or -ENOMEM. */
export function bloomInit(map: MapRecord): i32 {
  const bits = (<u64>map.maxEntries * bloomHashes(map) * 7) / 5;
  const rounded = bits > 0x8000_0000 ? 0 : roundUpPow2(<u32>bits);
  return allocate(map, rounded === 0 ? 0x2000_0000 : <u64>max<u32>(rounded / 8, 8));
}

export function queueFree(map: MapRecord): void {
  ramFree(map.data, map.dataSize);
}

/**
 * Adds a value; BPF_EXIST makes room in a full map by dropping the oldest one.
 * @returns 0, -EINVAL (flags), -E2BIG (full)
 */
export function queuePush(map: MapRecord, value: u32, flags: u64): i32 {
  if (flags !== UpdateFlag.Any && flags !== UpdateFlag.Exist) return -Errno.EINVAL;
  if (map.count === map.maxEntries) {
    if (flags !== UpdateFlag.Exist) return -Errno.E2BIG;
    map.tail = (map.tail + 1) % map.maxEntries;
    map.count--;
  }
  memory.copy(entry(map, map.head), value, map.valueSize);
  map.head = (map.head + 1) % map.maxEntries;
  map.count++;
  return 0;
}

/** Copies out the oldest (queue) or newest (stack) value and drops it with `remove`; 0 or -ENOENT (zeroes). */
export function queuePeek(map: MapRecord, value: u32, remove: bool): i32 {
  if (map.count === 0) {
    memory.fill(value, 0, map.valueSize);
    return -Errno.ENOENT;
  }
  const newest = (map.head + map.maxEntries - 1) % map.maxEntries;
  const at = map.type === MapType.Stack ? newest : map.tail;
  memory.copy(value, entry(map, at), map.valueSize);
  if (!remove) return 0;
  if (map.type === MapType.Stack) map.head = newest;
  else map.tail = (map.tail + 1) % map.maxEntries;
  map.count--;
  return 0;
}

/** @returns 0 or -EINVAL (flags) */
export function bloomAdd(map: MapRecord, value: u32, flags: u64): i32 {
  if (flags !== UpdateFlag.Any) return -Errno.EINVAL;
  for (let i: u32 = 0; i < bloomHashes(map); i++) {
    const bit = bloomBit(map, value, i);
    store<u8>(map.data + (bit >>> 3), load<u8>(map.data + (bit >>> 3)) | <u8>((<u32>1) << (bit & 7)));
  }
  map.count++;
  return 0;
}

/** @returns 0 when the value may have been added, -ENOENT when it certainly was not */
export function bloomTest(map: MapRecord, value: u32): i32 {
  for (let i: u32 = 0; i < bloomHashes(map); i++) {
    const bit = bloomBit(map, value, i);
    if ((load<u8>(map.data + (bit >>> 3)) & <u8>((<u32>1) << (bit & 7))) === 0) return -Errno.ENOENT;
  }
  return 0;
}

function allocate(map: MapRecord, size: u64): i32 {
  if (size > 0xf000_0000) return -Errno.ENOMEM;
  map.dataSize = <u32>size;
  map.data = ramAlloc(map.dataSize, 64);
  return map.data === 0 ? -Errno.ENOMEM : 0;
}

function entry(map: MapRecord, index: u64): u32 {
  return map.data + <u32>index * map.valueSize;
}

function bloomHashes(map: MapRecord): u32 {
  const wanted = <u32>map.mapExtra & 0xf;
  return wanted === 0 ? BLOOM_HASHES : wanted;
}

function bloomBit(map: MapRecord, value: u32, index: u32): u32 {
  const hash = hashBytes(value, map.valueSize);
  // Second hash from the first one, odd so that the steps reach every bit.
  return (hash + index * (rotl<u32>(hash * 0x9e37_79b1, 15) | 1)) & (map.dataSize * 8 - 1);
}
