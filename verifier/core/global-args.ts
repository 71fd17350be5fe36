/** Arguments of global subprograms, from BTF. */

/** Derives the arguments of a subprogram (into its `Subprog` record). 0 or a negative errno. */
export function prepareArgs(index: u32): i32 {
  return 0;
}
