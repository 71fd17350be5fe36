/**
 * The counters of a ring, which only go up: they are brought to where they were by submissions and completions that
 * do nothing. Everything is counted modulo 2^32.
 */
import { SqeFlag, SubmitOp, TimeoutFlag } from '../../../kernel-model/io-uring/uapi.ts';
import type { OverflowEntry, TimeoutState } from '../../state.ts';
import { ANY_EXTRA, postAny, postExtras, wayOf } from './extras.ts';
import { withSource } from './helper-files.ts';
import { allows, entryWithResult } from './results.ts';
import type { RingRestore } from './ring.ts';
import { collects, type Submission, submitQuietly } from './submit.ts';

/** Steps that a restore takes at most for one ring. */
const MAX_STEPS = 2 ** 24;

/** How far there is to go. */
interface Distance {
  readonly submitted: number;
  readonly completed: number;
  readonly extra: number;
}

interface Steps {
  /** Submitted and completed. */
  readonly plain: number;
  /** Submitted, with a number that is no entry's. */
  readonly dropped: number;
  /** Submitted, and completed without a word. */
  readonly silent: number;
  /** Completed without a submission. */
  readonly extra: number;
}

/** How each entry of the overflow list comes there. */
export type OverflowWay = 'own' | 'extra';

/** Which completions of the overflow list are to be the ring's own, so that the extra ones come out right. */
export function overflowWays(ring: RingRestore, extra: number): OverflowWay[] {
  const { overflow } = ring.state.queues;
  const can = overflow.map((entry) => {
    const plain = !entry.extra?.some((word) => word !== 0n);
    const own = plain && !ring.staysDisabled && entryWithResult(ring, entry) !== undefined;
    const other = plain && canComeLate(ring, wayOf(ring, entry));
    if (!own && !other)
      ring.refuse(
        34,
        `nothing on this kernel posts result ${entry.result} with flags ${entry.flags} for 0x${entry.userData.toString(16)}`,
      );
    return { own, other };
  });
  let left = Math.max(0, extra) - can.filter(({ own }) => !own).length;
  return can.map(({ own, other }) => {
    if (!own) return 'extra';
    return other && left-- > 0 ? 'extra' : 'own';
  });
}

/** Tags need a table of files, and the ring's own is there by then. */
function canComeLate(ring: RingRestore, way: ReturnType<typeof wayOf>): boolean {
  return way === 'message' || (way === 'tag' && !ring.state.files && !ring.state.restrictions?.enforced);
}

/**
 * Where only tags post completions they come early: the ring's own tables are not there yet, and nothing is forbidden.
 */
export function replayExtras(ring: RingRestore): void {
  if (wayOf(ring, ANY_EXTRA) !== 'tag') return;
  const extra = ring.state.queues.extra | 0;
  const late = overflowWays(ring, extra).filter((way) => way === 'extra').length;
  postAny(ring, Math.max(0, extra - late));
}

/**
 * Brings the counters up to where only the requests that still wait, and the overflow list, are missing.
 * @param later entries that are submitted behind this
 */
export function replayCounters(ring: RingRestore, later: number, ways: readonly OverflowWay[]): void {
  const { queues: wanted } = ring.state;
  const own = ways.filter((way) => way === 'own').length;
  const distance = {
    submitted: (wanted.sqHead - later - own - ring.queues.get('sq.head')) >>> 0,
    completed: (wanted.cqTail - ring.queues.get('cq.tail')) >>> 0,
    extra: (wanted.extra - (ways.length - own) - ring.extra) | 0,
  };
  if (distance.submitted > MAX_STEPS) ring.refuse(25, tooFar(ring, distance.submitted, 'submissions'));
  if (distance.completed > MAX_STEPS) ring.refuse(27, tooFar(ring, distance.completed, 'completions'));
  const steps = stepsOf(ring, distance);
  const special = stickyEntries(ring);
  const timeouts = (wanted.timeouts - ring.timeouts) >>> 0;
  checkAllowed(ring, steps, timeouts);
  if (special.length + timeouts > steps.plain)
    ring.refuse(38, 'fewer submissions have completed than its counts of timeouts and its flags need');
  const { plain, dropped, silent } = steps;
  const task = ring.issuer;
  const note = new Map<number, number>();
  if (plain + dropped + silent > 0) {
    ring.withFd(task, (fd) => {
      const run = (entries: readonly Submission[], completions: number, collect = false) =>
        submitQuietly(ring, task, fd, { entries, completions, collect }, note);
      for (const entry of special) run([entry], 1);
      expireTimeouts(ring, timeouts, (entry) => run([entry], 1, collects(ring)));
      repeat(ring, plain - special.length - timeouts, (size) =>
        run(new Array<Submission>(size).fill(NOP), size),
      );
      repeat(ring, silent, (size) => run(new Array<Submission>(size).fill(SILENT), 0));
      repeat(ring, dropped, (size) => run(new Array<Submission>(size).fill(undefined), 0));
    });
  }
  for (const [count, times] of note)
    ring.world.calls.note(task, 'io_uring_enter', ['ring', count, 0, `${times} times`], count);
  postAny(ring, steps.extra);
}

/** The overflow list in its order, with the completion queue full. */
export function replayOverflow(ring: RingRestore, ways: readonly OverflowWay[]): void {
  const { overflow } = ring.state.queues;
  if (overflow.length === 0) return;
  ring.queues.setRoom(0);
  const limit = ring.queues.sqEntries;
  for (let at = 0; at < ways.length; ) {
    const way = ways[at] as OverflowWay;
    const length = runOf(ways, at, way === 'own' ? limit : overflow.length, (i) =>
      sameWay(ring, overflow, at, i),
    );
    const part = overflow.slice(at, at + length);
    if (way === 'extra') postExtras(ring, part);
    else postOwn(ring, part);
    at += length;
  }
}

function sameWay(ring: RingRestore, overflow: readonly OverflowEntry[], a: number, b: number): boolean {
  return wayOf(ring, overflow[a] as OverflowEntry) === wayOf(ring, overflow[b] as OverflowEntry);
}

function runOf(
  ways: readonly OverflowWay[],
  at: number,
  limit: number,
  same: (i: number) => boolean,
): number {
  let length = 1;
  while (length < limit && ways[at + length] === ways[at] && (ways[at] === 'own' || same(at + length)))
    length++;
  return length;
}

function postOwn(ring: RingRestore, entries: readonly OverflowEntry[]): void {
  withSource(ring, ring.executor, (fd, memory) => {
    const made = entries.map((entry) => {
      const fields = entryWithResult(ring, entry);
      const reads = fields?.opcode === SubmitOp.Read && fields.fd !== -1;
      return { ...fields, userData: entry.userData, ...(reads ? { fd, address: memory } : {}) };
    });
    const task = ring.issuer;
    ring.withFd(task, (own) =>
      submitQuietly(ring, task, own, { entries: made, completions: 0, overflows: true }, new Map()),
    );
    ring.world.calls.note(task, 'io_uring_enter', ['ring', made.length, 0, 'into a full queue'], made.length);
  });
}

const NOP = { opcode: SubmitOp.Nop } as const;
const SILENT = { opcode: SubmitOp.Nop, flags: SqeFlag.CqeSkipSuccess } as const;
/** Fails once its flags have been looked at: no operation but reads and the like has a priority. */
const REFUSED_SILENT = { ...SILENT, ioprio: 1 } as const;
/** Fails once it has been seen to count completions: there is no time at its address. */
const REFUSED_COUNTING = { opcode: SubmitOp.Timeout, length: 1, offset: 1n, address: 0n } as const;

/** Entries that set the bits which stay set. They fail, and count as any others. */
function isMultishot({ flags }: TimeoutState): boolean {
  return (flags & TimeoutFlag.Multishot) !== 0;
}

function stickyEntries(ring: RingRestore): Submission[] {
  const { drainDisabled, offTimeoutUsed } = ring.state.queues;
  // One that still waits sets the flag itself when it is submitted again.
  const waits = ring.state.requests.some(({ timeout }) => timeout && timeout.count > 0 && !isMultishot(timeout));
  return [...(offTimeoutUsed && !waits ? [REFUSED_COUNTING] : []), ...(drainDisabled ? [REFUSED_SILENT] : [])];
}

function expireTimeouts(ring: RingRestore, count: number, run: (entry: Submission) => void): void {
  if (count === 0) return;
  const { world } = ring;
  // The first moment since boot is over.
  world.withScratch(ring.executor, new Uint8Array(16), (address) => {
    const entry = {
      opcode: SubmitOp.Timeout,
      length: 1,
      address: BigInt(address),
      opFlags: TimeoutFlag.Absolute,
    };
    for (let i = 0; i < count; i++) run(entry);
  });
  ring.timeouts += count;
}

function stepsOf(ring: RingRestore, { submitted, completed, extra }: Distance): Steps {
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
  if (steps.dropped > 0 && !ring.queues.hasArray)
    ring.refuse(30, 'entries were dropped, which cannot happen without an index array');
  if (steps.extra > 0 && !wayOf(ring, ANY_EXTRA))
    ring.refuse(36, 'completions that are not its own cannot be posted');
  if (ring.staysDisabled && steps.plain + steps.dropped + steps.silent > 0)
    ring.refuse(63, 'it is disabled, and has taken entries all the same');
  return steps;
}

/** What is forbidden still counts, but does nothing else. */
function checkAllowed(ring: RingRestore, { silent }: Steps, timeouts: number): void {
  const { restrictions, queues } = ring.state;
  if (!restrictions) return;
  const quiet = allows(ring, SubmitOp.Nop) && (restrictions.flagsAllowed & SqeFlag.CqeSkipSuccess) !== 0;
  if (silent > 0 && !quiet) ring.refuse(61, 'its restrictions forbid submissions without a completion');
  if ((timeouts > 0 || queues.offTimeoutUsed) && !allows(ring, SubmitOp.Timeout))
    ring.refuse(61, 'its restrictions forbid timeouts, and it has had some');
}

function repeat(ring: RingRestore, count: number, run: (size: number) => void): void {
  const batch = Math.min(ring.queues.sqEntries, ring.queues.cqEntries);
  for (let done = 0; done < count; done += batch) run(Math.min(batch, count - done));
}

function tooFar(ring: RingRestore, distance: number, what: string): string {
  if (distance > 2 ** 31)
    return `its tables and groups take ${2 ** 32 - distance} ${what} more than it has made`;
  return `${distance} ${what} would have to be made again, more than ${MAX_STEPS} (ring ${ring.index})`;
}
