/** Limits and placement of a task's io_uring worker threads. */
import { Errno } from '../../bpf/errno.ts';
import { isNull, readStruct, readUser, writeUser } from '../user-pointer.ts';
import type { RegisterCall } from './register-ops.ts';
import { taskContext } from './task-context.ts';
import { RegisterOp } from './uapi.ts';

/** Bytes of the kernel's cpumask; what the caller gives beyond it is ignored. */
const CPUMASK_SIZE = 1024;
const INT_MAX = 0x7fff_ffff;

/**
 * IORING_REGISTER_IOWQ_AFF and UNREGISTER_IOWQ_AFF. The mask is kept inside the worker pool, which no record of
 * the model shows.
 * @returns 0, -EINVAL for no mask or a task without io_uring, -EFAULT.
 */
export function iowqAffinity({ task, op, memory, argument, count }: RegisterCall): number {
  const given = op === RegisterOp.IowqAff;
  if (given && (isNull(argument) || count === 0)) return -Errno.EINVAL;
  if (!taskContext(task)) return -Errno.EINVAL;
  if (given && !readUser(memory, argument, 0, Math.min(count, CPUMASK_SIZE))) return -Errno.EFAULT;
  return 0;
}

/**
 * IORING_REGISTER_IOWQ_MAX_WORKERS: two limits (bounded, unbounded work), 0 to leave one as it is. The former
 * ones are given back in their place.
 * @returns 0, -EINVAL, -EFAULT.
 */
export function iowqMaxWorkers({ ring, task, memory, argument, count }: RegisterCall): number {
  if (isNull(argument) || count !== 2) return -Errno.EINVAL;
  const wanted = readStruct(memory, argument, 8);
  if (!wanted) return -Errno.EFAULT;
  const limits = [wanted.getUint32(0, true), wanted.getUint32(4, true)] as const;
  if (limits.some((limit) => limit > INT_MAX)) return -Errno.EINVAL;
  const workers = taskContext(task)?.workers;
  const former = new Uint8Array(8);
  const view = new DataView(former.buffer);
  for (const index of [0, 1] as const) {
    const limit = limits[index];
    if (limit !== 0) ring.ctx.set(`iowq_limits[${index}]`, limit);
    if (!workers) continue;
    view.setUint32(4 * index, workers[index], true);
    if (limit !== 0) workers[index] = limit;
  }
  ring.ctx.set('iowq_limits_set', true);
  return writeUser(memory, argument, 0, former) ? 0 : -Errno.EFAULT;
}
