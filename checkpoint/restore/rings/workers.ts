/** What tasks have of io_uring themselves: limits and processors of their workers, and rings by index. */
import { ioUringRegister } from '../../../kernel-model/io-uring/register.ts';
import { ioUringSetup } from '../../../kernel-model/io-uring/setup.ts';
import { RegisterOp, UserSize } from '../../../kernel-model/io-uring/uapi.ts';
import type { TaskState } from '../../state.ts';
import { taskNode } from '../tasks.ts';
import type { RestoreWorld } from '../world.ts';
import { record } from './extras.ts';
import { ringNode } from './ring.ts';

/** Nodes `task TID workers`, behind the limits of rings, which hold for tasks that use them. */
export function addWorkers(world: RestoreWorld): void {
  const { graph, state } = world;
  const rings = state.rings.flatMap((_, index) => [
    ringNode(index, 'queues'),
    ringNode(index, 'registrations'),
  ]);
  for (const task of state.tasks) {
    if (!task.workers && task.ringFds.length === 0) continue;
    graph.add(workersNode(task.tid), [taskNode(task.tid), ...rings], () => restoreWorkers(world, task));
  }
}

export function workersNode(tid: number): string {
  return `${taskNode(tid)} workers`;
}

/** A ring of its own for the moment: whatever ring a call names, the task's workers are meant. */
function restoreWorkers(world: RestoreWorld, { tid, workers, ringFds }: TaskState): void {
  const { calls } = world;
  const { machine } = calls;
  const task = world.task(tid);
  const made = ioUringSetup(machine, task, 1, {});
  const fd = calls.done(task, 'io_uring_setup', [1], typeof made === 'number' ? made : made.fd);
  const register = (op: RegisterOp, name: string, argument: Uint8Array, count: number, what: string) => {
    const result = ioUringRegister(machine, task, fd, op, argument, count);
    if (typeof result !== 'number') return calls.fail(`${name} waits for ${result.waitsFor}`);
    return calls.done(task, 'io_uring_register', [fd, name, what, count], result);
  };
  if (workers) {
    register(
      RegisterOp.IowqMaxWorkers,
      'IOWQ_MAX_WORKERS',
      record(workers.limits, []),
      2,
      workers.limits.join(' '),
    );
    const cpus = record([], [workers.cpus]);
    register(RegisterOp.IowqAff, 'IOWQ_AFF', cpus, cpus.length, `0x${workers.cpus.toString(16)}`);
  }
  for (const { index, file } of ringFds) {
    world.withFile(task, file, (own) => {
      const argument = record([index, 0], [BigInt(own)]);
      register(
        RegisterOp.RingFds,
        'RING_FDS',
        argument.subarray(0, UserSize.RsrcUpdate),
        1,
        `${own} at ${index}`,
      );
    });
  }
  world.close(task, fd);
}
