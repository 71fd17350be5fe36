// biome-ignore-all lint/style/useImportType: AssemblyScript has no type imports
/** Helpers on maps: checks of what programs pass, and addresses for offsets. */

import { FaultKind } from '../../bpf/abi.ts';
import { Errno } from '../../bpf/errno.ts';
import { mapArgument, readable, writable } from './args.ts';
import { local, localAt, requestCallback, setLocal } from './callback.ts';
import { raiseFault } from './fault.ts';
import { currentCpu, isPercpu, isStorage, MapRecord, MapType, mapAtAddress } from './map.ts';
import { isArrayLike, isHashLike, isQueueLike, isRingbuf } from './map-create.ts';
import {
  deleteFromProgram,
  deleteStorage,
  entryKey,
  entryValue,
  lookupForProgram,
  lookupOnCpu,
  MapCursor,
  nextEntry,
  popElement,
  pushElement,
  storageValue,
  updateFromProgram,
} from './maps.ts';
import { toAddress } from './ram.ts';
import { ringbufCommit, ringbufOutput, ringbufQuery, ringbufReserve } from './ringbuf.ts';

function addressOrNull(offset: u32): u64 {
  return offset === 0 ? 0 : toAddress(offset);
}

/** A map with keys: null, with a fault raised, for another one. */
function keyedMap(address: u64): MapRecord | null {
  const map = mapArgument(address);
  if (map === null) return null;
  if (!isQueueLike(map.type) && !isRingbuf(map.type) && !isStorage(map.type)) return map;
  raiseFault(FaultKind.BadArgument, address);
  return null;
}

function mapOfType(address: u64, type: u32): MapRecord | null {
  const map = mapArgument(address);
  if (map === null || map.type === type) return map;
  raiseFault(FaultKind.BadArgument, address);
  return null;
}

export function mapLookup(address: u64, key: u64): u64 {
  const map = keyedMap(address);
  const at = map === null ? 0 : readable(key, map.keySize);
  return at === 0 ? 0 : addressOrNull(lookupForProgram(map!, at));
}

/** bpf_map_sum_elem_count: elements of a hash; 0 for a map that does not count them. */
export function mapElementCount(address: u64): u64 {
  if (address === 0) return 0;
  const map = mapArgument(address);
  return map === null || !isHashLike(map.type) || isStorage(map.type) ? 0 : map.count;
}

export function mapLookupPercpu(address: u64, key: u64, cpu: u64): u64 {
  const map = keyedMap(address);
  const at = map === null ? 0 : readable(key, map.keySize);
  return at === 0 ? 0 : addressOrNull(lookupOnCpu(map!, at, <u32>cpu));
}

export function mapUpdate(address: u64, key: u64, value: u64, flags: u64): i64 {
  const map = keyedMap(address);
  if (map === null) return 0;
  const keyAt = readable(key, map.keySize);
  const valueAt = keyAt === 0 ? 0 : readable(value, map.valueSize);
  return valueAt === 0 ? 0 : updateFromProgram(map, keyAt, valueAt, flags);
}

export function mapDelete(address: u64, key: u64): i64 {
  const map = keyedMap(address);
  const at = map === null ? 0 : readable(key, map.keySize);
  return at === 0 ? 0 : deleteFromProgram(map!, at);
}

export function mapPush(address: u64, value: u64, flags: u64): i64 {
  const map = mapArgument(address);
  const at = map === null ? 0 : readable(value, map.valueSize);
  return at === 0 ? 0 : pushElement(map!, at, flags);
}

export function mapPop(address: u64, value: u64, drop: bool): i64 {
  const map = mapArgument(address);
  if (map === null) return 0;
  // A Bloom filter's peek only reads the value.
  const at =
    map.type === MapType.BloomFilter ? readable(value, map.valueSize) : writable(value, map.valueSize);
  return at === 0 ? 0 : popElement(map, at, drop);
}

/** bpf_{sk,inode,task,cgrp}_storage_get: address of the owner's value; 0 when it has none. */
export function storageGet(address: u64, owner: u64, initial: u64, flags: u64): u64 {
  const map = mapArgument(address);
  if (map === null) return 0;
  if (!isStorage(map.type)) {
    raiseFault(FaultKind.BadArgument, address);
    return 0;
  }
  const at = initial === 0 ? 0 : readable(initial, map.valueSize);
  if (initial !== 0 && at === 0) return 0;
  return addressOrNull(storageValue(map, owner, at, flags));
}

export function storageDelete(address: u64, owner: u64): i64 {
  const map = mapArgument(address);
  if (map === null) return 0;
  if (isStorage(map.type)) return deleteStorage(map, owner);
  raiseFault(FaultKind.BadArgument, address);
  return 0;
}

export function ringbufReserveHelper(address: u64, size: u64, flags: u64): u64 {
  const map = mapOfType(address, MapType.Ringbuf);
  return map === null || flags !== 0 ? 0 : addressOrNull(ringbufReserve(map, size));
}

export function ringbufOutputHelper(address: u64, data: u64, size: u64, flags: u64): i64 {
  const map = mapOfType(address, MapType.Ringbuf);
  const at = map === null ? 0 : size > 0xffff_ffff ? 0 : readable(data, <u32>size);
  return at === 0 ? 0 : ringbufOutput(map!, at, size, flags);
}

export function ringbufQueryHelper(address: u64, question: u64): u64 {
  const map = mapOfType(address, MapType.Ringbuf);
  return map === null ? 0 : ringbufQuery(map, question);
}

export function ringbufFinish(sample: u64, discard: bool): void {
  if (!ringbufCommit(sample, discard)) raiseFault(FaultKind.BadArgument, sample);
}

/** What bpf_for_each_map_elem keeps between its callbacks. */
const enum Local {
  Map = 0,
  Function = 1,
  Context = 2,
  Count = 3,
  /** A MapCursor: 16 bytes. */
  Cursor = 4,
}

/**
 * bpf_for_each_map_elem: calls `fn(map, key, value, context)` for each element until it returns 1.
 * @returns the number of elements seen; -EINVAL for flags, -EOPNOTSUPP for a map that has no such iteration
 */
export function forEachElement(address: u64, fn: u64, context: u64, flags: u64): u64 {
  const map = mapArgument(address);
  if (map === null) return 0;
  if (flags !== 0) return <u64>-Errno.EINVAL;
  if (isStorage(map.type) || !(isArrayLike(map.type) || isHashLike(map.type))) return <u64>-Errno.EOPNOTSUPP;
  setLocal(Local.Map, address);
  setLocal(Local.Function, fn);
  setLocal(Local.Context, context);
  setLocal(Local.Count, 0);
  setLocal(Local.Cursor, 0);
  setLocal(Local.Cursor + 1, 0);
  return visitNext();
}

export function continueForEach(value: u64): u64 {
  return value !== 0 ? local(Local.Count) : visitNext();
}

function visitNext(): u64 {
  const map = mapAtAddress(local(Local.Map));
  const cursor = changetype<MapCursor>(localAt(Local.Cursor));
  if (map === null || !nextEntry(map, cursor)) return local(Local.Count);
  setLocal(Local.Count, local(Local.Count) + 1);
  const value = entryValue + (isPercpu(map.type) ? currentCpu * map.valueStride : 0);
  return requestCallback(
    local(Local.Function),
    local(Local.Map),
    toAddress(entryKey),
    toAddress(value),
    local(Local.Context),
  );
}
