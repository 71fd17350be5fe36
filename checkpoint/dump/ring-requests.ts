/** Requests in progress: those that can be submitted again, and why the others cannot. */
import type { RequestState, TimeoutState } from '../state.ts';
import { ofKind } from './census.ts';
import type { Cursor } from './programs.ts';
import { Place, type RawCred, type RawRequest } from './raw.ts';
import type { RingUnderDump } from './rings.ts';

const enum Op {
  Nop = 0,
  ReadFixed = 4,
  WriteFixed = 5,
  PollAdd = 6,
  Timeout = 11,
  LinkTimeout = 15,
  Read = 22,
  Write = 23,
}

const RESUBMITTED = new Set<number>([
  Op.Nop,
  Op.ReadFixed,
  Op.WriteFixed,
  Op.PollAdd,
  Op.Timeout,
  Op.LinkTimeout,
  Op.Read,
  Op.Write,
]);
const NEEDS_FILE = new Set<number>([Op.ReadFixed, Op.WriteFixed, Op.PollAdd, Op.Read, Op.Write]);
/** IOSQE_* that a request keeps. */
const SQE_FLAGS = 0x7f;
const EPOLLONESHOT = 0x4000_0000;
const EPOLLET = 0x8000_0000;
/** Added by the kernel. */
const ALWAYS = 0x2038;
const NSEC_PER_SEC = 1_000_000_000n;
const TIMEOUT_ABS = 1;
const TIMEOUT_MULTISHOT = 64;

/** Items of the inventory, by where a request waits. */
const ITEM = { waiting: 74, timeout: 75, deferred: 77 } as const;

export function requestsOf(ring: RingUnderDump): RequestState[] {
  const { programs, choice, census } = ring;
  const all = (program: string, start?: Cursor): RawRequest[] => {
    const records = [...programs.runList(program, choice, start)];
    for (const cred of ofKind<RawCred>(records, 'cred')) census.creds.set(cred.address, cred);
    return ofKind<RawRequest>(records, 'request');
  };
  const waiting = [...all('dump_waiting'), ...all('dump_waiting_locked')];
  const timeouts = all('dump_timeouts');
  const deferred = all('dump_deferred');
  const chained = new Map<bigint, RawRequest[]>();
  for (const request of [...waiting, ...timeouts, ...deferred]) {
    if (request.link === 0n) continue;
    const chain = all('dump_chain', { next: request.link });
    chained.set(request.request, chain);
  }
  const make = (where: keyof typeof ITEM) => (request: RawRequest) =>
    stateOf(ring, request, where, chained.get(request.request) ?? []);
  // Requests with the same user data share a bucket, the newest first; which bucket comes first says nothing.
  return [
    ...waiting.reverse().sort(byUserData).map(make('waiting')),
    ...timeouts.map(make('timeout')),
    ...deferred.map(make('deferred')),
  ];
}

function byUserData({ user_data: a }: RawRequest, { user_data: b }: RawRequest): number {
  return a < b ? -1 : Number(a > b);
}

function stateOf(
  ring: RingUnderDump,
  request: RawRequest,
  where: keyof typeof ITEM,
  chain: readonly RawRequest[],
): RequestState {
  const { creds, refusals, subject } = ring;
  const { opcode } = request;
  if (!RESUBMITTED.has(opcode))
    refusals.add(
      opcode === Op.PollAdd ? 74 : 79,
      `${subject}, request 0x${request.user_data.toString(16)}`,
      `operation ${opcode} is in progress, and its submission entry is gone`,
    );
  return {
    where,
    // The submission thread's number is no process's to know.
    task: ring.raw.sq_data === 0n ? request.tid : 0,
    opcode,
    flags: Number(request.flags) & SQE_FLAGS,
    userData: request.user_data,
    file: fileOf(ring, request),
    ...(request.file === 0n && NEEDS_FILE.has(opcode) ? { fd: request.fd } : {}),
    cred: request.cred === 0n ? undefined : creds.id(request.cred),
    ...detail(ring, request),
    chain: chain.map((next) => stateOf(ring, next, where, [])),
  };
}

function detail(ring: RingUnderDump, request: RawRequest) {
  switch (request.opcode) {
    case Op.PollAdd:
      return {
        poll: {
          events: (request.events & ~(EPOLLONESHOT | EPOLLET | ALWAYS)) >>> 0,
          multishot: (request.events & EPOLLONESHOT) === 0,
        },
      };
    case Op.Timeout:
    case Op.LinkTimeout:
      return { timeout: timeoutOf(ring, request) };
    case Op.Read:
    case Op.Write:
    case Op.ReadFixed:
    case Op.WriteFixed:
      return {
        transfer: {
          address: request.address,
          length: request.length,
          offset: BigInt.asUintN(64, request.offset),
          buffer: request.buffer,
        },
      };
    default:
      return {};
  }
}

/** What is left of it: of the time when it is relative, of the completions that it counts. */
function timeoutOf({ raw }: RingUnderDump, request: RawRequest): TimeoutState {
  const flags = request.mode;
  const given = request.seconds * NSEC_PER_SEC + request.nanoseconds;
  const left = request.expires > request.now ? request.expires - request.now : 0n;
  const running = request.place !== Place.Deferred && request.expires !== 0n;
  const multishot = (flags & TIMEOUT_MULTISHOT) !== 0;
  const sequence = (raw.cached_cq_tail - raw.cq_timeouts) >>> 0;
  const toCome = request.count === 0 ? 0 : Math.max(1, (request.target - sequence) | 0);
  return {
    flags,
    time: (flags & TIMEOUT_ABS) !== 0 || !running || multishot ? given : left,
    count: multishot ? request.repeats : running ? toCome : request.count,
  };
}

function fileOf({ files, refusals, subject }: RingUnderDump, request: RawRequest): number | undefined {
  if (request.file === 0n || request.opcode === Op.Timeout || request.opcode === Op.LinkTimeout)
    return undefined;
  const id = files.id(request.file);
  if (id === undefined)
    refusals.add(
      ITEM.waiting,
      `${subject}, request 0x${request.user_data.toString(16)}`,
      'waits for a file that no descriptor and no table shows',
    );
  return id;
}
