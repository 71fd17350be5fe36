/**
 * Objects that programs allocate: what vm.wasm is told of their types, and the numbers of the kfuncs that need
 * more than their registers say. Compiled by tsc and by asc: const enums only.
 */

/** Parts of a type that the kernel looks after (kernel docs, bpf/graph_ds_impl.rst and bpf/kfuncs.rst). */
export const enum ObjectField {
  /** What only copies must leave alone: a lock, an address. */
  Plain = 0,
  /** bpf_timer, bpf_wq: cancelled with what they stand in. */
  Timer = 1,
  /** A pointer that owns what it points to, and one that does not. */
  KptrRef = 2,
  KptrUnref = 3,
  Refcount = 4,
  ListHead = 5,
  ListNode = 6,
  TreeRoot = 7,
  TreeNode = 8,
}

/**
 * Numbers for calls of kfuncs whose operand the verifier knows: operation | operand. Linux hands it over in
 * registers that the program does not set.
 */
export const enum ObjectCall {
  First = 0x4000_0000,
  /** Operand: the type's number (`registerType` of vm/core/object-type.ts) */
  New = 0x4000_0000,
  PercpuNew = 0x4100_0000,
  /** Operand: offset of the node in its object */
  PushFront = 0x4200_0000,
  PushBack = 0x4300_0000,
  TreeAdd = 0x4400_0000,
  End = 0x4500_0000,
  Operation = 0x7f00_0000,
  Operand = 0x00ff_ffff,
}

/** Sizes in bytes of bpf_list_node, of bpf_rb_node, and of both kinds of root. */
export const enum GraphNode {
  ListSize = 24,
  TreeSize = 32,
  RootSize = 16,
}
