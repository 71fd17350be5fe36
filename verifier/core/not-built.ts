/** What the verifier cannot verify yet: it says so and gives no verdict. */
import { Errno } from '../../bpf/errno.ts';
import { say, text } from './log.ts';

/** Reports a missing part; the result is an error of ours, never a verdict. */
export function notBuilt(what: string): i32 {
  say('drydock cannot verify %s yet\n', text(what));
  return -Errno.EFAULT;
}
