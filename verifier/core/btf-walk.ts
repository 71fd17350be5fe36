/** Loads and stores through BTF pointers. */
import { notBuilt } from './not-built.ts';

/** An access through the BTF pointer in `register`; `value` is the register loaded, or -1. */
export function checkBtfAccess(register: u32, off: i32, size: u32, write: bool, value: i32): i32 {
  return notBuilt('BTF pointers');
}

/** A load of a field of struct bpf_map through a map pointer. */
export function checkMapPointerAccess(register: u32, off: i32, size: u32, write: bool, value: i32): i32 {
  return notBuilt('fields of maps');
}
