/** 64-bit words without a bigint per element, for loops over millions of records. */
import { PAGE_STRUCT_SIZE } from '../bpf/address.ts';

const TWO_32 = 0x1_0000_0000;
/** Upper halves of DIRECT_MAP and VMEMMAP; both bases are multiples of 4 GiB. */
const DIRECT_MAP_HIGH = 0xffff_8880;
const VMEMMAP_HIGH = 0xffff_ea00;

/** Stores a non-negative integer below 2^53 as a u64. */
export function setU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / TWO_32), true);
}

/** Loads a u64 that is known to stay below 2^53. */
export function getU64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * TWO_32;
}

/** Stores the direct-map address of a linear offset. */
export function setLowPointer(view: DataView, at: number, offset: number): void {
  view.setUint32(at, offset, true);
  view.setUint32(at + 4, DIRECT_MAP_HIGH, true);
}

/** Linear offset of a stored direct-map pointer, -1 for NULL or anything else. */
export function getLowPointer(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) === DIRECT_MAP_HIGH ? view.getUint32(at, true) : -1;
}

/** Stores the address of a frame's `struct page`. */
export function setPagePointer(view: DataView, at: number, pfn: number): void {
  view.setUint32(at, pfn * PAGE_STRUCT_SIZE, true);
  view.setUint32(at + 4, VMEMMAP_HIGH, true);
}

/** Frame of a stored `struct page *`, -1 for NULL or anything else. */
export function getPagePointer(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) === VMEMMAP_HIGH ? view.getUint32(at, true) / PAGE_STRUCT_SIZE : -1;
}

/** An unsigned little-endian integer of 0 to 8 bytes. */
export function readUnsigned(view: DataView, at: number, size: number): bigint {
  if (size === 8) return view.getBigUint64(at, true);
  let value = 0n;
  for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(view.getUint8(at + i));
  return value;
}

export function writeUnsigned(view: DataView, at: number, size: number, value: bigint): void {
  if (size === 8) {
    view.setBigUint64(at, value, true);
    return;
  }
  let rest = value;
  for (let i = 0; i < size; i++) {
    view.setUint8(at + i, Number(rest & 0xffn));
    rest >>= 8n;
  }
}
