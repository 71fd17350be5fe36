/** Tasks: threads and processes as `struct task_struct`, with the records that hang from it. */
import type { Cred } from './cred.ts';
import type { FdTable } from './fd-table.ts';
import type { KernelHeap } from './heap.ts';
import { hlistAddHead, hlistDel, listAddTail, listDel, listInit } from './list.ts';
import type { Mm } from './mm.ts';
import type { Record } from './record.ts';

/** RLIMIT_* numbers. */
export const enum Rlimit {
  Stack = 3,
  Core = 4,
  NoFile = 7,
  MemLock = 8,
  MsgQueue = 12,
  Nice = 13,
  RtPrio = 14,
}
/** One more than the last. */
export const RLIMITS = 16;

/** A limit that counts, and the one up to which a process may raise it. */
export interface Limit {
  soft: number;
  hard: number;
}

/** "No limit": RLIM_INFINITY is 2^64 - 1; numbers of this size behave the same. */
export const UNLIMITED = Number.MAX_SAFE_INTEGER;
const RLIM_INFINITY = 0xffff_ffff_ffff_ffffn;

/** PF_* */
export const enum TaskFlag {
  Exiting = 0x4,
  /** Worker of io_uring inside a user process. */
  IoWorker = 0x10,
  KernelThread = 0x0020_0000,
}

const EXIT_ZOMBIE = 0x20;
const TASK_INTERRUPTIBLE = 1;
const TASK_DEAD = 0x80;

const MEMLOCK = 8 << 20;
const MSGQUEUE = 819_200;
/** Limits of the first process; what is not here has none. */
const DEFAULTS: { readonly [limit: number]: Limit } = {
  [Rlimit.Stack]: { soft: 8 << 20, hard: UNLIMITED },
  [Rlimit.Core]: { soft: 0, hard: UNLIMITED },
  [Rlimit.NoFile]: { soft: 1024, hard: 4096 },
  [Rlimit.MemLock]: { soft: MEMLOCK, hard: MEMLOCK },
  [Rlimit.MsgQueue]: { soft: MSGQUEUE, hard: MSGQUEUE },
  [Rlimit.Nice]: { soft: 0, hard: 0 },
  [Rlimit.RtPrio]: { soft: 0, hard: 0 },
};
const NO_LIMIT: Limit = { soft: UNLIMITED, hard: UNLIMITED };

/** State that the threads of a process share: `struct signal_struct` and its limits. */
export class ThreadGroup {
  readonly record: Record;
  readonly threads: Task[] = [];
  private readonly values: Limit[];

  constructor(heap: KernelHeap, parent: ThreadGroup | undefined) {
    this.record = heap.allocate('signal_struct');
    this.values = Array.from({ length: RLIMITS }, (_, which) =>
      parent ? parent.limits(which) : (DEFAULTS[which] ?? NO_LIMIT),
    );
    for (let which = 0; which < RLIMITS; which++) this.write(which);
    listInit(heap.ram, this.record.addressOf('thread_head'));
  }

  /** Soft limit. */
  limit(which: Rlimit): number {
    return this.limits(which).soft;
  }

  limits(which: Rlimit): Limit {
    return this.values[which] ?? NO_LIMIT;
  }

  setLimit(which: Rlimit, soft: number, hard = soft): void {
    this.values[which] = { soft, hard };
    this.write(which);
  }

  private write(which: number): void {
    const { soft, hard } = this.limits(which);
    this.record
      .set(`rlim[${which}].rlim_cur`, limitWord(soft))
      .set(`rlim[${which}].rlim_max`, limitWord(hard));
  }
}

function limitWord(value: number): bigint {
  return value >= UNLIMITED ? RLIM_INFINITY : BigInt(value);
}

export interface TaskInit {
  heap: KernelHeap;
  pid: number;
  /** Name, at most 15 bytes. */
  comm: string;
  /** Undefined for children of task 0. */
  parent: Task | undefined;
  initTask: Record;
  /** Process the task is a thread of; undefined makes it the leader of a new one. */
  leader: Task | undefined;
  group: ThreadGroup;
  cred: Cred;
  mm: Mm | undefined;
  files: FdTable | undefined;
  fs: Record | undefined;
  nsproxy: Record | undefined;
  pidNamespace: Record | undefined;
  /** Modelled nanoseconds since boot. */
  startTime: bigint;
  /** PF_* */
  flags?: number;
}

export class Task {
  readonly record: Record;
  /** Thread id; equal to `tgid` for the leader. */
  readonly pid: number;
  readonly leader: Task;
  readonly group: ThreadGroup;
  /** Child processes (their leaders). */
  readonly children: Task[] = [];
  /** `struct pid` */
  readonly pidRecord: Record;
  mm: Mm | undefined;
  files: FdTable | undefined;
  /** Called before the task gives up memory and files: io_uring drops the rings it has registered. */
  beforeExit: (() => void) | undefined;
  private readonly heap: KernelHeap;
  private readonly initTask: Record;
  private currentCred: Cred;
  private currentParent: Task | undefined;
  private fs: Record | undefined;
  private dead = false;

  constructor(init: TaskInit) {
    const { heap, pid } = init;
    this.heap = heap;
    this.initTask = init.initTask;
    this.pid = pid;
    this.currentParent = init.parent;
    this.leader = init.leader ?? this;
    this.group = init.group;
    this.mm = init.mm;
    this.files = init.files;
    this.fs = init.fs;
    this.currentCred = init.cred;
    this.record = heap.allocate('task_struct');
    this.pidRecord = this.makePid(init.pidNamespace);
    this.record
      .assign({ pid, tgid: this.leader.pid, start_time: init.startTime, exit_signal: init.leader ? -1 : 17 })
      .assign({ flags: init.flags ?? 0, __state: TASK_INTERRUPTIBLE, usage: 1 })
      .setText('comm', init.comm)
      .point('real_parent', this.parentRecord)
      .point('parent', this.parentRecord)
      .point('group_leader', this.leader.record)
      .point('thread_pid', this.pidRecord)
      .point('signal', init.group.record)
      .point('mm', init.mm?.record)
      .point('active_mm', init.mm?.record)
      .point('files', init.files?.record)
      .point('fs', init.fs)
      .point('nsproxy', init.nsproxy);
    this.pointCred();
    this.link();
    if (init.mm && this.isLeader) init.mm.record.point('owner', this.record);
  }

  get parent(): Task | undefined {
    return this.currentParent;
  }

  get tgid(): number {
    return this.leader.pid;
  }

  get isLeader(): boolean {
    return this.leader === this;
  }

  get address(): bigint {
    return this.record.address;
  }

  get comm(): string {
    return this.record.text('comm');
  }

  set comm(name: string) {
    this.record.setText('comm', name);
  }

  get cred(): Cred {
    return this.currentCred;
  }

  /** Takes over the caller's reference. */
  set cred(cred: Cred) {
    const old = this.currentCred;
    this.currentCred = cred;
    this.pointCred();
    old.put();
  }

  /** Whether it has exited. */
  get exited(): boolean {
    return this.dead;
  }

  limit(which: Rlimit): number {
    return this.group.limit(which);
  }

  /** Gives up memory and files, and leaves its process and its parent. The record stays until `reap`. */
  exit(code: number): void {
    this.beforeExit?.();
    this.dead = true;
    this.record.set('flags', this.record.get('flags') | TaskFlag.Exiting);
    this.record.point('mm', undefined).point('files', undefined).point('fs', undefined);
    this.mm?.put();
    this.mm = undefined;
    this.files?.put();
    this.files = undefined;
    if (this.fs) this.putFs(this.fs);
    this.fs = undefined;
    this.record.assign({ exit_code: (code & 0xff) << 8, exit_state: EXIT_ZOMBIE, __state: TASK_DEAD });
  }

  /** The same root and working directory as another task (CLONE_FS). */
  shareFs(): Record | undefined {
    this.fs?.add('users', 1);
    return this.fs;
  }

  /** Gets another parent (task 0 for undefined): its own has exited. */
  reparent(parent: Task | undefined): void {
    const ram = this.heap.ram;
    const sibling = this.record.addressOf('sibling');
    if (this.currentParent) remove(this.currentParent.children, this);
    listDel(ram, sibling);
    this.currentParent = parent;
    this.record.point('real_parent', this.parentRecord).point('parent', this.parentRecord);
    parent?.children.push(this);
    listAddTail(ram, sibling, this.parentRecord.addressOf('children'));
  }

  /** The parent has taken notice: nothing of the task is left. */
  reap(): void {
    const ram = this.heap.ram;
    hlistDel(ram, this.record.addressOf('pid_links[0]'));
    if (this.isLeader) {
      listDel(ram, this.record.addressOf('sibling'));
      listDel(ram, this.record.addressOf('tasks'));
    }
    listDel(ram, this.record.addressOf('thread_node'));
    remove(this.group.threads, this);
    if (this.parent) remove(this.parent.children, this);
    this.group.record.set('nr_threads', this.group.threads.length);
    if (this.group.threads.length === 0) this.heap.free(this.group.record);
    this.currentCred.put();
    this.putPid();
    this.heap.free(this.record);
  }

  /** One more holder of the `struct pid` (a pidfd), which then outlives the task. */
  getPid(): void {
    this.pidRecord.add('count', 1);
  }

  putPid(): void {
    if (this.pidRecord.add('count', -1) === 0) this.heap.free(this.pidRecord);
  }

  private pointCred(): void {
    this.record.point('cred', this.currentCred.record).point('real_cred', this.currentCred.record);
  }

  private makePid(namespace: Record | undefined): Record {
    const pid = this.heap.allocate('pid', 16);
    pid.assign({ count: 1, level: 0 });
    if (namespace) pid.set('numbers[0].nr', this.pid).point('numbers[0].ns', namespace);
    return pid;
  }

  private putFs(fs: Record): void {
    if (fs.add('users', -1) === 0) this.heap.free(fs);
  }

  private link(): void {
    const { record, group } = this;
    const ram = this.heap.ram;
    listInit(ram, record.addressOf('children'));
    listInit(ram, record.addressOf('sibling'));
    hlistAddHead(ram, record.addressOf('pid_links[0]'), this.pidRecord.addressOf('tasks[0]'));
    group.threads.push(this);
    group.record.set('nr_threads', group.threads.length);
    listAddTail(ram, record.addressOf('thread_node'), group.record.addressOf('thread_head'));
    if (!this.isLeader) return;
    this.parent?.children.push(this);
    listAddTail(ram, record.addressOf('sibling'), this.parentRecord.addressOf('children'));
    listAddTail(ram, record.addressOf('tasks'), this.initTask.addressOf('tasks'));
  }

  private get parentRecord(): Record {
    return this.currentParent?.record ?? this.initTask;
  }
}

function remove<T>(list: T[], item: T): void {
  const index = list.indexOf(item);
  if (index >= 0) list.splice(index, 1);
}
