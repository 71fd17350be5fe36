/** bpf_get_prandom_u32: xorshift64*, from a fixed seed so that runs can be repeated. */
import { resetChoice } from './cpumask.ts';

const SEED: u64 = ((<u64>0x9e37_79b9) << 32) | 0x7f4a_7c15;
const MULTIPLIER: u64 = ((<u64>0x2545_f491) << 32) | 0x4f6c_dd1d;
let state: u64 = SEED;

export function random(): u32 {
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return <u32>((state * MULTIPLIER) >> 32);
}

/** Begins the sequence anew, and that of chosen CPUs. */
export function resetRandom(): void {
  state = SEED;
  resetChoice();
}
