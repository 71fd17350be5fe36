/** IORING_OP_POLL_ADD and POLL_REMOVE, which also changes what a poll waits for. */
import { Errno } from '../../bpf/errno.ts';
import { PollEvent } from '../wait-queue.ts';
import { ArmedPoll } from './armed-poll.ts';
import type { Operation, Outcome } from './outcome.ts';
import type { Request } from './request.ts';
import type { Sqe } from './sqe.ts';
import { PollFlag, Setup, SubmitOp } from './uapi.ts';

/** What poll(2) can ask for; the other bits say how to wait. */
const EVENTS = 0xffff;
const HOW = PollEvent.Exclusive | PollEvent.OneShot | PollEvent.EdgeTriggered;

/** Events of a POLL_ADD as last asked for: an update keeps how it waits. */
const wanted = new WeakMap<Request, number>();

export const pollAdd: Operation = {
  needsFile: true,
  prepare(request, sqe) {
    if (sqe.buffer !== 0 || sqe.offset !== 0n || sqe.address !== 0n) return -Errno.EINVAL;
    if ((sqe.length & ~PollFlag.Multishot) !== 0) return -Errno.EINVAL;
    if (sqe.length !== 0 && request.skipsCqe) return -Errno.EINVAL;
    const events = eventsOf(sqe);
    wanted.set(request, events);
    request.command('io_poll', 'io_poll_iocb').set('events', events);
    return 0;
  },
  execute: (request) => arm(request),
};

export const pollRemove: Operation = {
  prepare(_request, sqe) {
    const flags = sqe.length;
    const known = PollFlag.UpdateEvents | PollFlag.UpdateUserData | PollFlag.Multishot;
    if (sqe.buffer !== 0 || sqe.fileIndex !== 0) return -Errno.EINVAL;
    if ((flags & ~known) !== 0 || flags === PollFlag.Multishot) return -Errno.EINVAL;
    if ((flags & PollFlag.UpdateUserData) === 0 && sqe.offset !== 0n) return -Errno.EINVAL;
    if ((flags & PollFlag.UpdateEvents) === 0 && sqe.opFlags !== 0) return -Errno.EINVAL;
    return 0;
  },
  execute(request) {
    const { engine, sqe } = request;
    const matches = (other: Request) => other.opcode === SubmitOp.PollAdd && other.userData === sqe.address;
    const poll = engine.cancelTable.find(matches);
    if (!poll) return -Errno.ENOENT;
    poll.disarm();
    if ((sqe.length & (PollFlag.UpdateEvents | PollFlag.UpdateUserData)) === 0) {
      engine.cancel(poll.request);
      return 0;
    }
    change(poll.request, sqe);
    const outcome = arm(poll.request);
    if (typeof outcome === 'number') engine.later(poll.request, () => engine.complete(poll.request, outcome));
    return 0;
  },
};

function change(request: Request, sqe: Sqe): void {
  const old = wanted.get(request) ?? 0;
  if ((sqe.length & PollFlag.UpdateEvents) !== 0) {
    wanted.set(request, (old & ~EVENTS) | (eventsOf(sqe) & EVENTS));
  }
  if ((sqe.length & PollFlag.UpdateUserData) !== 0) request.userData = sqe.offset;
}

function eventsOf(sqe: Sqe): number {
  const multishot = (sqe.length & PollFlag.Multishot) !== 0;
  const events = sqe.opFlags & (EVENTS | HOW);
  return events | PollEvent.EdgeTriggered | (multishot ? 0 : PollEvent.OneShot);
}

function arm(request: Request): Outcome {
  const { ring, engine } = request;
  const serial = (ring.flags & (Setup.SqPoll | Setup.SingleIssuer)) !== 0;
  const record = request.command('io_poll', 'io_poll_iocb');
  const poll = new ArmedPoll(
    request,
    record,
    wanted.get(request) ?? 0,
    serial ? 'locked' : 'shared',
    (found) => {
      if (found < 0) engine.abort(request);
      else if (poll.oneShot) engine.complete(request, found);
      else if (!engine.postMore(request, found)) {
        poll.disarm();
        engine.complete(request, found);
      }
    },
  );
  const armed = poll.arm();
  if (armed === 'waiting') return 'pending';
  return typeof armed === 'object' ? armed.ready & EVENTS : armed;
}
