/** An open iterator file and a reader that reads it to the end, as `cat` does. */
import { Errno } from '../bpf/errno.ts';
import type { IterFile } from '../kernel-model/iter/iter-file.ts';
import { PendingRead, type ReadOptions } from '../kernel-model/iter/read.ts';
import type { Machine } from '../kernel-model/machine.ts';
import type { SeqFile } from '../kernel-model/seq-file.ts';
import type { Task } from '../kernel-model/task.ts';

/** Bytes that reading to the end may give. There are iterators that never end: epoll's, with duplicate items. */
export const MAX_OUTPUT = 256 << 20;
/** Reads in a row that may ask for a retry before the reader gives up. */
const MAX_RETRIES = 100;

export interface Reading {
  readonly bytes: Uint8Array;
  /** The errno (positive) that ended reading, 0 at the end of the iteration. */
  readonly errno: number;
  /** Why reading stopped otherwise than at the end or with an errno. */
  readonly stopped: string | undefined;
}

export class OpenIterator {
  private readonly machine: Machine;
  private readonly reader: Task;
  private readonly file: IterFile;
  private readonly fd: number;
  private readonly linkFd: number;
  /** Bytes that reads have given so far. */
  delivered = 0;

  constructor(machine: Machine, reader: Task, file: IterFile, fds: { iterator: number; link: number }) {
    this.machine = machine;
    this.reader = reader;
    this.file = file;
    this.fd = fds.iterator;
    this.linkFd = fds.link;
  }

  /** One read(2): bytes, a negative errno, or a read that waits for a lock. */
  read(length: number, options?: ReadOptions): Uint8Array | number | PendingRead {
    const result = this.file.read(this.reader, length, options);
    if (result instanceof Uint8Array) this.delivered += result.length;
    return result;
  }

  /** What programs write to. */
  get seq(): SeqFile {
    return this.file.session.seq;
  }

  /** The link may go before the iterator. */
  closeLink(): void {
    this.machine.sys.close(this.reader, this.linkFd);
  }

  /** Who does not let go what a read waits for, as the middle of a sentence. */
  private holderOf({ holder }: PendingRead): string {
    const task = this.machine.tasks.at(holder);
    return task ? `task ${task.pid} (${task.comm}) holds and never` : 'nobody';
  }

  /** Reads until the end, an error, or a lock that nobody lets go. -EAGAIN is followed by another try. */
  readAll(length: number, limit: number = MAX_OUTPUT): Reading {
    const parts: Uint8Array[] = [];
    let size = 0;
    let retries = 0;
    let errno = 0;
    let stopped: string | undefined;
    for (;;) {
      const result = this.read(length);
      if (result instanceof PendingRead) {
        stopped = `waits for ${result.waitsFor}, which ${this.holderOf(result)} lets go`;
        break;
      }
      if (result === -Errno.EAGAIN && retries < MAX_RETRIES) {
        retries++;
        continue;
      }
      if (typeof result === 'number') {
        errno = -result;
        break;
      }
      if (result.length === 0) break;
      retries = 0;
      parts.push(result);
      size += result.length;
      if (size > limit) {
        stopped = `has given more than ${limit} bytes and may never end`;
        break;
      }
    }
    return { bytes: join(parts, size), errno, stopped };
  }

  close(): void {
    this.machine.sys.close(this.reader, this.fd);
    this.closeLink();
  }
}

function join(parts: readonly Uint8Array[], size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
