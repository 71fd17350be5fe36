/** A restore under way: the kernel it happens in, the tasks that are there by now, and where each file can be got. */
import { Open } from '../../kernel-model/file.ts';
import { Fcntl } from '../../kernel-model/file-syscalls.ts';
import { MapFlag } from '../../kernel-model/memory-syscalls.ts';
import type { Task } from '../../kernel-model/task.ts';
import { Clone } from '../../kernel-model/task-table.ts';
import { Prot } from '../../kernel-model/vma.ts';
import type { CheckpointState, CredState } from '../state.ts';
import { type Calls, hex } from './calls.ts';
import { becomeCred } from './creds.ts';
import type { RestoreGraph } from './graph.ts';
import type { BlockedCall } from './rings/waiters.ts';

const THREAD = Clone.Vm | Clone.Fs | Clone.Files | Clone.Sighand | Clone.Thread;

/** A descriptor through which a file is to be had. */
export interface Home {
  readonly task: Task;
  readonly fd: number;
}

/** A memory object: a descriptor of the restorer for it. */
export interface ObjectHome {
  readonly fd: number;
}

export class RestoreWorld {
  readonly state: CheckpointState;
  readonly calls: Calls;
  readonly graph: RestoreGraph;
  /** Calls in which restored tasks wait. */
  readonly blocked: BlockedCall[] = [];
  private readonly homes = new Map<number, Home>();
  private readonly objectHomes = new Map<number, ObjectHome>();
  private readonly atEnd: (() => void)[] = [];

  constructor(state: CheckpointState, calls: Calls, graph: RestoreGraph) {
    this.state = state;
    this.calls = calls;
    this.graph = graph;
  }

  /** A task of the state, which is there behind the node `task TID`. It has every capability until `task TID done`. */
  task(tid: number): Task {
    return this.calls.machine.tasks.get(tid) ?? this.calls.fail(`there is no task ${tid}`);
  }

  /** The first task of the state that has an address space. */
  userOf(mm: number): Task {
    const task = this.state.tasks.find((each) => each.mm === mm);
    return task ? this.task(task.tid) : this.calls.fail(`no task has address space ${mm}`);
  }

  /** Notes where a file can be got at from now on. */
  setHome(file: number, home: Home): void {
    this.homes.set(file, home);
  }

  /** @throws {RestoreError} when the file is not there yet. */
  home(file: number): Home {
    return this.homes.get(file) ?? this.calls.fail(`file ${file} is not there yet`);
  }

  hasHome(file: number): boolean {
    return this.homes.has(file);
  }

  setObjectHome(object: number, home: ObjectHome): void {
    this.objectHomes.set(object, home);
  }

  objectHome(object: number): ObjectHome {
    return this.objectHomes.get(object) ?? this.calls.fail(`memory object ${object} is not there yet`);
  }

  /** Clears up when everything else is done. */
  onEnd(clear: () => void): void {
    this.atEnd.push(clear);
  }

  end(): void {
    for (const clear of this.atEnd.splice(0).reverse()) clear();
  }

  /** Runs something while a number of a task means a file, whatever it means otherwise. */
  withNumber<T>(task: Task, file: number, fd: number, use: () => T): T {
    const { sys } = this.calls.machine;
    const wanted = this.withFile(task, file, (own) => task.files?.get(own));
    const now = task.files?.get(fd);
    if (now === wanted) return use();
    const saved = now && this.lift(task, fd);
    const closes = task.files?.closesOnExec(fd) ?? false;
    this.withFile(task, file, (own) =>
      this.calls.done(task, 'dup3', [own, fd, 0], sys.dup3(task, own, fd, 0)),
    );
    const result = use();
    if (saved === undefined) this.close(task, fd);
    else {
      const flags = closes ? Open.CloExec : 0;
      this.calls.done(task, 'dup3', [saved, fd, flags], sys.dup3(task, saved, fd, flags));
      this.close(task, saved);
    }
    return result;
  }

  /** A copy of a descriptor out of everybody's way. */
  lift(task: Task, fd: number): number {
    const from = this.highestFd + 1;
    const high = this.calls.machine.sys.fcntl(task, fd, Fcntl.DupFdCloexec, from);
    return this.calls.done(task, 'fcntl', [fd, 'F_DUPFD_CLOEXEC', from], high);
  }

  /** Largest descriptor that any task is to have, and more than a few. */
  get highestFd(): number {
    return Math.max(64, ...this.state.fdTables.map(({ fds }) => fds.at(-1)?.fd ?? 0));
  }

  /** Runs something with a descriptor of a task for a file: one that is there, or a borrowed one. */
  withFile<T>(task: Task, file: number, use: (fd: number) => T): T {
    const home = this.home(file);
    if (home.task.files === task.files) return use(home.fd);
    const fd = this.borrow(task, home);
    try {
      return use(fd);
    } finally {
      this.close(task, fd);
    }
  }

  /** A descriptor of a task, the lowest free one, for a file that another has. */
  borrow(task: Task, home: Home): number {
    const { sys } = this.calls.machine;
    const { tgid } = home.task;
    const pidfd = this.calls.done(task, 'pidfd_open', [tgid], sys.pidfd_open(task, tgid, 0));
    const fd = sys.pidfd_getfd(task, pidfd, home.fd, 0);
    this.calls.done(task, 'pidfd_getfd', [pidfd, home.fd], fd);
    this.close(task, pidfd);
    return fd;
  }

  close(task: Task, fd: number): void {
    this.calls.done(task, 'close', [fd], this.calls.machine.sys.close(task, fd));
  }

  /** Runs something in a thread of a process that has exactly these credentials, and is gone afterwards. */
  withCred<T>(task: Task, cred: CredState, use: (thread: Task) => T): T {
    const { sys } = this.calls.machine;
    const tid = this.calls.done(task, 'clone', ['CLONE_THREAD'], sys.clone(task, THREAD));
    const thread = this.task(tid);
    becomeCred(this.calls, thread, cred);
    try {
      return use(thread);
    } finally {
      this.calls.note(thread, 'exit', [0], sys.exit(thread, 0));
    }
  }

  /** Runs something with bytes in the memory of a task, for calls whose arguments point to more. */
  withScratch<T>(task: Task, bytes: Uint8Array, use: (address: number) => T): T {
    const { sys } = this.calls.machine;
    const size = Math.max(4096, Math.ceil(bytes.length / 4096) * 4096);
    const flags = MapFlag.Private | MapFlag.Anonymous;
    const address = sys.mmap(task, 0, size, Prot.Read | Prot.Write, flags);
    this.calls.done(task, 'mmap', [0, size, 'PROT_READ|PROT_WRITE', 'MAP_PRIVATE|MAP_ANONYMOUS'], address);
    this.writeMemory(task.pid, address, bytes);
    try {
      return use(address);
    } finally {
      this.calls.done(task, 'munmap', [hex(address), size], sys.munmap(task, address, size));
    }
  }

  /** Writes memory of a process, whatever its protection (/proc/PID/mem). */
  writeMemory(pid: number, address: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const { machine, restorer } = this.calls;
    const written = machine.sys.write_mem(restorer, pid, address, bytes);
    this.calls.done(restorer, `write /proc/${pid}/mem`, [hex(address), bytes.length], written);
    if (written < bytes.length)
      this.calls.fail(`only ${written} of ${bytes.length} bytes at ${hex(address)} can be written`);
  }

  readMemory(pid: number, address: number, length: number): Uint8Array {
    const { machine, restorer } = this.calls;
    const bytes = machine.sys.read_mem(restorer, pid, address, length);
    if (typeof bytes === 'number' || bytes.length < length)
      return this.calls.fail(`memory of process ${pid} at ${hex(address)} cannot be read`);
    return bytes;
  }
}
