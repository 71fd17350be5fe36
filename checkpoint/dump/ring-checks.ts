/** What a restore could not bring about again, as far as the state of a ring tells. */
import { MAX_STEPS } from '../limits.ts';
import { cloneProblem } from '../restore/rings/clones.ts';
import { rehearse } from '../restore/rings/rehearsal.ts';
import type { CheckpointState, RingState } from '../state.ts';
import type { Refusals } from './refusal.ts';

/** IORING_SETUP_* and IOSQE_FIXED_FILE */
const SQPOLL = 1 << 1;
const SQ_AFF = 1 << 2;
const ATTACH_WQ = 1 << 5;
const SINGLE_ISSUER = 1 << 12;
const FIXED_FILE = 1;

/** Adds the reasons why rings of a state cannot be restored. @param subject names a ring by its index */
export function checkRings(
  state: CheckpointState,
  versionCode: number,
  refusals: Refusals,
  subject: (index: number) => string,
): void {
  for (const [index, ring] of state.rings.entries()) {
    const refuse = (item: number, reason: string) => refusals.add(item, subject(index), reason);
    checkCounters(ring, refuse, (item) => refusals.all.some((known) => known.item === item));
    checkTasks(state, ring, refuse);
    checkRequests(ring, refuse);
    checkAreas(state, index, refuse);
    const clones = cloneProblem(state.rings, index);
    if (clones) refuse(49, clones);
    const problem = isSound(refusals, subject(index)) ? rehearse(state, index, versionCode) : undefined;
    if (problem) refuse(problem.item, problem.reason);
  }
}

/** A ring of which something is missing already need not be looked at as a whole. */
function isSound({ all }: Refusals, subject: string): boolean {
  return !all.some((known) => known.subject === subject || known.subject.startsWith(`${subject},`));
}

type Refuse = (item: number, reason: string) => void;

/**
 * Every submission completes once, but for those in progress, and nothing else completes but what is counted as extra.
 * What is missing is with a worker, or on its way.
 */
function checkCounters(
  { queues, requests, eventfd }: RingState,
  refuse: Refuse,
  isKnown: (item: number) => boolean,
): void {
  const pending = requests.reduce((count, { chain }) => count + 1 + chain.length, 0);
  const done = queues.cqTail + queues.overflow.length + pending;
  const missing = (queues.sqHead + queues.extra - done) | 0;
  // Quiet submissions leave no trace.
  const lost = missing > 0 && !queues.drainDisabled && !isKnown(78);
  if (missing < 0 || lost) refuse(36, 'its counters of submissions and completions do not add up');
  if (queues.drainNext) refuse(77, 'whatever is submitted next would wait for all that was submitted before');
  if (queues.sqHead > MAX_STEPS) refuse(25, `${queues.sqHead} submissions are too many to make again`);
  if (queues.cqTail > MAX_STEPS) refuse(27, `${queues.cqTail} completions are too many to make again`);
  if (eventfd?.lastTail !== undefined && eventfd.lastTail !== queues.cqTail)
    refuse(59, 'its eventfd has not been told of the last completions');
}

function checkTasks(state: CheckpointState, ring: RingState, refuse: Refuse): void {
  const has = (tid: number) => state.tasks.some((task) => task.tid === tid);
  const { flags, submitter } = ring.setup;
  if ((flags & SINGLE_ISSUER) !== 0 && submitter !== undefined && !has(submitter))
    refuse(17, `only task ${submitter} may submit, and it is gone`);
  const threads = (flags & SQPOLL) !== 0;
  const group = state.rings.filter(({ setup }) => setup.thread === ring.setup.thread);
  const owned = group.some(({ setup }) => (setup.flags & ATTACH_WQ) === 0);
  if (threads && (flags & SQ_AFF) !== 0 && ring.setup.cpu === undefined && !owned)
    refuse(6, 'its thread may run anywhere, and one that it makes itself may not');
  if (threads && ring.mm === undefined) refuse(8, 'its thread belongs to a process that is gone');
  for (const { task } of threads ? [] : ring.requests)
    if (!has(task)) refuse(74, `a request of task ${task}, which is gone, is in progress`);
  for (const { tid } of ring.waiters) {
    const table = state.fdTables[state.tasks.find((task) => task.tid === tid)?.fdTable ?? -1];
    if (!table?.fds.some(({ file }) => file === ring.file))
      refuse(83, `task ${tid} waits for completions, and has no descriptor for it`);
  }
}

/** Rings in user memory that overlap have each a part of what the other has written. */
function checkAreas({ rings }: CheckpointState, index: number, refuse: Refuse): void {
  const pagesOf = ({ mm, setup: { userAreas } }: RingState) =>
    userAreas ? [`${mm} ${userAreas.rings}`, `${mm} ${userAreas.sqes}`] : [];
  const own = pagesOf(rings[index] as RingState);
  const others = rings.filter((_, i) => i !== index).flatMap(pagesOf);
  if (own.some((page) => others.includes(page))) refuse(13, 'stands in the same memory as another ring');
}

function checkRequests({ requests, files }: RingState, refuse: Refuse): void {
  for (const request of requests.flatMap((each) => [each, ...each.chain])) {
    const { flags, file, userData } = request;
    if ((flags & FIXED_FILE) === 0 || file === undefined) continue;
    if (!files?.slots.some((slot) => slot?.file === file))
      refuse(74, `request 0x${userData.toString(16)} uses a registered file that is in no slot any more`);
  }
}
