/**
 * How the counters of a ring come to where they were: which submissions that do nothing, and which completions besides.
 * Only the ring's state and the kernel decide, so that a dump knows what a restore could not do.
 */
import { SqeFlag, SubmitOp } from '../../../kernel-model/io-uring/uapi.ts';
import { MAX_STEPS } from '../../limits.ts';
import type { RingOnKernel } from './on-kernel.ts';
import { ANY_EXTRA, canComeLate, wayOf } from './overflow-ways.ts';
import { allows } from './results.ts';
import type { Submission } from './submit.ts';

/** 6.4: IORING_TIMEOUT_MULTISHOT. */
const MULTISHOT_VERSION = 0x6_0400;
/** IORING_SETUP_NO_SQARRAY */
const NO_SQARRAY = 1 << 16;

/** How far there is to go. */
export interface Distance {
  readonly submitted: number;
  readonly completed: number;
  readonly extra: number;
}

export interface Steps {
  /** Submitted and completed. */
  readonly plain: number;
  /** Submitted, with a number that is no entry's. */
  readonly dropped: number;
  /** Submitted, and completed without a word. */
  readonly silent: number;
  /** Completed without a submission. */
  readonly extra: number;
}

export interface CounterPlan {
  readonly steps: Steps;
  /** Entries for the bits that stay set, among the plain ones. */
  readonly special: readonly Submission[];
  readonly firings: Firings;
}

/** @param timeouts that are still to fire */
export function planCounters(ring: RingOnKernel, distance: Distance, timeouts: number): CounterPlan {
  const { submitted, completed } = distance;
  if (submitted > MAX_STEPS) ring.refuse(25, tooFar(submitted, 'submissions'));
  if (completed > MAX_STEPS) ring.refuse(27, tooFar(completed, 'completions'));
  const steps = stepsOf(ring, distance);
  const special = stickyEntries(ring, steps);
  checkAllowed(ring, steps, timeouts);
  if (special.length > steps.plain)
    ring.refuse(38, 'too few submissions have completed for the bits that are set');
  return { steps, special, firings: firingsOf(ring, timeouts, steps.plain - special.length, steps.extra) };
}

/** Fails once its flags have been looked at: no operation but reads and the like has a priority. */
const REFUSED_SILENT = { opcode: SubmitOp.Nop, flags: SqeFlag.CqeSkipSuccess, ioprio: 1 } as const;
/** Fails once it has been seen to count completions: there is no time at its address. */
const REFUSED_COUNTING = { opcode: SubmitOp.Timeout, length: 1, offset: 1n, address: 0n } as const;

/**
 * Entries that set the bits which stay set, where no request that is submitted again does. They fail, and count as any
 * others.
 */
function stickyEntries(ring: RingOnKernel, steps: Steps): Submission[] {
  const { queues, requests } = ring.state;
  const all = requests.flatMap((request) => [request, ...request.chain]);
  const counts = all.some(({ timeout, opcode }) => opcode === SubmitOp.Timeout && (timeout?.count ?? 0) > 0);
  const silent = steps.silent > 0 || all.some(({ flags }) => (flags & SqeFlag.CqeSkipSuccess) !== 0);
  return [
    ...(queues.offTimeoutUsed && !counts ? [REFUSED_COUNTING] : []),
    ...(queues.drainDisabled && !silent ? [REFUSED_SILENT] : []),
  ];
}

/** How often timeouts fire: once for each of some submissions, and the rest of one that fires again and again. */
export interface Firings {
  readonly single: number;
  /** 0 for none: a submission of its own, all but one of whose completions are extra ones. */
  readonly repeated: number;
}

function firingsOf(ring: RingOnKernel, count: number, plain: number, extra: number): Firings {
  if (count <= plain) return { single: count, repeated: 0 };
  const repeats = count - plain + 1;
  // One that fires so many times counts completions, as far as the kernel notes it.
  if (
    !ring.state.queues.offTimeoutUsed ||
    plain < 1 ||
    repeats - 1 > extra ||
    ring.versionCode < MULTISHOT_VERSION
  )
    ring.refuse(37, `its timeouts have fired ${count} times, more often than submissions of it have ended`);
  return { single: plain - 1, repeated: repeats };
}

function stepsOf(ring: RingOnKernel, { submitted, completed, extra }: Distance): Steps {
  const steps = {
    extra: Math.max(0, extra),
    dropped: Math.max(0, -extra),
    plain: completed - Math.max(0, extra),
    silent: submitted - completed + extra,
  };
  if (steps.plain < 0) ring.refuse(36, `of ${completed} completions ${extra} are not its own`);
  if (steps.silent < 0) ring.refuse(36, 'more has completed than can have been submitted');
  if (steps.silent > 0 && !ring.state.queues.drainDisabled)
    ring.refuse(78, `${steps.silent} of its requests are nowhere to be seen`);
  if (steps.dropped > 0 && (ring.state.setup.flags & NO_SQARRAY) !== 0)
    ring.refuse(30, 'entries were dropped, which cannot happen without an index array');
  if (steps.extra > 0 && !canComeLate(ring, wayOf(ring, ANY_EXTRA)))
    ring.refuse(36, 'completions that are not its own cannot be posted');
  if (ring.staysDisabled && steps.plain + steps.dropped + steps.silent > 0)
    ring.refuse(63, 'it is disabled, and has taken entries all the same');
  return steps;
}

/** What is forbidden still counts, but does nothing else. */
function checkAllowed(ring: RingOnKernel, { silent }: Steps, timeouts: number): void {
  const { restrictions, queues } = ring.state;
  if (!restrictions) return;
  const quiet = allows(ring, SubmitOp.Nop) && (restrictions.flagsAllowed & SqeFlag.CqeSkipSuccess) !== 0;
  if (silent > 0 && !quiet) ring.refuse(61, 'its restrictions forbid submissions without a completion');
  if ((timeouts > 0 || queues.offTimeoutUsed) && !allows(ring, SubmitOp.Timeout))
    ring.refuse(61, 'its restrictions forbid timeouts, and it has had some');
}

function tooFar(distance: number, what: string): string {
  if (distance > 2 ** 31)
    return `its tables and groups take ${2 ** 32 - distance} ${what} more than it has made`;
  return `${distance} ${what} would have to be made again, more than ${MAX_STEPS}`;
}
