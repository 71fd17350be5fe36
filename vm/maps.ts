/** Maps on the host side: created from an object's definitions, read and written as system calls would. */
import { kernelAddress, PAGE_SIZE } from '../bpf/address.ts';
import type { Btf } from '../bpf/btf.ts';
import { Errno } from '../bpf/errno.ts';
import { errnoName } from '../bpf/errno-name.ts';
import { InputError } from '../bpf/input-error.ts';
import type { Ram } from '../kernel-model/ram.ts';
import type { BpfMapView, MapEntry, MapPlace } from '../kernel-model/services.ts';
import type { MapDef } from '../loader/program.ts';
import type { Arena, ArenaSpace } from './arena.ts';
import type { MapExports } from './map-exports.ts';
import { mapRecordSize, writeMapRecord } from './map-record.ts';
import { ObjectTypes } from './object-types.ts';
import type { LoadedProgram } from './program.ts';
import { specialFields, type ValueField } from './value-fields.ts';
import type { Vm } from './vm.ts';

/** BPF_MAP_TYPE_* that the host treats apart. */
const enum MapType {
  PercpuHash = 5,
  PercpuArray = 6,
  LruPercpuHash = 10,
  LpmTrie = 11,
  ArrayOfMaps = 12,
  HashOfMaps = 13,
  SkStorage = 24,
  InodeStorage = 28,
  TaskStorage = 29,
  CgrpStorage = 32,
  Arena = 33,
}
const STORAGE = new Set<number>([
  MapType.SkStorage,
  MapType.InodeStorage,
  MapType.TaskStorage,
  MapType.CgrpStorage,
]);
const PERCPU = new Set<number>([MapType.PercpuHash, MapType.PercpuArray, MapType.LruPercpuHash]);
const OF_MAPS = new Set<number>([MapType.ArrayOfMaps, MapType.HashOfMaps]);
/** BPF_OBJ_NAME_LEN - 1 */
const MAX_NAME = 15;
const CURSOR_SIZE = 16;

export interface MapTableOptions {
  /** BTF that gives `struct bpf_map` its layout; without it the record stays zero. */
  kernelBtf?: Btf;
  /** Address of a kernel symbol, for `bpf_map.ops`. */
  symbolAddress?: (name: string) => bigint | undefined;
  /** CPUs of the modelled machine (per-CPU values), and the one programs run on. Default 4 and 0. */
  cpus?: number;
  currentCpu?: number;
}

/** All maps of a vm. */
export class MapTable {
  readonly ram: Ram;
  readonly exports: MapExports;
  readonly arenas: ArenaSpace;
  readonly cpus: number;
  readonly currentCpu: number;
  private readonly objectTypes: ObjectTypes;
  private readonly options: MapTableOptions;
  private readonly bySlot = new Map<number, VmMap>();
  private nextId = 1;
  private scratchOffset = 0;
  private scratchSize = 0;

  /** @throws {RangeError} when there is no such CPU. */
  constructor(vm: Vm, options: MapTableOptions = {}) {
    this.ram = vm.ram;
    this.exports = vm.core.exports as unknown as MapExports;
    this.objectTypes = new ObjectTypes(vm);
    this.arenas = vm.arenas;
    this.options = options;
    this.cpus = options.cpus ?? 4;
    this.currentCpu = options.currentCpu ?? 0;
    if (!this.exports.setCpus(this.cpus, this.currentCpu)) {
      throw new RangeError(
        `CPU ${this.currentCpu} of ${this.cpus} cannot be modelled: at most 1024, the same for all maps`,
      );
    }
  }

  /** In order of creation. */
  get all(): VmMap[] {
    return [...this.bySlot.values()].sort((a, b) => a.id - b.id);
  }

  /** The map whose `struct bpf_map` stands at a kernel address. */
  atAddress(address: bigint): VmMap | undefined {
    for (const map of this.bySlot.values()) if (map.address === address) return map;
    return undefined;
  }

  /** The map of an inner slot's number, as a lookup in a map of maps gives it. */
  atReference(reference: number): VmMap | undefined {
    return this.bySlot.get(reference - 1);
  }

  /**
   * Creates the maps of an object, fills in their first values, freezes those that are to be, and puts inner
   * maps into their slots. Programs go into prog arrays with `VmMap.setProgram` once they are loaded.
   * @throws {InputError} when the kernel would refuse one
   */
  createAll(defs: readonly MapDef[], btf?: Btf): VmMap[] {
    const maps = defs.map((def) => this.create(def, btf));
    defs.forEach((def, index) => {
      for (const slot of def.slots ?? []) {
        const inner = slot.map === undefined ? undefined : maps[slot.map];
        if (inner)
          check((maps[index] as VmMap).setInner(u32Bytes(slot.key), inner), def, 'put a map into it');
      }
    });
    return maps;
  }

  /** @throws {InputError} when the kernel would refuse to create or fill it */
  create(def: MapDef, btf?: Btf): VmMap {
    const made = this.tryCreate(def, btf);
    if (typeof made === 'number') {
      check(made, def, 'create it');
      throw new Error('unreachable');
    }
    if (def.data) check(made.fill(def.data), def, 'fill it');
    if (def.frozen) made.freeze();
    return made;
  }

  /** BPF_MAP_CREATE: the map, or a negative errno (see vm/core/map-create.ts). */
  tryCreate(def: MapDef, btf?: Btf): VmMap | number {
    const template = def.inner ? this.tryCreate(def.inner, btf) : undefined;
    if (typeof template === 'number') return template;
    const { kernelBtf } = this.options;
    const slot = this.exports.mapCreate(
      def.type,
      def.keySize,
      def.valueSize,
      def.maxEntries,
      def.flags,
      Number(BigInt.asUintN(32, def.mapExtra)),
      Number(BigInt.asUintN(32, def.mapExtra >> 32n)),
      template ? template.slot : -1,
      mapRecordSize(kernelBtf, def.type),
    );
    // As in Linux, the map of maps keeps what it needs to know about its template.
    if (template) this.destroy(template);
    if (slot < 0) return slot;
    const fields = btf ? specialFields(btf, def.valueTypeId) : [];
    const map = new VmMap(this, slot, this.nextId++, def, fields.length > 0);
    if (fields.length > 0 && !this.declareFields(slot, fields, def.valueSize)) {
      this.exports.mapDestroy(slot);
      return -Errno.EINVAL;
    }
    if (def.type === MapType.Arena && !map.placeArena()) {
      this.exports.mapDestroy(slot);
      return -Errno.ENOMEM;
    }
    this.bySlot.set(slot, map);
    if (kernelBtf) writeMapRecord(this.ram, kernelBtf, map, this.operations(def.type));
    return map;
  }

  destroy(map: VmMap): void {
    this.bySlot.delete(map.slot);
    if (map.arena) this.arenas.destroy(map.arena);
    this.exports.mapDestroy(map.slot);
  }

  /** Model memory to pass keys and values in; good until the next call. @internal */
  scratch(size: number): number {
    if (size > this.scratchSize) {
      if (this.scratchSize > 0) this.ram.free(this.scratchOffset, this.scratchSize);
      this.scratchSize = Math.max(size, 256);
      this.scratchOffset = this.ram.alloc(this.scratchSize, 8);
    }
    return this.scratchOffset;
  }

  /** @returns false when values of that size have no such fields */
  private declareFields(slot: number, fields: readonly ValueField[], valueSize: number): boolean {
    for (const { offset, size, lock } of fields) {
      if (this.exports.mapAddField(slot, offset, size, lock ? 1 : 0) < 0) return false;
    }
    this.exports.mapSetValueType(slot, this.objectTypes.register(fields, valueSize));
    return true;
  }

  private operations(type: number): bigint {
    const name = OPERATIONS[type];
    return (name && this.options.symbolAddress?.(name)) || 0n;
  }
}

/** Kernel symbol of `bpf_map.ops` by map type. */
const OPERATIONS: { readonly [type: number]: string } = {
  1: 'htab_map_ops',
  2: 'array_map_ops',
  3: 'prog_array_map_ops',
  4: 'perf_event_array_map_ops',
  5: 'htab_percpu_map_ops',
  6: 'percpu_array_map_ops',
  9: 'htab_lru_map_ops',
  10: 'htab_lru_percpu_map_ops',
  11: 'trie_map_ops',
  12: 'array_of_maps_map_ops',
  13: 'htab_of_maps_map_ops',
  22: 'queue_map_ops',
  23: 'stack_map_ops',
  27: 'ringbuf_map_ops',
  30: 'bloom_filter_map_ops',
  31: 'user_ringbuf_map_ops',
};

/**
 * One map. Methods are system calls: negative errno values are results. Keys and values are bytes; per-CPU
 * values are all CPUs', each rounded up to 8 bytes; a local storage map's key is its owner's address (8 bytes).
 */
export class VmMap implements BpfMapView {
  readonly slot: number;
  readonly id: number;
  readonly name: string;
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly extra: bigint;
  /** Linear offset of its `struct bpf_map`. */
  readonly offset: number;
  /** Records that programs have put out through a perf event array. */
  readonly events: Uint8Array[] = [];
  private readonly table: MapTable;
  private readonly exports: MapExports;
  /** Bytes of a key and a value as they pass the system call. */
  private readonly keyBytes: number;
  private readonly valueBytes: number;
  private ownArena: Arena | undefined;

  /** Its values have parts that system calls do not see. */
  private readonly hasFields: boolean;

  constructor(table: MapTable, slot: number, id: number, def: MapDef, hasFields: boolean) {
    this.table = table;
    this.exports = table.exports;
    this.hasFields = hasFields;
    this.slot = slot;
    this.id = id;
    this.name = def.name.slice(0, MAX_NAME);
    this.type = def.type;
    this.keySize = def.keySize;
    this.valueSize = def.valueSize;
    this.maxEntries = this.exports.mapMaxEntries(slot) >>> 0;
    this.flags = def.flags;
    this.extra = def.mapExtra;
    this.offset = this.exports.mapVisible(slot) >>> 0;
    this.keyBytes = STORAGE.has(def.type) ? 8 : def.keySize;
    this.valueBytes = PERCPU.has(def.type) ? this.exports.mapValueSpan(slot) >>> 0 : def.valueSize;
  }

  get address(): bigint {
    return kernelAddress(this.offset);
  }

  get count(): number {
    return this.exports.mapCount(this.slot) >>> 0;
  }

  /** Its pages, for a map that is an arena. */
  get arena(): Arena | undefined {
    return this.ownArena;
  }

  /** Gives an arena its place: false when there is none left. @internal */
  placeArena(): boolean {
    this.ownArena = this.table.arenas.create(this.address, this.maxEntries, this.flags, this.extra);
    return this.ownArena !== undefined;
  }

  /** What its loader puts in at first: an array's first value, an arena's first bytes. 0 or a negative errno. */
  fill(data: Uint8Array): number {
    const { arena } = this;
    if (!arena) return this.update(u32Bytes(0), padded(data, this.valueSize));
    if (arena.alloc(arena.user, Math.ceil(data.length / PAGE_SIZE)) === 0n) return -Errno.ENOMEM;
    return this.table.ram.write(arena.kernelAddress(0), data) ? 0 : -Errno.EFAULT;
  }

  /** Address of a byte of an array's first value, or of an arena for user space: what ld_imm64 of a map value means. */
  valueAddress(offset: number): bigint | undefined {
    if (this.ownArena) return this.ownArena.user + BigInt(offset);
    const first = this.exports.mapFirstValue(this.slot) >>> 0;
    return first === 0 ? undefined : kernelAddress(first) + BigInt(offset);
  }

  /** The value of a key; undefined when it has none (or the map cannot be read). */
  get(key: Uint8Array): Uint8Array | undefined {
    const value = this.lookup(key);
    return typeof value === 'number' ? undefined : value;
  }

  /** BPF_MAP_LOOKUP_ELEM; a map of maps gives the inner map's id. */
  lookup(key: Uint8Array, flags = 0): Uint8Array | number {
    const { at, value } = this.stage(key);
    const error = this.exports.mapLookup(this.slot, at, value, flags);
    if (error < 0) return error;
    if (!OF_MAPS.has(this.type)) return this.valueAt(value);
    const inner = this.table.atReference(this.table.ram.view.getUint32(value, true));
    return inner ? u32Bytes(inner.id) : -Errno.ENOENT;
  }

  /** BPF_MAP_UPDATE_ELEM; queues, stacks and Bloom filters take an empty key. */
  update(key: Uint8Array, value: Uint8Array, flags = 0): number {
    if (value.length !== this.valueBytes) {
      throw new RangeError(`values of map ${this.name} have ${this.valueBytes} bytes, not ${value.length}`);
    }
    const staged = this.stage(key, value);
    return this.exports.mapUpdate(this.slot, staged.at, staged.value, flags);
  }

  /** BPF_MAP_DELETE_ELEM */
  delete(key: Uint8Array): number {
    return this.exports.mapDelete(this.slot, this.stage(key).at);
  }

  /** BPF_MAP_LOOKUP_AND_DELETE_ELEM */
  take(key: Uint8Array): Uint8Array | number {
    const { at, value } = this.stage(key);
    const error = this.exports.mapTake(this.slot, at, value);
    return error < 0 ? error : this.valueAt(value);
  }

  /** BPF_MAP_GET_NEXT_KEY: the first one for null. */
  nextKey(key: Uint8Array | null): Uint8Array | number {
    const { at, value } = this.stage(key ?? new Uint8Array(this.keyBytes));
    const error = this.exports.mapNextKey(this.slot, key ? at : 0, value);
    return error < 0 ? error : this.bytes(value, this.keyBytes);
  }

  /** BPF_MAP_FREEZE */
  freeze(): number {
    return this.exports.mapFreeze(this.slot);
  }

  /** Puts a map into this map of maps. */
  setInner(key: Uint8Array, inner: VmMap, flags = 0): number {
    return this.exports.mapSetInner(this.slot, this.stage(key).at, inner.slot, flags);
  }

  /** Puts a program into this prog array. */
  setProgram(index: number, program: LoadedProgram): number {
    return this.exports.mapSetReference(this.slot, index, program.id);
  }

  /** Puts a non-zero number into a slot of a map of references: a perf event array records only there. */
  setReference(index: number, reference: number): number {
    return this.exports.mapSetReference(this.slot, index, reference);
  }

  /** What a slot of an array of references holds; 0 for nothing. */
  reference(index: number): number {
    return this.exports.mapReference(this.slot, index) >>> 0;
  }

  *entries(from?: MapPlace): Iterable<MapEntry> {
    const cursor = this.exports.mapCursor() >>> 0;
    this.exports.mapRewind();
    if (from) this.exports.mapSeek(this.slot, from.bucket, from.skip);
    while (this.exports.mapIterate(this.slot) !== 0) {
      // Another iteration may begin before this one goes on.
      const state = new Uint8Array(this.table.ram.buffer, cursor, CURSOR_SIZE).slice();
      yield {
        key: kernelAddress(this.exports.entryKeyOffset() >>> 0),
        value: kernelAddress(this.exports.entryValueOffset() >>> 0),
        bucket: this.exports.entryBucket() >>> 0,
      };
      new Uint8Array(this.table.ram.buffer).set(state, cursor);
    }
  }

  /** Keys and values in iteration order, as copies (of an arena: pages by their user address); special fields are zeros in them, as in what a lookup gives. */
  contents(): Iterable<{ key: Uint8Array; value: Uint8Array }> {
    if (this.ownArena) return this.ownArena.contents();
    return this.type === MapType.LpmTrie
      ? [...this.copies()].sort((a, b) => comparePrefixes(a.key, b.key))
      : this.copies();
  }

  private *copies(): Iterable<{ key: Uint8Array; value: Uint8Array }> {
    const { ram } = this.table;
    for (const { key: keyAddress, value: valueAddress } of this.entries()) {
      const key = ram.read(keyAddress, this.keyBytes) ?? new Uint8Array();
      // What a map of maps holds is an address; its readers get ids.
      const value = OF_MAPS.has(this.type) ? this.get(key) : ram.read(valueAddress, this.valueBytes);
      if (value) yield { key, value: this.hasFields ? this.masked(value) : value };
    }
  }

  /** A copied value without what its special fields hold, as a system call gives it. */
  private masked(value: Uint8Array): Uint8Array {
    const at = this.table.scratch(value.length);
    new Uint8Array(this.table.ram.buffer).set(value, at);
    const copies = PERCPU.has(this.type) ? this.table.cpus : 1;
    for (let i = 0; i < copies; i++) {
      this.exports.mapMaskFields(this.slot, at + (i * value.length) / copies);
    }
    return this.bytes(at, value.length);
  }

  /** Keys and values in hexadecimal. */
  dump(): { key: string; value: string }[] {
    return [...this.contents()].map(({ key, value }) => ({ key: hex(key), value: hex(value) }));
  }

  /** Ring buffer: takes the samples that programs have submitted. */
  consume(): Uint8Array[] {
    const samples: Uint8Array[] = [];
    for (;;) {
      const sample = this.exports.ringbufNext(this.slot) >>> 0;
      if (sample === 0) return samples;
      samples.push(this.bytes(sample, this.exports.ringbufSampleLength() >>> 0));
    }
  }

  /** User ring buffer: a sample for the program to drain; false when it does not fit. */
  produce(sample: Uint8Array): boolean {
    const to = this.exports.userRingbufSample(this.slot, sample.length) >>> 0;
    if (to !== 0) new Uint8Array(this.table.ram.buffer).set(sample, to);
    return to !== 0;
  }

  /** Copies key and value to where the core reads them. */
  private stage(key: Uint8Array, value?: Uint8Array): { at: number; value: number } {
    if (key.length !== this.keyBytes) {
      throw new RangeError(`keys of map ${this.name} have ${this.keyBytes} bytes, not ${key.length}`);
    }
    const room = Math.ceil(this.keyBytes / 8) * 8;
    const at = this.table.scratch(room + Math.max(this.valueBytes, this.keyBytes, 8));
    const memory = new Uint8Array(this.table.ram.buffer);
    memory.set(key, at);
    if (value) memory.set(value, at + room);
    return { at, value: at + room };
  }

  private valueAt(offset: number): Uint8Array {
    return this.bytes(offset, this.valueBytes);
  }

  private bytes(offset: number, length: number): Uint8Array {
    return new Uint8Array(this.table.ram.buffer, offset, length).slice();
  }
}

/** Linux's order of prefixes (u32 length, then the bits): one that extends another comes first. */
function comparePrefixes(one: Uint8Array, other: Uint8Array): number {
  const lengthOf = (key: Uint8Array) => new DataView(key.buffer, key.byteOffset).getUint32(0, true);
  const common = Math.min(lengthOf(one), lengthOf(other));
  for (let bit = 0; bit < common; bit++) {
    const at = 4 + (bit >> 3);
    const mask = 0x80 >> (bit & 7);
    const difference = ((one[at] ?? 0) & mask) - ((other[at] ?? 0) & mask);
    if (difference !== 0) return difference;
  }
  return lengthOf(other) - lengthOf(one);
}

function check(error: number, def: MapDef, what: string): void {
  if (error >= 0) return;
  const reason = `map ${def.name} (type ${def.type}): the kernel refuses to ${what}: ${errnoName(-error)}`;
  throw new InputError(reason, { section: def.section });
}

function u32Bytes(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

function padded(data: Uint8Array, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  bytes.set(data.subarray(0, size));
  return bytes;
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
