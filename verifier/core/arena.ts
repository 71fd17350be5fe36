/**
 * Memory of one verification: a bump arena with free lists by size class. Nothing outlives a request;
 * `arenaReset` gives everything back at once. Blocks are at most MAX_CLASS bytes or bump-only. A verification that needs
 * more than there is ends with ENOMEM (effort.ts).
 */
import { Errno } from '../../bpf/errno.ts';
import { abandon, spend } from './effort.ts';

/** Blocks are multiples of this. */
const GRAIN: u32 = 16;
/** Largest block that is kept for reuse, in grains: 128 KiB. */
const CLASSES: u32 = 8192;
/** Linear memory there may be, in 64 KiB pages: 320 MiB, so that the whole process stays below 512 MiB. */
const MAX_PAGES: i32 = 5120;
/** What may be used beyond it to say how a verification without memory ended: 2 MiB. */
const RESERVE_PAGES: i32 = 32;

const freeLists: usize = memory.data(8192 * 4 + 4, 16);

let base: usize = 0;
let top: usize = 0;
/** Highest address ever handed out since the last reset: bytes above it are known to be zero. */
let dirty: usize = 0;
let maxPages: i32 = MAX_PAGES;

/** Starts a new request: all blocks of the last one are invalid. */
export function arenaReset(): void {
  if (base === 0) {
    base = (__heap_base + 15) & ~15;
    dirty = base;
  }
  if (top > dirty) dirty = top;
  top = base;
  maxPages = MAX_PAGES;
  memory.fill(freeLists, 0, (CLASSES + 1) * 4);
}

/**
 * Zeroed memory that survives the requests (kernel BTF, profile tables), 0 when there is none. Only between two
 * requests: what the last one allocated is overwritten.
 */
export function allocateKept(size: u32): usize {
  arenaReset();
  const block = allocatePart(size);
  if (block !== 0) base = top;
  if (dirty < base) dirty = base;
  return block;
}

/** As `allocate`, for the host: 0 when there is not enough memory. */
export function allocatePart(size: u32): usize {
  return fits(<u64>size + GRAIN) ? allocate(size) : 0;
}

/** Opens the reserve: the verification is over but for the telling. */
export function arenaOpenReserve(): void {
  maxPages = MAX_PAGES + RESERVE_PAGES;
}

function classOf(size: u32): u32 {
  return (size + GRAIN - 1) / GRAIN;
}

/** Whether the memory behind the last block reaches, or can be made to reach, for `bytes` more. */
function fits(bytes: u64): bool {
  const end = <u64>top + bytes;
  const have = (<u64>memory.size()) << 16;
  if (end <= have) return true;
  const missing = (end - have + 0xffff) >> 16;
  if (<u64>memory.size() + missing > <u64>maxPages) return false;
  return memory.grow(<i32>max(missing, <u64>min(16, maxPages - memory.size()))) >= 0;
}

function bump(bytes: u32): usize {
  if (!fits(bytes)) abandon(Errno.ENOMEM);
  const block = top;
  top += bytes;
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
  if (block === 0 || grains === 0 || grains > CLASSES) return;
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
    spend(oldSize >> 6);
    release(block, oldSize);
  }
  return larger;
}
