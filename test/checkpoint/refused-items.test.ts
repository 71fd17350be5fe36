/**
 * The seven items that cannot be restored: five make a dump refuse, two are outside of what a restore promises. States
 * that the modelled kernels or operations lack are planted: in the kernel's own lists, or in what the programs say.
 */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { CheckpointPrograms } from '../../checkpoint/dump/programs.ts';
import type { DumpRecord } from '../../checkpoint/dump/records.ts';
import { proveRestore, takeCheckpoint } from '../../checkpoint/roundtrip.ts';
import items from '../../kernel-model/inventory/items.json' with { type: 'json' };
import type { IoUring } from '../../kernel-model/io-uring/ring.ts';
import type { Session } from '../../session/session.ts';
import { scene } from '../programs/inventory-changes.ts';
import { checkpointObject, KERNELS, sessionOf } from '../programs/support.ts';

const BUFFER = 'register: [{ buffers: [{ address: heap, length: 4K }] }]';
/** Any address that is not 0: nothing follows it. */
const SOMETHING = 0xffff_8880_0000_1000n;

function ringOf({ world }: Session): IoUring {
  return world.rings()[0]?.file.object as IoUring;
}

function refusalsOf(session: Session) {
  return takeCheckpoint(session, checkpointObject).refusals;
}

/** Has the programs say something else of what they see. */
function planted(kind: string, members: { readonly [name: string]: number }): void {
  const run = CheckpointPrograms.prototype.run;
  vi.spyOn(CheckpointPrograms.prototype, 'run').mockImplementation(function* (
    this: CheckpointPrograms,
    ...args
  ) {
    for (const record of run.apply(this, args))
      yield (record.kind === kind ? { ...record, ...members } : record) as DumpRecord;
  });
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('a dump refuses', () => {
  it('item 50: buffers of drivers, which kernels from 6.15 on have', async () => {
    planted('buffer', { kernel: 1 });
    expect(refusalsOf(await sessionOf(scene(BUFFER, '')))).toEqual([
      {
        item: 50,
        subject: 'ring 3 of task 100, buffer 0',
        reason: 'is memory of a driver, which alone can register it',
      },
    ]);
  });

  it('item 72: queues of network devices, which kernels from 6.15 on have', async () => {
    planted('ring', { unlisted: 16 });
    const [refusal] = refusalsOf(await sessionOf(scene('entries: 8', '')));
    expect(refusal).toMatchObject({ item: 72, subject: 'ring 3 of task 100' });
  });

  it.each(KERNELS)('item 78: requests that are polled for completion, on %s', async (kernel) => {
    const session = await sessionOf(scene('entries: 8', ''), kernel);
    ringOf(session).ctx.set('iopoll_list.first', SOMETHING);
    expect(refusalsOf(session)).toEqual([
      { item: 78, subject: 'ring 3 of task 100', reason: 'has requests that are polled for completion' },
    ]);
  });

  it.each([
    ['futex_list', 'has futex waits in progress'],
    ['waitid_list', 'has waitid calls in progress'],
    ['cancelable_uring_cmd', 'has driver commands in progress'],
  ])('item 80: what waits in %s', async (list, reason) => {
    const session = await sessionOf(scene('entries: 8', ''));
    ringOf(session).ctx.set(`${list}.first`, SOMETHING);
    expect(refusalsOf(session)).toEqual([{ item: 80, subject: 'ring 3 of task 100', reason }]);
  });

  it.each(KERNELS)(
    'items 78 and 84: requests that no list shows, such as notifications, on %s',
    async (kernel) => {
      const session = await sessionOf(scene('entries: 8', ''), kernel);
      const task = session.machine.tasks.get(100);
      const context = session.machine.heap.at(task?.record.big('io_uring') ?? 0n);
      context?.add('inflight.count', 2);
      expect(refusalsOf(session)).toEqual([
        {
          item: 78,
          subject: 'task 100',
          reason: 'has 2 requests in progress that workers execute or devices hold up',
        },
      ]);
    },
  );

  it('unless it may lose the item, and says so', async () => {
    planted('buffer', { kernel: 1 });
    const session = await sessionOf(scene(BUFFER, ''));
    const { refusals, dropped } = takeCheckpoint(session, checkpointObject, { drop: [50] });
    expect([refusals.length, dropped.map(({ item }) => item)]).toEqual([0, [50]]);
  });
});

describe('outside of what is restored', () => {
  it.each(KERNELS)('items 8 and 21: numbers that a kernel makes up, on %s', async (kernel) => {
    const session = await sessionOf(scene('flags: [SQPOLL]', ''), kernel);
    const { state } = takeCheckpoint(session, checkpointObject);
    const text = JSON.stringify(state, (_key, value: unknown) =>
      typeof value === 'bigint' ? `${value}` : value,
    );
    expect(text).not.toMatch(/iou-sqp|"ino"/);
    const fresh = await sessionOf('', kernel);
    expect(proveRestore(fresh, checkpointObject, state).comparison.equal).toBe(true);
    const threads = fresh.machine.tasks.all.filter(({ comm }) => comm.startsWith('iou-sqp-'));
    expect(threads.length, 'a new thread serves the ring').toBe(1);
  });

  it('the seven items are these', () => {
    expect(items.filter((item) => item.class === 'N').map(({ id }) => id)).toEqual([
      8, 21, 50, 72, 78, 80, 84,
    ]);
  });
});
