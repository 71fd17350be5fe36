/** What the passes after exploration can still refuse. */

/** 0 or a negative errno. */
export function checkRewrites(): i32 {
  return 0;
}
