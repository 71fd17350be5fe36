/** Arbitrary calls on rings, epoll and links end in a result or a typed error, and leave no lock held. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { InputError } from '../../bpf/input-error.ts';
import { epollCtl } from '../../kernel-model/epoll-ctl.ts';
import { ioUringRegister } from '../../kernel-model/io-uring/register.ts';
import { IoUring } from '../../kernel-model/io-uring/ring.ts';
import { ioUringSetup } from '../../kernel-model/io-uring/setup.ts';
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
function settle(call: () => unknown): void {
  try {
    const result = call();
    expect(typeof result === 'number' || result instanceof Blocked || typeof result === 'object').toBe(true);
  } catch (error) {
    if (!(error instanceof InputError || error instanceof UseAfterFree)) throw error;
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
