/**
 * What one verification may cost. Memory and time are bounded whatever the program is: a verification that needs
 * more ends where it stands, by a trap, so that nobody has to look at the outcome of every step. The host asks
 * for the errno then, and has the end told (`endAbandoned` in verify.ts).
 */
import { Errno } from '../../bpf/errno.ts';

/**
 * Steps of what can take longer than the number of instructions tells: walks back for precision, comparisons of
 * states, chains of calls, text. A few nanoseconds each; the largest programs known need a fiftieth.
 */
const LIMIT: u64 = 1 << 30;

let effort: u64 = 0;
let errno: i32 = 0;

export function effortReset(): void {
  effort = 0;
  errno = 0;
}

/** Positive errno that the verification ended with, 0 when it did not end that way. */
export function abandoned(): i32 {
  return errno;
}

/** Ends the verification. */
export function abandon(why: i32): void {
  errno = why;
  unreachable();
}

/** Counts steps. */
export function spend(steps: u64): void {
  effort += steps;
  if (effort > LIMIT) abandon(Errno.EAGAIN);
}
