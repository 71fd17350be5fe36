/**
 * Records of the kernel functions that a program calls. The host reads the functions' BTF and the profile's kfunc
 * sets; the core compares registers with what stands here. Compiled by tsc and asc.
 */

/** What a kernel function does by its KF_* flags (kernel docs, bpf/kfuncs.rst). */
export const enum KfuncFlag {
  Acquire = 1,
  Release = 2,
  RetNull = 4,
  /** Takes a pointer out of a map (before 6.4). */
  KptrGet = 8,
  TrustedArgs = 16,
  Sleepable = 32,
  Destructive = 64,
  Rcu = 128,
  IterNew = 256,
  IterNext = 512,
  IterDestroy = 1024,
  Iter = 1792,
  RcuProtected = 2048,
}

/** Functions with rules of their own: one more than their place in the kernel's list of them. */
export const enum Special {
  None = 0,
  ObjNew = 1,
  ObjDrop = 2,
  RefcountAcquire = 3,
  ListPushFront = 4,
  ListPushBack = 5,
  ListPopFront = 6,
  ListPopBack = 7,
  CastToKernCtx = 8,
  RdonlyCast = 9,
  RcuReadLock = 10,
  RcuReadUnlock = 11,
  RbtreeRemove = 12,
  RbtreeAdd = 13,
  RbtreeFirst = 14,
  DynptrFromSkb = 15,
  DynptrFromXdp = 16,
  DynptrSlice = 17,
  DynptrSliceRdwr = 18,
  DynptrClone = 19,
  PercpuObjNew = 20,
  PercpuObjDrop = 21,
  Throw = 22,
  WqSetCallback = 23,
  PreemptDisable = 24,
  PreemptEnable = 25,
  IterCssTaskNew = 26,
  SessionCookie = 27,
}

/** Whether the call refers to a function at all. */
export const enum KfuncState {
  Found = 0,
  /** The module's slot is empty. */
  NoBtf = 1,
  /** The slot has BTF, but not a module's. */
  NotModule = 2,
  NotFunction = 3,
  NoPrototype = 4,
  NoAddress = 5,
  /** Only for programs bound to a network device. */
  DeviceOnly = 6,
}

export const enum RetKind {
  Scalar = 0,
  Void = 1,
  /** Pointer to a struct. */
  Struct = 2,
  VoidPointer = 3,
  /** Pointer to anything else. */
  Pointer = 4,
  Other = 5,
}

export const enum ArgKind {
  Scalar = 0,
  Pointer = 1,
  Other = 2,
}

/** What a parameter's name and type say of it. */
export const enum ArgMark {
  Ignored = 1,
  Constant = 2,
  Size = 4,
  ConstSize = 8,
  Optional = 0x10,
  Map = 0x20,
  Allocated = 0x40,
  Uninit = 0x80,
  Refcounted = 0x100,
  Nullable = 0x200,
  String = 0x400,
  /** The call's iterator. */
  Iter = 0x800,
  RdonlyBufSize = 0x1000,
  RdwrBufSize = 0x2000,
  Ctx = 0x4000,
  Dynptr = 0x8000,
  ListHead = 0x1_0000,
  ListNode = 0x2_0000,
  RbRoot = 0x4_0000,
  RbNode = 0x8_0000,
  Workqueue = 0x10_0000,
  Callback = 0x20_0000,
  /** Points to a number, to a struct of numbers, to void, to a struct or union. */
  ToScalar = 0x40_0000,
  ToScalarStruct = 0x80_0000,
  ToVoid = 0x100_0000,
  ToStruct = 0x200_0000,
  /** To a struct of structs that are nested too deep to be looked at. */
  TooDeep = 0x400_0000,
}

export const enum KfuncField {
  /** Slot of the module, 0 for the kernel itself; type id of the function there. */
  Slot = 0,
  Id = 4,
  /** `KfuncState` */
  State = 8,
  /** 1 when programs like this one may call it. */
  Allowed = 12,
  /** `KfuncFlag` bits */
  Flags = 16,
  Special = 20,
  /** Btf the function is in. */
  Btf = 24,
  /** NUL-terminated. */
  Name = 28,
  /** `RetKind`; bytes of a scalar or of what is pointed to (0: unknown); struct pointed to. */
  RetKind = 32,
  RetSize = 36,
  RetId = 40,
  /** Kind and name of what is pointed to, NUL-terminated. */
  RetKindName = 44,
  RetName = 48,
  ArgCount = 52,
  /** 1 when what is returned depends on the call. */
  Dynamic = 56,
  Args = 60,
  Size = 304,
}

/** One of the first five parameters. */
export const enum KfuncArg {
  Kind = 0,
  /** Bytes of a scalar or pointer. */
  Size = 4,
  /** `ArgMark` bits */
  Marks = 8,
  /** Kind of the parameter's type. NUL-terminated. */
  KindName = 12,
  /** What is pointed to: type id, kind, name, bytes (-1: has no size). */
  RefId = 16,
  RefKindName = 20,
  RefName = 24,
  RefSize = 28,
  /** Iterator: struct (0: none), stack slots, name without its prefix. */
  IterId = 32,
  IterSlots = 36,
  IterName = 40,
  Bytes = 48,
}

/** What all calls share. */
export const enum KfuncFacts {
  /** Structs of the kernel that other register types stand for. */
  SockId = 0,
  SockCommonId = 4,
  TcpSockId = 8,
  MapId = 12,
  /** Struct behind the program's context, 0 for none. */
  KernCtxId = 16,
  /** 1 when css_task iterators are safe whatever the program's sleepability. */
  CssTaskAllowed = 20,
  Size = 32,
}
