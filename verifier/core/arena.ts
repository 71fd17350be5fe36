/**
 * Memory of one verification: a bump arena with free lists by size class. Nothing outlives a request;
 * `arenaReset` gives everything back at once. Blocks are at most MAX_CLASS bytes or bump-only.
 */

/** Blocks are multiples of this. */
const GRAIN: u32 = 16;
/** Largest block that is kept for reuse, in grains: 128 KiB. */
const CLASSES: u32 = 8192;
/** Linear memory a request may use, in 64 KiB pages: 512 MiB. */
const MAX_PAGES: i32 = 8192;

const freeLists: usize = memory.data(8192 * 4 + 4, 16);

let base: usize = 0;
let top: usize = 0;
/** Highest address ever handed out since the last reset: bytes above it are known to be zero. */
let dirty: usize = 0;
let exhausted: bool = false;

/** Starts a new request: all blocks of the last one are invalid. */
export function arenaReset(): void {
  if (base === 0) {
    base = (__heap_base + 15) & ~15;
    dirty = base;
  }
  if (top > dirty) dirty = top;
  top = base;
  exhausted = false;
  memory.fill(freeLists, 0, (CLASSES + 1) * 4);
}

/**
 * Zeroed memory that survives the requests (kernel BTF, profile tables). Only between two requests: what the
 * last one allocated is overwritten.
 */
export function allocateKept(size: u32): usize {
  arenaReset();
  const block = bump(((size + GRAIN - 1) / GRAIN) * GRAIN);
  memory.fill(block, 0, size);
  base = top;
  if (dirty < base) dirty = base;
  return exhausted ? 0 : block;
}

/** Whether an allocation has failed since the reset: the request then ends with ENOMEM. */
export function arenaExhausted(): bool {
  return exhausted;
}

function classOf(size: u32): u32 {
  return (size + GRAIN - 1) / GRAIN;
}

function bump(bytes: u32): usize {
  const block = top;
  const end: u64 = <u64>top + bytes;
  const have: u64 = (<u64>memory.size()) << 16;
  if (end > have) {
    const missing = <i32>((end - have + 0xffff) >> 16);
    if (memory.size() + missing > MAX_PAGES || memory.grow(max(missing, 16)) < 0) {
      exhausted = true;
      // Callers may write before they look at arenaExhausted(): hand out the arena's start instead of null.
      return base;
    }
  }
  top = <usize>end;
  return block;
}

/** A zeroed block of `size` bytes, 16-byte aligned. */
export function allocate(size: u32): usize {
  const grains = classOf(size);
  if (grains <= CLASSES) {
    const list = freeLists + grains * 4;
    const block = <usize>load<u32>(list);
    if (block !== 0) {
      store<u32>(list, load<u32>(block));
      memory.fill(block, 0, grains * GRAIN);
      return block;
    }
  }
  const block = bump(grains * GRAIN);
  if (block < dirty) memory.fill(block, 0, grains * GRAIN);
  return block;
}

/** Gives a block of `allocate(size)` back. */
export function release(block: usize, size: u32): void {
  const grains = classOf(size);
  if (block === 0 || grains === 0 || grains > CLASSES || exhausted) return;
  const list = freeLists + grains * 4;
  store<u32>(block, load<u32>(list));
  store<u32>(list, <u32>block);
}

/** Moves a block into one of another size; a new tail is zero. Nothing remains of a block without bytes. */
export function reallocate(block: usize, oldSize: u32, newSize: u32): usize {
  if (newSize === 0) {
    release(block, oldSize);
    return 0;
  }
  if (block !== 0 && classOf(oldSize) === classOf(newSize)) {
    if (newSize > oldSize) memory.fill(block + oldSize, 0, newSize - oldSize);
    return block;
  }
  const larger = allocate(newSize);
  if (block !== 0) {
    memory.copy(larger, block, min(oldSize, newSize));
    release(block, oldSize);
  }
  return larger;
}
