/**
 * Requests that a worker thread (io-wq) executes: without `uring_lock`, and allowed to sleep. The model has them run
 * when the system call that punted them is over.
 */
import { Errno } from '../../bpf/errno.ts';
import type { Engine } from './engine.ts';
import { canPoll } from './file-poll.ts';
import { operationOf } from './operations.ts';
import { type Outcome, PendingOperation } from './outcome.ts';
import { ArmResult, armForRetry } from './poll-retry.ts';
import type { Request } from './request.ts';

/** What a cancellation found. */
export type CancelResult = 'cancelled' | 'running' | 'not-found';

export class Worker {
  private readonly engine: Engine;
  private readonly waiting: Request[] = [];
  /** Asleep on a lock, with what wakes them. */
  private readonly running = new Map<Request, PendingOperation>();
  private scheduled = false;
  private busy = false;

  constructor(engine: Engine) {
    this.engine = engine;
  }

  /** Requests that wait for a worker or sleep in one. */
  get size(): number {
    return this.waiting.length + this.running.size;
  }

  /** Whether a worker is at work now, and completions are its own. */
  get active(): boolean {
    return this.busy;
  }

  punt(request: Request): void {
    this.waiting.push(request);
    this.schedule();
  }

  /** Lets workers that sleep on a lock try again. */
  retry(): void {
    for (const [request, pending] of [...this.running]) {
      this.running.delete(request);
      this.work(request, () => pending.resume());
    }
  }

  /** @param matches which requests are meant. @param all of them, not only the first. */
  cancel(matches: (request: Request) => boolean, all: boolean): CancelResult {
    let found: CancelResult = 'not-found';
    for (const request of this.waiting.filter(matches)) {
      this.remove(request);
      this.engine.cancel(request);
      found = 'cancelled';
      if (!all) return found;
    }
    if (found === 'not-found' && [...this.running.keys()].some(matches)) return 'running';
    return found;
  }

  remove(request: Request): void {
    const index = this.waiting.indexOf(request);
    if (index >= 0) this.waiting.splice(index, 1);
    this.running.delete(request);
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    this.engine.ring.machine.taskWork.add(() => {
      this.scheduled = false;
      this.drain();
    });
  }

  private drain(): void {
    for (let request = this.waiting.shift(); request; request = this.waiting.shift()) {
      const next = request;
      this.work(next, () => this.execute(next));
    }
  }

  private work(request: Request, execute: () => Outcome): void {
    this.busy = true;
    try {
      const outcome = execute();
      if (outcome instanceof PendingOperation) this.running.set(request, outcome);
      else if (outcome === 'again') this.waitForFile(request);
      else this.engine.settle(request, outcome);
    } finally {
      this.busy = false;
    }
  }

  private execute(request: Request): Outcome {
    return this.engine.execute(request, 'worker');
  }

  /** A worker that would have to sleep until its file is ready gives it to the poll machinery. */
  private waitForFile(request: Request): void {
    const polls = operationOf(request.opcode).polls !== undefined && canPoll(request.file);
    const armed = polls && !request.noWait ? armForRetry(request, 'worker') : ArmResult.Aborted;
    if (armed === ArmResult.Ready) this.engine.startLater(request);
    else if (armed === ArmResult.Aborted) this.engine.complete(request, -Errno.EAGAIN);
  }
}
