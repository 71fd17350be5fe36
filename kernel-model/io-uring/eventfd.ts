/** The eventfd that a ring signals when it posts completions (IORING_REGISTER_EVENTFD and _ASYNC). */
import { Errno } from '../../bpf/errno.ts';
import { EventfdContext } from '../eventfd.ts';
import type { Record } from '../record.ts';
import type { Task } from '../task.ts';
import { PollEvent } from '../wait-queue.ts';
import type { IoUring } from './ring.ts';

/** IORING_CQ_EVENTFD_DISABLED in `cq_flags`, set by user space. */
const CQ_EVENTFD_DISABLED = 1;

/** Where a kernel keeps the registration: in the ring itself (5.16), or in a `struct io_ev_fd`. */
export class EventfdRegistration {
  readonly context: EventfdContext;
  readonly isAsync: boolean;
  private readonly ring: IoUring;
  private readonly holder: Record | undefined;

  /** Takes a reference to the context. */
  constructor(ring: IoUring, context: EventfdContext, isAsync: boolean) {
    this.ring = ring;
    this.context = context.get();
    this.isAsync = isAsync;
    const { ctx } = ring;
    if (ctx.has('cq_ev_fd')) {
      ctx.point('cq_ev_fd', context.record).set('eventfd_async', isAsync);
      return;
    }
    this.holder = ring.machine.heap.allocate('io_ev_fd');
    this.holder.point('cq_ev_fd', context.record).set('eventfd_async', isAsync);
    if (this.holder.has('refs')) this.holder.set('refs', 1);
    ctx.point('io_ev_fd', this.holder).set('has_evfd', true);
    ctx.set('evfd_last_cq_tail', ctx.get('cached_cq_tail'));
  }

  /**
   * The tail was published. An asynchronous registration is told of what workers post only, and nobody while user
   * space has notifications off. Newer kernels signal only when the tail has moved.
   */
  posted(): void {
    const { ctx, memory } = this.ring;
    if (ctx.has('evfd_last_cq_tail')) {
      const tail = ctx.get('cached_cq_tail');
      if (tail === ctx.get('evfd_last_cq_tail')) return;
      ctx.set('evfd_last_cq_tail', tail);
    }
    if (this.isAsync && !this.ring.engine.worker.active) return;
    if ((memory.rings.get('cq_flags') & CQ_EVENTFD_DISABLED) !== 0) return;
    this.context.signal(1n, PollEvent.UringWake);
  }

  release(): void {
    const { ctx } = this.ring;
    if (this.holder) {
      ctx.set('io_ev_fd', 0).set('has_evfd', false);
      this.ring.machine.heap.free(this.holder);
    } else {
      ctx.set('cq_ev_fd', 0).set('eventfd_async', false);
    }
    this.context.put();
  }
}

/** @returns 0, -EBUSY, -EBADF for no open descriptor, -EINVAL for one that is no eventfd. */
export function registerEventfd(ring: IoUring, task: Task, fd: number, isAsync: boolean): number {
  if (ring.eventfd) return -Errno.EBUSY;
  const file = task.files?.get(fd);
  if (!file) return -Errno.EBADF;
  if (!(file.object instanceof EventfdContext)) return -Errno.EINVAL;
  ring.eventfd = new EventfdRegistration(ring, file.object, isAsync);
  return 0;
}

/** @returns 0, or -ENXIO when none is registered. */
export function unregisterEventfd(ring: IoUring): number {
  if (!ring.eventfd) return -Errno.ENXIO;
  ring.eventfd.release();
  ring.eventfd = undefined;
  return 0;
}
