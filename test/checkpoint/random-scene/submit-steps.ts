/** Submissions: what completes, waits, fails, is linked, and what nobody submits. */
import type { EntrySpec } from '../../../kernel-model/scene/index.ts';
import { fdsOf, type OpenRing, ringsOf, somePlace, type View } from './look.ts';
import type { Step } from './step.ts';

const FLAGS = ['IO_LINK', 'IO_HARDLINK', 'ASYNC', 'CQE_SKIP_SUCCESS'];

export function submitStep(view: View): Step | undefined {
  const { random, task } = view;
  const open = random.some(ringsOf(task));
  if (!open) return undefined;
  const many = random.percent(10) ? open.ring.memory.cqEntries + 2 : 5;
  const entries = random.percent(15)
    ? chain(view, open)
    : random.times(random.between(1, many), () => entry(view, open));
  return { task: task.pid, submit: { fd: open.fd, entries } };
}

/** Without what points at memory: nobody would keep it. */
export function prepareStep(view: View): Step | undefined {
  const { random, task } = view;
  const open = random.some(ringsOf(task));
  if (!open) return undefined;
  const entries = random.times(random.between(1, 3), (): EntrySpec => {
    const data = random.below(100);
    return random.percent(70) ? { nop: true, data } : { ...transfer(view), data };
  });
  return { task: task.pid, prepare: { fd: open.fd, entries } };
}

/** A head that mostly waits, and what follows it. */
function chain(view: View, open: OpenRing): EntrySpec[] {
  const { random } = view;
  const linked = (spec: EntrySpec): EntrySpec => ({
    ...spec,
    flags: [...(spec.flags ?? []), random.pick(['IO_LINK', 'IO_LINK', 'IO_HARDLINK'])],
  });
  const head = random.percent(60) ? { ...transfer(view), data: userData(view) } : poll(view);
  if (random.percent(50))
    return [linked(head), { link_timeout: { milliseconds: random.pick([50, 5000]) }, data: userData(view) }];
  const next = () => (random.percent(25) ? entry(view, open) : plain(view));
  return [linked(head), ...random.times(random.below(2), () => linked(next())), next()];
}

/** What can be submitted again when it waits. */
function plain(view: View): EntrySpec {
  const made = view.random.weighted<() => EntrySpec>([
    [2, () => ({ nop: true })],
    [2, () => transfer(view)],
    [1, () => poll(view)],
  ])();
  return { ...made, data: userData(view) };
}

function entry(view: View, open: OpenRing): EntrySpec {
  const { random } = view;
  const spec = random.weighted(ENTRIES)(view, open);
  if (spec.bad_index) return spec;
  const flags = [...(spec.flags ?? []), ...random.subset(FLAGS, 4)];
  const made: EntrySpec = { ...spec, data: userData(view) };
  // Whatever comes behind it waits too, and most operations cannot be submitted again.
  if (random.percent(2)) flags.push('IO_DRAIN');
  if (flags.length > 0) made.flags = [...new Set(flags)];
  if (random.percent(4)) made.personality = random.between(1, 3);
  return made;
}

/** Few enough that cancellations meet something. */
function userData({ random }: View): number {
  return random.percent(90) ? random.between(1, 12) : random.next();
}

type Make = (view: View, open: OpenRing) => EntrySpec;

const ENTRIES: readonly (readonly [number, Make])[] = [
  [20, () => ({ nop: true })],
  [10, (view) => transfer(view)],
  [10, (view) => poll(view)],
  [
    6,
    ({ random }) => ({
      timeout: timeout(random.pick([3, 50, 4000]), random.below(4) === 0 ? random.between(1, 4) : 0),
    }),
  ],
  [2, ({ random }) => ({ timeout: { milliseconds: 7, multishot: true, completions: random.between(0, 4) } })],
  [1, ({ random }) => ({ timeout: { milliseconds: random.pick([1, 100_000]), absolute: true } })],
  [2, ({ random }) => ({ poll_remove: random.between(1, 12) })],
  [
    1,
    ({ random }) => ({
      poll_update: { of: random.between(1, 12), events: ['IN'], data: random.between(1, 12) },
    }),
  ],
  [2, ({ random }) => ({ timeout_remove: random.between(1, 12) })],
  [1, ({ random }) => ({ timeout_update: { of: random.between(1, 12), milliseconds: 900 } })],
  [3, ({ random }) => ({ cancel: { data: random.between(1, 12), all: random.percent(30) } })],
  [5, (view) => provide(view)],
  [1, ({ random }) => ({ remove_buffers: { group: random.below(4), count: random.between(1, 3) } })],
  [
    3,
    ({ random }) => ({
      open: {
        path: random.pick(['/srv/a', '/srv/b', '/nowhere']),
        slot: random.pick([0, 1, 'any']),
        flags: ['RDWR'],
      },
    }),
  ],
  [2, ({ random }) => ({ close: { slot: random.below(4) } })],
  [
    2,
    (view) => ({
      update_files: {
        files: [fd(view) ?? 'none', 'none'].slice(0, view.random.between(1, 2)),
        offset: view.random.pick([0, 1, 'any']),
      },
    }),
  ],
  [1, ({ random }) => ({ install: { slot: random.below(4) } })],
  [3, (view) => message(view)],
  [3, (_view, { ring }) => (ring.memory.sqArray === 0 ? { nop: true } : { bad_index: true })],
];

function timeout(milliseconds: number, completions: number) {
  return completions === 0 ? { milliseconds } : { milliseconds, completions };
}

function fd({ random, task }: View): number | undefined {
  return random.some(fdsOf(task, 'eventfd', 'pipe', 'socket', 'regular', 'epoll'));
}

/** Reads and writes, of a file or a slot, plain or with a registered or a provided buffer. */
function transfer(view: View): EntrySpec {
  const { random, task } = view;
  const place = somePlace(view) ?? { address: 4096, length: 8 };
  const source = random.percent(15)
    ? { fd: random.below(4), fixed: true }
    : { fd: random.some(fdsOf(task, 'eventfd', 'pipe', 'socket', 'regular')) ?? 0, fixed: false };
  const spec = { fd: source.fd, address: place.address, length: random.pick([1, 8, 8, place.length]) };
  const flags = source.fixed ? ['FIXED_FILE'] : [];
  if (random.percent(15))
    return { read: { fd: spec.fd, length: 8 }, flags: [...flags, 'BUFFER_SELECT'], group: random.below(4) };
  if (random.percent(15)) return { read: { ...spec, buffer: random.below(3) }, flags };
  const offset = random.percent(30) ? { offset: random.below(5000) } : {};
  return random.percent(70)
    ? { read: { ...spec, ...offset }, flags }
    : { write: { ...spec, ...offset }, flags };
}

function poll(view: View): EntrySpec {
  const { random, task } = view;
  // Rings that wait for themselves, or for each other, are refused.
  const kinds = ['eventfd', 'pipe', 'socket', 'epoll'] as const;
  const target = random.some(fdsOf(task, ...kinds, ...random.subset(['ring'] as const, 30))) ?? 0;
  const events = [random.pick(['IN', 'IN', 'IN', 'OUT', 'PRI']), ...random.subset(['RDHUP'], 20)];
  return { poll: { fd: target, events, multishot: random.percent(30) }, data: userData(view) };
}

function provide(view: View): EntrySpec {
  const { random } = view;
  const { address } = somePlace(view) ?? { address: 4096 };
  const count = random.between(1, 4);
  return {
    provide_buffers: {
      group: random.below(4),
      address,
      length: random.between(1, 16),
      count,
      id: random.below(50),
    },
  };
}

function message({ random, task }: View): EntrySpec {
  const target = random.some(ringsOf(task))?.fd ?? 0;
  const result = random.pick([0, 5, -4]);
  const plain = { ring: target, result, data: random.below(50) };
  return { message: random.percent(20) ? { ...plain, flags: 2 } : plain };
}
