/**
 * Sparse physical memory: user frames above 4 GiB and the `struct page` array. A page gets its 4 KiB of low
 * memory at the first write and reads as zeros before. Each region has a two-level table, whose second level
 * (1024 pages) is made when first needed.
 */
import {
  DIRECT_MAP,
  HIGH_FRAMES,
  HIGH_PFN,
  PAGE_SHIFT,
  PAGE_SIZE,
  PAGE_STRUCT_SIZE,
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

/** Whether [address, address + length) is sparse memory, all of one region. */
export function isSparse(address: u64, length: u32): bool {
  return within(address - HIGH_BASE, length, HIGH_SPAN) || within(address - VMEMMAP, length, PAGES_SPAN);
}

/**
 * Linear offset behind a sparse address.
 * @returns 0 when the page has no backing (never with `back`, but for exhausted memory). The address must be
 * one that `isSparse` accepts; the result is good up to the end of its page.
 */
export function sparseOffset(address: u64, back: bool): u32 {
  const high = address - HIGH_BASE;
  if (high < HIGH_SPAN) return backing(highTable, high, back);
  return backing(pagesTable, address - VMEMMAP, back);
}

function within(distance: u64, length: u32, span: u64): bool {
  return distance < span && span - distance >= length;
}

function backing(table: usize, distance: u64, back: bool): u32 {
  const page = <u32>(distance >> PAGE_SHIFT);
  const entry = table + ((<usize>(page >> LEAF_SHIFT)) << 2);
  let leaf = load<u32>(entry);
  if (leaf === 0) {
    if (!back) return 0;
    leaf = privateAlloc(LEAF_BYTES, 16);
    if (leaf === 0) return 0;
    store<u32>(entry, leaf);
  }
  const slot = leaf + ((page & ((1 << LEAF_SHIFT) - 1)) << 2);
  let frame = load<u32>(slot);
  if (frame === 0) {
    if (!back) return 0;
    frame = ramAlloc(PAGE_SIZE, PAGE_SIZE);
    if (frame === 0) return 0;
    store<u32>(slot, frame);
  }
  return frame + (<u32>distance & (PAGE_SIZE - 1));
}
