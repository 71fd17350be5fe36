/**
 * The counters of a ring, which only go up: they are brought to where they were by submissions and completions that
 * do nothing. Everything is counted modulo 2^32.
 */
import { SqeFlag, SubmitOp, TimeoutFlag } from '../../../kernel-model/io-uring/uapi.ts';
import type { OverflowEntry } from '../../state.ts';
import { postAny, postExtras } from './extras.ts';
import { withSource } from './helper-files.ts';
import { ANY_EXTRA, type OverflowWay, overflowWays, wayOf } from './overflow-ways.ts';
import { type Firings, planCounters } from './plan.ts';
import { entryWithResult, isRead } from './results.ts';
import type { RingRestore } from './ring.ts';
import { collects, type Submission, submitQuietly } from './submit.ts';

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
  const timeouts = (wanted.timeouts - ring.timeouts) >>> 0;
  const { steps, special, firings } = planCounters(ring, distance, timeouts);
  const { plain, dropped, silent } = steps;
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
      const reads = fields !== undefined && isRead(fields);
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

function repeat(ring: RingRestore, count: number, run: (size: number) => void): void {
  const batch = Math.min(ring.queues.sqEntries, ring.queues.cqEntries);
  for (let done = 0; done < count; done += batch) run(Math.min(batch, count - done));
}
