/**
 * Requests in progress are submitted once more. Those that wait for files come before the counters are brought to
 * where they were; timeouts and what waits for others behind that, since completions would set them off.
 */
import type { SqeFields } from '../../../kernel-model/io-uring/sqe.ts';
import { PollFlag, Setup, SqeFlag, SubmitOp } from '../../../kernel-model/io-uring/uapi.ts';
import type { Task } from '../../../kernel-model/task.ts';
import type { CheckpointState, RequestState } from '../../state.ts';
import { sourceNode } from '../files.ts';
import type { RingOnKernel } from './on-kernel.ts';
import { dropLent, personalityOf } from './personalities.ts';
import type { RingRestore } from './ring.ts';
import { collects, submit } from './submit.ts';

const NSEC_PER_SEC = 1_000_000_000n;
const TIMESPEC_SIZE = 16;

/** Entries that are submitted behind the counters. */
export function lateEntries({ state }: RingOnKernel): number {
  return state.requests.filter(isLate).reduce((count, { chain }) => count + 1 + chain.length, 0);
}

/** Nodes behind which the files of requests are as they will be. */
export function requestSources({ world, index }: RingRestore): string[] {
  return filesOf(world.state, index).flatMap((file) =>
    world.state.files[file]?.kind === 'epoll'
      ? [sourceNode(world, file), `file ${file} watches`]
      : [sourceNode(world, file)],
  );
}

export const WAITS_FOR_ITSELF = 'what its requests wait for waits for the ring itself';

/** Whether what a ring's requests wait for leads back to it: then neither of them can come to rest first. */
export function waitsForItself(state: CheckpointState, index: number): boolean {
  const seen = new Set<number>();
  const leads = (from: number): boolean => {
    if (from === index) return true;
    if (seen.has(from)) return false;
    seen.add(from);
    return watchedRings(state, from).some(leads);
  };
  return watchedRings(state, index).some(leads);
}

/** Rings that a ring's requests wait for. */
export function watchedRings(state: CheckpointState, index: number): number[] {
  return [...new Set(filesOf(state, index).flatMap((file) => state.files[file]?.ring ?? []))];
}

function filesOf(state: CheckpointState, index: number): number[] {
  const requests = state.rings[index]?.requests ?? [];
  return requests.flatMap((request) => [request, ...request.chain]).flatMap(({ file }) => file ?? []);
}

/** What has waited for all before it goes first: there is nothing before it. */
export function submitWaiting(ring: RingRestore): void {
  const waiting = ring.state.requests.filter((request) => !isLate(request));
  for (const request of waiting) if (isDrained(request)) submitEarly(ring, request);
  for (const request of waiting) if (!isDrained(request)) submitEarly(ring, request);
}

function isDrained({ flags }: RequestState): boolean {
  return (flags & SqeFlag.Drain) !== 0;
}

export function submitLate(ring: RingRestore): void {
  const tail = ring.queues.get('cq.tail');
  for (const request of ring.state.requests) {
    if (!isLate(request)) continue;
    submitChain(ring, request, 0);
    if (ring.queues.get('cq.tail') !== tail)
      ring.refuse(request.where === 'deferred' ? 77 : 75, `request ${name(request)} is over at once`);
  }
  dropLent(ring);
}

function isLate({ where }: RequestState): boolean {
  return where !== 'waiting';
}

/** A multishot poll tells at once what its file is ready for; that is one of the completions there have been. */
function submitEarly(ring: RingRestore, request: RequestState): void {
  const tail = ring.queues.get('cq.tail');
  const room = request.poll?.multishot ? 1 : 0;
  submitChain(ring, request, room);
  const posted = (ring.queues.get('cq.tail') - tail) >>> 0;
  if (posted > room || ring.queues.get('sq.flags') & OVERFLOWS)
    ring.refuse(request.poll ? 74 : 79, `request ${name(request)} waits for a file that is ready`);
  ring.extra += posted;
  if (((ring.queues.get('cq.tail') - ring.state.queues.cqTail) | 0) > 0)
    ring.refuse(74, `request ${name(request)} has not been told yet what its file is ready for`);
}

/** IORING_SQ_CQ_OVERFLOW */
const OVERFLOWS = 2;

function submitChain(ring: RingRestore, request: RequestState, room: number): void {
  const { world } = ring;
  const all = [request, ...request.chain];
  const issuer = issuerOf(ring, request);
  const executor = ring.has(Setup.SqPoll) ? ring.user : issuer;
  if (all.length > ring.queues.sqEntries)
    ring.refuse(76, `its chain of ${all.length} requests does not fit into the submission queue`);
  world.withScratch(executor, timespecs(all), (address) =>
    withNumbers(ring, executor, all, (numbers) => {
      const entries = all.map((each, i) =>
        entryOf(ring, each, numbers[i] ?? -1, BigInt(address + TIMESPEC_SIZE * i)),
      );
      submit(ring, issuer, { entries, completions: room, overflows: true, collect: collects(ring) });
    }),
  );
}

/** The submission thread's requests are its own, whoever filled the entries. */
function issuerOf(ring: RingRestore, { task }: RequestState): Task {
  if (ring.has(Setup.SqPoll)) return ring.issuer;
  const known = ring.world.state.tasks.some(({ tid }) => tid === task);
  return known ? ring.world.task(task) : ring.refuse(74, `a request of task ${task}, which is gone`);
}

function entryOf(ring: RingRestore, request: RequestState, fd: number, time: bigint): SqeFields {
  const { opcode, flags, userData } = request;
  const common = { opcode, flags, userData, personality: personalityOf(ring, request) };
  const { poll, timeout, transfer } = request;
  if (poll) return { ...common, fd, opFlags: poll.events, length: poll.multishot ? PollFlag.Multishot : 0 };
  if (timeout) {
    const counts = opcode === SubmitOp.Timeout;
    return {
      ...common,
      address: time,
      length: 1,
      opFlags: timeout.flags,
      offset: counts ? BigInt(timeout.count) : 0n,
    };
  }
  if (transfer) {
    const { address, length, offset, buffer } = transfer;
    return { ...common, fd, address, length, offset, buffer };
  }
  return common;
}

function timespecs(requests: readonly RequestState[]): Uint8Array {
  const bytes = new Uint8Array(TIMESPEC_SIZE * requests.length);
  const view = new DataView(bytes.buffer);
  for (const [i, { timeout }] of requests.entries()) {
    if (!timeout) continue;
    view.setBigInt64(TIMESPEC_SIZE * i, timeout.time / NSEC_PER_SEC, true);
    view.setBigInt64(TIMESPEC_SIZE * i + 8, timeout.time % NSEC_PER_SEC, true);
  }
  return bytes;
}

/** Runs something with a descriptor, or the slot, for the file of each request. */
function withNumbers<T>(
  ring: RingRestore,
  task: Task,
  requests: readonly RequestState[],
  use: (numbers: readonly number[]) => T,
): T {
  const numbers: number[] = [];
  const next = (): T => {
    const request = requests[numbers.length];
    if (!request) return use(numbers);
    const { file, flags, fd: late = -1 } = request;
    if (file === undefined) numbers.push(late);
    else if ((flags & SqeFlag.FixedFile) !== 0) numbers.push(slotOf(ring, file, request));
    else
      return ring.world.withFile(task, file, (fd) => {
        numbers.push(fd);
        return next();
      });
    return next();
  };
  return next();
}

function slotOf(ring: RingRestore, file: number, request: RequestState): number {
  const slot = ring.state.files?.slots.findIndex((each) => each?.file === file) ?? -1;
  return slot >= 0
    ? slot
    : ring.refuse(74, `request ${name(request)} uses a registered file that is in no slot any more`);
}

function name({ userData }: RequestState): string {
  return `0x${userData.toString(16)}`;
}
