/** One ring under restore: who acts on it, and the calls that all its parts make. */
import { ioUringEnter } from '../../../kernel-model/io-uring/enter.ts';
import { ioUringRegister } from '../../../kernel-model/io-uring/register.ts';
import { Enter, type RegisterOp, Setup } from '../../../kernel-model/io-uring/uapi.ts';
import type { Task } from '../../../kernel-model/task.ts';
import type { Personality, RingState } from '../../state.ts';
import type { RestoreWorld } from '../world.ts';
import type { RingOnKernel } from './on-kernel.ts';
import { SharedQueues } from './queues.ts';

export class RingRestore implements RingOnKernel {
  readonly world: RestoreWorld;
  readonly index: number;
  readonly state: RingState;
  /** What the counter of extra completions (`cq_extra`) has come to: no call tells it. */
  extra = 0;
  /** The same of timeouts that have fired (`cq_timeouts`). */
  timeouts = 0;
  /** Personalities that are there for requests only. */
  lent: readonly Personality[] = [];
  private shared: SharedQueues | undefined;
  private stand: Task | undefined;

  constructor(world: RestoreWorld, index: number) {
    this.world = world;
    this.index = index;
    this.state = world.state.rings[index] as RingState;
  }

  has(flag: Setup): boolean {
    return (this.state.setup.flags & flag) !== 0;
  }

  get versionCode(): number {
    return this.world.calls.machine.profile.dialect.versionCode;
  }

  /** It stays as it is born: never enabled. */
  get staysDisabled(): boolean {
    return this.has(Setup.Disabled);
  }

  /** Enabled behind its registrations: restrictions need that, and so does the choice of who may submit. */
  get isEnabledLater(): boolean {
    return this.staysDisabled || this.state.restrictions !== undefined || this.has(Setup.SingleIssuer);
  }

  /** Task of the process whose memory the ring's buffers are in, and whose descriptors its thread looks up. */
  get user(): Task {
    const { world } = this;
    const { mm, file } = this.state;
    if (mm === undefined) return this.standIn();
    const users = world.state.tasks.filter((task) => task.mm === mm);
    const holds = users.find(({ fdTable }) =>
      world.state.fdTables[fdTable ?? -1]?.fds.some((each) => each.file === file),
    );
    const chosen = holds ?? users[0] ?? world.calls.fail(`no task has address space ${mm}`);
    // Threads may have gone by the time others need the process.
    return world.task(users.some(({ tid }) => tid === chosen.tgid) ? chosen.tgid : chosen.tid);
  }

  /** Who submits and asks for completions. */
  get issuer(): Task {
    const { submitter } = this.state.setup;
    if (!this.has(Setup.SingleIssuer) || submitter === undefined) return this.world.calls.restorer;
    return this.world.task(submitter);
  }

  /** Whose memory and descriptors a submission of the restore names. */
  get executor(): Task {
    return this.has(Setup.SqPoll) ? this.user : this.issuer;
  }

  /** The memory that the ring shares with user space. */
  get queues(): SharedQueues {
    this.shared ??= new SharedQueues(this);
    return this.shared;
  }

  /** Runs something with a task's descriptor for the ring. */
  withFd<T>(task: Task, use: (fd: number) => T): T {
    return this.world.withFile(task, this.state.file, use);
  }

  /** io_uring_register(2). @param what the argument in words. @returns a result that is no error */
  register(
    task: Task,
    op: RegisterOp,
    name: string,
    argument: Uint8Array | bigint,
    count: number,
    what = '',
  ): number {
    const { calls } = this.world;
    return this.withFd(task, (fd) => {
      const result = ioUringRegister(calls.machine, task, fd, op, argument, count);
      if (typeof result !== 'number') return calls.fail(`${name} waits for ${result.waitsFor}`);
      return calls.done(task, 'io_uring_register', [fd, name, ...(what ? [what] : []), count], result);
    });
  }

  /** io_uring_enter(2) by a task, without a note of it. @returns entries taken */
  enterQuietly(task: Task, fd: number, submit: number, flags: number): number {
    const { calls } = this.world;
    const wake = this.has(Setup.SqPoll) ? Enter.SqWakeup : 0;
    const result = ioUringEnter(calls.machine, task, fd, submit, 0, flags | wake);
    if (typeof result !== 'number') return calls.fail(`io_uring_enter waits for ${result.waitsFor}`);
    return result;
  }

  /** Ends the restore with what cannot be brought about. @param item of the inventory */
  refuse(item: number, reason: string): never {
    return this.world.calls.fail(`ring ${this.index}, item ${item}: ${reason}`);
  }

  /** A process for a ring whose own is gone: it has the ring's memory until everything is registered. */
  private standIn(): Task {
    if (this.stand) return this.stand;
    const { calls } = this.world;
    const { restorer, machine } = calls;
    if (this.has(Setup.SqPoll)) this.refuse(8, 'its thread belongs to a process that is gone');
    const pid = calls.done(restorer, 'fork', [], machine.sys.fork(restorer));
    const child = this.world.task(pid);
    this.stand = child;
    this.world.onEnd(() => calls.note(child, 'exit_group', [0], machine.sys.exit_group(child, 0)));
    return child;
  }
}

export function ringNode(index: number, part: string): string {
  return `ring ${index} ${part}`;
}
