/** What liburing's own tests check of polls, timeouts and cancellation; each test has the name of the one it stands for. */
import { beforeEach, describe, expect, test } from 'vitest';
import { Errno } from '../../bpf/errno.ts';
import {
  CancelFlag,
  CqeFlag,
  Enter,
  RegisterOp as Op,
  PollFlag,
  Setup,
  SqeFlag,
  SubmitOp,
  TimeoutFlag,
} from '../../kernel-model/io-uring/uapi.ts';
import { listNodes } from '../../kernel-model/list.ts';
import type { Machine } from '../../kernel-model/machine.ts';
import { lowOffset } from '../../kernel-model/record.ts';
import type { Task } from '../../kernel-model/task.ts';
import { BOOT_TIME } from '../../kernel-model/timers.ts';
import { MS, nop, POLLIN, RingTask } from './liburing-support.ts';
import { type Caller, concat, ints, words } from './ring-support.ts';
import { KERNELS } from './support.ts';

describe.each(KERNELS)('liburing: requests over %s', (kernel) => {
  let world: RingTask;
  let machine: Machine;
  let task: Task;
  let caller: Caller;
  let fd: number;
  const is516 = kernel === '5.16+series';
  const is612 = kernel === '6.12';
  beforeEach(async () => {
    world = await RingTask.over(kernel);
    ({ machine, task, caller, fd } = world);
  });

  describe('poll', () => {
    test('poll: added, armed, fired; a ready file at once', () => {
      const event = world.eventfd();
      caller.submit(fd, world.poll(event, 1));
      expect(caller.reap(fd)).toEqual([]);
      world.signal(event);
      expect(caller.reap(fd)).toEqual([[1, POLLIN, 0]]);
      caller.submit(fd, world.poll(event, 2));
      expect(caller.reap(fd)).toEqual([[2, POLLIN, 0]]);
      caller.submit(fd, world.poll(machine.sys.open(task, '/tmp/file', 0), 3));
      expect(caller.reap(fd)).toEqual([[3, POLLIN, 0]]);
    });

    test('poll-cancel: POLL_REMOVE ends it with ECANCELED', () => {
      caller.submit(fd, world.poll(world.eventfd(), 1));
      caller.submit(fd, { opcode: SubmitOp.PollRemove, address: 1n, userData: 2n });
      expect(world.sorted()).toEqual([
        [1, -Errno.ECANCELED, 0],
        [2, 0, 0],
      ]);
      caller.submit(fd, { opcode: SubmitOp.PollRemove, address: 1n, userData: 3n });
      expect(caller.reap(fd)).toEqual([[3, -Errno.ENOENT, 0]]);
    });

    test('poll-cancel-all: by user data, by file, any', () => {
      const [a, b] = [world.eventfd(), world.eventfd()];
      const all = CancelFlag.All;
      caller.submit(fd, world.poll(a, 1), world.poll(a, 1), world.poll(b, 2), world.poll(b, 3));
      caller.submit(fd, world.cancel(1, 9, all));
      if (is516) {
        expect(caller.reap(fd)).toEqual([[9, -Errno.EINVAL, 0]]);
        return;
      }
      expect(world.sorted()).toEqual([
        [1, -Errno.ECANCELED, 0],
        [1, -Errno.ECANCELED, 0],
        [9, 2, 0],
      ]);
      caller.submit(fd, world.cancel(0, 9, CancelFlag.Fd, { fd: b }));
      expect(caller.reap(fd)).toHaveLength(2);
      caller.submit(fd, world.poll(a, 4), world.cancel(0, 9, CancelFlag.Any));
      expect(world.sorted().map(([id]) => id)).toEqual([2, 4, 9]);
      caller.submit(fd, world.cancel(0, 9, CancelFlag.Any | CancelFlag.Fd));
      expect(caller.reap(fd)).toEqual([[9, -Errno.EINVAL, 0]]);
    });

    test('poll-many, poll-mshot-update: a multishot poll posts again and again, and can be changed', () => {
      const event = world.eventfd();
      caller.submit(fd, world.poll(event, 1, PollFlag.Multishot));
      for (let i = 0; i < 3; i++) {
        world.signal(event);
        expect(caller.reap(fd)).toEqual([[1, POLLIN, CqeFlag.More]]);
      }
      const change = PollFlag.UpdateUserData | PollFlag.Multishot;
      caller.submit(fd, {
        opcode: SubmitOp.PollRemove,
        address: 1n,
        offset: 7n,
        length: change,
        userData: 2n,
      });
      // It is armed anew, and the file is ready.
      expect(world.sorted()).toEqual([
        [2, 0, 0],
        [7, POLLIN, CqeFlag.More],
      ]);
      machine.sys.read(task, event, 8);
      world.signal(event);
      expect(caller.reap(fd)).toEqual([[7, POLLIN, CqeFlag.More]]);
    });

    test('poll-mshot-overflow: without room it ends, from 6.0 on', () => {
      const small = caller.setup(2, { flags: Setup.CqSize, cqEntries: 2 });
      const event = world.eventfd();
      caller.submit(small, world.poll(event, 1, PollFlag.Multishot));
      for (let i = 0; i < 4; i++) world.signal(event);
      caller.queue(small).advance(2);
      caller.enter(small, 0, 0, Enter.GetEvents);
      const last = caller.reap(small);
      expect(last.map(([, , flags]) => flags)).toEqual(is516 ? [CqeFlag.More, CqeFlag.More] : [0]);
      expect(caller.ring(small).engine.inflight.size).toBe(is516 ? 1 : 0);
    });

    test('poll-ring: a ring can be polled for its completions', () => {
      const watched = caller.setup(4);
      caller.submit(fd, world.poll(watched, 1));
      expect(caller.reap(fd)).toEqual([]);
      caller.submit(watched, nop(5));
      expect(caller.reap(fd)).toEqual([[1, POLLIN, 0]]);
    });

    test('eventfd-ring: a ring that polls its own eventfd does so once', () => {
      const event = world.eventfd();
      caller.register(fd, Op.Eventfd, ints(event), 1);
      caller.submit(fd, world.poll(event, 1, PollFlag.Multishot));
      caller.submit(fd, nop(2));
      const got = world.sorted();
      expect(got.filter(([id]) => id === 1)).toHaveLength(1);
      expect(caller.ring(fd).engine.inflight.size).toBe(0);
    });

    test('the requests stand in the cancel table by the hash of their user data', () => {
      caller.submit(fd, world.poll(world.eventfd(), 0x1234));
      const [waiting] = [...caller.ring(fd).engine.cancelTable];
      const bits = world.ctx().get(is516 ? 'cancel_hash_bits' : 'cancel_table.hash_bits');
      const hash = BigInt.asUintN(64, 0x1234n * 0x61c8864680b583ebn) >> BigInt(64 - bits);
      const size = is516 ? 8n : 64n;
      const buckets = world.ctx().big(is516 ? 'cancel_hash' : 'cancel_table.hbs');
      const head = buckets + hash * size + (is516 ? 0n : 8n);
      const first = machine.ram.view.getBigUint64(lowOffset(head), true);
      expect(first).toBe(waiting?.request.record.addressOf('hash_node'));
      const record = waiting?.request.command('io_poll', 'io_poll_iocb');
      expect((record?.get('events') ?? 0) & POLLIN).toBe(POLLIN);
      expect(record?.big('head')).not.toBe(0n);
    });
  });

  describe('timeout', () => {
    test('timeout: relative, absolute, of a number of completions', () => {
      caller.submit(fd, world.timeout(10, 1));
      machine.advance(BigInt(9 * MS));
      expect(caller.reap(fd)).toEqual([]);
      const [pending] = caller.ring(fd).engine.timeouts.all;
      const node = pending?.command.addressOf('list');
      expect([...listNodes(machine.ram, world.ctx().addressOf('timeout_list'))]).toEqual([node]);
      machine.advance(BigInt(MS));
      expect(caller.reap(fd)).toEqual([[1, -Errno.ETIME, 0]]);
      expect(world.ctx().get('cq_timeouts')).toBe(1);
      const at = Number(machine.now) / MS + 5;
      caller.submit(fd, world.timeout(at, 2, { opFlags: TimeoutFlag.Absolute }));
      machine.advance(BigInt(5 * MS));
      expect(caller.reap(fd)).toEqual([[2, -Errno.ETIME, 0]]);
      caller.submit(fd, world.timeout(1000, 3, { offset: 2n }), nop(4));
      expect(caller.reap(fd)).toEqual([[4, 0, 0]]);
      caller.submit(fd, nop(5));
      expect(world.sorted()).toEqual([
        [3, 0, 0],
        [5, 0, 0],
      ]);
      expect(world.ctx().get('off_timeout_used')).toBe(1);
    });

    test('timeout: several numbers of completions end in their order', () => {
      caller.submit(
        fd,
        world.timeout(1000, 1, { offset: 4n }),
        world.timeout(1000, 2, { offset: 2n }),
        world.timeout(1000, 3),
      );
      const order = caller.ring(fd).engine.timeouts.all.map(({ request }) => Number(request.userData));
      expect(order).toEqual([2, 1, 3]);
      caller.submit(fd, nop(10), nop(11));
      expect(world.sorted().map(([id]) => id)).toEqual([2, 10, 11]);
      caller.submit(fd, nop(12), nop(13));
      expect(world.sorted().map(([id]) => id)).toEqual([1, 12, 13]);
    });

    test('timeout: wrong arguments', () => {
      const wrong = [
        world.timeout(1, 1, { length: 2 }),
        world.timeout(1, 2, { opFlags: 0x100 }),
        world.timeout(1, 3, { opFlags: TimeoutFlag.BootTime | TimeoutFlag.RealTime }),
        world.timeout(1, 4, { address: 8n }),
        world.timeout(1, 5, { buffer: 1 }),
      ];
      for (const entry of wrong) caller.submit(fd, entry);
      const [a, b, c, d, e] = caller.reap(fd).map(([, result]) => result);
      expect([a, b, c, d, e]).toEqual([
        -Errno.EINVAL,
        -Errno.EINVAL,
        -Errno.EINVAL,
        -Errno.EFAULT,
        -Errno.EINVAL,
      ]);
    });

    test('timeout: removed, and given another time', () => {
      caller.submit(fd, world.timeout(10, 1), world.timeout(10, 2));
      caller.submit(fd, { opcode: SubmitOp.TimeoutRemove, address: 1n, userData: 3n });
      expect(world.sorted()).toEqual([
        [1, -Errno.ECANCELED, 0],
        [3, 0, 0],
      ]);
      const update = {
        opcode: SubmitOp.TimeoutRemove,
        address: 2n,
        offset: caller.timespec(50 * MS),
        opFlags: TimeoutFlag.Update,
        userData: 4n,
      };
      caller.submit(fd, update, { ...update, address: 99n, userData: 5n });
      expect(world.sorted().map(([, result]) => result)).toEqual([0, -Errno.ENOENT]);
      machine.advance(BigInt(49 * MS));
      expect(caller.reap(fd)).toEqual([]);
      machine.advance(BigInt(MS));
      expect(caller.reap(fd)).toEqual([[2, -Errno.ETIME, 0]]);
    });

    test('timens-abs-timer: the realtime clock', () => {
      const seconds = Number(BOOT_TIME / 1_000_000_000n) + 3;
      const flags = TimeoutFlag.Absolute | TimeoutFlag.RealTime;
      caller.submit(fd, world.timeout(seconds * 1000, 1, { opFlags: flags }));
      machine.advance(2_999_999_999n);
      expect(caller.reap(fd)).toEqual([]);
      machine.advance(1n);
      expect(caller.reap(fd)).toEqual([[1, -Errno.ETIME, 0]]);
    });

    test('timeout-mshot: a multishot timeout fires a number of times (6.4)', () => {
      caller.submit(fd, world.timeout(10, 1, { opFlags: TimeoutFlag.Multishot, offset: 3n }));
      machine.advance(BigInt(100 * MS));
      const fired = [1, -Errno.ETIME, CqeFlag.More];
      const answer = is612 ? [fired, fired, [1, -Errno.ETIME, 0]] : [[1, -Errno.EINVAL, 0]];
      expect(caller.reap(fd)).toEqual(answer);
    });

    test('link-timeout: bounds the request before it', () => {
      const pipe = machine.sys.pipe2(task, 0) as [number, number];
      const bounded = world.read(pipe[0], 1, { address: world.memory(), flags: SqeFlag.Link });
      caller.submit(fd, bounded, world.timeout(10, 2, { opcode: SubmitOp.LinkTimeout }));
      const { timeouts } = caller.ring(fd).engine;
      expect([...listNodes(machine.ram, world.ctx().addressOf('ltimeout_list'))]).toHaveLength(1);
      expect(timeouts.bounding[0]?.bounds?.userData).toBe(1n);
      machine.advance(BigInt(10 * MS));
      expect(world.sorted()).toEqual([
        [1, -Errno.ECANCELED, 0],
        [2, -Errno.ETIME, 0],
      ]);
      caller.submit(fd, bounded, world.timeout(10, 2, { opcode: SubmitOp.LinkTimeout }));
      machine.sys.write(task, pipe[1], new Uint8Array(8));
      expect(world.sorted()).toEqual([
        [1, 8, 0],
        [2, -Errno.ECANCELED, 0],
      ]);
      expect(machine.timers.size).toBe(0);
      caller.submit(fd, world.timeout(10, 3, { opcode: SubmitOp.LinkTimeout }));
      expect(caller.reap(fd)).toEqual([[3, -Errno.EINVAL, 0]]);
    });
  });

  describe('cancel', () => {
    test('io-cancel: one that waits; one that is not there', () => {
      const pipe = machine.sys.pipe2(task, 0) as [number, number];
      caller.submit(fd, world.read(pipe[0], 1, { address: world.memory() }));
      caller.submit(fd, world.cancel(1, 2), world.cancel(77, 3));
      expect(world.sorted()).toEqual([
        [1, -Errno.ECANCELED, 0],
        [2, 0, 0],
        [3, -Errno.ENOENT, 0],
      ]);
    });

    test('io-cancel: a timeout, by its user data', () => {
      caller.submit(fd, world.timeout(10, 1), world.cancel(1, 2));
      expect(world.sorted()).toEqual([
        [1, -Errno.ECANCELED, 0],
        [2, 0, 0],
      ]);
      expect(world.ctx().get('cq_timeouts')).toBe(0);
    });

    test('sync-cancel: everything, without a submission', () => {
      const flags = CancelFlag.Any | CancelFlag.All;
      const argument = concat(words(0), ints(0, flags), words(-1, -1), words(0, 0, 0, 0));
      caller.submit(
        fd,
        world.poll(world.eventfd(), 1),
        world.timeout(10, 2),
        world.read(world.eventfd(), 3, { address: world.memory() }),
      );
      const result = caller.register(fd, Op.SyncCancel, argument, 1);
      if (is516) {
        expect(result).toBe(-Errno.EINVAL);
        return;
      }
      expect(result).toBe(3);
      expect(world.sorted().map(([, res]) => res)).toEqual(Array(3).fill(-Errno.ECANCELED));
      expect(caller.register(fd, Op.SyncCancel, argument, 1)).toBe(0);
      expect(world.ctx().get('cancel_seq')).toBe(2);
    });
  });
});
