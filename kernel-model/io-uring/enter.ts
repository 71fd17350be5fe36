/** io_uring_enter(2). */
import { Errno } from '../../bpf/errno.ts';
import { Blocked } from '../lock.ts';
import type { Machine } from '../machine.ts';
import type { Record } from '../record.ts';
import type { Task } from '../task.ts';
import type { Timer } from '../timers.ts';
import { callerMemory, readStruct, type UserPointer } from '../user-pointer.ts';
import type { Waiter } from '../wait-queue.ts';
import { findRing } from './find-ring.ts';
import { readTimespec } from './op-timeout.ts';
import type { IoUring } from './ring.ts';
import { submitEntries } from './submission.ts';
import { attachSubmitter } from './task-context.ts';
import { Enter, Setup } from './uapi.ts';

const BASE_FLAGS = Enter.GetEvents | Enter.SqWakeup | Enter.SqWait | Enter.ExtArg;
/** 5.18: IORING_ENTER_REGISTERED_RING. 6.12: ABS_TIMER. */
const REGISTERED_VERSION = 0x5_1200;
const ABS_TIMER_VERSION = 0x6_0c00;
/** Kernels that do not let a task wait while the overflow list cannot be flushed say EBUSY; later ones return. */
const RETURN_ON_OVERFLOW_VERSION = 0x6_0400;
/** `struct io_uring_getevents_arg` */
const EXT_ARG_SIZE = 24;
const NSEC_PER_USEC = 1000n;

/** `argp` and `argsz`. */
export interface EnterArgument {
  pointer: UserPointer;
  size: number;
}

type Steps = Generator<Blocked, number>;

/** A call that waits; `resume` has it look again. */
export class PendingEnter extends Blocked {
  private readonly steps: Steps;

  constructor(blocked: Blocked, steps: Steps) {
    super(blocked.waitsFor, blocked.holder, blocked.deadlock);
    this.steps = steps;
  }

  resume(): number | PendingEnter {
    return advance(this.steps);
  }
}

/**
 * @param submit number of entries to submit; @param complete number of completions to wait for.
 * @param flags IORING_ENTER_*
 * @returns entries submitted (when some were to be), else 0; a negative errno: -EINVAL, -EBADF, -EOPNOTSUPP, -EBADFD
 * (disabled), -EEXIST (not the submitter), -EOWNERDEAD, -EBUSY (overflow), -EFAULT, -ETIME, -EBADR (entries lost); or
 * a call that waits.
 * @throws {InputError} for operations that the model has not.
 */
export function ioUringEnter(
  machine: Machine,
  task: Task,
  fd: number,
  submit: number,
  complete: number,
  flags: number,
  argument: EnterArgument = { pointer: 0n, size: 0 },
): number | PendingEnter {
  const { versionCode } = machine.profile.dialect;
  let known: number = BASE_FLAGS;
  if (versionCode >= REGISTERED_VERSION) known |= Enter.RegisteredRing;
  if (versionCode >= ABS_TIMER_VERSION) known |= Enter.AbsTimer;
  if ((flags & ~known) !== 0) return -Errno.EINVAL;
  const ring = findRing(task, fd, (flags & Enter.RegisteredRing) !== 0);
  if (typeof ring === 'number') return ring;
  if (ring.dying) return -Errno.ENXIO;
  if (ring.disabled) return -Errno.EBADFD;
  return advance(new EnterCall({ machine, task, ring, submit, complete, flags, argument }).run());
}

/** One step of a call, as a system call of its own: what it leaves behind is done when it pauses or returns. */
function advance(steps: Steps): number | PendingEnter {
  const step = steps.next();
  return step.done ? step.value : new PendingEnter(step.value, steps);
}

interface Call {
  machine: Machine;
  task: Task;
  ring: IoUring;
  submit: number;
  complete: number;
  flags: number;
  argument: EnterArgument;
}

class EnterCall {
  private readonly call: Call;

  constructor(call: Call) {
    this.call = call;
  }

  *run(): Steps {
    const { ring, submit, flags } = this.call;
    const waits = (flags & Enter.GetEvents) !== 0;
    ring.engine.local.runCooperative();
    const submitted = yield* (ring.flags & Setup.SqPoll) !== 0 ? this.wakeThread() : this.submit();
    if (submitted < 0 || (submitted !== submit && submit > 0) || !waits) return submitted;
    const waited = yield* this.wait();
    return submitted > 0 ? submitted : waited;
  }

  /** The submission thread does the work; the call only says that there is some. */
  *wakeThread(): Steps {
    const { machine, ring, submit, flags } = this.call;
    if (!ring.sqData?.alive) return -Errno.EOWNERDEAD;
    ring.completions.flushOverflow();
    machine.taskWork.during(() => ring.sqData?.look(machine.now, (flags & Enter.SqWakeup) !== 0));
    return submit;
  }

  *submit(): Steps {
    const { machine, task, ring, submit, flags } = this.call;
    const { engine } = ring;
    if (submit === 0) return 0;
    if (ring.submitter && ring.submitter !== task) return -Errno.EEXIST;
    attachSubmitter(machine, task, ring);
    for (let blocked = ring.lock.lock(task); blocked; blocked = ring.lock.lock(task)) yield blocked;
    machine.taskWork.enter();
    try {
      const taken = yield* submitEntries(engine, task, submit);
      if (taken === submit && (flags & Enter.GetEvents) !== 0) ring.engine.local.run();
      return taken;
    } finally {
      ring.lock.unlock();
      machine.taskWork.leave();
    }
  }

  *wait(): Steps {
    const { machine, task, ring, argument, flags } = this.call;
    const wanted = Math.min(this.call.complete, ring.memory.cqEntries);
    const limits = (flags & Enter.ExtArg) !== 0 ? readLimits(task, argument) : {};
    if (typeof limits === 'number') return limits;
    if ((ring.flags & Setup.DeferTaskrun) !== 0 && ring.submitter !== task) return -Errno.EEXIST;
    this.collect();
    const full = !ring.completions.flushOverflow();
    // Who polls for completions finds none outstanding and does not wait.
    if ((ring.flags & (Setup.IoPoll | Setup.SqPoll)) === Setup.IoPoll) return 0;
    if (ring.completions.available >= wanted) return 0;
    if (full && machine.profile.dialect.versionCode < RETURN_ON_OVERFLOW_VERSION) return -Errno.EBUSY;
    const time =
      limits.time === undefined || limits.time === 0n ? undefined : readTimespec(task, limits.time);
    if (typeof time === 'number') return time;
    const waiting = new Waiting(machine, task, ring, wanted);
    if (time) {
      const span = time.seconds * 1_000_000_000n + time.nanoseconds;
      waiting.limit((flags & Enter.AbsTimer) !== 0 ? span : machine.now + span, false);
    }
    if (limits.minimum) waiting.limit(machine.now + limits.minimum * NSEC_PER_USEC, true);
    try {
      return yield* this.sleep(waiting, wanted);
    } finally {
      waiting.end();
    }
  }

  /** Sleeps until enough completions are there, or time is up. */
  *sleep(waiting: Waiting, wanted: number): Steps {
    const { ring } = this.call;
    const timeouts = ring.ctx.get('cq_timeouts');
    for (;;) {
      const { completions } = ring;
      this.collect();
      if (completions.overflowCount > 0 && !completions.flushOverflow()) return 0;
      if (completions.dropped) {
        completions.clearDropped();
        return completions.available > 0 ? 0 : -Errno.EBADR;
      }
      // A timeout that fires ends the wait of everyone.
      if (completions.available >= wanted || ring.ctx.get('cq_timeouts') !== timeouts) return 0;
      if (waiting.minimumOver && completions.available > 0) return 0;
      if (waiting.over) return completions.available > 0 ? 0 : -Errno.ETIME;
      yield new Blocked('io_ring_ctx.cq_wait');
    }
  }

  private collect(): void {
    const { machine, ring } = this.call;
    machine.taskWork.during(() => ring.engine.local.run());
  }
}

/** KTIME_MAX: no limit. */
const FOREVER = (1n << 63n) - 1n;

/** A task in `cq_wait`: `struct io_wait_queue`, which says how far the completion queue has to come. */
class Waiting {
  over = false;
  minimumOver = false;
  private readonly machine: Machine;
  private readonly ring: IoUring;
  private readonly entry: Record;
  private readonly waiter: Waiter;
  private readonly timers: Timer[] = [];

  /** @param wanted number of completions that it waits for */
  constructor(machine: Machine, task: Task, ring: IoUring, wanted: number) {
    this.machine = machine;
    this.ring = ring;
    this.entry = machine.heap.allocate('io_wait_queue');
    const { rings } = ring.memory;
    this.entry.point('wq.private', task.record).point('ctx', ring.ctx);
    this.entry.set('wq.func', machine.symbols.opaque('io_wake_function'));
    this.entry.set('cq_tail', rings.get('cq.head') + wanted);
    this.entry.set('nr_timeouts', ring.ctx.get('cq_timeouts'));
    if (this.entry.has('cq_min_tail')) this.entry.set('cq_min_tail', rings.get('cq.tail'));
    for (const time of ['timeout', 'min_timeout']) this.note(time, FOREVER);
    this.waiter = { entry: this.entry.sub('wq'), wake: () => {} };
    ring.waitQueue.add(this.waiter, true);
  }

  limit(expires: bigint, minimum: boolean): void {
    this.note(minimum ? 'min_timeout' : 'timeout', expires);
    const timer = this.machine.startTimer(expires, () => {
      if (minimum) this.minimumOver = true;
      else this.over = true;
    });
    this.timers.push(timer);
  }

  /** Kernels before 6.12 keep the time in the call only. */
  private note(member: string, time: bigint): void {
    if (this.entry.has(member)) this.entry.set(member, time);
  }

  end(): void {
    for (const timer of this.timers) this.machine.timers.cancel(timer);
    this.ring.waitQueue.remove(this.waiter);
    this.machine.heap.free(this.entry);
  }
}

interface Limits {
  /** Address of a timespec, 0n for none. */
  time?: bigint;
  /** Microseconds after which one completion is enough. */
  minimum?: bigint;
}

function readLimits(task: Task, { pointer, size }: EnterArgument): Limits | number {
  if (size !== EXT_ARG_SIZE) return -Errno.EINVAL;
  const view = readStruct(callerMemory(task), pointer, EXT_ARG_SIZE);
  if (!view) return -Errno.EFAULT;
  return { time: view.getBigUint64(16, true), minimum: BigInt(view.getUint32(12, true)) };
}
