/** What the program attaches to, and whether it may. */

/** Checks the attach target of BTF-based program types. 0 or a negative errno. */
export function checkAttach(): i32 {
  return 0;
}
