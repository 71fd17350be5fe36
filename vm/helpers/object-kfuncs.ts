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

/** Kfuncs that allocate an object of the kernel's, and its struct. */
const CREATORS: ReadonlyMap<string, string> = new Map([['bpf_cpumask_create', 'bpf_cpumask']]);

export function isObjectKfunc(name: string): boolean {
  return ALLOCATORS.has(name) || INSERTERS.has(name) || CREATORS.has(name);
}

/** What the vm's number for a type is. */
export interface TypeNumbers {
  /** Of the program's own BTF. */
  ofProgram(allocation: Allocation): number | undefined;
  /** Of the kernel. */
  ofKernel(struct: string): number | undefined;
}

/** Number for the call at a slot; undefined when not enough is known of it. */
export function objectCall(
  name: string,
  slot: number,
  facts: InsnFacts | undefined,
  types: TypeNumbers | undefined,
): number | undefined {
  const struct = CREATORS.get(name);
  if (struct !== undefined) return numbered(ObjectCall.New, types?.ofKernel(struct));
  const allocator = ALLOCATORS.get(name);
  const allocation = facts?.allocations.get(slot);
  if (allocator !== undefined) return numbered(allocator, allocation && types?.ofProgram(allocation));
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
