/** Open files of all kinds, what goes through them, and who watches them. */
import type { FileSpec } from '../../../kernel-model/scene/index.ts';
import { fdsOf, type View } from './look.ts';
import type { Random } from './random.ts';
import type { Step } from './step.ts';

const PATHS = ['/srv/a', '/srv/b', '/srv/deep/c', '/tmp/d'];
const DEVICES = ['/dev/null', '/dev/zero', '/dev/tty', '/dev/pts/3'];
const EVENTS = ['IN', 'OUT', 'PRI', 'RDHUP'];
const NONBLOCK = 0o4000;
const APPEND = 0o2000;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_SEQPACKET = 5;

export function openStep(view: View): Step {
  const { random, task } = view;
  const dup = random.some(fdsOf(task));
  const open = random.weighted<() => FileSpec>([
    [2, () => ({ open: random.pick(DEVICES) })],
    [4, () => regular(random)],
    [3, () => flagged(random, { pipe: true })],
    [2, () => flagged(random, { socketpair: true })],
    [4, () => flagged(random, { eventfd: random.pick([0, 0, 1, 7]), semaphore: random.percent(30) })],
    [2, () => ({ memfd: random.pick(['a', 'b c']), size: random.pick([0, 100, '4K', '16K']) })],
    [3, () => ({ epoll: [] })],
    [dup === undefined ? 0 : 2, () => ({ dup: dup ?? 0 })],
  ])();
  if (open.pipe || open.socketpair) return { task: task.pid, open };
  return { task: task.pid, open: random.percent(30) ? { ...open, fd: random.between(10, 60) } : open };
}

function regular(random: Random): FileSpec {
  const spec: FileSpec = { open: random.pick(PATHS), size: random.pick([0, 10, 5000, '8K', '16K']) };
  if (random.percent(40)) spec.flags = [random.pick(['RDWR', 'RDWR', 'RDONLY', 'WRONLY'])];
  if (spec.flags && random.percent(40))
    spec.flags.push(...random.subset(['APPEND', 'NONBLOCK', 'CLOEXEC'], 40));
  if (spec.flags?.[0] === 'RDONLY') spec.size = undefined as never;
  if (random.percent(20)) spec.deleted = true;
  if (random.percent(40)) spec.pos = random.between(0, 6000);
  return JSON.parse(JSON.stringify(spec)) as FileSpec;
}

function flagged(random: Random, spec: FileSpec): FileSpec {
  return random.percent(25) ? { ...spec, flags: random.subset(['NONBLOCK', 'CLOEXEC'], 60) } : spec;
}

export function closeStep({ random, task }: View): Step | undefined {
  const fd = random.some(fdsOf(task));
  return fd === undefined ? undefined : { task: task.pid, close: fd };
}

/** Ends of pipes and sockets, rings and epoll instances go more often than others. */
export function closeChannelStep({ random, task }: View): Step | undefined {
  const fd = random.some(fdsOf(task, 'pipe', 'socket', 'ring', 'epoll'));
  return fd === undefined ? undefined : { task: task.pid, close: fd };
}

export function storeStep({ random, task }: View): Step | undefined {
  const counter = random.some(fdsOf(task, 'eventfd'));
  if (counter !== undefined && random.percent(40))
    return { task: task.pid, store: { fd: counter, count: random.pick([1, 2, '1 << 40']) } };
  const fd = random.some(fdsOf(task, 'pipe', 'socket', 'regular'));
  if (fd === undefined) return undefined;
  return {
    task: task.pid,
    store: { fd, text: `text ${random.below(1000)} `.repeat(random.pick([1, 1, 5, 500])) },
  };
}

export function fileCallStep({ random, task }: View): Step | undefined {
  const of = (...kinds: Parameters<typeof fdsOf>[1][]) => random.some(fdsOf(task, ...kinds)) ?? -1;
  return random.weighted<() => Step>([
    [2, () => ({ task: task.pid, call: 'set_flags', args: [of(), random.pick([0, NONBLOCK, APPEND])] })],
    [2, () => ({ task: task.pid, call: 'lseek', args: [of('regular'), random.below(9000)] })],
    [
      3,
      () => ({
        task: task.pid,
        call: 'read',
        args: [of('regular', 'pipe', 'socket', 'eventfd'), random.pick([3, 8, 100])],
      }),
    ],
    [1, () => ({ task: task.pid, call: 'ftruncate', args: [of('regular'), random.below(20_000)] })],
    [
      2,
      () => ({
        task: task.pid,
        call: 'socketpair',
        args: [random.pick([SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET])],
      }),
    ],
    [1, () => ({ task: task.pid, call: 'shutdown', args: [of('socket')] })],
    [1, () => ({ task: task.pid, call: 'peek_from', args: [of('socket'), random.below(5)] })],
  ])();
}

/** Epoll instances may watch each other, and rings. */
export function watchStep({ random, task }: View): Step | undefined {
  const epoll = random.some(fdsOf(task, 'epoll'));
  const fd = random.some(fdsOf(task, 'epoll', 'ring', 'eventfd', 'pipe', 'socket'));
  if (epoll === undefined || fd === undefined) return undefined;
  if (random.percent(10)) return { task: task.pid, unwatch: { epoll, fd } };
  const events = [random.pick(EVENTS), ...random.subset(EVENTS, 20), ...random.subset(['ET', 'ONESHOT'], 20)];
  const watch = { epoll, fd, events: [...new Set(events)] };
  return { task: task.pid, watch: random.percent(30) ? { ...watch, data: random.next() } : watch };
}
