/** What the host answers: the one import that is not WASI's. */
import { State } from '../../bpf/abi.ts';

/** Answers helper `id`; arguments and result stand in the state record. */
export declare function helper(id: i32): void;

/** Hands a helper call to the host. */
export function askHost(id: i32, r1: u64, r2: u64, r3: u64, r4: u64, r5: u64): u64 {
  store<u64>(State.Args, r1);
  store<u64>(State.Args, r2, 8);
  store<u64>(State.Args, r3, 16);
  store<u64>(State.Args, r4, 24);
  store<u64>(State.Args, r5, 32);
  helper(id);
  return load<u64>(State.Result);
}
