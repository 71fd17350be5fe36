// biome-ignore-all lint/style/useImportType: AssemblyScript has no type imports
/**
 * Order of use of an LRU map's elements: a doubly linked list, exactly least recently used first out. Linux
 * approximates this with per-CPU lists and reference bits, and evicts in batches, so which element goes there
 * depends on timing; here it is always the one whose last insertion, update or lookup by a program is oldest.
 */
import { MapRecord } from './map.ts';
import { elementAt } from './slab.ts';

export function lruAdd(map: MapRecord, number: u32): void {
  const element = elementAt(map, number)!;
  element.newer = 0;
  element.older = map.newest;
  const before = elementAt(map, map.newest);
  if (before !== null) before.newer = number;
  else map.oldest = number;
  map.newest = number;
}

export function lruRemove(map: MapRecord, number: u32): void {
  const element = elementAt(map, number)!;
  const newer = elementAt(map, element.newer);
  const older = elementAt(map, element.older);
  if (newer !== null) newer.older = element.older;
  else map.newest = element.older;
  if (older !== null) older.newer = element.newer;
  else map.oldest = element.newer;
}

/** Makes an element the most recently used one. */
export function lruTouch(map: MapRecord, number: u32): void {
  if (map.newest === number) return;
  lruRemove(map, number);
  lruAdd(map, number);
}
