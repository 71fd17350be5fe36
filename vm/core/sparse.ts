/**
 * Sparse physical memory: user frames above 4 GiB and the `struct page` array. A page gets its 4 KiB of low
 * memory at the first write and reads as zeros before. Each region has a two-level table, whose second level
 * (1024 pages) is made when first needed. So has the vmalloc area, whose pages are aliases of others, or pages of
 * their own (arenas): one that is neither does not exist.
 */
import {
  ARENA_PAGES,
  ARENAS,
  DIRECT_MAP,
  HIGH_FRAMES,
  HIGH_PFN,
  PAGE_SHIFT,
  PAGE_SIZE,
  PAGE_STRUCT_SIZE,
  VMALLOC,
  VMALLOC_PAGES,
  VMEMMAP,
} from './address.ts';
import { privateAlloc, ramAlloc } from './heap.ts';

const LEAF_SHIFT: u32 = 10;
const LEAF_BYTES: u32 = 4096;

const HIGH_BASE: u64 = DIRECT_MAP + ((<u64>HIGH_PFN) << PAGE_SHIFT);
const HIGH_SPAN: u64 = (<u64>HIGH_FRAMES) << PAGE_SHIFT;
const highTable: usize = memory.data((HIGH_FRAMES >> LEAF_SHIFT) * 4, 4);

const PAGES_SPAN: u64 = <u64>(HIGH_PFN + HIGH_FRAMES) * PAGE_STRUCT_SIZE;
const pagesTable: usize = memory.data((((HIGH_PFN + HIGH_FRAMES) * PAGE_STRUCT_SIZE) / 4096 / 1024) * 4, 4);

const ALIAS_SPAN: u64 = (<u64>(VMALLOC_PAGES + ARENAS * ARENA_PAGES)) << PAGE_SHIFT;
const aliasTable: usize = memory.data(((VMALLOC_PAGES + ARENAS * ARENA_PAGES) >> LEAF_SHIFT) * 4, 4);
/** In place of an offset: a page that exists and got no memory yet. */
const UNBACKED: u32 = 1;

/** Whether [address, address + length) is sparse memory, all of one region. */
export function isSparse(address: u64, length: u32): bool {
  if (within(address - HIGH_BASE, length, HIGH_SPAN) || within(address - VMEMMAP, length, PAGES_SPAN))
    return true;
  return within(address - VMALLOC, length, ALIAS_SPAN) && isAlias(address, length);
}

/**
 * Makes a page of the vmalloc area an alias.
 * @param offset linear offset of the page that it shall be, 0 for none any more, 1 for a page of its own, which gets
 *   memory at the first write.
 * @returns false when memory is exhausted.
 */
export function setAlias(address: u64, offset: u32): bool {
  const slot = slotFor(aliasTable, address - VMALLOC, offset !== 0);
  if (slot === 0) return offset === 0;
  store<u32>(slot, offset);
  return true;
}

/** Whether all pages of the range are aliases. */
function isAlias(address: u64, length: u32): bool {
  const last = (address + max<u32>(length, 1) - 1 - VMALLOC) >> PAGE_SHIFT;
  for (let page = (address - VMALLOC) >> PAGE_SHIFT; page <= last; page++) {
    const slot = slotFor(aliasTable, page << PAGE_SHIFT, false);
    if (slot === 0 || load<u32>(slot) === 0) return false;
  }
  return true;
}

/**
 * Linear offset behind a sparse address.
 * @returns 0 when the page has no backing (never with `back`, but for exhausted memory). The address must be
 * one that `isSparse` accepts; the result is good up to the end of its page.
 */
export function sparseOffset(address: u64, back: bool): u32 {
  const high = address - HIGH_BASE;
  if (high < HIGH_SPAN) return backing(highTable, high, back);
  const alias = address - VMALLOC;
  if (alias < ALIAS_SPAN) return aliasOffset(alias, back);
  return backing(pagesTable, address - VMEMMAP, back);
}

function within(distance: u64, length: u32, span: u64): bool {
  return distance < span && span - distance >= length;
}

/** Where a table has the entry of a page; 0 without a second level, which `make` makes while there is memory. */
function slotFor(table: usize, distance: u64, make: bool): u32 {
  const page = <u32>(distance >> PAGE_SHIFT);
  const entry = table + ((<usize>(page >> LEAF_SHIFT)) << 2);
  let leaf = load<u32>(entry);
  if (leaf === 0) {
    if (!make) return 0;
    leaf = privateAlloc(LEAF_BYTES, 16);
    if (leaf === 0) return 0;
    store<u32>(entry, leaf);
  }
  return leaf + ((page & ((1 << LEAF_SHIFT) - 1)) << 2);
}

function aliasOffset(distance: u64, back: bool): u32 {
  const slot = slotFor(aliasTable, distance, false);
  if (slot === 0 || load<u32>(slot) === 0) return 0;
  if (load<u32>(slot) === UNBACKED) {
    const frame = back ? ramAlloc(PAGE_SIZE, PAGE_SIZE) : 0;
    if (frame === 0) return 0;
    store<u32>(slot, frame);
  }
  return load<u32>(slot) + (<u32>distance & (PAGE_SIZE - 1));
}

function backing(table: usize, distance: u64, back: bool): u32 {
  const slot = slotFor(table, distance, back);
  if (slot === 0) return 0;
  let frame = load<u32>(slot);
  if (frame === 0) {
    if (!back) return 0;
    frame = ramAlloc(PAGE_SIZE, PAGE_SIZE);
    if (frame === 0) return 0;
    store<u32>(slot, frame);
  }
  return frame + (<u32>distance & (PAGE_SIZE - 1));
}
