/** Dispatch of helper calls by number. */
import { askHost } from './kernel.ts';

/** Calls helper `id` (enum bpf_func_id, or `VmCall`); the result is r0. */
export function callHelper(id: i32, r1: u64, r2: u64, r3: u64, r4: u64, r5: u64): u64 {
  return askHost(id, r1, r2, r3, r4, r5);
}
