/**
 * The records that vm.wasm and its host share, at fixed offsets of the linear memory. Compiled by tsc and by
 * asc: const enums only.
 *
 * | linear offset     | holds                                                                     |
 * |-------------------|---------------------------------------------------------------------------|
 * | 0 - 0x3ff         | nothing: offset 0 means "none"                                            |
 * | 0x400 - 0xfff     | these records                                                             |
 * | 0x1000 - heap     | AssemblyScript's static data                                              |
 * | heap - 64 MiB     | private heap: decoded programs, tables; no program can address it         |
 * | 64 MiB - 4 GiB    | the modelled machine's low memory (`bpf/address.ts`)                      |
 *
 * Everything is little-endian. Bytes unless another unit is given.
 */

/** Bounds of the linear memory's parts. */
export const enum Layout {
  /** Where asc puts static data (`--memoryBase` of the build). */
  StaticBase = 0x1000,
  /** First offset that belongs to the model: programs cannot reach anything below. */
  LowStart = 0x400_0000,
}

/** State of the run: all of it, so that a run stopped by its budget goes on where it was. */
export const enum State {
  /** u64 r0..r10 */
  Regs = 0x400,
  /** u32 linear offset of the next decoded instruction */
  Pc = 0x460,
  /** u32 program record */
  Program = 0x464,
  /** u32 {@link RunStatus} */
  Status = 0x468,
  /** u32 frames below the current one: 0 in the main function */
  Depth = 0x46c,
  /** u64 instructions executed since the run began */
  Insns = 0x470,
  /** u32 tail calls made since the run began */
  TailCalls = 0x478,
  /** u32 {@link Attention} bits: what the interpreter must look at after a helper returns */
  Attention = 0x47c,
  /** u64 iterations that may_goto still grants the current frame */
  MayGoto = 0x480,

  /** u32 {@link FaultKind} */
  FaultKind = 0x488,
  /** u32 instruction that faulted, in 8-byte slots of its program */
  FaultPc = 0x48c,
  /** u64 address of the access; for other faults the offending number (helper id, call target) */
  FaultAddress = 0x490,
  /** u32 size of the access, 0 when the fault is not one */
  FaultSize = 0x498,
  /** u32 1 when the access was a write */
  FaultWrite = 0x49c,

  /** u64 r1..r5 of the helper call that the host answers */
  Args = 0x4a0,
  /** u64 its result */
  Result = 0x4c8,

  /** u32 linear offset of the packet that ld_abs and ld_ind read, 0 for none */
  Packet = 0x4d0,
  /** u32 its length */
  PacketLength = 0x4d4,
  /** s32 offset of the network header from its first byte */
  PacketNetwork = 0x4d8,
  /** s32 offset of the link-level header */
  PacketLink = 0x4dc,

  /** u32 1 when a translated program ended the run by a trap (vm/core/tier.ts) */
  Unwound = 0x510,

  /** u64 what the interpreter moves a value through that takes the slow path */
  Scratch = 0x518,
  /** u32 {@link LoadError} of the last program that was refused, and the slot it stands at */
  LoadError = 0x520,
  LoadSlot = 0x524,
  /** u32 linear offset of the stacks of the 8 frames */
  Stacks = 0x528,

  /** u32 linear offset of the decoded instruction that a call or return goes to (vm/core/call.ts) */
  Transfer = 0x530,
  /** i64 what is left of the budget of a translated program's run: below 0 when it took more */
  Fuel = 0x540,
  /** u32 runs that a batch (`Vm.runMany`) has finished */
  Runs = 0x548,
  /** u32 slot + 1 where the interpreter last went on with a translated function, 0 when it did not */
  Resumed = 0x54c,
  /** u32 record of that function's program */
  ResumedIn = 0x55c,
  /** u32 where a translated function that is in parts goes on (vm/translate/parts.ts): part + 1, 0 nowhere */
  Part = 0x560,
  /** u32 block of the program that the part is to begin with */
  PartEntry = 0x564,

  /** i64 from a kernel address to its distance from the start of low memory: a constant */
  LowDistance = 0x550,
  /** u32 what the interpreter's loop keeps of its budget while it calls something */
  Left = 0x558,

  /** u64 function that a helper asks to have called (see vm/core/callback.ts) */
  CallbackFunction = 0x4e0,
  /** u64 r1..r5 for it */
  CallbackArgs = 0x4e8,

  /** Call frames, `Frame.Size` each */
  Frames = 0x600,
  End = 0x1000,
}

/** One entry of `State.Frames`: what a call saved of its caller. */
export const enum Frame {
  /** u64 r6..r9 */
  Regs = 0,
  /** u64 r10 */
  StackPointer = 32,
  /** u64 */
  MayGoto = 40,
  /** u32 instruction to go on with */
  ReturnPc = 48,
  /** u32 id of the helper that goes on when this callback returns; 0 for a plain call */
  Continuation = 52,
  /** u64[8] what that helper keeps between callbacks */
  Locals = 56,
  /** u32 program record */
  Program = 120,
  Size = 128,
}

export const enum RunStatus {
  Idle = 0,
  /** The budget is spent; the run can be resumed. */
  Suspended = 1,
  /** The program has returned; r0 is its value. */
  Finished = 2,
  /** The run is over: see the fault record. */
  Faulted = 3,
}

/** Bits of `State.Attention`. */
export const enum Attention {
  None = 0,
  Fault = 1,
  Callback = 2,
}

export const enum FaultKind {
  None = 0,
  /** Load outside the model. */
  Read = 1,
  /** Store or atomic outside the model. */
  Write = 2,
  /** More than 8 nested calls. */
  CallDepth = 3,
  /** No such helper or kfunc. */
  UnknownHelper = 4,
  /** callx or a callback through something that is not a function of the program. */
  BadCallTarget = 5,
  /** An instruction that must never be reached (a CO-RE relocation that did not resolve, ...). */
  Poisoned = 6,
  /** The model's memory is exhausted. */
  OutOfMemory = 7,
  /** The fall-through after the last instruction. */
  EndOfProgram = 8,
  /** A helper got an argument that no verified program can pass: not a map, memory outside the model, ... */
  BadArgument = 9,
  /** A bpf_spin_lock is taken that is held already, or given back that is not. */
  Deadlock = 10,
}

/** Why a program was refused: it is not a sequence of BPF instructions. */
export const enum LoadError {
  None = 0,
  UnknownOpcode = 1,
  BadRegister = 2,
  /** A jump or call out of the program or into the middle of a ld_imm64. */
  BadTarget = 3,
  /** ld_imm64 without its second half, or of a kind that should have been resolved before. */
  BadImm64 = 4,
  Empty = 5,
  OutOfMemory = 6,
  /** 4095 programs are loaded already. */
  TooMany = 7,
}

/** A loaded program. */
export const enum ProgramRecord {
  /** u32 first decoded instruction */
  Start = 0,
  /** u32 decoded instructions, without the sentinel after the last */
  Count = 4,
  /** u32 {@link ProgramFlag} bits */
  Flags = 8,
  /** u32 linear offset of u32[Count + 1]: slot of each decoded instruction */
  Slots = 12,
  /** u64 kernel address that arena pointers (32 bits) are relative to, 0 without an arena */
  ArenaKernel = 16,
  /** u64 user address of the arena */
  ArenaUser = 24,
  /** u32 number of the program: what prog arrays hold */
  Id = 32,
  /** u64 bytes of the arena, at most 4 GiB */
  ArenaSize = 40,
  /** u32 place of its translation in the core's function table, 0 without one */
  Entry = 48,
  /** u32 frames that the translation may need beyond its first one, 8 when it looks itself */
  Depth = 52,
  Size = 56,
}

export const enum ProgramFlag {
  None = 0,
  /** Loads that fault read as zero, as BPF_PROBE_MEM loads of tracing programs do. */
  ProbeLoads = 1,
}

/**
 * Numbers of what only the vm calls by number: kfuncs, and helpers whose id depends on the kernel. Helpers
 * have the numbers of `enum bpf_func_id` (mainline); the loader of programs rewrites a kernel's own ids.
 */
export const enum VmCall {
  First = 0x1000,
  /** bpf_page_to_pfn (helper 181 of the 5.16 series, a kfunc elsewhere) */
  PageToPfn = 0x1000,
}
