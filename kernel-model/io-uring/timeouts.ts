/**
 * Pending timeouts of a ring: `timeout_list` (those that wait for a number of completions in their order, and pure
 * ones) and `ltimeout_list` (those that bound the request before them in a chain).
 */
import { Errno } from '../../bpf/errno.ts';
import { listAdd, listAddTail, listDel, listInit } from '../list.ts';
import type { Record } from '../record.ts';
import { BOOT_TIME, type Timer } from '../timers.ts';
import { tryCancel } from './cancel.ts';
import type { Engine } from './engine.ts';
import type { OperationState, Request } from './request.ts';
import { SubmitOp, TimeoutFlag } from './uapi.ts';

const NSEC_PER_SEC = 1_000_000_000n;
/** KTIME_MAX: later than that is never. */
const NEVER = (1n << 63n) - 1n;
/** HRTIMER_STATE_ENQUEUED */
const ENQUEUED = 1;
/** 6.12: the sequence of the last flush is the base of comparisons, and never runs behind. */
const FLUSH_BASE_VERSION = 0x6_0c00;

export interface Timespec {
  seconds: bigint;
  nanoseconds: bigint;
}

/** One TIMEOUT or LINK_TIMEOUT request: `struct io_timeout` and `struct io_timeout_data`. */
export class Timeout implements OperationState {
  readonly request: Request;
  /** IORING_TIMEOUT_* */
  readonly flags: number;
  /** Completions to wait for, 0 for none. */
  off: number;
  /** Completions, without those of timeouts, at which it ends. */
  target = 0;
  /** How often a multishot timeout fires; 0 for ever. */
  repeats: number;
  /** The request that a LINK_TIMEOUT bounds, while both are there. */
  bounds: Request | undefined;
  timer: Timer | undefined;
  time: Timespec;
  absolute: boolean;
  readonly command: Record;
  private readonly data: Record;

  constructor(request: Request, flags: number, off: number, time: Timespec) {
    const { heap, ram } = request.ring.machine;
    this.request = request;
    this.flags = flags;
    this.off = off;
    this.time = time;
    this.absolute = (flags & TimeoutFlag.Absolute) !== 0;
    this.repeats = (flags & TimeoutFlag.Multishot) !== 0 ? off : 0;
    this.command = request.command('io_timeout');
    this.command.set('off', off);
    if (this.command.has('repeats')) this.command.set('repeats', this.repeats);
    listInit(ram, this.command.addressOf('list'));
    this.data = heap.allocate('io_timeout_data');
    request.record.point('async_data', this.data);
    this.data.point('req', request.record).set('flags', flags);
    this.writeTime();
  }

  get multishot(): boolean {
    return (this.flags & TimeoutFlag.Multishot) !== 0;
  }

  /** Only time ends it. */
  get pure(): boolean {
    return this.off === 0 || this.multishot;
  }

  /** Moment it fires, in nanoseconds since boot. */
  expiry(now: bigint): bigint {
    const nanoseconds = atMost(this.time.seconds * NSEC_PER_SEC + this.time.nanoseconds);
    if (!this.absolute) return atMost(now + nanoseconds);
    return (this.flags & TimeoutFlag.RealTime) !== 0 ? nanoseconds - BOOT_TIME : nanoseconds;
  }

  setTarget(target: number): void {
    this.target = target >>> 0;
    this.command.set('target_seq', this.target);
  }

  setBounds(request: Request | undefined): void {
    this.bounds = request;
    this.command.point('head', request?.record);
  }

  countDown(): void {
    this.repeats--;
    if (this.command.has('repeats')) this.command.set('repeats', this.repeats);
  }

  start(fire: () => void): void {
    const { machine } = this.request.ring;
    const expires = this.expiry(machine.now);
    this.timer = machine.startTimer(expires, () => {
      this.stopped();
      fire();
    });
    this.data.set('timer.node.expires', expires).set('timer._softexpires', expires);
    this.data.set('timer.state', ENQUEUED);
  }

  stop(): void {
    if (this.timer) this.request.ring.machine.timers.cancel(this.timer);
    this.stopped();
  }

  setTime(time: Timespec, absolute: boolean): void {
    this.time = time;
    this.absolute = absolute;
    this.writeTime();
  }

  release(): void {
    this.stop();
    this.request.ring.machine.heap.free(this.data);
  }

  private stopped(): void {
    this.timer = undefined;
    this.data.set('timer.state', 0);
  }

  private writeTime(): void {
    this.data.set('ts.tv_sec', this.time.seconds).set('ts.tv_nsec', this.time.nanoseconds);
    this.data.set('mode', this.absolute ? 0 : 1);
  }
}

export class Timeouts {
  private readonly engine: Engine;
  private readonly pending: Timeout[] = [];
  private readonly linked: Timeout[] = [];

  constructor(engine: Engine) {
    this.engine = engine;
  }

  /** In the order of `timeout_list`. */
  get all(): readonly Timeout[] {
    return this.pending;
  }

  /** In the order of `ltimeout_list`. */
  get bounding(): readonly Timeout[] {
    return this.linked;
  }

  /** Puts a timeout to where its turn is, and starts its clock. */
  add(timeout: Timeout): void {
    const { ctx } = this.engine.ring;
    let index = this.pending.length;
    if (!timeout.pure) {
      const base = this.takeBase();
      const tail = this.after(this.sequence, base);
      timeout.setTarget(tail + timeout.off);
      index = this.placeOf(timeout, base);
      ctx.set('off_timeout_used', true);
    }
    this.insert(timeout, index);
    timeout.start(() => this.fire(timeout));
  }

  /** Completions were posted: timeouts that have seen enough of them end. */
  flush(): void {
    const { ctx } = this.engine.ring;
    if (ctx.get('off_timeout_used') === 0) return;
    const last = ctx.get('cq_last_tm_flush');
    const sequence = this.after(this.sequence, last);
    for (let first = this.pending[0]; first && !first.pure; first = this.pending[0]) {
      if ((sequence - last) >>> 0 < (first.target - last) >>> 0) break;
      this.take(first);
      this.count();
      const { request } = first;
      this.engine.later(request, () => this.engine.finish(request, 0));
    }
    ctx.set('cq_last_tm_flush', sequence);
  }

  find(matches: (request: Request) => boolean): Timeout | undefined {
    return this.pending.find(({ request }) => matches(request));
  }

  /** Calls a pending timeout off. @returns false when there is none that matches. */
  cancel(matches: (request: Request) => boolean): boolean {
    const timeout = this.find(matches);
    if (!timeout) return false;
    this.take(timeout);
    this.engine.cancel(timeout.request);
    return true;
  }

  /** A pending timeout goes with its task: it counts as one that fired, which one that is called off does not. */
  kill(request: Request): void {
    const timeout = this.pending.find((other) => other.request === request);
    if (!timeout) return;
    this.take(timeout);
    this.count();
  }

  /** New time for a pending timeout. @returns 0, -ENOENT or -EINVAL. */
  update(userData: bigint, time: Timespec, absolute: boolean): number {
    const timeout = this.find((request) => request.userData === userData);
    if (!timeout) return -Errno.ENOENT;
    if (timeout.multishot && absolute) return -Errno.EINVAL;
    this.take(timeout);
    if (!timeout.multishot) {
      timeout.off = 0;
      timeout.command.set('off', 0);
    }
    timeout.setTime(time, absolute);
    this.insert(timeout, this.pending.length);
    timeout.start(() => this.fire(timeout));
    return 0;
  }

  /** The same for one that bounds a request. */
  updateLinked(userData: bigint, time: Timespec, absolute: boolean): number {
    const timeout = this.linked.find(({ request }) => request.userData === userData);
    if (!timeout) return -Errno.ENOENT;
    timeout.stop();
    timeout.setTime(time, absolute);
    timeout.start(() => this.fireLinked(timeout));
    return 0;
  }

  /** The LINK_TIMEOUT behind a request that is about to be executed. */
  takeLinked(request: Request): Timeout | undefined {
    if (request.linkTimeout !== 'to-arm') return undefined;
    request.linkTimeout = 'armed';
    return timeoutOf(request.link);
  }

  startLinked(timeout: Timeout): void {
    if (!timeout.bounds || !timeout.request.live) return;
    const { ctx, machine } = this.engine.ring;
    this.linked.push(timeout);
    const head = ctx.addressOf('ltimeout_list');
    listAddTail(machine.ram, timeout.command.addressOf('list'), head);
    timeout.start(() => this.fireLinked(timeout));
  }

  /** A request ends before its LINK_TIMEOUT, which is called off and leaves the chain. */
  disarmLinked(request: Request): void {
    if (request.linkTimeout === 'none') return;
    request.linkTimeout = 'none';
    const timeout = timeoutOf(request.link);
    if (!timeout) return;
    this.unchain(request, timeout);
    this.remove(timeout.request);
    const { engine } = this;
    engine.later(timeout.request, () => engine.finish(timeout.request, -Errno.ECANCELED));
  }

  remove(request: Request): void {
    const timeout = timeoutOf(request);
    if (!timeout) return;
    this.take(timeout);
    const index = this.linked.indexOf(timeout);
    if (index >= 0) this.linked.splice(index, 1);
    listDel(this.engine.ring.machine.ram, timeout.command.addressOf('list'));
    timeout.stop();
  }

  private fire(timeout: Timeout): void {
    this.take(timeout);
    this.count();
    const { request } = timeout;
    if ((timeout.flags & TimeoutFlag.EtimeSuccess) === 0) request.fail();
    this.engine.later(request, () => this.expire(timeout));
  }

  private expire(timeout: Timeout): void {
    const { request } = timeout;
    if (!this.firesAgain(timeout) || !this.engine.postMore(request, -Errno.ETIME)) {
      this.engine.finish(request, -Errno.ETIME);
      return;
    }
    this.insert(timeout, this.pending.length);
    timeout.start(() => this.fire(timeout));
  }

  private firesAgain(timeout: Timeout): boolean {
    if (!timeout.multishot) return false;
    if (timeout.off === 0) return true;
    if (timeout.repeats > 0) timeout.countDown();
    return timeout.repeats > 0;
  }

  private fireLinked(timeout: Timeout): void {
    const { request, bounds } = timeout;
    if (bounds) this.unchain(bounds, timeout);
    const index = this.linked.indexOf(timeout);
    if (index >= 0) this.linked.splice(index, 1);
    listDel(this.engine.ring.machine.ram, timeout.command.addressOf('list'));
    timeout.command.point('prev', bounds?.record);
    this.engine.later(request, () => {
      const criteria = { userData: bounds?.userData ?? 0n };
      const result = bounds?.live ? tryCancel(this.engine, criteria) : 0;
      this.engine.finish(request, result || -Errno.ETIME);
    });
  }

  private unchain(request: Request, timeout: Timeout): void {
    request.linkTimeout = 'none';
    if (request.link === timeout.request) request.chain(timeout.request.link);
    timeout.request.chain(undefined);
    timeout.setBounds(undefined);
  }

  private insert(timeout: Timeout, index: number): void {
    const { ctx, machine } = this.engine.ring;
    const before = this.pending[index - 1];
    const node = before ? before.command.addressOf('list') : ctx.addressOf('timeout_list');
    listAdd(machine.ram, timeout.command.addressOf('list'), node);
    this.pending.splice(index, 0, timeout);
  }

  private take(timeout: Timeout): void {
    const index = this.pending.indexOf(timeout);
    if (index < 0) return;
    this.pending.splice(index, 1);
    listDel(this.engine.ring.machine.ram, timeout.command.addressOf('list'));
    timeout.stop();
  }

  /** Behind the last one with an earlier target; pure ones keep the place they have. */
  private placeOf(timeout: Timeout, base: number): number {
    for (let index = this.pending.length; index > 0; index--) {
      const other = this.pending[index - 1] as Timeout;
      if (!other.pure && (timeout.target - base) >>> 0 >= (other.target - base) >>> 0) return index;
    }
    return 0;
  }

  /** Sequence that targets are compared from. */
  private takeBase(): number {
    const { ctx } = this.engine.ring;
    const first = this.pending[0];
    if (!this.keepsBase || !first || first.pure) ctx.set('cq_last_tm_flush', this.sequence);
    return ctx.get('cq_last_tm_flush');
  }

  /** A fired timeout is counted before its completion is posted, which must not set the sequence back. */
  private after(sequence: number, base: number): number {
    return this.keepsBase && (sequence - base) >> 0 < 0 ? base : sequence;
  }

  /** Completions posted, without those of timeouts. */
  private get sequence(): number {
    const { ctx } = this.engine.ring;
    return (ctx.get('cached_cq_tail') - ctx.get('cq_timeouts')) >>> 0;
  }

  private count(): void {
    const { ctx } = this.engine.ring;
    ctx.set('cq_timeouts', ctx.get('cq_timeouts') + 1);
  }

  private get keepsBase(): boolean {
    return this.engine.ring.machine.profile.dialect.versionCode >= FLUSH_BASE_VERSION;
  }
}

export function timeoutOf(request: Request | undefined): Timeout | undefined {
  if (request?.opcode !== SubmitOp.Timeout && request?.opcode !== SubmitOp.LinkTimeout) return undefined;
  return request.state instanceof Timeout ? request.state : undefined;
}

function atMost(time: bigint): bigint {
  return time < NEVER ? time : NEVER;
}
