/**
 * Numbers both halves of the verifier share: register types, argument and return kinds, flag bits, capability
 * and program flags, limits. Compiled by tsc and by asc: const enums only. The type numbers are those of
 * Linux 6.12's BTF enums; profiles of other kernels are translated to them by name when they are made.
 */

/** Base type of a register, the low byte of `RegState.type`. */
export const enum Reg {
  NotInit = 0,
  Scalar = 1,
  Ctx = 2,
  MapPtr = 3,
  MapValue = 4,
  MapKey = 5,
  Stack = 6,
  PacketMeta = 7,
  Packet = 8,
  PacketEnd = 9,
  FlowKeys = 10,
  Socket = 11,
  SockCommon = 12,
  TcpSock = 13,
  TpBuffer = 14,
  XdpSock = 15,
  BtfId = 16,
  Mem = 17,
  Arena = 18,
  Buf = 19,
  Func = 20,
  ConstDynptr = 21,
  BaseMask = 0xff,
}

/** Flag bits above the base type, shared by register, argument and return types. */
export const enum Flag {
  MaybeNull = 0x100,
  Rdonly = 0x200,
  Ringbuf = 0x400,
  User = 0x800,
  Percpu = 0x1000,
  /** Argument: the call releases the reference it carries. */
  Release = 0x2000,
  Untrusted = 0x4000,
  /** Argument: memory may be uninitialised. */
  Uninit = 0x8000,
  DynptrLocal = 0x1_0000,
  DynptrRingbuf = 0x2_0000,
  FixedSize = 0x4_0000,
  Alloc = 0x8_0000,
  Trusted = 0x10_0000,
  Rcu = 0x20_0000,
  NonOwnRef = 0x40_0000,
  DynptrSkb = 0x80_0000,
  DynptrXdp = 0x100_0000,
  Aligned = 0x200_0000,
  Write = 0x400_0000,
  DynptrMask = 0x183_0000,
}

/** Argument kinds of helpers. */
export const enum Arg {
  DontCare = 0,
  MapPtr = 1,
  MapKey = 2,
  MapValue = 3,
  Mem = 4,
  Arena = 5,
  ConstSize = 6,
  ConstSizeOrZero = 7,
  Ctx = 8,
  Anything = 9,
  Scalar = 10,
  SpinLock = 11,
  SockCommon = 12,
  Socket = 13,
  BtfId = 14,
  RingbufMem = 15,
  ConstAllocSizeOrZero = 16,
  BtfIdSockCommon = 17,
  PercpuBtfId = 18,
  Func = 19,
  Stack = 20,
  ConstStr = 21,
  Timer = 22,
  KptrXchgDest = 23,
  Dynptr = 24,
}

/** Return kinds of helpers. */
export const enum Ret {
  Integer = 0,
  Void = 1,
  MapValue = 2,
  Socket = 3,
  TcpSock = 4,
  SockCommon = 5,
  Mem = 6,
  MemOrBtfId = 7,
  BtfId = 8,
}

/** What a stack byte holds. */
export const enum Slot {
  Invalid = 0,
  Spill = 1,
  Misc = 2,
  Zero = 3,
  Dynptr = 4,
  Iter = 5,
}

export const enum DynptrKind {
  Invalid = 0,
  Local = 1,
  Ringbuf = 2,
  Skb = 3,
  Xdp = 4,
}

export const enum IterPhase {
  Invalid = 0,
  Active = 1,
  Drained = 2,
}

/** Special fields of map values and allocated objects. */
export const enum Field {
  SpinLock = 0x1,
  Timer = 0x2,
  KptrUnref = 0x4,
  KptrRef = 0x8,
  KptrPercpu = 0x10,
  Kptr = 0x1c,
  ListHead = 0x20,
  ListNode = 0x40,
  RbRoot = 0x80,
  RbNode = 0x100,
  GraphNode = 0x140,
  GraphRoot = 0xa0,
  Refcount = 0x200,
  Workqueue = 0x400,
}

/** What the loading task may do; unprivileged is 0. */
export const enum Cap {
  /** CAP_BPF: bounded loops, precision, calls, BTF. */
  Bpf = 1,
  /** CAP_PERFMON: pointer leaks, uninitialised stack, no speculation hardening, tracing programs. */
  Perfmon = 2,
  NetAdmin = 4,
  SysAdmin = 8,
  All = 15,
}

/** BPF_F_* program flags of BPF_PROG_LOAD. */
export const enum ProgFlag {
  StrictAlignment = 1,
  AnyAlignment = 2,
  TestRndHi32 = 4,
  TestStateFreq = 8,
  Sleepable = 16,
  XdpHasFrags = 32,
  XdpDevBoundOnly = 64,
  TestRegInvariants = 128,
}

/** Bits of log_level. */
export const enum LogLevel {
  Path = 1,
  Full = 2,
  Stats = 4,
  Fixed = 8,
}

export const enum VerifierLimit {
  Registers = 11,
  Insns = 1_000_000,
  /** Branches waiting to be explored. */
  Pending = 8192,
  StatesUnprivileged = 64,
  Frames = 8,
  StackBytes = 512,
  StackSlots = 64,
  /** Largest constant offset of a pointer. */
  PointerOffset = 1 << 29,
  Subprogs = 256,
  FuncArgs = 5,
  UsedMaps = 64,
}

/** How an explored state and the current one are compared. */
export const enum Exactness {
  NotExact = 0,
  Exact = 1,
  RangeWithin = 2,
}
