/**
 * `struct io_sq_data`: the kernel thread that submits for one or more rings (IORING_SETUP_SQPOLL), and the rings
 * it serves.
 */
import { listAddTail, listDel, listInit } from '../list.ts';
import { Mutex } from '../lock.ts';
import type { Machine, Spinner } from '../machine.ts';
import { lowOffset, type Record } from '../record.ts';
import type { Task } from '../task.ts';
import { Clone } from '../task-table.ts';
import { SqFlag } from './uapi.ts';

/** Idle time when the caller gives none: one second. */
const DEFAULT_IDLE_MS = 1000;
/** Larger times are negative as an int and mean the longest there is. */
const MAX_IDLE_MS = 0x7fff_ffff;
const LONGEST_IDLE = 0xffff_fffe;
/** Task flag of threads that work for io_uring. */
const PF_IO_WORKER = 0x10;

/** A ring, as far as the thread cares. */
export interface Served {
  readonly ctx: Record;
  readonly disabled: boolean;
  readonly memory: { readonly rings: Record };
  readonly engine: { submitFor(thread: Task): boolean };
}

export class SqData implements Spinner {
  readonly record: Record;
  readonly lock: Mutex;
  /** Process that made it; only its rings may join. */
  readonly tgid: number;
  private readonly machine: Machine;
  private readonly rings = new Set<Served>();
  private thread: Task | undefined;
  private asleep = false;
  /** Nanoseconds since boot when it goes to sleep, unless there is work. */
  private sleepsAt = 0n;

  constructor(machine: Machine, creator: Task) {
    this.machine = machine;
    this.tgid = creator.tgid;
    this.record = machine.heap.allocate('io_sq_data');
    this.lock = new Mutex(this.record.sub('lock'), 'io_sq_data.lock');
    listInit(machine.ram, this.record.addressOf('ctx_list'));
    listInit(machine.ram, this.record.addressOf('wait.head'));
    this.record.set('refs', 1);
  }

  /** False once the thread has ended; such a one cannot be joined. */
  get alive(): boolean {
    return this.thread !== undefined && !this.thread.exited;
  }

  /** The thread itself, while it is alive. */
  get worker(): Task | undefined {
    return this.alive ? this.thread : undefined;
  }

  /** Another ring shares the thread. */
  share(): this {
    this.record.add('refs', 1);
    return this;
  }

  /** Serves a ring. Its `sq_thread_idle` is set; the thread sleeps after the longest of its rings' times. */
  add(ring: Served): void {
    this.rings.add(ring);
    const { ctx } = ring;
    this.showSleep(ring);
    // To the front of the list, that is before its first ring.
    const head = this.record.addressOf('ctx_list');
    listAddTail(this.machine.ram, ctx.addressOf('sqd_list'), this.firstOf(head));
    this.updateIdle();
  }

  /** Starts the thread. @param cpu where it is bound to, undefined for anywhere. */
  start(creator: Task, cpu: number | undefined): void {
    const thread = this.newThread(creator);
    this.thread = thread;
    const own = this.machine.profile.dialect.sqThreadIdentity === 'thread';
    this.record.point('thread', thread.record).set('task_tgid', creator.tgid);
    this.record.set('task_pid', own ? thread.pid : creator.pid);
    // Newer threads note the processor they run on, and the model has them run on the first.
    this.record.set('sq_cpu', cpu ?? (own ? 0 : -1));
    this.machine.spinners.add(this);
    this.stayAwake(this.machine.now);
  }

  /** Time passes: an awake thread submits what it finds, and goes to sleep when it has found nothing for long. */
  spin(now: bigint): void {
    this.look(now, false);
  }

  /** A ring has become enabled: a thread that sleeps looks at it. */
  wakeUp(): void {
    if (this.asleep) this.look(this.machine.now, true);
  }

  /** @param wake whether it is woken first (IORING_ENTER_SQ_WAKEUP). */
  look(now: bigint, wake: boolean): void {
    const { thread } = this;
    if (!thread || thread.exited) return;
    if (wake) this.setAsleep(false);
    if (this.asleep) return;
    let worked = wake;
    for (const ring of this.rings) {
      while (!ring.disabled && ring.engine.submitFor(thread)) worked = true;
    }
    if (worked) this.stayAwake(now);
    else if (now >= this.sleepsAt) this.setAsleep(true);
  }

  /** A ring leaves; with the last one the thread ends. */
  remove(ring: Served): void {
    this.rings.delete(ring);
    const { ctx } = ring;
    listDel(this.machine.ram, ctx.addressOf('sqd_list'));
    this.updateIdle();
    if (this.record.add('refs', -1) > 0) return;
    if (this.thread && !this.thread.exited) this.machine.tasks.exit(this.thread, 0);
    this.thread = undefined;
    this.machine.spinners.delete(this);
    this.machine.heap.free(this.record);
  }

  private stayAwake(now: bigint): void {
    const tick = 1_000_000_000n / BigInt(this.machine.profile.dialect.hz);
    this.sleepsAt = now + BigInt(this.record.get('sq_thread_idle')) * tick;
  }

  private setAsleep(asleep: boolean): void {
    if (this.asleep === asleep) return;
    this.asleep = asleep;
    for (const ring of this.rings) this.showSleep(ring);
  }

  /** User space has to wake a thread that sleeps. */
  private showSleep({ memory }: Served): void {
    const flags = memory.rings.get('sq_flags');
    memory.rings.set('sq_flags', this.asleep ? flags | SqFlag.NeedWakeup : flags & ~SqFlag.NeedWakeup);
  }

  /** A thread of the creator's process that runs in the kernel only. */
  private newThread(creator: Task): Task {
    const { tasks } = this.machine;
    const flags = Clone.Vm | Clone.Fs | Clone.Files | Clone.Sighand | Clone.Thread;
    const thread = tasks.get(tasks.clone(creator, flags)) as Task;
    thread.comm = `iou-sqp-${creator.pid}`;
    thread.record.set('flags', thread.record.get('flags') | PF_IO_WORKER);
    return thread;
  }

  private firstOf(head: bigint): bigint {
    return this.machine.ram.view.getBigUint64(lowOffset(head), true);
  }

  private updateIdle(): void {
    let idle = 0;
    for (const { ctx } of this.rings) idle = Math.max(idle, ctx.get('sq_thread_idle'));
    this.record.set('sq_thread_idle', idle);
  }
}

/** Idle time in timer ticks, as a ring keeps it. */
export function idleTicks(milliseconds: number, hz: number): number {
  if (milliseconds > MAX_IDLE_MS) return LONGEST_IDLE;
  return Math.ceil(((milliseconds || DEFAULT_IDLE_MS) * hz) / 1000);
}
