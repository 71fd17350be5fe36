/** A scene as written, after validation by schema.json (which holds the meaning and limits of every field). */

/** Number or expression, see quantity.ts. */
export type Quantity = number | string;

interface Repeated {
  repeat?: Quantity;
}

export interface Scene {
  kernel?: string;
  description?: string;
  tasks?: TaskSpec[];
  maps?: MapSpec[];
  events?: EventSpec[];
  locks?: LockSpec[];
  iterators?: IteratorSpec[];
}

export interface TaskSpec {
  pid: number;
  comm?: string;
  parent?: number;
  uid?: number;
  gid?: number;
  euid?: number;
  suid?: number;
  egid?: number;
  sgid?: number;
  groups?: number[];
  capabilities?: string[];
  rlimits?: { memlock?: Quantity; nofile?: Quantity };
  threads?: { tid: number; comm?: string }[];
  files?: FileSpec[];
  mappings?: MappingSpec[];
  rings?: RingSpec[];
}

export interface FileSpec extends Repeated {
  fd?: Quantity | [Quantity, Quantity];
  open?: string;
  deleted?: boolean;
  size?: Quantity;
  pos?: Quantity;
  flags?: string[];
  dup?: Quantity;
  pipe?: true;
  socketpair?: true;
  eventfd?: Quantity;
  semaphore?: boolean;
  memfd?: string;
  epoll?: WatchSpec[];
}

export interface WatchSpec extends Repeated {
  fd: Quantity;
  events?: string[];
  data?: Quantity;
}

export interface BytesSpec {
  text?: string;
  hex?: string;
  fill?: number;
  length?: Quantity;
}

export interface ContentSpec extends BytesSpec {
  at?: Quantity;
}

export interface MappingSpec extends Repeated {
  name?: string;
  address?: Quantity;
  length: Quantity;
  kind?: 'anon' | 'shared' | 'huge' | 'file' | 'file_private';
  fd?: Quantity;
  offset?: Quantity;
  prot?: string;
  content?: ContentSpec[];
}

export interface RingSpec extends Repeated {
  name?: string;
  fd?: Quantity;
  entries?: Quantity;
  flags?: string[];
  cq_entries?: Quantity;
  sq_thread_cpu?: Quantity;
  sq_thread_idle?: Quantity;
  wq_fd?: Quantity;
  compat?: boolean;
  memory?: { rings?: Quantity; entries?: Quantity };
  register?: RegisterSpec[];
  submit?: EntrySpec[];
  prepare?: EntrySpec[];
  fails?: string;
}

/** One submission entry; exactly one of the operations. */
export interface EntrySpec extends Repeated {
  nop?: true;
  read?: TransferSpec;
  write?: TransferSpec;
  poll?: { fd: Quantity; events?: string[]; multishot?: boolean };
  poll_remove?: Quantity;
  poll_update?: { of: Quantity; events?: string[]; data?: Quantity; multishot?: boolean };
  timeout?: TimeoutSpec;
  link_timeout?: TimeoutSpec;
  timeout_remove?: Quantity;
  timeout_update?: { of: Quantity; milliseconds: Quantity; absolute?: boolean };
  cancel?: { data?: Quantity; fd?: Quantity; slot?: Quantity; all?: boolean; any?: boolean };
  message?: { ring: Quantity; result?: Quantity; data?: Quantity; flags?: Quantity };
  send_file?: { ring: Quantity; from: Quantity; to: Quantity };
  provide_buffers?: {
    group: Quantity;
    address: Quantity;
    length: Quantity;
    count?: Quantity;
    id?: Quantity;
  };
  remove_buffers?: { group: Quantity; count: Quantity };
  open?: { path: string; slot?: Quantity; flags?: string[] };
  close?: { fd?: Quantity; slot?: Quantity };
  update_files?: { files: Quantity[]; offset?: Quantity };
  install?: { slot: Quantity; inherit?: boolean };
  bad_index?: true;
  /** User data. */
  data?: Quantity;
  flags?: string[];
  personality?: Quantity;
  group?: Quantity;
}

export interface TransferSpec {
  fd: Quantity;
  address?: Quantity;
  length?: Quantity;
  offset?: Quantity;
  buffer?: Quantity;
}

export interface TimeoutSpec {
  milliseconds: Quantity;
  completions?: Quantity;
  absolute?: boolean;
  multishot?: boolean;
}

export interface CompletionSpec extends Repeated {
  data: Quantity;
  result?: Quantity;
  flags?: Quantity;
}

export type BufferSpec = 'none' | ({ address: Quantity; length: Quantity; tag?: Quantity } & Repeated);
export type SlotSpec = Quantity | ({ fd: Quantity; tag?: Quantity } & Repeated);

export interface RegisterSpec {
  buffers?: BufferSpec[];
  files?: SlotSpec[];
  eventfd?: Quantity;
  async?: boolean;
  sparse_buffers?: Quantity;
  sparse_files?: Quantity;
  update_buffers?: BufferSpec[];
  update_files?: SlotSpec[];
  offset?: Quantity;
  unregister?: 'buffers' | 'files' | 'eventfd' | 'worker_cpus';
  personality?: true;
  unregister_personality?: Quantity;
  restrictions?: { register?: string[]; submit?: string[]; allowed?: string[]; required?: string[] };
  enable?: true;
  alloc_range?: { offset: Quantity; length: Quantity };
  buffer_ring?: BufferRingSpec;
  unregister_buffer_ring?: Quantity;
  ring_fds?: { fd: Quantity; index?: Quantity }[];
  worker_limits?: [Quantity, Quantity];
  worker_cpus?: Quantity[];
  napi?: { microseconds: Quantity; prefer?: boolean };
  clock?: 'MONOTONIC' | 'BOOTTIME';
  clone_buffers?: Quantity;
  unregister_ring_fd?: Quantity;
  buffer_ring_head?: { group: Quantity; is?: Quantity };
  sync_cancel?: { data?: Quantity; fd?: Quantity; all?: boolean; any?: boolean };
  returns?: Quantity;
  waits?: true;
  fails?: string;
}

export type RingBufferSpec = { address: Quantity; length: Quantity; id?: Quantity } & Repeated;

export interface BufferRingSpec {
  group: Quantity;
  entries: Quantity;
  address?: Quantity;
  incremental?: boolean;
  min_left?: Quantity;
  buffers?: RingBufferSpec[];
}

export interface MapSpec {
  name: string;
  type: 'array' | 'hash' | 'percpu_array' | 'percpu_hash' | 'lru_hash';
  key_size?: Quantity;
  value_size?: Quantity;
  max_entries: Quantity;
  entries?: ({ key: Quantity; value: Quantity } & Repeated)[];
}

export interface RangeSpec {
  address: Quantity;
  length: Quantity;
}

/** A ring: exactly one of its descriptor and its index among the task's registered rings. */
export interface RingPlace {
  fd?: Quantity;
  index?: Quantity;
}

export type RingWord =
  | 'sq_head'
  | 'sq_tail'
  | 'sq_flags'
  | 'sq_dropped'
  | 'cq_head'
  | 'cq_tail'
  | 'cq_flags'
  | 'cq_overflow';

export type RingWords = { [word in RingWord]?: Quantity };

/** What one task does, or finds; exactly one of the verbs. */
export interface EventSpec {
  task: number;
  dontneed?: RangeSpec;
  unmap?: RangeSpec;
  write?: BytesSpec & { address: Quantity };
  fork?: { pid: number; comm?: string };
  close?: Quantity;
  register?: RingPlace & { calls: RegisterSpec[] };
  submit?: RingPlace & { entries: EntrySpec[] };
  prepare?: RingPlace & { entries: EntrySpec[] };
  enter?: RingPlace & { complete?: Quantity };
  completions?: RingPlace & { are: CompletionSpec[]; any_order?: boolean };
  ring_words?: RingPlace & { set?: RingWords; are?: RingWords };
  add_buffers?: { address: Quantity; entries: Quantity; buffers: RingBufferSpec[] };
  store?: { fd: Quantity; text?: string; hex?: string; count?: Quantity };
  load?: { fd: Quantity; length?: Quantity; text?: string; hex?: string; count?: Quantity };
  holds?: BytesSpec & { address: Quantity };
  open?: FileSpec;
  map?: MappingSpec;
  ring?: RingSpec;
  wait?: Quantity;
  exit?: true | 'thread';
  watch?: WatchSpec & { epoll: Quantity };
  unwatch?: { epoll: Quantity; fd: Quantity };
  fails?: string;
}

export interface LockSpec {
  lock: 'uring_lock' | 'ep_mtx' | 'mmap_lock';
  task: number;
  fd?: Quantity;
  by: number;
}

export interface IteratorSpec {
  object: string;
  program?: string;
}
