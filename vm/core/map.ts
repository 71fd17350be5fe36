/**
 * The record of a map, and how maps are found: by slot (the host, ld_imm64) and by kernel address (helpers).
 *
 * Records stand in the private heap, where no program can reach them. Programs see a `struct bpf_map` in
 * model memory ("visible record"); the host fills it by BTF. The 8 bytes before it hold the slot.
 */
import { privateAlloc, privateFree, ramAlloc, ramFree } from './heap.ts';
import { toAddress, translate } from './ram.ts';

/** BPF_MAP_TYPE_* (uapi linux/bpf.h) */
export const enum MapType {
  Hash = 1,
  Array = 2,
  ProgArray = 3,
  PerfEventArray = 4,
  PercpuHash = 5,
  PercpuArray = 6,
  StackTrace = 7,
  CgroupArray = 8,
  LruHash = 9,
  LruPercpuHash = 10,
  LpmTrie = 11,
  ArrayOfMaps = 12,
  HashOfMaps = 13,
  Devmap = 14,
  Sockmap = 15,
  Cpumap = 16,
  Xskmap = 17,
  Sockhash = 18,
  CgroupStorage = 19,
  ReuseportSockarray = 20,
  PercpuCgroupStorage = 21,
  Queue = 22,
  Stack = 23,
  SkStorage = 24,
  DevmapHash = 25,
  Ringbuf = 27,
  InodeStorage = 28,
  TaskStorage = 29,
  BloomFilter = 30,
  UserRingbuf = 31,
  CgrpStorage = 32,
  Arena = 33,
}

/** BPF_F_* of map_flags (uapi linux/bpf.h) */
export const enum MapFlag {
  NoPrealloc = 1,
  NoCommonLru = 2,
  NumaNode = 4,
  /** System calls may only read, only write. */
  Rdonly = 8,
  Wronly = 16,
  ZeroSeed = 64,
  /** Programs may only read, only write. */
  RdonlyProg = 128,
  WronlyProg = 256,
  Mmapable = 1024,
  PreserveElems = 2048,
  InnerMap = 4096,
  SegvOnFault = 0x2_0000,
  NoUserConv = 0x4_0000,
}

/** Flags of an update. */
export const enum UpdateFlag {
  Any = 0,
  NoExist = 1,
  Exist = 2,
  Lock = 4,
}

/** Slots of the chunk table: enough for 2^32 elements. */
export const CHUNKS: u32 = 28;
/** Special fields a value may have, as many as Linux allows (BTF_FIELDS_MAX). */
export const MAX_FIELDS: u32 = 11;

/** Parts of a value that copies must leave alone: locks, timers, kernel pointers, list and tree nodes. */
@unmanaged
export class ValueField {
  offset: u32;
  size: u32;
}

/** All sizes in bytes. Fields after `fields` belong to one kind of map or another. */
@unmanaged
export class MapRecord {
  slot: u32;
  type: u32;
  keySize: u32;
  valueSize: u32;
  maxEntries: u32;
  flags: u32;
  mapExtra: u64;
  /** Linear offset and size of the visible record. */
  visible: u32;
  visibleSize: u32;
  frozen: u32;
  /** A value holds a bpf_spin_lock: BPF_F_LOCK is allowed. */
  hasLock: u32;
  fieldCount: u32;
  /** First of MAX_FIELDS ValueField records, in place. */
  fields: u32;
  /** Number of the values' type (object-type.ts): what their special fields own. 0: nothing. */
  valueType: u32;
  /** Elements now stored. */
  count: u32;
  /** Map of maps: what the maps in it must be like. */
  innerType: u32;
  innerKeySize: u32;
  innerValueSize: u32;
  innerMaxEntries: u32;
  innerFlags: u32;
  innerFieldCount: u32;
  /** valueSize rounded up to 8: the step from one CPU's value to the next, and between array elements. */
  valueStride: u32;
  /** Bytes an element's value takes: valueStride, times the CPUs for per-CPU maps. */
  valueSpan: u32;

  /** Array kinds, queue, stack, ring buffers, bloom filter: linear offset and size of the storage. */
  data: u32;
  dataSize: u32;

  /** Hash kinds: bucket table and its mask, element size, elements ever taken, free list (index + 1). */
  buckets: u32;
  bucketMask: u32;
  elementSize: u32;
  taken: u32;
  freeHead: u32;
  /** Linear offsets of the element chunks. */
  chunks: u32;
  /** LRU kinds: most and least recently used element (index + 1). */
  newest: u32;
  oldest: u32;

  /** Queue and stack: next to write, next to read. Ring buffers: positions in bytes, ever growing. */
  head: u64;
  tail: u64;
  /** User ring buffer: a program is draining it. */
  busy: u32;
}

const FIELDS_SIZE: u32 = MAX_FIELDS * 8;
const RECORD_SIZE: u32 = (<u32>offsetof<MapRecord>() + 7) & ~7;
const CHUNK_TABLE_SIZE: u32 = CHUNKS * 4;
const MAX_MAPS: u32 = 4096;
/** Bytes before the visible record: the slot, and at 8 a key cell. */
const PREFIX: u32 = 16;

const table: usize = memory.data(MAX_MAPS * 4, 4);

/** CPUs of the modelled machine, and the one that programs run on. */
export let cpuCount: u32 = 4;
export let currentCpu: u32 = 0;

/** @returns false when there is no such CPU; the number of CPUs is fixed once a map exists. */
export function setCpus(count: u32, current: u32): bool {
  if (count === 0 || count > 1024 || current >= count) return false;
  if (count !== cpuCount && hasMaps()) return false;
  cpuCount = count;
  currentCpu = current;
  return true;
}

function hasMaps(): bool {
  for (let slot: u32 = 0; slot < MAX_MAPS; slot++) if (load<u32>(table + (slot << 2)) !== 0) return true;
  return false;
}

/** A record with its visible part; null when 4096 maps exist or memory is exhausted. */
export function newMapRecord(visibleSize: u32): MapRecord | null {
  let slot: u32 = 0;
  while (slot < MAX_MAPS && load<u32>(table + (slot << 2)) !== 0) slot++;
  if (slot === MAX_MAPS) return null;
  const block = privateAlloc(RECORD_SIZE + FIELDS_SIZE + CHUNK_TABLE_SIZE, 8);
  const visible = ramAlloc(PREFIX + visibleSize, 64);
  if (block === 0 || visible === 0) {
    if (block !== 0) privateFree(block, RECORD_SIZE + FIELDS_SIZE + CHUNK_TABLE_SIZE);
    if (visible !== 0) ramFree(visible, PREFIX + visibleSize);
    return null;
  }
  const map = changetype<MapRecord>(block);
  map.slot = slot;
  map.visible = visible + PREFIX;
  map.visibleSize = visibleSize;
  map.fields = block + RECORD_SIZE;
  map.chunks = block + RECORD_SIZE + FIELDS_SIZE;
  store<u32>(visible, slot);
  store<u32>(table + (slot << 2), block);
  return map;
}

/** Frees the record and the visible part; the storage is the map kind's to free. */
export function freeMapRecord(map: MapRecord): void {
  store<u32>(table + (map.slot << 2), 0);
  ramFree(map.visible - PREFIX, PREFIX + map.visibleSize);
  privateFree(changetype<u32>(map), RECORD_SIZE + FIELDS_SIZE + CHUNK_TABLE_SIZE);
}

export function mapInSlot(slot: u32): MapRecord | null {
  return slot < MAX_MAPS ? changetype<MapRecord>(load<u32>(table + (slot << 2))) : null;
}

/** The map whose `struct bpf_map` stands at a kernel address; null when there is none. */
export function mapAtAddress(address: u64): MapRecord | null {
  const prefix = translate(address - PREFIX, PREFIX, false);
  if (prefix === 0) return null;
  const map = mapInSlot(load<u32>(prefix));
  // The slot stands in memory that programs can write: it only counts when the record agrees.
  return map !== null && map.visible === prefix + PREFIX ? map : null;
}

/** Room in model memory for a 4-byte key: the index that an iteration of an array shows the program. */
export function keyCell(map: MapRecord): u32 {
  return map.visible - 8;
}

export function mapAddress(map: MapRecord): u64 {
  return toAddress(map.visible);
}

export function isPercpu(type: u32): bool {
  return type === MapType.PercpuArray || type === MapType.PercpuHash || type === MapType.LruPercpuHash;
}

export function isLru(type: u32): bool {
  return type === MapType.LruHash || type === MapType.LruPercpuHash;
}

export function isMapOfMaps(type: u32): bool {
  return type === MapType.ArrayOfMaps || type === MapType.HashOfMaps;
}

/** Maps whose slots hold a number that stands for something else: a program, a perf event, a map. */
export function holdsReferences(type: u32): bool {
  return type === MapType.ProgArray || type === MapType.PerfEventArray || type === MapType.CgroupArray;
}

export function isStorage(type: u32): bool {
  return (
    type === MapType.SkStorage ||
    type === MapType.InodeStorage ||
    type === MapType.TaskStorage ||
    type === MapType.CgrpStorage
  );
}

/** Storage for each cgroup that a program is attached to: a test run has one of its own (vm/test-run/storage.ts). */
export function isCgroupStorage(type: u32): bool {
  return type === MapType.CgroupStorage || type === MapType.PercpuCgroupStorage;
}

/**
 * Declares a special field of the values. Fields must be declared in ascending order.
 * @returns false when it does not fit into the value or there are too many.
 */
export function addField(map: MapRecord, offset: u32, size: u32, lock: bool): bool {
  if (map.fieldCount === MAX_FIELDS || <u64>offset + size > map.valueSize) return false;
  const last = changetype<ValueField>(map.fields + (map.fieldCount - 1) * 8);
  if (map.fieldCount > 0 && offset < last.offset + last.size) return false;
  const field = changetype<ValueField>(map.fields + map.fieldCount * 8);
  field.offset = offset;
  field.size = size;
  map.fieldCount++;
  if (lock) map.hasLock = 1;
  return true;
}

/** Copies a value except for its special fields, which keep what they hold. */
export function copyValue(map: MapRecord, to: u32, from: u32): void {
  let at: u32 = 0;
  for (let i: u32 = 0; i < map.fieldCount; i++) {
    const field = changetype<ValueField>(map.fields + i * 8);
    memory.copy(to + at, from + at, field.offset - at);
    at = field.offset + field.size;
  }
  memory.copy(to + at, from + at, map.valueSize - at);
}
