/** References: objects a program has acquired and must release on every path. */

/** Whether something is still held where the program (or a callback) ends. 0 or -EINVAL. */
export function checkReferenceLeak(exception: bool): i32 {
  return 0;
}
