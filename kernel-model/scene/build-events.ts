/** What happens once everything is set up, and which locks are held then. */

import { EventPoll } from '../epoll.ts';
import { EpollOp, epollCtl } from '../epoll-ctl.ts';
import { IoUring } from '../io-uring/ring.ts';
import { Advice } from '../memory-syscalls.ts';
import { rwsemTryWrite } from '../mutex.ts';
import type { Task } from '../task.ts';
import { contentText, MemoryBuilder } from './build-memory.ts';
import { RingBuilder } from './build-rings.ts';
import { SubmissionBuilder } from './build-submissions.ts';
import type { Builder } from './builder.ts';
import type { EventSpec, LockSpec, RangeSpec } from './scene.ts';
import type { ScenePath } from './scene-error.ts';

/** A day: timers that fire again and again are followed one by one. */
const MAX_WAIT_MS = 86_400_000n;

export class EventBuilder {
  private readonly builder: Builder;

  constructor(builder: Builder) {
    this.builder = builder;
  }

  perform(spec: EventSpec, path: ScenePath): void {
    const { builder } = this;
    const task = builder.task(spec.task, [...path, 'task']);
    const { sys } = builder.machine;
    const scope = builder.scopeOf(task);
    if (spec.dontneed) {
      const { address, length } = this.range(task, spec.dontneed, [...path, 'dontneed']);
      builder.done('madvise', task, sys.madvise(task, address, length, Advice.DontNeed), path);
    } else if (spec.unmap) {
      const { address, length } = this.range(task, spec.unmap, [...path, 'unmap']);
      builder.done('munmap', task, sys.munmap(task, address, length), path);
    } else if (spec.write) {
      const at = [...path, 'write'];
      const address = scope.size(spec.write.address, [...at, 'address']);
      new MemoryBuilder(builder, task).write(spec.write, address, Number.MAX_SAFE_INTEGER, at, scope);
    } else if (spec.fork) {
      this.fork(task, spec.fork, [...path, 'fork']);
    } else if (spec.close !== undefined) {
      const at = [...path, 'close'];
      builder.done('close', task, sys.close(task, scope.int(spec.close, at)), at);
    } else if (spec.register) {
      const at = [...path, 'register'];
      const fd = scope.int(spec.register.fd, [...at, 'fd']);
      const rings = new RingBuilder(builder, task);
      for (const [index, call] of spec.register.calls.entries()) {
        rings.register(fd, call, [...at, 'calls', index], scope);
      }
    } else if (spec.submit) {
      const at = [...path, 'submit'];
      const fd = scope.int(spec.submit.fd, [...at, 'fd']);
      new SubmissionBuilder(builder, task).submit(fd, spec.submit.entries, [...at, 'entries'], scope);
    } else if (spec.completions) {
      const at = [...path, 'completions'];
      const fd = scope.int(spec.completions.fd, [...at, 'fd']);
      new SubmissionBuilder(builder, task).expect(fd, spec.completions.are, [...at, 'are'], scope);
    } else if (spec.store) {
      const at = [...path, 'store'];
      const fd = scope.int(spec.store.fd, [...at, 'fd']);
      builder.done('write', task, sys.write(task, fd, this.stored(task, spec.store, at)), at);
    } else if (spec.wait !== undefined) {
      const at = [...path, 'wait'];
      const milliseconds = scope.big(spec.wait, at, { min: 0n, max: MAX_WAIT_MS });
      builder.at(at, () => builder.machine.advance(milliseconds * 1_000_000n));
    } else if (spec.exit) {
      sys.exit_group(task, 0);
    } else if (spec.unwatch) {
      const at = [...path, 'unwatch'];
      const epfd = scope.int(spec.unwatch.epoll, [...at, 'epoll']);
      const fd = scope.int(spec.unwatch.fd, [...at, 'fd']);
      builder.done('epoll_ctl', task, epollCtl(task, epfd, EpollOp.Del, fd, undefined), at);
    }
  }

  /** Takes a lock for good: whoever wants it while iterators run finds it held. */
  hold(spec: LockSpec, path: ScenePath): void {
    const { builder } = this;
    const task = builder.task(spec.task, [...path, 'task']);
    const holder = builder.task(spec.by, [...path, 'by']);
    if (spec.lock === 'mmap_lock') {
      if (!task.mm || !rwsemTryWrite(task.mm.lock, holder.record))
        throw builder.source.error(path, 'the lock is held already');
      return;
    }
    if (spec.fd === undefined) throw builder.source.error(path, `${spec.lock} needs fd`);
    const fd = builder.scopeOf(task).int(spec.fd, [...path, 'fd']);
    const object = task.files?.get(fd)?.object;
    const kind = spec.lock === 'uring_lock' ? IoUring : EventPoll;
    if (!(object instanceof kind)) {
      const wanted = spec.lock === 'uring_lock' ? 'an io_uring' : 'an epoll';
      throw builder.source.error(
        [...path, 'fd'],
        `descriptor ${fd} of task ${task.pid} is not ${wanted} instance`,
      );
    }
    if (!object.lock.tryLock(holder)) throw builder.source.error(path, 'the lock is held already');
  }

  /** Bytes for write(2): text, hex, or a counter of 8 bytes. */
  private stored(task: Task, spec: NonNullable<EventSpec['store']>, path: ScenePath): Uint8Array {
    const scope = this.builder.scopeOf(task);
    if (spec.text !== undefined) return new TextEncoder().encode(scope.text(spec.text, [...path, 'text']));
    if (spec.hex !== undefined) return contentText({ hex: spec.hex });
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, scope.uint64(spec.count ?? 1, [...path, 'count']), true);
    return bytes;
  }

  private range(task: Task, spec: RangeSpec, path: ScenePath): { address: number; length: number } {
    const scope = this.builder.scopeOf(task);
    return {
      address: scope.size(spec.address, [...path, 'address']),
      length: scope.size(spec.length, [...path, 'length']),
    };
  }

  private fork(task: Task, spec: { pid: number; comm?: string }, path: ScenePath): void {
    const { builder } = this;
    builder.scope.spend(builder.machine.pages.used, path);
    builder.done('fork', task, builder.machine.sys.fork(task, spec.pid), path);
    const child = builder.task(spec.pid, path);
    if (spec.comm !== undefined) child.comm = spec.comm;
    const names = builder.namesOf(child);
    for (const [name, address] of builder.namesOf(task)) names.set(name, address);
  }
}
