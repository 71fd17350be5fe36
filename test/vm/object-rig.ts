/** Objects of made-up types, and trees and lists of them, driven by the calls that programs make. */
import { assemble } from '../../bpf/asm.ts';
import { ObjectCall, ObjectField } from '../../bpf/object-abi.ts';
import { VmKfunc } from '../../bpf/vm-call.ts';
import { ObjectTypes } from '../../vm/object-types.ts';
import type { LoadedProgram, Tier } from '../../vm/program.ts';
import type { ValueField } from '../../vm/value-fields.ts';
import type { RunResult } from '../../vm/vm.ts';
import { Rig } from './helper-rig.ts';

/** Offsets in an item: its key comes first. */
export const TREE_NODE = 8n;
export const LIST_NODE = 40n;
export const KPTR = 64n;
const ITEM_SIZE = 72;

/** Offsets in a node of a tree. */
export const PARENT = 0n;
export const RIGHT = 8n;
export const LEFT = 16n;

const LESS = `
less:
  r3 = *(u64 *)(r1 -8)
  r4 = *(u64 *)(r2 -8)
  r0 = 1
  if r3 < r4 goto out
  r0 = 0
out:
  exit`;

/** r1 points to the root and the node. */
const ADD = `
  r6 = r1
  r1 = *(u64 *)(r6 +0)
  r2 = *(u64 *)(r6 +8)
  r3 = subprog[less]
  call ${ObjectCall.TreeAdd | Number(TREE_NODE)}
  exit${LESS}`;

export class ObjectRig {
  readonly rig: Rig;
  /** An item: a key, a node for a tree, one for a list, and a pointer that owns. */
  readonly item: number;
  private readonly types: ObjectTypes;
  private readonly add: LoadedProgram;
  private readonly context: bigint;

  private constructor(rig: Rig, tier: Tier) {
    this.rig = rig;
    this.types = new ObjectTypes(rig.vm);
    this.item = this.type(ITEM_SIZE, [
      field(ObjectField.TreeNode, TREE_NODE, 32),
      field(ObjectField.ListNode, LIST_NODE, 24),
      field(ObjectField.KptrRef, KPTR, 8),
    ]);
    this.add = rig.vm.load(assemble(ADD), { tier });
    this.context = rig.alloc(16);
  }

  static async create(tier: Tier): Promise<ObjectRig> {
    return new ObjectRig(await Rig.create(), tier);
  }

  get live(): number {
    return this.rig.vm.core.exports.liveObjects() >>> 0;
  }

  type(size: number, fields: readonly ValueField[]): number {
    return this.types.register(fields, size);
  }

  /** bpf_obj_new */
  create(type = this.item, key = 0): bigint {
    const object = this.rig.pointer(ObjectCall.New | type);
    if (object !== 0n && type === this.item) this.store(object, BigInt(key));
    return object;
  }

  drop(object: bigint): void {
    this.rig.call(VmKfunc.ObjDrop, object);
  }

  /** Zeros: an unused root or head. */
  root(): bigint {
    return this.rig.alloc(16);
  }

  /** bpf_rbtree_add of an item. */
  addTo(root: bigint, item: bigint): RunResult {
    this.store(this.context, root);
    this.store(this.context + 8n, item + TREE_NODE);
    return this.rig.vm.run(this.add, this.context, { budget: 1_000_000 });
  }

  first(root: bigint): bigint {
    const node = this.rig.pointer(VmKfunc.TreeFirst, root);
    return node === 0n ? 0n : node - TREE_NODE;
  }

  remove(root: bigint, item: bigint): bigint {
    return this.rig.pointer(VmKfunc.TreeRemove, root, item + TREE_NODE);
  }

  push(head: bigint, item: bigint, back = true): bigint {
    const call = back ? ObjectCall.PushBack : ObjectCall.PushFront;
    return this.rig.call(call | Number(LIST_NODE), head, item + LIST_NODE);
  }

  pop(head: bigint, back = false): bigint {
    const node = this.rig.pointer(back ? VmKfunc.ListPopBack : VmKfunc.ListPopFront, head);
    return node === 0n ? 0n : node - LIST_NODE;
  }

  load(address: bigint): bigint {
    return this.rig.u64(address);
  }

  store(address: bigint, value: bigint): void {
    this.rig.vm.ram.write(address, new Uint8Array(BigUint64Array.of(value).buffer));
  }
}

export function field(kind: ObjectField, offset: bigint | number, size: number, node = 0n): ValueField {
  return { name: '', kind, offset: Number(offset), size, node: Number(node), lock: false };
}
