/** Rings at random, for checkpoints at random. */
import type {
  BufferGroup,
  BufferState,
  CredState,
  FileState,
  FileTableState,
  MemoryObject,
  PageSource,
  QueueState,
  RequestState,
  RingSetup,
  RingState,
  TaskState,
  WaiterState,
} from '../../checkpoint/state.ts';
import { type Draw, filled, flag, maybe, u16, u32, u64 } from './draw.ts';

/** What a ring can refer to. */
export interface RingWorld {
  readonly creds: readonly CredState[];
  readonly objects: readonly MemoryObject[];
  readonly orphans: readonly Uint8Array[];
  readonly files: readonly FileState[];
  readonly eventfds: readonly number[];
  readonly mms: number;
  readonly tasks: readonly Pick<TaskState, 'tid'>[];
  /** Files of the rings. */
  readonly rings: readonly number[];
}

/** IORING_SETUP_* */
const SQE128 = 1 << 10;
const CQE32 = 1 << 11;
const NO_SQARRAY = 1 << 16;
/** Of every ring's table: clones refer to slots that there are. */
const BUFFERS = 3;
const SQ = ['head', 'tail', 'mask', 'entries', 'flags', 'dropped', 'array'].map((name) => `sq.${name}`);
const CQ = ['head', 'tail', 'mask', 'entries', 'overflow', 'cqes', 'flags'].map((name) => `cq.${name}`);

export function ringState(draw: Draw, world: RingWorld, file: number): RingState {
  const setup = setupState(draw, world);
  return {
    file,
    mm: world.mms === 0 ? undefined : maybe(draw, () => draw.count(world.mms - 1)),
    setup,
    queues: queueState(draw, setup),
    buffers: times(BUFFERS, () => maybe(draw, () => bufferState(draw, world))),
    files: maybe(draw, () => fileTable(draw, world)),
    eventfd:
      world.eventfds.length === 0
        ? undefined
        : maybe(draw, () => ({
            file: draw.one(world.eventfds),
            async: flag(draw),
            lastTail: maybe(draw, () => u32(draw)),
          })),
    personalities: {
      next: u16(draw),
      ids: ids(draw, 3).map((id) => ({ id, cred: draw.count(world.creds.length - 1) })),
    },
    restrictions: maybe(draw, () => ({
      registerOps: u64(draw),
      submitOps: u64(draw),
      flagsAllowed: u32(draw),
      flagsRequired: u32(draw),
      enforced: flag(draw),
    })),
    groups: ids(draw, 3).map((id) => bufferGroup(draw, id)),
    workerLimits: maybe(draw, () => [u32(draw), u32(draw)] as const),
    napi: maybe(draw, () => ({ microseconds: u32(draw), prefer: flag(draw) })),
    clock: maybe(draw, () => draw.one([1, 7])),
    requests: world.tasks.length === 0 ? [] : times(draw.count(3), () => requestState(draw, world)),
    waiters: world.tasks.length === 0 ? [] : times(draw.count(2), () => waiterState(draw, world)),
  };
}

function waiterState(draw: Draw, world: RingWorld): WaiterState {
  const time = maybe(draw, () => u64(draw));
  const minimum = maybe(draw, () => u64(draw));
  return {
    tid: draw.one(world.tasks).tid,
    completions: u32(draw),
    ...(time === undefined ? {} : { time }),
    ...(minimum === undefined ? {} : { minimum }),
  };
}

function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

/** Ascending. */
function ids(draw: Draw, max: number): number[] {
  let id = 0;
  return times(draw.count(max), () => {
    id += 1 + draw.count(5);
    return id;
  });
}

function setupState(draw: Draw, world: RingWorld): RingSetup {
  return {
    flags: u32(draw),
    sqEntries: 2 ** draw.count(3),
    cqEntries: 2 ** draw.count(4),
    idle: u32(draw),
    cpu: maybe(draw, () => u32(draw)),
    thread: maybe(draw, () => draw.count(world.rings.length - 1)),
    cred: maybe(draw, () => draw.count(world.creds.length - 1)),
    submitter: maybe(draw, () => u32(draw)),
    payer: maybe(draw, () => u32(draw)),
    userAreas: maybe(draw, () => ({ rings: 4096 * u32(draw), sqes: 4096 * u32(draw) })),
    offsets: Object.fromEntries([...SQ, ...CQ].map((name) => [name, u32(draw)])),
    compat: flag(draw),
  };
}

function queueState(draw: Draw, { flags, sqEntries, cqEntries }: RingSetup): QueueState {
  return {
    sqHead: u32(draw),
    sqTail: u32(draw),
    cqHead: u32(draw),
    cqTail: u32(draw),
    dropped: u32(draw),
    overflown: u32(draw),
    cqFlags: u32(draw),
    sqFlags: u32(draw),
    extra: u32(draw),
    timeouts: u32(draw),
    lastFlush: u32(draw),
    drainActive: flag(draw),
    drainNext: flag(draw),
    drainDisabled: flag(draw),
    offTimeoutUsed: flag(draw),
    sqArray: filled(draw, (flags & NO_SQARRAY) !== 0 ? 0 : 4 * sqEntries),
    sqes: filled(draw, ((flags & SQE128) !== 0 ? 128 : 64) * sqEntries),
    cqes: filled(draw, ((flags & CQE32) !== 0 ? 32 : 16) * cqEntries),
    overflow: times(draw.count(3), () => ({
      userData: u64(draw),
      result: u32(draw) | 0,
      flags: u32(draw),
      extra: maybe(draw, () => [u64(draw), u64(draw)] as const),
    })),
  };
}

function bufferState(draw: Draw, world: RingWorld): BufferState {
  const address = u64(draw);
  const length = 1 + draw.count(5 * 4096);
  const pages = Math.ceil((Number(address % 4096n) + length) / 4096);
  const lost = new Map<number, PageSource>();
  const all = draw.count(3) === 0;
  for (let page = 0; page < pages; page++) {
    const source = all || flag(draw) ? pageSource(draw, world) : undefined;
    if (source) lost.set(page, source);
  }
  return {
    address,
    length,
    tag: draw.one([0n, u64(draw)]),
    lost,
    huge: flag(draw),
    cloneOf: maybe(draw, () => ({
      ring: draw.count(world.rings.length - 1),
      index: draw.count(BUFFERS - 1),
    })),
  };
}

function pageSource(draw: Draw, { objects, orphans }: RingWorld): PageSource | undefined {
  const full = [...objects.keys()].filter((object) => (objects[object]?.size ?? 0n) > 0n);
  if (full.length > 0 && flag(draw)) {
    const object = draw.one(full);
    const pages = Math.ceil(Number(objects[object]?.size ?? 0n) / 4096);
    return { kind: 'object', object, page: draw.count(Math.min(pages, 20) - 1) };
  }
  return orphans.length === 0 ? undefined : { kind: 'orphan', orphan: draw.count(orphans.length - 1) };
}

function fileTable(draw: Draw, { files }: RingWorld): FileTableState {
  const slot = () => ({ file: draw.count(files.length - 1), tag: draw.one([0n, u64(draw)]) });
  return {
    slots: times(1 + draw.count(4), () => maybe(draw, slot)),
    allocation: maybe(draw, () => {
      const start = u16(draw);
      return { start, end: start + u16(draw), hint: u32(draw) };
    }),
  };
}

function bufferGroup(draw: Draw, id: number): BufferGroup {
  if (flag(draw)) {
    const buffers = times(draw.count(3), () => ({ address: u64(draw), length: u32(draw), id: u16(draw) }));
    return { kind: 'list', id, buffers };
  }
  const entries = 2 ** draw.count(3);
  const inUser = flag(draw);
  return {
    kind: 'ring',
    id,
    entries,
    address: inUser ? 4096 * u32(draw) : undefined,
    content: inUser ? undefined : filled(draw, 16 * entries),
    head: u16(draw),
    incremental: flag(draw),
    minLeft: u32(draw),
  };
}

function requestState(draw: Draw, world: RingWorld): RequestState {
  const where = draw.one(['waiting', 'timeout', 'deferred'] as const);
  const chain = times(draw.count(2), () => ({ ...oneRequest(draw, world), where, chain: [] }));
  return { ...oneRequest(draw, world), where, chain };
}

function oneRequest(draw: Draw, { tasks, files, creds }: RingWorld): Omit<RequestState, 'where' | 'chain'> {
  return {
    task: draw.one([0, draw.one(tasks).tid]),
    opcode: draw.one([0, 6, 11, 15, 22, 23]),
    flags: u32(draw),
    userData: u64(draw),
    file: files.length === 0 ? undefined : maybe(draw, () => draw.count(files.length - 1)),
    cred: maybe(draw, () => draw.count(creds.length - 1)),
    ...(flag(draw) && { poll: { events: u32(draw), multishot: flag(draw) } }),
    ...(flag(draw) && {
      timeout: { flags: draw.one([0, 1, 64, 65]), time: u64(draw), count: u32(draw) },
    }),
    ...(flag(draw) && {
      transfer: { address: u64(draw), length: u32(draw), offset: u64(draw), buffer: u16(draw) },
    }),
  };
}
