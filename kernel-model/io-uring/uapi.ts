/** io_uring's user interface: flags, opcodes, limits and record sizes (io_uring_setup(2), io_uring_register(2)). */

/** IORING_SETUP_* */
export const enum Setup {
  IoPoll = 1 << 0,
  SqPoll = 1 << 1,
  SqAff = 1 << 2,
  CqSize = 1 << 3,
  Clamp = 1 << 4,
  AttachWq = 1 << 5,
  Disabled = 1 << 6,
  SubmitAll = 1 << 7,
  CoopTaskrun = 1 << 8,
  TaskrunFlag = 1 << 9,
  Sqe128 = 1 << 10,
  Cqe32 = 1 << 11,
  SingleIssuer = 1 << 12,
  DeferTaskrun = 1 << 13,
  NoMmap = 1 << 14,
  RegisteredFdOnly = 1 << 15,
  NoSqArray = 1 << 16,
}

/** IORING_REGISTER_* and IORING_UNREGISTER_* */
export const enum RegisterOp {
  Buffers = 0,
  UnregisterBuffers = 1,
  Files = 2,
  UnregisterFiles = 3,
  Eventfd = 4,
  UnregisterEventfd = 5,
  FilesUpdate = 6,
  EventfdAsync = 7,
  Probe = 8,
  Personality = 9,
  UnregisterPersonality = 10,
  Restrictions = 11,
  EnableRings = 12,
  Files2 = 13,
  FilesUpdate2 = 14,
  Buffers2 = 15,
  BuffersUpdate = 16,
  IowqAff = 17,
  UnregisterIowqAff = 18,
  IowqMaxWorkers = 19,
  RingFds = 20,
  UnregisterRingFds = 21,
  PbufRing = 22,
  UnregisterPbufRing = 23,
  SyncCancel = 24,
  FileAllocRange = 25,
  PbufStatus = 26,
  Napi = 27,
  UnregisterNapi = 28,
  Clock = 29,
  CloneBuffers = 30,
}

/** In the opcode of io_uring_register: `fd` is an index into the task's registered rings (6.3 on). */
export const USE_REGISTERED_RING = 0x8000_0000;

/** Flag of io_uring_rsrc_register: all slots empty. */
export const RSRC_REGISTER_SPARSE = 1;

/** Entries of a file update that leave a slot empty, or as it is. */
export const FILE_EMPTY = -1;
export const FILE_SKIP = -2;

/** IORING_RESTRICTION_* */
export const enum Restriction {
  RegisterOp = 0,
  SqeOp = 1,
  SqeFlagsAllowed = 2,
  SqeFlagsRequired = 3,
  Last = 4,
}

/** Offsets for mmap(2) of a ring. */
export const enum RingMap {
  SqRing = 0,
  CqRing = 0x800_0000,
  Sqes = 0x1000_0000,
  PbufRing = 0x8000_0000,
}

/** IORING_SQ_* in the shared `sq_flags` word. */
export const enum SqFlag {
  NeedWakeup = 1,
  CqOverflow = 2,
  Taskrun = 4,
}

/** IORING_ENTER_* */
export const enum Enter {
  GetEvents = 1,
  SqWakeup = 2,
  SqWait = 4,
  ExtArg = 8,
  RegisteredRing = 16,
  AbsTimer = 32,
}

/** IORING_OP_*: operations of submission entries. */
export const enum SubmitOp {
  Nop = 0,
  ReadFixed = 4,
  WriteFixed = 5,
  PollAdd = 6,
  PollRemove = 7,
  Timeout = 11,
  TimeoutRemove = 12,
  AsyncCancel = 14,
  LinkTimeout = 15,
  OpenAt = 18,
  Close = 19,
  FilesUpdate = 20,
  Read = 22,
  Write = 23,
  ProvideBuffers = 31,
  RemoveBuffers = 32,
  MsgRing = 40,
  FixedFdInstall = 54,
}

/** IORING_TIMEOUT_* */
export const enum TimeoutFlag {
  Absolute = 1 << 0,
  Update = 1 << 1,
  BootTime = 1 << 2,
  RealTime = 1 << 3,
  LinkUpdate = 1 << 4,
  EtimeSuccess = 1 << 5,
  Multishot = 1 << 6,
}

/** IORING_ASYNC_CANCEL_* */
export const enum CancelFlag {
  All = 1 << 0,
  Fd = 1 << 1,
  Any = 1 << 2,
  FdFixed = 1 << 3,
  UserData = 1 << 4,
  Op = 1 << 5,
}

/** IORING_POLL_* in the length of POLL_ADD and POLL_REMOVE. */
export const enum PollFlag {
  Multishot = 1 << 0,
  UpdateEvents = 1 << 1,
  UpdateUserData = 1 << 2,
}

/** IORING_MSG_RING_* */
export const enum MsgFlag {
  CqeSkip = 1 << 0,
  FlagsPass = 1 << 1,
}

/** IOSQE_* */
export const enum SqeFlag {
  FixedFile = 1 << 0,
  Drain = 1 << 1,
  Link = 1 << 2,
  HardLink = 1 << 3,
  Async = 1 << 4,
  BufferSelect = 1 << 5,
  CqeSkipSuccess = 1 << 6,
}

/** IORING_CQE_F_* */
export const enum CqeFlag {
  Buffer = 1 << 0,
  More = 1 << 1,
  BufMore = 1 << 4,
}

/** Where the id of a selected buffer stands in a completion's flags. */
export const CQE_BUFFER_SHIFT = 16;

/** In `file_index` of an entry: any free slot. Else the slot plus 1. */
export const FILE_INDEX_ALLOC = 0xffff_ffff;

/** Bits of `check_cq`. */
export const enum CheckCq {
  Overflow = 1 << 0,
  Dropped = 1 << 1,
}

export const enum RingLimit {
  /** Submission queue entries. */
  Entries = 32768,
  CqEntries = 65536,
  /** Slots of the buffer table. */
  Buffers = 1 << 14,
  /** Bytes of one registered buffer. */
  BufferSize = 1 << 30,
  /** Rings a task may register for itself. */
  RingFds = 16,
  /** Highest personality id. */
  Personality = 0xffff,
}

/** sizeof of records in user memory. */
export const enum UserSize {
  Params = 120,
  SqOffsets = 40,
  Iovec = 16,
  /** Of a 32-bit program. */
  CompatIovec = 8,
  RsrcRegister = 32,
  RsrcUpdate = 16,
  RsrcUpdate2 = 32,
  Restriction = 16,
  FileIndexRange = 16,
  BufReg = 40,
  Sqe = 64,
  Cqe = 16,
}
