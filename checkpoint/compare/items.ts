/**
 * The inventory over a checkpoint: what of a ring's state each item is. Items that a kernel derives from others, or
 * that stand outside of a restore, are not here; the inventory says why.
 */
import type { CheckpointState, FileState, RequestState, RingState } from '../state.ts';

/** One ring and the world around it. */
export interface RingView {
  readonly state: CheckpointState;
  readonly ring: RingState;
}

export interface ItemView {
  see(view: RingView): unknown;
  /** Up to what it is equal; undefined for exactly. */
  readonly caveat?: string;
}

const enum Flag {
  IoPoll = 1 << 0,
  AttachWq = 1 << 5,
  Disabled = 1 << 6,
  Clamp = 1 << 4,
  SubmitAll = 1 << 7,
  Coop = 1 << 8,
  TaskrunFlag = 1 << 9,
  Sqe128 = 1 << 10,
  Cqe32 = 1 << 11,
  SingleIssuer = 1 << 12,
  Defer = 1 << 13,
  NoSqArray = 1 << 16,
}

const NEED_WAKEUP = 1;
const TASKRUN = 4;
const LINK_TIMEOUT = 15;

const flag = (bits: number): ItemView => ({ see: ({ ring }) => ring.setup.flags & bits });
const exact = (see: ItemView['see']): ItemView => ({ see });
const upTo = (caveat: string, see: ItemView['see']): ItemView => ({ see, caveat });

const openFiles = new WeakMap<CheckpointState, Set<number>>();

/** Whether no descriptor shows a file. */
function isDirect(state: CheckpointState, file: number): boolean {
  let open = openFiles.get(state);
  if (!open) {
    open = new Set(state.fdTables.flatMap(({ fds }) => fds.map((each) => each.file)));
    openFiles.set(state, open);
  }
  return !open.has(file);
}

function fileOf({ state }: RingView, id: number | undefined): FileState | undefined {
  return id === undefined ? undefined : state.files[id];
}

function ringMappings({ state, ring }: RingView) {
  return state.mms.map(({ mappings }) =>
    mappings.filter(({ backing }) => backing.kind === 'file' && backing.file === ring.file),
  );
}

function contentOf(
  { state }: RingView,
  source: { kind: string; orphan?: number; object?: number; page?: number },
) {
  if (source.kind === 'orphan') return { orphan: source.orphan, content: state.orphans[source.orphan ?? 0] };
  return { object: source.object, page: source.page };
}

function requestsWhere({ ring }: RingView, wanted: (request: RequestState) => boolean) {
  return ring.requests.filter(wanted);
}

/** Times run on between two dumps; what was asked for stays. */
function withoutTime(request: RequestState): unknown {
  const { timeout, chain, ...rest } = request;
  return {
    ...rest,
    timeout: timeout && { flags: timeout.flags, count: timeout.count },
    chain: chain.map(withoutTime),
  };
}

export const ITEM_VIEWS: { readonly [id: number]: ItemView } = {
  1: exact(({ ring }) => ring.setup.flags & ~Flag.AttachWq),
  2: exact(({ ring }) => [ring.setup.sqEntries, ring.setup.cqEntries]),
  3: flag(Flag.Clamp),
  4: flag(Flag.IoPoll),
  5: upTo('in whole clock ticks', ({ ring }) => ring.setup.idle),
  6: exact(({ ring }) => ring.setup.cpu),
  7: exact(({ ring }) =>
    ring.setup.thread === undefined ? undefined : `thread of ring ${ring.setup.thread}`,
  ),
  9: exact(({ state, ring }) => state.creds[ring.setup.cred ?? -1]),
  10: upTo('on a kernel with the same layout', ({ ring }) => ring.setup.offsets),
  11: upTo('mappings that can be made again', ringMappings),
  12: upTo('by MAP_FIXED or by filling the gaps above', (view) =>
    ringMappings(view).map((mappings) => mappings.map(({ start }) => start)),
  ),
  13: upTo('in memory that is mapped', ({ ring }) => ring.setup.userAreas),
  14: flag(Flag.Sqe128 | Flag.Cqe32),
  15: flag(Flag.NoSqArray),
  16: flag(Flag.SubmitAll | Flag.Coop | Flag.TaskrunFlag),
  17: upTo('by the thread that owns it', ({ ring }) => [
    ring.setup.flags & Flag.SingleIssuer,
    ring.setup.submitter,
  ]),
  18: flag(Flag.Defer),
  19: upTo('by a 32-bit system call of whoever makes it', ({ ring }) => ring.setup.compat),
  22: exact((view) => {
    const file = fileOf(view, view.ring.file);
    return [file?.flags, file?.position, file?.owner];
  }),
  23: exact(({ state, ring }) =>
    state.fdTables.map(({ fds }) => fds.filter(({ file }) => file === ring.file)),
  ),
  24: exact(({ state, ring }) =>
    state.tasks.flatMap(({ tid, ringFds }) =>
      ringFds.flatMap(({ index, file }) => (file === ring.file ? [`index ${index} of task ${tid}`] : [])),
    ),
  ),
  25: upTo('by submitting as often', ({ ring }) => ring.queues.sqHead),
  26: exact(({ ring: { queues } }) => [queues.sqTail, queues.sqes, queues.sqArray]),
  27: upTo('by completing as often', ({ ring }) => ring.queues.cqTail),
  28: exact(({ ring: { queues } }) => [queues.cqHead, queues.cqes]),
  30: exact(({ ring }) => ring.queues.dropped),
  31: exact(({ ring }) => ring.queues.overflown),
  32: exact(({ ring }) => ring.queues.sqFlags & ~(NEED_WAKEUP | TASKRUN)),
  33: exact(({ ring }) => ring.queues.cqFlags),
  34: upTo('in order; what a kernel cannot be made to post is refused', ({ ring }) => ring.queues.overflow),
  36: exact(({ ring }) => ring.queues.extra),
  37: upTo('the count; the last flush only while a timeout counts', ({ ring }) => ring.queues.timeouts),
  38: upTo('bits that stay set', ({ ring: { queues } }) => [queues.drainDisabled, queues.offTimeoutUsed]),
  42: exact(({ ring }) => ring.buffers?.map((buffer) => buffer && [buffer.address, buffer.length])),
  43: exact(({ ring }) => ring.buffers?.map((buffer) => buffer === undefined)),
  44: upTo('contents and sharing among what was dumped', (view) =>
    view.ring.buffers?.map(
      (buffer) =>
        buffer && [buffer.length, [...buffer.lost].map(([i, source]) => [i, contentOf(view, source)])],
    ),
  ),
  45: upTo('pages of 2 MiB', ({ ring }) => ring.buffers?.map((buffer) => buffer?.huge)),
  47: upTo('a user of the same number', ({ ring }) => ring.setup.payer),
  48: exact(({ ring }) => ring.buffers?.map((buffer) => buffer?.tag)),
  49: upTo('tables cloned as a whole', ({ ring }) =>
    ring.buffers?.map(
      (buffer) => buffer?.cloneOf && `slot ${buffer.cloneOf.index} of ring ${buffer.cloneOf.ring}`,
    ),
  ),
  51: exact(({ ring }) => ring.files?.slots.map((slot) => slot?.file)),
  52: upTo('files that can be opened again', (view) =>
    view.ring.files?.slots
      .filter((slot) => slot && isDirect(view.state, slot.file))
      .map((slot) => fileOf(view, slot?.file)),
  ),
  53: exact(({ ring }) => ring.files?.slots.map((slot) => slot === undefined)),
  54: exact(({ ring }) => ring.files?.slots.map((slot) => slot?.tag)),
  55: upTo('the range and where the search goes on', ({ ring }) => ring.files?.allocation),
  58: exact((view) => [
    view.ring.eventfd?.async,
    view.ring.eventfd?.file,
    fileOf(view, view.ring.eventfd?.file),
  ]),
  59: upTo('set again to what it was', ({ ring }) => ring.eventfd?.lastTail),
  60: upTo('ids, capabilities, groups; no security labels', ({ state, ring }) => [
    ring.personalities.next,
    ring.personalities.ids.map(({ id, cred }) => [id, state.creds[cred]]),
  ]),
  61: exact(({ ring }) => ring.restrictions && { ...ring.restrictions, enforced: undefined }),
  62: exact(({ ring }) => ring.restrictions?.enforced),
  63: flag(Flag.Disabled),
  64: upTo('of tasks that have workers', ({ state }) =>
    state.tasks.map(({ tid, workers }) => [tid, workers?.cpus]),
  ),
  65: exact(({ state, ring }) => [
    ring.workerLimits,
    state.tasks.map(({ tid, workers }) => [tid, workers?.limits]),
  ]),
  66: upTo('groups that have buffers', ({ ring }) => ring.groups.filter(({ kind }) => kind === 'list')),
  67: exact(({ ring }) =>
    ring.groups.flatMap((group) => (group.kind === 'ring' ? [{ ...group, head: 0 }] : [])),
  ),
  68: upTo('by taking as many buffers', ({ ring }) =>
    ring.groups.flatMap((group) => (group.kind === 'ring' ? [[group.id, group.head]] : [])),
  ),
  69: exact(({ ring }) => ring.napi),
  70: exact(({ ring }) => ring.clock),
  74: upTo('submitted again', (view) => requestsWhere(view, ({ poll }) => poll !== undefined)),
  75: upTo('with the time that is left', (view) =>
    requestsWhere(view, ({ timeout }) => timeout !== undefined).map(withoutTime),
  ),
  76: upTo('chains whose head still waits', (view) =>
    requestsWhere(
      view,
      ({ chain }) => chain.length > 0 || chain.some(({ opcode }) => opcode === LINK_TIMEOUT),
    ).map(withoutTime),
  ),
  77: upTo('in order', (view) => requestsWhere(view, ({ where }) => where === 'deferred').map(withoutTime)),
  79: upTo('reads and writes', (view) =>
    requestsWhere(view, ({ transfer }) => transfer !== undefined).map(withoutTime),
  ),
  83: upTo(
    'called again; before 6.12 without a time limit, which is out of sight there',
    ({ ring }) => ring.waiters,
  ),
  85: exact(({ state, ring }) =>
    state.files.map(({ epoll }) => epoll?.filter(({ file }) => file === ring.file)),
  ),
};
