/**
 * Every piece of state that an io_uring instance has, found in the records of a ring that has been used in every
 * way: by which member a program sees it, in each kernel that has it.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import {
  CancelFlag,
  Enter,
  RegisterOp as Op,
  PollFlag,
  Restriction,
  Setup,
  SqeFlag,
  SubmitOp,
} from '../../kernel-model/io-uring/uapi.ts';
import { listNodes } from '../../kernel-model/list.ts';
import type { Machine } from '../../kernel-model/machine.ts';
import type { Record } from '../../kernel-model/record.ts';
import type { Task } from '../../kernel-model/task.ts';
import { xarrayLoad } from '../../kernel-model/xarray.ts';
import {
  bufferReg,
  Caller,
  concat,
  indexRange,
  ints,
  iovecs,
  restrictions,
  rsrcRegister,
  words,
} from './ring-support.ts';
import { newMachine, PAGE } from './support.ts';

/** Kernels by number: 0 for 5.16, 1 for 6.1, 2 for 6.12. */
const ALL = ['5.16+series', '6.1', '6.12'];

/** A ring with everything, and what its records show. */
class World {
  readonly machine: Machine;
  readonly task: Task;
  readonly caller: Caller;
  readonly old: boolean;
  readonly main: number;
  readonly polled: number;
  readonly fresh: number;
  readonly full: number;

  constructor(machine: Machine) {
    this.machine = machine;
    this.task = machine.tasks.create({ pid: 100, uid: 1000 });
    const caller = new Caller(machine, this.task);
    this.caller = caller;
    this.old = machine.profile.name === ALL[0];
    const has = (op: number) => op < machine.profile.dialect.registerOps;
    const page = BigInt(caller.map(4 * PAGE));
    machine.vfs.create({ path: '/a', content: new Uint8Array(64) });
    const file = machine.sys.open(this.task, '/a', 2);
    const [reader] = machine.sys.pipe2(this.task, 0) as [number, number];
    const event = machine.sys.eventfd2(this.task, 0, 0);
    const signals = machine.sys.eventfd2(this.task, 0, 0);

    this.fresh = caller.setup(4, { flags: Setup.Disabled });
    caller.register(
      this.fresh,
      Op.Restrictions,
      restrictions([Restriction.SqeOp, 0], [Restriction.RegisterOp, 8]),
      2,
    );
    this.full = caller.setup(1, { flags: Setup.CqSize, cqEntries: 2 });
    for (let i = 0; i < 5; i++) caller.submit(this.full, { opcode: SubmitOp.Nop, userData: BigInt(i) });
    this.polled = caller.setup(4, { flags: Setup.SqPoll, sqThreadIdle: 200 });
    caller.setup(4, { flags: Setup.SqPoll | Setup.AttachWq, wqFd: this.polled });

    this.main = caller.setup(16);
    const { main } = this;
    const time = caller.timespec(1e9);
    const nop = { opcode: SubmitOp.Nop };
    caller.register(main, Op.Eventfd, ints(signals), 1);
    caller.register(
      main,
      Op.Buffers2,
      rsrcRegister(2, caller.put(iovecs([page, 100], [0, 0])), { tags: caller.put(words(5, 0)) }),
      32,
    );
    caller.register(
      main,
      Op.Files2,
      rsrcRegister(3, caller.put(ints(file, reader, -1)), { tags: caller.put(words(6, 7, 0)) }),
      32,
    );
    for (let i = 0; i < 3; i++) caller.register(main, Op.Personality, 0n, 0);
    caller.register(main, Op.UnregisterPersonality, 0n, 1);
    caller.register(main, Op.IowqMaxWorkers, ints(3, 4), 2);
    caller.register(main, Op.IowqAff, words(2), 8);
    if (has(Op.RingFds)) caller.register(main, Op.RingFds, concat(ints(2, 0), words(main)), 1);
    if (has(Op.FileAllocRange)) caller.register(main, Op.FileAllocRange, indexRange(1, 2), 0);
    if (has(Op.PbufRing)) caller.register(main, Op.PbufRing, bufferReg(page + BigInt(PAGE), 8, 200), 1);
    if (has(Op.Napi)) caller.register(main, Op.Napi, words(50, 0), 1);
    if (has(Op.Clock)) caller.register(main, Op.Clock, ints(7, 0, 0, 0), 0);
    caller.queue(main).pushIndex(1 << 20);
    caller.enter(main, 1);
    caller.submit(main, {
      opcode: SubmitOp.ProvideBuffers,
      fd: 2,
      address: page,
      length: 8,
      buffer: 300,
      offset: 4n,
    });
    caller.submit(main, { opcode: SubmitOp.Timeout, address: caller.timespec(0), length: 1 });
    caller.submit(
      main,
      { opcode: SubmitOp.PollAdd, fd: event, opFlags: 1, length: PollFlag.Multishot, userData: 11n },
      { opcode: SubmitOp.Timeout, address: time, length: 1, userData: 12n, offset: 50n },
      {
        opcode: SubmitOp.Read,
        fd: 1,
        flags: SqeFlag.FixedFile | SqeFlag.Link,
        address: page,
        length: 8,
        offset: ~0n & ((1n << 64n) - 1n),
        userData: 13n,
      },
      { opcode: SubmitOp.LinkTimeout, address: time, length: 1, userData: 14n },
      { opcode: SubmitOp.AsyncCancel, address: 99n, opFlags: this.old ? 0 : CancelFlag.All },
      { ...nop, flags: SqeFlag.Drain, userData: 15n },
    );
    caller.register(main, Op.FilesUpdate, concat(ints(1, 0), words(caller.put(ints(-1)))), 1);
    caller.queue(main).push({ ...nop, userData: 77n });
    caller.enterMayWait(main, 0, 16, Enter.GetEvents);
  }

  ctx(fd = this.main): Record {
    return this.caller.ring(fd).ctx;
  }

  rings(fd = this.main): Record {
    return this.caller.ring(fd).memory.rings;
  }

  list(path: string, fd = this.main): number {
    return [...listNodes(this.machine.ram, this.ctx(fd).addressOf(path))].length;
  }

  at(pointer: bigint): Record {
    const record = this.machine.heap.at(pointer);
    if (!record) throw new Error(`no object at ${pointer.toString(16)}`);
    return record;
  }

  load(path: string, index: number): bigint {
    return xarrayLoad(this.ctx().sub(path), this.machine.profile.layout('xa_node'), index);
  }

  /** What the context of the task points at. */
  context(): Record {
    return this.at(this.task.record.big('io_uring'));
  }

  /** Requests in the cancel tables, by user data. */
  waiting(userData: bigint): Record {
    for (const { request } of this.caller.ring(this.main).engine.cancelTable) {
      if (request.userData === userData) return request.record;
    }
    throw new Error(`request ${userData} does not wait`);
  }
}

interface Item {
  readonly state: string;
  /** First of ALL that has it; 3 for kernels that are not modelled. */
  readonly since?: number;
  readonly see: (world: World) => unknown;
  readonly is: unknown;
}

/** Why an item has nothing to look at here. */
const ELSEWHERE: { readonly [id: number]: string } = {
  11: 'mappings of the task: io-uring-rings.test.ts',
  12: 'mappings of the task: io-uring-rings.test.ts',
  13: 'liburing-resources.test.ts: no-mmap-inval',
  14: 'io-uring-enter.test.ts: big entries',
  15: 'io-uring-enter.test.ts: without the index array',
  18: 'io-uring-enter.test.ts: DEFER_TASKRUN',
  19: 'no 32-bit callers are modelled: the bit is 0',
  40: 'caches of the kernel, which nobody can tell apart',
  41: 'empty but during a submission',
  45: 'huge pages: io-uring-rings.test.ts',
  49: 'liburing-resources.test.ts: regbuf-clone',
  50: 'since 6.15',
  52: 'liburing-resources.test.ts: open-direct-link',
  57: 'a call that waits: liburing-resources.test.ts, file-exit-unreg',
  71: 'since 6.13',
  72: 'since 6.15',
  73: 'since 6.13',
  78: 'workers finish when the call ends that gave them work; no modelled file can be polled for completion',
  80: 'operations that are not modelled: the lists are empty',
  81: 'io-uring-enter.test.ts: DEFER_TASKRUN',
  84: 'operations that are not modelled',
  86: 'references of links: iter-io-uring.test.ts',
};

const flag = (value: number | bigint) => value !== 0 && value !== 0n;

const ITEMS: { readonly [id: number]: Item } = {
  1: { state: 'setup flags', see: (w) => w.ctx(w.full).get('flags'), is: Setup.CqSize },
  2: { state: 'sizes', see: (w) => [w.ctx().get('sq_entries'), w.ctx().get('cq_entries')], is: [16, 32] },
  3: { state: 'CLAMP', see: (w) => w.ctx().get('flags') & Setup.Clamp, is: 0 },
  4: { state: 'IOPOLL', see: (w) => w.ctx().get('flags') & Setup.IoPoll, is: 0 },
  5: { state: 'SQPOLL idle', see: (w) => w.ctx(w.polled).get('sq_thread_idle'), is: 50 },
  6: { state: 'SQ_AFF', see: (w) => w.at(w.ctx(w.polled).big('sq_data')).has('sq_cpu'), is: true },
  7: { state: 'shared thread', see: (w) => w.at(w.ctx(w.polled).big('sq_data')).get('refs'), is: 2 },
  8: { state: 'thread', see: (w) => flag(w.at(w.ctx(w.polled).big('sq_data')).big('thread')), is: true },
  9: { state: 'sq_creds', see: (w) => flag(w.ctx(w.polled).big('sq_creds')), is: true },
  10: { state: 'ring memory', see: (w) => w.ctx().big('rings') === w.rings().address, is: true },
  16: { state: 'SUBMIT_ALL and others', see: (w) => w.ctx().has('flags'), is: true },
  17: { state: 'submitter', since: 1, see: (w) => w.ctx().big('submitter_task'), is: 0n },
  20: { state: 'features', see: (w) => w.machine.profile.dialect.features > 0, is: true },
  21: { state: 'inode', see: (w) => (w.caller.ring(w.main).file?.inode.ino ?? 0) > 0, is: true },
  22: { state: 'file flags', see: (w) => (w.caller.ring(w.main).file?.flags ?? 0) & 3, is: 2 },
  23: {
    state: 'descriptors',
    see: (w) => w.task.files?.get(w.main)?.object === w.caller.ring(w.main),
    is: true,
  },
  24: {
    state: 'registered ring fds',
    since: 1,
    see: (w) => w.context().big('registered_rings[2]') === w.task.files?.get(w.main)?.address,
    is: true,
  },
  25: { state: 'SQ head', see: (w) => [w.ctx().get('cached_sq_head'), w.rings().get('sq.head')], is: [9, 9] },
  26: { state: 'SQ tail', see: (w) => w.rings().get('sq.tail'), is: 10 },
  27: { state: 'CQ tail', see: (w) => w.ctx().get('cached_cq_tail') === w.rings().get('cq.tail'), is: true },
  28: { state: 'CQ head', see: (w) => w.rings().get('cq.head'), is: 0 },
  29: {
    state: 'window of entries',
    since: 1,
    see: (w) => w.ctx().big('cqe_sentinel') >= w.ctx().big('cqe_cached'),
    is: true,
  },
  30: { state: 'dropped', see: (w) => w.rings().get('sq_dropped'), is: 1 },
  31: { state: 'lost', see: (w) => w.rings().get('cq_overflow'), is: 0 },
  32: { state: 'sq_flags', see: (w) => w.rings(w.full).get('sq_flags'), is: 2 },
  33: { state: 'cq_flags', see: (w) => w.rings().get('cq_flags'), is: 0 },
  34: { state: 'overflow list', see: (w) => w.list('cq_overflow_list', w.full), is: 3 },
  35: { state: 'check bits', see: (w) => w.ctx(w.full).get(w.old ? 'check_cq_overflow' : 'check_cq'), is: 1 },
  36: { state: 'cq_extra', see: (w) => w.ctx().get('cq_extra') | 0, is: -1 },
  37: { state: 'cq_timeouts', see: (w) => w.ctx().get('cq_timeouts'), is: 1 },
  38: {
    state: 'sticky bits',
    see: (w) => [w.ctx().get('off_timeout_used'), w.ctx().get('drain_active')],
    is: [1, 1],
  },
  39: { state: 'cancel_seq', since: 1, see: (w) => w.ctx().get('cancel_seq'), is: 1 },
  42: { state: 'buffers', see: (w) => w.ctx().get('nr_user_bufs'), is: 2 },
  43: { state: 'empty buffers', see: (w) => w.caller.ring(w.main).buffers?.pointer(1) !== 0n, is: true },
  44: { state: 'bvecs', see: (w) => w.caller.ring(w.main).buffers?.at(0)?.record.get('nr_bvecs'), is: 1 },
  46: { state: 'accounting', see: (w) => w.at(w.ctx().big('user')).get('locked_vm'), is: 1 },
  47: { state: 'who pays', see: (w) => w.ctx().big('mm_account') === w.task.mm?.record.address, is: true },
  48: { state: 'buffer tags', see: (w) => w.caller.ring(w.main).buffers?.data.tag(0), is: 5n },
  51: {
    state: 'files',
    see: (w) => [w.ctx().get('nr_user_files'), flag(w.ctx().big('file_table.files'))],
    is: [3, true],
  },
  53: { state: 'empty slots', see: (w) => w.caller.ring(w.main).files?.at(2), is: undefined },
  54: { state: 'file tags', see: (w) => w.caller.ring(w.main).files?.data.tag(0), is: 6n },
  55: {
    state: 'slot allocation',
    since: 1,
    see: (w) => [
      w.ctx().get('file_alloc_start'),
      w.ctx().get('file_alloc_end'),
      w.ctx().get('file_table.alloc_hint'),
    ],
    is: [1, 3, 1],
  },
  56: { state: 'removal queue', see: (w) => w.list('rsrc_ref_list'), is: 1 },
  58: {
    state: 'eventfd',
    see: (w) => flag(w.old ? w.ctx().big('cq_ev_fd') : w.at(w.ctx().big('io_ev_fd')).big('cq_ev_fd')),
    is: true,
  },
  59: {
    state: 'evfd_last_cq_tail',
    since: 1,
    see: (w) => w.ctx().get('evfd_last_cq_tail') === w.ctx().get('cached_cq_tail'),
    is: true,
  },
  60: {
    state: 'personalities',
    see: (w) => [flag(w.load('personalities', 2)), w.load('personalities', 1), w.ctx().get('pers_next')],
    is: [true, 0n, 4],
  },
  61: {
    state: 'restrictions',
    see: (w) => [
      w.ctx(w.fresh).big('restrictions.register_op[0]'),
      w.ctx(w.fresh).get('restrictions.registered'),
    ],
    is: [256n, 1],
  },
  62: { state: 'restricted', see: (w) => w.ctx(w.fresh).get('restricted'), is: 0 },
  63: { state: 'disabled', see: (w) => w.ctx(w.fresh).get('flags') & Setup.Disabled, is: Setup.Disabled },
  64: { state: 'worker affinity', since: 1, see: (w) => flag(w.context().big('io_wq')), is: true },
  65: {
    state: 'worker limits',
    see: (w) => [w.ctx().get('iowq_limits[0]'), w.ctx().get('iowq_limits_set')],
    is: [3, 1],
  },
  66: {
    state: 'provided buffers',
    see: (w) =>
      w.old ? w.at(w.load('io_buffers', 300)).get('bid') : w.at(w.load('io_bl_xa', 300)).get('bgid'),
    is: expect.toSatisfy((value: unknown) => value === 4 || value === 300),
  },
  67: { state: 'buffer rings', since: 1, see: (w) => w.at(w.load('io_bl_xa', 200)).get('nr_entries'), is: 8 },
  68: {
    state: 'head of a buffer ring',
    since: 1,
    see: (w) => w.at(w.load('io_bl_xa', 200)).get('head'),
    is: 0,
  },
  69: { state: 'NAPI', since: 2, see: (w) => w.ctx().get('napi_busy_poll_dt'), is: 50_000 },
  70: { state: 'clock', since: 2, see: (w) => w.ctx().get('clockid'), is: 7 },
  74: { state: 'polls', see: (w) => w.waiting(11n).get('opcode'), is: SubmitOp.PollAdd },
  75: {
    state: 'timeouts',
    see: (w) => [w.list('timeout_list'), w.caller.ring(w.main).engine.timeouts.all[0]?.command.get('off')],
    is: [1, 50],
  },
  76: {
    state: 'linked timeouts',
    see: (w) => [w.list('ltimeout_list'), flag(w.waiting(13n).big('link'))],
    is: [1, true],
  },
  77: { state: 'drains', see: (w) => w.list('defer_list'), is: 1 },
  79: { state: 'reads that wait', see: (w) => flag(w.waiting(13n).big('apoll')), is: true },
  82: {
    state: 'links to tasks',
    see: (w) => [w.list('tctx_list'), w.context().get('cached_refs') > 0],
    is: [1, true],
  },
  83: { state: 'waiters', see: (w) => w.list('cq_wait.head'), is: 1 },
  85: { state: 'the ring as a target', see: (w) => w.caller.ring(w.main).file?.ops.pollable, is: true },
};

describe.each(ALL)('state of a ring in %s', (kernel) => {
  let world: World;
  beforeAll(async () => {
    world = new World(await newMachine(kernel));
  });
  for (const [id, { state, since = 0, see, is }] of Object.entries(ITEMS)) {
    if (ALL.indexOf(kernel) < since) continue;
    test(`${id} ${state}`, () => expect(see(world)).toEqual(is));
  }
});

test('nothing is left out', () => {
  const ids = [...Object.keys(ITEMS), ...Object.keys(ELSEWHERE)].map(Number).sort((a, b) => a - b);
  expect(ids).toEqual(Array.from({ length: 86 }, (_, i) => i + 1));
});
