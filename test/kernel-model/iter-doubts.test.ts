/** Doubts about the series' iterators that are no matter of order: H18, H19, H22 and H23 of docs/locks.md. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Errno } from '../../bpf/errno.ts';
import { EpollOp } from '../../kernel-model/epoll-ctl.ts';
import type { IoUring } from '../../kernel-model/io-uring/ring.ts';
import { RegisterOp as Op } from '../../kernel-model/io-uring/uapi.ts';
import { PendingRead } from '../../kernel-model/iter/read.ts';
import type { Machine } from '../../kernel-model/machine.ts';
import type { Task } from '../../kernel-model/task.ts';
import { readAll } from './iter-support.ts';
import { type Body, linkTo, type OpenIterator, openIterator, programOf } from './program-support.ts';
import { Caller, iovecs } from './ring-support.ts';
import { KERNELS, newMachine, PAGE } from './support.ts';

interface Rig {
  machine: Machine;
  task: Task;
  caller: Caller;
}

async function rig(kernel: string): Promise<Rig> {
  const machine = await newMachine(kernel);
  const task = machine.tasks.create({ pid: 100 });
  return { machine, task, caller: new Caller(machine, task) };
}

function open({ machine, task }: Rig, target: string, fd: number, body: Body): OpenIterator {
  return openIterator(machine, task, programOf(machine, target, body), linkTo(fd));
}

/** An epoll instance that watches so many eventfds. */
function epollOf({ machine, task, caller }: Rig, size: number): number {
  const epfd = caller.epollCreate();
  for (let i = 0; i < size; i++)
    expect(caller.epollCtl(epfd, EpollOp.Add, machine.sys.eventfd2(task, 0, 0))).toBe(0);
  return epfd;
}

/** What one run of a buffer program is given: `index`, and whether there is a buffer. */
type Run = readonly [index: number, buffer: boolean];

/** Each buffer as a line of varying length; the runs are noted. */
function bufferLines(runs: Run[]): Body {
  return ({ context, struct, write }) => {
    const index = context.get('index');
    const buffer = struct('ubuf', 'io_mapped_ubuf');
    runs.push([index, buffer !== undefined]);
    write(buffer ? `${index}${'.'.repeat(index % 5)}\n` : `end ${index}\n`);
    return undefined;
  };
}

/** A ring with so many buffers, of which some slots are empty. */
function ringOf({ caller }: Rig, slots: readonly boolean[]): { fd: number; ring: IoUring } {
  const fd = caller.setup(4);
  const memory = caller.map(PAGE);
  const ranges = slots.map((full): [number, number] => (full ? [memory, 64] : [0, 0]));
  if (slots.length > 0) expect(caller.register(fd, Op.Buffers, iovecs(...ranges), slots.length)).toBe(0);
  return { fd, ring: caller.ring(fd) };
}

describe.each(KERNELS)('on %s', (kernel) => {
  test('H18: after its end an epoll iterator takes the lock, runs nothing, and gives it back', async () => {
    const world = await rig(kernel);
    let runs = 0;
    const epfd = epollOf(world, 2);
    const it = open(world, 'epoll', epfd, ({ write }) => {
      runs++;
      write('x');
      return undefined;
    });
    expect(readAll((length) => it.read(length), 64)).toBe('xxx');
    expect(world.caller.epollCtl(epfd, EpollOp.Add, world.machine.sys.eventfd2(world.task, 0, 0))).toBe(0);
    for (let i = 0; i < 3; i++) expect(it.read(64)).toEqual(new Uint8Array());
    expect(runs).toBe(3);
    const { lock } = (world.task.files?.get(epfd)?.object ?? {}) as { lock: IoUring['lock'] };
    expect(lock.owner).toBe(0n);
    lock.tryLock(world.task);
    expect(it.read(64)).toBeInstanceOf(PendingRead);
    lock.unlock();
  });

  test('H19: an epoll iterator that goes on has moved its position on', async () => {
    const world = await rig(kernel);
    await fc.assert(
      fc.asyncProperty(fc.nat(6), fc.integer({ min: 1, max: 20 }), async (size, length) => {
        const it = open(world, 'epoll', epollOf(world, size), ({ context, write }) => {
          write(context.big('epi') === 0n ? 'end.' : 'item');
          return undefined;
        });
        const { seq } = it.file.session;
        for (let result = it.read(length); ; result = it.read(length)) {
          if (!(result instanceof Uint8Array)) throw new Error('the read fails');
          expect(seq.index > 0).toBe(size > 0);
          if (result.length === 0) break;
        }
        expect(seq.index).toBe(size === 0 ? 0 : size + 1);
      }),
      { numRuns: 40 },
    );
  });

  test('H22: index and buffer together tell the first object from the end of an empty table', async () => {
    const world = await rig(kernel);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.boolean(), { maxLength: 12 }),
        fc.integer({ min: 1, max: 64 }),
        async (slots, length) => {
          const runs: Run[] = [];
          const { fd } = ringOf(world, slots);
          const it = open(world, 'io_uring_buf', fd, bufferLines(runs));
          readAll((size) => it.read(size), length);
          // Empty slots hold a dummy: they are shown as buffers, and never as NULL.
          const expected: Run[] = slots.map((_, index) => [index, true]);
          expect(runs).toEqual([...expected, [slots.length, false]]);
          expect(new Set(runs.map(String)).size).toBe(runs.length);
        },
      ),
      { numRuns: 40 },
    );
  });

  test('H20, H23: whatever holds the lock between reads, a reader that tries again gets the same', async () => {
    const world = await rig(kernel);
    const slots = Array.from({ length: 60 }, (_, i) => i % 7 !== 3);
    const { fd, ring } = ringOf(world, slots);
    const calm: Run[] = [];
    const first = open(world, 'io_uring_buf', fd, bufferLines(calm));
    const wanted = readAll((size) => first.read(size), 1 << 14);
    const gust = fc.record({ held: fc.boolean(), length: fc.integer({ min: 1, max: 90 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(gust, { minLength: 1, maxLength: 40 }), async (gusts) => {
        const runs: Run[] = [];
        const it = open(world, 'io_uring_buf', fd, bufferLines(runs));
        expect(stormyRead(it, ring, world.task, gusts, runs)).toBe(wanted);
        expect(runs).toEqual(calm);
      }),
      { numRuns: 40 },
    );
  });
});

/** Reads to the end; before each read someone takes the lock or not, and lets it go once the reader was refused. */
function stormyRead(
  it: OpenIterator,
  ring: IoUring,
  task: Task,
  gusts: readonly { held: boolean; length: number }[],
  runs: readonly Run[],
): string {
  const { seq } = it.file.session;
  let text = '';
  for (let i = 0; ; i++) {
    const { held, length } = gusts[i % gusts.length] as { held: boolean; length: number };
    if (held) ring.lock.tryLock(task);
    const before = [runs.length, seq.index, seq.count];
    const result = it.read(length);
    if (held) ring.lock.unlock();
    if (result === -Errno.EDEADLK) {
      // Nothing is consumed, and only a reader without leftovers is refused.
      expect([held, runs.length, seq.index, seq.count]).toEqual([true, ...before]);
      expect(seq.count).toBe(0);
      const again = it.read(length);
      if (!(again instanceof Uint8Array)) throw new Error('the read fails');
      if (again.length === 0) return text;
      text += new TextDecoder().decode(again);
      continue;
    }
    if (!(result instanceof Uint8Array)) throw new Error('the read fails');
    if (result.length === 0) return text;
    text += new TextDecoder().decode(result);
  }
}
