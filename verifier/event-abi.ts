/**
 * Records of the event stream that the core writes beside the log, so that nobody has to parse text. Compiled by
 * tsc and by asc. A record is a head of 8 bytes and a payload; lengths are multiples of 8. Words are u32 unless
 * said otherwise.
 */

/** Bytes of a chunk of the stream. */
export const EVENT_CHUNK = 0x1_0000;

/** Which events a request asks for. */
export const enum EventMode {
  None = 0,
  /** Only those of the path that failed (or was followed last): a path that ends takes its events with it. */
  Path = 1,
  All = 2,
}

export const enum EventKind {
  /** A function begins to be verified: state is empty. `FunctionEvent` */
  Function = 1,
  /** An instruction is about to be verified; what the one before it did stands in front of this. `InsnEvent` */
  Insn = 2,
  /** A frame is new. `FrameEvent` */
  Frame = 3,
  /** Frames from this one on are gone. No payload. */
  Leave = 4,
  /** A register has a new state. `RegEvent`, then its text. */
  Reg = 5,
  /** A stack slot has new content. `RegEvent` (of what is spilled there), then its text. */
  Slot = 6,
  /** The references of a frame: {id, instruction} each. */
  Refs = 7,
  /** Locks and sections. `HeldEvent` */
  Held = 8,
  /** Another path waits to be verified. `BranchEvent` */
  Branch = 9,
  /** The path that was queued last goes on; the state is empty, what is in it follows. `BranchEvent` */
  Resume = 10,
  /** The state is kept for pruning. `StateEvent` */
  Checkpoint = 11,
  /** The path ends: a kept state covers it. What the instruction before did stands in front of this. `StateEvent` */
  Prune = 12,
  /** Precision is walked back over an instruction. `PreciseEvent` */
  Precise = 13,
  /** Precision reaches a kept state. `PreciseEvent`, `at` is the state's number. */
  PreciseState = 14,
  /** The path's program (or callback) is at its end. `InsnEvent` */
  Exit = 15,
}

export const enum EventHead {
  /** `EventKind`, u8. */
  Kind = 0,
  /** Frame it is about, u8: 0 is the outermost. */
  Frame = 1,
  /** Register 0..10, or slot 0..63 (0 is fp-8); u16. */
  Index = 2,
  /** Bytes of the record, head included. */
  Length = 4,
  Size = 8,
}

export const enum FunctionEvent {
  Subprog = 8,
  Insn = 12,
  Size = 16,
}

export const enum InsnEvent {
  Insn = 8,
  /** Bytes of log that stand before what is logged of this instruction. */
  LogPosition = 12,
  Size = 16,
}

export const enum FrameEvent {
  /** Call instruction, -1 for none. i32 */
  Callsite = 8,
  Subprog = 12,
  /** `FrameFlag` */
  Flags = 16,
  Size = 24,
}

export const enum FrameFlag {
  Callback = 1,
  AsyncCallback = 2,
  ExceptionCallback = 4,
}

export const enum RegEvent {
  /** `Reg` and `Flag` bits (types.ts). */
  Type = 8,
  /** Constant part of a pointer's offset. i32 */
  Off = 12,
  Id = 16,
  RefId = 20,
  /** Frame a stack pointer points into. */
  Frame = 24,
  /** 1 when the exact value matters. */
  Precise = 28,
  /** Map pointers and values: index into the request's maps; memory: size; packet: range; functions: subprogram. */
  Detail = 32,
  /** BTF pointers: type id. */
  TypeId = 36,
  /** Known bits: value and mask of what is unknown. u64 */
  Value = 40,
  Mask = 48,
  /** i64, i64, u64, u64, then i32, i32, u32, u32. */
  Smin = 56,
  Smax = 64,
  Umin = 72,
  Umax = 80,
  Smin32 = 88,
  Smax32 = 92,
  Umin32 = 96,
  Umax32 = 100,
  /** Slots: what each of the eight bytes holds (`Slot`), highest address first. */
  Bytes = 104,
  /** Length of the text behind the record: the state as the log words it. */
  TextLength = 112,
  Size = 120,
}

export const enum HeldEvent {
  /** 1 when a spin lock is held. */
  SpinLock = 8,
  Rcu = 12,
  Preempt = 16,
  /** 1 on a path that only speculative execution takes. */
  Speculative = 20,
  Size = 24,
}

export const enum BranchEvent {
  /** Number of the path, from 1 in the order of queueing. */
  Path = 8,
  /** Where it goes on, and the instruction it left from. i32 */
  Insn = 12,
  From = 16,
  Speculative = 20,
  Size = 24,
}

export const enum StateEvent {
  /** Number of the kept state, from 1 in the order of keeping. */
  State = 8,
  Insn = 12,
  Size = 16,
}

export const enum PreciseEvent {
  /** Instruction walked over, or number of the kept state. */
  At = 8,
  /** Needed registers, a bit each. */
  Registers = 12,
  /** Needed stack slots, a bit each. u64 */
  Slots = 16,
  Size = 24,
}
