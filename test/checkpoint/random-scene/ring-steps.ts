/** io_uring instances with any flags that go together, and their shared memory. */

import { flagBits, SETUP_FLAGS } from '../../../kernel-model/scene/flags.ts';
import type { RingSpec } from '../../../kernel-model/scene/index.ts';
import { PAGE, RING_AREA, ringMemoryOf, ringsOf, type View } from './look.ts';
import type { Random } from './random.ts';
import type { Step } from './step.ts';

const MAX_RINGS = 4;
const ASKED = flagBits(['COOP_TASKRUN', 'DEFER_TASKRUN'], SETUP_FLAGS);
const RING_AREA_STEP = 1 << 16;
const ENTRIES = [1, 2, 4, 8, 8, 8, 16, 32];

export function ringStep(view: View): Step | undefined {
  const { random, task } = view;
  const rings = ringsOf(task);
  if (rings.length >= MAX_RINGS) return undefined;
  const entries = random.pick(ENTRIES);
  const ring: RingSpec = { entries, flags: flagsOf(view) };
  const has = (flag: string) => ring.flags?.includes(flag);
  if (has('CQSIZE')) ring.cq_entries = entries * random.pick([1, 2, 4, 8]);
  if (has('SQPOLL')) ring.sq_thread_idle = random.pick([0, 1, 10, 250, 2000]);
  if (has('SQ_AFF')) ring.sq_thread_cpu = random.below(2);
  if (has('ATTACH_WQ')) ring.wq_fd = random.some(rings)?.fd ?? 0;
  if (has('NO_MMAP')) {
    const memory = ringMemoryOf(task);
    const at = RING_AREA + RING_AREA_STEP * memory.length;
    const kind = random.pick(['anon', 'shared'] as const);
    if (random.percent(50) || memory.length === 0)
      return { task: task.pid, map: { address: at, length: 4 * PAGE, kind } };
    const { start } = random.pick(memory);
    ring.memory = { rings: start, entries: start + 2 * PAGE };
  }
  return { task: task.pid, ring };
}

function flagsOf({ random, task, session }: View): string[] {
  const known = session.machine.profile.dialect.setupFlags;
  const { length: rings } = ringsOf(task);
  const polls = random.percent(25);
  const defers = !polls && random.percent(20);
  const wanted: [name: string, share: number][] = [
    ['CQSIZE', 25],
    ['CLAMP', 10],
    ['IOPOLL', 2],
    ['SQPOLL', polls ? 100 : 0],
    ['SQ_AFF', polls ? 30 : 0],
    ['ATTACH_WQ', rings === 0 ? 0 : polls ? 60 : 5],
    ['R_DISABLED', 20],
    ['SUBMIT_ALL', 20],
    ['COOP_TASKRUN', polls ? 0 : 15],
    ['SINGLE_ISSUER', defers ? 100 : 15],
    ['DEFER_TASKRUN', defers ? 100 : 0],
    ['TASKRUN_FLAG', defers ? 20 : 0],
    ['SQE128', 10],
    ['CQE32', 10],
    ['NO_SQARRAY', 15],
    ['NO_MMAP', ringMemoryOf(task).length > 0 ? 30 : 8],
  ];
  return wanted.flatMap(([name, share]) =>
    random.percent(share) && ((SETUP_FLAGS[name] ?? 0) & ~known) === 0 ? [name] : [],
  );
}

/** User space takes completions, or leaves its marks. */
export function wordsStep({ random, task }: View): Step | undefined {
  const open = random.some(ringsOf(task));
  if (!open) return undefined;
  const { fd, ring } = open;
  const { rings } = ring.memory;
  const head = rings.get('cq.head');
  const pending = (rings.get('cq.tail') - head) >>> 0;
  if (random.percent(80)) {
    if (pending === 0) return undefined;
    const taken = random.percent(40) ? pending : random.between(1, pending);
    return { task: task.pid, ring_words: { fd, set: { cq_head: (head + taken) >>> 0 } } };
  }
  return { task: task.pid, ring_words: { fd, set: mark(random) } };
}

function mark(random: Random) {
  return random.pick([{ cq_flags: 1 }, { cq_flags: 0 }, { cq_overflow: 5 }, { sq_dropped: 3 }]);
}

/** Most programs ask for the completions that wait to be asked for. */
export function collectSteps({ random, task }: View): Step[] {
  return ringsOf(task).flatMap(({ fd, ring }): Step[] => {
    const asks = (ring.flags & ASKED) !== 0;
    if (!asks || random.percent(25)) return [];
    return [{ task: ring.submitter?.pid ?? task.pid, enter: { fd } }];
  });
}

export function enterStep({ random, task }: View): Step | undefined {
  const open = random.some(ringsOf(task));
  return open && { task: task.pid, enter: { fd: open.fd } };
}
