/**
 * A restore of a ring without a kernel: whether its counters, its overflow list and its requests can be brought about
 * again, as far as its state tells. A dump asks this for the kernel it looks at.
 */
import { SqeFlag } from '../../../kernel-model/io-uring/uapi.ts';
import type { CheckpointState, RequestState, RingState } from '../../state.ts';
import { groupSteps } from './groups.ts';
import type { RingOnKernel } from './on-kernel.ts';
import { ANY_EXTRA, overflowWays, wayOf } from './overflow-ways.ts';
import { planCounters } from './plan.ts';
import { lateEntries, WAITS_FOR_ITSELF, waitsForItself } from './requests.ts';

/** 5.19: who waits for a file gives the provided buffer back. */
const RECYCLE_VERSION = 0x5_1300;
/** IORING_SETUP_R_DISABLED */
const DISABLED = 1 << 6;

export interface Problem {
  /** Of the inventory. */
  readonly item: number;
  readonly reason: string;
}

/** Ends a rehearsal. */
class Impossible extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.reason);
    this.problem = problem;
  }
}

/** What a restore of a ring on a kernel would stumble over first; undefined when nothing is known. */
export function rehearse(state: CheckpointState, index: number, versionCode: number): Problem | undefined {
  const ring = state.rings[index] as RingState;
  const actor: RingOnKernel = {
    state: ring,
    versionCode,
    staysDisabled: (ring.setup.flags & DISABLED) !== 0,
    refuse(item, reason): never {
      throw new Impossible({ item, reason });
    },
  };
  if (waitsForItself(state, index)) return { item: 74, reason: WAITS_FOR_ITSELF };
  try {
    rehearseCounters(actor);
    rehearseDrain(actor);
    rehearseSelection(actor);
    return undefined;
  } catch (error) {
    if (error instanceof Impossible) return error.problem;
    throw error;
  }
}

function rehearseCounters(ring: RingOnKernel): void {
  const { queues, requests } = ring.state;
  const ways = overflowWays(ring, queues.extra | 0);
  const own = ways.filter((way) => way === 'own').length;
  const groups = groupSteps(ring);
  const waiting = requests.filter(({ where }) => where === 'waiting');
  const submitted = waiting.reduce((sum, { chain }) => sum + 1 + chain.length, groups.submitted);
  // Polls for good may tell at once what their files are ready for: here they all do.
  const polls = requests.filter(({ poll }) => poll?.multishot).length;
  const extra = (queues.extra - (ways.length - own)) | 0;
  const told = Math.max(0, Math.min(polls, extra));
  const early = wayOf(ring, ANY_EXTRA) === 'tag' ? Math.max(0, extra - polls) : 0;
  const distance = {
    submitted: (queues.sqHead - lateEntries(ring) - own - submitted) >>> 0,
    completed: (queues.cqTail - groups.completed - early - told) >>> 0,
    extra: (extra - early - told) | 0,
  };
  planCounters(ring, distance, queues.timeouts);
}

/** What asks for order finds the same before it as it had. */
function rehearseDrain({ state: { queues, requests }, refuse }: RingOnKernel): void {
  const ordered = requests.filter(({ flags }) => (flags & SqeFlag.Drain) !== 0);
  const isDeferred = ({ where }: RequestState) => where === 'deferred';
  if (ordered.length > 0 && queues.drainDisabled)
    refuse(38, 'some of its requests wait for all others, which it does not allow any more');
  if (requests.length > 0 && requests.every(isDeferred))
    refuse(77, 'its requests wait for others that have completed already');
  if (requests.some(({ chain }) => chain.some(({ flags }) => (flags & SqeFlag.Drain) !== 0)))
    refuse(77, 'what is behind a chain has waited for it, or would by now');
  // Timeouts are submitted behind what waits for files, in their order.
  const first = requests.find((request) => !isDeferred(request));
  if (ordered.some(({ where }) => where === 'timeout') && queues.overflow.length > 0)
    refuse(77, 'a timeout would wait for completions that have found no room');
  if (ordered.some((request) => request.where === 'timeout' && request !== first))
    refuse(77, 'a timeout has waited for all before it, and others wait by now');
}

/** A buffer that a request has is in no group, and nothing tells which one it is. */
function rehearseSelection({ state: { requests }, versionCode, refuse }: RingOnKernel): void {
  const selects = ({ where, flags }: RequestState) =>
    where === 'waiting' && (flags & SqeFlag.BufferSelect) !== 0;
  if (versionCode < RECYCLE_VERSION && requests.some(selects))
    refuse(79, 'a request that waits for its file has a provided buffer already');
}
