import { describe, expect, it } from 'vitest';
import { Btf } from '../../bpf/btf.ts';
import { BtfWriter } from '../../bpf/btf-writer.ts';
import { VmKfunc } from '../../bpf/vm-call.ts';
import type { MapDef } from '../../loader/program.ts';
import { MapTable } from '../../vm/maps.ts';
import { mapDef, Rig, u32, u64 } from './helper-rig.ts';

const LOOKUP = 1;
const UPDATE = 2;
const DELETE = 3;
const PUSH = 87;
const POP = 88;
const PEEK = 89;
const LOOKUP_PERCPU = 195;
const TASK_STORAGE_GET = 156;
const TASK_STORAGE_DELETE = 157;

const NOEXIST = 1;
const EXIST = 2;
const LOCK = 4;
const NO_PREALLOC = 1;

const EPERM = -1;
const ENOENT = -2;
const E2BIG = -7;
const ENOMEM = -12;
const EEXIST = -17;
const EINVAL = -22;
const ENOSPC = -28;
const EOPNOTSUPP = -95;
const ENOTSUPP = -524;
const EBADF = -9;

const Type = {
  hash: 1,
  array: 2,
  progArray: 3,
  perfEventArray: 4,
  percpuHash: 5,
  percpuArray: 6,
  lruHash: 9,
  lruPercpuHash: 10,
  lpmTrie: 11,
  arrayOfMaps: 12,
  hashOfMaps: 13,
  sockmap: 15,
  queue: 22,
  stack: 23,
  ringbuf: 27,
  taskStorage: 29,
  bloom: 30,
  userRingbuf: 31,
  arena: 33,
};

const rig = await Rig.create();
const none = new Uint8Array();
const keysOf = (map: { contents(): Iterable<{ key: Uint8Array }> }) =>
  [...map.contents()].map(({ key }) => new DataView(key.buffer).getUint32(0, true));

describe('creation', () => {
  const cases: [text: string, def: Partial<MapDef> & { type: number }, error: number][] = [
    ['array: no entries', { type: Type.array, maxEntries: 0 }, EINVAL],
    ['array: key of 8', { type: Type.array, keySize: 8 }, EINVAL],
    ['array: no value', { type: Type.array, valueSize: 0 }, EINVAL],
    ['array: NO_PREALLOC', { type: Type.array, flags: NO_PREALLOC }, EINVAL],
    ['array: 2 GiB value', { type: Type.array, valueSize: 0x8000_0000 }, E2BIG],
    ['array: more than memory', { type: Type.array, valueSize: 1 << 20, maxEntries: 1 << 16 }, ENOMEM],
    ['array: map_extra', { type: Type.array, mapExtra: 1n }, EINVAL],
    ['array: read-only and write-only', { type: Type.array, flags: 8 | 16 }, EINVAL],
    ['array: both for programs', { type: Type.array, flags: 128 | 256 }, EINVAL],
    ['array: unknown flag', { type: Type.array, flags: 1 << 20 }, EINVAL],
    ['percpu array: mmapable', { type: Type.percpuArray, flags: 1024 }, EINVAL],
    ['percpu array: over 32 KiB', { type: Type.percpuArray, valueSize: 32_769 }, E2BIG],
    ['percpu array: NUMA node', { type: Type.percpuArray, flags: 4 }, EINVAL],
    ['prog array: value of 8', { type: Type.progArray, valueSize: 8 }, EINVAL],
    ['prog array: read-only for programs', { type: Type.progArray, valueSize: 4, flags: 128 }, EINVAL],
    ['hash: no key', { type: Type.hash, keySize: 0 }, EINVAL],
    ['hash: no value', { type: Type.hash, valueSize: 0 }, EINVAL],
    ['hash: no entries', { type: Type.hash, maxEntries: 0 }, EINVAL],
    ['hash: mmapable', { type: Type.hash, flags: 1024 }, EINVAL],
    ['hash: per-CPU LRU lists', { type: Type.hash, flags: 2 }, EINVAL],
    ['hash: 4 MiB element', { type: Type.hash, valueSize: 4 << 20 }, E2BIG],
    ['LRU hash: NO_PREALLOC', { type: Type.lruHash, flags: NO_PREALLOC }, ENOTSUPP],
    ['percpu hash: over 32 KiB', { type: Type.percpuHash, valueSize: 32_769 }, E2BIG],
    ['LPM trie: preallocated', { type: Type.lpmTrie, keySize: 8 }, EINVAL],
    ['LPM trie: key of 4', { type: Type.lpmTrie, flags: NO_PREALLOC }, EINVAL],
    ['LPM trie: key of 261', { type: Type.lpmTrie, keySize: 261, flags: NO_PREALLOC }, EINVAL],
    ['array of maps: no template', { type: Type.arrayOfMaps, valueSize: 4 }, EBADF],
    ['queue: key', { type: Type.queue }, EINVAL],
    ['ring buffer: key', { type: Type.ringbuf, maxEntries: 4096 }, EINVAL],
    ['ring buffer: 4095', { type: Type.ringbuf, keySize: 0, valueSize: 0, maxEntries: 4095 }, EINVAL],
    ['ring buffer: 2048', { type: Type.ringbuf, keySize: 0, valueSize: 0, maxEntries: 2048 }, EINVAL],
    ['ring buffer: 12288', { type: Type.ringbuf, keySize: 0, valueSize: 0, maxEntries: 12_288 }, EINVAL],
    ['task storage: entries', { type: Type.taskStorage, flags: NO_PREALLOC }, EINVAL],
    ['task storage: preallocated', { type: Type.taskStorage, maxEntries: 0 }, EINVAL],
    ['Bloom filter: map_extra 16', { type: Type.bloom, keySize: 0, mapExtra: 16n }, EINVAL],
    ['arena: not to be mapped', { type: Type.arena, keySize: 0, valueSize: 0 }, EINVAL],
    ['no such type', { type: 99 }, EOPNOTSUPP],
  ];
  it.each(cases)('%s', (_text, def, error) => {
    expect(rig.maps.tryCreate(mapDef(def))).toBe(error);
  });

  it('names the map, its section and the reason', () => {
    const def = mapDef({ name: 'counts', type: Type.hash, keySize: 0 });
    expect(() => rig.maps.create(def)).toThrow(/section \.maps.*map counts.*EINVAL/);
  });

  it('a map of maps takes no maps of maps, and a template that may be one', () => {
    const inner = mapDef({ type: Type.array });
    const outer = mapDef({ type: Type.arrayOfMaps, valueSize: 4, inner });
    expect(rig.maps.tryCreate(outer)).toBeTypeOf('object');
    expect(rig.maps.tryCreate(mapDef({ type: Type.hashOfMaps, valueSize: 4, inner: outer }))).toBe(EINVAL);
    const programs = mapDef({ type: Type.progArray, valueSize: 4 });
    expect(rig.maps.tryCreate(mapDef({ type: Type.hashOfMaps, valueSize: 4, inner: programs }))).toBe(
      ENOTSUPP,
    );
  });

  it('gives ids in order and slots anew', () => {
    const first = rig.map({ type: Type.hash });
    const second = rig.map({ type: Type.hash });
    expect(second.id).toBe(first.id + 1);
    rig.maps.destroy(first);
    const third = rig.map({ type: Type.hash });
    expect(third.slot).toBe(first.slot);
    expect(third.id).toBe(second.id + 1);
    expect(rig.maps.atAddress(third.address)).toBe(third);
  });
});

describe('array', () => {
  const map = rig.map({ type: Type.array, maxEntries: 3, valueSize: 5 });
  const value = Uint8Array.of(1, 2, 3, 4, 5);

  it('has all its elements from the start', () => {
    expect(map.count).toBe(3);
    expect(map.get(u32(2))).toEqual(new Uint8Array(5));
    expect(map.lookup(u32(3))).toBe(ENOENT);
  });

  it.each([
    ['any', 0, 1, 0],
    ['exist', EXIST, 1, 0],
    ['noexist', NOEXIST, 1, EEXIST],
    ['noexist, out of range', NOEXIST, 3, E2BIG],
    ['out of range', 0, 3, E2BIG],
    ['bad flag', 8, 1, EINVAL],
    ['both', 3, 1, EINVAL],
    ['lock without a lock', LOCK, 1, EINVAL],
  ])('update: %s', (_text, flags, index, result) => {
    expect(map.update(u32(index), value, flags)).toBe(result);
  });

  it('cannot lose an element', () => {
    expect(map.delete(u32(1))).toBe(EINVAL);
    expect(map.take(u32(1))).toBe(ENOTSUPP);
  });

  it('keeps values 8 bytes apart, where programs find them', () => {
    const first = rig.pointer(LOOKUP, map.address, rig.put(u32(0)));
    expect(first).toBe(map.valueAddress(0));
    expect(rig.pointer(LOOKUP, map.address, rig.put(u32(1)))).toBe(first + 8n);
    expect(rig.pointer(LOOKUP, map.address, rig.put(u32(3)))).toBe(0n);
    expect(rig.read(first + 8n, 5)).toEqual(value);
    expect(rig.call(UPDATE, map.address, rig.put(u32(1)), rig.put(Uint8Array.of(9, 9, 9, 9, 9)), 0)).toBe(0n);
    expect(rig.read(first + 8n, 8)).toEqual(Uint8Array.of(9, 9, 9, 9, 9, 0, 0, 0));
    expect(rig.call(DELETE, map.address, rig.put(u32(1)))).toBe(BigInt(EINVAL));
  });

  it('goes through the keys in order', () => {
    expect(map.nextKey(null)).toEqual(u32(0));
    expect(map.nextKey(u32(0))).toEqual(u32(1));
    expect(map.nextKey(u32(2))).toBe(ENOENT);
    expect(map.nextKey(u32(77))).toEqual(u32(0));
    expect(keysOf(map)).toEqual([0, 1, 2]);
  });
});

describe.each([
  ['hash', Type.hash, 0],
  ['hash without preallocation', Type.hash, NO_PREALLOC],
  ['LRU hash', Type.lruHash, 0],
])('%s', (_text, type, flags) => {
  it('adds, replaces, removes', () => {
    const map = rig.map({ type, flags });
    expect(map.lookup(u32(1))).toBe(ENOENT);
    expect(map.update(u32(1), u64(10), EXIST)).toBe(ENOENT);
    expect(map.update(u32(1), u64(10), NOEXIST)).toBe(0);
    expect(map.update(u32(1), u64(11), NOEXIST)).toBe(EEXIST);
    expect(map.get(u32(1))).toEqual(u64(10));
    expect(map.update(u32(1), u64(11), EXIST)).toBe(0);
    expect(map.update(u32(1), u64(12), 0)).toBe(0);
    expect(map.get(u32(1))).toEqual(u64(12));
    expect(map.count).toBe(1);
    expect(map.update(u32(1), u64(12), 3)).toBe(EINVAL);
    expect(map.update(u32(1), u64(12), LOCK)).toBe(EINVAL);
    expect(map.lookup(u32(1), LOCK)).toBe(EINVAL);
    expect(map.lookup(u32(1), 1)).toBe(EINVAL);
    expect(map.take(u32(1))).toEqual(u64(12));
    expect(map.delete(u32(1))).toBe(ENOENT);
    expect(map.take(u32(1))).toBe(ENOENT);
    expect(map.count).toBe(0);
  });

  it('gives a replaced element a new address', () => {
    const map = rig.map({ type, flags });
    const key = rig.put(u32(7));
    map.update(u32(7), u64(1));
    const before = rig.pointer(LOOKUP, map.address, key);
    map.update(u32(7), u64(2));
    const after = rig.pointer(LOOKUP, map.address, key);
    expect(after).not.toBe(before);
    expect(rig.u64(after)).toBe(2n);
  });

  it('walks all keys by get_next_key as by iteration', () => {
    const map = rig.map({ type, flags, maxEntries: 64 });
    for (let i = 0; i < 40; i++) map.update(u32(i * 7919), u64(i));
    const walked: number[] = [];
    for (let key = map.nextKey(null); typeof key !== 'number'; key = map.nextKey(key)) {
      walked.push(new DataView(key.buffer).getUint32(0, true));
    }
    expect(walked).toEqual(keysOf(map));
    expect(walked.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, i) => i * 7919));
  });
});

describe('a full hash', () => {
  it('refuses new keys, takes new values', () => {
    const map = rig.map({ type: Type.hash, maxEntries: 2 });
    expect(map.update(u32(1), u64(1))).toBe(0);
    expect(map.update(u32(2), u64(2))).toBe(0);
    expect(map.update(u32(3), u64(3))).toBe(E2BIG);
    expect(map.update(u32(3), u64(3), EXIST)).toBe(ENOENT);
    expect(map.update(u32(2), u64(4))).toBe(0);
    expect(map.delete(u32(1))).toBe(0);
    expect(map.update(u32(3), u64(3))).toBe(0);
    expect(keysOf(map).toSorted()).toEqual([2, 3]);
  });

  it('is refused to programs the same way', () => {
    const map = rig.map({ type: Type.hash, maxEntries: 1 });
    const update = (key: number, flags: number) =>
      rig.call(UPDATE, map.address, rig.put(u32(key)), rig.put(u64(key)), flags);
    expect(update(1, NOEXIST)).toBe(0n);
    expect(update(1, NOEXIST)).toBe(BigInt(EEXIST));
    expect(update(2, 0)).toBe(BigInt(E2BIG));
    expect(update(1, 9)).toBe(BigInt(EINVAL));
    expect(rig.call(DELETE, map.address, rig.put(u32(2)))).toBe(BigInt(ENOENT));
    expect(rig.call(DELETE, map.address, rig.put(u32(1)))).toBe(0n);
  });
});

describe('large hashes', () => {
  it('take memory for what they hold, not for what they could', () => {
    const before = rig.vm.ram.buffer.byteLength;
    const map = rig.map({ type: Type.hash, flags: NO_PREALLOC, maxEntries: 500_000_000, valueSize: 1024 });
    expect(map.update(u32(1), new Uint8Array(1024))).toBe(0);
    expect(keysOf(map)).toEqual([1]);
    expect(rig.vm.ram.buffer.byteLength - before).toBeLessThan(32 << 20);
    rig.maps.destroy(map);
    expect(rig.maps.tryCreate(mapDef({ type: Type.hash, maxEntries: 0x8000_0000 }))).toBe(ENOMEM);
    expect(rig.maps.tryCreate(mapDef({ type: Type.hash, maxEntries: 0x8000_0001 }))).toBe(E2BIG);
  });

  it('hold as many entries as they say', () => {
    const map = rig.map({ type: Type.hash, maxEntries: 20_000 });
    for (let i = 0; i < 20_000; i++) map.update(u32(i), u64(i));
    expect(map.update(u32(20_000), u64(0))).toBe(E2BIG);
    expect(map.get(u32(19_999))).toEqual(u64(19_999));
    expect(new Set(keysOf(map)).size).toBe(20_000);
    rig.maps.destroy(map);
  });
});

describe('an LRU hash', () => {
  const filled = () => {
    const map = rig.map({ type: Type.lruHash, maxEntries: 3 });
    for (const key of [1, 2, 3]) map.update(u32(key), u64(key));
    return map;
  };
  it('drops the element that was used longest ago', () => {
    const map = filled();
    map.update(u32(4), u64(4));
    expect(keysOf(map).toSorted()).toEqual([2, 3, 4]);
  });

  it('counts updates and the lookups of programs as use, those of system calls not', () => {
    const map = filled();
    map.update(u32(1), u64(1));
    rig.call(LOOKUP, map.address, rig.put(u32(2)));
    map.lookup(u32(3));
    map.update(u32(4), u64(4));
    expect(keysOf(map).toSorted()).toEqual([1, 2, 4]);
    map.update(u32(5), u64(5));
    expect(keysOf(map).toSorted()).toEqual([2, 4, 5]);
  });

  it('never says that it is full', () => {
    const map = filled();
    for (let key = 10; key < 500; key++) expect(map.update(u32(key), u64(key), NOEXIST)).toBe(0);
    expect(keysOf(map).toSorted()).toEqual([497, 498, 499]);
    expect(map.count).toBe(3);
  });

  it('gives every CPU as many elements with lists per CPU', () => {
    expect(rig.map({ type: Type.lruHash, flags: 2, maxEntries: 5 }).maxEntries).toBe(8);
  });
});

describe('per-CPU maps', () => {
  it.each([
    ['array', Type.percpuArray],
    ['hash', Type.percpuHash],
    ['LRU hash', Type.lruPercpuHash],
  ])('%s: programs see one CPU, system calls all', (_text, type) => {
    const map = rig.map({ type, valueSize: 4 });
    const key = rig.put(u32(1));
    expect(rig.call(UPDATE, map.address, key, rig.put(u32(7)), 0)).toBe(0n);
    expect(map.get(u32(1))).toEqual(u64(7, 0, 0, 0));
    expect(map.update(u32(1), u64(1, 2, 3, 4))).toBe(0);
    const own = rig.pointer(LOOKUP, map.address, key);
    expect(rig.u32(own)).toBe(1);
    expect([0, 1, 2, 3].map((cpu) => rig.u32(rig.pointer(LOOKUP_PERCPU, map.address, key, cpu)))).toEqual([
      1, 2, 3, 4,
    ]);
    expect(rig.pointer(LOOKUP_PERCPU, map.address, key, 4)).toBe(0n);
    expect(rig.call(UPDATE, map.address, key, rig.put(u32(9)), 0)).toBe(0n);
    expect(map.get(u32(1))).toEqual(u64(9, 2, 3, 4));
    expect(rig.pointer(LOOKUP, map.address, key)).toBe(own);
    expect(map.update(u32(1), u64(0, 0, 0, 0), LOCK)).toBe(EINVAL);
  });

  it('know how many CPUs there are once and for all', async () => {
    const other = await Rig.create();
    other.map({ type: Type.percpuArray });
    expect(() => new MapTable(other.vm, { cpus: 8 })).toThrow('cannot be modelled');
    expect(() => new MapTable(other.vm, { currentCpu: 4 })).toThrow('CPU 4 of 4');
    expect(new MapTable(other.vm, { currentCpu: 3 }).cpus).toBe(4);
  });

  it('belong to the CPU that programs run on', async () => {
    const other = await Rig.create(undefined, { cpus: 2, currentCpu: 1 });
    const map = other.map({ type: Type.percpuArray, valueSize: 8 });
    other.call(UPDATE, map.address, other.put(u32(0)), other.put(u64(5)), 0);
    expect(map.get(u32(0))).toEqual(u64(0, 5));
    expect(other.call(8)).toBe(1n);
  });
});

describe('maps of maps', () => {
  const inner = mapDef({ name: 'inner', type: Type.array, maxEntries: 2 });

  it.each([
    ['array', Type.arrayOfMaps],
    ['hash', Type.hashOfMaps],
  ])('%s: a lookup gives the inner map', (_text, type) => {
    const outer = rig.map({ type, valueSize: 4, inner });
    const map = rig.maps.create(inner);
    const key = rig.put(u32(1));
    expect(rig.pointer(LOOKUP, outer.address, key)).toBe(0n);
    expect(outer.lookup(u32(1))).toBe(ENOENT);
    expect(outer.setInner(u32(1), map)).toBe(0);
    expect(rig.pointer(LOOKUP, outer.address, key)).toBe(map.address);
    expect(outer.lookup(u32(1))).toEqual(u32(map.id));
    map.update(u32(0), u64(5));
    const found = rig.pointer(LOOKUP, outer.address, key);
    expect(rig.u64(rig.pointer(LOOKUP, found, rig.put(u32(0))))).toBe(5n);
    expect(rig.call(UPDATE, outer.address, key, key, 0)).toBe(BigInt(EOPNOTSUPP));
    expect(outer.delete(u32(1))).toBe(0);
    expect(outer.delete(u32(1))).toBe(ENOENT);
    expect(rig.pointer(LOOKUP, outer.address, key)).toBe(0n);
  });

  it('take only maps like the template', () => {
    const outer = rig.map({ type: Type.arrayOfMaps, valueSize: 4, inner, maxEntries: 1 });
    const larger = rig.maps.create({ ...inner, maxEntries: 3 });
    const wider = rig.maps.create({ ...inner, valueSize: 16 });
    expect(outer.setInner(u32(0), larger)).toBe(EINVAL);
    expect(outer.setInner(u32(0), wider)).toBe(EINVAL);
    expect(outer.setInner(u32(1), rig.maps.create(inner))).toBe(E2BIG);
    expect(outer.setInner(u32(0), rig.maps.create(inner), NOEXIST)).toBe(EINVAL);
    const loose = { ...inner, flags: 4096 };
    const flexible = rig.map({ type: Type.arrayOfMaps, valueSize: 4, inner: loose });
    expect(flexible.setInner(u32(0), rig.maps.create({ ...loose, maxEntries: 9 }))).toBe(0);
  });

  it('a hash of maps keeps NOEXIST and EXIST', () => {
    const outer = rig.map({ type: Type.hashOfMaps, valueSize: 4, inner });
    const map = rig.maps.create(inner);
    expect(outer.setInner(u32(5), map, EXIST)).toBe(ENOENT);
    expect(outer.setInner(u32(5), map, NOEXIST)).toBe(0);
    expect(outer.setInner(u32(5), map, NOEXIST)).toBe(EEXIST);
    expect(outer.contents()[Symbol.iterator]().next().value).toEqual({ key: u32(5), value: u32(map.id) });
  });

  it('leave no template behind', () => {
    const before = rig.maps.all.length;
    const outer = rig.map({ type: Type.arrayOfMaps, valueSize: 4, inner });
    expect(rig.maps.all.length).toBe(before + 1);
    expect(outer.setInner(u32(0), rig.maps.create(inner))).toBe(0);
  });

  it('are filled from the definition', () => {
    const defs = [
      mapDef({ type: Type.arrayOfMaps, valueSize: 4, inner, slots: [{ key: 1, map: 1 }] }),
      inner,
    ];
    const [outer, map] = rig.maps.createAll(defs);
    expect(outer?.lookup(u32(1))).toEqual(u32(map?.id as number));
    expect(outer?.lookup(u32(0))).toBe(ENOENT);
  });
});

describe('bpf_map_sum_elem_count', () => {
  it('counts the elements of hashes', () => {
    const map = rig.map({ type: Type.hash });
    map.update(u32(1), u64(1));
    map.update(u32(2), u64(1));
    expect(rig.call(VmKfunc.MapSumElemCount, map.address)).toBe(2n);
    expect(rig.call(VmKfunc.MapSumElemCount, rig.map({ type: Type.array }).address)).toBe(0n);
    expect(rig.call(VmKfunc.MapSumElemCount, 0)).toBe(0n);
  });
});

describe('queue and stack', () => {
  const make = (type: number) => rig.map({ type, keySize: 0, maxEntries: 2 });
  it.each([
    ['queue', Type.queue, [1n, 2n]],
    ['stack', Type.stack, [2n, 1n]],
  ])('%s: order, full, empty', (_text, type, order) => {
    const map = make(type);
    const out = rig.alloc(8);
    const push = (value: number, flags = 0) => rig.call(PUSH, map.address, rig.put(u64(value)), flags);
    expect(push(1)).toBe(0n);
    expect(push(2)).toBe(0n);
    expect(push(3)).toBe(BigInt(E2BIG));
    expect(push(3, NOEXIST)).toBe(BigInt(EINVAL));
    expect(map.lookup(none)).toEqual(u64(order[0] as bigint));
    expect(rig.call(PEEK, map.address, out)).toBe(0n);
    expect(rig.u64(out)).toBe(order[0]);
    for (const value of order) {
      expect(rig.call(POP, map.address, out)).toBe(0n);
      expect(rig.u64(out)).toBe(value);
    }
    expect(rig.call(POP, map.address, out)).toBe(BigInt(ENOENT));
    expect(rig.u64(out)).toBe(0n);
    expect(map.take(none)).toBe(ENOENT);
    expect(map.delete(none)).toBe(EINVAL);
    expect(map.nextKey(none)).toBe(EINVAL);
  });

  it('BPF_EXIST drops the oldest value of a full one', () => {
    const map = make(Type.queue);
    for (const value of [1, 2, 3]) expect(map.update(none, u64(value), EXIST)).toBe(0);
    expect([map.take(none), map.take(none), map.take(none)]).toEqual([u64(2), u64(3), ENOENT]);
  });
});

describe('Bloom filter', () => {
  it('has all that was added, and not all that was not', () => {
    const map = rig.map({ type: Type.bloom, keySize: 0, maxEntries: 100, mapExtra: 3n });
    for (let i = 0; i < 100; i++) expect(rig.call(PUSH, map.address, rig.put(u64(i)), 0)).toBe(0n);
    for (let i = 0; i < 100; i++) expect(rig.call(PEEK, map.address, rig.put(u64(i)))).toBe(0n);
    const strangers = Array.from({ length: 100 }, (_, i) =>
      rig.call(PEEK, map.address, rig.put(u64(1000 + i))),
    );
    expect(strangers.filter((result) => result === BigInt(ENOENT)).length).toBeGreaterThan(60);
    expect(rig.call(PUSH, map.address, rig.put(u64(1)), EXIST)).toBe(BigInt(EINVAL));
    expect(rig.call(POP, map.address, rig.alloc(8))).toBe(BigInt(EOPNOTSUPP));
    expect(map.delete(none)).toBe(EOPNOTSUPP);
  });
});

describe('LPM trie', () => {
  const prefix = (length: number, ...bytes: number[]) => Uint8Array.of(...u32(length), ...bytes);
  const make = (maxEntries = 8) =>
    rig.map({ type: Type.lpmTrie, keySize: 8, flags: NO_PREALLOC, maxEntries });
  const rules: [Uint8Array, number][] = [
    [prefix(0, 0, 0, 0, 0), 1],
    [prefix(8, 10, 0, 0, 0), 2],
    [prefix(24, 10, 1, 2, 0), 3],
    [prefix(25, 10, 1, 2, 128), 4],
    [prefix(32, 10, 1, 2, 200), 5],
  ];

  it.each([
    [[192, 168, 0, 1], 1n],
    [[10, 9, 9, 9], 2n],
    [[10, 1, 2, 3], 3n],
    [[10, 1, 2, 129], 4n],
    [[10, 1, 2, 200], 5n],
  ])('%j matches rule %s', (address, rule) => {
    const map = make();
    for (const [key, value] of rules) expect(map.update(key, u64(value))).toBe(0);
    const found = rig.pointer(LOOKUP, map.address, rig.put(prefix(32, ...address)));
    expect(rig.u64(found)).toBe(rule);
  });

  it('keeps to flags, lengths and its size', () => {
    const map = make(2);
    const [wide, narrow, third] = rules.map(([key]) => key) as [Uint8Array, Uint8Array, Uint8Array];
    expect(map.update(prefix(33, 0, 0, 0, 0), u64(0))).toBe(EINVAL);
    expect(map.update(wide, u64(0), 4)).toBe(EINVAL);
    expect(map.update(wide, u64(0), EXIST)).toBe(ENOENT);
    expect(map.update(wide, u64(0), NOEXIST)).toBe(0);
    expect(map.update(wide, u64(0), NOEXIST)).toBe(EEXIST);
    expect(map.update(narrow, u64(0))).toBe(0);
    expect(map.update(third, u64(0))).toBe(ENOSPC);
    expect(map.lookup(prefix(33, 0, 0, 0, 0))).toBe(ENOENT);
    expect(map.delete(prefix(9, 10, 0, 0, 0))).toBe(ENOENT);
    expect(map.delete(prefix(33, 0, 0, 0, 0))).toBe(EINVAL);
    expect(map.delete(narrow)).toBe(0);
    expect(map.count).toBe(1);
  });

  it('lists a prefix after those that extend it', () => {
    const map = make();
    for (const [key, value] of rules) map.update(key, u64(value));
    const order: number[] = [];
    for (let key = map.nextKey(null); typeof key !== 'number'; key = map.nextKey(key)) {
      order.push((map.get(key) as Uint8Array)[0] as number);
    }
    expect(order).toEqual([5, 4, 3, 2, 1]);
    expect([...map.contents()].map(({ value }) => value[0])).toEqual(order);
  });
});

describe('local storage', () => {
  const map = rig.map({ type: Type.taskStorage, maxEntries: 0, flags: NO_PREALLOC });
  const task = rig.alloc(64);
  it('is made on demand and belongs to its owner', () => {
    expect(rig.pointer(TASK_STORAGE_GET, map.address, task, 0, 0)).toBe(0n);
    expect(rig.pointer(TASK_STORAGE_GET, map.address, 0, 0, 1)).toBe(0n);
    expect(rig.pointer(TASK_STORAGE_GET, map.address, task, 0, 2)).toBe(0n);
    const value = rig.pointer(TASK_STORAGE_GET, map.address, task, rig.put(u64(42)), 1);
    expect(rig.u64(value)).toBe(42n);
    expect(rig.pointer(TASK_STORAGE_GET, map.address, task, 0, 0)).toBe(value);
    expect(rig.pointer(TASK_STORAGE_GET, map.address, task + 8n, 0, 0)).toBe(0n);
    expect(map.get(u64(task))).toBeUndefined();
    expect(map.dump()).toHaveLength(1);
    expect(rig.call(TASK_STORAGE_DELETE, map.address, task)).toBe(0n);
    expect(rig.call(TASK_STORAGE_DELETE, map.address, task)).toBe(BigInt(ENOENT));
    expect(rig.call(TASK_STORAGE_DELETE, map.address, 0)).toBe(BigInt(EINVAL));
  });
});

describe('access', () => {
  it('frozen maps keep what they have', () => {
    const map = rig.map({ type: Type.array });
    expect(map.update(u32(0), u64(1))).toBe(0);
    map.freeze();
    expect(map.update(u32(0), u64(2))).toBe(EPERM);
    expect(map.get(u32(0))).toEqual(u64(1));
    expect(rig.call(UPDATE, map.address, rig.put(u32(0)), rig.put(u64(3)), 0)).toBe(0n);
  });

  it('read-only and write-only maps are so for system calls', () => {
    const readOnly = rig.map({ type: Type.hash, flags: 8 });
    expect(readOnly.update(u32(0), u64(1))).toBe(EPERM);
    expect(readOnly.delete(u32(0))).toBe(EPERM);
    expect(rig.call(UPDATE, readOnly.address, rig.put(u32(0)), rig.put(u64(3)), 0)).toBe(0n);
    expect(readOnly.get(u32(0))).toEqual(u64(3));
    const writeOnly = rig.map({ type: Type.hash, flags: 16 });
    expect(writeOnly.update(u32(0), u64(1))).toBe(0);
    expect(writeOnly.lookup(u32(0))).toBe(EPERM);
    expect(writeOnly.nextKey(null)).toBe(EPERM);
    expect(writeOnly.take(u32(0))).toBe(EPERM);
  });

  it('BPF_F_RDONLY_PROG keeps programs from updating', () => {
    const map = rig.map({ type: Type.hash, flags: 128 });
    expect(rig.call(UPDATE, map.address, rig.put(u32(0)), rig.put(u64(3)), 0)).toBe(BigInt(EPERM));
    expect(map.update(u32(0), u64(1))).toBe(0);
    expect(rig.call(DELETE, map.address, rig.put(u32(0)))).toBe(BigInt(EPERM));
  });

  it('what is not a map is a fault', () => {
    const key = rig.put(u32(0));
    expect(() => rig.call(LOOKUP, 0, key)).toThrow('a helper was passed 0x0');
    expect(() => rig.call(LOOKUP, key, key)).toThrow('a helper was passed');
    const map = rig.map({ type: Type.hash });
    expect(() => rig.call(LOOKUP, map.address + 8n, key)).toThrow('a helper was passed');
    expect(() => rig.call(LOOKUP, map.address, 8)).toThrow('read of 4 bytes');
    const gone = rig.map({ type: Type.hash });
    rig.maps.destroy(gone);
    expect(() => rig.call(LOOKUP, gone.address, key)).toThrow('a helper was passed');
    const queue = rig.map({ type: Type.queue, keySize: 0 });
    expect(() => rig.call(LOOKUP, queue.address, key)).toThrow('a helper was passed');
  });

  it('maps of sockets are there and empty', () => {
    const map = rig.map({ type: Type.sockmap });
    expect(rig.pointer(LOOKUP, map.address, rig.put(u32(0)))).toBe(0n);
    expect(map.update(u32(0), u64(1))).toBe(EOPNOTSUPP);
  });
});

describe('special fields of values', () => {
  /** struct { u32 before; struct bpf_spin_lock lock; struct bpf_timer timer; u64 after; } */
  const writer = new BtfWriter();
  const word = writer.int('unsigned int', 4);
  const long = writer.int('unsigned long', 8);
  const lock = writer.struct('bpf_spin_lock', 4, [{ name: 'val', type: word, bitOffset: 0 }]);
  const timer = writer.struct('bpf_timer', 16, [
    { name: 'a', type: long, bitOffset: 0 },
    { name: 'b', type: long, bitOffset: 64 },
  ]);
  const valueTypeId = writer.struct('value', 32, [
    { name: 'before', type: word, bitOffset: 0 },
    { name: 'lock', type: lock, bitOffset: 32 },
    { name: 'timer', type: timer, bitOffset: 64 },
    { name: 'after', type: long, bitOffset: 192 },
  ]);
  const btf = Btf.parse(writer.bytes());
  const filled = new Uint8Array(32).fill(0xff);
  const seen = Uint8Array.of(255, 255, 255, 255, ...new Uint8Array(20), ...new Uint8Array(8).fill(255));

  // In place, too, an update of an array frees what the old value has: its timer is gone. A locked one of a hash does not.
  it.each([
    ['array', Type.array, 0n],
    ['hash', Type.hash, 77n],
  ] as const)('%s: updates and lookups leave them out', (_text, type, kept) => {
    const map = rig.maps.create(mapDef({ type, valueSize: 32, valueTypeId }), btf);
    expect(map.update(u32(0), filled)).toBe(0);
    const address = rig.pointer(LOOKUP, map.address, rig.put(u32(0)));
    expect(rig.read(address, 32)).toEqual(seen);
    rig.vm.ram.write(address + 8n, u64(77));
    expect(map.get(u32(0))).toEqual(seen);
    expect(map.update(u32(0), filled, LOCK)).toBe(0);
    expect(rig.u64(address + 8n)).toBe(kept);
    expect(map.lookup(u32(0), LOCK)).toEqual(seen);
  });
});

describe('prog arrays and perf event arrays', () => {
  it('take numbers through the host only', () => {
    const map = rig.map({ type: Type.progArray, valueSize: 4 });
    expect(map.setReference(1, 3)).toBe(0);
    expect(map.reference(1)).toBe(3);
    expect(map.setReference(4, 3)).toBe(E2BIG);
    expect(map.update(u32(0), u32(1))).toBe(EBADF);
    expect(map.delete(u32(1))).toBe(0);
    expect(map.delete(u32(1))).toBe(ENOENT);
    expect(map.delete(u32(4))).toBe(E2BIG);
  });

  it('perf events go to slots in use', () => {
    const map = rig.map({ type: Type.perfEventArray, valueSize: 4 });
    const data = rig.put('event');
    expect(rig.call(25, 0, map.address, 0xffff_ffffn, data, 5)).toBe(BigInt(ENOENT));
    map.setReference(0, 1);
    expect(rig.call(25, 0, map.address, 0xffff_ffffn, data, 5)).toBe(0n);
    expect(rig.call(25, 0, map.address, 9, data, 5)).toBe(BigInt(E2BIG));
    expect(rig.call(25, 0, map.address, 1n << 32n, data, 5)).toBe(BigInt(EINVAL));
    expect(map.events.map((event) => new TextDecoder().decode(event))).toEqual(['event']);
  });
});
