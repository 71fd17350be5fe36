/**
 * Helpers that call back into the program (bpf_loop, bpf_for_each_map_elem, bpf_find_vma, ...).
 *
 * The interpreter keeps no wasm stack across a call, or a run could not be suspended in the middle of a
 * callback. So a helper does not call: it asks with `requestCallback` and returns. The interpreter then runs
 * the function in a frame of its own and, when that returns, hands its r0 to `continueHelper` (helpers.ts),
 * where the helper either asks again or gives its result. What it must remember in between it keeps in
 * `local`s, eight words that belong to that one call.
 */
import { Attention, Frame, State } from '../../bpf/abi.ts';

/**
 * Asks for a call of `fn` (the value of a function pointer register). To be returned at once by the helper:
 * `return requestCallback(...)`; the number itself means nothing.
 */
export function requestCallback(fn: u64, r1: u64, r2: u64, r3: u64, r4: u64): u64 {
  store<u64>(State.CallbackFunction, fn);
  store<u64>(State.CallbackArgs, r1);
  store<u64>(State.CallbackArgs, r2, 8);
  store<u64>(State.CallbackArgs, r3, 16);
  store<u64>(State.CallbackArgs, r4, 24);
  store<u64>(State.CallbackArgs, 0, 32);
  store<u32>(State.Attention, load<u32>(State.Attention) | Attention.Callback);
  return 0;
}

/** Word `index` (0..7) of what the current helper call keeps across its callbacks. */
export function local(index: u32): u64 {
  return load<u64>(localAt(index));
}

export function setLocal(index: u32, value: u64): void {
  store<u64>(localAt(index), value);
}

// The frame that a callback will get, or just gave back: `Depth` is that of the helper's caller both times.
export function localAt(index: u32): usize {
  return State.Frames + Frame.Locals + load<u32>(State.Depth) * Frame.Size + (index << 3);
}
