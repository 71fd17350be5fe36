/**
 * Target epoll of the series (v3): the items of an epoll instance in the order of its tree.
 *
 * Faithful to the patches, with what is wrong in them: a traversal that was cut short resumes at the first item
 * with the descriptor number it stopped at. That number may be another item's (two items can have one number),
 * and when it is nobody's any more, the rest is silently left out.
 */
import { Errno } from '../../bpf/errno.ts';
import { type EventPoll, epollOf } from '../epoll.ts';
import type { File } from '../file.ts';
import type { Blocked } from '../lock.ts';
import { lowOffset, UseAfterFree } from '../record.ts';
import type { SeqFile } from '../seq-file.ts';
import type { Task } from '../task.ts';
import type { SeqOperations, Step } from './read.ts';
import type { IterSession } from './session.ts';
import type { Attachment, IterTarget } from './target.ts';

/** `tfd` of the private data: nothing fetched yet, all fetched; else where to resume. */
const TFD_INIT = -1;
const TFD_DONE = -2;

export const epollTarget: IterTarget = {
  name: 'epoll',
  mayReschedule: true,
  attach({ task, info }): Attachment | number {
    const file = task.files?.get(info.getUint32(0, true));
    if (!file) return -Errno.EBADF;
    const ep = epollOf(file);
    return ep ? attachEpoll(ep, file.get()) : -Errno.EOPNOTSUPP;
  },
};

/** The link holds the epoll file; iterators opened from it hold nothing. */
function attachEpoll(ep: EventPoll, file: File): Attachment {
  return {
    privateData: 'bpf_epoll_iter_seq_info',
    seqOps: 'bpf_epoll_seq_ops',
    open: (session) => new EpollWalk(session, ep),
    detach: () => file.put(),
  };
}

class EpollWalk implements SeqOperations {
  private readonly session: IterSession;
  private readonly ep: EventPoll;
  /** Linear offsets of the private tfd and rb_node pointer, and of the context's item. */
  private readonly tfdAt: number;
  private readonly nodeAt: number;
  private readonly itemAt: number;

  constructor(session: IterSession, ep: EventPoll) {
    this.session = session;
    this.ep = ep;
    const info = session.profile.layout('bpf_epoll_iter_seq_info');
    this.tfdAt = session.privateOffset + info.offset('tfd');
    this.nodeAt = session.privateOffset + info.offset('rbp');
    session.privateRecord?.point('ep', ep.record);
    session.context.point('ep', ep.record);
    this.itemAt = session.context.offset + session.context.layout.offset('epi');
    this.tfd = TFD_INIT;
  }

  start(seq: SeqFile, reader: Task): Step | Blocked {
    if (!this.ep.record.live) throw new UseAfterFree('eventpoll', this.ep.record.address);
    const blocked = this.ep.lock.lock(reader);
    if (blocked) return blocked;
    const { tfd } = this;
    if (tfd === TFD_DONE) return 0n;
    if (tfd !== TFD_INIT) return this.at(this.firstWith(tfd));
    const first = this.at(this.ep.tree.first);
    if (first !== 0n && seq.index === 0) seq.index = 1;
    return first;
  }

  next(object: bigint, seq: SeqFile): Step {
    seq.index += 1;
    return this.at(this.ep.tree.next(lowOffset(object)));
  }

  show(object: bigint): number {
    // A file on its way out is passed over without the program, though its number in the sequence is used up.
    const { file } = this.ep.item(lowOffset(object));
    if (file.count === 0) return 0;
    file.get();
    try {
      return this.run(object, false);
    } finally {
      file.put();
    }
  }

  stop(object: Step): void {
    if (typeof object === 'number') return;
    try {
      if (object === 0n) this.run(0n, true);
      this.tfd = object === 0n ? TFD_DONE : this.ep.item(lowOffset(object)).fd;
    } finally {
      this.ep.lock.unlock();
    }
  }

  private firstWith(fd: number): number {
    return this.ep.firstWith(fd)?.record.offset ?? 0;
  }

  /** Address of the item at a node (its first member), noted as the place of the traversal. */
  private at(node: number): bigint {
    const address = node === 0 ? 0n : this.ep.item(node).record.address;
    this.session.ram.view.setBigUint64(this.nodeAt, address, true);
    return address;
  }

  private run(item: bigint, inStop: boolean): number {
    this.session.ram.view.setBigUint64(this.itemAt, item, true);
    return this.session.run(inStop);
  }

  private get tfd(): number {
    return this.session.ram.view.getInt32(this.tfdAt, true);
  }

  private set tfd(value: number) {
    this.session.ram.view.setInt32(this.tfdAt, value, true);
  }
}
