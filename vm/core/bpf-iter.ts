/** Open-coded iterators (kernel docs, bpf/bpf_iterators.rst): numbers and bits. */
import { Errno } from '../../bpf/errno.ts';
import { writable } from './args.ts';
import { ramAlloc, ramFree } from './heap.ts';
import { probeKernel } from './probe.ts';
import { toAddress } from './ram.ts';

/** BPF_MAX_LOOPS */
const MAX_LOOPS: i64 = 8 << 20;
/** Words a bit iterator takes. */
const MAX_WORDS: u32 = 511;

/** bpf_iter_num_new over [start, end): 0, -EINVAL (start > end), -E2BIG (more than 8 Mi numbers). */
export function iterNumNew(iterator: u64, start: i32, end: i32): i64 {
  const at = writable(iterator, 8);
  if (at === 0) return 0;
  store<u64>(at, 0);
  if (start > end) return -Errno.EINVAL;
  if (<i64>end - <i64>start > MAX_LOOPS) return -Errno.E2BIG;
  store<i32>(at, start - 1);
  store<i32>(at, end, 4);
  return 0;
}

/** bpf_iter_num_next: address of the next number, 0 at the end. */
export function iterNumNext(iterator: u64): u64 {
  const at = writable(iterator, 8);
  if (at === 0) return 0;
  const next = load<i32>(at) + 1;
  if (next >= load<i32>(at, 4)) {
    store<u64>(at, 0);
    return 0;
  }
  store<i32>(at, next);
  return iterator;
}

export function iterNumDestroy(iterator: u64): void {
  const at = writable(iterator, 8);
  if (at !== 0) store<u64>(at, 0);
}

/**
 * bpf_iter_bits_new over the bits of `words` u64: 0, -EINVAL (none, or NULL), -E2BIG, -EFAULT, -ENOMEM. The
 * iterator is u64 (the word, or the offset of a copy of the words), i32 bits, i32 last bit.
 */
export function iterBitsNew(iterator: u64, source: u64, words: u32): i64 {
  const at = writable(iterator, 16);
  if (at === 0) return 0;
  memory.fill(at, 0, 16);
  if (source === 0 || words === 0) return -Errno.EINVAL;
  if (words > MAX_WORDS) return -Errno.E2BIG;
  const copy = words === 1 ? at : ramAlloc(words * 8, 8);
  if (copy === 0) return -Errno.ENOMEM;
  if (probeKernel(copy, source, words * 8) < 0) {
    if (words > 1) ramFree(copy, words * 8);
    return -Errno.EFAULT;
  }
  if (words > 1) store<u64>(at, toAddress(copy));
  store<i32>(at, words * 64, 8);
  store<i32>(at, -1, 12);
  return 0;
}

/** bpf_iter_bits_next: address of the number of the next bit that is set, 0 at the end. */
export function iterBitsNext(iterator: u64): u64 {
  const at = writable(iterator, 16);
  if (at === 0) return 0;
  const bits = load<i32>(at, 8);
  const words = bits === 64 ? at : bits > 0 ? writable(load<u64>(at), <u32>bits / 8) : 0;
  for (let bit = load<i32>(at, 12) + 1; words !== 0 && bit >= 0 && bit < bits; bit++) {
    if (((load<u64>(words + ((bit >> 6) << 3)) >> (bit & 63)) & 1) === 0) continue;
    store<i32>(at, bit, 12);
    return iterator + 12;
  }
  store<i32>(at, bits, 12);
  return 0;
}

export function iterBitsDestroy(iterator: u64): void {
  const at = writable(iterator, 16);
  if (at === 0) return;
  const bits = load<u32>(at, 8);
  // Only a copy that is still inside the model goes back; the heap checks the rest.
  const copy = bits > 64 && bits <= MAX_WORDS * 64 ? writable(load<u64>(at), bits / 8) : 0;
  if (copy !== 0) ramFree(copy, bits / 8);
  memory.fill(at, 0, 16);
}
