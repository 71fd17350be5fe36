/**
 * Every text the verifier prints that is part of its interface: the same wording as Linux 6.12, because tools
 * and people match on it. Directives as in log.ts. Grouped by concern; `BUG_` texts should never be seen.
 */

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
