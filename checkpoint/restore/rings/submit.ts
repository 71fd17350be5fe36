/** Submissions of the restore: each with exactly the room for completions that it takes, and with the results wanted. */
import { errnoName } from '../../../bpf/errno-name.ts';
import { encodeSqe, type SqeFields } from '../../../kernel-model/io-uring/sqe.ts';
import { Enter, Setup } from '../../../kernel-model/io-uring/uapi.ts';
import type { Task } from '../../../kernel-model/task.ts';
import type { Posted } from './queues.ts';
import type { RingRestore } from './ring.ts';

/** `undefined`: the number of an entry that no ring has, which the kernel drops. */
export type Submission = SqeFields | undefined;

/** A request that has waited for others is started by one call, and its file looked at by the next. */
const COLLECTIONS = 2;

export interface Batch {
  readonly entries: readonly Submission[];
  /** How many completions they are to have at once. */
  readonly completions: number;
  /** Full from the start: what completes goes to the overflow list. */
  readonly overflows?: boolean;
  /** Completions come with a second call. */
  readonly collect?: boolean;
}

/** @returns what was posted. */
export function submit(ring: RingRestore, task: Task, batch: Batch): Posted[] {
  const { world } = ring;
  const note = new Map<number, number>();
  const posted = ring.withFd(task, (fd) => submitQuietly(ring, task, fd, batch, note));
  for (const [count, times] of note) {
    const often = times > 1 ? [`${times} times`] : [];
    world.calls.note(task, 'io_uring_enter', ['ring', count, 0, ...often], count);
  }
  return posted;
}

/** The same by an open descriptor, counting calls by their number of entries instead of noting them. */
export function submitQuietly(
  ring: RingRestore,
  task: Task,
  fd: number,
  batch: Batch,
  note: Map<number, number>,
): Posted[] {
  const { queues } = ring;
  const { entries, completions, overflows, collect } = batch;
  const first = queues.get('cq.tail');
  if (entries.length > queues.sqEntries) throw new Error('more entries than the ring has');
  queues.setRoom(completions);
  for (const entry of entries) queues.push(entry && encodeSqe(entry));
  drainQueue(ring, task, fd, note);
  if (collect) collectAll(ring, task, fd, note);
  for (const entry of entries) if (!entry) ring.extra--;
  const count = (queues.get('cq.tail') - first) >>> 0;
  if (count !== completions && !overflows) {
    ring.world.calls.fail(
      `ring ${ring.index}: ${completions} completions were to come of ${entries.length} entries, and ${count} have`,
    );
  }
  return Array.from({ length: count }, (_, i) => queues.completion(first + i));
}

/** Calls until the kernel has taken everything: an entry that fails and a bad index end a call. */
function drainQueue(ring: RingRestore, task: Task, fd: number, note: Map<number, number>): void {
  const { queues, world } = ring;
  for (;;) {
    const left = (queues.get('sq.tail') - queues.get('sq.head')) >>> 0;
    if (left === 0) return;
    enter(ring, task, fd, left, note);
    if ((queues.get('sq.tail') - queues.get('sq.head')) >>> 0 === left)
      world.calls.fail(`ring ${ring.index} takes no entries`);
  }
}

/** What is collected may start something that has to be collected in turn. */
function collectAll(ring: RingRestore, task: Task, fd: number, note: Map<number, number>): void {
  for (let tail = -1; tail !== ring.queues.get('cq.tail'); ) {
    tail = ring.queues.get('cq.tail');
    for (let i = 0; i < COLLECTIONS; i++) enter(ring, task, fd, 0, note);
  }
}

/** Asks for completions that wait for it (DEFER_TASKRUN, COOP_TASKRUN). */
export function collect(ring: RingRestore, task: Task): void {
  ring.withFd(task, (fd) => enter(ring, task, fd, 0, new Map()));
}

function enter(ring: RingRestore, task: Task, fd: number, count: number, note: Map<number, number>): void {
  const { calls } = ring.world;
  const flags = count === 0 ? Enter.GetEvents : 0;
  const result = ring.enterQuietly(task, fd, count, flags);
  if (result < 0) calls.done(task, 'io_uring_enter', [fd, count, 0], result);
  note.set(count, (note.get(count) ?? 0) + 1);
}

/** Whether completions only come when they are asked for. */
export function collects(ring: RingRestore): boolean {
  return ring.has(Setup.DeferTaskrun | Setup.CoopTaskrun);
}

/** @throws {InputError} when one of the results is not 0 and negative. */
export function checkResults(ring: RingRestore, item: number, what: string, posted: readonly Posted[]): void {
  const failed = posted.find(({ result }) => result < 0);
  if (failed) ring.refuse(item, `${what} completes with -${errnoName(failed.result)}`);
}
