/** bpf_loop (helper 181): calls a function up to 8 Mi times. */
import { Errno } from '../../bpf/errno.ts';
import { local, requestCallback, setLocal } from './callback.ts';

/** BPF_MAX_LOOPS */
const MAX_LOOPS: u32 = 8 << 20;

const enum Local {
  Function = 0,
  Context = 1,
  Count = 2,
  Done = 3,
}

/**
 * `long bpf_loop(u32 nr_loops, fn, ctx, u64 flags)`.
 * @returns the number of calls made; -E2BIG for more than 8 Mi, -EINVAL for flags.
 */
export function loop(count: u32, fn: u64, context: u64, flags: u64): u64 {
  if (flags !== 0) return <u64>-Errno.EINVAL;
  if (count > MAX_LOOPS) return <u64>-Errno.E2BIG;
  if (count === 0) return 0;
  setLocal(Local.Function, fn);
  setLocal(Local.Context, context);
  setLocal(Local.Count, count);
  setLocal(Local.Done, 0);
  return requestCallback(fn, 0, context, 0, 0);
}

/** After each call: a value other than 0 ends the loop. */
export function continueLoop(value: u64): u64 {
  const done = local(Local.Done) + 1;
  if (value !== 0 || done === local(Local.Count)) return done;
  setLocal(Local.Done, done);
  return requestCallback(local(Local.Function), done, local(Local.Context), 0, 0);
}
