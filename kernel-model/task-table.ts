/** All tasks of the machine, and how they come (create, fork, clone) and go (exit). */
import { Errno } from '../bpf/errno.ts';
import { InputError } from '../bpf/input-error.ts';
import { Cred, type CredOptions, type CredState, credState, User } from './cred.ts';
import { FdTable } from './fd-table.ts';
import type { KernelHeap } from './heap.ts';
import type { Mount } from './inode.ts';
import { Dumpable, Mm, type MmServices } from './mm.ts';
import type { KernelProfile } from './profile.ts';
import type { Record } from './record.ts';
import type { SymbolTable } from './symbols.ts';
import { Task, TaskFlag, ThreadGroup } from './task.ts';

/** CLONE_* flags. */
export const enum Clone {
  Vm = 0x100,
  Fs = 0x200,
  Files = 0x400,
  Sighand = 0x800,
  /** The child gets the caller's parent. */
  Parent = 0x8000,
  Thread = 0x1_0000,
}

/** Largest process id (kernel.pid_max on 64-bit). */
const PID_MAX = 1 << 22;
/** Ids below this are not reused after the counter has wrapped. */
const RESERVED_PIDS = 300;

export interface TaskOptions extends CredOptions {
  /** Process id; the next free one when absent. */
  pid?: number;
  comm?: string;
  parent?: Task;
  /** A task of the kernel: no memory, no files. */
  kernelThread?: boolean;
}

export interface TaskTableInit {
  heap: KernelHeap;
  profile: KernelProfile;
  symbols: SymbolTable;
  /** Task 0, which is in no table: parent of those without another, head of the task list. */
  initTask: Record;
  root: Mount;
  mm: MmServices;
  now: () => bigint;
}

export class TaskTable {
  private readonly env: TaskTableInit;
  private readonly byTid = new Map<number, Task>();
  private readonly byAddress = new Map<bigint, Task>();
  private readonly users = new Map<number, User>();
  private readonly nsproxy: Record;
  private readonly pidNamespace: Record;
  private sorted: Task[] | undefined;
  private lastPid = 0;

  constructor(env: TaskTableInit) {
    this.env = env;
    this.pidNamespace = env.symbols.object('init_pid_ns', env.profile.layout('pid_namespace'));
    this.nsproxy = env.symbols.object('init_nsproxy', env.profile.layout('nsproxy'));
    this.nsproxy.set('count', 1).point('pid_ns_for_children', this.pidNamespace);
  }

  /** All tasks, ascending by thread id: the order of the task iterators. */
  get all(): readonly Task[] {
    this.sorted ??= [...this.byTid.values()].sort((a, b) => a.pid - b.pid);
    return this.sorted;
  }

  /** Task by thread id. */
  get(tid: number): Task | undefined {
    return this.byTid.get(tid);
  }

  /** Task by the address of its task_struct. */
  at(address: bigint): Task | undefined {
    return this.byAddress.get(address);
  }

  /** First task with this thread id or a larger one. */
  next(tid: number): Task | undefined {
    const known = this.byTid.get(tid);
    if (known) return known;
    return this.all.find((task) => task.pid > tid);
  }

  /** The account of a user id. */
  user(uid: number): User {
    let user = this.users.get(uid);
    if (!user) {
      user = new User(this.env.heap.allocate('user_struct'), uid);
      this.users.set(uid, user);
    }
    return user;
  }

  /** New credentials with one reference. */
  newCred(options: CredOptions = {}): Cred {
    const state = credState(options);
    return new Cred(this.env.heap, this.user(state.uid), state);
  }

  /**
   * Gives a task other credentials; who holds the old ones (open files, rings, other threads) keeps them. A process
   * that changes who it acts as, or gains capabilities, may no longer be looked into (its "dumpable" goes).
   */
  changeCred(task: Task, changes: Partial<CredState>): void {
    const before = task.cred.state;
    const after: CredState = { ...before, ...changes };
    const acts = (['euid', 'egid', 'fsuid', 'fsgid'] as const).some((id) => before[id] !== after[id]);
    if ((acts || (after.permitted & ~before.permitted) !== 0n) && task.mm) task.mm.dumpable = Dumpable.No;
    task.cred = new Cred(this.env.heap, this.user(after.uid), after);
  }

  /**
   * A process out of nothing, as a scene describes it: an empty address space, no files.
   * @throws {InputError} when the id is out of range or taken.
   */
  create(options: TaskOptions = {}): Task {
    const tid = options.pid ?? this.freePid();
    if (!Number.isInteger(tid) || tid < 1 || tid >= PID_MAX) throw new InputError(`bad process id ${tid}`);
    if (this.byTid.has(tid)) throw new InputError(`process id ${tid} is taken`);
    const own = options.kernelThread !== true;
    return this.add(
      new Task({
        ...this.common(tid),
        comm: options.comm ?? `task-${tid}`,
        parent: options.parent,
        leader: undefined,
        group: new ThreadGroup(this.env.heap, options.parent?.group),
        cred: this.newCred(options),
        mm: own ? new Mm(this.env.mm) : undefined,
        files: own ? new FdTable(this.env.heap) : undefined,
        fs: this.newFs(),
        flags: own ? 0 : TaskFlag.KernelThread,
      }),
    );
  }

  /**
   * clone(2): memory and files shared or copied as the CLONE_* flags say. The child's id, or -EINVAL for flags that do
   * not go together (THREAD needs SIGHAND needs VM), -ENOMEM, -ESRCH for a caller that has exited.
   */
  clone(task: Task, flags: number, tid?: number): number {
    const isThread = (flags & Clone.Thread) !== 0;
    if (isThread && (flags & Clone.Sighand) === 0) return -Errno.EINVAL;
    if ((flags & Clone.Sighand) !== 0 && (flags & Clone.Vm) === 0) return -Errno.EINVAL;
    if (task.exited) return -Errno.ESRCH;
    const pid = tid ?? this.freePid();
    if (this.byTid.has(pid)) return -Errno.EEXIST;
    const mm = task.mm && ((flags & Clone.Vm) !== 0 ? task.mm.share() : task.mm.fork());
    if (task.mm && !mm) return -Errno.ENOMEM;
    const files = (flags & Clone.Files) !== 0 ? task.files?.share() : task.files?.clone();
    const child = new Task({
      ...this.common(pid),
      comm: task.comm,
      parent: isThread || (flags & Clone.Parent) !== 0 ? task.leader.parent : task,
      leader: isThread ? task.leader : undefined,
      group: isThread ? task.group : new ThreadGroup(this.env.heap, task.group),
      cred: task.cred.get(),
      mm,
      files,
      fs: (flags & Clone.Fs) !== 0 ? task.shareFs() : this.newFs(),
    });
    return this.add(child).pid;
  }

  /** A thread that io_uring makes inside a process: it shares everything with it and never runs user code. */
  createIoThread(creator: Task, comm: string): Task {
    return this.add(
      new Task({
        ...this.common(this.freePid()),
        comm,
        parent: creator.leader.parent,
        leader: creator.leader,
        group: creator.group,
        cred: creator.cred.get(),
        mm: creator.mm?.share(),
        files: creator.files?.share(),
        fs: creator.shareFs(),
        flags: TaskFlag.IoWorker,
      }),
    );
  }

  /** The whole process exits and is reaped: files close, memory goes, children pass to process 1. */
  exitGroup(task: Task, code: number): void {
    for (const thread of [...task.group.threads].reverse()) this.exit(thread, code);
  }

  /** One thread exits and is reaped. A leader with living threads stays as a zombie until they are gone. */
  exit(task: Task, code: number): void {
    if (!task.exited) task.exit(code);
    const alive = task.group.threads.filter((thread) => !thread.exited);
    if (!task.isLeader) this.forget(task);
    if (alive.length > 0) return;
    const { leader } = task;
    if (leader.exited && this.byTid.get(leader.pid) === leader) this.forget(leader);
  }

  private forget(task: Task): void {
    const reaper = this.byTid.get(1);
    for (const child of [...task.children]) child.reparent(reaper === task ? undefined : reaper);
    this.byTid.delete(task.pid);
    this.byAddress.delete(task.address);
    this.sorted = undefined;
    task.reap();
  }

  private add(task: Task): Task {
    this.byTid.set(task.pid, task);
    this.byAddress.set(task.address, task);
    this.sorted = undefined;
    return task;
  }

  private common(pid: number) {
    return {
      heap: this.env.heap,
      pid,
      initTask: this.env.initTask,
      nsproxy: this.nsproxy,
      pidNamespace: this.pidNamespace,
      startTime: this.env.now(),
    };
  }

  private newFs(): Record {
    const { root } = this.env;
    const fs = this.env.heap.allocate('fs_struct');
    fs.set('users', 1);
    for (const path of ['root', 'pwd']) {
      fs.set(`${path}.mnt`, root.vfsmount).point(`${path}.dentry`, root.root.record);
    }
    return fs;
  }

  /** Ids are given out in a circle. */
  private freePid(): number {
    for (let tries = 0; tries < PID_MAX; tries++) {
      this.lastPid = this.lastPid + 1 < PID_MAX ? this.lastPid + 1 : RESERVED_PIDS;
      if (!this.byTid.has(this.lastPid)) return this.lastPid;
    }
    throw new InputError('all process ids are taken');
  }
}
