/** Requests in progress. A chain is written one request behind the other, under one number. */
import { InputError } from '../../bpf/input-error.ts';
import type { MessageInit, MessageValue, ValueOf } from '../image/index.ts';
import type { CredState, RequestState, TimeoutState } from '../state.ts';
import { credIndex, credsEntry } from './creds.ts';
import { nothingLeft } from './exhaustive.ts';
import type { Place } from './image-reader.ts';
import { idOf, indexOf } from './numbers.ts';

type RequestInit = MessageInit<'io_uring_request_entry'>;
type Request = MessageValue<'io_uring_request_entry'>;
type Where = RequestState['where'];
type State = ValueOf<'io_uring_request_state'>;

const POLL_ADD = 6;
const LINK_TIMEOUT = 15;
/** In the place of a task: the ring's submission thread, which gets another number. */
const SQ_THREAD = 0;
const NSEC_PER_SEC = 1_000_000_000n;
const TIMEOUT_MULTISHOT = 64;

/** Where a request waits by its state; undefined for what is in no checkpoint, and behind the head of a chain. */
const WHERE: Readonly<Record<State, Where | undefined>> = {
  POLL: 'waiting',
  ARMED: 'waiting',
  TIMEOUT: 'timeout',
  DEFERRED: 'deferred',
  LINK_TIMEOUT: undefined,
  LINKED: undefined,
  WORKER: undefined,
  WAITING: undefined,
};

export function requestEntries(
  requests: readonly RequestState[],
  creds: readonly CredState[],
): RequestInit[] {
  let chains = 0;
  return requests.flatMap((head) => {
    if (head.chain.length === 0) return [requestEntry(head, headState(head), undefined, creds)];
    chains++;
    const members = head.chain.map((member) => {
      if (member.chain.length > 0) throw new InputError('a request within a chain has a chain of its own');
      const state = member.opcode === LINK_TIMEOUT ? 'LINK_TIMEOUT' : 'LINKED';
      return requestEntry(member, state, chains, creds);
    });
    return [requestEntry(head, headState(head), chains, creds), ...members];
  });
}

function headState({ where, opcode }: RequestState): State {
  switch (where) {
    case 'waiting':
      return opcode === POLL_ADD ? 'POLL' : 'ARMED';
    case 'timeout':
      return 'TIMEOUT';
    case 'deferred':
      return 'DEFERRED';
  }
}

function requestEntry(
  request: RequestState,
  state: State,
  chain: number | undefined,
  creds: readonly CredState[],
): RequestInit {
  const { where: _where, task, opcode, flags, userData, file, fd, cred, chain: _chain, ...details } = request;
  const { poll, timeout, transfer, ...rest } = details;
  nothingLeft(rest);
  const cred_ = cred === undefined ? undefined : creds[cred];
  return {
    opcode,
    state,
    user_data: userData,
    sqe_flags: flags,
    ...(file !== undefined && { file_id: idOf(file) }),
    ...(fd !== undefined && { fd }),
    submitter_pid: task,
    ...(chain !== undefined && { chain }),
    ...(cred !== undefined && cred_ && { creds: credsEntry(cred_, cred) }),
    ...(poll && { poll: pollEntry(poll) }),
    ...(timeout && { timeout: timeoutEntry(timeout) }),
    ...(transfer && transferFields(transfer)),
  };
}

function pollEntry({ events, multishot, ...rest }: NonNullable<RequestState['poll']>) {
  nothingLeft(rest);
  return { events, multishot };
}

function timeoutEntry(timeout: TimeoutState): MessageInit<'io_uring_timeout_entry'> {
  const { flags, time, count, ...rest } = timeout;
  nothingLeft(rest);
  const past = ((time % NSEC_PER_SEC) + NSEC_PER_SEC) % NSEC_PER_SEC;
  const often = (flags & TIMEOUT_MULTISHOT) !== 0 ? { repeats: count } : { count };
  return { flags, sec: (time - past) / NSEC_PER_SEC, nsec: Number(past), ...often };
}

function transferFields({ address, length, offset, buffer, ...rest }: NonNullable<RequestState['transfer']>) {
  nothingLeft(rest);
  return { addr: address, len: length, offset, buf_index: buffer };
}

/** How many of each a request can refer to. */
export interface RequestTargets {
  readonly creds: number;
  readonly files: number;
  /** Ids of the tasks. */
  readonly tasks: ReadonlySet<number>;
}

export function requestsOf(
  entries: readonly Request[],
  targets: RequestTargets,
  place: Place,
): RequestState[] {
  const requests: RequestState[] = [];
  for (let next = 0; next < entries.length; ) {
    const start = next;
    const { state, chain } = entries[start] as Request;
    const where = WHERE[state];
    const at = place.field('requests', start);
    if (!where) throw at.field('state').wrong(`a request that is ${state} does not stand by itself`);
    const members: RequestState[] = [];
    for (next++; chain !== undefined && entries[next]?.chain === chain; next++) {
      members.push(requestOf(entries[next] as Request, where, [], targets, place.field('requests', next)));
    }
    if (chain !== undefined && members.length === 0) throw at.field('chain').wrong('nothing is behind it');
    requests.push(requestOf(entries[start] as Request, where, members, targets, at));
  }
  return requests;
}

function requestOf(
  entry: Request,
  where: Where,
  chain: readonly RequestState[],
  targets: RequestTargets,
  place: Place,
): RequestState {
  const { opcode, sqe_flags, user_data, file_id, fd, creds, poll, timeout } = entry;
  const task = place.field('submitter_pid').need(entry.submitter_pid);
  if (task !== SQ_THREAD && !targets.tasks.has(task))
    throw place.field('submitter_pid').wrong(`there is no task ${task}`);
  const file =
    file_id === undefined ? undefined : indexOf(file_id, targets.files, place.field('file_id'), 'file');
  return {
    where,
    task,
    opcode,
    flags: sqe_flags,
    userData: user_data,
    file,
    ...(fd !== undefined && { fd }),
    cred: creds && credIndex(creds, targets.creds, place.field('creds')),
    ...(poll && { poll: { events: poll.events, multishot: poll.multishot === true } }),
    ...(timeout && { timeout: timeoutOf(timeout) }),
    ...transferOf(entry, place),
    chain,
  };
}

function timeoutOf({
  flags,
  sec,
  nsec,
  count,
  repeats,
}: MessageValue<'io_uring_timeout_entry'>): TimeoutState {
  return { flags, time: sec * NSEC_PER_SEC + BigInt(nsec), count: repeats ?? count ?? 0 };
}

function transferOf({ addr, len, offset, buf_index }: Request, place: Place): Pick<RequestState, 'transfer'> {
  if (addr === undefined) return {};
  return {
    transfer: {
      address: addr,
      length: place.field('len').need(len),
      offset: place.field('offset').need(offset),
      buffer: place.field('buf_index').need(buf_index),
    },
  };
}
