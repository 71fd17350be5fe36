/** What to do about a rejection, where that is known. */
import { MISSING_TYPE, type MissingReference } from '../../loader/missing.ts';
import type { MessageName } from './categories.ts';
import type { Reason } from './reason.ts';

export interface SuggestionFacts {
  /** The register it is about ("R2"); undefined when there is none. */
  register: string | undefined;
  /** What is known of that register, as the log words it. */
  state: string | undefined;
  /** Name of the function that is called ("bpf_loop"); undefined where nothing is called. */
  callee: string | undefined;
  unprivileged: boolean;
  /** What the loader has left the refused call for. */
  missing: MissingReference | undefined;
}

type Suggestion = string | ((facts: SuggestionFacts, values: readonly string[]) => string | undefined);

const subject = ({ register }: SuggestionFacts) => register ?? 'the value';
const callee = ({ callee: name }: SuggestionFacts) => name ?? 'the function';

const CHECK_NULL: Suggestion = (facts) =>
  facts.state === '0'
    ? `${subject(facts)} is always NULL on this path.`
    : `Compare ${subject(facts)} with NULL, and use it only on the path where it is not.`;
const CHECK_RANGE: Suggestion = (facts) =>
  `Limit the offset in ${subject(facts)} before the access, on this very path: "if (i >= SIZE) return 0;" or "i &= SIZE - 1;". The compiler may have checked a copy: an unsigned type and barrier_var() keep check and use together.`;
const CHECK_PACKET: Suggestion =
  'Compare the end of the access with data_end before it: "if ((void *)(p + 1) > data_end) return ...;". A helper that changes the packet ends what was known: load data and data_end again after it.';
const INITIALISE: Suggestion = (facts) =>
  `Give ${subject(facts)} a value on every path that leads here; r1-r5 do not survive a call.`;
const RELEASE: Suggestion = (_, [id, insn]) =>
  `What instruction ${insn} acquired (id ${id}) has to be released, or stored with bpf_kptr_xchg(), on every path to the exit, early returns included.`;
const LOAD_ROOT = 'Load the program as root, or with CAP_BPF and CAP_PERFMON.';

const OTHER_HELPER: Suggestion = (facts) =>
  `${callee(facts)} is not available to this program type (or not without CAP_PERFMON or CAP_BPF): use another helper, or another program type.`;
const RETURN_ALLOWED: Suggestion = (facts, values) =>
  `${values[1] === 'R0' || facts.register === 'R0' ? 'Return' : 'Use'} only what the hook allows; a mask or an explicit "return 0;" at the end makes it certain.`;

const SUGGESTIONS: { readonly [N in MessageName]?: Suggestion } = {
  NOT_READABLE: INITIALISE,
  UNWRITTEN_STACK:
    'Write all bytes of the buffer first, padding between the fields of a struct included: "struct key k = {};" or __builtin_memset().',
  BAD_STACK_READ: 'Write all bytes of the place on the stack before they are read.',
  INVALID_MEM_ACCESS: (facts, values) => {
    const type = values.at(-1) ?? '';
    if (type.includes('_or_null')) return callOf(CHECK_NULL, facts, values);
    if (type !== 'scalar') return undefined;
    return `${subject(facts)} is a number here, not a pointer that may be followed. Memory of the kernel is read with bpf_probe_read_kernel() or BPF_CORE_READ(), or through a typed pointer (BTF); a pointer that went through arithmetic or a partial store stops being one.`;
  },
  POINTER_NULL_CHECK: CHECK_NULL,
  HELPER_MAY_BE_NULL: CHECK_NULL,
  KFUNC_MAYBE_NULL: CHECK_NULL,
  EXPECTS_NON_NULL: CHECK_NULL,
  BAD_MAP_VALUE: CHECK_RANGE,
  MAX_OUTSIDE: CHECK_RANGE,
  MIN_OUTSIDE: CHECK_RANGE,
  BAD_MEMORY: CHECK_RANGE,
  UNBOUNDED_ACCESS: CHECK_RANGE,
  POINTER_UNBOUNDED: CHECK_RANGE,
  NEGATIVE_MIN: (facts) =>
    `${subject(facts)} may be negative: make the index unsigned, or check "if (i < 0) return 0;" too.`,
  SIZE_NEGATIVE: (facts) =>
    `${subject(facts)} is a size and may be negative: make it unsigned, and limit it ("if (n > sizeof(buf)) n = sizeof(buf);").`,
  SIZE_UNBOUNDED: (facts) =>
    `${subject(facts)} is a size without an upper limit: "if (n > sizeof(buf)) n = sizeof(buf);" or "n &= sizeof(buf) - 1;" right before the call.`,
  SIZE_ZERO: (facts) => `${subject(facts)} is a size and may be 0, which ${callee(facts)} does not take.`,
  BAD_PACKET: CHECK_PACKET,
  OUTSIDE_PACKET: CHECK_PACKET,
  BAD_STACK_ACCESS: 'The stack of a function has 512 bytes, below its frame pointer: look at index and size.',
  UNBOUNDED_STACK: CHECK_RANGE,
  BAD_VARIABLE_STACK: CHECK_RANGE,
  BAD_CTX:
    'The context of this program type has no field there, or it may not be read (or written) with this size: fields are accessed whole, with their own size, and few may be written.',
  BEYOND_STRUCT:
    "The field is not in this kernel's struct: read it by CO-RE (BPF_CORE_READ, preserve_access_index), or ask bpf_core_field_exists() first.",
  READ_ONLY:
    'Structs of the kernel can be read through BTF pointers, not written; what may be changed has a helper or a kernel function for it.',
  STORE_FORBIDDEN: 'Only some fields may be written, by some program types; the others are read only.',
  MAP_WRITE_FORBIDDEN: 'The map is read-only for programs (BPF_F_RDONLY_PROG, or .rodata): write elsewhere.',
  MAP_WRITE_BARRED: 'The map is read-only for programs (BPF_F_RDONLY_PROG, or .rodata): write elsewhere.',
  PACKET_READ_ONLY: 'This program type may only read the packet; bpf_skb_store_bytes() may be available.',
  CANNOT_WRITE: (facts) => `${subject(facts)} points to memory that is only there to be read.`,
  FRAME_POINTER_READ_ONLY: 'r10 is the frame pointer; copy it to another register to compute an address.',
  INFINITE_LOOP:
    'The loop came back to a state it was in before: nothing that is known changes from round to round. Count with a variable that the exit condition compares, use bpf_for()/bpf_loop(), or "#pragma unroll".',
  BACK_EDGE: 'Loops need CAP_BPF; without it unroll them ("#pragma unroll").',
  TOO_MANY_INSNS:
    'One million instructions were followed. Make loops shorter or use bpf_loop()/bpf_for(), split the program into global functions (each is verified once), and merge paths early.',
  TOO_MANY_BRANCHES:
    'More than 8192 branches wait at once. Split the program into global functions, or put tail calls between its parts.',
  LOOP_LIMIT: 'bpf_loop() takes at most 1 << 23 rounds.',
  UNREACHABLE: 'No path leads to this instruction: remove it, or the jump over it is wrong.',
  LAST_INSN: 'A function has to end with exit or with a jump.',
  JUMP_OUT_OF_RANGE: 'Jumps may not leave their function.',
  CALL_TOO_DEEP: 'At most 8 frames: make the chain of calls shorter, or inline some (__always_inline).',
  COMBINED_STACK:
    'A chain of calls has 512 bytes of stack in all: move buffers to a per-CPU array map, or make them smaller.',
  TAIL_CALL_STACK: 'Functions that tail call may be called with at most 256 bytes of stack in use.',
  UNKNOWN_HELPER: ({ missing }, values) => {
    if (missing?.kind === 'kfunc')
      return `This kernel has no function ${missing.what} for programs: ask bpf_ksym_exists(${missing.what}) before the call.`;
    if (missing || values.includes(String(MISSING_TYPE)))
      return `The loader put this call where a CO-RE relocation failed${missing ? ` (${missing.what})` : ''}: the type or field is not in this kernel, or is of another type there. Ask bpf_core_field_exists(), bpf_core_type_exists() or bpf_core_enum_value_exists() first, or declare it as this kernel has it.`;
    return 'This kernel has no helper of that number; feature probes and CO-RE can leave the call out.';
  },
  HELPER_REFUSED: OTHER_HELPER,
  HELPER_REFUSED_PLAIN: OTHER_HELPER,
  HELPER_GPL: 'Declare a GPL-compatible licence: char LICENSE[] SEC("license") = "GPL";',
  KFUNC_NOT_GPL: 'Declare a GPL-compatible licence: char LICENSE[] SEC("license") = "GPL";',
  STRUCT_LICENCE: 'Declare a GPL-compatible licence: char LICENSE[] SEC("license") = "GPL";',
  LSM_LICENCE: 'Declare a GPL-compatible licence: char LICENSE[] SEC("license") = "GPL";',
  STRUCT_OPS_LICENCE: 'Declare a GPL-compatible licence: char LICENSE[] SEC("license") = "GPL";',
  KFUNC_NOT_ALLOWED: (_, [name]) =>
    `The kernel does not offer ${name} to this program type; bpf_ksym_exists() can leave the call out.`,
  HELPER_SLEEPS: (facts) =>
    `${callee(facts)} may sleep: make the program sleepable (SEC("iter.s/..."), SEC("lsm.s/..."), ...) where the hook allows it.`,
  KFUNC_SLEEPABLE: (_, [name]) =>
    `${name} may sleep: make the program sleepable (SEC("iter.s/..."), SEC("lsm.s/..."), ...) where the hook allows it.`,
  SLEEPABLE_MAP: 'Sleepable programs can use array, hash, ring buffer, arena and local storage maps only.',
  MAP_MISMATCH: (facts, [type]) => `${callee(facts)} does not work on a map of type ${type}.`,
  TYPE_IS: (facts, values) => {
    if (values.join(' ').includes('_or_null')) return callOf(CHECK_NULL, facts, values);
    return `${callee(facts)} needs another kind of argument in ${subject(facts)}: the message names the kinds it takes.`;
  },
  KFUNC_UNTRUSTED: (facts) =>
    `${subject(facts)} has to be a pointer that is surely alive: an argument of the hook, the result of an acquiring function, or one read inside of bpf_rcu_read_lock().`,
  KFUNC_NOT_RCU: (facts) =>
    `Read ${subject(facts)} and use it between bpf_rcu_read_lock() and bpf_rcu_read_unlock().`,
  UNRELEASED: RELEASE,
  EXIT_LOCK: 'Unlock on every path, before every return.',
  EXIT_RCU: 'Call bpf_rcu_read_unlock() on every path, before every return.',
  EXIT_PREEMPT: 'Call bpf_preempt_enable() on every path, before every return.',
  CALL_UNDER_LOCK:
    'Between bpf_spin_lock() and bpf_spin_unlock() nothing may be called: do it before or after.',
  GRAPH_NEEDS_LOCK: 'Take the bpf_spin_lock that stands in the same structure before, and release it after.',
  LOCK_TWO: 'Only one spin lock may be held at a time.',
  UNLOCK_NONE: 'There is no lock to release on this path.',
  RETURN_RANGE: RETURN_ALLOWED,
  RETURN_BITS: RETURN_ALLOWED,
  RETURN_UNKNOWN: RETURN_ALLOWED,
  RETURNS_POINTER: 'A program returns a number: it may not return a pointer.',
  SUBPROG_RETURN: 'A function of a program returns a number when it is verified on its own (global).',
  LEAKS_ADDRESS: LOAD_ROOT,
  HELPER_LEAK: LOAD_ROOT,
  RETURN_LEAK: LOAD_ROOT,
  LEAK_FROM_STACK: LOAD_ROOT,
  CALLS_NEED_CAPABILITY: LOAD_ROOT,
  STACK_OUT_OF_RANGE: LOAD_ROOT,
  MAP_VALUE_OUT_OF_RANGE: LOAD_ROOT,
  SPEC_BOUNDS: LOAD_ROOT,
  SPEC_TYPE: LOAD_ROOT,
  SPEC_PATHS: LOAD_ROOT,
  SPEC_LIMIT: LOAD_ROOT,
  STACK_VARIABLE_HEAD: LOAD_ROOT,
  VARIABLE_STACK_UNPRIV: LOAD_ROOT,
  STRUCT_CAPABILITY: 'Load the program with CAP_PERFMON.',
  POINTER_COMPARISON: (facts) =>
    facts.unprivileged ? LOAD_ROOT : 'Compare numbers, or packet pointers with data_end.',
  POINTER_ARITHMETIC: (facts) => (facts.unprivileged ? LOAD_ROOT : undefined),
  POINTER_PROHIBITED: 'No offset may be added to this kind of pointer.',
  POINTER_BITWISE: 'Pointers only take addition and subtraction; mask the offset before it is added.',
  POINTER_OPERATOR: 'Pointers only take addition and subtraction.',
  POINTER_32BIT: 'The arithmetic is done in 32 bits and would cut the pointer: use 64-bit variables.',
  PARTIAL_COPY: 'A 32-bit move would cut the pointer: use 64-bit variables.',
  POINTER_AND_POINTER: 'Two pointers cannot be added; subtract them only when both point into the packet.',
  MODIFIED_POINTER: (facts) =>
    `${subject(facts)} was changed by an offset and has to be used as it came; put the offset into the access itself.`,
  VARIABLE_ACCESS: (facts) => `${subject(facts)} may only be accessed at a constant offset.`,
  DIFFERENT_POINTERS:
    'One instruction accesses different kinds of pointers on different paths: keep the accesses apart (barrier(), or no common tail).',
  MISALIGNED: 'Align the field, or access it in smaller pieces.',
  MISALIGNED_PACKET: 'Align the field, or access it in smaller pieces.',
  CORRUPT_SPILL: 'A pointer stored on the stack was partly overwritten.',
  DYNPTR_NOT_INIT: (facts) => `Make the dynptr (bpf_dynptr_from_mem(), ...) before ${callee(facts)} uses it.`,
  DYNPTR_NOT_UNINIT: 'The place already holds a dynptr: use another variable, or release it first.',
  ITER_NOT_INIT: (facts) => `Call the iterator's _new() before ${callee(facts)}, and _destroy() at the end.`,
  ITER_NOT_UNINIT: 'Call _destroy() before the variable is used for another iteration.',
  FIELD_ACCESS: 'The field belongs to the kernel: only its own helpers may touch it.',
  NO_MATCHES: 'The type of the argument is not in this kernel: use one that is, or pass a plain structure.',
  CALLBACK_NOT_STATIC: 'Make the callback static.',
  TARGET_NOT_MODIFIABLE: 'fmod_ret can be attached to functions that allow error injection, and LSM hooks.',
  TARGET_NOT_SLEEPABLE: 'The hook cannot sleep: take the program type without ".s".',
};

function callOf(suggestion: Suggestion, facts: SuggestionFacts, values: readonly string[]) {
  return typeof suggestion === 'string' ? suggestion : suggestion(facts, values);
}

/** What to try; undefined when nothing general can be said. */
export function suggestionFor(reason: Reason, facts: SuggestionFacts): string | undefined {
  const suggestion = reason.name && SUGGESTIONS[reason.name];
  return suggestion === undefined ? undefined : callOf(suggestion, facts, reason.values);
}
