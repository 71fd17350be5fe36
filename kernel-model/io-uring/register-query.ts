/** Small register operations: PROBE, NAPI and its undoing, CLOCK. */
import { Errno } from '../../bpf/errno.ts';
import { isNull, readStruct, readUser, writeUser } from '../user-pointer.ts';
import type { RegisterCall } from './register-ops.ts';
import { Setup } from './uapi.ts';

/** `struct io_uring_probe` and `io_uring_probe_op` */
const PROBE_HEADER = 16;
const PROBE_OP = 8;
const MAX_PROBED = 256;
const SUPPORTED = 1;
/** 6.7 looks only at as many as there are operations. */
const CLAMP_VERSION = 0x6_0700;

const NAPI_SIZE = 16;
const MAX_BUSY_POLL_USEC = 10_000;
const NSEC_PER_USEC = 1000;

const CLOCK_SIZE = 16;
const CLOCK_MONOTONIC = 1;
const CLOCK_BOOTTIME = 7;
/** TK_OFFS_BOOT */
const BOOT_OFFSET = 1;

/** Which submission operations there are. @returns 0, -EINVAL (the record is not zeroed), -EFAULT. */
export function probe({ machine, memory, argument, count }: RegisterCall): number {
  if (isNull(argument) || count > MAX_PROBED) return -Errno.EINVAL;
  const { submitOps, versionCode } = machine.profile.dialect;
  const listed = Math.min(count, submitOps);
  const size = PROBE_HEADER + PROBE_OP * (versionCode >= CLAMP_VERSION ? listed : count);
  const given = readUser(memory, argument, 0, size);
  if (!given) return -Errno.EFAULT;
  if (given.some((byte) => byte !== 0)) return -Errno.EINVAL;
  const answer = new Uint8Array(size);
  const view = new DataView(answer.buffer);
  view.setUint8(0, submitOps - 1);
  view.setUint8(1, listed);
  for (let op = 0; op < listed; op++) {
    view.setUint8(PROBE_HEADER + PROBE_OP * op, op);
    view.setUint16(PROBE_HEADER + PROBE_OP * op + 2, SUPPORTED, true);
  }
  return writeUser(memory, argument, 0, answer) ? 0 : -Errno.EFAULT;
}

/** Busy polling of network devices; the former settings are given back. @returns 0, -EINVAL, -EFAULT. */
export function registerNapi({ ring, memory, argument, count }: RegisterCall): number {
  if (isNull(argument) || count !== 1 || (ring.flags & Setup.IoPoll) !== 0) return -Errno.EINVAL;
  const wanted = readStruct(memory, argument, NAPI_SIZE);
  if (!wanted) return -Errno.EFAULT;
  if (wanted.getUint32(4, true) >>> 8 !== 0 || wanted.getBigUint64(8, true) !== 0n) return -Errno.EINVAL;
  const time = Math.min(wanted.getUint32(0, true), MAX_BUSY_POLL_USEC);
  const prefer = wanted.getUint8(4) !== 0;
  if (!writeUser(memory, argument, 0, napiSettings(ring.ctx))) return -Errno.EFAULT;
  ring.ctx.set('napi_busy_poll_dt', time * NSEC_PER_USEC).set('napi_prefer_busy_poll', prefer);
  ring.ctx.set('napi_enabled', true);
  return 0;
}

export function unregisterNapi({ ring, memory, argument, count }: RegisterCall): number {
  if (count !== 1) return -Errno.EINVAL;
  if (!isNull(argument) && !writeUser(memory, argument, 0, napiSettings(ring.ctx))) return -Errno.EFAULT;
  ring.ctx.assign({ napi_busy_poll_dt: 0, napi_prefer_busy_poll: false, napi_enabled: false });
  return 0;
}

/** The clock of timeouts in io_uring_enter. @returns 0, -EINVAL, -EFAULT. */
export function registerClock({ ring, memory, argument, count }: RegisterCall): number {
  if (isNull(argument) || count !== 0) return -Errno.EINVAL;
  const wanted = readStruct(memory, argument, CLOCK_SIZE);
  if (!wanted) return -Errno.EFAULT;
  for (let at = 4; at < CLOCK_SIZE; at += 4) if (wanted.getUint32(at, true) !== 0) return -Errno.EINVAL;
  const clock = wanted.getUint32(0, true);
  if (clock !== CLOCK_MONOTONIC && clock !== CLOCK_BOOTTIME) return -Errno.EINVAL;
  ring.ctx.set('clockid', clock).set('clock_offset', clock === CLOCK_BOOTTIME ? BOOT_OFFSET : 0);
  return 0;
}

function napiSettings(ctx: RegisterCall['ring']['ctx']): Uint8Array {
  const bytes = new Uint8Array(NAPI_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, ctx.get('napi_busy_poll_dt') / NSEC_PER_USEC, true);
  view.setUint8(4, ctx.get('napi_prefer_busy_poll'));
  return bytes;
}
