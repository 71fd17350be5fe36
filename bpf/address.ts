/**
 * The modelled machine's address space (x86-64 without KASLR). `vm/core/address.ts` holds the same numbers
 * for the interpreter; a test compares the two.
 *
 * Low physical memory is the wasm linear memory itself: physical address == linear offset. Frames from
 * HIGH_PFN on (physical 4 GiB and up) hold user pages; they and the `struct page` array are backed a page at
 * a time, at the first write, and read as zeros before that. Pages of the vmalloc area are aliases of others, or
 * backed in the same way.
 */
export const PAGE_SHIFT = 12;
export const PAGE_SIZE = 4096;

/** Direct map: physical address p stands at DIRECT_MAP + p. */
export const DIRECT_MAP = 0xffff_8880_0000_0000n;
/** `struct page` of frame n stands at VMEMMAP + 64 n. */
export const VMEMMAP = 0xffff_ea00_0000_0000n;
export const PAGE_STRUCT_SIZE = 64;
/** Where the kernel maps pages next to each other that are not (vmap), and how many. */
export const VMALLOC = 0xffff_c900_0000_0000n;
export const VMALLOC_PAGES = 0x1_0000;
/** Behind these, in the same area, arenas: how many, and the pages from one to the next (4 GiB and a gap). */
export const ARENAS = 8;
export const ARENA_PAGES = 0x10_0400;
/** Kernel image alias of low physical memory: symbols' addresses. */
export const KERNEL_IMAGE = 0xffff_ffff_8000_0000n;
/** First address that user mappings may not reach. */
export const TASK_SIZE = 0x7fff_ffff_f000n;

/** First high frame: physical 4 GiB. */
export const HIGH_PFN = 0x10_0000;
/** High frames the model can number: 16 GiB of user pages. */
export const HIGH_FRAMES = 0x40_0000;

/** Direct-map address of a linear offset (0 .. 4 GiB). */
export function kernelAddress(offset: number): bigint {
  return DIRECT_MAP + BigInt(offset);
}

/** Frame that a `struct page` stands for. */
export function pageFrame(page: bigint): number {
  return Number(page - VMEMMAP) / PAGE_STRUCT_SIZE;
}

/** Address of the `struct page` of a frame. */
export function pageAddress(pfn: number): bigint {
  return VMEMMAP + BigInt(pfn * PAGE_STRUCT_SIZE);
}
