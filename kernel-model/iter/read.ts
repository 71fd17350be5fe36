/**
 * read(2) of a BPF iterator: fills the seq_file buffer by running the program over one object after another,
 * then hands out what fits. Kernel docs: bpf/bpf_iterators.rst.
 *
 * One call either drains what an earlier one left over, or refills; never both.
 */
import { Errno } from '../../bpf/errno.ts';
import { Blocked, type Mutex } from '../lock.ts';
import { OutOfMemory } from '../ram.ts';
import type { SeqFile } from '../seq-file.ts';
import type { Task } from '../task.ts';
import type { IterSession } from './session.ts';

/** Objects one refill visits at most. */
export const MAX_OBJECTS = 1_000_000;

/** What start() and next() of a target give: an object's address, 0n at the end, or a negative errno. */
export type Step = bigint | number;

/**
 * The four operations of a target over its private state. `start` and `next` may have to wait for a lock;
 * they then change nothing and are called again.
 */
export interface SeqOperations {
  start(seq: SeqFile, reader: Task): Step | Blocked;
  next(object: bigint, seq: SeqFile, reader: Task): Step | Blocked;
  /** 0, a negative errno (-EAGAIN: show the same object again), or 1 to pass the object over unseen. */
  show(object: bigint): number;
  /** Ends the traversal: before `object` (it will be delivered again), at the end (0n), or after an error. */
  stop(object: Step): void;
}

export interface ReadOptions {
  /** Index of the first byte of the user's buffer that cannot be written. */
  faultAt?: number;
}

/** Bytes read, a negative errno, or a read that has to wait. */
export type ReadResult = Uint8Array | number | PendingRead;

type ReadSteps = Generator<Blocked, Uint8Array | number>;

/** A read that sleeps on a lock. It keeps what it holds; `resume` tries again. */
export class PendingRead extends Blocked {
  private readonly rest: ReadSteps;

  constructor(blocked: Blocked, rest: ReadSteps) {
    super(blocked.waitsFor, blocked.holder, blocked.deadlock);
    this.rest = rest;
  }

  /** Goes on if the lock is free by now, else gives a new pending read. */
  resume(): ReadResult {
    return advance(this.rest);
  }
}

/** The reading side of one open iterator. */
export class IterReader {
  private readonly session: IterSession;
  private readonly operations: SeqOperations;
  private readonly lock: Mutex;

  /** @param lock `seq_file.lock` of the session's file. */
  constructor(session: IterSession, operations: SeqOperations, lock: Mutex) {
    this.session = session;
    this.operations = operations;
    this.lock = lock;
  }

  /**
   * @param length bytes of the user's buffer, 0 and up.
   * @returns the bytes, no more than `length`, none at the end; or
   * -E2BIG (the output for one object fills the buffer of 32768 bytes), -EAGAIN (the program asks that the
   * first object of this call be shown again, or a million objects were passed over), -EFAULT (the user's
   * buffer; nothing is lost), -ENOMEM, or an error of the target.
   */
  read(task: Task, length: number, options: ReadOptions = {}): ReadResult {
    return advance(this.steps(task, length, options.faultAt ?? Number.POSITIVE_INFINITY));
  }

  private *steps(task: Task, length: number, faultAt: number): ReadSteps {
    for (;;) {
      const blocked = this.lock.lock(task);
      if (!blocked) break;
      yield blocked;
    }
    this.session.reader = task;
    try {
      if (!this.hasBuffer()) return -Errno.ENOMEM;
      if (this.session.seq.count > 0) return this.drain(length, faultAt);
      return yield* this.refill(task, length, faultAt);
    } finally {
      this.lock.unlock();
    }
  }

  private hasBuffer(): boolean {
    try {
      this.session.seq.ensureBuffer();
      return true;
    } catch (error) {
      if (error instanceof OutOfMemory) return false;
      throw error;
    }
  }

  private *refill(task: Task, length: number, faultAt: number): ReadSteps {
    const { session, operations } = this;
    const { seq } = session;
    seq.from = 0;
    const first = yield* this.take(() => operations.start(seq, task));
    if (first === 0n) return this.finish(first, length, faultAt);
    if (typeof first === 'number') {
      operations.stop(first);
      seq.count = 0;
      return first;
    }
    const error = this.show(first);
    if (error !== 0) {
      operations.stop(first);
      seq.count = 0;
      return error;
    }
    return yield* this.showMore(task, first, length, faultAt);
  }

  /** Shows further objects until the user's buffer can be filled. */
  private *showMore(task: Task, first: bigint, length: number, faultAt: number): ReadSteps {
    const { session, operations } = this;
    const { seq } = session;
    let object: Step = first;
    for (let visited = 1; ; visited++) {
      const shown = seq.count;
      const index = seq.index;
      const from: bigint = object;
      object = yield* this.take(() => operations.next(from, seq, task));
      // A target that forgets to move on must not be asked for the same object for ever.
      if (seq.index === index) seq.index = index + 1;
      if (typeof object === 'number' || object === 0n) break;
      session.seqNum++;
      if (seq.count >= length) break;
      let error = visited >= MAX_OBJECTS ? -Errno.EAGAIN : 0;
      if (error === 0) error = this.show(object);
      if (error === 0) continue;
      seq.count = shown;
      if (shown !== 0) break;
      operations.stop(object);
      return error;
    }
    return this.finish(object, length, faultAt);
  }

  /** Ends the traversal and copies out what there is. */
  private finish(object: Step, length: number, faultAt: number): Uint8Array | number {
    const { session, operations } = this;
    const { seq } = session;
    const shown = seq.count;
    if (typeof object === 'number' && session.profile.dialect.iterNextErrors === 'returned') {
      operations.stop(0n);
      return object;
    }
    operations.stop(object);
    if (object === 0n) {
      if (!seq.overflowed) {
        session.doneStop = true;
      } else {
        // The stop call's output did not fit behind the objects': the next read makes that call again.
        seq.count = shown;
        if (shown === 0) return -Errno.E2BIG;
      }
    }
    return this.drain(length, faultAt);
  }

  /** Shows one object. @returns 0, or the errno with which its output is to be dropped. */
  private show(object: bigint): number {
    const { session } = this;
    const { seq } = session;
    const shown = seq.count;
    const result = this.runShow(object);
    if (result > 0) {
      // Passed over: the next object takes its number, and what was written for it goes.
      session.seqNum--;
      seq.count = shown;
      return 0;
    }
    if (result < 0) return result;
    return seq.overflowed ? -Errno.E2BIG : 0;
  }

  /** A program that faults ends the traversal where it is, so that no lock stays behind. */
  private runShow(object: bigint): number {
    try {
      return this.operations.show(object);
    } catch (error) {
      this.session.seq.count = 0;
      this.operations.stop(object);
      throw error;
    }
  }

  /** Hands out buffered bytes; a fault leaves them where they are. */
  private drain(length: number, faultAt: number): Uint8Array | number {
    const { seq } = this.session;
    const size = Math.min(seq.count, length);
    if (faultAt < size) return -Errno.EFAULT;
    const bytes = seq.bytes(seq.from, size);
    seq.count -= size;
    seq.from += size;
    return bytes;
  }

  /** Waits until the target can give an object. */
  private *take(step: () => Step | Blocked): Generator<Blocked, Step> {
    for (;;) {
      const object = step();
      if (!(object instanceof Blocked)) return object;
      yield object;
    }
  }
}

function advance(steps: ReadSteps): ReadResult {
  const step = steps.next();
  return step.done ? step.value : new PendingRead(step.value, steps);
}
