/** The provided buffer that a request has been given (IOSQE_BUFFER_SELECT). */
import { Errno } from '../../bpf/errno.ts';
import { callerMemory } from '../user-pointer.ts';
import { canPoll } from './file-poll.ts';
import type { Place } from './outcome.ts';
import type { Picked } from './provided-buffers.ts';
import type { Request } from './request.ts';
import { CQE_BUFFER_SHIFT, CqeFlag, SqeFlag } from './uapi.ts';

const selections = new WeakMap<Request, BufferSelection>();

export class BufferSelection {
  readonly address: bigint;
  length: number;
  private readonly request: Request;
  private readonly picked: Picked;
  /** Whether some of the buffer is left for the next request; known once it is committed. */
  private more: boolean | undefined;

  private constructor(request: Request, picked: Picked, length: number) {
    this.request = request;
    this.picked = picked;
    this.address = picked.address;
    this.length = length;
  }

  /** The request's buffer, undefined when it asks for none, -ENOBUFS when its group has none. */
  static of(request: Request, place: Place): BufferSelection | undefined | number {
    if (!request.has(SqeFlag.BufferSelect)) return undefined;
    const kept = selections.get(request);
    if (kept) return kept;
    const { ring, sqe } = request;
    const picked = ring.provided.pick(sqe.buffer);
    if (!picked) return -Errno.ENOBUFS;
    const length = sqe.length === 0 ? picked.length : Math.min(sqe.length, picked.length);
    const selection = new BufferSelection(request, picked, length);
    selections.set(request, selection);
    // Who cannot keep the lock until the end has to take the buffer now; of a list it is out already.
    if (picked.inRing && (place === 'worker' || !canPoll(request.file)))
      selection.more = picked.commit(length);
    return selection;
  }

  store(bytes: Uint8Array): boolean {
    return bytes.length === 0 || callerMemory(this.request.task).write(this.address, bytes);
  }

  load(length: number): Uint8Array | null {
    return callerMemory(this.request.task).read(this.address, length);
  }

  /** The request ends. @returns flags of its completion. */
  commit(length: number): number {
    selections.delete(this.request);
    const more = this.more ?? this.picked.commit(length);
    const flags = CqeFlag.Buffer | (this.picked.id << CQE_BUFFER_SHIFT);
    return (more ? flags | CqeFlag.BufMore : flags) >>> 0;
  }

  /** Not used after all: the next one to ask gets it. */
  recycle(): void {
    // Once the head has moved the request keeps it.
    if (this.more !== undefined) return;
    if (!this.picked.recycle()) return;
    selections.delete(this.request);
  }
}
