/** IORING_OP_ASYNC_CANCEL. */
import { Errno } from '../../bpf/errno.ts';
import { cancelRequests, knownCancelFlags } from './cancel.ts';
import type { Operation } from './outcome.ts';
import { findFile } from './request-file.ts';
import { CancelFlag, SqeFlag } from './uapi.ts';

export const asyncCancel: Operation = {
  prepare(request, sqe) {
    if (request.has(SqeFlag.BufferSelect) || sqe.offset !== 0n || sqe.fileIndex !== 0) return -Errno.EINVAL;
    const flags = sqe.opFlags;
    const known = knownCancelFlags(request.ring.machine.profile.dialect.versionCode);
    if ((flags & ~known) !== 0) return -Errno.EINVAL;
    const narrowed = (flags & (CancelFlag.Fd | CancelFlag.Op)) !== 0;
    return narrowed && (flags & CancelFlag.Any) !== 0 ? -Errno.EINVAL : 0;
  },
  execute(request) {
    const { ring, task, sqe, engine } = request;
    const flags = sqe.opFlags;
    const criteria = { userData: sqe.address, flags, opcode: sqe.length };
    if ((flags & CancelFlag.Fd) === 0) return cancelRequests(engine, criteria);
    const fixed = request.has(SqeFlag.FixedFile) || (flags & CancelFlag.FdFixed) !== 0;
    const file = findFile(ring, task, sqe.fd, fixed);
    return file ? cancelRequests(engine, { ...criteria, file }) : -Errno.EBADF;
  },
};
