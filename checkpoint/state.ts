/**
 * What a checkpoint holds: the state of a tree of processes, free of addresses and of numbers that a kernel makes up.
 * Objects that several others refer to stand in tables and are named by their index there ("id"), given out in the
 * order in which they are come across; so two dumps of equal worlds are equal.
 */

export interface CheckpointState {
  /** Name of the kernel profile: "6.12". */
  readonly kernel: string;
  /** Ticks a second (CONFIG_HZ), in which the kernel keeps idle times. */
  readonly hz: number;
  /** Processes and threads, ascending; threads that work for the kernel are left out. */
  readonly tasks: readonly TaskState[];
  readonly creds: readonly CredState[];
  readonly fdTables: readonly FdTableState[];
  readonly mms: readonly MmState[];
  /** Memory that several mappings or files show: shared anonymous memory, memfds, ... */
  readonly objects: readonly MemoryObject[];
  readonly files: readonly FileState[];
  readonly rings: readonly RingState[];
  /** Pages that only rings still hold; two buffers that name the same one share it. */
  readonly orphans: readonly Uint8Array[];
}

export interface TaskState {
  readonly tid: number;
  readonly tgid: number;
  /** Process id of the parent; of threads, that of their process's parent. */
  readonly parent: number;
  readonly comm: string;
  readonly cred: number;
  /** Undefined for a process that has exited but still has threads. */
  readonly mm: number | undefined;
  readonly fdTable: number | undefined;
  /** Soft and hard limits; 2^64 - 1 for none. */
  readonly limits: { readonly nofile: Limit; readonly memlock: Limit };
  /** Rings registered by index (IORING_REGISTER_RING_FDS). */
  readonly ringFds: readonly { readonly index: number; readonly file: number }[];
  /** The task's io_uring workers, once it has used io_uring. */
  readonly workers: { readonly limits: readonly [number, number]; readonly cpus: bigint } | undefined;
}

export type Limit = readonly [soft: bigint, hard: bigint];

export interface CredState {
  readonly uid: number;
  readonly gid: number;
  readonly suid: number;
  readonly sgid: number;
  readonly euid: number;
  readonly egid: number;
  readonly fsuid: number;
  readonly fsgid: number;
  readonly securebits: number;
  readonly groups: readonly number[];
  readonly inheritable: bigint;
  readonly permitted: bigint;
  readonly effective: bigint;
  readonly bounding: bigint;
  readonly ambient: bigint;
}

export interface FdTableState {
  readonly fds: readonly Descriptor[];
}

export interface Descriptor {
  readonly fd: number;
  readonly file: number;
  readonly closeOnExec: boolean;
}

/** An open file (a struct file): descriptors, mappings, rings and epoll instances refer to it. */
export interface FileState {
  readonly kind: 'regular' | 'eventfd' | 'io_uring' | 'pipe' | 'epoll' | 'socket';
  /** O_* as fcntl F_GETFL gives them. */
  readonly flags: number;
  readonly position: bigint;
  /** Who gets its signals (fcntl F_SETOWN and F_SETSIG); undefined for nobody and SIGIO. */
  readonly owner?: FileOwnerState;
  readonly path: string;
  /** Files of one inode have the same: names of a file opened twice, the two ends of a pipe. */
  readonly inode: InodeState;
  readonly eventfd?: { readonly count: bigint; readonly semaphore: boolean };
  /** Of the read end of a pipe: what is in it. */
  readonly pipe?: { readonly content: Uint8Array };
  readonly socket?: SocketState;
  /** By file and number. */
  readonly epoll?: readonly WatchState[];
  /** Index into `rings`. */
  readonly ring?: number;
}

export interface FileOwnerState {
  /** A thread, process or process group of the tree; undefined when only the signal is set. */
  readonly target: { readonly type: number; readonly pid: number } | undefined;
  /** 0 for SIGIO. */
  readonly signal: number;
  /** Ids of who named the owner. */
  readonly uid: number;
  readonly euid: number;
}

export interface InodeState {
  /** Index of the first file that has this inode. */
  readonly first: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Number of a device (dev_t inside of the kernel). */
  readonly device?: number;
  readonly size: bigint;
  /** It has no name any more. */
  readonly deleted: boolean;
  /** What a regular file holds. */
  readonly content?: Uint8Array;
  /** A file that is memory (memfd): index into `objects`. */
  readonly object?: number;
}

export interface SocketState {
  /** SOCK_* */
  readonly type: number;
  /** The other end; undefined when nobody has it open any more. */
  readonly peer: number | undefined;
  /** 1 receives nothing more, 2 sends nothing more. */
  readonly shutdown: number;
  /** SO_PEEK_OFF, -1 for none. */
  readonly peekOffset: number;
  /** What waits to be read, message by message (a stream's pieces are one message). */
  readonly received: readonly Uint8Array[];
}

export interface WatchState {
  readonly file: number;
  /** The number it was added under, which may mean another file by now, or none. */
  readonly fd: number;
  readonly events: number;
  readonly data: bigint;
}

/** Memory by page index; pages that were never written are absent and read zero. */
export interface MemoryObject {
  readonly kind: 'shared' | 'memfd' | 'huge';
  /** Of a memfd, as it was created. */
  readonly name?: string;
  /** Bytes. */
  readonly size: bigint;
  readonly pages: ReadonlyMap<number, Uint8Array>;
}

export interface MmState {
  /** start_code and so on, by name. */
  readonly bounds: { readonly [name: string]: bigint };
  /** Ascending; neighbours that are alike are one. */
  readonly mappings: readonly MappingState[];
}

export interface MappingState {
  readonly start: number;
  readonly end: number;
  /** VM_* */
  readonly flags: number;
  /** Offset in the object behind it, in pages; 0 for private anonymous memory. */
  readonly offset: number;
  readonly backing:
    | { readonly kind: 'anonymous' }
    | { readonly kind: 'huge' }
    | { readonly kind: 'object'; readonly object: number }
    | { readonly kind: 'file'; readonly file: number };
  /** Private pages that have content of their own, by address. */
  readonly pages: ReadonlyMap<number, Uint8Array>;
}

/** One io_uring instance. Items of the inventory stand in brackets. */
export interface RingState {
  /** Its file. */
  readonly file: number;
  /** The mm that its buffers belong to [47]; undefined when that is gone. */
  readonly mm: number | undefined;
  readonly setup: RingSetup;
  readonly queues: QueueState;
  readonly buffers: readonly (BufferState | undefined)[] | undefined;
  readonly files: FileTableState | undefined;
  readonly eventfd: EventfdRegistrationState | undefined;
  readonly personalities: { readonly next: number; readonly ids: readonly Personality[] };
  readonly restrictions: RestrictionState | undefined;
  readonly groups: readonly BufferGroup[];
  readonly workerLimits: readonly [number, number] | undefined;
  readonly napi: { readonly microseconds: number; readonly prefer: boolean } | undefined;
  /** CLOCK_*; undefined where a kernel has no choice. */
  readonly clock: number | undefined;
  readonly requests: readonly RequestState[];
  /** Tasks that wait for completions [83]. */
  readonly waiters: readonly WaiterState[];
}

export interface WaiterState {
  readonly tid: number;
  /** How many more completions than there are (beyond those not taken yet) it wants to see: cq.head + this. */
  readonly completions: number;
  /** Nanoseconds that are left of its time, and until one completion is enough; undefined for no limit. */
  readonly time?: bigint;
  readonly minimum?: bigint;
}

export interface RingSetup {
  /** IORING_SETUP_* [1, 3, 4, 14-16, 18]; R_DISABLED as long as it was not enabled [63]. */
  readonly flags: number;
  readonly sqEntries: number;
  readonly cqEntries: number;
  /** Milliseconds [5]. */
  readonly idle: number;
  /** [6]; undefined without SQ_AFF. */
  readonly cpu: number | undefined;
  /** Rings with the same number share a thread [7]: index of the first of them. */
  readonly thread: number | undefined;
  /** Of the submission thread [9]. */
  readonly cred: number | undefined;
  /** The one task that may submit [17]. */
  readonly submitter: number | undefined;
  /** Whose memory limit pays for buffers [47]: a user id; undefined when nobody's. */
  readonly payer: number | undefined;
  /** Where the two areas stand in the mm, with NO_MMAP [13]. */
  readonly userAreas: { readonly rings: number; readonly sqes: number } | undefined;
  /** Of the areas' members [10], by name as in struct io_sqring_offsets: "sq.head". */
  readonly offsets: { readonly [name: string]: number };
  /** 32-bit creator [19]. */
  readonly compat: boolean;
}

/** Counters are absolute, modulo 2^32. */
export interface QueueState {
  readonly sqHead: number;
  readonly sqTail: number;
  readonly cqHead: number;
  readonly cqTail: number;
  readonly dropped: number;
  readonly overflown: number;
  /** Shared words that are user space's own [33], and the kernel's [32]. */
  readonly cqFlags: number;
  readonly sqFlags: number;
  readonly extra: number;
  readonly timeouts: number;
  readonly lastFlush: number;
  readonly drainActive: boolean;
  readonly drainNext: boolean;
  readonly drainDisabled: boolean;
  readonly offTimeoutUsed: boolean;
  /** The whole of the areas that user space reads and writes: index array (empty without), entries. */
  readonly sqArray: Uint8Array;
  readonly sqes: Uint8Array;
  readonly cqes: Uint8Array;
  readonly overflow: readonly OverflowEntry[];
}

export interface OverflowEntry {
  readonly userData: bigint;
  readonly result: number;
  readonly flags: number;
  /** Of big entries. */
  readonly extra: readonly [bigint, bigint] | undefined;
}

export interface BufferState {
  readonly address: bigint;
  /** Bytes. */
  readonly length: number;
  readonly tag: bigint;
  /** Pages that the address space does not show where they were registered, by their number in the buffer. */
  readonly lost: ReadonlyMap<number, PageSource>;
  /** Pages of 2 MiB are kept as such. */
  readonly huge: boolean;
  /** The same buffer in another ring or slot, which was there first (cloned). */
  readonly cloneOf: { readonly ring: number; readonly index: number } | undefined;
}

/** Where a page is that is not at its buffer's address. */
export type PageSource =
  | { readonly kind: 'orphan'; readonly orphan: number }
  | { readonly kind: 'object'; readonly object: number; readonly page: number };

export interface FileTableState {
  /** Undefined for an empty slot. */
  readonly slots: readonly ({ readonly file: number; readonly tag: bigint } | undefined)[];
  /** Where automatic allocation looks [55]; undefined in kernels without. */
  readonly allocation: { readonly start: number; readonly end: number; readonly hint: number } | undefined;
}

export interface EventfdRegistrationState {
  /** A file of kind eventfd; one that no task has open is in the table of files all the same. */
  readonly file: number;
  readonly async: boolean;
  /** Completions when it was last signalled [59]; undefined in kernels that do not keep it. */
  readonly lastTail: number | undefined;
}

export interface Personality {
  readonly id: number;
  readonly cred: number;
}

export interface RestrictionState {
  /** Bit sets by opcode. */
  readonly registerOps: bigint;
  readonly submitOps: bigint;
  readonly flagsAllowed: number;
  readonly flagsRequired: number;
  /** In force: the ring has been enabled since. */
  readonly enforced: boolean;
}

export type BufferGroup =
  | {
      readonly kind: 'list';
      readonly id: number;
      readonly buffers: readonly { readonly address: bigint; readonly length: number; readonly id: number }[];
    }
  | {
      readonly kind: 'ring';
      readonly id: number;
      readonly entries: number;
      /** Address in the mm; undefined for memory of the kernel, whose content is here. */
      readonly address: number | undefined;
      readonly content: Uint8Array | undefined;
      /** Buffers taken so far, modulo 2^16 [68]. */
      readonly head: number;
      readonly incremental: boolean;
      readonly minLeft: number;
    };

/** A request in progress: polls, timeouts, chains, deferred ones, reads that wait for their file [74-77, 79]. */
export interface RequestState {
  readonly where: 'waiting' | 'timeout' | 'deferred';
  /** Task that submitted it; 0 for the ring's submission thread. */
  readonly task: number;
  /** IORING_OP_* and IOSQE_*. */
  readonly opcode: number;
  readonly flags: number;
  readonly userData: bigint;
  readonly file: number | undefined;
  /** Descriptor, or with IOSQE_FIXED_FILE the slot, of a file that is looked up only when the request starts. */
  readonly fd?: number;
  readonly cred: number | undefined;
  readonly poll?: { readonly events: number; readonly multishot: boolean };
  readonly timeout?: TimeoutState;
  readonly transfer?: {
    readonly address: bigint;
    readonly length: number;
    readonly offset: bigint;
    readonly buffer: number;
  };
  /** What comes behind it in its chain, first to last; a LINK_TIMEOUT that is running is among them. */
  readonly chain: readonly RequestState[];
}

export interface TimeoutState {
  /** IORING_TIMEOUT_* */
  readonly flags: number;
  /** Nanoseconds that are left, or the moment with IORING_TIMEOUT_ABS. */
  readonly time: bigint;
  /** Completions that are still to come, 0 for a pure timeout; of a multishot one, how often it still fires. */
  readonly count: number;
}
