// biome-ignore-all lint/style/useImportType: AssemblyScript has no type imports
/**
 * Elements of the hash kinds: equal-sized, addressed by index, made in chunks that double, so that a map with
 * room for a million elements takes memory only for those it holds.
 *
 * Elements stand in model memory, where a misbehaving program can overwrite their links. Every link is
 * therefore an index that is checked against `taken` before use; the chunks' offsets are in private memory.
 */
import { ramAlloc, ramFree } from './heap.ts';
import { CHUNKS, MapRecord } from './map.ts';

/** Header of an element; key and value follow, each aligned to 8. */
@unmanaged
export class Element {
  /** Next in the bucket or in the free list: index + 1, 0 at the end. */
  next: u32;
  hash: u32;
  /** LRU neighbours (index + 1): more and less recently used. `newer` is FREE in the free list. */
  newer: u32;
  older: u32;
}

export const HEADER: u32 = 16;
export const FREE: u32 = 0xffff_ffff;
/** Elements of the first chunk; chunk n has FIRST << n. */
const FIRST: u32 = 16;

/** Element by number (index + 1); null for 0 and for numbers that were never given out. */
export function elementAt(map: MapRecord, number: u32): Element | null {
  if (number === 0 || number > map.taken) return null;
  return changetype<Element>(offsetOf(map, number - 1));
}

/** A zeroed element's number; 0 when memory is exhausted. The caller has checked that there is room. */
export function takeElement(map: MapRecord): u32 {
  const reused = map.freeHead;
  const free = elementAt(map, reused);
  if (free !== null && free.newer === FREE) {
    map.freeHead = free.next;
    memory.fill(changetype<usize>(free), 0, map.elementSize);
    return reused;
  }
  if (map.taken === FREE - 1 || !ensureChunk(map, chunkOf(map.taken))) return 0;
  map.taken++;
  return map.taken;
}

/** Gives an element back. Its content stays until it is taken again, as in a preallocated Linux map. */
export function giveElement(map: MapRecord, number: u32): void {
  const element = elementAt(map, number);
  if (element === null || element.newer === FREE) return;
  element.newer = FREE;
  element.next = map.freeHead;
  map.freeHead = number;
}

/** Number of the element in use that a linear offset is in; 0 when it is in none. */
export function elementAround(map: MapRecord, offset: u32): u32 {
  for (let chunk: u32 = 0; chunk < CHUNKS; chunk++) {
    const start = load<u32>(map.chunks + chunk * 4);
    const count = FIRST << chunk;
    if (start === 0 || offset < start || <u64>offset >= <u64>start + <u64>map.elementSize * count) continue;
    const number = FIRST * (((<u32>1) << chunk) - 1) + (offset - start) / map.elementSize + 1;
    const element = elementAt(map, number);
    return element === null || element.newer === FREE ? 0 : number;
  }
  return 0;
}

export function freeSlab(map: MapRecord): void {
  for (let chunk: u32 = 0; chunk < CHUNKS; chunk++) {
    const offset = load<u32>(map.chunks + chunk * 4);
    if (offset !== 0) ramFree(offset, map.elementSize * (FIRST << chunk));
  }
}

function chunkOf(index: u32): u32 {
  return 31 - clz(index / FIRST + 1);
}

function offsetOf(map: MapRecord, index: u32): u32 {
  const chunk = chunkOf(index);
  const first = FIRST * (((<u32>1) << chunk) - 1);
  return load<u32>(map.chunks + chunk * 4) + (index - first) * map.elementSize;
}

function ensureChunk(map: MapRecord, chunk: u32): bool {
  if (chunk >= CHUNKS) return false;
  const entry = map.chunks + chunk * 4;
  if (load<u32>(entry) !== 0) return true;
  const size = <u64>map.elementSize * <u64>(FIRST << chunk);
  if (size > 0xffff_0000) return false;
  store<u32>(entry, ramAlloc(<u32>size, 16));
  return load<u32>(entry) !== 0;
}
