/** Waiting for a file that was not ready, so that the operation can be tried again (`struct async_poll`). */
import type { Record } from '../record.ts';
import { PollEvent } from '../wait-queue.ts';
import { ArmedPoll } from './armed-poll.ts';
import { operationOf } from './operations.ts';
import type { Place } from './outcome.ts';
import type { Request } from './request.ts';

/** How often an operation is tried before a worker gets it. */
const MAX_RETRIES = 128;

export const enum ArmResult {
  /** It waits. */
  Waiting,
  /** It can be tried again at once. */
  Ready,
  /** It cannot wait. */
  Aborted,
}

interface Retry {
  readonly record: Record;
  left: number;
}

const retries = new WeakMap<Request, Retry>();

export function armForRetry(request: Request, place: Place): ArmResult {
  const { polls } = operationOf(request.opcode);
  if (!polls) return ArmResult.Aborted;
  const retry = retries.get(request) ?? prepareRetry(request);
  if (--retry.left === 0) return ArmResult.Aborted;
  request.polled = true;
  const wanted = polls === 'in' ? PollEvent.In | PollEvent.RdNorm : PollEvent.Out | PollEvent.WrNorm;
  const events = wanted | PollEvent.Pri | PollEvent.OneShot | PollEvent.EdgeTriggered;
  const table = place === 'inline' ? 'locked' : 'shared';
  const poll = new ArmedPoll(request, retry.record.sub('poll'), events, table, (found) => {
    const { engine } = request;
    if (found < 0) engine.abort(request);
    else engine.startOrPunt(request);
  });
  const armed = poll.arm();
  if (armed === 'waiting') return ArmResult.Waiting;
  return typeof armed === 'object' ? ArmResult.Ready : ArmResult.Aborted;
}

function prepareRetry(request: Request): Retry {
  const { heap } = request.ring.machine;
  const record = heap.allocate('async_poll');
  request.record.point('apoll', record);
  const retry = { record, left: MAX_RETRIES };
  retries.set(request, retry);
  const state = request.state;
  request.state = {
    release() {
      state?.release?.();
      heap.free(record);
    },
  };
  return retry;
}
