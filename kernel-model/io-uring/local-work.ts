/**
 * When the work that an event leaves for a ring's task is done: as soon as no system call is under way; for rings of
 * IORING_SETUP_DEFER_TASKRUN only when the task asks for completions; with COOP_TASKRUN when it enters the next time.
 */
import { lowOffset } from '../record.ts';
import type { Request } from './request.ts';
import type { IoUring } from './ring.ts';
import { Setup, SqFlag } from './uapi.ts';

interface Item {
  readonly node: bigint;
  readonly run: () => void;
}

export class LocalWork {
  private readonly ring: IoUring;
  private readonly items: Item[] = [];
  /** The list of DEFER_TASKRUN rings stands in the context. */
  private readonly listed: boolean;
  private readonly waits: boolean;

  constructor(ring: IoUring) {
    this.ring = ring;
    this.listed = (ring.flags & Setup.DeferTaskrun) !== 0;
    this.waits = this.listed || (ring.flags & Setup.CoopTaskrun) !== 0;
  }

  get size(): number {
    return this.items.length;
  }

  /** Whether completions have to be asked for. */
  get defers(): boolean {
    return this.listed;
  }

  /** Does something that belongs to no request of the ring: a message of another one. */
  deliver(run: () => void): void {
    const { heap } = this.ring.machine;
    const record = heap.allocate('io_kiocb');
    const node = record.addressOf('io_task_work.node');
    this.items.push({
      node,
      run: () => {
        heap.free(record);
        run();
      },
    });
    if (this.listed) this.push(node);
  }

  /** The task enters the kernel: what COOP_TASKRUN has put off is done. */
  runCooperative(): void {
    if (!this.listed && this.items.length > 0) this.run();
  }

  /** @param request whose record stands in the list meanwhile. */
  add(request: Request, run: () => void): void {
    if (!this.waits) {
      this.ring.machine.taskWork.add(run);
      return;
    }
    const node = request.record.addressOf('io_task_work.node');
    this.items.push({ node, run });
    if (this.listed) this.push(node);
    if ((this.ring.flags & Setup.TaskrunFlag) !== 0) this.setFlag(true);
  }

  /** Does all of it. @returns how many there were. */
  run(): number {
    let done = 0;
    if (this.items.length === 0) return 0;
    this.setFlag(false);
    for (let item = this.items.shift(); item; item = this.items.shift()) {
      this.relink();
      item.run();
      done++;
    }
    return done;
  }

  /** The newest stands first. */
  private push(node: bigint): void {
    const { ctx, machine } = this.ring;
    machine.ram.view.setBigUint64(lowOffset(node), ctx.big('work_llist.first'), true);
    ctx.set('work_llist.first', node);
  }

  private relink(): void {
    if (!this.listed) return;
    this.ring.ctx.set('work_llist.first', 0);
    for (const { node } of this.items) this.push(node);
  }

  private setFlag(on: boolean): void {
    const { rings } = this.ring.memory;
    const flags = rings.get('sq_flags');
    rings.set('sq_flags', on ? flags | SqFlag.Taskrun : flags & ~SqFlag.Taskrun);
  }
}
