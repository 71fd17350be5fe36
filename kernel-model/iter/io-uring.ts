/**
 * What the io_uring_buf and io_uring_file targets of the series share: attaching to a ring, and walking one of
 * its tables under a trylock of `uring_lock`.
 *
 * The lock is only tried: a read that a submission of the same ring runs inline, with the lock held, would
 * otherwise wait for itself.
 */
import { Errno } from '../../bpf/errno.ts';
import { IoUring } from '../io-uring/ring.ts';
import type { SeqFile } from '../seq-file.ts';
import type { Task } from '../task.ts';
import { getU64, setU64 } from '../words.ts';
import type { SeqOperations, Step } from './read.ts';
import type { IterSession } from './session.ts';
import type { Attachment, IterTarget } from './target.ts';

/** Which table is walked, as seen from one ring. */
export interface RingTable {
  /** Member of the context record that gets the object. */
  readonly member: 'ubuf' | 'file';
  /** Slots now: the count that the ring's record gives. */
  size(): number;
  /** Address in a slot, 0n for none. */
  slot(index: number): bigint;
  /** Whether an empty slot is shown (with a NULL object) or ends the walk. */
  readonly showsEmpty: boolean;
}

/** How an iterator goes over something of a ring. */
export interface RingIteration {
  /** Struct of the private data. */
  privateData: string;
  /** Kernel symbol of the seq_operations. */
  seqOps: string;
  open(session: IterSession): SeqOperations;
}

/** A target that attaches to a ring and walks one of its tables. */
export function tableTarget(name: string, table: (ring: IoUring) => RingTable): IterTarget {
  return ringTarget(name, (ring) => {
    const walked = table(ring);
    return {
      privateData: 'bpf_io_uring_seq_info',
      seqOps: `bpf_${name}_seq_ops`,
      open: (session) => new RingWalk(session, ring, walked),
    };
  });
}

/** A target that attaches to a ring. */
export function ringTarget(name: string, iteration: (ring: IoUring) => RingIteration): IterTarget {
  return {
    name,
    mayReschedule: true,
    attach({ task, info }): Attachment | number {
      const file = task.files?.get(info.getUint32(0, true));
      if (!file) return -Errno.EBADF;
      const ring = file.object;
      if (!(ring instanceof IoUring)) return -Errno.EOPNOTSUPP;
      if (!ring.tryGet()) return -Errno.ENXIO;
      return attachRing(ring, file.inode.ino, iteration(ring));
    },
  };
}

/** The link holds a reference to the ring; iterators opened from it hold none of their own. */
function attachRing(ring: IoUring, ino: number, iteration: RingIteration): Attachment {
  return {
    ...iteration,
    fdinfo: () => `io_uring_inode:\t${ino}\n`,
    linkInfo: () => ({ 'iter.io_uring.inode': ino }),
    detach: () => ring.put(),
  };
}

class RingWalk implements SeqOperations {
  private readonly session: IterSession;
  private readonly ring: IoUring;
  private readonly table: RingTable;
  /** Linear offsets of the private index (slots fetched so far) and of the context's members. */
  private readonly indexAt: number;
  private readonly objectAt: number;
  private readonly contextIndexAt: number;
  /** Stands for an empty slot: an address that is no object's, and not NULL. */
  private readonly sentinel: bigint;

  constructor(session: IterSession, ring: IoUring, table: RingTable) {
    this.session = session;
    this.ring = ring;
    this.table = table;
    const info = session.profile.layout('bpf_io_uring_seq_info');
    session.privateRecord?.point('ctx', ring.ctx);
    this.indexAt = session.privateOffset + info.offset('index');
    this.sentinel = session.priv.addressOf('target_private');
    const { context } = session;
    context.point('ctx', ring.ctx);
    this.objectAt = context.offset + context.layout.offset(table.member);
    this.contextIndexAt = context.offset + context.layout.offset('index');
  }

  start(seq: SeqFile, reader: Task): Step {
    this.ring.assertLive();
    if (!this.ring.lock.tryLock(reader)) return -Errno.EDEADLK;
    const object = this.take();
    if (object !== 0n && seq.index === 0) seq.index = 1;
    return object;
  }

  next(_object: bigint, seq: SeqFile): Step {
    seq.index += 1;
    return this.take();
  }

  show(object: bigint): number {
    const { index } = this;
    return this.run(object === this.sentinel ? 0n : object, index > 0 ? index - 1 : 0, false);
  }

  stop(object: Step): void {
    // After a failed start the lock is not ours.
    if (typeof object === 'number') return;
    try {
      if (object === 0n) this.run(0n, this.index, true);
      else if (this.index > 0) this.index -= 1;
    } finally {
      this.ring.lock.unlock();
    }
  }

  private run(object: bigint, index: number, inStop: boolean): number {
    const { view } = this.session.ram;
    view.setBigUint64(this.objectAt, object, true);
    setU64(view, this.contextIndexAt, index);
    return this.session.run(inStop);
  }

  /** The next slot's object, 0n behind the last. */
  private take(): bigint {
    const { index } = this;
    if (index >= this.table.size()) return 0n;
    this.index = index + 1;
    const object = this.table.slot(index);
    return object === 0n && this.table.showsEmpty ? this.sentinel : object;
  }

  private get index(): number {
    return getU64(this.session.ram.view, this.indexAt);
  }

  private set index(value: number) {
    setU64(this.session.ram.view, this.indexAt, value);
  }
}
