/**
 * Kernel addresses to linear offsets. Low memory is one subtraction and one compare away; sparse memory and
 * the kernel image's alias are the slow path.
 */
import { Layout } from '../../bpf/abi.ts';
import { DIRECT_MAP, KERNEL_IMAGE, PAGE_SIZE } from './address.ts';
import { lowSpan } from './heap.ts';
import { isSparse, sparseOffset } from './sparse.ts';

/** Direct-map address of the first byte that programs can reach. */
export const LOW_ADDRESS: u64 = DIRECT_MAP + Layout.LowStart;
const IMAGE_ADDRESS: u64 = KERNEL_IMAGE + Layout.LowStart;
/** Where the alias ends: far below the error pointers at the end of the address space. */
const IMAGE_END: u64 = KERNEL_IMAGE + 0x4000_0000;

/** Direct-map address of a linear offset. */
export function toAddress(offset: u32): u64 {
  return DIRECT_MAP + offset;
}

/**
 * Linear offset that backs [address, address + length).
 * @returns 0 where the range is outside the model, crosses a page of sparse memory, or (unless `write`) is
 * sparse memory without backing, which reads as zeros: `isMapped` tells the difference.
 */
export function translate(address: u64, length: u32, write: bool): u32 {
  const low = lowOffset(address, length);
  if (low !== 0) return low;
  if (!isSparse(address, length)) return 0;
  if ((<u32>address & (PAGE_SIZE - 1)) + length > PAGE_SIZE) return 0;
  return sparseOffset(address, write);
}

/** Whether all of [address, address + length) belongs to the model, backed or not. */
export function isMapped(address: u64, length: u32): bool {
  return lowOffset(address, length) !== 0 || isSparse(address, length);
}

/** Copies model memory to a linear offset, unbacked pages as zeros; false when a byte is outside the model. */
export function copyFromKernel(destination: u32, address: u64, length: u32): bool {
  const low = lowOffset(address, length);
  if (low !== 0) {
    memory.copy(destination, low, length);
    return true;
  }
  if (!isSparse(address, length)) return false;
  while (length > 0) {
    const part = min<u32>(length, restOfPage(address));
    const from = sparseOffset(address, false);
    if (from !== 0) memory.copy(destination, from, part);
    else memory.fill(destination, 0, part);
    destination += part;
    address += part;
    length -= part;
  }
  return true;
}

/**
 * Copies from a linear offset into model memory; false, with nothing written, when a byte is outside the
 * model, and false with a part written when the memory is exhausted.
 */
export function copyToKernel(address: u64, source: u32, length: u32): bool {
  const low = lowOffset(address, length);
  if (low !== 0) {
    memory.copy(low, source, length);
    return true;
  }
  if (!isSparse(address, length)) return false;
  while (length > 0) {
    const part = min<u32>(length, restOfPage(address));
    const to = sparseOffset(address, true);
    if (to === 0) return false;
    memory.copy(to, source, part);
    source += part;
    address += part;
    length -= part;
  }
  return true;
}

/** Offset of low memory named by its direct-map or its kernel-image address; 0 for anything else. */
function lowOffset(address: u64, length: u32): u32 {
  let distance = address - LOW_ADDRESS;
  if (distance >= lowSpan) {
    if (address < IMAGE_ADDRESS || address >= IMAGE_END) return 0;
    distance = address - IMAGE_ADDRESS;
    if (distance >= lowSpan) return 0;
  }
  return lowSpan - distance >= length ? <u32>distance + Layout.LowStart : 0;
}

function restOfPage(address: u64): u32 {
  return PAGE_SIZE - (<u32>address & (PAGE_SIZE - 1));
}
