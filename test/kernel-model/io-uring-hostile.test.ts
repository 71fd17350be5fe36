/** Arbitrary calls on rings, epoll and links end in a result or a typed error, and leave no lock held. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { InputError } from '../../bpf/input-error.ts';
import { epollCtl } from '../../kernel-model/epoll-ctl.ts';
import { ioUringEnter } from '../../kernel-model/io-uring/enter.ts';
import { ioUringRegister } from '../../kernel-model/io-uring/register.ts';
import { IoUring } from '../../kernel-model/io-uring/ring.ts';
import { ioUringSetup } from '../../kernel-model/io-uring/setup.ts';
import type { SqeFields } from '../../kernel-model/io-uring/sqe.ts';
import { iterCreate, linkCreate } from '../../kernel-model/iter/link.ts';
import { linkInfo } from '../../kernel-model/iter/link-info.ts';
import { IterProgram, targetBtfId } from '../../kernel-model/iter/program.ts';
import { ITER_TARGETS } from '../../kernel-model/iter/targets.ts';
import { Blocked } from '../../kernel-model/lock.ts';
import type { Machine } from '../../kernel-model/machine.ts';
import { UseAfterFree } from '../../kernel-model/record.ts';
import type { Task } from '../../kernel-model/task.ts';
import { Caller, ints, iovecs } from './ring-support.ts';
import { newMachine, PAGE } from './support.ts';

const word = fc.oneof(fc.nat(40), fc.constantFrom(-1, -2, 0x7fff_ffff, -0x8000_0000), fc.integer());
const fd = fc.oneof(fc.nat(16), fc.constantFrom(-1, 99, 1 << 30));
/** An argument: NULL, a wild pointer, small words, or words that are mostly good addresses. */
const argument = (good: bigint) =>
  fc.oneof(
    fc.constant(0n),
    fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    fc.array(word, { maxLength: 20 }).map((values) => ints(...values)),
    fc
      .array(fc.tuple(fc.constantFrom(0n, good, good + 8n, ~0n), fc.nat(3 * PAGE)), { maxLength: 8 })
      .map((ranges) => iovecs(...ranges)),
    fc
      .tuple(word, word, fc.nat(4))
      .map(([a, b, count]) => ints(a, b, Number(good & 0xffff_ffffn), Number(good >> 32n), 0, 0, count, 0)),
    fc.constant(good),
  );

interface World {
  machine: Machine;
  task: Task;
  good: bigint;
}

async function world(kernel: string): Promise<World> {
  const machine = await newMachine(kernel);
  const task = machine.tasks.create({ pid: 100, uid: 1000 });
  const caller = new Caller(machine, task);
  machine.vfs.create({ path: '/a' });
  machine.sys.open(task, '/a', 2);
  machine.sys.eventfd2(task, 0, 0);
  caller.epollCreate();
  caller.setup(4);
  caller.setup(4, { flags: 64 });
  return { machine, task, good: BigInt(caller.map(2 * PAGE)) };
}

/**
 * A result, bad input that the model names, or the one kernel bug that these calls can meet: an iterator that is
 * read after its ring or epoll instance. Anything else that is thrown is a bug of the model.
 */
function settle(call: () => unknown, bugs = true): void {
  try {
    const result = call();
    expect(typeof result === 'number' || result instanceof Blocked || typeof result === 'object').toBe(true);
  } catch (error) {
    const known = error instanceof InputError || (bugs && error instanceof UseAfterFree);
    if (!known) throw error;
  }
}

function locksAreFree(task: Task): void {
  for (const [, file] of task.files?.entries() ?? []) {
    if (file.object instanceof IoUring) expect(file.object.lock.owner).toBe(0n);
  }
}

test.each(['5.16+series', '6.1', '6.12'])('any sequence of calls on %s', async (kernel) => {
  const { good } = await world(kernel);
  type Step = (world: World) => unknown;
  const targets = ITER_TARGETS.map(({ name }) => name);
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.tuple(fd, fc.oneof(fc.nat(40), word), argument(good), fc.oneof(fc.nat(40), fc.nat(0xffff_ffff))).map(
      ([ring, op, pointer, count]) =>
        ({ machine, task }: World) =>
          ioUringRegister(machine, task, ring, op >>> 0, pointer, count),
    ),
    fc
      .tuple(fc.nat(70_000), fc.nat(1 << 17), fc.nat(70_000), fd)
      .map(([entries, flags, cqEntries, wqFd]) => ({ machine, task }: World) => {
        const result = ioUringSetup(machine, task, entries, { flags, cqEntries, wqFd });
        // Large rings would only use up memory.
        if (typeof result === 'object' && result.cqEntries > 64) machine.sys.close(task, result.fd);
        return result;
      }),
    fc.tuple(fd, fc.nat(4), fd, word).map(([ep, op, target, events]) => ({ task }: World) => {
      const event = { events: events >>> 0, data: BigInt.asUintN(64, BigInt(events)) };
      return epollCtl(task, ep, op, target, event);
    }),
    fc
      .tuple(fc.constantFrom(...targets), argument(good), fc.nat(20))
      .map(([target, pointer, length]) => ({ machine, task }: World) => {
        const program = new IterProgram(machine, { attachBtfId: targetBtfId(machine, target), run: () => 0 });
        const link = linkCreate(machine, task, program, { iterInfo: pointer, iterInfoLength: length });
        return link < 0 ? link : iterCreate(machine, task, link);
      }),
    fd.map(
      (number) =>
        ({ machine, task }: World) =>
          machine.sys.read(task, number, 100),
    ),
    fd.map(
      (number) =>
        ({ machine, task }: World) =>
          machine.sys.close(task, number),
    ),
    fc.tuple(fd, fc.nat(100)).map(
      ([link, length]) =>
        ({ machine, task }: World) =>
          linkInfo(machine, task, link, new Uint8Array(length), length),
    ),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
      const at = await world(kernel);
      const before = at.machine.heap.objects;
      for (const call of steps) settle(() => call(at));
      locksAreFree(at.task);
      at.machine.tasks.exitGroup(at.task, 0);
      expect(at.machine.heap.objects).toBeLessThan(before + 100);
    }),
    { numRuns: 150, seed: 11 },
  );
});

test.each(['5.16+series', '6.1', '6.12'])('any submission entries on %s', async (kernel) => {
  const modelled = Object.values({
    ...{ nop: 0, readFixed: 4, writeFixed: 5, pollAdd: 6, pollRemove: 7, timeout: 11, timeoutRemove: 12 },
    ...{ cancel: 14, linkTimeout: 15, open: 18, close: 19, filesUpdate: 20, read: 22, write: 23 },
    ...{ provide: 31, remove: 32, message: 40, install: 54 },
  });
  const address = (good: bigint) =>
    fc.oneof(fc.constantFrom(0n, good, good + 1n, 1n, 2n), fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }));
  const entry = (good: bigint): fc.Arbitrary<SqeFields> =>
    fc.record({
      opcode: fc.oneof(fc.constantFrom(...modelled), fc.constantFrom(...modelled), fc.nat(255)),
      flags: fc.oneof(fc.constantFrom(0, 0, 1, 2, 4, 8, 16, 32, 64), fc.nat(255)),
      ioprio: fc.constantFrom(0, 0, 0, 1),
      fd: fc.oneof(fc.nat(8), fc.constantFrom(-1, 99)),
      offset: fc.oneof(fc.constantFrom(0n, 0n, 1n, 3n), address(good)),
      address: address(good),
      length: fc.oneof(fc.constantFrom(0, 1, 1, 8, 100), fc.nat(0xffff_ffff)),
      opFlags: fc.oneof(fc.constantFrom(0, 0, 1, 2, 8, 64), fc.nat(0xffff_ffff)),
      userData: fc.bigInt({ min: 0n, max: 4n }),
      buffer: fc.constantFrom(0, 0, 1, 7),
      personality: fc.constantFrom(0, 0, 0, 1),
      fileIndex: fc.constantFrom(0, 0, 1, 2, 0xffff_ffff),
      address3: fc.constantFrom(0n, 0n, 1n),
    });
  const flags = [0, 1 << 3, 1 << 1, (1 << 8) | (1 << 9), (1 << 12) | (1 << 13)];
  const rig = async (setup: number) => {
    const machine = await newMachine(kernel);
    const task = machine.tasks.create({ pid: 100 });
    const caller = new Caller(machine, task);
    const good = BigInt(caller.map(4 * PAGE));
    machine.vfs.create({ path: '/a', content: new Uint8Array(100) });
    machine.sys.open(task, '/a', 2);
    machine.sys.eventfd2(task, 1, 0);
    machine.sys.pipe2(task, 0);
    const known = setup & machine.profile.dialect.setupFlags;
    const ring = caller.setup(4, { flags: known, cqEntries: 8 });
    caller.setup(4);
    caller.register(ring, 0, iovecs([good, 100], [0, 0]), 2);
    caller.register(ring, 2, ints(0, -1, 1), 3);
    caller.register(ring, 9, 0n, 0);
    return { machine, task, caller, ring, good };
  };
  const { good } = await rig(0);
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.array(entry(good), { minLength: 1, maxLength: 5 }) },
    { weight: 1, arbitrary: fc.constantFrom('write', 'time', 'reap', 'flush', 'close') },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...flags),
      fc.array(step, { minLength: 20, maxLength: 80 }),
      async (setup, steps) => {
        const { machine, task, caller, ring } = await rig(setup);
        for (const what of steps) {
          const open = task.files?.get(ring)?.object instanceof IoUring;
          if (typeof what === 'object' && open) {
            const queue = caller.queue(ring);
            for (const fields of what) queue.push(fields);
            settle(() => ioUringEnter(machine, task, ring, 4, 0, 2), false);
          } else if (what === 'write') {
            machine.sys.write(task, 1, new Uint8Array(8).fill(1));
            machine.sys.write(task, 3, new Uint8Array(4));
          } else if (what === 'time') settle(() => machine.advance(10_000_000_000n) ?? 0, false);
          else if (what === 'close') machine.sys.close(task, 2);
          else if (open && what === 'reap') caller.reap(ring);
          else if (open && what === 'flush') settle(() => ioUringEnter(machine, task, ring, 0, 0, 1), false);
        }
        locksAreFree(task);
        machine.tasks.exitGroup(task, 0);
        expect(machine.timers.size).toBe(0);
        expect(machine.spinners.size).toBe(0);
      },
    ),
    { numRuns: Number(process.env.DRYDOCK_FUZZ ?? 40), seed: 5 },
  );
});
