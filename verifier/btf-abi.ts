/**
 * Records about types: what the host reads out of BTF and the profile for one request, besides the BTF blobs
 * themselves. Words are u32 (addresses are linear) unless said otherwise. Compiled by tsc and asc.
 */

/** What `Request.BtfFacts` points to. */
export const enum BtfFacts {
  /** `AttachFact`, 0 for programs that attach to nothing with BTF. */
  Attach = 0,
  /** `StructRecord` array: the structs with special fields of all program BTFs. */
  Structs = 4,
  StructCount = 8,
  /** `TrustedField` array. */
  Trusted = 12,
  TrustedCount = 16,
  /** Type ids of kernel structs that RCU protects. */
  RcuTypes = 20,
  RcuTypeCount = 24,
  /** Type id of the struct behind each map type, 256 words; 0: a pointer to such a map cannot be read. */
  MapStructs = 28,
  /** `ContextName` array: how the context of each program type is called. */
  Contexts = 32,
  ContextCount = 36,
  /** `KernelType` array: kernel types by the program's own ones, for arguments tagged as trusted. */
  KernelTypes = 40,
  KernelTypeCount = 44,
  /** BTF ids (of vmlinux) of symbols without an address. */
  NoAddress = 48,
  NoAddressCount = 52,
  /** `WriteRule` array: stores through BTF pointers; only meaningful with `HasWriteRules`. */
  Writes = 56,
  WriteCount = 60,
  /** 1 when the program type has rules of its own for stores through BTF pointers. */
  HasWriteRules = 64,
  Size = 72,
}

/** What the program attaches to. */
export const enum AttachFact {
  /** `AttachFlag` bits. */
  Flags = 0,
  /** Name of the struct_ops struct, NUL-terminated. */
  StructName = 4,
  /** Raw tracepoint: FUNC_PROTO with the arguments' names, 0 when the kernel has none. */
  Template = 8,
  /** `CtxArgFact` array. */
  Args = 12,
  ArgCount = 16,
  /** Pointers that get another type: from a struct's id to another's (struct_ops), 0 for none. */
  PromoteFrom = 20,
  PromoteTo = 24,
  /** u64: four bits for each argument of a raw tracepoint, 1 may be NULL, 2 is no valid pointer. */
  NullArgs = 32,
  Size = 48,
}

export const enum AttachFlag {
  /** LSM hook, one of the disabled ones, one whose arguments are not to be trusted, one that may sleep. */
  LsmHook = 1,
  LsmDisabled = 2,
  LsmUntrusted = 4,
  LsmSleepable = 8,
  /** Function that may be made to fail, and one that must not be while sleeping. */
  ErrorInjection = 0x10,
  NonSleepable = 0x20,
  /** Its return value may be changed; programs that do so may sleep. */
  ModifyReturn = 0x40,
  ModifySleepable = 0x80,
  /** Nothing may attach, or no exit program. */
  Denied = 0x100,
  NoReturn = 0x200,
  HasAddress = 0x400,
  /** Iterator target, raw tracepoint, struct of struct_ops that exists. */
  Iterator = 0x800,
  Tracepoint = 0x1000,
  StructOps = 0x2000,
  /** struct_ops member that programs may implement, and such that may sleep. */
  Member = 0x4000,
  MemberSleepable = 0x8000,
  /** Whether the kernel knows which arguments of the tracepoint may be NULL. */
  NullArgsKnown = 0x1_0000,
  /** The kernel adds code behind the end of the struct_ops program, for which the context is kept. */
  Epilogue = 0x2_0000,
}

/** The program that a program attaches to (`Request.AttachProgram`). */
export const enum TargetFact {
  /** BPF_PROG_TYPE_*, and the type whose context it has: for BPF_PROG_TYPE_EXT that of its own target. */
  ProgType = 0,
  ContextType = 4,
  /** BPF_* expected attach type. */
  AttachType = 8,
  /** `TargetFlag` bits. */
  Flags = 12,
  /** `TargetFunction` array, in the order of its func_info. */
  Functions = 16,
  FunctionCount = 20,
  Size = 24,
}

export const enum TargetFlag {
  Jited = 1,
  /** A tracing program that traces a tracing program. */
  Nested = 2,
}

/** A function of the target program. */
export const enum TargetFunction {
  /** FUNC of the target's BTF. */
  TypeId = 0,
  /** `TargetFunctionFlag` bits. */
  Flags = 4,
  Size = 8,
}

export const enum TargetFunctionFlag {
  /** Its BTF does not tell what its callers hand it. */
  Unreliable = 1,
  ExceptionCallback = 2,
  ChangesPacket = 4,
}

/** An argument whose register type is not simply that of its C type. */
export const enum CtxArgFact {
  Offset = 0,
  Type = 4,
  Btf = 8,
  BtfId = 12,
  Size = 16,
}

/** Special fields of a struct: head and fields in one block. Offsets are in bytes, -1 for none. */
export const enum RecordHead {
  /** `Field` bits of all fields. */
  Mask = 0,
  Count = 4,
  SpinLock = 8,
  Timer = 12,
  Workqueue = 16,
  Refcount = 20,
  Size = 24,
}

export const enum RecordField {
  /** `Field` */
  Type = 0,
  Offset = 4,
  Bytes = 8,
  /** kptr: struct pointed to; graph root: struct of its elements. */
  Btf = 12,
  TypeId = 16,
  /** graph root: offset of the node in an element. */
  NodeOffset = 20,
  /** Record of that struct, 0 for none. */
  Pointee = 24,
  Size = 28,
}

/** A struct of a program's BTF with special fields, sorted by BTF and id. */
export const enum StructRecord {
  Btf = 0,
  TypeId = 4,
  Record = 8,
  Size = 12,
}

/** How far a pointer read from a member of a trusted or RCU-protected struct can be relied on. */
export const enum TrustList {
  Rcu = 0,
  RcuOrNull = 1,
  Trusted = 2,
  TrustedOrNull = 3,
}

export const enum TrustedField {
  /** `TrustList` */
  List = 0,
  /** NUL-terminated names of struct and member; type id the pointer points to. */
  Struct = 4,
  Member = 8,
  TypeId = 12,
  Size = 16,
}

export const enum ContextName {
  ProgType = 0,
  /** Type the kernel's headers give the context: NUL-terminated, empty when it has no name. */
  Name = 4,
  /** The struct behind it, when the first is a typedef; else the same. */
  Struct = 8,
  /** 1 when there is a struct at all. */
  IsStruct = 12,
  /** Type id (in vmlinux) of the kernel's own view of the context. */
  KernelId = 16,
  Size = 20,
}

export const enum KernelType {
  /** Type id in the program's BTF. */
  Local = 0,
  /** Type id in vmlinux. */
  TypeId = 4,
  /** How many kernel types match: 1 is what is wanted. */
  Matches = 8,
  /** 1 when the match is a module's type. */
  IsModule = 12,
  Size = 16,
}

/** Bytes of a kernel struct that programs may write. */
export const enum WriteRule {
  /** struct that the pointer points to, 0 for any. */
  TypeId = 0,
  Start = 4,
  Last = 8,
  End = 12,
  Size = 16,
}
