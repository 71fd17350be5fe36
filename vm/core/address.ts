/** The address map of `bpf/address.ts` in u64; a test compares the two. */

export const PAGE_SHIFT: u32 = 12;
export const PAGE_SIZE: u32 = 4096;

/** Direct map of physical memory. */
export const DIRECT_MAP: u64 = 0xffff_8880_0000_0000;
/** The `struct page` array. */
export const VMEMMAP: u64 = 0xffff_ea00_0000_0000;
export const PAGE_STRUCT_SIZE: u32 = 64;
/** Aliases of pages, and how many there can be. */
export const VMALLOC: u64 = 0xffff_c900_0000_0000;
export const VMALLOC_PAGES: u32 = 0x1_0000;
export const ARENAS: u32 = 8;
export const ARENA_PAGES: u32 = 0x10_0400;
/** Kernel image alias of low memory. */
export const KERNEL_IMAGE: u64 = 0xffff_ffff_8000_0000;
/** First address that user mappings may not reach. */
export const TASK_SIZE: u64 = 0x7fff_ffff_f000;

/** First frame above the linear memory, and how many there are. */
export const HIGH_PFN: u32 = 0x10_0000;
export const HIGH_FRAMES: u32 = 0x40_0000;
