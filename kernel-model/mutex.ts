/**
 * Sleeping locks of the model: who holds one is state that programs can read (`mutex.owner`) and that decides
 * whether a call fails, waits or goes on.
 *
 * The model never sleeps. A call that would have to wait returns a `Blocked`, which says for what; the caller
 * lets the holder run and tries again.
 */
import type { Record } from './record.ts';

/** A task, as far as locks care. */
export interface LockOwner {
  /** Address of the task_struct. */
  readonly address: bigint;
}

/** The calling task sleeps here until someone else lets go. A result, not an error. */
export class Blocked {
  /** The lock or the counter that is waited for: "seq_file.lock", "io_ring_ctx.refs". */
  readonly waitsFor: string;
  /** The task that holds the lock; undefined when no single task does. */
  readonly holder: LockOwner | undefined;
  /** The waiting task holds it itself: it will wait for ever. */
  readonly deadlock: boolean;

  constructor(waitsFor: string, holder?: LockOwner, deadlock = false) {
    this.waitsFor = waitsFor;
    this.holder = holder;
    this.deadlock = deadlock;
  }
}

/** A `struct mutex`. Not recursive, as the kernel's is not. */
export class Mutex {
  readonly name: string;
  private readonly record: Record;
  private held: LockOwner | undefined;

  /** @param record the `struct mutex` itself; @param name what to call it in a `Blocked`. */
  constructor(record: Record, name: string) {
    this.record = record;
    this.name = name;
    const head = record.addressOf('wait_list');
    record.set('wait_list.next', head).set('wait_list.prev', head);
  }

  get owner(): LockOwner | undefined {
    return this.held;
  }

  /** Takes the lock unless anybody, the same task included, holds it. */
  tryLock(task: LockOwner): boolean {
    if (this.held) return false;
    this.held = task;
    this.record.set('owner', task.address);
    return true;
  }

  /** Takes the lock, or says that the task has to wait. */
  lock(task: LockOwner): Blocked | undefined {
    if (this.tryLock(task)) return undefined;
    return new Blocked(this.name, this.held, this.held?.address === task.address);
  }

  unlock(): void {
    if (!this.held) throw new Error(`${this.name} is unlocked but nobody holds it`);
    this.held = undefined;
    this.record.set('owner', 0);
  }
}
