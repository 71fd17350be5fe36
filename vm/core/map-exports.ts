// biome-ignore-all lint/style/useImportType: AssemblyScript has no type imports
/** Exports about maps: what vm/maps.ts calls. Maps go by slot; keys and values are linear offsets. */
import { Errno } from '../../bpf/errno.ts';
import { arrayValue } from './array.ts';
import { addField, holdsReferences, MapRecord, MapType, mapInSlot } from './map.ts';
import { createMap, destroyMap } from './map-create.ts';
import {
  deleteBySyscall,
  entryKey,
  entryValue,
  lookupBySyscall,
  MapCursor,
  nextEntry,
  nextKey,
  referenceAt,
  seekEntry,
  setInner,
  setReference,
  takeBySyscall,
  updateBySyscall,
} from './maps.ts';
import { maskFields } from './owned-values.ts';
import { ringbufConsume, sampleLength, userRingbufProduce } from './ringbuf.ts';

/** Where the host's iteration stands. */
const cursor = changetype<MapCursor>(memory.data(16, 8));

/** See `createMap`. */
export function mapCreate(
  type: u32,
  keySize: u32,
  valueSize: u32,
  maxEntries: u32,
  flags: u32,
  extraLow: u32,
  extraHigh: u32,
  inner: i32,
  visibleSize: u32,
): i32 {
  const extra = ((<u64>extraHigh) << 32) | extraLow;
  return createMap(type, keySize, valueSize, maxEntries, flags, extra, inner, visibleSize);
}

export function mapDestroy(slot: u32): void {
  const map = mapInSlot(slot);
  if (map !== null) destroyMap(map);
}

/** Declares a special field of the values (see `addField`): 0 or -EINVAL. */
export function mapAddField(slot: u32, offset: u32, size: u32, lock: bool): i32 {
  const map = mapInSlot(slot);
  return map !== null && addField(map, offset, size, lock) ? 0 : -Errno.EINVAL;
}

/** Says of which type the values are (object-type.ts), before there are any. */
export function mapSetValueType(slot: u32, type: u32): void {
  const map = mapInSlot(slot);
  if (map !== null) map.valueType = type;
}

/** Makes a copy of a value, at a linear offset, what a system call gets to see of it. */
export function mapMaskFields(slot: u32, copy: u32): void {
  const map = mapInSlot(slot);
  if (map !== null) maskFields(map, copy);
}

/** BPF_MAP_FREEZE: no system call changes the map any more. */
export function mapFreeze(slot: u32): i32 {
  const map = mapInSlot(slot);
  if (map === null) return -Errno.EBADF;
  map.frozen = 1;
  return 0;
}

/** Linear offset of the `struct bpf_map`; 0 when there is no such map. */
export function mapVisible(slot: u32): u32 {
  const map = mapInSlot(slot);
  return map === null ? 0 : map.visible;
}

/** Linear offset of the first value of an array (ld_imm64 of a map value); 0 for any other map. */
export function mapFirstValue(slot: u32): u32 {
  const map = mapInSlot(slot);
  return map === null || map.type !== MapType.Array ? 0 : arrayValue(map, 0);
}

/** Elements now stored. */
export function mapCount(slot: u32): u32 {
  const map = mapInSlot(slot);
  return map === null ? 0 : map.count;
}

/** max_entries as the kernel rounded it. */
export function mapMaxEntries(slot: u32): u32 {
  const map = mapInSlot(slot);
  return map === null ? 0 : map.maxEntries;
}

/** Bytes of the value that a system call reads and writes: every CPU's for per-CPU maps. */
export function mapValueSpan(slot: u32): u32 {
  const map = mapInSlot(slot);
  return map === null ? 0 : map.valueSpan;
}

export function mapLookup(slot: u32, key: u32, value: u32, flags: u32): i32 {
  const map = mapInSlot(slot);
  return map === null ? -Errno.EBADF : lookupBySyscall(map, key, value, flags);
}

export function mapUpdate(slot: u32, key: u32, value: u32, flags: u32): i32 {
  const map = mapInSlot(slot);
  return map === null ? -Errno.EBADF : updateBySyscall(map, key, value, flags);
}

export function mapDelete(slot: u32, key: u32): i32 {
  const map = mapInSlot(slot);
  return map === null ? -Errno.EBADF : deleteBySyscall(map, key);
}

export function mapTake(slot: u32, key: u32, value: u32): i32 {
  const map = mapInSlot(slot);
  return map === null ? -Errno.EBADF : takeBySyscall(map, key, value);
}

export function mapNextKey(slot: u32, key: u32, next: u32): i32 {
  const map = mapInSlot(slot);
  return map === null ? -Errno.EBADF : nextKey(map, key, next);
}

/** See `setInner`. */
export function mapSetInner(slot: u32, key: u32, inner: u32, flags: u32): i32 {
  const map = mapInSlot(slot);
  const other = mapInSlot(inner);
  return map === null || other === null ? -Errno.EBADF : setInner(map, key, other, flags);
}

/** See `setReference`. */
export function mapSetReference(slot: u32, index: u32, reference: u32): i32 {
  const map = mapInSlot(slot);
  return map === null ? -Errno.EBADF : setReference(map, index, reference);
}

/** See `referenceAt`. */
export function mapReference(slot: u32, index: u32): u32 {
  const map = mapInSlot(slot);
  return map === null || !holdsReferences(map.type) ? 0 : referenceAt(map, index);
}

/** Linear offset of the iteration's state, for a host that keeps several under way (16 bytes). */
export function mapCursor(): u32 {
  return changetype<u32>(cursor);
}

/** Begins an iteration; `mapIterate` then goes from entry to entry. */
export function mapRewind(): void {
  memory.fill(changetype<usize>(cursor), 0, 16);
}

/** Puts the iteration before a place: see `seekEntry`. */
export function mapSeek(slot: u32, bucket: u32, skip: u32): void {
  const map = mapInSlot(slot);
  if (map !== null) seekEntry(map, cursor, bucket, skip);
}

/** Next entry of the iteration, found at `entryKeyOffset` and `entryValueOffset`; false at the end. */
export function mapIterate(slot: u32): bool {
  const map = mapInSlot(slot);
  return map !== null && nextEntry(map, cursor);
}

export function entryKeyOffset(): u32 {
  return entryKey;
}

export function entryValueOffset(): u32 {
  return entryValue;
}

/** Bucket of that entry (array kinds: its index). */
export function entryBucket(): u32 {
  return cursor.found;
}

/** Linear offset of the oldest committed sample, now consumed; 0 when there is none. */
export function ringbufNext(slot: u32): u32 {
  const map = ringbuf(slot, MapType.Ringbuf);
  return map === null ? 0 : ringbufConsume(map);
}

/** Length of the sample that `ringbufNext` gave. */
export function ringbufSampleLength(): u32 {
  return sampleLength;
}

/** Linear offset to write a sample for a program to; 0 when it does not fit. */
export function userRingbufSample(slot: u32, size: u32): u32 {
  const map = ringbuf(slot, MapType.UserRingbuf);
  return map === null ? 0 : userRingbufProduce(map, size);
}

function ringbuf(slot: u32, type: u32): MapRecord | null {
  const map = mapInSlot(slot);
  return map !== null && map.type === type ? map : null;
}
