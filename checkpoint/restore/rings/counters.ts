/**
 * The counters of a ring, which only go up: they are brought to where they were by submissions and completions that
 * do nothing. Everything is counted modulo 2^32.
 */
import { SqeFlag, SubmitOp, TimeoutFlag } from '../../../kernel-model/io-uring/uapi.ts';
import { MAX_STEPS } from '../../limits.ts';
import type { OverflowEntry } from '../../state.ts';
import { ANY_EXTRA, postAny, postExtras, wayOf } from './extras.ts';
import { withSource } from './helper-files.ts';
import { allows, entryWithResult } from './results.ts';
import type { RingRestore } from './ring.ts';
import { collects, type Submission, submitQuietly } from './submit.ts';

/** 6.4: IORING_TIMEOUT_MULTISHOT. */
const MULTISHOT_VERSION = 0x6_0400;

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
  // Polls for good may tell at once what their files are ready for: nobody knows before.
  const polls = ring.state.requests.filter(({ poll }) => poll?.multishot).length;
  postAny(ring, Math.max(0, extra - late - polls));
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
  if (special.length > steps.plain)
    ring.refuse(38, 'too few submissions have completed for the bits that are set');
  const { plain, dropped, silent } = steps;
  const firings = firingsOf(ring, timeouts, plain - special.length, steps.extra);
  const fired = firings.single + Number(firings.repeated > 0);
  const extra = steps.extra - Math.max(0, firings.repeated - 1);
  const task = ring.issuer;
  const note = new Map<number, number>();
  if (plain + dropped + silent > 0) {
    ring.withFd(task, (fd) => {
      const run = (entries: readonly Submission[], completions: number, collect = false) =>
        submitQuietly(ring, task, fd, { entries, completions, collect }, note);
      for (const entry of special) run([entry], 1);
      fireTimeouts(ring, firings, (entry, count) => run([entry], count, collects(ring)));
      repeat(ring, plain - special.length - fired, (size) =>
        run(new Array<Submission>(size).fill(NOP), size),
      );
      repeat(ring, silent, (size) => run(new Array<Submission>(size).fill(SILENT), 0));
      repeat(ring, dropped, (size) => run(new Array<Submission>(size).fill(undefined), 0));
    });
  }
  for (const [count, times] of note)
    ring.world.calls.note(task, 'io_uring_enter', ['ring', count, 0, `${times} times`], count);
  ring.extra += steps.extra - extra;
  postAny(ring, extra);
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

/**
 * Entries that set the bits which stay set, where no request that is submitted again does. They fail, and count as any
 * others.
 */
function stickyEntries(ring: RingRestore): Submission[] {
  const { queues, requests } = ring.state;
  const all = requests.flatMap((request) => [request, ...request.chain]);
  const counts = all.some(({ timeout, opcode }) => opcode === SubmitOp.Timeout && (timeout?.count ?? 0) > 0);
  const silent = all.some(({ flags }) => (flags & SqeFlag.CqeSkipSuccess) !== 0);
  return [
    ...(queues.offTimeoutUsed && !counts ? [REFUSED_COUNTING] : []),
    ...(queues.drainDisabled && !silent ? [REFUSED_SILENT] : []),
  ];
}

/** How often timeouts fire: once for each of some submissions, and the rest of one that fires again and again. */
interface Firings {
  readonly single: number;
  /** 0 for none: a submission of its own, all but one of whose completions are extra ones. */
  readonly repeated: number;
}

function firingsOf(ring: RingRestore, count: number, plain: number, extra: number): Firings {
  if (count <= plain) return { single: count, repeated: 0 };
  const repeats = count - plain + 1;
  const { versionCode } = ring.world.calls.machine.profile.dialect;
  if (plain < 1 || repeats - 1 > extra || versionCode < MULTISHOT_VERSION)
    ring.refuse(37, `its timeouts have fired ${count} times, more often than submissions of it have ended`);
  return { single: plain - 1, repeated: repeats };
}

function fireTimeouts(
  ring: RingRestore,
  { single, repeated }: Firings,
  run: (entry: Submission, completions: number) => void,
): void {
  if (single + repeated === 0) return;
  // The first moment since boot is over, and so is no time at all.
  ring.world.withScratch(ring.executor, new Uint8Array(16), (address) => {
    const entry = { opcode: SubmitOp.Timeout, length: 1, address: BigInt(address) } as const;
    for (let i = 0; i < single; i++) run({ ...entry, opFlags: TimeoutFlag.Absolute }, 1);
    if (repeated > 0) run({ ...entry, opFlags: TimeoutFlag.Multishot, offset: BigInt(repeated) }, repeated);
  });
  ring.timeouts += single + repeated;
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
  if (steps.extra > 0 && !canComeLate(ring, wayOf(ring, ANY_EXTRA)))
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
