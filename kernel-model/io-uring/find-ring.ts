/** The ring that a system call names. */
import { Errno } from '../../bpf/errno.ts';
import type { Task } from '../task.ts';
import { IoUring } from './ring.ts';
import { taskContext } from './task-context.ts';
import { RingLimit } from './uapi.ts';

/**
 * @param registered the number is an index of the task's registered rings, not a descriptor.
 * @returns the ring, or -EBADF, -EOPNOTSUPP (no ring), -EINVAL (no such index).
 */
export function findRing(task: Task, number: number, registered: boolean): IoUring | number {
  if (!registered) {
    const file = task.files?.get(number);
    if (!file) return -Errno.EBADF;
    return file.object instanceof IoUring ? file.object : -Errno.EOPNOTSUPP;
  }
  const context = taskContext(task);
  if (!context || number < 0 || number >= RingLimit.RingFds) return -Errno.EINVAL;
  const ring = context.registeredRing(number)?.object;
  return ring instanceof IoUring ? ring : -Errno.EBADF;
}
