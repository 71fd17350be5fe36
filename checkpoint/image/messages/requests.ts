/** Requests in progress: what is needed to submit them again. */
import { type MessageTable, optional, repeated, required } from '../schema.ts';

export const REQUEST_MESSAGES = {
  io_uring_request_entry: {
    opcode: required(1, 'uint32'),
    state: required(2, 'io_uring_request_state'),
    user_data: required(3, 'uint64', { hex: true }),
    /** Flags of the SQE. */
    sqe_flags: required(4, 'uint32', { hex: true }),
    /** What it is for: a descriptor of the submitter, a slot of the file table, or neither (then the file). */
    fd: optional(5, 'sint32'),
    file_slot: optional(6, 'uint32'),
    file_id: optional(7, 'uint32'),
    submitter_pid: optional(8, 'uint32'),
    personality: optional(9, 'uint32'),
    ioprio: optional(10, 'uint32'),
    addr: optional(11, 'uint64', { hex: true }),
    len: optional(12, 'uint32'),
    offset: optional(13, 'uint64'),
    op_flags: optional(14, 'uint32', { hex: true }),
    /** Registered buffer, or buffer group of one that is to be selected. */
    buf_index: optional(15, 'uint32'),
    buf_group: optional(16, 'uint32'),
    /** A buffer that was selected before the wait. */
    buf_id: optional(17, 'uint32'),
    /** Position of the request in the sequence of submissions, which a drain waits by. */
    sequence: optional(18, 'uint32'),
    /** Requests of a chain have the same number, and stand in its order. */
    chain: optional(19, 'uint32'),
    /** The whole SQE, when it is still known: it decides. */
    sqe: optional(20, 'bytes'),
    poll: optional(21, 'io_uring_poll_entry'),
    timeout: optional(22, 'io_uring_timeout_entry'),
    /** An iovec or a message header that was read at submission. */
    iovec: repeated(23, 'io_uring_iovec_entry'),
    /** Bytes that are done of a request that goes on. */
    done: optional(24, 'uint64'),
    multishot: optional(25, 'bool'),
    /** Whose rights it goes by, when they are not those of the submitter. */
    creds: optional(26, 'creds_entry'),
  },
  io_uring_poll_entry: {
    events: required(1, 'uint32', { hex: true }),
    multishot: optional(2, 'bool'),
    /** Events that came while nobody looked. */
    pending: optional(3, 'uint32', { hex: true }),
  },
  io_uring_timeout_entry: {
    /** Flags of the request: absolute, clock, multishot. */
    flags: required(1, 'uint32', { hex: true }),
    /** What is left of a relative time, or the absolute one. */
    sec: required(2, 'int64'),
    nsec: required(3, 'uint32'),
    /** The time as it was asked for: a multishot begins again with it. */
    period_sec: optional(4, 'int64'),
    period_nsec: optional(5, 'uint32'),
    /** Completions that also end it, and the CQ position where they will be reached. */
    count: optional(6, 'uint32'),
    target_seq: optional(7, 'uint32'),
    /** Multishot: how often it will yet fire; 0 without end. */
    repeats: optional(8, 'uint32'),
    /** Link timeout: user_data of the request that it watches. */
    watches: optional(9, 'uint64', { hex: true }),
  },
  io_uring_iovec_entry: {
    addr: required(1, 'uint64', { hex: true }),
    len: required(2, 'uint64'),
  },

  /** What a task has of io_uring that belongs to no ring. */
  io_uring_task_entry: {
    pid: required(1, 'uint32'),
    ring_fds: repeated(2, 'io_uring_ring_fd_entry'),
    iowq: optional(3, 'io_uring_iowq_entry'),
    /** The call that the task waits in, to be restarted. */
    wait: optional(4, 'io_uring_wait_entry'),
  },
  /** A ring that is registered under an index; the index is what the application uses. */
  io_uring_ring_fd_entry: {
    index: required(1, 'uint32'),
    ring_id: required(2, 'uint32'),
  },
  io_uring_wait_entry: {
    ring_id: required(1, 'uint32'),
    to_submit: required(2, 'uint32'),
    min_complete: required(3, 'uint32'),
    flags: required(4, 'uint32', { hex: true }),
    sigmask: optional(5, 'uint64', { hex: true }),
    /** What is left of the timeout. */
    sec: optional(6, 'int64'),
    nsec: optional(7, 'uint32'),
    /** The ring was named by the index under which it is registered. */
    ring_fd_index: optional(8, 'uint32'),
  },
} as const satisfies MessageTable;
