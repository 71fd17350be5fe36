/**
 * The life of a ring's requests: executed, parked until their file is ready or a worker has time, completed, and
 * followed by what is linked behind them.
 */
import { Errno } from '../../bpf/errno.ts';
import { Blocked } from '../lock.ts';
import type { Task } from '../task.ts';
import { CancelTable } from './cancel-table.ts';
import { Drain } from './drain.ts';
import { canPoll } from './file-poll.ts';
import { LocalWork } from './local-work.ts';
import { operationOf } from './operations.ts';
import type { Outcome, PendingOperation, Place } from './outcome.ts';
import { ArmResult, armForRetry } from './poll-retry.ts';
import type { Request } from './request.ts';
import { assignFile } from './request-file.ts';
import type { IoUring } from './ring.ts';
import { pendingEntries, type SubmissionSteps, submitEntries } from './submission.ts';
import { taskContext } from './task-context.ts';
import { Timeouts } from './timeouts.ts';
import { CqeFlag, SqeFlag } from './uapi.ts';
import { Worker } from './worker.ts';

/** 5.17: cancelled requests complete on the way out of the kernel, as others do, not at once. */
const CANCEL_BY_TASK_WORK_VERSION = 0x5_1100;

export class Engine {
  readonly ring: IoUring;
  readonly cancelTable: CancelTable;
  readonly timeouts: Timeouts;
  readonly drain: Drain;
  readonly worker: Worker;
  readonly local: LocalWork;
  /** Every request that is not over. */
  readonly inflight = new Set<Request>();
  /** Completed ones whose entries are to be posted together. */
  private finished: Request[] = [];
  private batches = 0;
  private stalled: SubmissionSteps | undefined;
  /** The chain that is being built during a submission. */
  chain: { head: Request; last: Request } | undefined;

  constructor(ring: IoUring) {
    this.ring = ring;
    this.cancelTable = new CancelTable(ring);
    this.timeouts = new Timeouts(this);
    this.drain = new Drain(this);
    this.worker = new Worker(this);
    this.local = new LocalWork(ring);
  }

  /** Executes a request of the submitter. @returns what has to be waited for first. */
  start(request: Request): PendingOperation | undefined {
    return this.settle(request, this.execute(request, 'inline'));
  }

  /** The same for a request whose turn comes later, on the way out of the kernel. */
  startLater(request: Request): void {
    this.later(request, () => {
      if (request.forceAsync && !request.polled) this.worker.punt(request);
      else this.startOrPunt(request);
    });
  }

  /** An operation that cannot sleep where it is goes on in a worker. */
  startOrPunt(request: Request): void {
    if (this.start(request)) this.worker.punt(request);
  }

  /**
   * Submits what the submission thread finds. When it has to wait for a lock it keeps `uring_lock` and goes on with
   * the next call.
   * @returns whether there was something.
   */
  submitFor(thread: Task): boolean {
    const { machine, lock } = this.ring;
    if (!this.stalled && pendingEntries(this) === 0) return false;
    if (!this.stalled && lock.lock(thread)) return false;
    machine.taskWork.enter();
    const steps = this.stalled ?? submitEntries(this, thread, pendingEntries(this));
    this.stalled = undefined;
    try {
      const step = steps.next();
      if (!step.done) this.stalled = steps;
      return step.done ?? false;
    } finally {
      if (!this.stalled) lock.unlock();
      machine.taskWork.leave();
    }
  }

  /** Runs the operation itself. */
  execute(request: Request, place: Place): Outcome {
    const operation = operationOf(request.opcode);
    const missing = operation.needsFile ? assignFile(request) : 0;
    if (missing !== 0) return missing;
    const timeout = this.timeouts.takeLinked(request);
    const outcome = operation.execute(request, place);
    if (timeout) this.timeouts.startLinked(timeout);
    return outcome;
  }

  /** Does what an outcome asks for. @returns an operation that has to wait for a lock. */
  settle(request: Request, outcome: Outcome): PendingOperation | undefined {
    if (outcome instanceof Blocked) return outcome;
    if (outcome === 'done') this.complete(request, request.result, request.cqeFlags);
    else if (outcome === 'again') this.park(request);
    else if (outcome !== 'pending') this.complete(request, outcome);
    return undefined;
  }

  /** Ends a request. A negative result fails it, and with it its chain. */
  complete(request: Request, result: number, cqeFlags = 0): void {
    if (result < 0) request.fail();
    this.finish(request, result, cqeFlags);
  }

  /** Ends a request whose result says nothing about success. */
  finish(request: Request, result: number, cqeFlags = 0): void {
    request.setResult(result, cqeFlags);
    this.finished.push(request);
    if (this.batches === 0) this.flush();
  }

  /** Posts one of several completions of a request. @returns false when there was no room. */
  postMore(request: Request, result: number, cqeFlags = 0): boolean {
    if (this.finished.length > 0) this.flush();
    const flags = cqeFlags | CqeFlag.More;
    return this.ring.completions.postOneOfMany({ userData: request.userData, result, flags });
  }

  /** Cancelled requests complete at once, and not on the way out of the kernel. */
  get cancelsAtOnce(): boolean {
    return this.ring.machine.profile.dialect.versionCode < CANCEL_BY_TASK_WORK_VERSION;
  }

  /** Ends a request that was called off, when its kernel does that. */
  cancel(request: Request): void {
    if (this.cancelsAtOnce) this.abort(request);
    else this.later(request, () => this.abort(request));
  }

  /** Ends a request that was called off, now. */
  abort(request: Request): void {
    request.fail();
    if (!this.cancelsAtOnce) {
      this.finish(request, -Errno.ECANCELED);
      return;
    }
    request.setResult(-Errno.ECANCELED);
    this.post(request);
    this.ring.completions.commit();
    this.retire(request);
  }

  /** Completions of what `run` does are published together. */
  batch<T>(run: () => T): T {
    this.beginBatch();
    try {
      return run();
    } finally {
      this.endBatch();
    }
  }

  beginBatch(): void {
    this.batches++;
  }

  endBatch(): void {
    if (--this.batches === 0) this.flush();
  }

  /** Does something for a request when its task leaves the kernel, or (DEFER_TASKRUN) asks for it. */
  later(request: Request, work: () => void): void {
    this.local.add(request, () => {
      if (request.live) this.batch(work);
    });
  }

  /** The tail was published: whoever waits for completions may go on. */
  afterCommit(): void {
    this.timeouts.flush();
    this.drain.release();
  }

  /** Calls off every request, of one task or of all. The ring or the task goes away. */
  cancelAll(task?: Request['task']): void {
    for (const request of [...this.inflight]) {
      if (!request.live || (task && request.task !== task)) continue;
      this.timeouts.kill(request);
      this.detach(request);
      request.fail();
      this.finish(request, -Errno.ECANCELED);
    }
    this.flush();
  }

  /** Ends every request without telling anyone: the ring is closed. */
  dropAll(): void {
    for (const request of [...this.inflight]) {
      // What stood in the way of one may have ended with another.
      if (!request.live) continue;
      this.detach(request);
      this.forget(request);
    }
  }

  release(): void {
    this.dropAll();
    this.cancelTable.release();
  }

  /** Takes a request out of wherever it waits. */
  private detach(request: Request): void {
    this.cancelTable.disarm(request);
    this.timeouts.remove(request);
    this.worker.remove(request);
    this.drain.remove(request);
    request.chain(undefined);
  }

  /** Would have to wait: for its file if that can be polled, else in a worker. */
  private park(request: Request): void {
    if (request.noWait) {
      this.complete(request, -Errno.EAGAIN);
      return;
    }
    const armed = canPoll(request.file) ? armForRetry(request, 'inline') : ArmResult.Aborted;
    if (armed === ArmResult.Ready) this.startLater(request);
    else if (armed === ArmResult.Aborted) this.worker.punt(request);
  }

  private flush(): void {
    while (this.finished.length > 0) {
      const batch = this.finished;
      this.finished = [];
      for (const request of batch) this.post(request);
      this.ring.completions.commit();
      for (const request of batch) this.retire(request);
    }
  }

  private post(request: Request): void {
    if (request.skipsCqe) return;
    const { userData, result, cqeFlags: flags } = request;
    this.ring.completions.post({ userData, result, flags });
  }

  private retire(request: Request): void {
    if (request.linked) this.followUp(request);
    this.forget(request);
  }

  private forget(request: Request): void {
    this.inflight.delete(request);
    taskContext(request.task)?.putRef();
    request.end();
  }

  /** What stands behind a request in its chain runs now, or fails with it. */
  private followUp(request: Request): void {
    this.timeouts.disarmLinked(request);
    const next = request.link;
    request.chain(undefined);
    if (!next) return;
    if (request.failed && !request.has(SqeFlag.HardLink)) this.failChain(request, next);
    else this.startLater(next);
  }

  private failChain(head: Request, first: Request): void {
    for (let request: Request | undefined = first; request; request = request.link) {
      request.skipsCqe = head.hidesChain;
    }
    this.later(first, () => {
      for (let request: Request | undefined = first; request; ) {
        const next: Request | undefined = request.link;
        request.chain(undefined);
        this.finish(request, request.failed ? request.result : -Errno.ECANCELED);
        request = next;
      }
    });
  }
}
