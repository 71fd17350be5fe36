/** A ring as a scene names it: by descriptor, or by its index among the rings that the task has registered. */
import { ioUringEnter, type PendingEnter } from '../io-uring/enter.ts';
import { findRing } from '../io-uring/find-ring.ts';
import { ioUringRegister } from '../io-uring/register.ts';
import type { IoUring } from '../io-uring/ring.ts';
import { Enter, USE_REGISTERED_RING } from '../io-uring/uapi.ts';
import { UserQueue } from '../io-uring/user-queue.ts';
import type { Blocked } from '../lock.ts';
import type { Task } from '../task.ts';
import type { UserPointer } from '../user-pointer.ts';
import type { Builder } from './builder.ts';
import type { RingPlace } from './scene.ts';
import type { ScenePath } from './scene-error.ts';

export class RingHandle {
  readonly task: Task;
  private readonly builder: Builder;
  private readonly number: number;
  private readonly registered: boolean;

  /** @param registered the number is an index, not a descriptor. */
  constructor(builder: Builder, task: Task, number: number, registered = false) {
    this.builder = builder;
    this.task = task;
    this.number = number;
    this.registered = registered;
  }

  /** The ring that a part of a scene names. */
  static at(builder: Builder, task: Task, place: RingPlace, path: ScenePath): RingHandle {
    const scope = builder.scopeOf(task);
    const { fd, index } = place;
    if (index === undefined) return new RingHandle(builder, task, scope.int(fd ?? -1, [...path, 'fd']));
    return new RingHandle(builder, task, scope.int(index, [...path, 'index']), true);
  }

  /** @throws {SceneError} when it is no ring. */
  ring(path: ScenePath): IoUring {
    const ring = findRing(this.task, this.number, this.registered);
    if (typeof ring !== 'number') return ring;
    const name = this.registered ? 'registered ring' : 'descriptor';
    const reason = `${name} ${this.number} of task ${this.task.pid} is not an io_uring instance`;
    throw this.builder.source.error(path, reason);
  }

  /** Whether it takes the iovecs of a 32-bit program. */
  get compat(): boolean {
    const ring = findRing(this.task, this.number, this.registered);
    return typeof ring !== 'number' && ring.compat;
  }

  queue(path: ScenePath): UserQueue {
    return new UserQueue(this.ring(path));
  }

  register(op: number, argument: UserPointer, count: number): number | Blocked {
    const code = this.registered ? USE_REGISTERED_RING + op : op;
    return ioUringRegister(this.builder.machine, this.task, this.number, code, argument, count);
  }

  enter(submit: number, complete: number, flags: number): number | PendingEnter {
    const all = this.registered ? flags | Enter.RegisteredRing : flags;
    return ioUringEnter(this.builder.machine, this.task, this.number, submit, complete, all);
  }
}
