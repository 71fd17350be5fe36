/** A file of the restorer that entries of the restore read from, and the memory that they read into. */
import type { Task } from '../../../kernel-model/task.ts';
import type { RingRestore } from './ring.ts';

/** Bytes that can be read at once. */
export const SOURCE_SIZE = 1 << 16;
const MFD_CLOEXEC = 1;

/** Runs something with a task's descriptor for a memfd of SOURCE_SIZE bytes, and with as much memory of the task. */
export function withSource<T>(ring: RingRestore, task: Task, use: (fd: number, memory: bigint) => T): T {
  const { world } = ring;
  return withMemfd(ring, SOURCE_SIZE, (own) => {
    const { restorer } = world.calls;
    const fd = task.files === restorer.files ? own : world.borrow(task, { task: restorer, fd: own });
    try {
      return world.withScratch(task, new Uint8Array(SOURCE_SIZE), (address) => use(fd, BigInt(address)));
    } finally {
      if (fd !== own || task.files !== restorer.files) world.close(task, fd);
    }
  });
}

/** Runs something with a descriptor of the restorer for a memfd, which is gone afterwards. */
export function withMemfd<T>(ring: RingRestore, size: number, use: (fd: number) => T): T {
  const { world } = ring;
  const { restorer, machine } = world.calls;
  const fd = machine.sys.memfd_create(restorer, 'restore', MFD_CLOEXEC);
  world.calls.done(restorer, 'memfd_create', ['restore', 'MFD_CLOEXEC'], fd);
  const sized = machine.sys.ftruncate(restorer, fd, size);
  world.calls.done(restorer, 'ftruncate', [fd, size], sized);
  try {
    return use(fd);
  } finally {
    world.close(restorer, fd);
  }
}
