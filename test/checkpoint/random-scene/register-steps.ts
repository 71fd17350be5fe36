/** Calls of io_uring_register with what the task has. */
import { REGISTER_OPS, SQE_FLAGS, SUBMIT_OPS } from '../../../kernel-model/scene/flags.ts';
import type { BufferSpec, RegisterSpec, SlotSpec } from '../../../kernel-model/scene/index.ts';
import { fdsOf, memoryOf, PAGE, ringsOf, somePlace, type View } from './look.ts';
import type { Step } from './step.ts';

export function registerStep(view: View): Step | undefined {
  const { random, task } = view;
  const open = random.some(ringsOf(task));
  if (!open) return undefined;
  const call = random.weighted(CALLS)(view);
  return call && { task: task.pid, register: { fd: open.fd, calls: [call] } };
}

type Make = (view: View) => RegisterSpec | undefined;

const CALLS: readonly (readonly [number, Make])[] = [
  [10, (view) => ({ buffers: buffers(view) })],
  [6, (view) => ({ update_buffers: buffers(view), offset: view.random.below(3) })],
  [2, ({ random }) => ({ sparse_buffers: random.between(1, 6) })],
  [10, (view) => ({ files: slots(view) })],
  [6, (view) => ({ update_files: slots(view), offset: view.random.below(4) })],
  [4, ({ random }) => ({ sparse_files: random.between(1, 8) })],
  [3, ({ random }) => ({ alloc_range: { offset: random.below(4), length: random.between(1, 4) } })],
  [6, (view) => eventfd(view)],
  [5, () => ({ personality: true })],
  [2, ({ random }) => ({ unregister_personality: random.between(1, 3) })],
  [4, (view) => restrictions(view)],
  [5, () => ({ enable: true })],
  [6, (view) => bufferRing(view)],
  [1, ({ random }) => ({ unregister_buffer_ring: random.below(4) })],
  [3, (view) => ringFds(view)],
  [3, ({ random }) => ({ worker_limits: [random.below(5), random.below(5)] })],
  [2, ({ random }) => ({ worker_cpus: random.pick([[0], [1], [0, 1]]) })],
  [2, ({ random }) => ({ napi: { microseconds: random.between(1, 90), prefer: random.percent(50) } })],
  [2, ({ random }) => ({ clock: random.pick(['MONOTONIC', 'BOOTTIME']) })],
  [4, (view) => clone(view)],
  [2, ({ random }) => ({ unregister: random.pick(['buffers', 'files', 'eventfd', 'worker_cpus']) })],
];

function buffers(view: View): BufferSpec[] {
  const { random } = view;
  return random.times(random.between(1, 4), () => {
    const place = somePlace(view, random.pick([100, PAGE, 3 * PAGE]));
    if (!place || random.percent(25)) return 'none';
    return random.percent(25) ? { ...place, tag: random.between(1, 99) } : place;
  });
}

function slots({ random, task }: View): SlotSpec[] {
  return random.times(random.between(1, 5), () => {
    const fd = random.some(fdsOf(task, 'epoll', 'eventfd', 'pipe', 'socket', 'regular', 'device'));
    if (fd === undefined || random.percent(25)) return random.percent(80) ? 'none' : 'skip';
    return random.percent(20) ? { fd, tag: random.between(1, 99) } : fd;
  });
}

function eventfd({ random, task }: View): RegisterSpec | undefined {
  const fd = random.some(fdsOf(task, 'eventfd'));
  return fd === undefined ? undefined : random.percent(40) ? { eventfd: fd, async: true } : { eventfd: fd };
}

function restrictions({ random }: View): RegisterSpec {
  return {
    restrictions: {
      register: random.subset(Object.keys(REGISTER_OPS), 60),
      submit: random.subset(Object.keys(SUBMIT_OPS), 70),
      ...(random.percent(50) ? { allowed: random.subset(Object.keys(SQE_FLAGS), 60) } : {}),
      ...(random.percent(10) ? { required: ['FIXED_FILE'] } : {}),
    },
  };
}

function bufferRing({ random, task }: View): RegisterSpec {
  const entries = random.pick([1, 2, 4, 8, 16]);
  const group = random.below(4);
  const incremental = random.percent(20);
  const memory = random.some(memoryOf(task));
  if (!memory || random.percent(30)) return { buffer_ring: { group, entries, incremental } };
  const filled = random.between(0, entries);
  const target = random.pick(memoryOf(task));
  const list = random.times(filled, (i) => ({
    address: target.start + 16 * i,
    length: random.between(1, 16),
    id: random.below(100),
  }));
  return { buffer_ring: { group, entries, incremental, address: memory.start, buffers: list } };
}

function ringFds({ random, task }: View): RegisterSpec | undefined {
  const rings = ringsOf(task);
  if (rings.length === 0) return undefined;
  const { fd } = random.pick(rings);
  return { ring_fds: [random.percent(50) ? { fd } : { fd, index: random.below(16) }] };
}

function clone({ random, task }: View): RegisterSpec | undefined {
  const source = random.some(ringsOf(task).filter(({ ring }) => ring.buffers !== undefined));
  return source && { clone_buffers: source.fd };
}
