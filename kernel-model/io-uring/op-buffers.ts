/** IORING_OP_PROVIDE_BUFFERS and REMOVE_BUFFERS. */
import { TASK_SIZE } from '../../bpf/address.ts';
import { Errno } from '../../bpf/errno.ts';
import { BufferRing } from './buffer-ring.ts';
import type { Operation } from './outcome.ts';

/** Ids of buffers have 16 bits. */
const MAX_IDS = 1 << 16;
const MAX_LENGTH = 0x7fff_f000;
const MAX_U64 = (1n << 64n) - 1n;

export const provideBuffers: Operation = {
  iopoll: true,
  prepare(_request, sqe) {
    const count = sqe.fd;
    if (sqe.opFlags !== 0 || sqe.fileIndex !== 0) return -Errno.EINVAL;
    if (count <= 0 || count > MAX_IDS) return -Errno.E2BIG;
    if (sqe.length === 0) return -Errno.EINVAL;
    const size = BigInt(sqe.length) * BigInt(count);
    if (sqe.address + size > MAX_U64) return -Errno.EOVERFLOW;
    if (sqe.address + size > TASK_SIZE) return -Errno.EFAULT;
    if (sqe.offset >= BigInt(MAX_IDS)) return -Errno.E2BIG;
    return Number(sqe.offset) + count > MAX_IDS ? -Errno.EINVAL : 0;
  },
  execute({ ring, sqe }) {
    const buffers = Array.from({ length: sqe.fd }, (_, i) => ({
      address: sqe.address + BigInt(i) * BigInt(sqe.length),
      length: Math.min(sqe.length, MAX_LENGTH),
      id: Number(sqe.offset) + i,
    }));
    return ring.provided.provide(sqe.buffer, buffers) ? 0 : -Errno.EINVAL;
  },
};

export const removeBuffers: Operation = {
  iopoll: true,
  prepare(_request, sqe) {
    const unused = sqe.opFlags | sqe.length | sqe.fileIndex;
    if (unused !== 0 || sqe.address !== 0n || sqe.offset !== 0n) return -Errno.EINVAL;
    return sqe.fd <= 0 || sqe.fd > MAX_IDS ? -Errno.EINVAL : 0;
  },
  execute({ ring, sqe }) {
    if (ring.provided.group(sqe.buffer) instanceof BufferRing) return -Errno.EINVAL;
    return ring.provided.remove(sqe.buffer, sqe.fd) ?? -Errno.ENOENT;
  },
};
