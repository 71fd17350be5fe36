/** IORING_REGISTER_RING_FDS: rings that a task registers for itself, to be named by index instead of descriptor. */
import { Errno } from '../../bpf/errno.ts';
import { UserArray, writeUser } from '../user-pointer.ts';
import type { RegisterCall } from './register-ops.ts';
import { IoUring } from './ring.ts';
import { attachTask, type TaskContext, taskContext } from './task-context.ts';
import { RingLimit, UserSize } from './uapi.ts';

/** Offset that asks for any free index. */
const ANY_INDEX = 0xffff_ffff;
/** 6.5: the descriptor is judged before the index. */
const FILE_FIRST_VERSION = 0x6_0500;

/**
 * Each entry: descriptor in `data`, wanted index in `offset`, which is filled in.
 * @returns the number registered; an error (-EINVAL, -EFAULT, -EBUSY, -EBADF, -EOPNOTSUPP) when that is none.
 */
export function registerRingFds(call: RegisterCall): number {
  const { machine, ring, task, memory, argument, count } = call;
  if (count === 0 || count > RingLimit.RingFds) return -Errno.EINVAL;
  if (!taskContext(task)) attachTask(machine, task, ring);
  const context = taskContext(task) as TaskContext;
  const entries = new UserArray(memory, argument, UserSize.RsrcUpdate);
  for (let done = 0; done < count; done++) {
    const index = registerEntry(call, context, entries.at(done));
    if (index < 0) return done > 0 ? done : index;
    const offset = new Uint8Array(4);
    new DataView(offset.buffer).setUint32(0, index, true);
    if (!writeUser(memory, argument, done * UserSize.RsrcUpdate, offset)) {
      context.setRegistered(index, undefined);
      return done > 0 ? done : -Errno.EFAULT;
    }
  }
  return count;
}

/** @returns the number of entries done; an error when that is none. Empty indices are no error. */
export function unregisterRingFds({ task, memory, argument, count }: RegisterCall): number {
  if (count === 0 || count > RingLimit.RingFds) return -Errno.EINVAL;
  const context = taskContext(task);
  if (!context) return 0;
  const entries = new UserArray(memory, argument, UserSize.RsrcUpdate);
  for (let done = 0; done < count; done++) {
    const error = unregisterEntry(context, entries.at(done));
    if (error !== 0) return done > 0 ? done : error;
  }
  return count;
}

/** @returns the index taken, or an errno. */
function registerEntry(call: RegisterCall, context: TaskContext, entry: DataView | null): number {
  if (!entry) return -Errno.EFAULT;
  if (entry.getUint32(4, true) !== 0) return -Errno.EINVAL;
  const wanted = entry.getUint32(0, true);
  if (wanted !== ANY_INDEX && wanted >= RingLimit.RingFds) return -Errno.EINVAL;
  const index = wanted === ANY_INDEX ? context.freeIndex() : wanted;
  const busy = index < 0 || context.registeredRing(index) !== undefined;
  const fileFirst = call.machine.profile.dialect.versionCode >= FILE_FIRST_VERSION;
  if (busy && !fileFirst) return -Errno.EBUSY;
  const file = call.task.files?.get(Number(entry.getBigUint64(8, true) & 0xffff_ffffn));
  if (!file) return -Errno.EBADF;
  if (!(file.object instanceof IoUring)) return -Errno.EOPNOTSUPP;
  if (busy) return -Errno.EBUSY;
  context.setRegistered(index, file.get());
  return index;
}

function unregisterEntry(context: TaskContext, entry: DataView | null): number {
  if (!entry) return -Errno.EFAULT;
  const index = entry.getUint32(0, true);
  const unused = entry.getUint32(4, true) !== 0 || entry.getBigUint64(8, true) !== 0n;
  if (unused || index >= RingLimit.RingFds) return -Errno.EINVAL;
  context.setRegistered(index, undefined);
  return 0;
}
