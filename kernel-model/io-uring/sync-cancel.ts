/** IORING_REGISTER_SYNC_CANCEL: calls requests off and waits until they are gone. */
import { Errno } from '../../bpf/errno.ts';
import { Blocked } from '../lock.ts';
import { isNull, readStruct } from '../user-pointer.ts';
import { cancelRequests, knownCancelFlags } from './cancel.ts';
import type { RegisterCall } from './register-ops.ts';
import { findFile } from './request-file.ts';
import { CancelFlag } from './uapi.ts';

const SIZE = 64;
/** 6.6: the operation can be given, in what was padding. */
const OPCODE_VERSION = 0x6_0600;

/**
 * @returns 0 for one request, how many for All and Any, -ENOENT, -EINVAL, -EBADF, -EFAULT, -ETIME (a timeout of
 * zero); or a call that waits for a request that is being executed.
 */
export function syncCancel({ machine, ring, task, memory, argument, count }: RegisterCall): number | Blocked {
  if (isNull(argument) || count !== 1) return -Errno.EINVAL;
  const view = readStruct(memory, argument, SIZE);
  if (!view) return -Errno.EFAULT;
  const { versionCode } = machine.profile.dialect;
  const flags = view.getUint32(12, true);
  if ((flags & ~knownCancelFlags(versionCode)) !== 0) return -Errno.EINVAL;
  for (let at = versionCode >= OPCODE_VERSION ? 33 : 32; at < SIZE; at++) {
    if (view.getUint8(at) !== 0) return -Errno.EINVAL;
  }
  const criteria = { userData: view.getBigUint64(0, true), flags, opcode: view.getUint8(32) };
  let result: number;
  if ((flags & CancelFlag.Fd) === 0) {
    result = cancelRequests(ring.engine, criteria);
  } else {
    const file = findFile(ring, task, view.getInt32(8, true), (flags & CancelFlag.FdFixed) !== 0);
    if (!file) return -Errno.EBADF;
    result = cancelRequests(ring.engine, { ...criteria, file });
  }
  if (result !== -Errno.EALREADY) return result;
  const now = view.getBigInt64(16, true) === 0n && view.getBigInt64(24, true) === 0n;
  return now ? -Errno.ETIME : new Blocked('io_ring_ctx.cq_wait');
}
