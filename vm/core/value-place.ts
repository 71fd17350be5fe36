// biome-ignore-all lint/style/useImportType: AssemblyScript has no type imports
/** Which value of a map a place belongs to: timers and work queues are known by their place alone. */
import { arrayValue } from './array.ts';
import { elementKey, elementValue } from './hash.ts';
import { isCgroupStorage, keyCell, MapRecord, MapType, mapAtAddress } from './map.ts';
import { isHashLike } from './map-create.ts';
import { elementAround, elementAt } from './slab.ts';

/** Bytes of a value of a cgroup storage map at a kernel address; 0 when it is none. */
export function cgroupStorageSize(address: u64): u32 {
  const map = mapAtAddress(address);
  return map === null || !isCgroupStorage(map.type) ? 0 : map.valueSize;
}

/**
 * Linear offset of the value, of a map at a kernel address, that has all of [at, at + size).
 * @returns 0 when no value now stored has, or the map is neither an array nor a hash
 */
export function valueAround(address: u64, at: u32, size: u32): u32 {
  const map = mapAtAddress(address);
  if (map === null) return 0;
  const value = valueWith(map, at);
  return value !== 0 && at >= value && <u64>at + size <= <u64>value + map.valueSize ? value : 0;
}

/** Linear offset of the key of a value that `valueAround` gave: an array's is good until the next one. */
export function keyOfValue(address: u64, value: u32): u32 {
  const map = mapAtAddress(address);
  if (map === null) return 0;
  if (map.type === MapType.Array) {
    store<u32>(keyCell(map), (value - map.data) / map.valueSpan);
    return keyCell(map);
  }
  const element = elementAt(map, elementAround(map, value));
  return element === null ? 0 : elementKey(element);
}

function valueWith(map: MapRecord, at: u32): u32 {
  if (map.type === MapType.Array) {
    return at < map.data ? 0 : arrayValue(map, (at - map.data) / map.valueSpan);
  }
  if (!isHashLike(map.type)) return 0;
  const element = elementAt(map, elementAround(map, at));
  return element === null ? 0 : elementValue(map, element);
}
