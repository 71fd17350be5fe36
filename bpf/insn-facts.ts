import type { TypeId } from './btf.ts';

/** An object of a type of the program. */
export interface Allocation {
  /** In the program's BTF. */
  typeId: TypeId;
  /** In bytes. */
  size: number;
}

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
  /** Slots of the kfunc calls that allocate an object -> what it is. */
  readonly allocations: ReadonlyMap<number, Allocation>;
  /** Slots of the kfunc calls that put an object into a list or tree -> offset of the node in the object. */
  readonly nodeOffsets: ReadonlyMap<number, number>;
  /** Slots of the calls of bpf_per_cpu_ptr and bpf_this_cpu_ptr for such objects, not for the kernel's variables. */
  readonly percpuObjects: ReadonlySet<number>;
}
