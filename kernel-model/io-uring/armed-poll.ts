/** A request that waits until its file is ready: `struct io_poll`, its places in wait queues and the cancel table. */
import { Errno } from '../../bpf/errno.ts';
import type { Record } from '../record.ts';
import { PollEvent, type Waiter, type WaitQueue } from '../wait-queue.ts';
import type { TableName } from './cancel-table.ts';
import { canPoll, readiness } from './file-poll.ts';
import type { Request } from './request.ts';

/** Always waited for. */
const ALWAYS = PollEvent.Err | PollEvent.Hup | 0x20 | PollEvent.RdHup;
/** Events that do not say what a file is ready for. */
const BEHAVIOUR = PollEvent.OneShot | PollEvent.EdgeTriggered | PollEvent.Exclusive;

interface Place {
  readonly queue: WaitQueue;
  readonly waiter: Waiter;
}

/** What arming comes to: ready at once (with the events), waiting, or an errno. */
export type Armed = { readonly ready: number } | 'waiting' | number;

export class ArmedPoll {
  readonly request: Request;
  readonly table: TableName;
  /** PollEvent bits, with those that say how to wait. */
  events: number;
  private readonly record: Record;
  private readonly ready: (events: number) => void;
  private places: Place[] = [];
  private waiting = false;
  private scheduled = false;
  private mask = 0;
  private cancelled = false;

  /**
   * @param record the `struct io_poll` of the request.
   * @param ready called, on the way out of the kernel, with the events that came true; with a negative errno when
   * the wait was called off. One-shot waits are over then.
   */
  constructor(
    request: Request,
    record: Record,
    events: number,
    table: TableName,
    ready: (events: number) => void,
  ) {
    this.request = request;
    this.record = record;
    this.events = events | ALWAYS;
    this.table = table;
    this.ready = ready;
  }

  get oneShot(): boolean {
    return (this.events & PollEvent.OneShot) !== 0;
  }

  get file() {
    const { file } = this.request;
    if (!file) throw new Error('a poll without a file');
    return file;
  }

  /** Starts to wait, unless the file is ready and once is enough. */
  arm(): Armed {
    const { mask, queues } = readiness(this.file);
    const found = mask & this.events;
    const edge = (this.events & PollEvent.EdgeTriggered) !== 0;
    if (queues.length === 0 && !canPoll(this.file)) {
      return found !== 0 && edge ? { ready: found } : -Errno.EINVAL;
    }
    if (found !== 0 && edge && this.oneShot) return { ready: found };
    this.record.point('file', this.file.record).set('events', this.events);
    for (const [index, queue] of queues.entries()) this.stand(queue, index);
    this.waiting = true;
    this.request.engine.cancelTable.add(this);
    if (found !== 0 && edge) this.schedule(found);
    return 'waiting';
  }

  /** Stops waiting: out of the queues and the table. */
  disarm(): void {
    this.leaveQueues();
    if (!this.waiting) return;
    this.waiting = false;
    this.request.engine.cancelTable.remove(this);
  }

  /** Calls the wait off; the request is told when its task leaves the kernel, or (5.16) at once. */
  cancel(): void {
    this.cancelled = true;
    if (this.request.engine.cancelsAtOnce) {
      this.run();
      return;
    }
    this.schedule(0);
  }

  private stand(queue: WaitQueue, index: number): void {
    const { heap } = this.request.ring.machine;
    const entry = index === 0 ? this.record.sub('wait') : heap.allocate('wait_queue_entry');
    entry.point('private', this.request.record);
    const waiter: Waiter = { entry, wake: (events) => this.wake(events, place) };
    const place = { queue, waiter };
    if (index === 0) this.record.set('head', queue.address);
    this.places.push(place);
    queue.add(waiter, (this.events & PollEvent.Exclusive) !== 0);
  }

  private wake(events: number, place: Place): void {
    if (events !== 0 && (events & this.events & ~BEHAVIOUR & ~PollEvent.Pri) === 0) return;
    // A poll that its own completions wake would go on for ever.
    if ((events & PollEvent.UringWake) !== 0) this.events |= PollEvent.OneShot;
    if (events !== 0 && this.oneShot) this.leave(place);
    this.schedule(events & ~PollEvent.UringWake);
  }

  private schedule(events: number): void {
    // Of several wake-ups at once only the file itself can tell what it is ready for.
    this.mask = this.scheduled ? 0 : events;
    if (this.scheduled) return;
    this.scheduled = true;
    this.request.engine.later(this.request, () => this.run());
  }

  private run(): void {
    this.scheduled = false;
    if (!this.waiting) return;
    if (this.cancelled) {
      this.disarm();
      this.ready(-Errno.ECANCELED);
      return;
    }
    const found = (this.mask || readiness(this.file).mask) & this.events;
    if (found === 0) {
      if (this.oneShot) this.rearm();
      return;
    }
    if (this.oneShot) this.disarm();
    this.ready(found & ~BEHAVIOUR);
  }

  /** Somebody else was faster: wait again. */
  private rearm(): void {
    this.disarm();
    const armed = this.arm();
    if (typeof armed === 'object') this.ready(armed.ready & ~BEHAVIOUR);
  }

  private leaveQueues(): void {
    for (const place of [...this.places]) this.leave(place);
  }

  private leave(place: Place): void {
    const index = this.places.indexOf(place);
    if (index < 0) return;
    this.places.splice(index, 1);
    place.queue.remove(place.waiter);
    if (place.waiter.entry.address === this.record.addressOf('wait')) this.record.set('head', 0);
    else this.request.ring.machine.heap.free(place.waiter.entry);
  }
}
