/** IORING_OP_TIMEOUT, LINK_TIMEOUT and TIMEOUT_REMOVE. */
import { Errno } from '../../bpf/errno.ts';
import type { Task } from '../task.ts';
import { callerMemory, readStruct } from '../user-pointer.ts';
import type { Operation } from './outcome.ts';
import type { Request } from './request.ts';
import type { Sqe } from './sqe.ts';
import { Timeout, type Timespec, timeoutOf } from './timeouts.ts';
import { SqeFlag, SubmitOp, TimeoutFlag } from './uapi.ts';

const CLOCKS = TimeoutFlag.BootTime | TimeoutFlag.RealTime;
const UPDATES = TimeoutFlag.Update | TimeoutFlag.LinkUpdate;
/** Versions that brought ETIME_SUCCESS and MULTISHOT. */
const SUCCESS_VERSION = 0x5_1100;
const MULTISHOT_VERSION = 0x6_0400;

export const timeout: Operation = {
  prepare: (request, sqe) => prepare(request, sqe),
  execute(request) {
    request.engine.timeouts.add(request.state as Timeout);
    return 'pending';
  },
};

export const linkTimeout: Operation = {
  prepare(request, sqe) {
    if ((sqe.offset & 0xffff_ffffn) !== 0n) return -Errno.EINVAL;
    const error = prepare(request, sqe);
    if (error !== 0) return error;
    const { chain } = request.engine;
    if (!chain || chain.last.opcode === SubmitOp.LinkTimeout) return -Errno.EINVAL;
    timeoutOf(request)?.setBounds(chain.last);
    chain.last.linkTimeout = 'to-arm';
    return 0;
  },
  /** It is started by the request that it bounds, never by itself. */
  execute: () => -Errno.ECANCELED,
};

export const timeoutRemove: Operation = {
  prepare(request, sqe) {
    if (request.has(SqeFlag.FixedFile) || request.has(SqeFlag.BufferSelect)) return -Errno.EINVAL;
    if (sqe.buffer !== 0 || sqe.length !== 0 || sqe.fileIndex !== 0) return -Errno.EINVAL;
    const flags = sqe.opFlags;
    if ((flags & UPDATES) === 0) return flags === 0 ? 0 : -Errno.EINVAL;
    if ((flags & CLOCKS) === CLOCKS) return -Errno.EINVAL;
    if ((flags & ~(UPDATES | TimeoutFlag.Absolute)) !== 0) return -Errno.EINVAL;
    const time = readTimespec(request.task, sqe.offset);
    return typeof time === 'number' ? time : 0;
  },
  execute({ engine, task, sqe }) {
    const { timeouts } = engine;
    const flags = sqe.opFlags;
    if ((flags & TimeoutFlag.Update) === 0) {
      return timeouts.cancel(({ userData }) => userData === sqe.address) ? 0 : -Errno.ENOENT;
    }
    const time = readTimespec(task, sqe.offset);
    if (typeof time === 'number') return time;
    const absolute = (flags & TimeoutFlag.Absolute) !== 0;
    return (flags & TimeoutFlag.LinkUpdate) !== 0
      ? timeouts.updateLinked(sqe.address, time, absolute)
      : timeouts.update(sqe.address, time, absolute);
  },
};

function prepare(request: Request, sqe: Sqe): number {
  const { versionCode } = request.ring.machine.profile.dialect;
  if (sqe.buffer !== 0 || sqe.length !== 1 || sqe.fileIndex !== 0) return -Errno.EINVAL;
  const flags = sqe.opFlags;
  let known = TimeoutFlag.Absolute | CLOCKS;
  if (versionCode >= SUCCESS_VERSION) known |= TimeoutFlag.EtimeSuccess;
  if (versionCode >= MULTISHOT_VERSION) known |= TimeoutFlag.Multishot;
  if ((flags & ~known) !== 0 || (flags & CLOCKS) === CLOCKS) return -Errno.EINVAL;
  const both = TimeoutFlag.Multishot | TimeoutFlag.Absolute;
  if ((flags & both) === both) return -Errno.EINVAL;
  const off = Number(sqe.offset & 0xffff_ffffn);
  if (off !== 0) request.ring.ctx.set('off_timeout_used', true);
  const time = readTimespec(request.task, sqe.address);
  if (typeof time === 'number') return time;
  request.state = new Timeout(request, flags, off, time);
  return 0;
}

/** `struct __kernel_timespec` of the caller, or -EFAULT, -EINVAL for a negative part. */
export function readTimespec(task: Task, address: bigint): Timespec | number {
  const view = readStruct(callerMemory(task), address, 16);
  if (!view) return -Errno.EFAULT;
  const time = { seconds: view.getBigInt64(0, true), nanoseconds: view.getBigInt64(8, true) };
  return time.seconds < 0n || time.nanoseconds < 0n ? -Errno.EINVAL : time;
}
