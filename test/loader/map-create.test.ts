/** Maps that the kernel does not create: their objects are refused as libbpf refuses them. */
import { describe, expect, it } from 'vitest';
import { mapRefusal } from '../../loader/map-create.ts';
import { emptyMap } from '../../loader/map-def.ts';
import { MapType } from '../../loader/prog-type.ts';
import type { MapDef } from '../../loader/program.ts';

function map(type: MapType, keySize: number, valueSize: number, more: Partial<MapDef> = {}): MapDef {
  return { ...emptyMap('m', '.maps'), type, keySize, valueSize, ...more };
}

const INNER = map(MapType.Array, 4, 8);
const EINVAL = "map 'm': failed to create: Invalid argument(-22)";

describe('a map', () => {
  it.each<[string, MapDef]>([
    ['hash without a key', map(MapType.Hash, 0, 8)],
    ['hash without a value', map(MapType.Hash, 4, 0)],
    ['array whose index has 8 bytes', map(MapType.Array, 8, 8)],
    ['bloom filter without a value', map(MapType.BloomFilter, 0, 0)],
    ['array of maps without a template', map(MapType.ArrayOfMaps, 4, 4)],
    ['trie that would be allocated beforehand', map(MapType.LpmTrie, 8, 4)],
    ['ring buffer with a value', map(MapType.Ringbuf, 0, 8)],
    ['stack trace of less than one address', map(MapType.StackTrace, 4, 4)],
  ])('is refused: %s', (_, def) => {
    expect(mapRefusal([INNER, def])).toBe(EINVAL);
  });

  it.each<[string, MapDef]>([
    ['hash', map(MapType.Hash, 1, 1)],
    ['array without a number of entries', map(MapType.Array, 4, 1, { maxEntries: 0 })],
    ['array of maps with a template', map(MapType.ArrayOfMaps, 4, 4, { inner: INNER })],
    ['trie', map(MapType.LpmTrie, 8, 4, { flags: 1 })],
    ['hash that is not created', map(MapType.Hash, 0, 0, { autocreate: false })],
    ['type that is not known', map(1000 as MapType, 0, 0)],
  ])('is taken: %s', (_, def) => {
    expect(mapRefusal([def])).toBeUndefined();
  });

  it('is refused for its template', () => {
    const def = map(MapType.HashOfMaps, 4, 4, { inner: map(MapType.Array, 2, 8) });
    expect(mapRefusal([def])).toBe("map 'm': failed to create inner map: -22");
  });
});
