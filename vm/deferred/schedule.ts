/** Work that was started, in the order in which it is to be done. */
import type { Work } from './work.ts';

/** Work queues first, as they were started; then timers by expiry, of equal ones the one started first. */
export class Schedule {
  private readonly queued: Work[] = [];
  private readonly timers: Work[] = [];

  get size(): number {
    return this.queued.length + this.timers.length;
  }

  /** Work that is in it already is moved (timers), or stays where it is (work queues). */
  add(work: Work, due: bigint): void {
    if (work.kind === 'work queue') {
      if (!this.queued.includes(work)) this.queued.push(work);
    } else {
      this.remove(work);
      let index = this.timers.length;
      while (index > 0 && ((this.timers[index - 1] as Work).due ?? 0n) > due) index--;
      this.timers.splice(index, 0, work);
    }
    work.due = due;
  }

  /** @returns whether it was in it. */
  remove(work: Work): boolean {
    const list = work.kind === 'timer' ? this.timers : this.queued;
    const index = list.indexOf(work);
    if (index >= 0) list.splice(index, 1);
    work.due = undefined;
    return index >= 0;
  }

  /** The next work that is due by a time, taken out, and when it is. */
  take(end: bigint): { work: Work; due: bigint } | undefined {
    const work = this.queued[0] ?? this.timers[0];
    const due = work?.due ?? 0n;
    if (!work || due > end) return undefined;
    this.remove(work);
    return { work, due };
  }

  /** Takes out what is gone. */
  sweep(isGone: (work: Work) => boolean): void {
    for (const work of [...this.queued, ...this.timers]) if (isGone(work)) this.remove(work);
  }
}
