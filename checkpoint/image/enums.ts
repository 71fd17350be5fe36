/** The enums of CRIU's images, and those of the messages that Drydock adds. */
import type { EnumTable } from './schema.ts';

export const ENUMS = {
  march: {
    UNKNOWN: 0,
    X86_64: 1,
    ARM: 2,
    AARCH64: 3,
    PPC64: 4,
    S390: 5,
    MIPS: 6,
    LOONGARCH64: 7,
    RISCV64: 8,
  },
  user_x86_regs_mode: { NATIVE: 1, COMPAT: 2 },
  seccomp_mode: { disabled: 0, strict: 1, filter: 2 },
  lsmtype: { NO_LSM: 0, SELINUX: 1, APPARMOR: 2 },
  fd_types: {
    UND: 0,
    REG: 1,
    PIPE: 2,
    FIFO: 3,
    INETSK: 4,
    UNIXSK: 5,
    EVENTFD: 6,
    EVENTPOLL: 7,
    INOTIFY: 8,
    SIGNALFD: 9,
    PACKETSK: 10,
    TTY: 11,
    FANOTIFY: 12,
    NETLINKSK: 13,
    NS: 14,
    TUNF: 15,
    EXT: 16,
    TIMERFD: 17,
    MEMFD: 18,
    BPFMAP: 19,
    PIDFD: 20,
    /** Drydock's: far from the numbers that CRIU will give out next. */
    IO_URING: 150,
    CTL_TTY: 65534,
    AUTOFS_PIPE: 65535,
  },
  sk_shutdown: { NONE: 0, READ: 1, WRITE: 2, BOTH: 3 },
  remap_type: { LINKED: 0, GHOST: 1, PROCFS: 2 },

  /** What became of the memory that a buffer pins: the cases of restore. */
  io_uring_buffer_case: {
    /** Every page is the one that the owner has mapped there: register by address. */
    INTACT: 1,
    /** Mapped, but some pages are others than the pinned ones. */
    REPLACED: 2,
    /** A part of the range is mapped no more. */
    SPLIT: 3,
    /** Nothing is mapped there. */
    ABSENT: 4,
    /** Something unrelated is mapped there now. */
    OCCUPIED: 5,
  },
  /** What keeps a request from being complete. */
  io_uring_request_state: {
    POLL: 1,
    TIMEOUT: 2,
    LINK_TIMEOUT: 3,
    /** Waits for the end of the request that it is linked to. */
    LINKED: 4,
    /** Waits for all requests before it (drain). */
    DEFERRED: 5,
    /** A read, a receive, an accept whose file was not ready: waits in the file's queue. */
    ARMED: 6,
    /** Runs in a worker. */
    WORKER: 7,
    /** A command, a futex or a wait for a child. */
    WAITING: 8,
  },
  /** Memory that is shared: anonymous, a memfd, or anonymous of huge pages. */
  drydock_object_kind: { SHARED: 1, MEMFD: 2, HUGE: 3 },
  /** What a checkpoint did with a state item that is not in the image as it was. */
  drydock_action: {
    /** Left out: restore will not bring it back. */
    DROPPED: 1,
    /** Written in another form, which a program cannot tell from the first. */
    NORMALISED: 2,
    /** Ended before the checkpoint: a request was completed or cancelled. */
    QUIESCED: 3,
    /** The checkpoint was refused for it (in reports; no image has it). */
    REFUSED: 4,
  },
} as const satisfies EnumTable;
