/** Rings that pass from task to task, or are looked at from outside: what a checkpoint and a restore do with them. */
import { beforeEach, describe, expect, test } from 'vitest';
import { Errno } from '../../bpf/errno.ts';
import { RegisterOp as Op, RingMap, Setup } from '../../kernel-model/io-uring/uapi.ts';
import type { Machine } from '../../kernel-model/machine.ts';
import { MapFlag } from '../../kernel-model/memory-syscalls.ts';
import type { Task } from '../../kernel-model/task.ts';
import { Clone } from '../../kernel-model/task-table.ts';
import { Prot } from '../../kernel-model/vma.ts';
import { Caller, words } from './ring-support.ts';
import { KERNELS, newMachine, PAGE } from './support.ts';

const RW = Prot.Read | Prot.Write;
const BASE = 0x10_0000_0000;
const THREAD = Clone.Vm | Clone.Sighand | Clone.Thread | Clone.Files | Clone.Fs;
const nop = (userData: number) => ({ userData: BigInt(userData) });

describe.each(KERNELS)('rings and several tasks, %s', (kernel) => {
  let machine: Machine;
  let task: Task;
  let caller: Caller;
  let dumper: Task;
  beforeEach(async () => {
    machine = await newMachine(kernel);
    dumper = machine.tasks.create({ pid: 1 });
    task = machine.tasks.create({ pid: 100, uid: 1000, gid: 100 });
    caller = new Caller(machine, task);
  });
  const is516 = () => kernel === '5.16+series';
  const is612 = () => kernel === '6.12';

  const fixed = (of: Task, address: number, pages: number) =>
    machine.sys.mmap(
      of,
      address,
      pages * PAGE,
      RW,
      MapFlag.Private | MapFlag.Anonymous | MapFlag.Fixed | MapFlag.Populate,
    );
  const threadOf = (of: Task) => machine.tasks.get(machine.sys.clone(of, THREAD)) as Task;
  const foreign = (fd: number) =>
    machine.sys.pidfd_getfd(dumper, machine.sys.pidfd_open(dumper, task.pid, 0), fd, 0);
  const u64 = (bytes: Uint8Array | null | undefined, at = 0) =>
    bytes ? new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(at, true) : -1n;

  describe('seen from outside', () => {
    test('another process maps the ring it got by pidfd_getfd', () => {
      const fd = caller.setup(64);
      const { memory } = caller.ring(fd);
      caller.submit(fd, nop(5), nop(6));
      const own = foreign(fd);
      const length = Math.ceil(memory.ringBytes / PAGE) * PAGE;
      const rings = machine.sys.mmap(dumper, 0, length, Prot.Read, MapFlag.Shared, own, RingMap.SqRing);
      const sqes = machine.sys.mmap(dumper, 0, PAGE, Prot.Read, MapFlag.Shared, own, RingMap.Sqes);
      const cqes = memory.rings.layout.offset('cqes');
      const read = dumper.mm?.memory.read(rings + cqes, 32);
      expect([u64(read), u64(read, 16)]).toEqual([5n, 6n]);
      expect(u64(dumper.mm?.memory.read(sqes + 64 + 32, 8))).toBe(6n);
      expect(dumper.mm?.memory.write(rings, new Uint8Array(1))).toBe(false);
    });

    test('a mapping may be made twice, cut and taken away; the ring lives as long as one is there', () => {
      const fd = caller.setup(256);
      const ring = caller.ring(fd);
      const map = () => machine.sys.mmap(task, 0, 2 * PAGE, RW, MapFlag.Shared, fd, RingMap.SqRing);
      const [first, second] = [map(), map()];
      machine.sys.close(task, fd);
      expect(machine.sys.munmap(task, first, 2 * PAGE)).toBe(0);
      expect(machine.sys.munmap(task, second, PAGE)).toBe(0);
      ring.memory.rings.set('cq.head', 3);
      const tail = ring.memory.cqeAt(PAGE) - ring.memory.cqeAt(0);
      machine.ram.view.setUint8(ring.memory.cqeAt(tail), 77);
      const at = second + PAGE + ring.memory.rings.layout.offset('cqes');
      expect(task.mm?.memory.read(at, 1)).toEqual(Uint8Array.of(77));
      machine.sys.munmap(task, second + PAGE, PAGE);
      expect(ring.ctx.live).toBe(false);
    });
  });

  describe('in memory of the task (NO_MMAP), more than a page each', () => {
    const ENTRIES = 256;
    /** Pages whose frames stand in an order of their own. */
    const scattered = (address: number, pages: number) => {
      for (let page = pages - 1; page >= 0; page--) fixed(task, address + page * PAGE, 1);
      return BigInt(address);
    };
    const setUp = () => {
      const cqUserAddress = scattered(BASE, 4);
      const sqUserAddress = scattered(BASE + 16 * PAGE, 4);
      return caller.setup(ENTRIES, { flags: Setup.NoMmap, cqUserAddress, sqUserAddress });
    };
    const memory = (address: number, length = 8) => task.mm?.memory.read(address, length);

    test('only newer kernels know it', () => {
      expect(setUp() >= 0).toBe(is612());
    });

    test('entries stand where the task sees them, whatever frames they are in', () => {
      if (!is612()) return;
      const fd = setUp();
      const ring = caller.ring(fd);
      expect([ring.ctx.get('n_ring_pages'), ring.ctx.get('n_sqe_pages')]).toEqual([3, 4]);
      for (let round = 0; round < 3; round++) {
        for (let i = 0; i < ENTRIES; i++) caller.queue(fd).push(nop(1000 * round + i));
        expect(caller.enter(fd, ENTRIES)).toBe(ENTRIES);
        if (round < 2) expect(caller.reap(fd)[255]).toEqual([1000 * round + 255, 0, 0]);
      }
      const cqes = BASE + ring.memory.rings.layout.offset('cqes');
      expect(u64(memory(cqes + 16 * 255))).toBe(2255n);
      expect(u64(memory(BASE + 16 * PAGE + 64 * 200 + 32))).toBe(2200n);
      expect(caller.reap(fd)).toHaveLength(ENTRIES);
      task.mm?.memory.write(BASE + 16 * PAGE + 64 * 130 + 32, words(42));
      for (let i = 0; i < 131; i++) caller.queue(fd).pushIndex(i);
      caller.enter(fd, 131);
      expect(caller.reap(fd)[130]?.[0]).toBe(42);
    });

    test('the kernel has them next to each other', () => {
      if (!is612()) return;
      const fd = setUp();
      const { ctx, memory: ring } = caller.ring(fd);
      for (let i = 0; i < ENTRIES; i++) caller.queue(fd).push(nop(i));
      caller.enter(fd, ENTRIES);
      const cqes = ctx.big('rings') + BigInt(ring.rings.layout.offset('cqes'));
      expect(u64(machine.ram.read(cqes + 16n * 255n, 8))).toBe(255n);
      expect(u64(machine.ram.read(ctx.big('sq_sqes') + 64n * 199n + 32n, 8))).toBe(199n);
      const pages = ctx.big('sqe_pages');
      const frames = [0n, 1n].map((page) => u64(machine.ram.read(pages + 8n * page, 8)));
      expect(frames[1]).not.toBe((frames[0] as bigint) + 64n);
    });

    test('they are pinned, and let go with the ring', () => {
      if (!is612()) return;
      const before = machine.heap.objects;
      const pinned = () => machine.pages.pinned(task.mm?.memory.fault(BASE + 2 * PAGE, false) as number);
      for (let round = 0; round < 2; round++) {
        const fd = setUp();
        const rings = caller.ring(fd).ctx.big('rings');
        expect(pinned()).toBe(1);
        machine.sys.close(task, fd);
        expect(pinned()).toBe(0);
        expect(machine.ram.isMapped(rings, 1)).toBe(false);
      }
      expect(machine.heap.objects).toBeGreaterThanOrEqual(before);
      machine.sys.munmap(task, BASE + 17 * PAGE, PAGE);
      const more = { cqUserAddress: BigInt(BASE), sqUserAddress: BigInt(BASE + 16 * PAGE) };
      expect(caller.setup(ENTRIES, { flags: Setup.NoMmap, ...more })).toBe(-Errno.EFAULT);
      expect(pinned()).toBe(0);
    });

    test('both areas, and two rings, may share pages', () => {
      if (!is612()) return;
      const shared = MapFlag.Shared | MapFlag.Anonymous;
      const at = BigInt(machine.sys.mmap(task, 0, 4 * PAGE, RW, shared));
      const params = { flags: Setup.NoMmap, cqUserAddress: at, sqUserAddress: at + BigInt(PAGE) };
      const [a, b] = [caller.setup(4, params), caller.setup(4, params)];
      caller.submit(a, nop(7));
      expect(caller.ring(b).memory.rings.get('cq.tail')).toBe(1);
      expect(caller.setup(4, { ...params, sqUserAddress: at })).toBeGreaterThan(0);
    });
  });

  describe('handed over', () => {
    test('a ring for one issuer belongs to whoever enables it', () => {
      if (is516()) return;
      const fd = caller.setup(4, { flags: Setup.SingleIssuer | Setup.Disabled });
      const thread = new Caller(machine, threadOf(task));
      expect(caller.ring(fd).ctx.big('submitter_task')).toBe(0n);
      expect(caller.enter(fd, 0)).toBe(-Errno.EBADFD);
      expect(thread.register(fd, Op.EnableRings, 0n, 0)).toBe(0);
      expect(caller.ring(fd).ctx.big('submitter_task')).toBe(thread.task.address);
      expect(caller.register(fd, Op.Personality, 0n, 0)).toBe(-Errno.EEXIST);
      caller.queue(fd).push(nop(1));
      expect([caller.enter(fd, 1), thread.enter(fd, 1)]).toEqual([-Errno.EEXIST, 1]);
    });

    test('enabling wakes a thread that has gone to sleep', () => {
      const fd = caller.setup(4, { flags: Setup.SqPoll | Setup.Disabled, sqThreadIdle: 1 });
      caller.queue(fd).push(nop(1));
      machine.advance(10_000_000_000n);
      expect([caller.reap(fd), caller.ring(fd).memory.rings.get('sq_flags') & 1]).toEqual([[], 1]);
      caller.register(fd, Op.EnableRings, 0n, 0);
      expect(caller.reap(fd)).toEqual([[1, 0, 0]]);
    });

    test('a shared thread can be joined through any of its rings, as long as one is there', () => {
      const flags = Setup.SqPoll;
      const owner = caller.setup(4, { flags });
      const child = caller.setup(4, { flags: flags | Setup.AttachWq, wqFd: owner });
      const data = caller.ring(owner).sqData;
      machine.sys.close(task, owner);
      const attach = (wqFd: number) => caller.setup(4, { flags: flags | Setup.AttachWq, wqFd });
      expect(attach(owner + 70)).toBe(-Errno.ENXIO);
      const late = attach(child);
      expect(caller.ring(late).sqData).toBe(data);
      expect(data?.record.get('refs')).toBe(2);
      machine.sys.exit(data?.worker as Task, 0);
      expect(attach(child)).toBe(-Errno.ENXIO);
    });

    test('registered rings are those of each thread', () => {
      if (is516()) return;
      const fd = caller.setup(4);
      const thread = new Caller(machine, threadOf(task));
      const entry = (offset: number) => caller.put(words(offset, fd));
      expect(caller.register(fd, Op.RingFds, entry(3), 1)).toBe(1);
      expect(thread.register(fd, Op.RingFds, entry(0xffff_ffff), 1)).toBe(1);
      const indices = [task, thread.task].map(({ record }) => {
        const context = machine.heap.at(record.big('io_uring'));
        return Array.from({ length: 16 }, (_, index) => context?.big(`registered_rings[${index}]`) !== 0n);
      });
      expect(indices.map((registered) => registered.indexOf(true))).toEqual([3, 0]);
    });
  });
});
