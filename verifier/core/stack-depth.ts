/** Stack of whole call chains. */

/** Checks depth and number of frames over the call graph. 0 or a negative errno. */
export function checkStackDepth(): i32 {
  return 0;
}
