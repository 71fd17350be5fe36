/** Dispatch of helper calls by number. */
import { askHost } from './kernel.ts';
import { continueLoop, loop } from './loop.ts';

const LOOP: i32 = 181;

/** Calls helper `id` (enum bpf_func_id, or `VmCall`); the result is r0. */
export function callHelper(id: i32, r1: u64, r2: u64, r3: u64, r4: u64, r5: u64): u64 {
  if (id === LOOP) return loop(<u32>r1, r2, r3, r4);
  return askHost(id, r1, r2, r3, r4, r5);
}

/** Goes on with helper `id` after the callback it asked for (callback.ts) has returned `value`; the result is r0. */
export function continueHelper(id: i32, value: u64): u64 {
  if (id === LOOP) return continueLoop(value);
  return 0;
}

/** Program record in slot `index` of a prog array (the map's kernel address); 0 when there is none. */
export function tailCallTarget(_map: u64, _index: u32): u32 {
  return 0;
}
