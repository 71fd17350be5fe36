/**
 * A ring. Fields below 100 are those that the work on io_uring in CRIU (2021) numbered; they come with their
 * labels, hence all the `required`. From 100 on stands what that work listed as missing, so that every item of
 * kernel-model/inventory that can be restored has a place here (test/checkpoint says which).
 */
import { type MessageTable, optional, repeated, required } from '../schema.ts';

export const RING_MESSAGES = {
  io_uring_file_entry: {
    id: required(1, 'uint32'),
    flags: required(2, 'uint32', { flags: 'rfile.flags' }),
    pos: required(3, 'uint64'),
    fown: required(4, 'fown_entry'),
    setup_flags: required(5, 'uint32', { flags: 'iou.setup' }),
    sq_thread_cpu: required(6, 'uint32'),
    /** Milliseconds, as io_uring_setup takes it. */
    sq_thread_idle: required(7, 'uint32'),
    nr_user_bufs: required(8, 'uint64'),
    nr_user_files: required(9, 'uint64'),
    sq_entries: required(10, 'uint32'),
    cq_entries: required(11, 'uint32'),
    sq_off_array: required(12, 'uint32'),
    /** Identity of the ring: mappings name it in vma_entry.shmid. */
    inode: required(13, 'uint32'),
    /** The four words that the rings share with the application. */
    sq_head: required(14, 'uint32'),
    sq_tail: required(15, 'uint32'),
    cqe_head: required(16, 'uint32'),
    cqe_tail: required(17, 'uint32'),
    sq_ring_mask: required(18, 'uint32'),
    cq_ring_mask: required(19, 'uint32'),
    /** True when restrictions are registered; the bitmaps are in `restriction`. */
    restrictions: required(20, 'bool'),
    /** The first 32 bits of the bitmaps. */
    reg_op: required(21, 'uint32', { hex: true }),
    sqe_op: required(22, 'uint32', { hex: true }),
    sqe_flags_allowed: required(23, 'uint32', { hex: true }),
    sqe_flags_required: required(24, 'uint32', { hex: true }),
    pers_id: repeated(25, 'io_uring_personality_id'),
    mnt_id: optional(26, 'sint32'),

    setup: optional(100, 'io_uring_setup_entry'),
    counters: optional(101, 'io_uring_counters_entry'),
    /** Completions that found the CQ full, oldest first. */
    overflow: repeated(102, 'io_uring_cqe_entry'),
    files: optional(103, 'io_uring_files_entry'),
    buffers: repeated(104, 'io_uring_buffer_entry'),
    eventfd: optional(105, 'io_uring_eventfd_entry'),
    personalities: repeated(106, 'io_uring_personality_entry'),
    /** Id that the next personality is looked for from. */
    pers_next: optional(107, 'uint32'),
    restriction: optional(108, 'io_uring_restriction_entry'),
    /** Buffer groups that the application shares as a ring. */
    pbuf_rings: repeated(109, 'io_uring_pbuf_ring_entry'),
    /** Buffer groups that were filled by PROVIDE_BUFFERS requests. */
    pbuf_groups: repeated(110, 'io_uring_pbuf_group_entry'),
    iowq: optional(111, 'io_uring_iowq_entry'),
    napi: optional(112, 'io_uring_napi_entry'),
    /** Clock that waits with a timeout go by. */
    clockid: optional(113, 'int32'),
    region: optional(114, 'io_uring_region_entry'),
    /** Requests in progress, in the order in which they were submitted. */
    requests: repeated(115, 'io_uring_request_entry'),
    sqpoll: optional(116, 'io_uring_sqpoll_entry'),
    notes: repeated(117, 'drydock_note_entry'),
    /** Tasks that wait for completions, in the order of the queue. */
    waiters: repeated(118, 'io_uring_waiter_entry'),
  },
  io_uring_waiter_entry: {
    pid: required(1, 'uint32'),
    /** How many completions it waits for. */
    completions: optional(2, 'uint32'),
    /** Nanoseconds that are left of its time, and until one completion is enough. */
    time: optional(3, 'uint64'),
    minimum: optional(4, 'uint64'),
  },
  io_uring_group_id: {
    group: required(1, 'uint32'),
    group_name: required(2, 'string'),
  },
  io_uring_personality_id: {
    uid: required(1, 'uint32'),
    euid: required(2, 'uint32'),
    suid: required(3, 'uint32'),
    fsuid: required(4, 'uint32'),
    gid: required(5, 'uint32'),
    egid: required(6, 'uint32'),
    sgid: required(7, 'uint32'),
    fsgid: required(8, 'uint32'),
    uid_name: required(9, 'string'),
    euid_name: required(10, 'string'),
    suid_name: required(11, 'string'),
    fsuid_name: required(12, 'string'),
    gid_name: required(13, 'string'),
    egid_name: required(14, 'string'),
    sgid_name: required(15, 'string'),
    fsgid_name: required(16, 'string'),
    cap_eff: required(17, 'uint64'),
    group_id: repeated(18, 'io_uring_group_id'),
  },
  /** Followed by the SQEs, the CQEs and the array of SQE indexes, as they stand in memory. */
  io_uring_data_entry: {
    id: required(1, 'uint32'),
    sqe_bytes: required(2, 'uint32'),
    cqe_bytes: required(3, 'uint32'),
    sq_arr_bytes: required(4, 'uint32'),
  },

  /** What io_uring_setup was told and has answered, besides what io_uring_file_entry itself has. */
  io_uring_setup_entry: {
    features: optional(1, 'uint32', { hex: true }),
    sq_off: required(2, 'io_uring_sq_offsets'),
    cq_off: required(3, 'io_uring_cq_offsets'),
    /** The task that has to create the ring: its memory is pinned, its credentials and limits are charged. */
    creator_pid: optional(4, 'uint32'),
    /** SINGLE_ISSUER: the thread that alone may submit. */
    submitter_pid: optional(5, 'uint32'),
    /** User that pinned pages are charged to; absent when the creator was free of the limit (CAP_IPC_LOCK). */
    account_uid: optional(6, 'uint32'),
    /** Created by a 32-bit program. */
    compat: optional(7, 'bool'),
    /** NO_MMAP: the application's addresses of both areas, and the pages there when they are no more mapped. */
    rings_addr: optional(8, 'uint64', { hex: true }),
    sqes_addr: optional(9, 'uint64', { hex: true }),
    rings_pages: repeated(10, 'io_uring_pages_entry'),
    sqes_pages: repeated(11, 'io_uring_pages_entry'),
    /** Non-SQPOLL ATTACH_WQ: the ring that was named; it shares nothing, but the flag needs one. */
    attach_id: optional(12, 'uint32'),
    /** Address space that buffers are of, as in task_kobj_ids_entry; absent when it is gone. */
    vm_id: optional(13, 'uint32'),
  },
  io_uring_sq_offsets: {
    head: required(1, 'uint32'),
    tail: required(2, 'uint32'),
    ring_mask: required(3, 'uint32'),
    ring_entries: required(4, 'uint32'),
    flags: required(5, 'uint32'),
    dropped: required(6, 'uint32'),
    array: required(7, 'uint32'),
  },
  io_uring_cq_offsets: {
    head: required(1, 'uint32'),
    tail: required(2, 'uint32'),
    ring_mask: required(3, 'uint32'),
    ring_entries: required(4, 'uint32'),
    overflow: required(5, 'uint32'),
    cqes: required(6, 'uint32'),
    flags: required(7, 'uint32'),
  },

  io_uring_counters_entry: {
    cached_sq_head: required(1, 'uint32'),
    cached_cq_tail: required(2, 'uint32'),
    sq_dropped: required(3, 'uint32'),
    cq_overflow: required(4, 'uint32'),
    sq_flags: required(5, 'uint32', { hex: true }),
    cq_flags: required(6, 'uint32', { hex: true }),
    cq_timeouts: required(7, 'uint32'),
    cq_last_tm_flush: required(8, 'uint32'),
    /** Derived, for the check after restore: two's complement of a difference. */
    cq_extra: required(9, 'uint32'),
    check_cq: optional(10, 'uint32', { hex: true }),
    /** Once set, these stay. */
    drain_active: optional(11, 'bool'),
    drain_next: optional(12, 'bool'),
    drain_disabled: optional(13, 'bool'),
    off_timeout_used: optional(14, 'bool'),
  },
  io_uring_cqe_entry: {
    user_data: required(1, 'uint64', { hex: true }),
    res: required(2, 'sint32'),
    flags: required(3, 'uint32', { hex: true }),
    /** CQE32: the second half. */
    extra1: optional(4, 'uint64', { hex: true }),
    extra2: optional(5, 'uint64', { hex: true }),
  },

  io_uring_files_entry: {
    /** Slots that hold a file; the size of the table is io_uring_file_entry.nr_user_files. */
    slots: repeated(1, 'io_uring_file_slot'),
    /** The range that automatic allocation looks in, and where in the table it looks first. */
    alloc_off: optional(2, 'uint32'),
    alloc_len: optional(3, 'uint32'),
    alloc_hint: optional(4, 'uint32'),
  },
  io_uring_file_slot: {
    index: required(1, 'uint32'),
    /** In files.img. */
    file_id: required(2, 'uint32'),
    tag: optional(3, 'uint64', { hex: true }),
    /** No descriptor refers to the file: restore opens it for the table alone. */
    direct: optional(4, 'bool'),
  },
  /** One buffer; empty slots have none, the size of the table is io_uring_file_entry.nr_user_bufs. */
  io_uring_buffer_entry: {
    index: required(1, 'uint32'),
    addr: required(2, 'uint64', { hex: true }),
    len: required(3, 'uint64'),
    tag: optional(4, 'uint64', { hex: true }),
    case: required(5, 'io_uring_buffer_case'),
    /** The pages that an address does not lead to; all others are the mapped ones. */
    pages: repeated(6, 'io_uring_pages_entry'),
    /** Cloned: the ring and slot of the buffer that was registered. */
    clone_ring: optional(7, 'uint32'),
    clone_index: optional(8, 'uint32'),
    /** Logarithm of the size of the pages that it was registered from, when they are huge. */
    page_shift: optional(9, 'uint32'),
    /** Derived, for the check after restore: pages charged, bvecs. */
    acct_pages: optional(10, 'uint32'),
    nr_bvecs: optional(11, 'uint32'),
  },
  /**
   * Pinned pages in a row. Equal page numbers, wherever they stand, are one page. Either of an object that is
   * still there (shmid), or orphans: these are at page * 4096 in pagemap-iouring-<pages>.img.
   */
  io_uring_pages_entry: {
    /** Place of the first page, counted in pages from the one that holds the first byte. */
    first: required(1, 'uint32'),
    count: required(2, 'uint32'),
    page: required(3, 'uint64'),
    shmid: optional(4, 'uint64'),
  },

  io_uring_eventfd_entry: {
    /** In files.img; it may be that no descriptor refers to it. */
    file_id: required(1, 'uint32'),
    async: optional(2, 'bool'),
    /** The CQ tail that the last signal was given for. */
    last_cq_tail: optional(3, 'uint32'),
  },
  io_uring_personality_entry: {
    id: required(1, 'uint32'),
    creds: required(2, 'creds_entry'),
  },
  /** Lists of the numbers whose bits are set. */
  io_uring_restriction_entry: {
    register_ops: repeated(1, 'uint32'),
    sqe_ops: repeated(2, 'uint32'),
    sqe_flags_allowed: required(3, 'uint32', { hex: true }),
    sqe_flags_required: required(4, 'uint32', { hex: true }),
    registered: required(5, 'bool'),
    /** In force: the ring was enabled. */
    restricted: required(6, 'bool'),
  },

  io_uring_pbuf_ring_entry: {
    bgid: required(1, 'uint32'),
    entries: required(2, 'uint32'),
    flags: required(3, 'uint32', { hex: true }),
    min_left: optional(4, 'uint32'),
    head: required(5, 'uint32'),
    /** Application memory: its address, and the pages when they are no more mapped there. */
    addr: optional(6, 'uint64', { hex: true }),
    pages: repeated(7, 'io_uring_pages_entry'),
    /** Kernel memory: the entries as they stand there (the last word of the first is the tail). */
    content: optional(8, 'bytes'),
  },
  io_uring_pbuf_group_entry: {
    bgid: required(1, 'uint32'),
    /** In the order in which they will be picked. */
    buffers: repeated(2, 'io_uring_pbuf_entry'),
  },
  io_uring_pbuf_entry: {
    addr: required(1, 'uint64', { hex: true }),
    len: required(2, 'uint32'),
    bid: required(3, 'uint32'),
  },

  io_uring_iowq_entry: {
    /** Most workers for bounded and for unbounded work. */
    bounded: optional(1, 'uint32'),
    unbounded: optional(2, 'uint32'),
    /** Numbers of the CPUs that workers may run on. */
    cpus: repeated(3, 'uint32'),
    /** The limits were set for this ring, and go to tasks that attach later. */
    limits_set: optional(4, 'bool'),
  },
  io_uring_napi_entry: {
    enabled: required(1, 'bool'),
    busy_poll_us: required(2, 'uint64'),
    prefer_busy_poll: optional(3, 'bool'),
    /** Which ids are polled: 0 those that are seen, 1 those that are listed. */
    tracking: optional(4, 'uint32'),
    ids: repeated(5, 'uint32'),
  },
  /** Memory that is registered for arguments. */
  io_uring_region_entry: {
    flags: required(1, 'uint32', { hex: true }),
    size: required(2, 'uint64'),
    addr: optional(3, 'uint64', { hex: true }),
    mmap_offset: optional(4, 'uint64', { hex: true }),
    /** Arguments of waits are read from it. */
    wait_arg: optional(5, 'bool'),
    pages: repeated(6, 'io_uring_pages_entry'),
    content: optional(7, 'bytes'),
  },

  io_uring_sqpoll_entry: {
    /** The ring whose setup makes the thread; equal in all rings that share it, absent without a thread. */
    owner_id: optional(1, 'uint32'),
    /** Credentials at setup: the thread submits with them. */
    creds: optional(2, 'creds_entry'),
    /** CPU that the thread is bound to. */
    cpu: optional(3, 'uint32'),
    /** Longest idle time of the group, in jiffies. */
    idle_jiffies: optional(4, 'uint64'),
    /** This ring's own. */
    ring_idle_jiffies: optional(5, 'uint64'),
    /** As it was; restore gets another. */
    thread_pid: optional(6, 'uint32'),
  },
} as const satisfies MessageTable;
