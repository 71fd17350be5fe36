/** The bundled scenes of programs/scenes/liburing, each over the kernels that have what it needs. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ioUringEnter } from '../../kernel-model/io-uring/enter.ts';
import { IoUring } from '../../kernel-model/io-uring/ring.ts';
import { taskContext } from '../../kernel-model/io-uring/task-context.ts';
import { Enter } from '../../kernel-model/io-uring/uapi.ts';
import { UserQueue } from '../../kernel-model/io-uring/user-queue.ts';
import type { Machine } from '../../kernel-model/machine.ts';
import { buildScene, parseScene, SceneError } from '../../kernel-model/scene/index.ts';
import type { Task } from '../../kernel-model/task.ts';
import { KERNELS, newMachine } from '../kernel-model/support.ts';

const folder = new URL('../../programs/scenes/liburing/', import.meta.url);
const files = readdirSync(folder).sort();
const source = (file: string) => parseScene(readFileSync(new URL(file, folder), 'utf8'), file);

/** Kernels from the one on that a scene names. */
function kernelsOf(file: string): string[] {
  const { kernel } = source(file).scene;
  return kernel === undefined ? KERNELS : KERNELS.slice(KERNELS.indexOf(kernel));
}

async function build(file: string, kernel: string): Promise<{ machine: Machine; task: Task }> {
  const machine = await newMachine(kernel);
  buildScene(source(file), machine);
  return { machine, task: machine.tasks.get(100) as Task };
}

function ringOf(task: Task, fd: number): IoUring {
  const object = task.files?.get(fd)?.object;
  if (!(object instanceof IoUring)) throw new Error(`descriptor ${fd} is no ring`);
  return object;
}

function completions(task: Task, fd: number): [number, number][] {
  return new UserQueue(ringOf(task, fd))
    .takeAll()
    .map(({ userData, result }) => [Number(userData), result] as [number, number]);
}

/** What a scene leaves behind, beyond what it expects itself. */
const LEFT: { readonly [file: string]: (task: Task, machine: Machine, kernel: string) => void } = {
  'cq-overflow.yaml': (task, machine) => {
    const { completions: queue } = ringOf(task, 3);
    expect(queue.overflowCount).toBe(5);
    ioUringEnter(machine, task, 3, 0, 0, Enter.GetEvents);
    expect(completions(task, 3).map(([id]) => id)).toEqual([14, 15, 16, 17]);
  },
  'read-buf-select.yaml': (task, _machine, kernel) => {
    const group = ringOf(task, 3).provided.group(7);
    // Before 5.19 the first buffer stands for its group, and the last is used first.
    const left = kernel === '5.16+series' ? [100] : [103];
    expect(group && 'buffers' in group ? group.buffers.map(({ id }) => id) : []).toEqual(left);
  },
  'link-timeout.yaml': (task) => {
    expect(completions(task, 3).sort()).toEqual([
      [1, -125],
      [2, -62],
      [3, -125],
    ]);
  },
  'poll-mshot.yaml': (task) => {
    expect(completions(task, 3).sort()).toEqual([
      [1, -125],
      [2, 0],
    ]);
    expect(ringOf(task, 3).engine.inflight.size).toBe(0);
  },
  'drain.yaml': (task) => expect(ringOf(task, 3).engine.drain.size).toBe(0),
  'submit-drop.yaml': (task) => {
    const { ctx, memory } = ringOf(task, 3);
    expect([ctx.get('cached_sq_head'), ctx.get('cached_cq_tail')]).toEqual([4, 2]);
    expect([memory.rings.get('sq.tail'), memory.rings.get('sq_dropped')]).toEqual([5, 2]);
  },
  'register-restrictions.yaml': (task) => {
    const restrictions = ringOf(task, 3).ctx.sub('restrictions');
    expect([restrictions.big('register_op[0]'), restrictions.big('sqe_op[0]')]).toEqual([
      1n << 8n,
      1n | (1n << 22n),
    ]);
  },
  'personality.yaml': (task) => expect(ringOf(task, 3).personalities.ids).toEqual([2, 5]),
  'sq-poll-share.yaml': (task) => {
    const data = ringOf(task, 4).sqData;
    expect([data, data?.alive]).toEqual([ringOf(task, 5).sqData, true]);
  },
  'eventfd.yaml': (task) => expect(ringOf(task, 4).engine.inflight.size).toBe(0),
  'fixed-reuse.yaml': (task) => {
    const { files: table } = ringOf(task, 3);
    const names = [0, 1, 2, 3].map((slot) => table?.at(slot)?.dentry.name);
    expect(names).toEqual(['b', undefined, 'b', undefined]);
    expect(task.files?.size).toBe(3);
  },
  'ringbuf-status.yaml': (task) => {
    const { provided } = ringOf(task, 3);
    expect([100, 101].map((id) => provided.group(id)?.record?.get('head'))).toEqual([7, 0]);
    const rest = task.mm?.memory.read(0x7f00_0001_0000, 12) as Uint8Array;
    const view = new DataView(rest.buffer, rest.byteOffset, 12);
    expect([view.getBigUint64(0, true), view.getUint32(8, true)]).toEqual([0x7f00_0002_8000n + 1000n, 3096]);
  },
  'msg-ring.yaml': (task) => expect(ringOf(task, 4).files?.at(1)).toBe(task.files?.get(5)),
  'poll-cancel-all.yaml': (task) => {
    expect(completions(task, 3).sort()).toEqual([
      [2, -125],
      [3, -125],
      [5, 2],
    ]);
  },
  'regbuf-clone.yaml': (task) => {
    const [a, b] = [ringOf(task, 3), ringOf(task, 4)];
    expect(a.buffers?.at(0)).toBe(b.buffers?.at(0));
    expect(a.buffers?.at(0)?.record.get('refs')).toBe(2);
  },
  'reg-reg-ring.yaml': (task) => {
    const { ctx } = ringOf(task, 3);
    const context = taskContext(task);
    expect(context?.registeredRing(5)?.object).toBe(ringOf(task, 3));
    expect(context?.workers.limits).toEqual([3, 4]);
    expect([ctx.get('clockid'), ctx.get('napi_busy_poll_dt'), ctx.get('file_alloc_end')]).toEqual([
      7, 50_000, 5,
    ]);
    expect(completions(task, 3).sort()).toEqual([
      [1, 0],
      [2, 0],
    ]);
  },
  'across-fork.yaml': (_task, machine) => expect(machine.tasks.get(101)?.exited ?? true).toBe(true),
};

test('every scene is here', () => expect(Object.keys(LEFT).sort()).toEqual(files));

describe.each(files)('%s', (file) => {
  test.each(kernelsOf(file))('over %s', async (kernel) => {
    const { machine, task } = await build(file, kernel);
    LEFT[file]?.(task, machine, kernel);
  });
});

describe('scenes that go wrong name the place', () => {
  const wrong = async (ring: string, events = '') => {
    const text = `tasks:\n  - pid: 100\n    rings:\n      - fd: 3\n${ring}${events}`;
    try {
      buildScene(parseScene(text, 's.yaml'), await newMachine('6.12'));
    } catch (error) {
      if (error instanceof SceneError) return error.message;
      throw error;
    }
    return 'built';
  };

  test('an entry with two operations, or none', async () => {
    expect(await wrong('        submit:\n          - { nop: true, close: { fd: 1 } }\n')).toMatch(
      /^s\.yaml:6:13: two fields/,
    );
    expect(await wrong('        submit:\n          - { data: 1 }\n')).toMatch(
      /^s\.yaml:6:13: needs one of: nop/,
    );
  });

  test('more entries than are left unsubmitted', async () => {
    const text = '        entries: 2\n        prepare:\n          - { nop: true, repeat: 3 }\n';
    expect(await wrong(text)).toBe('s.yaml:7:13: the submission queue is full');
  });

  test('completions that are not the expected ones', async () => {
    const ring = '        submit:\n          - { nop: true, data: 1 }\n';
    const event = (are: string) => `events:\n  - task: 100\n    completions: { fd: 3, are: ${are} }\n`;
    expect(await wrong(ring, event('[{ data: 2 }]'))).toBe(
      's.yaml:9:35: the completion is of 1, with result 0 and flags 0',
    );
    expect(await wrong(ring, event('[{ data: 1, result: ETIME }]'))).toMatch(
      /^s\.yaml:9:44: the completion is of 1/,
    );
    expect(await wrong(ring, event('[]'))).toMatch(/there is a further completion, of 1$/);
    expect(await wrong(ring, event('[{ data: 1 }, { data: 2 }]'))).toMatch(/there are only 1 completions$/);
  });

  test('a ring that is not enabled, and calls that fail', async () => {
    expect(await wrong('        flags: [R_DISABLED]\n        submit:\n          - { nop: true }\n')).toBe(
      's.yaml:6:9: io_uring_enter by task 100 fails with EBADFD: the ring is R_DISABLED; enable it first',
    );
    expect(await wrong('        register:\n          - enable: true\n')).toMatch(
      /^s\.yaml:6:1\d: register by task 100 fails with EBADFD: the ring is not R_DISABLED$/,
    );
  });

  test('a descriptor that is no ring', async () => {
    const event = 'events:\n  - { task: 100, submit: { fd: 9, entries: [] } }\n';
    expect(await wrong('        entries: 1\n', event)).toMatch(
      /descriptor 9 of task 100 is not an io_uring instance$/,
    );
  });
});
