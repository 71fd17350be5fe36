/**
 * What the verifier learns about single instructions and running the program needs: Linux uses the same facts
 * when it rewrites a program after having verified it. The verifier makes them, the vm takes them.
 */
export interface InsnFacts {
  /** Slots of the loads and stores that go through a pointer to the context, ascending. */
  readonly contextAccesses: readonly number[];
  /**
   * Slots of the loads, stores and atomics that were found to stay inside of the stack, of a map's value or of the
   * packet.
   */
  readonly boundedAccesses: ReadonlySet<number>;
  /** Slots of the kfunc calls that allocate an object -> its size in bytes. */
  readonly objectSizes: ReadonlyMap<number, number>;
}
