/** One io_uring instance: `struct io_ring_ctx` and everything it owns. */
import type { Cred } from '../cred.ts';
import type { File } from '../file.ts';
import { listInit } from '../list.ts';
import { Blocked, Mutex } from '../lock.ts';
import type { Machine } from '../machine.ts';
import { type Record, UseAfterFree } from '../record.ts';
import type { Task } from '../task.ts';
import { PollEvent, WaitQueue } from '../wait-queue.ts';
import type { BufferTable } from './buffer-table.ts';
import { CompletionQueue } from './completion.ts';
import type { Engine } from './engine.ts';
import type { EventfdRegistration } from './eventfd.ts';
import type { FileTable } from './file-table.ts';
import { Payer } from './payer.ts';
import { Personalities } from './personalities.ts';
import { ProvidedBuffers } from './provided-buffers.ts';
import { RingMemory, type RingShape, type UserAreas } from './ring-memory.ts';
import { RsrcNodes } from './rsrc-nodes.ts';
import type { SqData } from './sq-data.ts';
import { detachRing } from './task-context.ts';
import { Setup } from './uapi.ts';

/** Lists and wait queues of io_ring_ctx, whichever of them a kernel has. */
const LISTS = [
  'cq_overflow_list',
  'defer_list',
  'timeout_list',
  'ltimeout_list',
  'sqd_list',
  'tctx_list',
  'rsrc_ref_list',
  'io_buffers_cache',
  'io_buffers_comp',
  'io_buffers_pages',
  'napi_list',
  'sqo_sq_wait.head',
  'rsrc_quiesce_wq.head',
];

/** 6.10: the kernel's own ring memory is kept as an array of pages, not as one block. */
const RING_PAGES_VERSION = 0x6_0a00;

const CLOCK_MONOTONIC = 1;

export interface RingInit extends RingShape {
  /** Pinned pages of the creator for the rings, which are the ring's from now on. */
  userAreas?: UserAreas;
  creator: Task;
  /** Made by a 32-bit system call. */
  compat: boolean;
  /** Pinned pages are charged to the creator's user; not when the creator has CAP_IPC_LOCK. */
  chargesUser: boolean;
}

export class IoUring {
  readonly machine: Machine;
  readonly ctx: Record;
  readonly memory: RingMemory;
  readonly lock: Mutex;
  readonly completions: CompletionQueue;
  readonly personalities: Personalities;
  readonly provided: ProvidedBuffers;
  readonly nodes: RsrcNodes;
  /** Who waits for completions in io_uring_enter. */
  readonly waitQueue: WaitQueue;
  /** Who polls the ring's file: the same queue before 6.3. */
  readonly pollQueue: WaitQueue;
  readonly payer: Payer;
  /** What an empty slot of the buffer table points at. */
  readonly dummyBuffer: bigint;
  buffers: BufferTable | undefined;
  files: FileTable | undefined;
  eventfd: EventfdRegistration | undefined;
  sqData: SqData | undefined;
  /** Only this task may submit and register (IORING_SETUP_SINGLE_ISSUER). */
  submitter: Task | undefined;
  file: File | undefined;
  /** Links between tasks and this ring (`struct io_tctx_node`). */
  readonly contextNodes: Record[] = [];
  /** The task whose registration waits until nobody else uses the ring. */
  waiter: Task | undefined;
  private requests: Engine | undefined;
  private readonly sqCreds: Cred[] = [];
  private readonly ownDummy: Record | undefined;
  /** Pinned pages that the rings stand in. */
  private readonly userFrames: readonly number[];
  /** Holders of `ctx->refs`: the ring itself until it is killed, and each link. */
  private references = 1;
  private killed = false;
  private closed = false;

  /** @throws {OutOfMemory} */
  constructor(machine: Machine, init: RingInit) {
    this.machine = machine;
    const { heap, profile } = machine;
    this.ctx = heap.allocate('io_ring_ctx');
    this.memory = new RingMemory(machine, init, init.userAreas);
    this.userFrames = init.userAreas ? [...init.userAreas.rings, ...init.userAreas.sqes] : [];
    this.lock = new Mutex(this.ctx.sub('uring_lock'), 'io_ring_ctx.uring_lock');
    for (const list of LISTS) if (this.ctx.has(list)) listInit(machine.ram, this.ctx.addressOf(list));
    this.ctx.assign({
      flags: init.flags,
      compat: Number(init.compat),
      sq_entries: init.sqEntries,
      cq_entries: init.cqEntries,
      sq_sqes: this.memory.sqesAddress,
      sq_array: this.memory.sqArray === 0 ? 0 : this.memory.rings.address + BigInt(this.memory.sqArray),
    });
    this.ctx.point('rings', this.memory.rings);
    this.describePages();
    this.completions = new CompletionQueue(heap, this.ctx, this.memory, () => this.posted());
    this.personalities = new Personalities(machine, this.ctx);
    this.provided = new ProvidedBuffers(machine, this.ctx);
    this.nodes = new RsrcNodes(machine, this.ctx);
    this.waitQueue = new WaitQueue(this.ctx.sub('cq_wait'));
    this.pollQueue = this.ctx.has('poll_wq') ? new WaitQueue(this.ctx.sub('poll_wq')) : this.waitQueue;
    const { user } = init.creator.cred;
    const { mm } = init.creator;
    this.payer = new Payer(init.chargesUser ? user : undefined, mm);
    if (init.chargesUser) this.ctx.point('user', user.record);
    if (mm) this.ctx.point('mm_account', mm.record);
    if (this.ctx.has('clockid')) this.ctx.set('clockid', CLOCK_MONOTONIC);
    if (profile.dialect.sparseBuffer === 'per-ring-dummy') {
      this.ownDummy = heap.allocate('io_mapped_ubuf').set('ubuf', -1n);
      this.ctx.point('dummy_ubuf', this.ownDummy);
    }
    this.dummyBuffer = (this.ownDummy ?? globalDummy(machine)).address;
  }

  /** Its requests. Made with the ring by io_uring_setup. */
  get engine(): Engine {
    if (!this.requests) throw new Error('a ring that is not set up');
    return this.requests;
  }
  set engine(engine: Engine) {
    this.requests = engine;
  }

  /** Worker limits that were registered, 0 for none. */
  get workerLimits(): [number, number] {
    return [this.ctx.get('iowq_limits[0]'), this.ctx.get('iowq_limits[1]')];
  }

  /** IORING_SETUP_* */
  get flags(): number {
    return this.ctx.get('flags');
  }

  /** Made by a 32-bit system call, and takes the iovecs of such programs. */
  get compat(): boolean {
    return this.ctx.get('compat') !== 0;
  }

  get disabled(): boolean {
    return (this.flags & Setup.Disabled) !== 0;
  }

  /** Holders of `ctx->refs`. */
  get refs(): number {
    return this.references;
  }

  /** No new users are wanted: the ring is closed, or a registration waits for the present ones to go. */
  get dying(): boolean {
    return this.killed;
  }

  /** Takes a reference to the ring; false when the last has already gone. */
  tryGet(): boolean {
    if (this.references === 0) return false;
    this.references++;
    return true;
  }

  put(): void {
    this.references--;
    if (this.references === 0 && this.closed) tearDown(this);
  }

  /** Waits until only the caller uses the ring; afterwards `resurrect` must follow. */
  quiesce(): Blocked | undefined {
    if (!this.killed) {
      this.killed = true;
      this.put();
    }
    return this.references === 0 ? undefined : new Blocked('io_ring_ctx.refs');
  }

  resurrect(): void {
    this.killed = false;
    this.references++;
  }

  /** From now on only this task may submit and register. */
  setSubmitter(task: Task): void {
    this.submitter = task;
    this.ctx.point('submitter_task', task.record);
  }

  /** Has a submission thread serve the ring; takes over the caller's share of it. */
  joinThread(data: SqData): void {
    this.sqData = data;
    this.ctx.point('sq_data', data.record);
    data.add(this);
  }

  /** Credentials that the submission thread uses. */
  setSqCreds(cred: Cred): void {
    this.sqCreds.push(cred.get());
    this.ctx.point('sq_creds', cred.record);
  }

  /** The last descriptor and mapping are gone. What links still refer to stays until they go. */
  close(): void {
    this.requests?.dropAll();
    this.personalities.clear();
    this.closed = true;
    if (this.killed) return;
    this.killed = true;
    this.put();
  }

  /** @throws {UseAfterFree} when the ring is gone: an iterator may outlive it. */
  assertLive(): void {
    if (!this.ctx.live) throw new UseAfterFree('io_ring_ctx', this.ctx.address);
  }

  /** A 32-bit member of the context by its byte offset. */
  word(offset: number): number {
    return this.machine.ram.view.getUint32(this.ctx.offset + offset, true);
  }

  /** Element of an array of 64-bit words that a member of the context, by its byte offset, points at. */
  tableWord(offset: number, index: number): bigint {
    const { view } = this.machine.ram;
    // Tables stand in low memory, whose linear offset is the low half of the address.
    return view.getBigUint64(view.getUint32(this.ctx.offset + offset, true) + 8 * index, true);
  }

  /** Frees the ring. Only for `tearDown`. */
  destroy(): void {
    this.sqData?.remove(this);
    this.requests?.release();
    this.nodes.release();
    this.provided.release();
    this.buffers?.release();
    this.files?.release();
    this.eventfd?.release();
    this.completions.release();
    for (const cred of this.sqCreds) cred.put();
    detachRing(this);
    this.memory.release();
    for (const frame of this.userFrames) this.machine.pages.unpin(frame);
    if (this.ownDummy) this.machine.heap.free(this.ownDummy);
    this.machine.heap.free(this.ctx);
  }

  /** Entries were published. */
  private posted(): void {
    this.requests?.afterCommit();
    this.eventfd?.posted();
    const events = PollEvent.In | PollEvent.UringWake;
    this.waitQueue.wake(events);
    if (this.pollQueue !== this.waitQueue) this.pollQueue.wake(events);
  }

  private describePages(): void {
    if (this.machine.profile.dialect.versionCode < RING_PAGES_VERSION) return;
    this.ctx
      .set('ring_pages', this.memory.pageTable('rings'))
      .set('sqe_pages', this.memory.pageTable('sqes'));
    this.ctx.set('n_ring_pages', this.memory.frames('rings').length);
    this.ctx.set('n_sqe_pages', this.memory.frames('sqes').length);
  }
}

/**
 * Rings whose last user has gone. A ring's files may hold the last links to further rings, and so on: they are
 * taken one after another, as the kernel's exit work does, not from within each other.
 */
const exiting: IoUring[] = [];

function tearDown(ring: IoUring): void {
  exiting.push(ring);
  if (exiting.length > 1) return;
  try {
    for (const next of exiting) next.destroy();
  } finally {
    exiting.length = 0;
  }
}

/** The buffer that all empty slots share, a read-only object of the kernel image. */
function globalDummy(machine: Machine): Record {
  const dummy = machine.symbols.object('dummy_ubuf', machine.profile.layout('io_mapped_ubuf'));
  return dummy.set('ubuf', -1n).set('len', 0xffff_ffff);
}
