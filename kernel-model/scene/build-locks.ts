/** Locks that are held while iterators run. */
import { EventPoll } from '../epoll.ts';
import { IoUring } from '../io-uring/ring.ts';
import { rwsemTryWrite } from '../mutex.ts';
import type { Builder } from './builder.ts';
import type { LockSpec } from './scene.ts';
import type { ScenePath } from './scene-error.ts';

/** Takes a lock for good: whoever wants it while iterators run finds it held. */
export function holdLock(builder: Builder, spec: LockSpec, path: ScenePath): void {
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
