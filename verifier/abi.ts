/**
 * Records of the verifier's wasm boundary: byte offsets into the request the host fills in and the result it
 * reads back. All words are u32 (pointers are linear addresses) unless said otherwise. Compiled by tsc and asc.
 */

/** One load request. */
export const enum Request {
  Insns = 0,
  InsnCount = 4,
  ProgType = 8,
  AttachType = 12,
  ProgFlags = 16,
  /** `Cap` bits of the loading task. */
  Caps = 20,
  /** `LogLevel` bits. */
  LogLevel = 24,
  /** 1 when the licence string is GPL-compatible. */
  Gpl = 28,
  /** Address of the Btf the attach target is in (0: vmlinux), and its type id (0: none). */
  AttachBtf = 32,
  AttachBtfId = 36,
  /** {insn u32, type id u32} */
  FuncInfo = 40,
  FuncInfoCount = 44,
  /** `LineField` records, by instruction. */
  LineInfo = 48,
  LineInfoCount = 52,
  /** Address of the program's own Btf, 0 for none. */
  ProgBtf = 56,
  /** Array of map records (`MapField`), which ld_imm64 names by index. */
  Maps = 60,
  MapCount = 64,
  /** Addresses of Btf objects: slot i of the fd_array that kfunc calls refer to; 0 is vmlinux. */
  KfuncBtfs = 68,
  KfuncBtfCount = 72,
  /** Addresses of Btf objects that ld_imm64 BTF ids refer to (second slot's imm: 0 vmlinux, 1 + index). */
  ImmBtfs = 76,
  ImmBtfCount = 80,
  /** freplace and tracing of programs: the target program (`TargetFact` of btf-abi.ts), 0 for none. */
  AttachProgram = 84,
  /** Stop after this many processed instructions; 0 for the kernel's own limit. */
  InsnLimit = 88,
  /** Text of each instruction slot as the log shows it (address of a NUL-terminated string, 0 for none). */
  InsnTexts = 92,
  /** Context rules of this program (`CtxHead`), and of the four socket pointers; 0: nothing is permitted. */
  CtxRules = 96,
  SockRules = 100,
  SockCommonRules = 104,
  TcpSockRules = 108,
  XdpSockRules = 112,
  /** Bits of `PacketUse`: what direct packet accesses the program type has. */
  PacketUse = 116,
  /** 1 when the context is rewritten (helpers then cannot be handed it as memory). */
  ConvertsCtx = 120,
  /** 256 bytes: `OpcodeUse` bits of each opcode. */
  Opcodes = 124,
  /** 256 bytes: 1 where sleepable programs may use the map type. */
  SleepableMaps = 128,
  /** 256 bytes: 1 where direct value access is possible (`MapOp` bits of each map type). */
  MapOps = 132,
  /** 1 for program types (as loaded) that locks, timers and graph roots are closed to. */
  IsTracing = 136,
  /** Type whose rules hold (for BPF_PROG_TYPE_EXT that of the target). */
  ResolvedType = 140,
  /** Helpers the program calls (helper-abi.ts), how many, and what holds for all calls and exits. */
  Helpers = 144,
  HelperCount = 148,
  CallFacts = 152,
  /** What BTF and the profile say of types (`BtfFacts` of btf-abi.ts). */
  BtfFacts = 160,
  /** Kfuncs the program calls (kfunc-abi.ts), how many, and what all of them share. */
  Kfuncs = 176,
  KfuncCount = 180,
  KfuncFacts = 184,
  /** `EventMode`: which events are wanted beside the log. */
  Events = 188,
  /** Instructions of a path to be followed alone (u32 each), and how many; 0 for all paths. */
  Path = 192,
  PathLength = 196,
  /** r0..r10 before each step of it (u64 each), 0 where they are not known. */
  PathRegisters = 200,
  /** Switches between ways to verify: a bit for each `Feature` that is on. u64 */
  Features = 208,
  Size = 216,
}

/** What the kernel knows of an opcode. */
export const enum OpcodeUse {
  Known = 1,
  /** There are variants that the offset tells apart. */
  Offset = 2,
}

/** What a map type can do. */
export const enum MapOp {
  DirectValue = 1,
  ForEach = 2,
  LookupInline = 4,
}

/** What a program type may do with packet pointers. */
export const enum PacketUse {
  Read = 1,
  Write = 2,
  /** Legacy ld_abs and ld_ind. */
  LegacyLoads = 4,
}

/** Rules of one kind of context (kernel-model/ctx-access.ts). */
export const enum CtxHead {
  ContextSize = 0,
  BoundEnd = 4,
  Unaligned = 8,
  BtfArgs = 12,
  Rows = 16,
  RowCount = 20,
  Size = 24,
}

/** One rule. */
export const enum CtxField {
  Start = 0,
  End = 4,
  Write = 8,
  Sizes = 12,
  Within = 16,
  FieldSize = 20,
  /** Register type a load gives. */
  Type = 24,
  BtfId = 28,
  NoSignExtend = 32,
  More = 36,
  Size = 40,
}

/** A source line: where its instructions begin, and what the log shows of it. */
export const enum LineField {
  Insn = 0,
  /** Offset of the file's name in the strings of the program's BTF; lines of one file have the same. */
  FileName = 4,
  Line = 8,
  /** Offset of the line's text. */
  Source = 12,
  Size = 16,
}

/** A map as the verifier sees it. */
export const enum MapField {
  Type = 0,
  KeySize = 4,
  ValueSize = 8,
  MaxEntries = 12,
  Flags = 16,
  /** u64 */
  Extra = 24,
  /** NUL-terminated name. */
  Name = 32,
  /** Map record of the inner map's template, 0 for none. */
  Inner = 36,
  Btf = 40,
  KeyTypeId = 44,
  ValueTypeId = 48,
  /** Special fields of the value: address of `RecordField` data, 0 for none. */
  Record = 52,
  /** Content of a one-element array (frozen read-only data), 0 when not known. */
  Data = 56,
  Frozen = 60,
  Id = 64,
  Size = 72,
}

/** What a verification found out about a subprogram; programs that attach to it depend on this. */
export const enum SubprogFact {
  /** Its BTF does not tell what its callers hand it. */
  Unreliable = 1,
  ExceptionCallback = 2,
  ChangesPacket = 4,
  /** Nothing reaches it: Linux takes it out of the program. */
  Dead = 8,
}

/** What a request came to. */
export const enum Result {
  /** 0 or a positive errno. */
  Errno = 0,
  /** Instruction the verdict was reached at, -1 when it has none. */
  Insn = 4,
  InsnsProcessed = 8,
  MaxStatesPerInsn = 12,
  TotalStates = 16,
  PeakStates = 20,
  MarkRead = 24,
  /** Subprograms found; their stack depths are asked for one by one. */
  SubprogCount = 28,
  /** Bytes of log. u64 */
  LogLength = 32,
  /** Bytes of events, and the table of chunks (`EVENT_CHUNK` bytes each) they stand in. */
  EventLength = 40,
  EventChunks = 44,
  /** 1 when there were more events than could be kept: only the last ones are there. */
  EventsLost = 48,
  /** Subprograms before those that nothing reaches were dropped; `subprogFacts` tells of each. */
  SubprogsFound = 52,
  /** Steps of `Request.Path` that could be followed. */
  PathSteps = 56,
  Size = 64,
}
