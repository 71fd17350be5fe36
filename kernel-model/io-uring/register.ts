/** io_uring_register(2): the checks that come before every operation, and which operation is whose. */
import { Errno } from '../../bpf/errno.ts';
import type { Dialect } from '../dialect.ts';
import type { Blocked } from '../lock.ts';
import type { Machine } from '../machine.ts';
import type { Task } from '../task.ts';
import { callerMemory, type UserPointer } from '../user-pointer.ts';
import { findRing } from './find-ring.ts';
import { type RegisterCall, registerOperation } from './register-ops.ts';
import { allowsRegister } from './restrictions.ts';
import type { IoUring } from './ring.ts';
import { interruptQuiesce } from './rsrc-quiesce.ts';
import { RegisterOp, USE_REGISTERED_RING } from './uapi.ts';

/** 6.3: the ring may be given as an index of the task's registered rings. */
const REGISTERED_RING_VERSION = 0x6_0300;

/** Operations that wait, in kernels that quiesce, until nobody else uses the ring. Unknown ones wait too. */
const QUIESCING: ReadonlySet<number> = new Set([
  RegisterOp.Eventfd,
  RegisterOp.EventfdAsync,
  RegisterOp.UnregisterEventfd,
  RegisterOp.Restrictions,
  RegisterOp.EnableRings,
]);

/**
 * @param argument pointer to the operation's argument; 0n is NULL.
 * @returns what the operation does: 0, a count or an id; a negative errno; `Blocked` when the call has to wait:
 * for `uring_lock`, or (5.16) until links to the ring are gone. A blocked call has changed nothing but that the
 * ring refuses other registrations (-ENXIO) until it is made again or given up by `interruptRegister`; or for
 * requests that use what is to be unregistered (6.12: the ring shows no table meanwhile, until the call is made again or
 * given up), or that are to be cancelled.
 */
export function ioUringRegister(
  machine: Machine,
  task: Task,
  fd: number,
  opcode: number,
  argument: UserPointer,
  count: number,
): number | Blocked {
  const { dialect } = machine.profile;
  const byIndex = opcode >= USE_REGISTERED_RING && dialect.versionCode >= REGISTERED_RING_VERSION;
  const op = byIndex ? opcode - USE_REGISTERED_RING : opcode;
  if (!dialect.quiesce && op >= dialect.registerOps) return -Errno.EINVAL;
  const ring = findRing(task, fd, byIndex);
  if (typeof ring === 'number') return ring;
  ring.engine.local.runCooperative();
  const blocked = ring.lock.lock(task);
  if (blocked) return blocked;
  machine.taskWork.enter();
  try {
    const refused = refuse(ring, task, op);
    if (refused !== 0) return refused;
    const call = { machine, ring, task, op, argument, count, memory: callerMemory(task) };
    return waitsForUsers(dialect, op) ? quiesced(call) : registerOperation(call);
  } finally {
    ring.lock.unlock();
    machine.taskWork.leave();
  }
}

/** A signal ends the wait of a call that was `Blocked` on the ring's users, or on those of a table. @returns -EINTR */
export function interruptRegister(ring: IoUring): number {
  interruptQuiesce(ring);
  if (ring.waiter) {
    ring.waiter = undefined;
    ring.resurrect();
  }
  return -Errno.EINTR;
}

function refuse(ring: IoUring, task: Task, op: number): number {
  const { dialect } = ring.machine.profile;
  // The task that waits for the ring's users may go on with its call.
  if (ring.dying && ring.waiter !== task) return -Errno.ENXIO;
  if (ring.submitter && ring.submitter !== task) return -Errno.EEXIST;
  if (ring.ctx.get('restricted') !== 0) {
    if (op >= dialect.registerOps) return -Errno.EINVAL;
    if (!allowsRegister(ring.ctx.sub('restrictions'), op)) return -Errno.EACCES;
  }
  return 0;
}

function waitsForUsers({ quiesce, registerOps }: Dialect, op: number): boolean {
  return quiesce && (QUIESCING.has(op) || op >= registerOps);
}

function quiesced(call: RegisterCall): number | Blocked {
  const { ring, task } = call;
  const blocked = ring.quiesce();
  if (blocked) {
    ring.waiter = task;
    return blocked;
  }
  ring.waiter = undefined;
  const result = registerOperation(call);
  ring.resurrect();
  return result;
}
