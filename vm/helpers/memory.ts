/** Helpers that read and write user memory, and the vm's own questions about it. */
import { Errno } from '../../bpf/errno.ts';
import { HelperId } from '../../bpf/helper-id.ts';
import { HostCall } from '../../bpf/vm-call.ts';
import type { HelperCall } from '../helper-call.ts';
import type { HelperContext, HelperGroup } from './context.ts';

const PAGE = 4096;
/** The largest copy one call makes. */
const MAX_COPY = 0x1000_0000;

export function memoryHelpers(context: HelperContext): HelperGroup {
  return [
    [HelperId.ProbeWriteUser, (call) => writeUser(context, call)],
    [HelperId.CopyFromUser, (call) => copyFromUser(context, call, 0n)],
    [HelperId.CopyFromUserTask, (call) => copyFromTask(context, call)],
    [HostCall.ReadUser, (call) => readUser(context, call)],
    [HostCall.ReadUserString, (call) => readUserString(context, call)],
  ];
}

/** `long bpf_probe_write_user(void *dst, const void *src, u32 len)`: 0, -EFAULT */
function writeUser(context: HelperContext, call: HelperCall): number {
  const bytes = context.ram.read(call.arg(2), call.arg32(3));
  if (bytes === null) return -Errno.EFAULT;
  return context.services.writeUser(0n, call.arg(1), bytes) ? 0 : -Errno.EFAULT;
}

/** `long bpf_copy_from_user(void *dst, u32 size, const void *user_ptr)`: 0; -EFAULT, and zeros */
function copyFromUser(context: HelperContext, call: HelperCall, task: bigint): number {
  const size = call.arg32(2);
  if (size === 0) return 0;
  if (size > MAX_COPY || !context.ram.isMapped(call.arg(1), size)) return -Errno.EFAULT;
  const bytes = context.services.readUser(task, call.arg(3), size);
  const error = context.store(call.arg(1), bytes ?? new Uint8Array(size));
  return bytes === null ? -Errno.EFAULT : error;
}

/** `long bpf_copy_from_user_task(void *dst, u32 size, const void *user_ptr, task, u64 flags)`: and -EINVAL */
function copyFromTask(context: HelperContext, call: HelperCall): number {
  return call.arg(5) !== 0n ? -Errno.EINVAL : copyFromUser(context, call, call.arg(4));
}

function readUser(context: HelperContext, call: HelperCall): number {
  const length = call.arg32(3);
  const bytes = length > MAX_COPY ? null : context.services.readUser(call.arg(1), call.arg(2), length);
  if (bytes === null) return -Errno.EFAULT;
  new Uint8Array(context.ram.buffer).set(bytes, call.arg32(4));
  return 0;
}

/** Reads page by page: only the pages up to the NUL need to be there. */
function readUserString(context: HelperContext, call: HelperCall): number {
  const limit = call.arg32(3);
  const to = call.arg32(4);
  for (let done = 0; done < limit; ) {
    const address = call.arg(2) + BigInt(done);
    const length = Math.min(limit - done, PAGE - Number(address & BigInt(PAGE - 1)));
    const bytes = context.services.readUser(call.arg(1), address, length);
    if (bytes === null) return -Errno.EFAULT;
    const end = bytes.indexOf(0);
    new Uint8Array(context.ram.buffer).set(end < 0 ? bytes : bytes.subarray(0, end + 1), to + done);
    if (end >= 0) return done + end + 1;
    done += length;
  }
  new Uint8Array(context.ram.buffer)[to + limit - 1] = 0;
  return limit;
}
