/** io_uring instances: what the passes over one ring bring together. */
import type { RingSetup, RingState, WaiterState } from '../state.ts';
import { type Census, isKind, ofKind } from './census.ts';
import type { Dumper } from './dumper.ts';
import type { Files, Holder } from './files.ts';
import type { MemoryDump } from './memory.ts';
import type { CheckpointPrograms } from './programs.ts';
import {
  FileKind,
  type RawCred,
  type RawFile,
  type RawPersonality,
  type RawRing,
  type RawSlot,
  type RawWaiter,
} from './raw.ts';
import type { Refusals } from './refusal.ts';
import { buffersOf } from './ring-buffers.ts';
import { groupsOf } from './ring-groups.ts';
import { queuesOf, ringOffsets } from './ring-queues.ts';
import { requestsOf } from './ring-requests.ts';

/** IORING_SETUP_* */
export const enum SetupFlag {
  SqPoll = 1 << 1,
  SqAff = 1 << 2,
  Sqe128 = 1 << 10,
  Cqe32 = 1 << 11,
  NoMmap = 1 << 14,
  RegisteredFdOnly = 1 << 15,
  NoSqArray = 1 << 16,
}

/** What all parts of a ring's dump work with. */
export interface RingContext {
  readonly census: Census;
  readonly dumper: Dumper;
  readonly programs: CheckpointPrograms;
  readonly refusals: Refusals;
  readonly memory: MemoryDump;
  readonly files: Files;
  readonly creds: { id(address: bigint): number };
  readonly orphans: { add(frame: number, content: Uint8Array): number };
}

/** One ring under dump. */
export interface RingUnderDump extends RingContext {
  readonly raw: RawRing;
  readonly index: number;
  readonly fileAddress: bigint;
  /** Where it is open. */
  readonly holder: Holder;
  readonly subject: string;
  readonly choice: {
    readonly kind: 'file';
    readonly pid: number;
    readonly fd: number;
    readonly label: string;
  };
}

/** Buffers seen before, by the address of their records: later ones are clones. */
export type KnownBuffers = Map<bigint, { readonly ring: number; readonly index: number }>;

interface FoundRing {
  readonly file: bigint;
  readonly holder: Holder;
}

/** All rings that some task has open, in the order of their files. */
export function findRings(census: Census, files: Files): FoundRing[] {
  const found: FoundRing[] = [];
  for (let id = 0; id < files.size; id++) {
    const raw = files.raw(id);
    if (!('what' in raw) || raw.what !== FileKind.IoUring) continue;
    const holder = census.holders.get(raw.file);
    if (holder) found.push({ file: raw.file, holder });
  }
  return found;
}

/** The first pass over a ring: its record, with the buffers' and credentials' beside it. */
export function readRing(context: RingContext, { file, holder }: FoundRing, index: number) {
  const subject = `ring ${holder.fd} of task ${holder.tid}`;
  const choice = { kind: 'file', pid: holder.tid, fd: holder.fd, label: subject } as const;
  const records = [...context.programs.run('rings', 'dump_ring', choice)];
  for (const cred of ofKind<RawCred>(records, 'cred')) context.census.creds.set(cred.address, cred);
  const [raw] = ofKind<RawRing>(records, 'ring');
  if (!raw) throw new Error(`${subject}: the programs gave no record of it`);
  const ring: RingUnderDump = { ...context, raw, index, fileAddress: file, holder, subject, choice };
  return { ring, records };
}

export function ringState(
  ring: RingUnderDump,
  records: ReturnType<typeof readRing>['records'],
  threads: Map<bigint, number>,
  clones: KnownBuffers,
): RingState {
  const { raw, memory, files, creds, refusals, subject } = ring;
  const mm = memory.mm(raw.mm);
  if (raw.buffers_quiesce !== 0 || raw.files_quiesce !== 0)
    refusals.add(57, subject, 'a call that unregisters resources is waiting');
  refuseUnlisted(ring);
  const file = files.id(ring.fileAddress) as number;
  const setup = setupOf(ring, threads);
  return {
    file,
    mm,
    setup,
    queues: queuesOf(ring, setup),
    buffers: buffersOf(ring, records, clones),
    files: fileTableOf(ring),
    eventfd: eventfdOf(ring),
    personalities: {
      next: raw.personality_next,
      ids: personalitiesOf(ring).map(({ id, cred }) => ({ id: Number(id), cred: creds.id(cred) })),
    },
    restrictions:
      raw.restrictions === 0 && raw.restricted === 0
        ? undefined
        : {
            registerOps: raw.restricted_register,
            submitOps: raw.restricted_submit,
            flagsAllowed: raw.restricted_allowed,
            flagsRequired: raw.restricted_required,
            enforced: raw.restricted !== 0,
          },
    groups: groupsOf(ring),
    workerLimits: raw.worker_limits_set !== 0 ? raw.worker_limits : undefined,
    napi:
      raw.napi !== 0
        ? { microseconds: Number(raw.napi_timeout) / 1000, prefer: raw.napi_prefer !== 0 }
        : undefined,
    clock: raw.clock === 0 ? undefined : raw.clock,
    requests: requestsOf(ring),
    waiters: waitersOf(ring),
  };
}

function setupOf(ring: RingUnderDump, threads: Map<bigint, number>): RingSetup {
  const { raw, creds, memory, refusals, subject, index } = ring;
  const hasThread = raw.sq_data !== 0n;
  if (hasThread && !threads.has(raw.sq_data)) threads.set(raw.sq_data, index);
  const areas = [raw.rings_page, raw.sqes_page].map((page) =>
    page === 0n ? undefined : memory.addressOf(frameOf(page), raw.mm),
  );
  const [rings, sqes] = areas;
  if ((raw.flags & SetupFlag.NoMmap) !== 0 && (rings === undefined || sqes === undefined))
    refusals.add(13, subject, 'stands in user memory that is not mapped any more');
  return {
    flags: raw.flags,
    sqEntries: raw.sq_entries,
    cqEntries: raw.cq_entries,
    idle: hasThread ? Math.floor((raw.sq_thread_idle * 1000) / raw.hz) : 0,
    // A thread that it has joined may be bound to none.
    cpu: (raw.flags & SetupFlag.SqAff) !== 0 && raw.sq_cpu >= 0 ? raw.sq_cpu : undefined,
    thread: hasThread ? threads.get(raw.sq_data) : undefined,
    cred: raw.sq_creds === 0n ? undefined : creds.id(raw.sq_creds),
    submitter: raw.submitter === 0 ? undefined : raw.submitter,
    payer: raw.has_user !== 0 ? raw.user_id : undefined,
    userAreas: rings === undefined || sqes === undefined ? undefined : { rings, sqes },
    offsets: ringOffsets(ring),
    compat: raw.compat !== 0,
  };
}

/** enum unlisted, by bit. */
const UNLISTED: readonly { readonly item: number; readonly reason: string }[] = [
  { item: 78, reason: 'has requests that are polled for completion' },
  { item: 80, reason: 'has futex waits in progress' },
  { item: 80, reason: 'has waitid calls in progress' },
  { item: 80, reason: 'has driver commands in progress' },
  { item: 72, reason: 'receives into memory that belongs to a queue of a network device' },
];

function refuseUnlisted({ raw, refusals, subject }: RingUnderDump): void {
  for (const [bit, { item, reason }] of UNLISTED.entries())
    if ((raw.unlisted & (1 << bit)) !== 0) refusals.add(item, subject, reason);
}

function personalitiesOf({ programs, choice, census }: RingUnderDump): RawPersonality[] {
  const found: RawPersonality[] = [];
  for (const record of programs.runList('dump_personalities', choice)) {
    if (isKind<RawPersonality>(record, 'personality')) found.push(record);
    else if (isKind<RawCred>(record, 'cred')) census.creds.set(record.address, record);
  }
  return found;
}

function fileTableOf({ raw, programs, choice, census, files, refusals, subject }: RingUnderDump) {
  if (raw.files === 0) return undefined;
  const slots: RawSlot[] = [];
  for (const record of programs.run('rings', 'dump_slots', choice)) {
    if (isKind<RawSlot>(record, 'slot')) slots.push(record);
    else if (isKind<RawFile>(record, 'file') && !census.files.has(record.file))
      census.files.set(record.file, record);
  }
  return {
    slots: slots.map(({ file, tag, index }) => {
      if (file === 0n) return undefined;
      const id = files.id(file);
      if (id === undefined)
        refusals.add(51, subject, `slot ${index} holds a file of a kind that cannot be dumped`);
      return id === undefined ? undefined : { file: id, tag };
    }),
    allocation:
      raw.has_alloc !== 0 ? { start: raw.alloc_start, end: raw.alloc_end, hint: raw.alloc_hint } : undefined,
  };
}

function eventfdOf({ raw, files }: RingUnderDump) {
  if (raw.eventfd === 0n) return undefined;
  const file = files.eventfd({
    address: raw.eventfd,
    count: raw.eventfd_count,
    semaphore: (raw.eventfd_flags & 1) !== 0,
  });
  return {
    file,
    async: raw.eventfd_async !== 0,
    lastTail: raw.has_eventfd_tail !== 0 ? raw.eventfd_tail : undefined,
  };
}

/** KTIME_MAX */
const FOREVER = (1n << 63n) - 1n;

function waitersOf({ programs, choice, raw }: RingUnderDump): WaiterState[] {
  return ofKind<RawWaiter>([...programs.runList('dump_waiters', choice)], 'waiter').map((waiter) => {
    const left = (limit: bigint) => (limit > waiter.now ? limit - waiter.now : 0n);
    const limits = waiter.has_limits !== 0;
    return {
      tid: waiter.tid,
      completions: (waiter.target - raw.cq_head) >>> 0,
      ...(limits && waiter.limit !== FOREVER ? { time: left(waiter.limit) } : {}),
      ...(limits && waiter.minimum !== FOREVER ? { minimum: left(waiter.minimum) } : {}),
    };
  });
}

const VMEMMAP = 0xffff_ea00_0000_0000n;
const STRUCT_PAGE = 64n;

/** Frame number of a struct page by its address (x86-64). */
export function frameOf(page: bigint): number {
  return Number((page - VMEMMAP) / STRUCT_PAGE);
}
