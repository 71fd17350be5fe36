/**
 * Page tables of an address space, kept beside the model's memory: programs have no way to walk them. One entry is
 * a u32: frame number in the low 23 bits, flags above.
 */

export const enum Pte {
  FrameMask = 0x7f_ffff,
  /** Maps a frame of a page cache (file, shmem, shared anonymous memory). */
  Shared = 1 << 23,
  Write = 1 << 24,
  /** Anonymous page that no other address space can have a hold of (kernels from 5.19 on). */
  Exclusive = 1 << 25,
  /** No references are counted: the zero page, device-like mappings. */
  Special = 1 << 26,
  /** Part of a huge page, whose references are counted with its first entry. */
  Huge = 1 << 27,
  Present = 1 << 28,
}

const LEAF_BITS = 9;
const LEAF_SIZE = 1 << LEAF_BITS;
/** 32 GiB of address space, or 16,384 scattered 2 MiB ranges: what one address space may have mapped at a time. */
const MAX_LEAVES = 16_384;

export class PageTable {
  private readonly leaves = new Map<number, Uint32Array>();

  /** Entry of a virtual page number, 0 when there is none. */
  get(page: number): number {
    return this.leaves.get(Math.floor(page / LEAF_SIZE))?.[page % LEAF_SIZE] ?? 0;
  }

  /** Whether an entry for the page may be made: page tables take memory, too. */
  hasRoom(page: number): boolean {
    return this.leaves.size < MAX_LEAVES || this.leaves.has(Math.floor(page / LEAF_SIZE));
  }

  set(page: number, entry: number): void {
    const index = Math.floor(page / LEAF_SIZE);
    let leaf = this.leaves.get(index);
    if (!leaf) {
      leaf = new Uint32Array(LEAF_SIZE);
      this.leaves.set(index, leaf);
    }
    leaf[page % LEAF_SIZE] = entry;
  }

  /** Calls back for each present entry of [first, end); what it returns takes the entry's place. */
  update(first: number, end: number, change: (page: number, entry: number) => number): void {
    for (let page = first; page < end; ) {
      const index = Math.floor(page / LEAF_SIZE);
      const leaf = this.leaves.get(index);
      const leafEnd = Math.min(end, (index + 1) * LEAF_SIZE);
      if (leaf) updateLeaf(leaf, page, leafEnd, change);
      if (leaf?.every((entry) => entry === 0)) this.leaves.delete(index);
      page = leafEnd;
    }
  }
}

function updateLeaf(
  leaf: Uint32Array,
  first: number,
  end: number,
  change: (page: number, entry: number) => number,
): void {
  for (let page = first; page < end; page++) {
    const entry = leaf[page % LEAF_SIZE] as number;
    if (entry !== 0) leaf[page % LEAF_SIZE] = change(page, entry);
  }
}
