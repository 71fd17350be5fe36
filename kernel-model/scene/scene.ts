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
  register?: RegisterSpec[];
  fails?: string;
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
  unregister?: 'buffers' | 'files' | 'eventfd';
  fails?: string;
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

export interface EventSpec {
  task: number;
  dontneed?: RangeSpec;
  unmap?: RangeSpec;
  write?: BytesSpec & { address: Quantity };
  fork?: { pid: number; comm?: string };
  close?: Quantity;
  register?: { fd: Quantity; calls: RegisterSpec[] };
  unwatch?: { epoll: Quantity; fd: Quantity };
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
