/** Symbolic flags of scene files and the numbers behind them. */
import { Open } from '../file.ts';
import { RegisterOp, Setup, SqeFlag, SubmitOp } from '../io-uring/uapi.ts';

type Flags = { readonly [name: string]: number };

export const OPEN_FLAGS: Flags = {
  RDONLY: Open.RdOnly,
  WRONLY: Open.WrOnly,
  RDWR: Open.RdWr,
  APPEND: Open.Append,
  NONBLOCK: Open.NonBlock,
  DIRECT: Open.Direct,
  CLOEXEC: Open.CloExec,
};

/** EPOLL* event bits (epoll_ctl(2)). */
export const EPOLL_EVENTS: Flags = {
  IN: 0x1,
  PRI: 0x2,
  OUT: 0x4,
  RDHUP: 0x2000,
  EXCLUSIVE: 0x1000_0000,
  WAKEUP: 0x2000_0000,
  ONESHOT: 0x4000_0000,
  ET: 0x8000_0000,
};

/** IORING_SETUP_* (io_uring_setup(2)). */
export const SETUP_FLAGS: Flags = {
  IOPOLL: Setup.IoPoll,
  SQPOLL: Setup.SqPoll,
  SQ_AFF: Setup.SqAff,
  CQSIZE: Setup.CqSize,
  CLAMP: Setup.Clamp,
  ATTACH_WQ: Setup.AttachWq,
  R_DISABLED: Setup.Disabled,
  SUBMIT_ALL: Setup.SubmitAll,
  COOP_TASKRUN: Setup.CoopTaskrun,
  TASKRUN_FLAG: Setup.TaskrunFlag,
  SQE128: Setup.Sqe128,
  CQE32: Setup.Cqe32,
  SINGLE_ISSUER: Setup.SingleIssuer,
  DEFER_TASKRUN: Setup.DeferTaskrun,
  NO_MMAP: Setup.NoMmap,
  REGISTERED_FD_ONLY: Setup.RegisteredFdOnly,
  NO_SQARRAY: Setup.NoSqArray,
};

/** IOSQE_* (io_uring_enter(2)). */
export const SQE_FLAGS: Flags = {
  FIXED_FILE: SqeFlag.FixedFile,
  IO_DRAIN: SqeFlag.Drain,
  IO_LINK: SqeFlag.Link,
  IO_HARDLINK: SqeFlag.HardLink,
  ASYNC: SqeFlag.Async,
  BUFFER_SELECT: SqeFlag.BufferSelect,
  CQE_SKIP_SUCCESS: SqeFlag.CqeSkipSuccess,
};

/** IORING_OP_* that restrictions can name. */
export const SUBMIT_OPS: Flags = {
  NOP: SubmitOp.Nop,
  READ_FIXED: SubmitOp.ReadFixed,
  WRITE_FIXED: SubmitOp.WriteFixed,
  POLL_ADD: SubmitOp.PollAdd,
  POLL_REMOVE: SubmitOp.PollRemove,
  TIMEOUT: SubmitOp.Timeout,
  TIMEOUT_REMOVE: SubmitOp.TimeoutRemove,
  ASYNC_CANCEL: SubmitOp.AsyncCancel,
  LINK_TIMEOUT: SubmitOp.LinkTimeout,
  OPENAT: SubmitOp.OpenAt,
  CLOSE: SubmitOp.Close,
  FILES_UPDATE: SubmitOp.FilesUpdate,
  READ: SubmitOp.Read,
  WRITE: SubmitOp.Write,
  PROVIDE_BUFFERS: SubmitOp.ProvideBuffers,
  REMOVE_BUFFERS: SubmitOp.RemoveBuffers,
  MSG_RING: SubmitOp.MsgRing,
};

/** IORING_REGISTER_* that restrictions can name. */
export const REGISTER_OPS: Flags = {
  BUFFERS: RegisterOp.Buffers,
  UNREGISTER_BUFFERS: RegisterOp.UnregisterBuffers,
  FILES: RegisterOp.Files,
  UNREGISTER_FILES: RegisterOp.UnregisterFiles,
  EVENTFD: RegisterOp.Eventfd,
  UNREGISTER_EVENTFD: RegisterOp.UnregisterEventfd,
  FILES_UPDATE: RegisterOp.FilesUpdate,
  EVENTFD_ASYNC: RegisterOp.EventfdAsync,
  PROBE: RegisterOp.Probe,
  PERSONALITY: RegisterOp.Personality,
  UNREGISTER_PERSONALITY: RegisterOp.UnregisterPersonality,
  ENABLE_RINGS: RegisterOp.EnableRings,
  FILES2: RegisterOp.Files2,
  FILES_UPDATE2: RegisterOp.FilesUpdate2,
  BUFFERS2: RegisterOp.Buffers2,
  BUFFERS_UPDATE: RegisterOp.BuffersUpdate,
};

/** CAP_* numbers (capabilities(7)). */
export const CAPABILITIES: Flags = {
  CAP_SETGID: 6,
  CAP_SETUID: 7,
  CAP_SETPCAP: 8,
  CAP_IPC_LOCK: 14,
  CAP_SYS_PTRACE: 19,
  CAP_SYS_ADMIN: 21,
  CAP_SYS_NICE: 23,
  CAP_SYS_RESOURCE: 24,
  CAP_CHECKPOINT_RESTORE: 40,
};

/** BPF_MAP_TYPE_* of the maps that a scene can have. */
export const MAP_TYPES: Flags = { hash: 1, array: 2, percpu_hash: 5, percpu_array: 6, lru_hash: 9 };

/** The schema has checked the names. */
export function flagBits(names: readonly string[], flags: Flags): number {
  let bits = 0;
  for (const name of names) bits |= flags[name] as number;
  return bits >>> 0;
}
