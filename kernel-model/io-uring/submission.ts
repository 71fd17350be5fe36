/** Taking entries from the submission queue and making requests of them. */
import { Errno } from '../../bpf/errno.ts';
import type { Task } from '../task.ts';
import type { Engine } from './engine.ts';
import { operationOf } from './operations.ts';
import type { PendingOperation } from './outcome.ts';
import { Request } from './request.ts';
import { assignFile } from './request-file.ts';
import { allowsSubmission } from './restrictions.ts';
import { Sqe } from './sqe.ts';
import { taskContext } from './task-context.ts';
import { Setup, SqeFlag, UserSize } from './uapi.ts';

const BASE_FLAGS =
  SqeFlag.FixedFile | SqeFlag.Drain | SqeFlag.Link | SqeFlag.HardLink | SqeFlag.Async | SqeFlag.BufferSelect;
/** 5.17: IOSQE_CQE_SKIP_SUCCESS. */
const SKIP_VERSION = 0x5_1100;
/** 5.18: the file of a request is looked up when it is executed, not when it is submitted. */
const LATE_FILE_VERSION = 0x5_1200;

/** A submission, step by step: it pauses where an operation has to wait for a lock. */
export type SubmissionSteps = Generator<PendingOperation, number>;

/** Entries that user space has filled and the kernel has not taken. */
export function pendingEntries({ ring }: Engine): number {
  const waiting = (ring.memory.rings.get('sq.tail') - ring.ctx.get('cached_sq_head')) >>> 0;
  return Math.min(waiting, ring.memory.sqEntries);
}

/**
 * Submits up to `wanted` entries for a task that holds `uring_lock`.
 * @returns how many were taken, the one that failed included; less than wanted after a failure or a bad index.
 */
export function* submitEntries(engine: Engine, task: Task, wanted: number): SubmissionSteps {
  const count = Math.min(wanted, pendingEntries(engine));
  if (count === 0) return 0;
  const { ring } = engine;
  taskContext(task)?.takeRefs(count);
  let taken = 0;
  engine.beginBatch();
  try {
    while (taken < count) {
      const sqe = takeEntry(engine);
      if (!sqe) break;
      // What is not modelled is said before anything of the request exists.
      if (sqe.opcode < ring.machine.profile.dialect.submitOps) operationOf(sqe.opcode);
      taken++;
      const failed = yield* submitEntry(engine, new Request(engine, task, sqe));
      if (failed && (ring.flags & Setup.SubmitAll) === 0) break;
    }
    yield* closeChain(engine);
  } finally {
    engine.chain = undefined;
    engine.endBatch();
    taskContext(task)?.returnRefs(count - taken);
    ring.memory.rings.set('sq.head', ring.ctx.get('cached_sq_head'));
  }
  return taken;
}

/** The next entry; undefined for an index that is none, which is dropped and counted. */
function takeEntry({ ring }: Engine): Sqe | undefined {
  const { ctx, memory, machine } = ring;
  const head = ctx.get('cached_sq_head');
  ctx.set('cached_sq_head', head + 1);
  let index = head & (memory.sqEntries - 1);
  if (memory.sqArray !== 0) index = machine.ram.view.getUint32(memory.indexAt(index), true);
  if (index >= memory.sqEntries) {
    ctx.set('cq_extra', ctx.get('cq_extra') - 1);
    memory.rings.set('sq_dropped', memory.rings.get('sq_dropped') + 1);
    return undefined;
  }
  const size = (ring.flags & Setup.Sqe128) !== 0 ? 2 * UserSize.Sqe : UserSize.Sqe;
  return new Sqe(new Uint8Array(machine.ram.buffer, memory.sqeAt(size * index), UserSize.Sqe));
}

/** @returns whether the entry was refused. */
function* submitEntry(engine: Engine, request: Request): Generator<PendingOperation, boolean> {
  engine.inflight.add(request);
  const error = initialise(engine, request);
  if (error !== 0) {
    request.fail();
    request.setResult(error);
    const head = engine.chain?.head;
    if (head && !head.failed) {
      head.fail();
      head.setResult(-Errno.ECANCELED);
    }
  }
  const { chain } = engine;
  if (chain) {
    chain.last.chain(request);
    chain.last = request;
    if (request.linked) return false;
    engine.chain = undefined;
    yield* launch(engine, chain.head);
  } else if (request.linked) {
    engine.chain = { head: request, last: request };
    return false;
  } else {
    yield* launch(engine, request);
  }
  return error !== 0;
}

/** A chain that the submission leaves open ends with it. */
function* closeChain(engine: Engine): Generator<PendingOperation, void> {
  const { chain } = engine;
  engine.chain = undefined;
  if (!chain) return;
  // It does not go the short way, as a complete one does.
  const { versionCode } = engine.ring.machine.profile.dialect;
  if (versionCode >= LATE_FILE_VERSION && !chain.head.failed && !engine.drain.active) {
    engine.worker.punt(chain.head);
    return;
  }
  yield* launch(engine, chain.head);
}

/** Starts a request, or the chain that it heads. */
function* launch(engine: Engine, head: Request): Generator<PendingOperation, void> {
  if (head.failed) {
    head.flags = (head.flags & ~SqeFlag.HardLink) | SqeFlag.Link;
    engine.finish(head, head.result);
    return;
  }
  if (head.forceAsync) {
    if (engine.drain.active) engine.drain.queue(head);
    else engine.worker.punt(head);
    return;
  }
  let pending = engine.start(head);
  while (pending) {
    yield pending;
    pending = engine.settle(head, pending.resume());
  }
}

/** Checks an entry. @returns 0 or a negative errno. */
function initialise(engine: Engine, request: Request): number {
  const { ring } = engine;
  const { dialect } = ring.machine.profile;
  if (request.opcode >= dialect.submitOps) return -Errno.EINVAL;
  const knowsSkip = dialect.versionCode >= SKIP_VERSION;
  const known = knowsSkip ? BASE_FLAGS | SqeFlag.CqeSkipSuccess : BASE_FLAGS;
  // A bit without a meaning: it hides nothing.
  if (!knowsSkip) request.skipsCqe = false;
  if ((request.flags & ~known) !== 0) return -Errno.EINVAL;
  const operation = operationOf(request.opcode);
  if (request.has(SqeFlag.BufferSelect) && !operation.selectsBuffer) return -Errno.EOPNOTSUPP;
  const order = initialiseOrder(engine, request);
  if (order !== 0) return order;
  if (request.sqe.ioprio !== 0 && !operation.priority) return -Errno.EINVAL;
  if ((ring.flags & Setup.IoPoll) !== 0 && !operation.iopoll) return -Errno.EINVAL;
  const { personality } = request.sqe;
  if (personality !== 0) {
    const cred = ring.personalities.get(personality);
    if (!cred) return -Errno.EINVAL;
    request.creds = cred;
  }
  if (operation.needsFile) {
    const missing = dialect.versionCode < LATE_FILE_VERSION ? assignFile(request) : lookUpLater(request);
    if (missing !== 0) return missing;
  }
  return operation.prepare(request, request.sqe);
}

/** The number stands where the completion's flags will. */
function lookUpLater({ record, sqe }: Request): number {
  if (record.has('cqe.fd')) record.set('cqe.fd', sqe.fd);
  return 0;
}

/** Restrictions, and what waits for what. */
function initialiseOrder(engine: Engine, request: Request): number {
  const { ring, drain, chain } = engine;
  const { ctx } = ring;
  const hasDisabled = ctx.has('drain_disabled');
  if (hasDisabled && request.has(SqeFlag.CqeSkipSuccess)) ctx.set('drain_disabled', true);
  if (request.has(SqeFlag.Drain)) {
    if (hasDisabled && ctx.get('drain_disabled') !== 0) return -Errno.EOPNOTSUPP;
    drain.require(chain?.head);
  }
  if (ctx.get('restricted') !== 0) {
    if (!allowsSubmission(ctx.sub('restrictions'), request.opcode, request.flags)) return -Errno.EACCES;
  }
  if (drain.active) request.forceAsync = true;
  if (ctx.get('drain_next') !== 0 && !chain) {
    ctx.set('drain_next', false).set('drain_active', true);
    request.flags |= SqeFlag.Drain;
    request.forceAsync = true;
  }
  return 0;
}
