/** A lock scene as its file says it: see schema.json, which checks that it is one. */
import type { FindingKind } from './program.ts';

export type Expectation = FindingKind | 'none';

export type KernelName = '5.16' | '6.1' | '6.12' | '6.13';

/** How the patched kernel of the scene is written. Every choice has the posted series (v3) as default. */
export interface Variant {
  /** 5.16: quiescing register calls, one lock for all epoll closes. 6.12: unregister hides the table first. 6.13: empty buffer slots are NULL. */
  kernel: KernelName;
  /** How start() of the ring iterators takes uring_lock. */
  start: 'trylock' | 'mutex_lock';
  /** How start() of the epoll iterator takes ep->mtx. */
  epoll_start: 'mutex_lock' | 'trylock';
  /** What an open iterator refers to beside the program. */
  iterator_holds: 'nothing' | 'refs' | 'file';
  /** What a link to a ring refers to; weak: nothing, reads borrow a reference and fail once the ring is closed. */
  link_holds: 'refs' | 'file' | 'weak';
  /** What the buffer iterator makes of a NULL slot. */
  empty_slot: 'ends' | 'sentinel';
  /** What a ring iterator does when the table was replaced since its last read. */
  table_change: 'unnoticed' | 'ESTALE';
  /** Where the epoll iterator resumes: at the first item of a descriptor number, or in the order of the tree. */
  epoll_restart: 'fd' | 'key';
  /** Whether an item whose file is gone uses up its number in the sequence. */
  epoll_dead: 'counted' | 'skipped';
  /** When the program prints its header: at number 0 of the sequence, or when it has not done so yet. */
  header: 'seq_num' | 'once';
  /** Whether output is copied to the reader before or after the object's lock is given back. */
  copy: 'unlocked' | 'locked';
  /** Whether links and iterators may be registered as files of a ring. */
  register_bpf_files: 'allowed' | 'refused';
  /** How mmap of a ring looks up what to map. */
  ring_mmap: 'lockless' | 'uring_lock';
  /** How fdinfo of a ring takes uring_lock. */
  fdinfo: 'trylock' | 'mutex_lock';
  /** What an epoll instance is added to another one under. */
  nested_add: 'epmutex' | 'unlocked';
}

export type Slots = readonly string[];

export interface RingDef {
  name: string;
  files?: Slots;
  buffers?: Slots;
  sqpoll?: boolean;
}

export interface ItemDef {
  file: string;
  fd: number;
}

export interface EpollDef {
  name: string;
  items?: readonly ItemDef[];
}

export interface FileDef {
  name: string;
  refs?: number;
  /** What it refers to, as a unix socket does to descriptors that were sent and not received. */
  holds?: readonly string[];
}

export type TargetName = 'io_uring_buf' | 'io_uring_file' | 'epoll' | 'task_file' | 'task_vma' | 'fdinfo';

export interface IteratorDef {
  name: string;
  target: TargetName;
  /** The ring or epoll instance. */
  of?: string;
  /** O_NONBLOCK on the iterator file: io_uring runs reads of it inline. */
  nonblock?: boolean;
  /** Bytes that the program writes for each object. */
  record_bytes?: number;
  /** Objects of task_file and task_vma. */
  entries?: readonly string[];
}

export interface LinkDef {
  name: string;
  to: string;
  attached?: boolean;
}

export interface LockDef {
  name: string;
  kind?: 'mutex' | 'spinlock' | 'rwsem';
}

export interface ObjectDef {
  name: string;
  refs?: number;
}

export type TableName = 'files' | 'buffers';

/** One call of an actor; which one is said by the one key that names it. */
export interface Call {
  lock?: string;
  unlock?: string;
  trylock?: string;
  down_read?: string;
  up_read?: string;
  down_write?: string;
  up_write?: string;
  /** What is done with the lock of `trylock`, which is given back afterwards. */
  held?: readonly Call[];
  forever?: readonly Call[];
  wait?: string;
  /** Whether a waiter looks whether the event has happened before or after it has queued itself. */
  checks?: 'after-queueing' | 'before-queueing';
  wake?: string;
  get?: string;
  put?: string;
  access?: string;
  read?: string;
  length?: number;
  until?: 'end' | 'once';
  on_error?: 'give-up' | 'retry' | 'take-as-end';
  /** What the whole output is compared with. */
  rule?: 'snapshot' | 'each-once';
  /** The reader's buffer is not there: the copy waits for `resolve_fault`. */
  faults?: boolean;
  resolve_fault?: string;
  enter?: string;
  reads?: string;
  register?: string;
  files?: Slots;
  buffers?: Slots;
  retries?: boolean;
  unregister?: string;
  table?: TableName;
  update?: string;
  slot?: number;
  to?: string;
  register_eventfd?: string;
  iowq_max_workers?: string;
  use?: string;
  finish?: string;
  mmap?: string;
  attach?: string;
  close?: string;
  epoll_add?: string;
  epoll_del?: string;
  epoll_wait?: string;
  file?: string;
  fd?: number;
}

export interface ActorDef {
  name: string;
  does: readonly Call[];
}

export interface LockScene {
  description?: string;
  /** Fact that the scene is about, as docs/locks.md groups them. */
  about?: string;
  expect: Expectation | readonly FindingKind[];
  /** Messages that have to be among what is found. */
  finds?: readonly string[];
  variant?: Partial<Variant>;
  /** Pages that the user may lock. */
  memlock?: number;
  locks?: readonly LockDef[];
  events?: readonly string[];
  objects?: readonly ObjectDef[];
  /** In the order of their addresses. */
  files?: readonly FileDef[];
  rings?: readonly RingDef[];
  epolls?: readonly EpollDef[];
  links?: readonly LinkDef[];
  iterators?: readonly IteratorDef[];
  actors: readonly ActorDef[];
  never_waits?: readonly { actor: string; for: string }[];
}

export const POSTED: Variant = {
  kernel: '5.16',
  start: 'trylock',
  epoll_start: 'mutex_lock',
  iterator_holds: 'nothing',
  link_holds: 'refs',
  empty_slot: 'ends',
  table_change: 'unnoticed',
  epoll_restart: 'fd',
  epoll_dead: 'counted',
  header: 'seq_num',
  copy: 'unlocked',
  register_bpf_files: 'allowed',
  ring_mmap: 'lockless',
  fdinfo: 'trylock',
  nested_add: 'epmutex',
};
