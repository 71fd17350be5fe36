/** What holds of a ring's counters whatever is done with it, and how any values of them can be brought about. */
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  Enter,
  MsgFlag,
  RegisterOp as Op,
  Setup,
  SqeFlag,
  SubmitOp,
} from '../../kernel-model/io-uring/uapi.ts';
import type { Machine } from '../../kernel-model/machine.ts';
import { XArray, xarrayLoad } from '../../kernel-model/xarray.ts';
import { Caller, concat, ints, rsrcRegister, words } from './ring-support.ts';
import { newMachine } from './support.ts';

const nop = { opcode: SubmitOp.Nop };

type Step =
  | { kind: 'nop'; flags: number; count: number }
  | { kind: 'bad-index' | 'refused' | 'message' | 'tag' | 'wake' | 'flush' | 'cancel' | 'time' }
  | { kind: 'read' | 'poll' | 'timeout' | 'drain' }
  | { kind: 'reap'; count: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('nop' as const),
    flags: fc.constantFrom(0, SqeFlag.Link, SqeFlag.HardLink, SqeFlag.Async),
    count: fc.integer({ min: 1, max: 4 }),
  }),
  fc.record({
    kind: fc.constantFrom(
      ...(['bad-index', 'refused', 'message', 'tag', 'wake', 'flush', 'cancel', 'time'] as const),
      ...(['read', 'poll', 'timeout', 'drain'] as const),
    ),
  }) as fc.Arbitrary<Step>,
  fc.record({ kind: fc.constant('reap' as const), count: fc.integer({ min: 1, max: 4 }) }),
);

describe.each(['5.16+series', '6.1', '6.12'])('counters of %s', (kernel) => {
  let machine: Machine;
  let caller: Caller;
  const messages = kernel !== '5.16+series';
  beforeAll(async () => {
    machine = await newMachine(kernel);
    caller = new Caller(machine, machine.tasks.create({ pid: 100 }));
  });

  /** A ring, a second one that sends to it, and an eventfd to wait for. */
  class Rig {
    readonly fd = caller.setup(4, { flags: Setup.CqSize, cqEntries: 8 });
    readonly helper = caller.setup(4);
    readonly event = machine.sys.eventfd2(caller.task, 0, 0);
    private readonly scratch = caller.put(ints(-1));
    private readonly slot = caller.put(ints(this.event));
    private readonly tag = caller.put(words(9));
    private readonly time = caller.timespec(1000);

    constructor() {
      caller.register(this.fd, Op.Files2, rsrcRegister(1, this.slot, { tags: this.tag }), 32);
    }

    perform(what: Step): void {
      const { fd, event } = this;
      const queue = caller.queue(fd);
      switch (what.kind) {
        case 'nop':
          for (let i = 0; i < what.count; i++)
            queue.push({ ...nop, flags: i + 1 < what.count ? what.flags : 0 });
          caller.enter(fd, what.count);
          break;
        case 'bad-index':
          queue.pushIndex(1000);
          caller.enter(fd, 1);
          break;
        case 'refused':
          caller.submit(fd, { opcode: 250 });
          break;
        case 'message':
          this.post(1n, 2, 0);
          break;
        case 'tag':
          this.postTag();
          break;
        case 'wake':
          machine.sys.write(caller.task, event, words(1));
          break;
        case 'flush':
          caller.enter(fd, 0, 0, Enter.GetEvents);
          break;
        case 'cancel':
          caller.submit(fd, { opcode: SubmitOp.AsyncCancel, address: 5n });
          break;
        case 'time':
          machine.advance(1000n);
          break;
        case 'read':
          caller.submit(fd, {
            opcode: SubmitOp.Read,
            fd: event,
            length: 8,
            address: this.scratch,
            userData: 5n,
          });
          break;
        case 'poll':
          caller.submit(fd, { opcode: SubmitOp.PollAdd, fd: event, opFlags: 1, userData: 5n });
          break;
        case 'timeout':
          caller.submit(fd, { opcode: SubmitOp.Timeout, address: this.time, length: 1, userData: 6n });
          break;
        case 'drain':
          caller.submit(fd, { ...nop, flags: SqeFlag.Drain });
          break;
        case 'reap':
          queue.advance(Math.min(what.count, queue.ready));
          break;
      }
    }

    /** A completion of any content without an entry: a message, or (5.16) a tag. */
    post(userData: bigint, result: number, flags: number): void {
      if (!messages) {
        this.postTag();
        return;
      }
      const passes = kernel === '6.12' ? { opFlags: MsgFlag.FlagsPass, fileIndex: flags } : {};
      const message = { opcode: SubmitOp.MsgRing, fd: this.fd, offset: userData, length: result, ...passes };
      caller.submit(this.helper, message);
      caller.reap(this.helper);
    }

    private postTag(): void {
      const update = concat(ints(0, 0), words(this.slot, this.tag), ints(1, 0));
      caller.register(this.fd, Op.FilesUpdate2, update, 32);
    }

    /** Lets everything that waits come to its end. */
    settle(): void {
      for (let round = 0; round < 64 && caller.ring(this.fd).engine.inflight.size > 0; round++) {
        machine.sys.write(caller.task, this.event, words(1));
        machine.advance(1000n);
        caller.reap(this.fd);
        caller.enter(this.fd, 0, 0, Enter.GetEvents);
      }
    }

    counters() {
      const { ctx, completions, memory } = caller.ring(this.fd);
      return {
        head: ctx.get('cached_sq_head'),
        tail: ctx.get('cached_cq_tail'),
        extra: ctx.get('cq_extra'),
        waiting: completions.overflowCount,
        dropped: memory.rings.get('sq_dropped'),
      };
    }

    close(): void {
      for (const fd of [this.fd, this.helper, this.event]) machine.sys.close(caller.task, fd);
    }
  }

  test('of an idle ring: posted and waiting completions are the entries taken and the extra ones', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const rig = new Rig();
        for (const what of steps) rig.perform(what);
        rig.settle();
        const { head, tail, extra, waiting } = rig.counters();
        const idle = caller.ring(rig.fd).engine.inflight.size;
        rig.close();
        expect(idle).toBe(0);
        expect((tail + waiting) >>> 0).toBe((head + extra) >>> 0);
      }),
      { numRuns: 60, seed: 7 },
    );
  });

  test('NOPs, invalid indices and messages bring them to any values', () => {
    const target = fc.record({
      entries: fc.integer({ min: 0, max: 300 }),
      completions: fc.integer({ min: 8, max: 300 }),
      waiting: fc.integer({ min: 0, max: 5 }),
    });
    fc.assert(
      fc.property(target, ({ entries, completions, waiting }) => {
        const rig = new Rig();
        const { fd } = rig;
        const { rings } = caller.ring(fd).memory;
        // The head must never be beyond its final place: the kernel remembers how much room it has seen.
        const seen = (posted: number) => rings.set('cq.head', Math.min(posted, completions - 8));
        const both = Math.min(entries, completions);
        for (let i = 0; i < both; i++) {
          caller.submit(fd, nop);
          seen(i + 1);
        }
        for (let i = both; i < entries; i++) rig.perform({ kind: 'bad-index' });
        for (let i = both; i < completions; i++) {
          rig.post(BigInt(i), i, 0);
          seen(i + 1);
        }
        for (let i = 0; i < waiting; i++) rig.post(BigInt(100 + i), i, 0);
        const { head, tail, extra, waiting: found, dropped } = rig.counters();
        const order = flushed(rig.fd, waiting);
        rig.close();
        expect({ head, tail, found }).toEqual({ head: entries, tail: completions, found: waiting });
        expect(dropped).toBe(entries - both);
        expect(extra).toBe((completions + waiting - entries) >>> 0);
        if (messages) expect(order).toEqual(Array.from({ length: waiting }, (_, i) => 100 + i));
      }),
      { numRuns: 25, seed: 3 },
    );
  });

  /** User data of what waited, once there is room. */
  function flushed(fd: number, count: number): number[] {
    caller.queue(fd).advance(8);
    caller.enter(fd, 0, 0, Enter.GetEvents);
    return caller
      .reap(fd)
      .map(([id]) => id)
      .slice(0, count);
  }

  test('an xarray in model memory finds what a map finds, and frees its nodes', () => {
    const layout = machine.profile.layout('xa_node');
    const action = fc.record({ index: fc.oneof(fc.nat(80), fc.nat(70_000)), add: fc.boolean() });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 80 }), (actions) => {
        const before = machine.heap.objects;
        const record = machine.heap.allocate('xarray');
        const xarray = new XArray(machine.heap, record, layout);
        const map = new Map<number, bigint>();
        for (const { index, add } of actions) {
          const entry = record.address + 64n * BigInt(index);
          if (add) {
            map.set(index, entry);
            xarray.set(index, entry);
          } else {
            expect(xarray.delete(index)).toBe(map.delete(index));
          }
          for (const probe of [index, 0, 63, 64, 4096]) {
            expect(xarrayLoad(record, layout, probe)).toBe(map.get(probe) ?? 0n);
          }
        }
        for (const [index, entry] of map) expect(xarrayLoad(record, layout, index)).toBe(entry);
        xarray.clear();
        expect(record.big('xa_head')).toBe(0n);
        machine.heap.free(record);
        expect(machine.heap.objects).toBe(before);
      }),
      { numRuns: 60, seed: 11 },
    );
  });
});
