/** The records of programs/checkpoint/records.h by the names of their members; see there for what they mean. */
import type { DumpRecord } from './records.ts';

/** enum file_kind */
export const enum FileKind {
  Other = 0,
  Regular = 1,
  Eventfd = 2,
  IoUring = 3,
  Pipe = 4,
  Epoll = 5,
  Socket = 6,
  Pidfd = 7,
}

/** enum request_place */
export const enum Place {
  Timeout = 1,
  LinkTimeout = 2,
  Deferred = 3,
  Waiting = 4,
  Chain = 5,
}

type Numbers<Names extends string> = { readonly [name in Names]: number };
type Words<Names extends string> = { readonly [name in Names]: bigint };

export type RawTask = DumpRecord &
  Numbers<'tid' | 'tgid' | 'parent' | 'flags' | 'exit_state' | 'has_context' | 'cached_refs'> &
  Words<
    'inflight' | 'mm' | 'files' | 'cred' | 'nofile' | 'nofile_max' | 'memlock' | 'memlock_max' | 'worker_cpus'
  > & {
    readonly comm: string;
    readonly workers: readonly [number, number];
  };

export type RawCred = DumpRecord &
  Numbers<'uid' | 'gid' | 'suid' | 'sgid' | 'euid' | 'egid' | 'fsuid' | 'fsgid' | 'securebits' | 'groups'> &
  Words<'address' | 'inheritable' | 'permitted' | 'effective' | 'bounding' | 'ambient'>;

export type RawMm = DumpRecord & Words<'address'>;

export type RawRingFd = DumpRecord & Numbers<'tid' | 'index'> & Words<'file'>;

export type RawFd = DumpRecord & Numbers<'tid' | 'tgid' | 'fd' | 'close_on_exec'> & Words<'files' | 'file'>;

export type RawFile = DumpRecord &
  Numbers<'flags' | 'mode' | 'links' | 'device' | 'rdev' | 'uid' | 'gid' | 'object_flags'> &
  Numbers<'owner' | 'owner_type' | 'owner_signal' | 'owner_uid' | 'owner_euid'> &
  Words<'file' | 'position' | 'inode' | 'ino' | 'size' | 'object' | 'count'> & {
    readonly what: FileKind;
  };

export type RawVma = DumpRecord &
  Numbers<'tid' | 'tgid'> &
  Words<'mm' | 'start' | 'end' | 'flags' | 'offset' | 'file'>;

export type RawWatch = DumpRecord & Numbers<'fd' | 'events'> & Words<'epoll' | 'file' | 'data'>;

export type RawRing = DumpRecord &
  Numbers<
    | 'flags'
    | 'compat'
    | 'restricted'
    | 'drain_next'
    | 'drain_active'
    | 'drain_disabled'
    | 'off_timeout_used'
    | 'hz'
    | 'sq_entries'
    | 'cq_entries'
    | 'cached_sq_head'
    | 'sq_tail'
    | 'sq_dropped'
    | 'sq_flags'
    | 'cached_cq_tail'
    | 'cq_head'
    | 'cq_overflow'
    | 'cq_flags'
    | 'cq_extra'
    | 'cq_timeouts'
    | 'cq_last_flush'
    | 'check_cq'
    | 'sq_thread_idle'
    | 'sq_cpu'
    | 'submitter'
    | 'buffers'
    | 'files'
    | 'buffers_quiesce'
    | 'files_quiesce'
    | 'user_id'
    | 'has_user'
    | 'alloc_start'
    | 'alloc_end'
    | 'alloc_hint'
    | 'has_alloc'
    | 'restricted_allowed'
    | 'restricted_required'
    | 'restrictions'
    | 'worker_limits_set'
    | 'eventfd_async'
    | 'eventfd_tail'
    | 'has_eventfd_tail'
    | 'eventfd_flags'
    | 'personality_next'
    | 'clock'
    | 'napi'
    | 'napi_prefer'
    | 'unlisted'
  > &
  Words<
    | 'address'
    | 'sq_data'
    | 'sq_creds'
    | 'mm'
    | 'restricted_register'
    | 'restricted_submit'
    | 'eventfd'
    | 'eventfd_count'
    | 'napi_timeout'
    | 'rings_page'
    | 'sqes_page'
  > & { readonly worker_limits: readonly [number, number] };

export type RawBuffer = DumpRecord &
  Numbers<'empty' | 'vectors' | 'folio_shift' | 'references' | 'kernel'> &
  Words<'index' | 'buffer' | 'address' | 'length' | 'tag'>;

export type RawSlot = DumpRecord & Words<'index' | 'file' | 'tag'>;

export type RawPage = DumpRecord &
  Numbers<'start' | 'length' | 'mapped'> &
  Words<'index' | 'vector' | 'address' | 'frame'>;

export type RawPersonality = DumpRecord & Words<'id' | 'cred'>;

export type RawGroup = DumpRecord &
  Numbers<'pages' | 'entries' | 'consumed' | 'flags' | 'min_left' | 'list_is_buffer'> &
  Words<'id' | 'list' | 'page_table'>;

export type RawProvided = DumpRecord & Numbers<'length' | 'id'> & Words<'address'>;

export type RawOverflow = DumpRecord &
  Numbers<'result' | 'flags'> &
  Words<'user_data'> & { readonly extra: readonly [bigint, bigint] };

export type RawWaiter = DumpRecord &
  Numbers<'tid' | 'target' | 'timeouts' | 'has_limits'> &
  Words<'limit' | 'minimum' | 'now'>;

export type RawRequest = DumpRecord &
  Numbers<
    'place' | 'opcode' | 'tid' | 'buffer' | 'count' | 'target' | 'repeats' | 'mode' | 'events' | 'sequence'
  > &
  Numbers<'length' | 'fd'> &
  Words<
    | 'request'
    | 'flags'
    | 'user_data'
    | 'file'
    | 'link'
    | 'cred'
    | 'seconds'
    | 'nanoseconds'
    | 'expires'
    | 'bounds'
    | 'address'
    | 'offset'
    | 'now'
  >;
