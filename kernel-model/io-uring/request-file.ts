/** The file that a request works on: of a descriptor, or registered. */
import { Errno } from '../../bpf/errno.ts';
import type { File } from '../file.ts';
import type { Task } from '../task.ts';
import type { Request } from './request.ts';
import type { IoUring } from './ring.ts';
import { SqeFlag } from './uapi.ts';

/** @returns 0, or -EBADF. */
export function assignFile(request: Request): number {
  if (request.file) return 0;
  const fixed = request.has(SqeFlag.FixedFile);
  const file = findFile(request.ring, request.task, request.sqe.fd, fixed);
  if (!file) return -Errno.EBADF;
  request.attach(file.get());
  if (fixed) request.releaseResource ??= request.ring.nodes.use();
  return 0;
}

/** @param fixed the number is a slot of the ring's registered files. */
export function findFile(ring: IoUring, task: Task, fd: number, fixed: boolean): File | undefined {
  return fixed ? ring.files?.at(fd) : task.files?.get(fd);
}
