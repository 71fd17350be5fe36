/** The two arguments of bpf_kptr_xchg, and what it returns. */
import { notBuilt } from './not-built.ts';

/** The field in the map value (or allocated object) that `register` points to; sets `meta.kptrField`. */
export function checkKptrDestination(register: u32): i32 {
  return notBuilt('bpf_kptr_xchg');
}

/** Whether the pointer in `register` may be stored in `meta.kptrField`. */
export function checkKptrSource(register: u32): i32 {
  return notBuilt('bpf_kptr_xchg');
}

/** Whether the field points to an object of the kernel (else to one the program allocated). */
export function isKernelKptr(field: u32): bool {
  return true;
}

export function isPercpuKptr(field: u32): bool {
  return false;
}

export function kptrBtf(field: u32): u32 {
  return 0;
}

export function kptrBtfId(field: u32): u32 {
  return 0;
}

/** Releases the reference that goes into the map. 0 or -EINVAL. */
export function releaseSwapped(id: u32): i32 {
  return notBuilt('bpf_kptr_xchg');
}
