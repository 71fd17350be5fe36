/**
 * Every text the verifier prints that is part of its interface: the same wording as Linux 6.12, because tools
 * and people match on it. Directives as in log.ts. Grouped by concern; `BUG_` texts should never be seen.
 */

/* Limits of this verifier, which Linux does not have. */
export const OUT_OF_MEMORY = 'the verifier has not enough memory for the states of this program\n';
export const TOO_MUCH_EFFORT = 'the verifier has given up: the program takes too many steps to verify\n';

/* Registers and liveness. */
export const BAD_REGISTER = 'R%d is invalid\n';
export const NOT_READABLE = 'R%d !read_ok\n';
export const FRAME_POINTER_READ_ONLY = 'frame pointer is read only\n';
export const BUG_READ_OF_DONE = 'verifier BUG type %z var_off %d off %d\n';

/* Precision. */
export const PRECISE_REGS = 'mark_precise: frame%d: regs=';
export const PRECISE_STACK = ' stack=';
export const PRECISE_BEFORE = ' before %d: ';
export const PRECISE_PARENT = 'mark_precise: frame%d: parent state regs=';
export const PRECISE_RANGE = 'mark_precise: frame%d: last_idx %d first_idx %d subseq_idx %d \n';
export const FORCE_PRECISE = 'mark_precise: frame%d: falling back to forcing all scalars precise\n';
export const FORCE_PRECISE_REG = 'force_precise: frame%d: forcing r%d to be precise\n';
export const FORCE_PRECISE_SLOT = 'force_precise: frame%d: forcing fp%d to be precise\n';
export const BUG_REGS = 'BUG regs %x\n';
export const BUG_SLOTS = 'BUG stack slots %x\n';
export const BUG_ENTRY = 'BUG backtracking func entry subprog %d reg_mask %x stack_mask %x\n';
export const BUG_SLOT_BOUNDS = 'BUG backtracking (stack slot %d, total slots %d)\n';
export const BUG_BACKTRACK_INDEX = 'BUG backtracking idx %d\n';
export const BUG_BACKTRACK_FRAME = 'BUG subprog enter from frame out of range\n';
export const BUG_PRECISE_POINTER = 'backtracing misuse\n';

/* Exploration. */
export const FROM_TO = '\nfrom %d to %d%s:';
export const FROM_TO_SAFE = '\nfrom %d to %d%s: safe\n';
export const SPECULATIVE = ' (speculative execution)';
export const SAFE = '%d: safe\n';
export const INFINITE_LOOP = 'infinite loop detected at insn %d\n';
export const CURRENT_STATE = 'cur state:';
export const OLD_STATE = 'old state:';
export const PROPAGATING_REG = 'frame %d: propagating r%d';
export const PROPAGATING_SLOT = 'frame %d: propagating fp%d';
export const TOO_MANY_INSNS = 'BPF program is too large. Processed %d insn\n';
export const TOO_MANY_BRANCHES = 'The sequence of %d jumps is too complex.\n';
export const BAD_INSN_INDEX = 'invalid insn idx %d insn_cnt %d\n';
export const PROCESSED_HEAD = 'processed %d insns (limit %d) max_states_per_insn %d ';
export const PROCESSED_TAIL = 'total_states %d peak_states %d mark_read %d\n';
export const VERIFICATION_TIME = 'verification time %d usec\n';

/* Arithmetic. */
export const NEG_RESERVED = 'BPF_NEG uses reserved fields\n';
export const END_RESERVED = 'BPF_END uses reserved fields\n';
export const MOV_RESERVED = 'BPF_MOV uses reserved fields\n';
export const ALU_RESERVED = 'BPF_ALU uses reserved fields\n';
export const BAD_ALU = 'invalid BPF_ALU opcode %x\n';
export const DIV_BY_ZERO = 'div by zero\n';
export const BAD_SHIFT = 'invalid shift %d\n';
export const CAST_SPACES = 'addr_space_cast insn can only convert between address space 1 and 0\n';
export const CAST_WITHOUT_ARENA =
  'addr_space_cast insn can only be used in a program that has an associated arena\n';
export const POINTER_ARITHMETIC = 'R%d pointer arithmetic prohibited\n';
export const SIGN_EXTEND_POINTER = 'R%d sign-extension part of pointer\n';
export const PARTIAL_COPY = 'R%d partial copy of pointer\n';
export const POINTER_AND_POINTER = 'R%d pointer %s pointer prohibited\n';
export const INVARIANTS_HEAD = 'REG INVARIANTS VIOLATION (%s): %s u64=[%X, %X] s64=[%X, %X] ';
export const INVARIANTS_TAIL = 'u32=[%X, %X] s32=[%X, %X] var_off=(%X, %X)\n';

/* Pointer arithmetic. */
export const POINTER_MATH = 'math between %z pointer and %d is not allowed\n';
export const POINTER_OFFSET = '%z pointer offset %d is not allowed\n';
export const POINTER_UNBOUNDED =
  'math between %z pointer and register with unbounded min value is not allowed\n';
export const POINTER_RUNS_AWAY = 'value %d makes %z pointer be out of bounds\n';
export const POINTER_32BIT = 'R%d 32-bit pointer arithmetic prohibited\n';
export const POINTER_NULL_CHECK = 'R%d pointer arithmetic on %z prohibited, null-check it first\n';
export const POINTER_PROHIBITED = 'R%d pointer arithmetic on %z prohibited\n';
export const POINTER_FROM_SCALAR = 'R%d tried to subtract pointer from scalar\n';
export const STACK_SUBTRACTION = 'R%d subtraction from stack pointer prohibited\n';
export const POINTER_BITWISE = 'R%d bitwise operator %s on pointer prohibited\n';
export const POINTER_OPERATOR = 'R%d pointer arithmetic with %s operator prohibited\n';
export const STACK_VARIABLE_HEAD = 'R%d variable stack access prohibited for !root, var_off=';
export const STACK_VARIABLE_TAIL = ' off=%d\n';
export const STACK_OUT_OF_RANGE =
  'R%d stack pointer arithmetic goes out of range, prohibited for !root; off=%d\n';
export const MAP_VALUE_OUT_OF_RANGE =
  'R%d pointer arithmetic of map value goes out of range, prohibited for !root\n';

/* Speculation. */
export const SPEC_BOUNDS =
  'R%d has unknown scalar with mixed signed bounds, pointer arithmetic with it prohibited for !root\n';
export const SPEC_TYPE =
  'R%d has pointer with unsupported alu operation, pointer arithmetic with it prohibited for !root\n';
export const SPEC_PATHS =
  'R%d tried to %s from different maps, paths or scalars, pointer arithmetic with it prohibited for !root\n';
export const SPEC_LIMIT =
  'R%d tried to %s beyond pointer bounds, pointer arithmetic with it prohibited for !root\n';
export const SPEC_STACK =
  'R%d could not be pushed for speculative verification, pointer arithmetic with it prohibited for !root\n';

/* Branches. */
export const BAD_JMP = 'invalid BPF_JMP/JMP32 opcode %x\n';
export const JMP_RESERVED = 'BPF_JMP/JMP32 uses reserved fields\n';
export const BAD_MAY_GOTO = 'invalid may_goto off %d imm %d\n';
export const POINTER_COMPARISON = 'R%d pointer comparison prohibited\n';

/* Instruction forms. */
export const CALL_RESERVED = 'BPF_CALL uses reserved fields\n';
export const JA_RESERVED = 'BPF_JA uses reserved fields\n';
export const EXIT_RESERVED = 'BPF_EXIT uses reserved fields\n';
export const STX_RESERVED = 'BPF_STX uses reserved fields\n';
export const ST_RESERVED = 'BPF_ST uses reserved fields\n';
export const LD_MODE = 'invalid BPF_LD mode\n';
export const CALL_UNDER_LOCK = 'function calls are not allowed while holding a lock\n';

/* Subprograms and control flow. */
export const CALL_DESTINATION = 'call to invalid destination\n';
export const TOO_MANY_SUBPROGS = 'too many subprograms\n';
export const CALLS_NEED_CAPABILITY =
  'loading/calling other bpf or kernel functions are allowed for CAP_BPF and CAP_SYS_ADMIN\n';
export const FUNC_AT = 'func#%d @%d\n';
export const JUMP_OUT_OF_RANGE = 'jump out of range from insn %d to %d\n';
export const LAST_INSN = 'last insn is not an exit or jmp\n';
export const BACK_EDGE = 'back-edge from insn %d to %d\n';
export const UNREACHABLE = 'unreachable insn %d\n';
export const JUMP_INTO_LDIMM = 'jump into the middle of ldimm64 insn %d\n';

/* Stack. */
export const CORRUPT_SPILL = 'attempt to corrupt spilled pointer on stack\n';
export const BAD_SPILL_SIZE = 'invalid size of register spill\n';
export const BAD_FILL_SIZE = 'invalid size of register fill\n';
export const SPILL_INTO_CALLER = 'cannot spill pointers to stack into stack frame of the caller\n';
export const VARIABLE_WRITE_SPILL = 'spilled ptr in range of var-offset stack write; insn %d, ptr off: %d';
export const VARIABLE_WRITE_UNINIT =
  'uninit stack in range of var-offset write prohibited for !root; insn %d, off: %d';
export const BAD_STACK_READ = 'invalid read from stack off %d+%d size %d\n';
export const LEAK_FROM_STACK = 'leaking pointer from stack off %d\n';
export const VARIABLE_STACK_HELPER =
  'variable offset stack pointer cannot be passed into helper function; var_off=';
export const VARIABLE_STACK_HELPER_TAIL = ' off=%d size=%d\n';

/* Functions verified on their own. */
export const VALIDATING = 'Validating %z() func#%d...\n';
export const SAFE_FOR_ANY = "Func#%d ('%z') is safe for any args that match its prototype\n";
export const SAFE_FOR_ANY_PLAIN = 'Func#%d is safe for any args that match its prototype\n';
export const EXCEPTION_ARGUMENT = 'exception cb only supports single integer argument\n';

/* Memory. */
export const MISALIGNED_PACKET = 'misaligned packet access off %d+';
export const MISALIGNED = 'misaligned %saccess off ';
export const MISALIGNED_TAIL = '+%d+%d size %d\n';
export const BAD_MAP_KEY = 'invalid access to map key, key_size=%d off=%d size=%d\n';
export const BAD_MAP_VALUE = 'invalid access to map value, value_size=%d off=%d size=%d\n';
export const BAD_PACKET = 'invalid access to packet, off=%d size=%d, R%d(id=%d,off=%d,r=%d)\n';
export const BAD_MEMORY = 'invalid access to memory, mem_size=%u off=%d size=%d\n';
export const NEGATIVE_MIN =
  'R%d min value is negative, either use unsigned index or do a if (index >=0) check.\n';
export const MIN_OUTSIDE = 'R%d min value is outside of the allowed memory range\n';
export const MAX_OUTSIDE = 'R%d max value is outside of the allowed memory range\n';
export const UNBOUNDED_ACCESS = 'R%d unbounded memory access, make sure to bounds check any such access\n';
export const OUTSIDE_PACKET = 'R%d offset is outside of the packet\n';
export const NEGATIVE_OFFSET = 'negative offset %z ptr R%d off=%d disallowed\n';
export const MODIFIED_POINTER = 'dereference of modified %z ptr R%d off=%d disallowed\n';
export const VARIABLE_ACCESS = 'variable %z access var_off=';
export const DISALLOWED = ' disallowed\n';
export const BAD_BUFFER = 'R%d invalid %s buffer access: off=%d, size=%d\n';
export const VARIABLE_BUFFER = 'R%d invalid variable buffer offset: off=%d, var_off=';
export const MAP_WRITE_FORBIDDEN = 'write into map forbidden, value_size=%d off=%d size=%d\n';
export const MAP_READ_FORBIDDEN = 'read from map forbidden, value_size=%d off=%d size=%d\n';
export const LEAKS_ADDRESS = 'R%d leaks addr into %s\n';
export const CANNOT_WRITE = 'R%d cannot write into %z\n';
export const INVALID_MEM_ACCESS = "R%d invalid mem access '%z'\n";
export const WRITE_TO_KEY = 'write to change key R%d not allowed\n';
export const PACKET_READ_ONLY = 'cannot write into packet\n';
export const BAD_FLOW_KEYS = 'invalid access to flow keys off=%d size=%d\n';
export const BAD_SOCK = 'R%d invalid %z access off=%d size=%d\n';
export const BAD_CTX = 'invalid bpf_context access off=%d size=%d\n';
export const BAD_STACK_ACCESS = 'invalid%s stack R%d off=%d size=%d\n';
export const BAD_VARIABLE_STACK = 'invalid variable-offset%s stack R%d var_off=';
export const OFF_AND_SIZE = ' off=%d size=%d\n';
export const UNBOUNDED_STACK = 'invalid unbounded variable-offset%s stack R%d\n';
export const ZERO_SIZED_READ = 'invalid zero-sized read\n';
export const VARIABLE_STACK_UNPRIV = 'R%d%s variable offset stack access prohibited for !root, var_off=';
export const UNWRITTEN_STACK = 'invalid%s read from stack R%d off %d+%d size %d\n';
export const UNWRITTEN_VARIABLE = 'invalid%s read from stack R%d var_off ';
export const UNWRITTEN_TAIL = '+%d size %d\n';
export const WRITE_TO_DYNPTR = 'potential write to dynptr at off=%d disallowed\n';
export const DIFFERENT_POINTERS = 'same insn cannot be used with different pointers\n';
export const BAD_ATOMIC = 'BPF_ATOMIC uses invalid atomic opcode %x%x\n';
export const ATOMIC_SIZE = 'invalid atomic operand size\n';
export const ST_TARGET = 'BPF_ST stores into R%d %z is not allowed\n';
export const ATOMIC_TARGET = 'BPF_ATOMIC stores into R%d %z is not allowed\n';

/* References of ld_imm64. */
export const LDX_RESERVED = 'BPF_LDX uses reserved fields\n';
export const BAD_LDIMM = 'invalid bpf_ld_imm64 insn\n';
export const UNKNOWN_LDIMM = 'unrecognized bpf_ld_imm64 insn\n';
export const UNKNOWN_OPCODE = 'unknown opcode %x%x\n';
export const NOT_A_MAP = 'fd %d is not pointing to valid bpf_map\n';
export const TOO_MANY_MAPS = 'The total number of maps per program has reached the limit of %u\n';
export const TRACING_GRAPH = 'tracing progs cannot use bpf_{list_head,rb_root} yet\n';
export const TRACING_LOCK = 'tracing progs cannot use bpf_spin_lock yet\n';
export const TRACING_TIMER = 'tracing progs cannot use bpf_timer yet\n';
export const TRACING_WORKQUEUE = 'tracing progs cannot use bpf_wq yet\n';
export const SOCKET_FILTER_LOCK = 'socket filter progs cannot use bpf_spin_lock yet\n';
export const STRUCT_OPS_MAP = 'bpf_struct_ops map cannot be used in prog\n';
export const SLEEPABLE_MAP = 'Sleepable programs can only use array, hash, ringbuf and local storage maps\n';
export const DIRECT_OFFSET = 'direct value offset of %u is not allowed\n';
export const NO_DIRECT_VALUE = 'no direct value access support for this map type\n';
export const BAD_DIRECT_VALUE = 'invalid access to map value pointer, value_size=%u off=%u\n';
export const ONE_CGROUP_STORAGE = 'only one cgroup storage of each type is allowed\n';
export const ONE_ARENA = 'Only one arena per program\n';
export const ARENA_CAPABILITY = 'CAP_BPF and CAP_PERFMON are required to use arena\n';
export const LD_IMM_FORM = 'invalid BPF_LD_IMM insn\n';
export const LD_IMM_RESERVED = 'BPF_LD_IMM64 uses reserved fields\n';
export const NO_FUNC_INFO = 'missing btf func_info\n';
export const CALLBACK_NOT_STATIC = 'callback function not static\n';
export const CALLBACK_IS_MAIN = 'callback function cannot be the main program\n';

/* Legacy packet loads. */
export const LD_ABS_TYPE = 'BPF_LD_[ABS|IND] instructions not allowed for this program type\n';
export const LD_ABS_CALLBACK = 'cannot use BPF_LD_[ABS|IND] within callback\n';
export const LD_ABS_RESERVED = 'BPF_LD_[ABS|IND] uses reserved fields\n';
export const LD_ABS_REFERENCES = 'BPF_LD_[ABS|IND] cannot be mixed with socket references\n';
export const LD_ABS_LOCK = 'BPF_LD_[ABS|IND] cannot be used inside bpf_spin_lock-ed region\n';
export const LD_ABS_RCU = 'BPF_LD_[ABS|IND] cannot be used inside bpf_rcu_read_lock-ed region\n';
export const LD_ABS_PREEMPT = 'BPF_LD_[ABS|IND] cannot be used inside bpf_preempt_disable-ed region\n';
export const LD_ABS_CTX = 'at the time of BPF_LD_ABS|IND R6 != pointer to skb\n';

/* Calls of helpers. */
export const UNKNOWN_HELPER = 'invalid func %z#%d\n';
export const HELPER_REFUSED = 'program of this type cannot use helper %z#%d\n';
/** The same in kernels before 6.12. */
export const HELPER_REFUSED_PLAIN = 'unknown func %z#%d\n';
export const HELPER_GPL = 'cannot call GPL-restricted function from non-GPL compatible program\n';
export const HELPER_NOT_ALLOWED = 'helper call is not allowed in probe\n';
export const HELPER_SLEEPS = 'helper call might sleep in a non-sleepable prog\n';
export const HELPER_SLEEPS_RCU = 'sleepable helper %z#%d in rcu_read_lock region\n';
export const HELPER_SLEEPS_PREEMPT = 'sleepable helper %z#%d in non-preemptible region\n';
export const HELPER_LEAK = 'R%d leaks addr into helper function\n';
export const HELPER_PACKET = 'helper access to the packet is not allowed\n';
export const NO_MAP_FOR_TYPE = 'invalid map_ptr to access map->type\n';
export const NO_MAP_FOR_KEY = 'invalid map_ptr to access map->key\n';
export const NO_MAP_FOR_VALUE = 'invalid map_ptr to access map->value\n';
export const SOCKMAP_ARGUMENT = 'invalid arg_type for sockmap/sockhash\n';
export const BUG_ARGUMENT = 'verifier internal error: unsupported arg type %d\n';
export const BUG_MISCONFIGURED = 'kernel subsystem misconfigured verifier\n';
export const BUG_TWO_REFERENCES = 'verifier internal error: more than one arg with ref_obj_id R%d %u %u\n';
export const BUG_ALLOC = 'verifier internal error: unimplemented handling of MEM_ALLOC\n';
export const BUG_BTF_REGISTER = 'verifier internal error: invalid PTR_TO_BTF_ID register for type match\n';
export const TYPE_IS = 'R%d type=%z ';
export const TYPE_EXPECTED = 'expected=';
export const MAY_WRITE = '%z() may write into memory pointed by R%d type=';
export const HELPER_MAY_BE_NULL = 'Possibly NULL pointer passed to helper arg%d\n';
export const WRONG_STRUCT = 'R%d is of type %z but %z is expected\n';
export const RELEASE_OFFSET =
  'R%d must have zero offset when passed to release func or trusted arg to kfunc\n';
export const RELEASE_UNREFERENCED = 'R%d must be referenced when passed to release function\n';
export const RELEASE_NOT_ACQUIRED = 'arg %d is an unacquired reference\n';
export const RELEASE_CONST_DYNPTR = 'cannot release unowned const bpf_dynptr\n';
export const NOT_ACQUIRED = 'func %z#%d reference has not been acquired before\n';
export const MAP_UID_MISMATCH = "timer pointer in R1 map_uid=%d doesn't match map pointer in R2 map_uid=%d\n";
export const BAD_PERCPU_ID = 'Helper has invalid btf_id in R%d\n';
export const LOCK_IN_RBTREE_CALLBACK = "can't spin_{lock,unlock} in rbtree cb\n";
export const NOT_CONSTANT = "R%d is not a known constant'\n";
export const SIZE_NEGATIVE = "R%d min value is negative, either use unsigned or 'var &= const'\n";
export const SIZE_ZERO = 'R%d invalid zero-sized read: u64=[%d,%d]\n';
export const SIZE_UNBOUNDED = "R%d unbounded memory access, use 'var &= const' or 'if (var < const)'\n";
export const STRING_NOT_READONLY = "R%d does not point to a readonly map'\n";
export const STRING_NOT_CONSTANT = "R%d is not a constant address'\n";
export const STRING_UNTERMINATED = 'string is not zero-terminated\n';
export const STRING_NO_ACCESS = 'direct value access on string failed\n';
export const BAD_FORMAT = 'Invalid format string\n';
export const MAP_WRITE_BARRED = 'write into map forbidden\n';
export const MAP_MISMATCH = 'cannot pass map_type %d into func %z#%d\n';
export const SOCKMAP_CONTEXT = 'cannot update sockmap in this context\n';
export const STORAGE_FLAGS = "get_local_storage() doesn't support non-zero flags\n";
export const DYNPTR_FROM = 'Unsupported reg type %z for bpf_dynptr_from_mem data\n';
export const VOID_HOOK_RETVAL = "BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!\n";
export const PERCPU_NOT_STRUCT = 'Helper has invalid btf/btf_id in R1\n';
export const RETURN_SIZE = "unable to resolve the size of type '%z': %d\n";
export const RETURN_KIND = 'unknown return type %u of func %z#%d\n';
export const FUNC_IP_ATTACH = 'func %z#%d supported only for fentry/fexit/fmod_ret programs\n';
export const FUNC_IP_TYPE = 'func %z#%d not supported for program type %d\n';
export const TAIL_CALL_LOCK = 'tail_call cannot be used inside bpf_spin_lock-ed region\n';
export const TAIL_CALL_LEAK = 'tail_call would lead to reference leak\n';
export const TAIL_CALL_RCU = 'tail_call cannot be used inside bpf_rcu_read_lock-ed region\n';
export const TAIL_CALL_PREEMPT = 'tail_call cannot be used inside bpf_preempt_disable-ed region\n';
export const TAIL_CALL_MAP = 'tail_call abusing map_ptr\n';

/* Locks, timers and kptrs in map values. */
export const LOCK_OFFSET =
  "R%d doesn't have constant offset. bpf_spin_lock has to be at the constant offset\n";
export const LOCK_NO_BTF = "map '%z' has to have BTF in order to use bpf_spin_lock\n";
export const LOCK_NONE = "%s '%z' has no valid bpf_spin_lock\n";
export const LOCK_PLACE = "off %d doesn't point to 'struct bpf_spin_lock' that is at %d\n";
export const LOCK_TWO = 'Locking two bpf_spin_locks are not allowed\n';
export const UNLOCK_NONE = 'bpf_spin_unlock without taking a lock\n';
export const UNLOCK_OTHER = 'bpf_spin_unlock of different lock\n';
export const TIMER_OFFSET = "R%d doesn't have constant offset. bpf_timer has to be at the constant offset\n";
export const TIMER_NO_BTF = "map '%z' has to have BTF in order to use bpf_timer\n";
export const TIMER_NONE = "map '%z' has no valid bpf_timer\n";
export const TIMER_PLACE = "off %d doesn't point to 'struct bpf_timer' that is at %d\n";

/* Calls of subprograms and callbacks. */
export const CALL_TOO_DEEP = 'the call stack of %d frames is too deep\n';
export const GLOBAL_LOCK =
  'global function calls are not allowed while holding a lock,\nuse static function instead\n';
export const GLOBAL_PREEMPT =
  'global function calls are not allowed with preemption disabled,\nuse static function instead\n';
export const GLOBAL_ARGUMENTS = "Caller passes invalid args into func#%d ('%z')\n";
export const GLOBAL_ARGUMENTS_PLAIN = 'Caller passes invalid args into func#%d\n';
export const GLOBAL_VALID = 'Func#%d is global and valid. Skipping.\n';
export const GLOBAL_ASSUMED = "Func#%d ('%z') is global and assumed valid.\n";
export const NOT_SCALAR = 'R%d is not a scalar\n';
export const EXPECTS_CTX = 'arg#%d expects pointer to ctx\n';
export const EXPECTS_NON_NULL = 'arg#%d is expected to be non-NULL\n';
export const EXPECTS_ARENA = 'R%d is not a pointer to arena or scalar.\n';
export const BUG_SUBPROG_ARGUMENT = 'verifier bug: unrecognized arg#%d type %d\n';
export const CALLER = 'caller:\n';
export const CALLEE = 'callee:\n';
export const RETURNING = 'returning from callee:\n';
export const TO_CALLER = 'to caller at %d:\n';
export const CALLBACK_MAP = 'callback function not allowed for map\n';
export const LOOP_LIMIT = 'frame%d bpf_loop iteration limit reached\n';

/* Exits. */
export const EXIT_LOCK = 'bpf_spin_unlock is missing\n';
export const EXIT_RCU = 'bpf_rcu_read_unlock is missing\n';
export const EXIT_PREEMPT = '%d bpf_preempt_enable%s missing\n';
export const THROW_LOCK = 'bpf_throw cannot be used inside bpf_spin_lock-ed region\n';
export const THROW_RCU = 'bpf_throw cannot be used inside bpf_rcu_read_lock-ed region\n';
export const THROW_PREEMPT = 'bpf_throw cannot be used inside bpf_preempt_disable-ed region\n';
export const UNRELEASED = 'Unreleased reference id=%d alloc_insn=%d\n';
export const RETURNS_STACK = 'cannot return stack pointer to the caller\n';
export const RETURNS_POINTER = 'R0 not a scalar value\n';
export const RETURN_LEAK = 'R%d leaks addr as return value\n';
export const SUBPROG_RETURN = 'At subprogram exit the register R%d is not a scalar value (%z)\n';
export const RETURN_NOT_KNOWN = '%s the register R%d is not a known value (%z)\n';
/** Values and range as known bits, in kernels before 6.8. */
export const RETURN_BITS = '%s the register %s has value (%X; %X) should have been in (%X; %X)\n';
export const RETURN_UNKNOWN = '%s the register %s has unknown scalar value should have been in (%X; %X)\n';
export const RETURN_RANGE = '%s the register %s has';
export const RETURN_RANGE_TAIL = ' should have been in [%d, %d]\n';
export const VOID_HOOK_NOTE =
  "Note, BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!\n";

/* Stack of call chains. */
export const LD_ABS_IN_CALLBACK = 'cannot use BPF_LD_[ABS|IND] within callback\n';
export const TAIL_CALL_STACK =
  'tail_calls are not allowed when call stack of previous frames is %d bytes. Too large\n';
export const COMBINED_STACK = 'combined stack size of %d calls is %d. Too large\n';
export const THROW_IN_CALLBACK = 'bpf_throw kfunc (insn %d) cannot be called from callback subprog %d\n';
export const EXCEPTION_CALLED = 'insn %d cannot call exception cb directly\n';
export const CHAIN_TOO_DEEP = 'the call stack of %d frames is too deep !\n';
export const EXCEPTION_TAIL_CALL = 'cannot tail call within exception cb\n';

/* Kfuncs: which there are. */
export const KFUNC_NOT_GPL = 'cannot call kernel function from non-GPL compatible program\n';
export const KFUNC_NEGATIVE_SLOT = 'negative offset disallowed for kernel module function call\n';
export const KFUNC_BAD_BTF_FD = 'invalid module BTF fd specified\n';
export const KFUNC_NOT_MODULE = 'BTF fd for kfunc is not a module BTF\n';
export const KFUNC_NO_BTF = 'failed to find BTF for kernel function\n';
export const KFUNC_TOO_MANY = 'too many different kernel function calls\n';
export const KFUNC_NOT_FUNCTION = 'kernel btf_id %u is not a function\n';
export const KFUNC_NO_PROTOTYPE = 'kernel function btf_id %u does not have a valid func_proto\n';
export const KFUNC_NO_ADDRESS = 'cannot find address for kernel function %z\n';
export const KFUNC_DEVICE_ONLY = 'metadata kfuncs require device-bound program\n';
export const KFUNC_TOO_MANY_PARAMETERS = 'The function %z has %d arguments. Too many.\n';
export const KFUNC_NOT_ELIMINATED = 'invalid kernel function call not eliminated in verifier pass\n';
export const KFUNC_NOT_ALLOWED = 'calling kernel function %z is not allowed\n';
export const KFUNC_DESTRUCTIVE = 'destructive kfunc calls require CAP_SYS_BOOT capability\n';
export const KFUNC_SLEEPABLE = 'program must be sleepable to call sleepable kfunc %z\n';

/* Kfuncs: arguments. */
export const KFUNC_ARG_COUNT = 'Function %z has %d > %d args\n';
export const KFUNC_NOT_SCALAR = 'R%d is not a scalar\n';
export const KFUNC_ONE_CONSTANT = 'verifier internal error: only one constant argument permitted\n';
export const KFUNC_KNOWN_CONSTANT = 'R%d must be a known constant\n';
export const KFUNC_TWO_BUF_SIZES = '2 or more rdonly/rdwr_buf_size parameters for kfunc';
export const KFUNC_NOT_CONST = 'R%d is not a const\n';
export const KFUNC_BUF_SIZE = 'R%d rdonly/rdwr_buf_size exceeds u32 max\n';
export const KFUNC_ARG_TYPE = 'Unrecognized arg#%d type %z\n';
export const KFUNC_MAYBE_NULL = 'Possibly NULL pointer passed to trusted arg%d\n';
export const KFUNC_TWO_REFS = 'verifier internal error: more than one arg with ref_obj_id R%d %u %u\n';
export const KFUNC_POINTER_TYPE = 'kernel function %z args#%d pointer type %z %z is not supported\n';
export const KFUNC_TOO_DEEP = 'max struct nesting depth exceeded\n';
export const KFUNC_POINTEE = 'arg#%d pointer type %z %z must point to %sscalar, or struct with scalar\n';
export const KFUNC_NOT_MAP = "pointer in R%d isn't map pointer\n";
export const KFUNC_WQ_MAP = "workqueue pointer in R1 map_uid=%d doesn't match map pointer in R2 map_uid=%d\n";
export const KFUNC_UNTRUSTED = 'R%d must be referenced or trusted\n';
export const KFUNC_NOT_RCU = 'R%d must be a rcu pointer\n';
export const KFUNC_NOT_CTX = 'arg#%d expected pointer to ctx, but got %z\n';
export const KFUNC_FOR_DROP = 'arg#%d expected for bpf_obj_drop_impl()\n';
export const KFUNC_FOR_PERCPU_DROP = 'arg#%d expected for bpf_percpu_obj_drop_impl()\n';
export const KFUNC_NOT_ALLOCATED = 'arg#%d expected pointer to allocated object\n';
export const KFUNC_UNREFERENCED = 'allocated object must be referenced\n';
export const KFUNC_ROOT_PLACE = 'arg#%d expected pointer to map value or allocated object\n';
export const KFUNC_ARG_IS = 'arg#%d is %z ';
export const KFUNC_ARG_EXPECTED = 'expected %z or socket\n';
export const KFUNC_WRONG_STRUCT =
  'kernel function %z args#%d expected pointer to %s %z but R%d has a pointer to ';
export const KFUNC_WRONG_STRUCT_TAIL = '%s %z\n';
export const KFUNC_NO_SIZE = "arg#%d reference type('%z %z') size cannot be determined: %d\n";
export const KFUNC_MUST_BE_REFERENCED = 'R%d must be referenced\n';
export const KPTR_GET_VALUE = 'arg#%d expected pointer to map value\n';
export const KPTR_GET_OFFSET = 'arg#%d must have constant offset\n';
export const KPTR_GET_PLACE = 'arg#0 no referenced kptr at map value offset=%d\n';
export const KPTR_GET_DOUBLE = 'arg#%d BTF type must be a double pointer\n';
export const KPTR_GET_TYPE = 'kernel function %z args#%d expected pointer to %s %z\n';
export const KFUNC_PAIR = 'arg#%d arg#%d memory, len pair leads to invalid memory access\n';
export const KFUNC_NOT_FUNC = 'arg%d expected pointer to func\n';
export const KFUNC_NOT_OWNED = 'arg#%d is neither owning or non-owning ref\n';
export const KFUNC_NO_REFCOUNT = "arg#%d doesn't point to a type with bpf_refcount field\n";
export const KFUNC_NOT_STRING = "arg#%d doesn't point to a const string\n";
export const KFUNC_NOT_MAP_VALUE = "arg#%d doesn't point to a map value\n";
export const KFUNC_NO_RELEASE = 'release kernel function %z expects refcounted PTR_TO_BTF_ID\n';
export const KFUNC_WQ_OFFSET = "off %d doesn't point to 'struct bpf_wq' that is at %d\n";
export const BUG_CLONE_KIND = 'verifier internal error: no dynptr type for parent of clone\n';
export const BUG_CLONE_REF = 'verifier internal error: missing ref obj id for parent of clone\n';
export const BUG_DYNPTR_ID = 'verifier internal error: failed to obtain dynptr id\n';

/* Kfuncs: what they do and return. */
export const KFUNC_CALLBACK = 'kfunc %z#%d failed callback verification\n';
export const KFUNC_NOT_ACQUIRED = 'kfunc %z#%d reference has not been acquired before\n';
export const KFUNC_CONVERSION = 'kfunc %z#%d conversion of owning ref to non-owning failed\n';
export const KFUNC_ACQUIRES = 'acquire kernel function does not return PTR_TO_BTF_ID\n';
export const KFUNC_LOCAL_TYPE = 'local type ID argument must be in range [0, U32_MAX]\n';
export const KFUNC_NEEDS_BTF = 'bpf_obj_new/bpf_percpu_obj_new requires prog BTF\n';
export const KFUNC_NOT_STRUCT = 'bpf_obj_new/bpf_percpu_obj_new type ID argument must be of a struct\n';
export const KFUNC_PERCPU_SIZE = 'bpf_percpu_obj_new type size (%d) is greater than %d\n';
export const KFUNC_PERCPU_SCALARS = 'bpf_percpu_obj_new type ID argument must be of a struct of scalars\n';
export const KFUNC_PERCPU_FIELDS = 'bpf_percpu_obj_new type ID argument must not contain special fields\n';
export const KFUNC_CAST_STRUCT = 'kfunc bpf_rdonly_cast type ID argument must be of a struct\n';
export const KFUNC_NO_PACKET_WRITE = 'the prog does not allow writes to packet data\n';
export const KFUNC_RETURNS = 'kernel function %z returns pointer type %z %z is not supported\n';
export const KFUNC_UNHANDLED = 'kernel function %z unhandled dynamic return type\n';
export const BUG_SLICE_SIZE = 'verifier internal error: bpf_dynptr_slice(_rdwr) no constant size\n';
export const BUG_SLICE_ID = 'verifier internal error: no dynptr id\n';

/* Objects on the stack. */
export const OBJECT_VARIABLE = '%s has to be at a constant offset\n';
export const OBJECT_OFFSET = 'cannot pass in %s at an offset=%d\n';
export const DYNPTR_OVERWRITE = 'cannot overwrite referenced dynptr\n';
export const DYNPTR_EXPECTED = 'arg#%d expected pointer to stack or const struct bpf_dynptr\n';
export const DYNPTR_NOT_UNINIT = 'Dynptr has to be an uninitialized dynptr\n';
export const DYNPTR_CONST = 'cannot pass pointer to const bpf_dynptr, the helper mutates it\n';
export const DYNPTR_NOT_INIT = 'Expected an initialized dynptr as arg #%d\n';
export const DYNPTR_KIND = 'Expected a dynptr of type %s as arg #%d\n';
export const BUG_DYNPTR_FLAGS = 'verifier internal error: misconfigured dynptr helper type flags\n';
export const BUG_REF_OBJ_ID = 'verifier internal error: misconfigured ref_obj_id\n';
export const ITER_EXPECTED = 'arg#%d expected pointer to an iterator on stack\n';
export const ITER_BAD_TYPE = 'expected valid iter pointer as arg #%d\n';
export const ITER_NOT_UNINIT = 'expected uninitialized iter_%z as arg #%d\n';
export const ITER_NOT_INIT = 'expected an initialized iter_%z as arg #%d\n';
export const ITER_NEEDS_RCU = 'expected an RCU CS when using %z\n';
export const ITER_CSS_TASK = 'css_task_iter is only allowed in bpf_lsm, bpf_iter and sleepable progs\n';
export const BUG_ITER_PARENT = 'bug: bad parent state for iter next call';
export const BUG_ITER_PHASE = 'verifier internal error: unexpected iterator state %d (%s)\n';

/* Sections. */
export const RCU_IN_TREE_CALLBACK = 'Calling bpf_rcu_read_{lock,unlock} in unnecessary rbtree callback\n';
export const RCU_NESTED = 'nested rcu read lock (kernel function %z)\n';
export const RCU_SLEEPABLE = 'kernel func %z is sleepable within rcu_read_lock region\n';
export const RCU_UNMATCHED = 'unmatched rcu read unlock (kernel function %z)\n';
export const PREEMPT_SLEEPABLE = 'kernel func %z is sleepable within non-preemptible region\n';
export const PREEMPT_UNMATCHED = 'unmatched attempt to enable preemption (kernel function %z)\n';

/* Lists and trees. */
export const GRAPH_VARIABLE = "R%d doesn't have constant offset. %s has to be at the constant offset\n";
export const GRAPH_NOT_FOUND = '%s not found at offset=%u\n';
export const GRAPH_NEEDS_LOCK = 'bpf_spin_lock at off=%d must be held for %s\n';
export const GRAPH_OTHER_LOCK = 'held lock and object are not in the same allocation\n';
export const GRAPH_WRONG_STRUCT = 'operation on %s expects arg#1 %s at offset=%d in struct %z, ';
export const GRAPH_WRONG_STRUCT_TAIL = 'but arg is at offset=%d in struct %z\n';
export const GRAPH_WRONG_OFFSET = 'arg#1 offset=%d, but expected %s at offset=%d in struct %z\n';
export const TREE_REMOVE_NODE = 'rbtree_remove node input must be non-owning ref\n';
export const TREE_REMOVE_CALLBACK = 'rbtree_remove not allowed in rbtree cb\n';
export const BUG_NON_OWNING_LOCK = 'verifier internal error: ref_set_non_owning w/o active lock\n';
export const BUG_NON_OWNING_SET = 'verifier internal error: NON_OWN_REF already set\n';
export const BUG_NO_REF_ID =
  'verifier internal error: ref_obj_id is zero for owning -> non-owning conversion\n';
export const BUG_NO_REF_STATE = 'verifier internal error: ref state missing for ref_obj_id\n';

/* Structs of the kernel and of programs. */
export const NOT_A_STRUCT = "Type '%z' is not a struct\n";
export const BEYOND_STRUCT = 'access beyond struct %z at off %u size %u\n';
export const POINTER_MEMBER = 'cannot access ptr member %z with moff %u in struct %z with off %u size %u\n';
export const BEYOND_MEMBER =
  'access beyond the end of member %z (mend:%u) in struct %z with off %u size %u\n';
export const MEMBER_SIZE = "field %z doesn't have size\n";
export const NO_MEMBER = "struct %z doesn't have field at offset %d\n";
export const DIRECT_FIELD = 'direct access to %s is disallowed\n';
export const STRUCT_CAPABILITY = "'struct %z' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN\n";
export const STRUCT_LICENCE = "Cannot access kernel 'struct %z' from non-GPL compatible program\n";
export const STRUCT_NEGATIVE = 'R%d is ptr_%z invalid negative access: off=%d\n';
export const STRUCT_VARIABLE = 'R%d is ptr_%z invalid variable offset: off=%d, var_off=';
export const STRUCT_USER = 'R%d is ptr_%z access user memory: off=%d\n';
export const STRUCT_PERCPU = 'R%d is ptr_%z access percpu memory: off=%d\n';
export const READ_ONLY = 'only read is supported\n';
export const STORE_FORBIDDEN = 'no write support to %z at off %d\n';
export const STORE_BEYOND = 'write access at off %d with size %d beyond the member of %z ended at %u\n';
export const BUG_STORE_BTF = 'verifier internal error: reg->btf must be kernel btf\n';
export const BUG_OBJECT_REFERENCE =
  'verifier internal error: ref_obj_id for allocated object must be non-zero\n';
export const MAP_ACCESS_TYPE = 'map_ptr access not supported for map type %d\n';
export const MAP_ACCESS_NEGATIVE = 'R%d is %z invalid negative access: off=%d\n';
export const MAP_ACCESS_WRITE = 'only read from %z is supported\n';

/* Special fields of values. */
export const FIELD_ACCESS = '%s cannot be accessed directly by load/store\n';
export const KPTR_INDIRECT = 'kptr cannot be accessed indirectly by helper\n';
export const KPTR_VARIABLE = 'kptr access cannot have variable offset\n';
export const KPTR_MISALIGNED = 'kptr access misaligned expected=%u off=%u\n';
export const KPTR_SIZE = 'kptr access size must be BPF_DW\n';
export const KPTR_MODE = 'kptr in map can only be accessed using BPF_MEM instruction mode\n';
export const KPTR_STORE = 'store to referenced kptr disallowed\n';
export const KPTR_NOT_ZERO = 'BPF_ST imm must be 0 when storing to kptr at off=%u\n';
export const KPTR_CLASS = 'kptr in map can only be accessed using BPF_LDX/BPF_STX/BPF_ST\n';
export const KPTR_TYPE = 'invalid kptr access, R%d type=%z';
export const KPTR_EXPECTED = ' expected=%z';
export const KPTR_EXPECTED_OR = ' or %z';

/* func_info, line_info, symbols. */
export const FUNC_INFO_START = 'nonzero insn_off %u for the first func info record';
export const FUNC_INFO_ORDER = 'same or smaller insn offset (%u) than previous func info record (%u)';
export const FUNC_INFO_TYPE = 'invalid type id %d in func info';
export const FUNC_INFO_COUNT = "number of funcs in func_info doesn't match number of subprogs\n";
export const FUNC_INFO_LAYOUT = "func_info BTF section doesn't match subprog layout in BPF program\n";
export const LD_ABS_RETURN = "LD_ABS is only allowed in functions that return 'int'.\n";
export const TAIL_CALL_RETURN = "tail_call is only allowed in functions that return 'int'.\n";
export const LD_ABS_WITHOUT_BTF = 'LD_ABS is not allowed in subprogs without BTF\n';
export const TAIL_CALL_WITHOUT_BTF = 'tail_call is not allowed in subprogs without BTF\n';
export const LINE_INFO_ORDER = 'Invalid line_info[%u].insn_off:%u (prev_offset:%u prog->len:%u)\n';
export const LINE_INFO_INSN = 'Invalid insn code at line_info[%u].insn_off\n';
export const LINE_INFO_STRING = 'Invalid line_info[%u].line_off or .file_name_off\n';
export const LINE_INFO_MISSING = 'missing bpf_line_info for func#%u\n';
export const LINE_INFO_MISSING_REST = 'missing bpf_line_info for %u funcs starting from func#%u\n';
export const EXCEPTION_TAGS = 'multiple exception callback tags for main subprog\n';
export const EXCEPTION_UNKNOWN = "exception callback '%z' could not be found in BTF\n";
export const EXCEPTION_LINKAGE = "exception callback '%z' must have global linkage\n";
export const EXCEPTION_AT_ZERO = 'invalid exception callback insn_off in func_info: 0\n';
export const EXCEPTION_WITHOUT_INFO = 'exception callback type id not found in func_info\n';
export const SYMBOL_BTF = 'invalid module BTF object FD specified.\n';
export const SYMBOL_ID = 'ldimm64 insn specifies invalid btf_id %d.\n';
export const SYMBOL_KIND = "pseudo btf_id %d in ldimm64 isn't KIND_VAR or KIND_FUNC\n";
export const SYMBOL_ADDRESS = "ldimm64 failed to find the address for kernel symbol '%z'.\n";
export const SYMBOL_SIZE = "ldimm64 unable to resolve the size of type '%z': %d\n";

/* bpf_kptr_xchg. */
export const KPTR_NO_BTF = "map '%z' has to have BTF in order to use bpf_kptr_xchg\n";
export const KPTR_OFFSET = "R%d doesn't have constant offset. kptr has to be at the constant offset\n";
export const KPTR_NONE = 'R%d has no valid kptr\n';
export const KPTR_PLACE = "off=%d doesn't point to kptr\n";
export const KPTR_UNREFERENCED = "off=%d kptr isn't referenced kptr\n";

/* Attach targets. */
export const SYSCALL_SLEEPS = 'Syscall programs can only be sleepable\n';
export const CANNOT_SLEEP =
  'Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable\n';
export const STRUCT_OPS_LICENCE = 'struct ops programs must have a GPL compatible license\n';
export const STRUCT_OPS_STRUCT = 'attach_btf_id %u is not a supported struct\n';
export const STRUCT_OPS_INDEX = 'attach to invalid member idx %u of struct %z\n';
export const STRUCT_OPS_MEMBER = 'attach to invalid member %z(@idx %u) of struct %z\n';
export const STRUCT_OPS_UNSUPPORTED = 'attach to unsupported member %z of struct %z\n';
export const TARGET_MISSING = 'Tracing programs must provide btf_id\n';
export const TARGET_WITHOUT_BTF =
  'FENTRY/FEXIT program can only be attached to another program annotated with BTF\n';
export const TARGET_INVALID = 'attach_btf_id %u is invalid\n';
export const REPLACES_KERNEL = 'Cannot replace kernel functions\n';
export const TARGET_NO_SUBPROG = "Subprog %z doesn't exist\n";
export const TARGET_EXCEPTION_CALLBACK = '%s programs cannot attach to exception callback\n';
export const REPLACES_UNRELIABLE = 'Cannot replace static functions\n';
export const REPLACES_PACKET = 'Extension program changes packet data, while original does not\n';
export const TARGET_NOT_JITED = 'Can attach to only JITed progs\n';
export const TARGET_NESTED = 'Cannot nest tracing program attach more than once\n';
export const TARGET_RECURSIVE = 'Cannot recursively attach\n';
export const REPLACES_TRACING = 'Cannot extend fentry/fexit\n';
export const TARGET_ONLY_TRACED = 'Only FENTRY/FEXIT progs are attachable to another BPF prog\n';
export const MODIFIES_PROGRAM = "can't modify return codes of BPF programs\n";
export const TARGET_NOT_TYPEDEF = 'attach_btf_id %u is not a typedef\n';
export const TARGET_WRONG_NAME = 'attach_btf_id %u points to wrong type name %z\n';
export const NO_TEMPLATE = 'Cannot find btf of tracepoint template, fall back to %s%z.\n';
export const TARGET_NOT_FUNCTION = 'attach_btf_id %u is not a function\n';
export const TARGET_ARGS = 'The function %z has %d arguments. Too many.\n';
export const TARGET_RETURN = 'The function %z return type %s is unsupported.\n';
export const TARGET_VARIADIC = 'The function %z with variable args is unsupported.\n';
export const TARGET_ARG = 'The function %z arg%d type %s is unsupported.\n';
export const TARGET_VOID_ARG = 'The function %z has malformed void argument.\n';
export const TARGET_LARGE_RETURN =
  'Attach to function %z with a >8 byte return value is not supported for this attach type\n';
export const TARGET_ADDRESS = 'The address of function %z cannot be found\n';
export const TARGET_NOT_SLEEPABLE = '%z is not sleepable\n';
export const TARGET_NOT_MODIFIABLE = '%z() is not modifiable\n';
export const TARGET_NO_RETURN = 'Attaching fexit/fmod_ret to __noreturn functions is rejected.\n';
export const LSM_LICENCE = 'LSM programs must have a GPL compatible license\n';
export const LSM_DISABLED = 'attach_btf_id %u points to disabled hook %z\n';

/* A replacement's prototype against that of the function it replaces. */
export const REPLACES_WITHOUT_BTF = 'Program extension requires BTF\n';
export const NOT_GLOBAL = '%z() is not a global function\n';
export const ARGUMENT_COUNTS = '%z() has %d args while %z() has %d args\n';
export const RETURN_TYPES = "Return type %s of %z() doesn't match type %s of %z()\n";
export const ARGUMENT_KINDS = 'arg%d in %z() is %s while %z() has %s\n';
export const ARGUMENT_SIZES = 'arg%d in %z() has size %d while %z() has %d\n';
export const ARGUMENT_UNRECOGNIZED = 'arg%d in %z() has unrecognized type\n';
export const ARGUMENT_NOT_CONTEXT = 'arg%d in %z() is not a pointer to context\n';
export const ARGUMENT_STRUCTS = "arg%d %z(struct %z *) doesn't match %z(struct %z *)\n";

/* Contexts by BTF. */
export const ARGUMENT_OFFSET = "func '%z' offset %d is not multiple of 8\n";
export const NO_ARGUMENT = "func '%z' doesn't have %d-th argument\n";
export const TRACED_RETURN_TYPE = 'ret type %s not allowed for fmod_ret\n';
export const ARGUMENT_KIND = "func '%z' arg%d '%z' has type %s. Only pointer access is allowed\n";
export const ARGUMENT_SIZE = "func '%z' size %d must be 8\n";
export const ARGUMENT_ID = 'invalid btf_id for context argument offset %u\n';
export const ARGUMENT_NOT_STRUCT = "func '%z' arg%d type %s is not a struct\n";
export const ARGUMENT_TYPE = "func '%z' arg%d has btf_id %d type %s '%z'\n";
export const ARGUMENT_MAY_BE_ERROR = 'marking pointer arg%d as scalar as it may encode error';

/* Arguments of global subprograms. */
export const TAG_STATIC = 'arg#%d type tag is not supported in static functions\n';
export const TAG_UNKNOWN = 'arg#%d has unsupported set of tags\n';
export const TAG_COMBINATION = 'arg#%d has invalid combination of tags\n';
export const TAG_ARENA = 'arg#%d arena cannot be combined with any other tags\n';
export const TAG_NOT_POINTER = 'arg#%d has pointer tag, but is not a pointer type\n';
export const CONTEXT_NAMELESS = "arg#%d type doesn't have a name\n";
export const CONTEXT_VOID = 'arg#%d should be void pointer\n';
export const CONTEXT_STRUCT = 'arg#%d should be `struct %z *`\n';
export const NO_MATCHES = "arg#%d reference type('%s %z') has no matches\n";
export const AMBIGUOUS = "arg#%d reference type('%s %z') is ambiguous\n";
export const MODULE_TYPE = "arg#%d reference type('%s %z') points to kernel module type (unsupported)\n";
export const REFERENCE_SIZE = "arg#%d reference type('%s %z') size cannot be determined: ";
export const ARGUMENT_UNSUPPORTED = 'Arg#%d type %s in %z() is not supported yet.\n';
export const GLOBAL_RETURN = "Global function %z() doesn't return scalar. Only those are supported.\n";
export const GLOBAL_ARGS = 'Global function %z() with %d > %d args. Buggy compiler.\n';
export const BUG_FUNC_INFO = 'Verifier bug\n';
export const BUG_UNRELIABLE = 'Verifier bug in function %z()\n';
