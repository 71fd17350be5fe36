/**
 * Records of the helpers that a program calls, and of what its exit demands. The host picks each prototype from
 * the profile (which depends on the program's type, attach point and privileges); the core compares registers
 * with what stands here. Compiled by tsc and asc.
 */

/** Numbers of the helpers that have rules of their own. Numbers never change once a kernel has them. */
export const enum Helper {
  /** All that no helper has. */
  None = -1,
  MapLookup = 1,
  MapUpdate = 2,
  MapDelete = 3,
  SmpProcessorId = 8,
  TailCall = 12,
  ProbeReadStr = 45,
  RedirectMap = 51,
  GetStack = 67,
  GetLocalStorage = 81,
  SkLookupTcp = 84,
  SkLookupUdp = 85,
  SkRelease = 86,
  MapPush = 87,
  MapPop = 88,
  MapPeek = 89,
  SpinLock = 93,
  SpinUnlock = 94,
  SkFullsock = 95,
  TcpSock = 96,
  SkcLookupTcp = 99,
  SkStorageGet = 107,
  ProbeReadUserStr = 114,
  ProbeReadKernelStr = 115,
  RingbufReserve = 131,
  SkcToTcp6Sock = 136,
  SkcToTcpSock = 137,
  SkcToTcpTimewaitSock = 138,
  SkcToTcpRequestSock = 139,
  SkcToUdp6Sock = 140,
  GetTaskStack = 141,
  InodeStorageGet = 145,
  PerCpuPtr = 153,
  ThisCpuPtr = 154,
  TaskStorageGet = 156,
  ForEachMapElem = 164,
  Snprintf = 165,
  TimerSetCallback = 170,
  GetFuncIp = 173,
  FindVma = 180,
  Loop = 181,
  SetRetval = 187,
  KptrXchg = 194,
  MapLookupPercpu = 195,
  SkcToMptcpSock = 196,
  DynptrFromMem = 197,
  DynptrWrite = 202,
  DynptrData = 203,
  UserRingbufDrain = 209,
  CgrpStorageGet = 210,
}

/** Whether the number is a helper, and one for this program. */
export const enum HelperState {
  Available = 0,
  /** No helper has the number. */
  Unknown = 1,
  /** Not for programs like this one. */
  Refused = 2,
}

export const enum HelperFlag {
  GplOnly = 1,
  /** Takes pointers into the packet. */
  Packet = 2,
  MightSleep = 4,
  /** The kernel's own test of the program fails. */
  NotAllowed = 8,
  /** Moves packet data: pointers into the packet are void afterwards. */
  ChangesPacket = 16,
  /** Leaves R1-R5 alone. */
  Fastcall = 32,
}

export const enum HelperField {
  Id = 0,
  /** `HelperState` */
  State = 4,
  /** "bpf_map_lookup_elem", NUL-terminated. */
  Name = 8,
  /** `HelperFlag` bits */
  Flags = 12,
  /** Return type with flags; struct behind a BTF pointer, 0 when the call decides. */
  Ret = 16,
  RetBtfId = 20,
  /** Five `HelperArg` records. */
  Args = 24,
  /** 64 bytes: `MapFit` of each map type. */
  MapFits = 84,
  Size = 96,
}

export const enum HelperArg {
  /** Argument type with flags. */
  Type = 0,
  BtfId = 4,
  /** Bytes of memory of fixed size. */
  Bytes = 8,
  Size = 12,
}

/** Whether a map can be passed to the helper. */
export const enum MapFit {
  Fits = 0,
  Mismatch = 1,
  /** The same, after a word on sockmaps. */
  SockmapContext = 2,
}

/** Register types that an argument type takes: 32 lists, by base type. */
export const enum Accepts {
  Count = 0,
  Types = 4,
  Size = 64,
}

/** What holds for all calls and exits of the program. */
export const enum CallFacts {
  /** `Accepts` records. */
  Accepts = 0,
  /** Struct that stands for all sockets, and that of a mapped area of a task. */
  SockCommonId = 4,
  VmaId = 8,
  /** Number of CPUs of the modelled machine. */
  Cpus = 12,
  /** `ReturnKind`, with a range and 1 when only the lower half counts. */
  ReturnKind = 16,
  ReturnMin = 20,
  ReturnMax = 24,
  Return32 = 28,
  /** 1 for an LSM cgroup program on a hook that returns nothing. */
  VoidCgroupHook = 32,
  /** What bpf_get_func_ip says of the program: 1 fine, 2 wrong attach type, 0 wrong program type. */
  FuncIp = 36,
  /** 1 when packets may be passed to any helper (cgroup/sockopt buffers). */
  AnyPacket = 40,
  Size = 48,
}

export const enum ReturnKind {
  Any = 0,
  Range = 1,
  /** R0 is not looked at. */
  None = 2,
  /** Programs attached so cannot be loaded. */
  Refused = 3,
}
