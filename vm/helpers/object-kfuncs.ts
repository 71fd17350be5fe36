/** Kfuncs whose call the verifier has to know: of which type the object is, where its node stands. */
import type { Insn } from '../../bpf/decode.ts';
import { HelperId } from '../../bpf/helper-id.ts';
import type { Allocation, InsnFacts } from '../../bpf/insn-facts.ts';
import { ObjectCall } from '../../bpf/object-abi.ts';
import { VmKfunc } from '../../bpf/vm-call.ts';

const ALLOCATORS: ReadonlyMap<string, ObjectCall> = new Map<string, ObjectCall>([
  ['bpf_obj_new_impl', ObjectCall.New],
  ['bpf_percpu_obj_new_impl', ObjectCall.PercpuNew],
]);
const INSERTERS: ReadonlyMap<string, ObjectCall> = new Map<string, ObjectCall>([
  ['bpf_list_push_front_impl', ObjectCall.PushFront],
  ['bpf_list_push_back_impl', ObjectCall.PushBack],
  ['bpf_rbtree_add_impl', ObjectCall.TreeAdd],
]);
/** Helpers that mean something else for objects with a copy for each CPU. */
const PERCPU: ReadonlyMap<number, number> = new Map<number, number>([
  [HelperId.PerCpuPtr, VmKfunc.PercpuObjectPtr],
  [HelperId.ThisCpuPtr, VmKfunc.ThisCpuObjectPtr],
]);

export function isObjectKfunc(name: string): boolean {
  return ALLOCATORS.has(name) || INSERTERS.has(name);
}

/** Number for the call at a slot; undefined when not enough is known of it. */
export function objectCall(
  name: string,
  slot: number,
  facts: InsnFacts | undefined,
  typeNumber: ((allocation: Allocation) => number) | undefined,
): number | undefined {
  const allocator = ALLOCATORS.get(name);
  const allocation = facts?.allocations.get(slot);
  if (allocator !== undefined) return numbered(allocator, allocation && typeNumber?.(allocation));
  return numbered(INSERTERS.get(name), facts?.nodeOffsets.get(slot));
}

/** Number for a helper call about an object with a copy for each CPU; undefined for any other call. */
export function percpuObjectCall({ slot, imm }: Insn, facts: InsnFacts | undefined): number | undefined {
  return facts?.percpuObjects.has(slot) ? PERCPU.get(imm) : undefined;
}

function numbered(call: ObjectCall | undefined, operand: number | undefined): number | undefined {
  if (call === undefined || operand === undefined || operand > ObjectCall.Operand) return undefined;
  return call | operand;
}
