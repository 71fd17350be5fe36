/** IORING_OP_NOP. */
import { Errno } from '../../bpf/errno.ts';
import type { Operation } from './outcome.ts';

/** IORING_NOP_INJECT_RESULT: `len` is the result. */
const INJECT_RESULT = 1;
/** 6.10 looks at the entry at all. */
const FLAGS_VERSION = 0x6_0a00;

export const nop: Operation = {
  iopoll: true,
  prepare(request, sqe) {
    if (request.ring.machine.profile.dialect.versionCode < FLAGS_VERSION) return 0;
    return (sqe.opFlags & ~INJECT_RESULT) === 0 ? 0 : -Errno.EINVAL;
  },
  execute({ ring, sqe }) {
    const injects = ring.machine.profile.dialect.versionCode >= FLAGS_VERSION;
    return injects && (sqe.opFlags & INJECT_RESULT) !== 0 ? sqe.length | 0 : 0;
  },
};
