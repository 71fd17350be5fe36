/**
 * Allocators over the linear memory: one for the model's low memory, one for what programs must not reach.
 *
 * Blocks have a size class (multiples of 16 up to 1 KiB, then four steps to each doubling), and a freed block
 * goes to its class's list, so both operations take constant time. A block is aligned to the largest power of
 * two (up to a page) that divides its class. Small blocks are carved out of 64 KiB chunks.
 *
 * The list links of the model's heap stand in memory that a misbehaving program can overwrite, hence every
 * link is checked before use; at worst the model is wrong, never the interpreter.
 */
import { Layout, State } from '../../bpf/abi.ts';
import { LOW_ADDRESS } from './ram.ts';

const GRAIN: u64 = 16;
const LAST_FINE: u64 = 1024;
const FINE_CLASSES: u32 = 64;
/** 64 fine ones, then 4 for each of the 22 doublings from 1 KiB to 4 GiB. */
const CLASSES: u32 = 152;
const CHUNK: u64 = 0x1_0000;
const WASM_PAGE_SHIFT: u32 = 16;
/** The last wasm page stays unused, so that an end of a block always fits into u32. */
const MEMORY_LIMIT: u64 = 0xffff_0000;
const MAX_ALIGN: u32 = 4096;

/** A heap: bump region [next, limit), the chunk that small blocks come from, and the free lists. */
@unmanaged
class Heap {
  start: u64;
  next: u64;
  limit: u64;
  chunk: u64;
  chunkEnd: u64;
}
const HEAP_SIZE: u32 = 40;

const model = changetype<Heap>(memory.data(HEAP_SIZE + CLASSES * 4, 8));
const own = changetype<Heap>(memory.data(HEAP_SIZE + CLASSES * 4, 8));

/** Bytes of low memory in use from Layout.LowStart on: every access below that is in the model. */
export let lowSpan: u64 = 0;

/** Called once, before anything else. */
export function initHeaps(): void {
  setRegion(own, (__heap_base + 15) & ~15, Layout.LowStart);
  setRegion(model, Layout.LowStart, MEMORY_LIMIT);
  ensureMemory(Layout.LowStart);
  store<u64>(State.LowDistance, 0 - LOW_ADDRESS);
}

/**
 * Zeroed low memory.
 * @returns its linear offset, a multiple of `align` (a power of two up to 4096); 0 when the memory is
 * exhausted or the alignment unsupported.
 */
export function ramAlloc(size: u32, align: u32): u32 {
  return allocate(model, size, align);
}

/** Gives memory of `ramAlloc` back; the size is the one asked for. */
export function ramFree(offset: u32, size: u32): void {
  release(model, offset, size);
}

/** As `ramAlloc`, out of the private heap: programs cannot address it. */
export function privateAlloc(size: u32, align: u32): u32 {
  return allocate(own, size, align);
}

export function privateFree(offset: u32, size: u32): void {
  release(own, offset, size);
}

function setRegion(heap: Heap, start: u64, limit: u64): void {
  heap.start = start;
  heap.next = start;
  heap.limit = limit;
}

/** Class of a request: fine ones count grains, coarse ones quarter the doublings. */
function classOf(size: u64, align: u64): u32 {
  let rounded = (max<u64>(size, 1) + align - 1) & ~(align - 1);
  rounded = (rounded + GRAIN - 1) & ~(GRAIN - 1);
  if (rounded <= LAST_FINE) return <u32>(rounded / GRAIN) - 1;
  const doubling = <u32>(63 - clz(rounded - 1));
  const step: u64 = (<u64>1) << (doubling - 2);
  const quarter = <u32>((rounded - 1 - ((<u64>1) << doubling)) / step);
  let index = FINE_CLASSES + (doubling - 10) * 4 + quarter;
  while (index < CLASSES && (classSize(index) & (align - 1)) !== 0) index++;
  return index;
}

function classSize(index: u32): u64 {
  if (index < FINE_CLASSES) return <u64>(index + 1) * GRAIN;
  const coarse = index - FINE_CLASSES;
  const base: u64 = LAST_FINE << (coarse >> 2);
  return base + (base >> 2) * <u64>((coarse & 3) + 1);
}

function allocate(heap: Heap, size: u32, align: u32): u32 {
  if (align > MAX_ALIGN) return 0;
  const index = classOf(size, max<u32>(align, 1));
  if (index >= CLASSES) return 0;
  const bytes = classSize(index);
  const head = changetype<usize>(heap) + ((<usize>index) << 2);
  const block = load<u32>(head, HEAP_SIZE);
  if (block !== 0) {
    const next = load<u32>(block);
    store<u32>(head, isBlock(heap, next, bytes) ? next : 0, HEAP_SIZE);
    memory.fill(block, 0, <usize>bytes);
    return block;
  }
  return bytes >= MAX_ALIGN ? bump(heap, bytes) : carve(heap, bytes);
}

// A block that a large alignment made larger goes to the list of its size: aligned enough, if wasteful.
function release(heap: Heap, offset: u32, size: u32): void {
  const index = classOf(size, 1);
  if (index >= CLASSES || !isBlock(heap, offset, classSize(index))) return;
  const head = changetype<usize>(heap) + ((<usize>index) << 2);
  store<u32>(offset, load<u32>(head, HEAP_SIZE));
  store<u32>(head, offset, HEAP_SIZE);
}

/** Whether a link of a free list can be a block at all. */
function isBlock(heap: Heap, offset: u32, bytes: u64): bool {
  return offset >= heap.start && <u64>offset + bytes <= heap.next && (offset & (<u32>GRAIN - 1)) === 0;
}

/** Whole pages (or coarse classes) straight from the bump region. */
function bump(heap: Heap, bytes: u64): u32 {
  const from = (heap.next + MAX_ALIGN - 1) & ~(<u64>MAX_ALIGN - 1);
  const end = from + bytes;
  if (end > heap.limit || !ensureMemory(end)) return 0;
  heap.next = end;
  if (heap === model) lowSpan = end - Layout.LowStart;
  return <u32>from;
}

function carve(heap: Heap, bytes: u64): u32 {
  const align = bytes & -bytes;
  let from = (heap.chunk + align - 1) & ~(align - 1);
  if (heap.chunk === 0 || from + bytes > heap.chunkEnd) {
    const chunk = <u64>bump(heap, CHUNK);
    if (chunk === 0) return 0;
    heap.chunkEnd = chunk + CHUNK;
    from = chunk;
  }
  heap.chunk = from + bytes;
  return <u32>from;
}

/** Grows the linear memory to at least `end` bytes, an eighth at a time so that growing stays rare. */
function ensureMemory(end: u64): bool {
  const have = (<u64>memory.size()) << WASM_PAGE_SHIFT;
  if (end <= have) return true;
  const missing = <i32>((end - have + 0xffff) >> WASM_PAGE_SHIFT);
  const ahead = <i32>(have >> (WASM_PAGE_SHIFT + 3));
  if (missing < ahead && memory.grow(ahead) >= 0) return true;
  return memory.grow(missing) >= 0;
}
