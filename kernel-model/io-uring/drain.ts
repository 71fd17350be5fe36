/**
 * IOSQE_IO_DRAIN: requests that start only when everything submitted before them has completed, and what comes
 * behind them. `defer_list` holds them, each with the submission count it waits for.
 */
import { listAddTail, listDel } from '../list.ts';
import type { Record } from '../record.ts';
import type { Engine } from './engine.ts';
import type { Request } from './request.ts';
import { SqeFlag } from './uapi.ts';

interface Deferred {
  readonly request: Request;
  /** Entries submitted before it, modulo 2^32. */
  readonly sequence: number;
  /** `struct io_defer_entry` */
  readonly entry: Record;
}

export class Drain {
  private readonly engine: Engine;
  private readonly deferred: Deferred[] = [];

  constructor(engine: Engine) {
    this.engine = engine;
  }

  get size(): number {
    return this.deferred.length;
  }

  get active(): boolean {
    return this.engine.ring.ctx.get('drain_active') !== 0;
  }

  /** @param head of the chain that is being built, if one is. */
  require(head: Request | undefined): void {
    const { ctx } = this.engine.ring;
    ctx.set('drain_active', true);
    if (!head) return;
    // In the middle of a chain: its head is drained, and what comes after the chain.
    head.flags |= SqeFlag.Drain;
    head.forceAsync = true;
    ctx.set('drain_next', true);
  }

  /** Lets a request wait for its turn, or start at once when that has come. */
  queue(request: Request): void {
    const { ring } = this.engine;
    const sequence = this.sequenceOf(request);
    if (this.deferred.length === 0 && !this.mustWait(request, sequence)) {
      ring.ctx.set('drain_active', false);
      this.engine.startLater(request);
      return;
    }
    const entry = ring.machine.heap.allocate('io_defer_entry');
    entry.point('req', request.record).set('seq', sequence);
    listAddTail(ring.machine.ram, entry.addressOf('list'), ring.ctx.addressOf('defer_list'));
    this.deferred.push({ request, sequence, entry });
  }

  /** Completions were posted: whose turn it is now starts. */
  release(): void {
    if (!this.active) return;
    for (let first = this.deferred[0]; first; first = this.deferred[0]) {
      if (this.mustWait(first.request, first.sequence)) return;
      this.take(first);
      this.engine.startLater(first.request);
    }
  }

  remove(request: Request): boolean {
    const found = this.deferred.find((deferred) => deferred.request === request);
    if (found) this.take(found);
    return found !== undefined;
  }

  private take(deferred: Deferred): void {
    const { machine } = this.engine.ring;
    this.deferred.splice(this.deferred.indexOf(deferred), 1);
    listDel(machine.ram, deferred.entry.addressOf('list'));
    machine.heap.free(deferred.entry);
  }

  /** Only what asked for it waits for others; what comes behind waits for the list to be empty. */
  private mustWait(request: Request, sequence: number): boolean {
    const { ctx } = this.engine.ring;
    return request.has(SqeFlag.Drain) && (sequence + ctx.get('cq_extra')) >>> 0 !== ctx.get('cached_cq_tail');
  }

  private sequenceOf(request: Request): number {
    let sequence = this.engine.ring.ctx.get('cached_sq_head');
    for (let part: Request | undefined = request; part; part = part.link) sequence--;
    return sequence >>> 0;
  }
}
