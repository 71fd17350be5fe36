/** What liburing's own tests check of provided buffers, registered files and buffers, and rings; each test has the name of
 * the one it stands for. */
import { beforeEach, describe, expect, test } from 'vitest';
import { Errno } from '../../bpf/errno.ts';
import type { BufferList } from '../../kernel-model/io-uring/buffer-list.ts';
import { taskContext } from '../../kernel-model/io-uring/task-context.ts';
import {
  CqeFlag,
  Enter,
  FILE_INDEX_ALLOC,
  RegisterOp as Op,
  RingMap,
  Setup,
  SqeFlag,
  SubmitOp,
} from '../../kernel-model/io-uring/uapi.ts';
import { listNodes } from '../../kernel-model/list.ts';
import type { Machine } from '../../kernel-model/machine.ts';
import { MapFlag } from '../../kernel-model/memory-syscalls.ts';
import { lowOffset } from '../../kernel-model/record.ts';
import type { Task } from '../../kernel-model/task.ts';
import { Prot } from '../../kernel-model/vma.ts';
import { xarrayLoad } from '../../kernel-model/xarray.ts';
import { MAX_U64, nop, RingTask } from './liburing-support.ts';
import {
  bufferReg,
  Caller,
  concat,
  indexRange,
  ints,
  rsrcRegister,
  rsrcUpdate,
  words,
} from './ring-support.ts';
import { KERNELS, PAGE } from './support.ts';

describe.each(KERNELS)('liburing: resources over %s', (kernel) => {
  let world: RingTask;
  let machine: Machine;
  let task: Task;
  let caller: Caller;
  let fd: number;
  const is516 = kernel === '5.16+series';
  const is61 = kernel === '6.1';
  const is612 = kernel === '6.12';
  beforeEach(async () => {
    world = await RingTask.over(kernel);
    ({ machine, task, caller, fd } = world);
  });

  describe('provided buffers', () => {
    const provide = (at: bigint, count: number, id: number, group: number, length = 16) => ({
      opcode: SubmitOp.ProvideBuffers,
      fd: count,
      address: at,
      length,
      offset: BigInt(id),
      buffer: group,
      userData: 100n,
    });
    const select = (file: number, userData: number, group: number, more: object = {}) =>
      world.read(file, userData, { length: 0, flags: SqeFlag.BufferSelect, buffer: group, ...more });
    const chosen = () => caller.reap(fd).map(([, result, flags]) => [result, flags >>> 16, flags & 0xffff]);

    test('read-buf-select: a group is a queue (before 5.19 a stack), and runs dry', () => {
      const at = world.memory();
      const file = machine.sys.open(task, '/tmp/file', 0);
      caller.submit(fd, provide(at, 2, 10, 300), provide(at + 32n, 2, 20, 300));
      expect(caller.reap(fd).map(([, result]) => result)).toEqual([0, 0]);
      const group = caller.ring(fd).provided.group(300) as BufferList;
      expect(group.buffers.map(({ id }) => id)).toEqual([10, 11, 20, 21]);
      const xarray = world.ctx().sub(is516 ? 'io_buffers' : 'io_bl_xa');
      expect(xarrayLoad(xarray, machine.profile.layout('xa_node'), 300)).toBe(group.anchor?.address);
      for (let i = 0; i < 4; i++) caller.submit(fd, select(file, i, 300, { offset: 0n }));
      const order = is516 ? [21, 20, 11, 10] : [10, 11, 20, 21];
      expect(chosen()).toEqual(order.map((id) => [8, id, CqeFlag.Buffer]));
      caller.submit(fd, select(file, 5, 300), select(file, 6, 12));
      expect(caller.reap(fd).map(([, result]) => result)).toEqual([-Errno.ENOBUFS, -Errno.ENOBUFS]);
    });

    test('read-buf-select: wrong arguments', () => {
      const at = world.memory();
      const wrong = [
        provide(at, 0, 0, 1),
        provide(at, 65537, 0, 1),
        provide(at, 1, 65536, 1),
        provide(at, 2, 65535, 1),
        provide(at, 1, 0, 1, 0),
        provide(MAX_U64 - 8n, 1, 0, 1),
        provide(0x7fff_ffff_f000n, 2, 0, 1, PAGE),
      ];
      const results = wrong.map((entry) => {
        caller.submit(fd, entry);
        return caller.reap(fd)[0]?.[1];
      });
      expect(results).toEqual(
        [
          Errno.E2BIG,
          Errno.E2BIG,
          Errno.E2BIG,
          Errno.EINVAL,
          Errno.EINVAL,
          Errno.EOVERFLOW,
          Errno.EFAULT,
        ].map((errno) => -errno),
      );
    });

    test('buffers are removed from the front', () => {
      caller.submit(fd, provide(world.memory(), 4, 0, 70));
      const remove = { opcode: SubmitOp.RemoveBuffers, fd: 3, buffer: 70, userData: 1n };
      caller.submit(fd, remove, remove, { ...remove, buffer: 71 });
      const left = is516 ? -Errno.ENOENT : 0;
      expect(caller.reap(fd).map(([, result]) => result)).toEqual([0, 3, 1, -Errno.ENOENT]);
      caller.submit(fd, remove);
      expect(caller.reap(fd)).toEqual([[1, left, 0]]);
    });

    const fill = (ring: bigint, index: number, address: bigint, length: number, id: number) => {
      task.mm?.memory.write(Number(ring) + 16 * index, concat(words(address), ints(length)));
      task.mm?.memory.write(Number(ring) + 16 * index + 12, Uint8Array.from([id & 255, id >> 8]));
    };
    const setTail = (ring: bigint, tail: number) =>
      task.mm?.memory.write(Number(ring) + 14, Uint8Array.from([tail & 255, tail >> 8]));
    const head = (group: number) => {
      const argument = ints(group, 0, 0, 0, 0, 0, 0, 0, 0, 0);
      expect(caller.register(fd, Op.PbufStatus, argument, 1)).toBe(is612 ? 0 : -Errno.EINVAL);
      return new DataView(argument.buffer).getUint32(4, true);
    };

    test('buf-ring, ringbuf-read, ringbuf-status: seven of eight taken', () => {
      if (is516) return;
      const ring = world.memory();
      const at = world.memory();
      expect(caller.register(fd, Op.PbufRing, bufferReg(ring, 8, 100), 1)).toBe(0);
      expect(caller.register(fd, Op.PbufRing, bufferReg(ring, 8, 100), 1)).toBe(-Errno.EEXIST);
      for (let i = 0; i < 8; i++) fill(ring, i, at + BigInt(16 * i), 16, 40 + i);
      setTail(ring, 8);
      const event = world.eventfd();
      for (let i = 0; i < 7; i++) {
        world.signal(event);
        caller.submit(fd, select(event, i, 100));
      }
      expect(chosen()).toEqual(Array.from({ length: 7 }, (_, i) => [8, 40 + i, CqeFlag.Buffer]));
      const group = caller.ring(fd).provided.group(100);
      expect(group?.record?.get('head')).toBe(7);
      if (is612) expect(head(100)).toBe(7);
      caller.submit(fd, provide(at, 1, 0, 100));
      expect(caller.reap(fd)[0]?.[1]).toBe(-Errno.EINVAL);
      expect(caller.register(fd, Op.UnregisterPbufRing, bufferReg(0n, 0, 100), 1)).toBe(0);
      expect(caller.register(fd, Op.UnregisterPbufRing, bufferReg(0n, 0, 100), 1)).toBe(-Errno.ENOENT);
      expect(machine.pages.pinned(task.mm?.memory.fault(Number(ring), false) as number)).toBe(0);
    });

    test('a request that has to wait does not take a buffer yet', () => {
      if (is516) return;
      const ring = world.memory();
      caller.register(fd, Op.PbufRing, bufferReg(ring, 4, 100), 1);
      fill(ring, 0, world.memory(), 16, 1);
      setTail(ring, 1);
      const event = world.eventfd();
      caller.submit(fd, select(event, 1, 100));
      const group = caller.ring(fd).provided.group(100);
      expect(group?.record?.get('head')).toBe(0);
      world.signal(event);
      expect(chosen()).toEqual([[8, 1, CqeFlag.Buffer]]);
      expect(group?.record?.get('head')).toBe(1);
    });

    test('a buffer that a regular file was to be read into is taken, whatever comes of it', () => {
      if (is516) return;
      const ring = world.memory();
      caller.register(fd, Op.PbufRing, bufferReg(ring, 4, 100), 1);
      fill(ring, 0, 0x1000n, 16, 1);
      setTail(ring, 1);
      caller.submit(fd, select(machine.sys.open(task, '/tmp/file', 0), 1, 100));
      expect(caller.reap(fd)[0]?.[1]).toBe(-Errno.EFAULT);
      expect(caller.ring(fd).provided.group(100)?.record?.get('head')).toBe(1);
    });

    test('read-inc-file: a buffer is used bit by bit', () => {
      if (!is612) return;
      const ring = world.memory();
      const at = world.memory();
      const file = machine.sys.open(task, '/tmp/file', 0);
      expect(caller.register(fd, Op.PbufRing, bufferReg(ring, 2, 100, { flags: 2 }), 1)).toBe(0);
      fill(ring, 0, at, 12, 5);
      setTail(ring, 1);
      caller.submit(fd, select(file, 1, 100, { length: 5, offset: 0n }));
      expect(chosen()).toEqual([[5, 5, CqeFlag.Buffer | CqeFlag.BufMore]]);
      const entry = task.mm?.memory.read(Number(ring), 12) as Uint8Array;
      const view = new DataView(entry.buffer, entry.byteOffset, 12);
      expect([view.getBigUint64(0, true), view.getUint32(8, true)]).toEqual([at + 5n, 7]);
      expect(head(100)).toBe(0);
      caller.submit(fd, select(file, 2, 100, { offset: 0n }));
      expect(chosen()).toEqual([[7, 5, CqeFlag.Buffer]]);
      expect(head(100)).toBe(1);
    });

    test('buf-ring-nommap, buf-ring-put: memory of the kernel, mapped by the group', () => {
      if (!is612) return;
      expect(caller.register(fd, Op.PbufRing, bufferReg(0n, 4, 7, { flags: 1 }), 1)).toBe(0);
      const offset = RingMap.PbufRing + (7 << 16);
      const map = (at: number) =>
        machine.sys.mmap(task, 0, PAGE, Prot.Read | Prot.Write, MapFlag.Shared, fd, at);
      const ring = map(offset);
      expect(ring).toBeGreaterThan(0);
      fill(BigInt(ring), 0, world.memory(), 16, 9);
      setTail(BigInt(ring), 1);
      const event = world.eventfd();
      world.signal(event);
      caller.submit(fd, select(event, 1, 7));
      expect(chosen()).toEqual([[8, 9, CqeFlag.Buffer]]);
      expect(map(RingMap.PbufRing + (8 << 16))).toBeLessThan(0);
    });

    test('buf-ring-upgrade: an emptied list becomes a ring', () => {
      if (is516) return;
      const at = world.memory();
      caller.submit(fd, provide(at, 1, 0, 100));
      expect(caller.register(fd, Op.PbufRing, bufferReg(at, 4, 100), 1)).toBe(-Errno.EEXIST);
      caller.submit(fd, { opcode: SubmitOp.RemoveBuffers, fd: 1, buffer: 100 });
      expect(caller.register(fd, Op.PbufRing, bufferReg(at, 4, 100), 1)).toBe(0);
    });
  });

  describe('registered files', () => {
    const slots = (count: number) => caller.register(fd, Op.Files, ints(...Array(count).fill(-1)), count);
    const path = () => caller.put(new TextEncoder().encode('/tmp/file\0'));
    const open = (index: number, userData: number, more: object = {}) => ({
      opcode: SubmitOp.OpenAt,
      fd: -100,
      address: path(),
      fileIndex: index,
      userData: BigInt(userData),
      ...more,
    });
    const close = (index: number, userData: number) => ({
      opcode: SubmitOp.Close,
      fileIndex: index,
      userData: BigInt(userData),
    });

    test('open-direct-link: open into a slot, read it, close it, in one chain', () => {
      slots(4);
      const at = world.memory();
      const flags = SqeFlag.FixedFile | SqeFlag.Link;
      caller.submit(
        fd,
        open(2, 1, { flags: SqeFlag.Link }),
        world.read(1, 2, { address: at, flags }),
        close(2, 3),
      );
      // 5.16 looks the file up at submission, when the slot is empty.
      const late = [
        [1, 0, 0],
        [2, 8, 0],
        [3, 0, 0],
      ];
      const early = [
        [1, -Errno.ECANCELED, 0],
        [2, -Errno.EBADF, 0],
        [3, -Errno.ECANCELED, 0],
      ];
      expect(world.sorted()).toEqual(is516 ? early : late);
      expect(caller.ring(fd).files?.at(1)).toBeUndefined();
    });

    test('open-direct-pick, file-alloc-range-hint: the kernel picks the slot (5.19)', () => {
      slots(6);
      caller.submit(fd, open(FILE_INDEX_ALLOC, 1));
      if (is516) {
        expect(caller.reap(fd)).toEqual([[1, -Errno.EINVAL, 0]]);
        return;
      }
      expect(caller.reap(fd)).toEqual([[1, 0, 0]]);
      caller.register(fd, Op.FilesUpdate, rsrcUpdate(3, caller.put(ints(world.eventfd()))), 1);
      caller.submit(fd, open(FILE_INDEX_ALLOC, 2));
      expect(caller.reap(fd)).toEqual([[2, 4, 0]]);
      caller.register(fd, Op.FileAllocRange, indexRange(1, 2), 0);
      for (let i = 0; i < 3; i++) caller.submit(fd, open(FILE_INDEX_ALLOC, i));
      expect(caller.reap(fd).map(([, result]) => result)).toEqual([1, 2, -Errno.ENFILE]);
    });

    test('fixed-reuse: a slot in use is replaced, and its tag told', () => {
      const event = world.eventfd();
      const argument = rsrcRegister(1, caller.put(ints(event)), { tags: caller.put(words(9)) });
      caller.register(fd, Op.Files2, argument, 32);
      caller.submit(fd, open(1, 1), open(2, 2), close(5, 3));
      const results = caller.reap(fd);
      expect(results[0]).toEqual([9, 0, 0]);
      expect(results.slice(1).map(([, result]) => result)).toEqual([0, -Errno.EINVAL, -Errno.EINVAL]);
      expect(caller.ring(fd).files?.data.tag(0)).toBe(0n);
    });

    test("file-update: by an entry, also into slots of the kernel's choice", () => {
      slots(3);
      const event = world.eventfd();
      const fds = caller.put(ints(event, event));
      const update = { opcode: SubmitOp.FilesUpdate, address: fds, length: 2, userData: 1n };
      caller.submit(fd, { ...update, offset: 1n }, { ...update, offset: 2n });
      expect(caller.reap(fd).map(([, result]) => result)).toEqual([2, -Errno.EINVAL]);
      caller.submit(fd, { ...update, offset: BigInt(FILE_INDEX_ALLOC), length: 2 });
      expect(caller.reap(fd)[0]?.[1]).toBe(is516 ? -Errno.EINVAL : 1);
      if (!is516) expect([...(task.mm?.memory.read(Number(fds), 4) ?? [])]).toEqual([0, 0, 0, 0]);
    });

    test('fd-install: a registered file gets a descriptor (6.8)', () => {
      const event = world.eventfd();
      caller.register(fd, Op.Files, ints(event), 1);
      const install = { opcode: SubmitOp.FixedFdInstall, fd: 0, flags: SqeFlag.FixedFile, userData: 1n };
      caller.submit(fd, install);
      const [result] = caller.reap(fd).map(([, value]) => value);
      if (!is612) {
        expect(result).toBe(-Errno.EINVAL);
        return;
      }
      expect(task.files?.get(result as number)).toBe(task.files?.get(event));
      expect(task.files?.closesOnExec(result as number)).toBe(true);
      caller.submit(fd, { ...install, flags: 0 });
      caller.submit(fd, { ...install, fd: 7 });
      expect(caller.reap(fd).map(([, value]) => value)).toEqual([-Errno.EBADF, -Errno.EBADF]);
    });

    test('fd-pass, msg-ring-fd: a registered file for another ring (6.0)', () => {
      const target = caller.setup(4);
      const event = world.eventfd();
      caller.register(fd, Op.Files, ints(event), 1);
      caller.register(target, Op.Files, ints(-1, -1), 2);
      const pass = {
        opcode: SubmitOp.MsgRing,
        fd: target,
        address: 1n,
        fileIndex: 2,
        offset: 5n,
        userData: 1n,
      };
      caller.submit(fd, pass);
      expect(caller.reap(fd)).toEqual([[1, is516 ? -Errno.EINVAL : 0, 0]]);
      expect(caller.reap(target)).toEqual(is516 ? [] : [[5, 0, 0]]);
      expect(caller.ring(target).files?.at(1)).toBe(is516 ? undefined : task.files?.get(event));
    });

    test('file-exit-unreg: unregistering waits for the requests that use the table', () => {
      const [reader, writer] = machine.sys.pipe2(task, 0) as [number, number];
      caller.register(fd, Op.Files, ints(reader), 1);
      caller.submit(fd, world.read(0, 1, { address: world.memory(), flags: SqeFlag.FixedFile }));
      expect(() => caller.register(fd, Op.UnregisterFiles, 0n, 0)).toThrow('io_rsrc_data.refs');
      machine.sys.write(task, writer, new Uint8Array(8));
      expect(caller.register(fd, Op.UnregisterFiles, 0n, 0)).toBe(0);
    });
  });

  describe('registered buffers and rings', () => {
    test('regbuf-clone: two rings share the buffers, the last one gives them back (6.12)', () => {
      if (!is612) return;
      const at = world.memory();
      const other = caller.setup(4);
      caller.register(fd, Op.Buffers, words(at, 100, 0, 0), 2);
      const pinned = () => machine.pages.pinned(task.mm?.memory.fault(Number(at), false) as number);
      expect(caller.register(other, Op.CloneBuffers, concat(ints(fd, 0), words(0, 0, 0)), 1)).toBe(0);
      const table = (ring: number) =>
        machine.ram.view.getBigUint64(lowOffset(caller.ring(ring).ctx.big('user_bufs')), true);
      expect(table(other)).toBe(table(fd));
      expect(caller.ring(fd).buffers?.at(0)?.record.get('refs')).toBe(2);
      caller.register(fd, Op.UnregisterBuffers, 0n, 0);
      expect(pinned()).toBe(1);
      machine.sys.close(task, other);
      expect(pinned()).toBe(0);
      expect(task.mm?.record.get('pinned_vm')).toBe(0);
    });

    test('probe: what can be submitted', () => {
      const argument = new Uint8Array(16 + 8 * 64);
      expect(caller.register(fd, Op.Probe, argument, 64)).toBe(0);
      const count = { '5.16+series': 40, '6.1': 49, '6.12': 58 }[kernel] as number;
      expect([argument[0], argument[1]]).toEqual([count - 1, count]);
      expect([argument[16 + 8 * (count - 1)], argument[16 + 8 * (count - 1) + 2]]).toEqual([count - 1, 1]);
      expect(caller.register(fd, Op.Probe, argument, 64)).toBe(-Errno.EINVAL);
      expect(caller.register(fd, Op.Probe, new Uint8Array(4096), 257)).toBe(-Errno.EINVAL);
    });

    test('wq-aff: workers where they are wanted, on processors that exist', () => {
      const affinity = (mask: number) => caller.register(fd, Op.IowqAff, words(mask), 8);
      expect(affinity(0b10)).toBe(0);
      expect(affinity(1 << 10)).toBe(is516 ? 0 : -Errno.EINVAL);
      expect(caller.register(fd, Op.UnregisterIowqAff, 0n, 0)).toBe(0);
      if (is516) return;
      affinity(0b100);
      const pool = machine.heap.at(machine.heap.at(task.record.big('io_uring'))?.big('io_wq') as bigint);
      const home = is61
        ? machine.heap.at(
            machine.ram.view.getBigUint64((pool?.offset ?? 0) + (pool?.layout.offset('wqes') ?? 0), true),
          )
        : pool;
      expect(machine.heap.at(home?.big('cpu_mask') as bigint)?.big('bits[0]')).toBe(0b100n);
      expect(home?.get('acct[1].max_workers')).toBe(31_000);
    });

    test('iowq limits: given back, and passed on to the thread of a SQPOLL ring', () => {
      const ask = (ring: number, a: number, b: number) => {
        const argument = ints(a, b);
        expect(caller.register(ring, Op.IowqMaxWorkers, argument, 2)).toBe(0);
        const view = new DataView(argument.buffer);
        return [view.getUint32(0, true), view.getUint32(4, true)];
      };
      const before = ask(fd, 3, 0);
      expect(ask(fd, 0, 0)).toEqual([3, before[1]]);
      const polled = caller.setup(4, { flags: Setup.SqPoll });
      ask(polled, 5, 6);
      const thread = caller.ring(polled).sqData?.worker as Task;
      expect(taskContext(thread)?.workers.limits).toEqual([5, 6]);
      expect(taskContext(task)?.workers.limits[0]).toBe(3);
    });

    test('napi-test: settings are kept, capped and given back (6.9)', () => {
      if (!is612) return;
      const settings = ints(50_000, 1, 0, 0);
      expect(caller.register(fd, Op.Napi, settings, 1)).toBe(0);
      expect([...settings]).toEqual(Array(16).fill(0));
      expect(world.ctx().get('napi_busy_poll_dt')).toBe(10_000_000);
      const former = new Uint8Array(16);
      expect(caller.register(fd, Op.UnregisterNapi, former, 1)).toBe(0);
      expect([new DataView(former.buffer).getUint32(0, true), former[4]]).toEqual([10_000, 1]);
      expect(world.ctx().get('napi_enabled')).toBe(0);
    });

    test('personality: ids 2 and 5 remain, the next one is 6', () => {
      for (let i = 0; i < 5; i++) caller.register(fd, Op.Personality, 0n, 0);
      for (const id of [1, 3, 4]) caller.register(fd, Op.UnregisterPersonality, 0n, id);
      const load = (id: number) =>
        xarrayLoad(world.ctx().sub('personalities'), machine.profile.layout('xa_node'), id);
      expect([1, 2, 3, 4, 5].map((id) => load(id) === task.cred.record.address)).toEqual([
        false,
        true,
        false,
        false,
        true,
      ]);
      expect(caller.register(fd, Op.Personality, 0n, 0)).toBe(6);
    });

    test('sq-poll-share: three rings, one thread; it outlives the ring that made it', () => {
      const owner = caller.setup(4, { flags: Setup.SqPoll });
      const shared = Setup.SqPoll | Setup.AttachWq;
      const [a, b] = [0, 1].map(() => caller.setup(4, { flags: shared, wqFd: owner })) as [number, number];
      const data = caller.ring(a).sqData;
      machine.sys.close(task, owner);
      expect([caller.ring(b).sqData, data?.alive]).toEqual([data, true]);
      caller.queue(a).push(nop(1));
      caller.queue(b).push(nop(2));
      machine.advance(1n);
      expect([caller.reap(a), caller.reap(b)]).toEqual([[[1, 0, 0]], [[2, 0, 0]]]);
      for (const ring of [a, b]) machine.sys.close(task, ring);
      expect(data?.alive).toBe(false);
    });

    test('no-mmap-inval, reg-fd-only: rings in memory of the task, without a descriptor (6.5)', () => {
      if (!is612) return;
      const [rings, sqes] = [world.memory(), world.memory()];
      const more = { cqUserAddress: rings, sqUserAddress: sqes };
      const flags = Setup.NoMmap;
      const pinned = () => machine.pages.pinned(task.mm?.memory.fault(Number(rings), false) as number);
      expect(caller.setup(4, { flags, ...more, sqUserAddress: 0x1000n })).toBe(-Errno.EFAULT);
      expect(pinned()).toBe(0);
      expect(caller.setup(4, { flags, ...more, cqUserAddress: rings + 8n })).toBe(-Errno.EINVAL);
      const own = caller.setup(4, { flags, ...more });
      expect(pinned()).toBe(1);
      const word = (at: bigint) =>
        new DataView(Uint8Array.from(task.mm?.memory.read(Number(at), 4) ?? []).buffer).getUint32(0, true);
      // The size of the queue, as the task reads it in its own memory.
      expect(word(rings + 24n)).toBe(4);
      caller.submit(own, nop(7), nop(8));
      expect(word(rings + 12n)).toBe(2);
      expect(word(rings + 64n)).toBe(7);
      expect(word(sqes + 64n + 32n)).toBe(8);
      const map = machine.sys.mmap(task, 0, PAGE, Prot.Read, MapFlag.Shared, own, 0);
      expect(map).toBe(-Errno.ENOMEM);
      machine.sys.close(task, own);
      expect(pinned()).toBe(0);
      const only = caller.setup(4, { flags: flags | Setup.RegisteredFdOnly, ...more });
      expect(only).toBe(0);
      expect(caller.enter(only, 0, 0, Enter.RegisteredRing)).toBe(0);
      const descriptor = task.files?.size;
      expect(caller.register(only, 0x8000_0000 + Op.Personality, 0n, 0)).toBe(1);
      expect(task.files?.size).toBe(descriptor);
      machine.sys.exit_group(task, 0);
    });

    test('cq-overflow: five more than a queue of four holds come in their order', () => {
      const small = caller.setup(1, { flags: Setup.CqSize, cqEntries: 4 });
      for (let i = 0; i < 9; i++) caller.submit(small, nop(i));
      const ids: number[] = [];
      while (ids.length < 9) {
        ids.push(...caller.reap(small).map(([id]) => id));
        caller.enter(small, 0, 0, Enter.GetEvents);
      }
      expect(ids).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    });

    test("across-fork: a child submits to its parent's ring", () => {
      const child = machine.tasks.get(machine.sys.fork(task)) as Task;
      const other = new Caller(machine, child);
      other.submit(fd, nop(1));
      expect(caller.reap(fd)).toEqual([[1, 0, 0]]);
      expect([...listNodes(machine.ram, world.ctx().addressOf('tctx_list'))]).toHaveLength(2);
    });

    test('task references are taken in advance', () => {
      caller.submit(fd, nop(1), world.poll(world.eventfd(), 2));
      const context = machine.heap.at(task.record.big('io_uring'));
      expect((context?.get('inflight.count') ?? 0) - (context?.get('cached_refs') ?? 0)).toBe(1);
    });
  });
});
