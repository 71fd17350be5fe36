/** How a ring was set up, and its queues. */
import type { EntryInit, MessageInit, MessageValue } from '../image/index.ts';
import type { CredState, OverflowEntry, QueueState, RingSetup } from '../state.ts';
import { credIndex, credsEntry } from './creds.ts';
import { nothingLeft } from './exhaustive.ts';
import type { Place } from './image-reader.ts';
import { idOf, indexOf, smallNumber, wide } from './numbers.ts';

type RingEntry = MessageValue<'io_uring_file_entry'>;
type SqOffsets = MessageInit<'io_uring_sq_offsets'>;
type CqOffsets = MessageInit<'io_uring_cq_offsets'>;

const SQE_SIZE = 64;
const CQE_SIZE = 16;
const INDEX_SIZE = 4;
const MAX_ENTRIES = 1 << 16;
/** IORING_SETUP_* that change the size of entries. */
const SQE128 = 1 << 10;
const CQE32 = 1 << 11;
const NO_SQARRAY = 1 << 16;

/** Names of a state's offsets by the fields that hold them. */
const SQ_OFFSETS = {
  head: 'sq.head',
  tail: 'sq.tail',
  ring_mask: 'sq.mask',
  ring_entries: 'sq.entries',
  flags: 'sq.flags',
  dropped: 'sq.dropped',
  array: 'sq.array',
} as const satisfies Record<keyof SqOffsets, string>;
const CQ_OFFSETS = {
  head: 'cq.head',
  tail: 'cq.tail',
  ring_mask: 'cq.mask',
  ring_entries: 'cq.entries',
  overflow: 'cq.overflow',
  cqes: 'cq.cqes',
  flags: 'cq.flags',
} as const satisfies Record<keyof CqOffsets, string>;

/** Fields that CRIU's work on io_uring had as plain words. */
export function plainSetup({ flags, sqEntries, cqEntries, idle, cpu, offsets }: RingSetup) {
  return {
    setup_flags: flags,
    sq_thread_cpu: cpu ?? 0,
    sq_thread_idle: idle,
    sq_entries: sqEntries,
    cq_entries: cqEntries,
    sq_off_array: offsets['sq.array'] ?? 0,
    sq_ring_mask: maskOf(sqEntries),
    cq_ring_mask: maskOf(cqEntries),
  };
}

function maskOf(entries: number): number {
  return entries === 0 ? 0 : entries - 1;
}

/** @param mm of the ring's buffers */
export function setupEntry(setup: RingSetup, mm: number | undefined): MessageInit<'io_uring_setup_entry'> {
  const { flags: _1, sqEntries: _2, cqEntries: _3, idle: _4, cpu: _5, thread: _6, cred: _7, ...more } = setup;
  const { submitter, payer, userAreas, offsets, compat, ...rest } = more;
  nothingLeft(rest);
  return {
    sq_off: named<SqOffsets>(offsets, SQ_OFFSETS),
    cq_off: named<CqOffsets>(offsets, CQ_OFFSETS),
    ...(submitter !== undefined && { submitter_pid: submitter }),
    ...(payer !== undefined && { account_uid: payer }),
    ...(compat && { compat }),
    ...(userAreas && areaFields(userAreas)),
    ...(mm !== undefined && { vm_id: idOf(mm) }),
  };
}

function named<T>(offsets: RingSetup['offsets'], names: Record<keyof T & string, string>): T {
  const entries = Object.entries<string>(names).map(([field, name]) => [field, offsets[name] ?? 0]);
  return Object.fromEntries(entries) as T;
}

function areaFields({ rings, sqes, ...rest }: NonNullable<RingSetup['userAreas']>) {
  nothingLeft(rest);
  return { rings_addr: wide(rings, 'address of a ring'), sqes_addr: wide(sqes, 'address of entries') };
}

/** @param fileOf id of a ring's file by the ring's index */
export function sqpollEntry(
  { thread, cred, cpu }: RingSetup,
  creds: readonly CredState[],
  fileOf: (ring: number) => number,
): MessageInit<'io_uring_sqpoll_entry'> | undefined {
  if (thread === undefined && cred === undefined && cpu === undefined) return undefined;
  const state = cred === undefined ? undefined : creds[cred];
  return {
    ...(thread !== undefined && { owner_id: fileOf(thread) }),
    ...(cred !== undefined && state && { creds: credsEntry(state, cred) }),
    ...(cpu !== undefined && { cpu }),
  };
}

/** How many of each a setup can refer to. */
export interface SetupTargets {
  readonly creds: number;
  readonly mms: number;
  /** Index of a ring by the id of its file. */
  readonly rings: ReadonlyMap<number, number>;
}

export function setupOf(entry: RingEntry, targets: SetupTargets, place: Place): RingSetup {
  const at = place.field('setup');
  const { sq_off, cq_off, submitter_pid, account_uid, compat, rings_addr, sqes_addr } = at.need(entry.setup);
  const { owner_id, creds, cpu } = entry.sqpoll ?? {};
  const poll = place.field('sqpoll');
  const thread = owner_id === undefined ? undefined : targets.rings.get(owner_id);
  if (owner_id !== undefined && thread === undefined) {
    throw poll.field('owner_id').wrong(`there is no ring ${owner_id}`);
  }
  return {
    flags: entry.setup_flags,
    sqEntries: entriesOf(entry.sq_entries, place.field('sq_entries')),
    cqEntries: entriesOf(entry.cq_entries, place.field('cq_entries')),
    idle: entry.sq_thread_idle,
    cpu,
    thread,
    cred: creds && credIndex(creds, targets.creds, poll.field('creds')),
    submitter: submitter_pid,
    payer: account_uid,
    userAreas:
      rings_addr === undefined || sqes_addr === undefined
        ? undefined
        : {
            rings: smallNumber(rings_addr, at.field('rings_addr')),
            sqes: smallNumber(sqes_addr, at.field('sqes_addr')),
          },
    offsets: { ...offsetsOf(sq_off, SQ_OFFSETS), ...offsetsOf(cq_off, CQ_OFFSETS) },
    compat: compat === true,
  };
}

function offsetsOf(fields: object, names: Readonly<Record<string, string>>): RingSetup['offsets'] {
  return Object.fromEntries(
    Object.entries(fields).map(([field, offset]) => [names[field], offset as number]),
  );
}

/** A power of two. */
function entriesOf(count: number, place: Place): number {
  if (count === 0 || count > MAX_ENTRIES || (count & (count - 1)) !== 0) {
    throw place.wrong(`a queue has no ${count} entries`);
  }
  return count;
}

export function ringMm(entry: RingEntry, { mms }: SetupTargets, place: Place): number | undefined {
  const id = entry.setup?.vm_id;
  return id === undefined
    ? undefined
    : indexOf(id, mms, place.field('setup').field('vm_id'), 'address space');
}

/** The four words that user space shares. */
export function plainQueues({ sqHead, sqTail, cqHead, cqTail }: QueueState) {
  return { sq_head: sqHead, sq_tail: sqTail, cqe_head: cqHead, cqe_tail: cqTail };
}

export function countersEntry(queues: QueueState): MessageInit<'io_uring_counters_entry'> {
  const { sqHead, sqTail: _1, cqHead: _2, cqTail, dropped, overflown, cqFlags, sqFlags, ...more } = queues;
  const { extra, timeouts, lastFlush, drainActive, drainNext, drainDisabled, offTimeoutUsed, ...data } = more;
  const { sqArray: _3, sqes: _4, cqes: _5, overflow: _6, ...rest } = data;
  nothingLeft(rest);
  return {
    cached_sq_head: sqHead,
    cached_cq_tail: cqTail,
    sq_dropped: dropped,
    cq_overflow: overflown,
    sq_flags: sqFlags,
    cq_flags: cqFlags,
    cq_timeouts: timeouts,
    cq_last_tm_flush: lastFlush,
    cq_extra: extra,
    drain_active: drainActive,
    drain_next: drainNext,
    drain_disabled: drainDisabled,
    off_timeout_used: offTimeoutUsed,
  };
}

/** The memory of the queues, for io_uring-data.img. */
export function dataEntry({ sqes, cqes, sqArray }: QueueState, id: number): EntryInit<'IO_URING_DATA'> {
  const extra = new Uint8Array(sqes.length + cqes.length + sqArray.length);
  extra.set(sqes);
  extra.set(cqes, sqes.length);
  extra.set(sqArray, sqes.length + cqes.length);
  return { id, sqe_bytes: sqes.length, cqe_bytes: cqes.length, sq_arr_bytes: sqArray.length, extra };
}

export function overflowEntry(entry: OverflowEntry): MessageInit<'io_uring_cqe_entry'> {
  const { userData, result, flags, extra, ...rest } = entry;
  nothingLeft(rest);
  const more = extra && { extra1: extra[0], extra2: extra[1] };
  return { user_data: userData, res: result, flags, ...more };
}

/** @param data place of the ring's entry in io_uring-data.img, with the bytes */
export function queuesOf(
  entry: RingEntry,
  data: { readonly place: Place; readonly bytes: Uint8Array; readonly sizes: readonly number[] },
  place: Place,
): QueueState {
  const counters = place.field('counters').need(entry.counters);
  const [sqes, cqes, sqArray] = areasOf(entry, data);
  return {
    sqHead: counters.cached_sq_head,
    sqTail: entry.sq_tail,
    cqHead: entry.cqe_head,
    cqTail: counters.cached_cq_tail,
    dropped: counters.sq_dropped,
    overflown: counters.cq_overflow,
    cqFlags: counters.cq_flags,
    sqFlags: counters.sq_flags,
    extra: counters.cq_extra,
    timeouts: counters.cq_timeouts,
    lastFlush: counters.cq_last_tm_flush,
    drainActive: counters.drain_active === true,
    drainNext: counters.drain_next === true,
    drainDisabled: counters.drain_disabled === true,
    offTimeoutUsed: counters.off_timeout_used === true,
    sqArray,
    sqes,
    cqes,
    overflow: entry.overflow.map(({ user_data, res, flags, extra1, extra2 }) => ({
      userData: user_data,
      result: res,
      flags,
      extra: extra1 === undefined || extra2 === undefined ? undefined : ([extra1, extra2] as const),
    })),
  };
}

function areasOf(
  { setup_flags: flags, sq_entries, cq_entries }: RingEntry,
  { place, bytes, sizes }: Parameters<typeof queuesOf>[1],
): [sqes: Uint8Array, cqes: Uint8Array, sqArray: Uint8Array] {
  const wanted = [
    sq_entries * ((flags & SQE128) !== 0 ? 2 * SQE_SIZE : SQE_SIZE),
    cq_entries * ((flags & CQE32) !== 0 ? 2 * CQE_SIZE : CQE_SIZE),
    (flags & NO_SQARRAY) !== 0 ? 0 : sq_entries * INDEX_SIZE,
  ] as const;
  for (const [index, name] of ['sqe_bytes', 'cqe_bytes', 'sq_arr_bytes'].entries()) {
    const [has, wants] = [sizes[index], wanted[index]];
    if (has !== wants) throw place.field(name).wrong(`${has} bytes, where such a ring has ${wants}`);
  }
  const [sqes, cqes] = wanted;
  return [bytes.slice(0, sqes), bytes.slice(sqes, sqes + cqes), bytes.slice(sqes + cqes)];
}
