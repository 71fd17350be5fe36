/**
 * A named `struct mutex`, and what comes of a call that would have to wait for one.
 *
 * The model never sleeps. Such a call returns a `Blocked`, which says for what; the caller lets the holder run
 * and tries again.
 */
import { listInit } from './list.ts';
import { mutexOwner, mutexTryLock, mutexUnlock } from './mutex.ts';
import type { Record } from './record.ts';

/** A task, as far as locks care. */
export interface LockOwner {
  /** `struct task_struct` */
  readonly record: Record;
}

/** The calling task sleeps here until someone else lets go. A result, not an error. */
export class Blocked {
  /** What is waited for: "seq_file.lock", "io_ring_ctx.refs". */
  readonly waitsFor: string;
  /** Address of the task that holds it; 0n when no single task does. */
  readonly holder: bigint;
  /** The waiting task holds it itself: it will wait for ever. */
  readonly deadlock: boolean;

  constructor(waitsFor: string, holder = 0n, deadlock = false) {
    this.waitsFor = waitsFor;
    this.holder = holder;
    this.deadlock = deadlock;
  }
}

/** Not recursive, as the kernel's is not. */
export class Mutex {
  readonly name: string;
  private readonly record: Record;

  /** @param record the `struct mutex` itself, zeroed; @param name what a `Blocked` calls it. */
  constructor(record: Record, name: string) {
    this.record = record;
    this.name = name;
    listInit(record.ram, record.addressOf('wait_list'));
  }

  /** Address of the task that holds it, 0n when it is free. */
  get owner(): bigint {
    return mutexOwner(this.record);
  }

  /** Takes the lock unless anybody, the same task included, holds it. */
  tryLock(task: LockOwner): boolean {
    return mutexTryLock(this.record, task.record);
  }

  /** Takes the lock, or says that the task has to wait. */
  lock(task: LockOwner): Blocked | undefined {
    if (this.tryLock(task)) return undefined;
    const { owner } = this;
    return new Blocked(this.name, owner, owner === task.record.address);
  }

  unlock(): void {
    mutexUnlock(this.record);
  }
}
