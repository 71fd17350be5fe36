/** Limits and placement of io_uring worker threads: of the calling task, or of the ring's submission thread. */
import { Errno } from '../../bpf/errno.ts';
import { isNull, readStruct, readUser, writeUser } from '../user-pointer.ts';
import type { RegisterCall } from './register-ops.ts';
import { contextsOf, type TaskContext, taskContext } from './task-context.ts';
import { RegisterOp, Setup } from './uapi.ts';

/** Bytes of the kernel's cpumask; what the caller gives beyond it is ignored. */
const CPUMASK_SIZE = 1024;
const INT_MAX = 0x7fff_ffff;
/** 6.1 (a stable update) refuses processors that the task may not use. */
const SUBSET_VERSION = 0x6_0100;

/**
 * IORING_REGISTER_IOWQ_AFF and UNREGISTER_IOWQ_AFF.
 * @returns 0, -EINVAL for no mask, a processor that does not exist or a task without io_uring, -EFAULT.
 */
export function iowqAffinity(call: RegisterCall): number {
  const { op, memory, argument, count, machine } = call;
  const given = op === RegisterOp.IowqAff;
  if (given && (isNull(argument) || count === 0)) return -Errno.EINVAL;
  const mask = given ? readUser(memory, argument, 0, Math.min(count, CPUMASK_SIZE)) : undefined;
  if (mask === null) return -Errno.EFAULT;
  const workers = contextOf(call)?.workers;
  if (!workers) return -Errno.EINVAL;
  if (!mask) {
    workers.unplace();
    return 0;
  }
  const cpus = mask.reduceRight((bits, byte) => (bits << 8n) | BigInt(byte), 0n);
  if (workers.place(cpus)) return 0;
  if (machine.profile.dialect.versionCode >= SUBSET_VERSION) return -Errno.EINVAL;
  workers.place(cpus & ((1n << BigInt(machine.cpus)) - 1n));
  return 0;
}

/**
 * IORING_REGISTER_IOWQ_MAX_WORKERS: two limits (bounded, unbounded work), 0 to leave one as it is. The former
 * ones are given back in their place. Other tasks that use the ring get the ring's limits too.
 * @returns 0, -EINVAL, -EFAULT.
 */
export function iowqMaxWorkers(call: RegisterCall): number {
  const { ring, memory, argument, count } = call;
  if (isNull(argument) || count !== 2) return -Errno.EINVAL;
  const wanted = readStruct(memory, argument, 8);
  if (!wanted) return -Errno.EFAULT;
  const limits: [number, number] = [wanted.getUint32(0, true), wanted.getUint32(4, true)];
  if (limits.some((limit) => limit > INT_MAX)) return -Errno.EINVAL;
  for (const index of [0, 1] as const) {
    if (limits[index] !== 0) ring.ctx.set(`iowq_limits[${index}]`, limits[index]);
  }
  ring.ctx.set('iowq_limits_set', true);
  const former = contextOf(call)?.workers.setLimits(limits) ?? [0, 0];
  const answer = new Uint8Array(8);
  const view = new DataView(answer.buffer);
  for (const index of [0, 1] as const) view.setUint32(4 * index, former[index] as number, true);
  if (!writeUser(memory, argument, 0, answer)) return -Errno.EFAULT;
  if ((ring.flags & Setup.SqPoll) !== 0) return 0;
  for (const context of contextsOf(ring)) context.workers.setLimits(ring.workerLimits);
  return 0;
}

function contextOf({ ring, task }: RegisterCall): TaskContext | undefined {
  const serving = (ring.flags & Setup.SqPoll) !== 0 ? ring.sqData?.worker : task;
  return serving && taskContext(serving);
}
