/**
 * Target io_uring_bvec: every page of every registered buffer, which the series left for later. It walks the pieces
 * (`bio_vec`) page by page, because one object may give 32 KiB of output and a piece may be a huge page.
 *
 * A program gets the buffer, the piece, the place in it, the user address that was registered, and the mapping that
 * still shows this very page there; NULL when there is none, or another page by now: such contents can be had from the
 * ring alone. An empty slot is shown once, without a piece; the end is `index == nr_user_bufs`.
 *
 * `uring_lock` is only tried, as in the other targets; the creator's mmap_lock is taken behind it, in the order in
 * which registering buffers takes them. Unlike them it keeps the place of what is to be shown next, so nothing has to
 * be taken back when a read ends before an object was shown.
 */
import { PAGE_SIZE, pageFrame } from '../../bpf/address.ts';
import { Errno } from '../../bpf/errno.ts';
import { type BvecLayout, bvecLayout, type MappedBuffer } from '../io-uring/bvec.ts';
import type { IoUring } from '../io-uring/ring.ts';
import { Blocked } from '../lock.ts';
import type { Mm } from '../mm.ts';
import { rwsemReadUnlock, rwsemTryRead } from '../mutex.ts';
import { Pte } from '../page-table.ts';
import { Record } from '../record.ts';
import type { SeqFile } from '../seq-file.ts';
import type { Task } from '../task.ts';
import { ringTarget } from './io-uring.ts';
import type { SeqOperations, Step } from './read.ts';
import type { IterSession } from './session.ts';

const PRIVATE = 'bpf_io_uring_bvec_seq_info';

export const ioUringBvec = ringTarget('io_uring_bvec', (ring: IoUring) => ({
  privateData: PRIVATE,
  seqOps: 'bpf_io_uring_bvec_seq_ops',
  open: (session) => new BvecWalk(session, ring),
}));

/** A page's part of a piece. */
interface Part {
  ubuf: bigint;
  bvec: bigint;
  /** Frame of the page, bytes of it from the place on. */
  frame: number;
  length: number;
}

class BvecWalk implements SeqOperations {
  private readonly session: IterSession;
  private readonly ring: IoUring;
  private readonly info: Record;
  private readonly entry: BvecLayout;
  /** What `object` stands for; undefined for an empty slot. */
  private part: Part | undefined;
  /** Stands for an empty slot: an address that is no object's, and not NULL. */
  private readonly sentinel: bigint;
  /** The creator's memory while its mmap_lock is held. */
  private mm: Mm | undefined;

  constructor(session: IterSession, ring: IoUring) {
    this.session = session;
    this.ring = ring;
    this.info = new Record(session.ram, session.profile.layout(PRIVATE), session.privateOffset);
    this.entry = bvecLayout(session.profile);
    this.sentinel = session.priv.addressOf('target_private');
    this.info.point('ctx', ring.ctx);
    session.context.point('ctx', ring.ctx);
  }

  start(seq: SeqFile, reader: Task): Step | Blocked {
    const { ring } = this;
    ring.assertLive();
    if (!ring.lock.tryLock(reader)) return -Errno.EDEADLK;
    const { mm } = ring.payer;
    if (mm?.record.live && mm.users > 0) {
      if (!rwsemTryRead(mm.lock)) {
        ring.lock.unlock();
        return new Blocked('mm_struct.mmap_lock', BigInt.asUintN(64, mm.lock.big('owner')) & ~7n);
      }
      this.mm = mm;
    }
    const object = this.locate();
    if (object !== 0n && seq.index === 0) seq.index = 1;
    return object;
  }

  next(_object: bigint, seq: SeqFile): Step {
    seq.index += 1;
    const { part, info } = this;
    if (part) {
      info.set('offset', this.at('offset') + part.length).set('address', this.at('address') + part.length);
    } else {
      this.enterSlot(this.at('index') + 1);
    }
    return this.locate();
  }

  show(object: bigint): number {
    return this.run(object === this.sentinel ? undefined : this.part, false);
  }

  stop(object: Step): void {
    // After a failed start the locks are not ours.
    if (typeof object === 'number') return;
    try {
      if (object === 0n) this.run(undefined, true);
    } finally {
      if (this.mm) rwsemReadUnlock(this.mm.lock);
      this.mm = undefined;
      this.ring.lock.unlock();
    }
  }

  private run(part: Part | undefined, inStop: boolean): number {
    const { context } = this.session;
    const slot = this.at('index');
    context
      .set('ubuf', part?.ubuf ?? (inStop ? 0n : this.ubufOf(slot)))
      .set('bvec', part?.bvec ?? 0n)
      .set('vma', part ? this.mappingOf(part) : 0n)
      .set('index', slot)
      .set('bvec_index', part ? this.at('bvec') : 0)
      .set('offset', part ? this.at('offset') : 0)
      .set('address', part ? this.at('address') : 0);
    return this.session.run(inStop);
  }

  /** The mapping that shows the part's page where it was registered. */
  private mappingOf(part: Part): bigint {
    const address = this.at('address');
    const vma = this.mm?.covering(address);
    if (!vma || !this.mm) return 0n;
    const entry = this.mm.memory.table.get(Math.floor(address / PAGE_SIZE));
    return entry !== 0 && (entry & Pte.FrameMask) === part.frame ? vma.record.address : 0n;
  }

  /** The object at the place, or at the next one that there is; 0n behind the last. */
  private locate(): bigint {
    const size = this.ring.ctx.get('nr_user_bufs');
    for (;;) {
      const slot = this.at('index');
      this.part = undefined;
      if (slot >= size) return 0n;
      const buffer = this.ring.buffers?.at(slot);
      if (!buffer) return this.sentinel;
      const begins = this.at('bvec') === 0 && this.at('offset') === 0;
      if (begins) this.info.set('address', buffer.address);
      this.part = this.partOf(buffer);
      if (this.part) return this.part.bvec;
      this.enterSlot(slot + 1);
    }
  }

  /** The page at the place, moving on to the next piece where one is at its end; undefined behind the last piece. */
  private partOf({ record, entries }: MappedBuffer): Part | undefined {
    const { view } = this.session.ram;
    for (let index = this.at('bvec'); index < entries; index++) {
      const place = record.layout.size + index * this.entry.size;
      const at = record.offset + place;
      const length = view.getUint32(at + this.entry.length, true);
      const offset = this.at('offset');
      if (offset < length) {
        const within = view.getUint32(at + this.entry.offset, true) + offset;
        const page = pageFrame(view.getBigUint64(at + this.entry.page, true));
        return {
          ubuf: record.address,
          bvec: record.address + BigInt(place),
          frame: page + Math.floor(within / PAGE_SIZE),
          length: Math.min(length - offset, PAGE_SIZE - (within % PAGE_SIZE)),
        };
      }
      this.info.set('bvec', index + 1).set('offset', 0);
    }
    return undefined;
  }

  private enterSlot(slot: number): void {
    this.info.set('index', slot).set('bvec', 0).set('offset', 0).set('address', 0);
  }

  /** What an empty slot holds. */
  private ubufOf(slot: number): bigint {
    return this.ring.tableWord(this.ring.ctx.layout.offset('user_bufs'), slot);
  }

  private at(member: 'index' | 'bvec' | 'offset' | 'address'): number {
    return Number(this.info.big(member));
  }
}
