/** IORING_OP_MSG_RING: a completion, or a registered file, for another ring. */
import { Errno } from '../../bpf/errno.ts';
import { installFixed } from './fixed-install.ts';
import type { Operation, Outcome } from './outcome.ts';
import type { Request } from './request.ts';
import { IoUring } from './ring.ts';
import { MsgFlag } from './uapi.ts';

const MSG_DATA = 0n;
const MSG_SEND_FD = 1n;
/** 6.3: the completion's flags can be passed. */
const FLAGS_PASS_VERSION = 0x6_0300;

export const msgRing: Operation = {
  needsFile: true,
  iopoll: true,
  prepare(request, sqe) {
    if (sqe.buffer !== 0 || sqe.personality !== 0) return -Errno.EINVAL;
    return (sqe.opFlags & ~knownFlags(request)) === 0 ? 0 : -Errno.EINVAL;
  },
  execute(request) {
    const target = request.file?.object;
    if (!(target instanceof IoUring)) return -Errno.EBADFD;
    if (request.sqe.address === MSG_DATA) return sendData(request, target);
    return request.sqe.address === MSG_SEND_FD ? sendFile(request, target) : -Errno.EINVAL;
  },
};

function knownFlags({ ring }: Request): number {
  const passes = ring.machine.profile.dialect.versionCode >= FLAGS_PASS_VERSION;
  return passes ? MsgFlag.CqeSkip | MsgFlag.FlagsPass : MsgFlag.CqeSkip;
}

function sendData({ sqe }: Request, target: IoUring): Outcome {
  const passes = (sqe.opFlags & MsgFlag.FlagsPass) !== 0;
  if (sqe.address3 !== 0n || (sqe.opFlags & ~MsgFlag.FlagsPass) !== 0) return -Errno.EINVAL;
  if (!passes && sqe.fileIndex !== 0) return -Errno.EINVAL;
  if (target.disabled) return -Errno.EBADFD;
  const flags = passes ? sqe.fileIndex : 0;
  return deliver(target, sqe.offset, sqe.length | 0, flags) ? 0 : -Errno.EOVERFLOW;
}

/** Rings of DEFER_TASKRUN get it when their task asks for completions. */
function deliver(target: IoUring, userData: bigint, result: number, flags: number): boolean {
  if (!target.engine.local.defers) return target.completions.postExtra(userData, result, flags);
  target.engine.local.deliver(() => {
    target.completions.postExtra(userData, result, flags);
  });
  return true;
}

function sendFile({ ring, sqe }: Request, target: IoUring): Outcome {
  if (sqe.length !== 0 || target === ring) return -Errno.EINVAL;
  if (target.disabled) return -Errno.EBADFD;
  const file = ring.files?.at(Number(sqe.address3 & 0xffff_ffffn));
  if (!file) return -Errno.EBADF;
  const slot = installFixed(target, file.get(), sqe.fileIndex);
  if (slot < 0 || (sqe.opFlags & MsgFlag.CqeSkip) !== 0) return slot;
  return target.completions.postExtra(sqe.offset, slot, 0) ? slot : -Errno.EOVERFLOW;
}
