/** IORING_REGISTER_CLONE_BUFFERS: a ring shares the registered buffers of another one. */
import { Errno } from '../../bpf/errno.ts';
import { isNull, readStruct } from '../user-pointer.ts';
import { BufferTable } from './buffer-table.ts';
import { findRing } from './find-ring.ts';
import type { RegisterCall } from './register-ops.ts';
import { newRsrcData } from './register-rsrc.ts';
import { RsrcKind } from './rsrc-data.ts';

const SIZE = 32;
/** IORING_REGISTER_SRC_REGISTERED: the source is an index of the task's registered rings. */
const SRC_REGISTERED = 1;

/** @returns 0, -EBUSY (the ring has buffers), -EFAULT, -EINVAL, -EBADF, -EOPNOTSUPP, -ENXIO (nothing to share). */
export function cloneBuffers({ ring, task, memory, argument, count }: RegisterCall): number {
  if (isNull(argument) || count !== 1) return -Errno.EINVAL;
  if (ring.buffers) return -Errno.EBUSY;
  const view = readStruct(memory, argument, SIZE);
  if (!view) return -Errno.EFAULT;
  const flags = view.getUint32(4, true);
  if ((flags & ~SRC_REGISTERED) !== 0) return -Errno.EINVAL;
  for (let at = 8; at < SIZE; at += 4) if (view.getUint32(at, true) !== 0) return -Errno.EINVAL;
  const source = findRing(task, view.getInt32(0, true), (flags & SRC_REGISTERED) !== 0);
  if (typeof source === 'number') return source;
  // What is shared is accounted for once, so both have to be accounted to the same.
  for (const payer of ['user', 'mm_account']) {
    if (ring.ctx.big(payer) !== source.ctx.big(payer)) return -Errno.EINVAL;
  }
  const { buffers } = source;
  if (!buffers || buffers.size === 0) return -Errno.ENXIO;
  const data = newRsrcData(ring, RsrcKind.Buffer, buffers.size, undefined);
  if (typeof data === 'number') return data;
  const table = new BufferTable(ring.machine, ring.ctx, data, ring.payer, ring.dummyBuffer);
  for (let slot = 0; slot < buffers.size; slot++) table.set(slot, buffers.at(slot)?.share());
  table.attach();
  ring.buffers = table;
  return 0;
}
