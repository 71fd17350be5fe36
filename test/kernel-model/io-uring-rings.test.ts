/** Ring instances: sizes and offsets, records of each kernel, mappings, registered resources and who pays. */
import { beforeEach, describe, expect, test } from 'vitest';
import { Errno } from '../../bpf/errno.ts';
import { eventfdOf } from '../../kernel-model/eventfd.ts';
import { interruptRegister, ioUringRegister } from '../../kernel-model/io-uring/register.ts';
import { RegisterOp as Op, Restriction, RingMap, Setup } from '../../kernel-model/io-uring/uapi.ts';
import { linkCreate } from '../../kernel-model/iter/link.ts';
import { listNodes } from '../../kernel-model/list.ts';
import { Blocked } from '../../kernel-model/lock.ts';
import type { Machine } from '../../kernel-model/machine.ts';
import { MapFlag } from '../../kernel-model/memory-syscalls.ts';
import { lowOffset } from '../../kernel-model/record.ts';
import { Rlimit, type Task } from '../../kernel-model/task.ts';
import { getPagePointer } from '../../kernel-model/words.ts';
import { readAll } from './iter-support.ts';
import { linkTo, openIterator, programOf } from './program-support.ts';
import { Caller, ints, iovecs, restrictions, rsrcRegister, rsrcUpdate2, words } from './ring-support.ts';
import { newMachine, PAGE } from './support.ts';

const HUGE = 512 * PAGE;

describe.each(['5.16+series', '6.1', '6.12'])('rings of %s', (kernel) => {
  let machine: Machine;
  let task: Task;
  let caller: Caller;
  const is516 = kernel === '5.16+series';
  const is612 = kernel === '6.12';
  beforeEach(async () => {
    machine = await newMachine(kernel);
    task = machine.tasks.create({ pid: 100 });
    caller = new Caller(machine, task);
    machine.vfs.create({ path: '/tmp/file', content: new Uint8Array(PAGE) });
    for (let fd = 0; fd < 3; fd++) machine.sys.open(task, '/tmp/file', 2);
  });
  /** The first files of their kind make their file system, the first ring the task's context. */
  const warmUp = () => {
    machine.sys.close(task, machine.sys.eventfd2(task, 0, 0));
    machine.sys.close(task, caller.setup(1));
  };
  const low = (address: bigint) => lowOffset(address);
  const u64 = (address: bigint) => machine.ram.view.getBigUint64(low(address), true);

  describe('setup', () => {
    test('entries are rounded up, completions are twice as many', () => {
      const { sqEntries, cqEntries, features } = caller.setupResult(5);
      expect([sqEntries, cqEntries]).toEqual([8, 16]);
      expect(features).toBe({ '5.16+series': 0x7ff, '6.1': 0x1fff, '6.12': 0xffff }[kernel]);
      const sized = caller.setupResult(4, { flags: Setup.CqSize, cqEntries: 33 });
      expect([sized.sqEntries, sized.cqEntries]).toEqual([4, 64]);
    });

    test('offsets', () => {
      const { offsets } = caller.setupResult(2, { flags: Setup.CqSize, cqEntries: 4 });
      const expected = is612
        ? {
            sq: { head: 0, tail: 4, mask: 16, entries: 24, flags: 36, dropped: 32, array: 128 },
            cq: { head: 8, tail: 12, mask: 20, entries: 28, overflow: 44, cqes: 64, flags: 40 },
          }
        : {
            // 384: as the trace of the series' sample shows it.
            sq: { head: 0, tail: 64, mask: 256, entries: 264, flags: 276, dropped: 272, array: 384 },
            cq: { head: 128, tail: 192, mask: 260, entries: 268, overflow: 284, cqes: 320, flags: 280 },
          };
      expect(offsets).toEqual(expected);
    });

    test('the context and what it points at', () => {
      const fd = caller.setup(4, { flags: Setup.CqSize, cqEntries: 16 });
      const { ctx } = caller.ring(fd);
      const file = task.files?.get(fd);
      expect(['flags', 'sq_entries', 'cq_entries', 'cached_sq_head'].map((name) => ctx.get(name))).toEqual([
        8, 4, 16, 0,
      ]);
      const rings = caller.ring(fd).memory.rings;
      expect(ctx.big('rings')).toBe(rings.address);
      expect(['sq_ring_mask', 'cq_ring_mask', 'sq_ring_entries'].map((name) => rings.get(name))).toEqual([
        3, 15, 4,
      ]);
      expect(file?.record.big('private_data')).toBe(ctx.address);
      expect(machine.symbolAddress('io_uring_fops')).toBe(file?.record.big('f_op'));
      expect(machine.dPath(file?.record.addressOf('f_path') as bigint)).toBe('anon_inode:[io_uring]');
      expect(ctx.big('mm_account')).toBe(task.mm?.record.address);
      expect(ctx.big('user')).toBe(0n);
      const [node] = [...listNodes(machine.ram, ctx.addressOf('tctx_list'))];
      expect(node).toBeDefined();
      expect(task.record.big('io_uring')).not.toBe(0n);
      // Each ring has an inode of its own.
      expect(task.files?.get(caller.setup(4))?.inode.ino).not.toBe(file?.inode.ino);
    });

    test('a creator without CAP_IPC_LOCK: its user pays', () => {
      const user = machine.tasks.create({ pid: 200, uid: 1000 });
      const own = new Caller(machine, user);
      expect(own.ring(own.setup(4)).ctx.big('user')).toBe(user.cred.user.record.address);
    });

    test('no descriptor left: EMFILE, and nothing stays', () => {
      machine.sys.close(task, caller.setup(4));
      const objects = machine.heap.objects;
      task.group.setLimit(Rlimit.NoFile, 3);
      expect(caller.setup(4)).toBe(-Errno.EMFILE);
      expect(machine.heap.objects).toBe(objects);
    });

    test('closing the ring gives everything back', () => {
      const page = caller.map(PAGE);
      // The page's first fault makes an anon_vma, the first ring the task's context.
      task.mm?.memory.fault(page, true);
      const event = machine.sys.eventfd2(task, 0, 0);
      machine.sys.close(task, caller.setup(4));
      const [used, refs] = [machine.heap.used, task.files?.get(0)?.count];
      const fd = caller.setup(64, { flags: Setup.SqPoll });
      caller.register(fd, Op.Buffers, iovecs([page, 100], [0, 0]), 2);
      caller.register(fd, Op.Files, ints(0, -1, 0), 3);
      caller.register(fd, Op.Eventfd, ints(event), 1);
      caller.register(fd, Op.Personality, 0n, 0);
      machine.sys.close(task, fd);
      expect(task.files?.get(0)?.count).toBe(refs);
      expect(machine.heap.used).toBe(used);
      expect(task.mm?.record.get('pinned_vm')).toBe(0);
      expect(machine.pages.pinned(task.mm?.memory.fault(page, false) as number)).toBe(0);
    });
  });

  describe('SQPOLL', () => {
    const sqpoll = (more: object = {}, flags = 0) =>
      caller.setup(4, { flags: Setup.SqPoll | flags, ...more });

    test('thread, idle time, credentials', () => {
      const { ctx } = caller.ring(sqpoll({ sqThreadIdle: 1500 }));
      const data = caller.ring(3).sqData?.record;
      expect(ctx.big('sq_data')).toBe(data?.address);
      expect(ctx.big('sq_creds')).toBe(task.cred.record.address);
      // 1500 ms are 375 ticks of 4 ms.
      expect([ctx.get('sq_thread_idle'), data?.get('sq_thread_idle')]).toEqual([375, 375]);
      const thread = machine.tasks.at(data?.big('thread') as bigint);
      expect([thread?.comm, thread?.tgid]).toEqual(['iou-sqp-100', 100]);
      const own = machine.profile.dialect.sqThreadIdentity === 'thread';
      expect(data?.get('sq_cpu')).toBe(own ? 0 : -1);
      expect(data?.get('task_pid')).toBe(own ? thread?.pid : 100);
      expect(data?.get('task_tgid')).toBe(100);
    });

    test('0 ms is one second; a processor is kept', () => {
      const ring = caller.ring(sqpoll({ sqThreadCpu: 3 }, Setup.SqAff));
      expect(ring.ctx.get('sq_thread_idle')).toBe(machine.profile.dialect.hz);
      expect(ring.sqData?.record.get('sq_cpu')).toBe(3);
    });

    test('an attached ring shares the thread; the longest idle time counts; the owner may go first', () => {
      const owner = sqpoll({ sqThreadIdle: 100 });
      const child = sqpoll({ sqThreadIdle: 4000, wqFd: owner }, Setup.AttachWq);
      const [first, second] = [caller.ring(owner), caller.ring(child)];
      expect(second.sqData).toBe(first.sqData);
      const data = first.sqData;
      expect([data?.record.get('refs'), data?.record.get('sq_thread_idle')]).toEqual([2, 1000]);
      const nodes = [...listNodes(machine.ram, data?.record.addressOf('ctx_list') as bigint)];
      expect(nodes).toEqual([second.ctx.addressOf('sqd_list'), first.ctx.addressOf('sqd_list')]);
      machine.sys.close(task, owner);
      expect(data?.alive).toBe(true);
      expect(data?.record.get('refs')).toBe(1);
      machine.sys.close(task, child);
      expect(data?.record.live).toBe(false);
      expect(machine.tasks.all.map((each) => each.comm)).not.toContain('iou-sqp-100');
    });

    test('attaching to another process: a thread of its own', () => {
      const owner = sqpoll();
      const forked = machine.tasks.get(machine.tasks.clone(task, 0)) as Task;
      const other = new Caller(machine, forked);
      const child = other.setup(4, { flags: Setup.SqPoll | Setup.AttachWq, wqFd: owner });
      expect(other.ring(child).sqData).not.toBe(caller.ring(owner).sqData);
    });
  });

  describe('mappings', () => {
    const map = (fd: number, offset: number, length = PAGE, flags: number = MapFlag.Shared, address = 0) =>
      machine.sys.mmap(task, address, length, 3, flags, fd, offset);

    test('rings and entries are the memory that the records stand in', () => {
      const fd = caller.setup(8);
      const { memory } = caller.ring(fd);
      const { rings } = memory;
      const [ring, again, entries] = [RingMap.SqRing, RingMap.CqRing, RingMap.Sqes].map((offset) =>
        map(fd, offset),
      );
      rings.set('cq.head', 77);
      const head = rings.layout.offset('cq.head');
      for (const address of [ring, again]) {
        const bytes = task.mm?.memory.read((address as number) + head, 4) as Uint8Array;
        expect(new DataView(bytes.buffer).getUint32(0, true)).toBe(77);
      }
      task.mm?.memory.write(entries as number, new Uint8Array([9]));
      expect(machine.ram.view.getUint8(memory.sqeAt(0))).toBe(9);
    });

    test('a mapping keeps the ring open', () => {
      const fd = caller.setup(8);
      const ring = caller.ring(fd);
      const address = map(fd, 0);
      machine.sys.close(task, fd);
      expect(ring.ctx.live).toBe(true);
      machine.sys.munmap(task, address, PAGE);
      expect(ring.ctx.live).toBe(false);
    });

    test('offsets, lengths and addresses that are refused', () => {
      const fd = caller.setup(8);
      expect(map(fd, 0x2000_0000)).toBe(is516 ? -Errno.EINVAL : -Errno.ENOMEM);
      const fixed = map(fd, 0, PAGE, MapFlag.Shared | MapFlag.Fixed, 0x1000_0000);
      expect(fixed).toBe(is516 ? 0x1000_0000 : -Errno.EINVAL);
      const long = map(fd, 0, 16 * PAGE);
      if (is516) expect(long).toBe(-Errno.EINVAL);
      else {
        expect(long).toBeGreaterThan(0);
        expect(task.mm?.memory.read(long + 8 * PAGE, 1)).toBeNull();
      }
      expect(map(fd, 0, PAGE, MapFlag.Private)).toBeGreaterThan(0);
    });
  });

  describe('buffers', () => {
    const buffer = (fd: number, slot: number) => {
      const ring = caller.ring(fd);
      const record = ring.buffers?.at(slot)?.record;
      if (!record) throw new Error('empty slot');
      const bvecs: [page: number, length: number, offset: number][] = [];
      for (let i = 0; i < record.get('nr_bvecs'); i++) {
        const at = record.offset + record.layout.size + 16 * i;
        const { view } = machine.ram;
        bvecs.push([getPagePointer(view, at), view.getUint32(at + 8, true), view.getUint32(at + 12, true)]);
      }
      return { record, bvecs };
    };
    const frame = (address: number) => task.mm?.memory.fault(address, true) as number;

    test('a record with one entry for each page', () => {
      const fd = caller.setup(4);
      const base = caller.map(4 * PAGE) + 100;
      expect(caller.register(fd, Op.Buffers, iovecs([base, 2 * PAGE], [0, 0]), 2)).toBe(0);
      const { ctx } = caller.ring(fd);
      const { record, bvecs } = buffer(fd, 0);
      expect([ctx.get('nr_user_bufs'), u64(ctx.big('user_bufs'))]).toEqual([2, record.address]);
      expect(record.big('ubuf')).toBe(BigInt(base));
      expect(record.has('len') ? record.get('len') : Number(record.big('ubuf_end') - BigInt(base))).toBe(
        2 * PAGE,
      );
      expect(bvecs).toEqual([
        [frame(base), PAGE - 100, 100],
        [frame(base + PAGE), PAGE, 0],
        [frame(base + 2 * PAGE), 100, 0],
      ]);
      expect(bvecs.map(([page]) => machine.pages.pinned(page))).toEqual([1, 1, 1]);
      expect([record.get('acct_pages'), task.mm?.record.get('pinned_vm')]).toEqual([3, 3]);
      expect(u64(ctx.big('user_bufs') + 8n)).toBe(caller.ring(fd).dummyBuffer);
    });

    test('huge pages: one entry each where this kernel coalesces, and charged once', () => {
      const fd = caller.setup(4);
      const base = machine.sys.mmap(
        task,
        0,
        2 * HUGE,
        3,
        MapFlag.Private | MapFlag.Anonymous | MapFlag.HugeTlb,
      );
      expect(base).toBeGreaterThan(0);
      const start = base + 5 * PAGE + 8;
      const length = HUGE;
      expect(caller.register(fd, Op.Buffers, iovecs([start, length], [base, 2 * PAGE]), 2)).toBe(0);
      const { record, bvecs } = buffer(fd, 0);
      const heads = [frame(base), frame(base + HUGE)];
      if (is612) {
        expect(record.get('folio_shift')).toBe(21);
        const inFirst = HUGE - (5 * PAGE + 8);
        expect(bvecs).toEqual([
          [heads[0], inFirst, 5 * PAGE + 8],
          [heads[1], length - inFirst, 0],
        ]);
        expect(heads.map((head) => machine.pages.pinned(head as number))).toEqual([2, 1]);
      } else {
        expect(bvecs).toHaveLength(513);
        expect(bvecs[0]).toEqual([(heads[0] as number) + 5, PAGE - 8, 8]);
        expect(bvecs[512]).toEqual([(heads[1] as number) + 5, 8, 0]);
      }
      // Both huge pages with the first buffer; the second shares the first of them.
      expect([record.get('acct_pages'), buffer(fd, 1).record.get('acct_pages')]).toEqual([1024, 0]);
      expect(bvecs.reduce((sum, [, size]) => sum + size, 0)).toBe(length);
      caller.register(fd, Op.UnregisterBuffers, 0n, 0);
      expect(heads.map((head) => machine.pages.pinned(head as number))).toEqual([0, 0]);
    });

    test('a buffer over huge and small pages is not coalesced', () => {
      const fd = caller.setup(4);
      const huge = machine.sys.mmap(task, 0, HUGE, 3, MapFlag.Private | MapFlag.Anonymous | MapFlag.HugeTlb);
      const small = machine.sys.mmap(task, huge + HUGE, PAGE, 3, 0x32);
      expect(small).toBe(huge + HUGE);
      expect(caller.register(fd, Op.Buffers, iovecs([huge + HUGE - PAGE, 2 * PAGE]), 1)).toBe(0);
      const { record, bvecs } = buffer(fd, 0);
      expect(bvecs.map(([page]) => page)).toEqual([frame(huge) + 511, frame(small)]);
      if (is612) expect(record.get('folio_shift')).toBe(12);
      expect(record.get('acct_pages')).toBe(513);
    });

    test('RLIMIT_MEMLOCK: ENOMEM, with the whole table undone', () => {
      const user = machine.tasks.create({ pid: 200, uid: 1000 });
      const own = new Caller(machine, user);
      user.group.setLimit(Rlimit.MemLock, 4 * PAGE);
      const fd = own.setup(4);
      const base = own.map(8 * PAGE);
      expect(own.register(fd, Op.Buffers, iovecs([base, 3 * PAGE], [base, 2 * PAGE]), 2)).toBe(-Errno.ENOMEM);
      expect([user.cred.user.lockedVm, user.mm?.record.get('pinned_vm')]).toEqual([0, 0]);
      expect(own.ring(fd).ctx.get('nr_user_bufs')).toBe(0);
      expect(machine.pages.pinned(user.mm?.memory.fault(base, false) as number)).toBe(0);
      expect(own.register(fd, Op.Buffers, iovecs([base, 4 * PAGE]), 1)).toBe(0);
      expect(user.cred.user.lockedVm).toBe(4);
      const second = own.setup(4);
      expect(own.register(second, Op.Buffers, iovecs([base, 1]), 1)).toBe(-Errno.ENOMEM);
    });

    test('a ring of a 32-bit call takes the iovecs of such programs', () => {
      const fd = caller.setup(4, { compat: true });
      const base = 0x1000_0000;
      const flags = MapFlag.Private | MapFlag.Anonymous | MapFlag.Fixed;
      machine.sys.mmap(task, base, 2 * PAGE, 3, flags);
      expect(caller.ring(fd).ctx.get('compat')).toBe(1);
      expect(caller.register(fd, Op.Buffers, ints(base, PAGE, 0, 0, base + PAGE, 8), 3)).toBe(0);
      expect([buffer(fd, 0), buffer(fd, 2)].map(({ record }) => record.big('ubuf'))).toEqual(
        [base, base + PAGE].map(BigInt),
      );
      caller.register(fd, Op.UnregisterBuffers, 0n, 0);
      // ssize_t has 32 bits there too.
      const tooLong = caller.register(fd, Op.Buffers, ints(base, 0x8000_0000), 1);
      expect(tooLong).toBe(is612 ? -Errno.EINVAL : -Errno.EFAULT);
    });

    test('an array that faults in the middle', () => {
      const fd = caller.setup(4);
      const base = caller.map(2 * PAGE);
      const target = caller.map(PAGE);
      machine.sys.munmap(task, base + PAGE, PAGE);
      task.mm?.memory.write(base + PAGE - 16, iovecs([target, 10]));
      expect(caller.register(fd, Op.Buffers, BigInt(base + PAGE - 16), 2)).toBe(-Errno.EFAULT);
      caller.register(fd, Op.Buffers, iovecs([0, 0], [0, 0]), 2);
      // The one element that could be read is done.
      expect(caller.register(fd, Op.BuffersUpdate, rsrcUpdate2(0, BigInt(base + PAGE - 16), 2), 32)).toBe(1);
      expect(buffer(fd, 0).record.big('ubuf')).toBe(BigInt(target));
    });

    test('tags: kept in pages of 512, announced when a buffer is replaced, not when all go', () => {
      const fd = caller.setup(4);
      const page = caller.map(PAGE);
      const count = 600;
      const table = caller.put(iovecs(...Array.from({ length: count }, (): [number, number] => [page, 16])));
      const tags = caller.put(words(...Array.from({ length: count }, (_, i) => 1000 + i)));
      expect(caller.register(fd, Op.Buffers2, rsrcRegister(count, table, { tags }), 32)).toBe(0);
      const ring = caller.ring(fd);
      const data = ring.ctx.big('buf_data');
      const layout = machine.profile.layout('io_rsrc_data');
      const tagTable = u64(data + BigInt(layout.offset('tags')));
      expect(u64(u64(tagTable) + 8n * 511n)).toBe(1511n);
      expect(u64(u64(tagTable + 8n) + 8n * 2n)).toBe(1514n);
      const update = rsrcUpdate2(514, caller.put(iovecs([page, 32])), 1, { tags: caller.put(words(77)) });
      expect(caller.register(fd, Op.BuffersUpdate, update, 32)).toBe(1);
      expect(u64(u64(tagTable + 8n) + 8n * 2n)).toBe(77n);
      const cqe = ring.memory.cqeAt(0);
      expect(machine.ram.view.getBigUint64(cqe, true)).toBe(1514n);
      expect([ring.memory.rings.get('cq.tail'), ring.ctx.get('cq_extra')]).toEqual([1, 1]);
      caller.register(fd, Op.UnregisterBuffers, 0n, 0);
      expect(ring.memory.rings.get('cq.tail')).toBe(1);
    });

    test('completions beyond the ring wait in the overflow list', () => {
      const fd = caller.setup(1);
      const page = caller.map(PAGE);
      const table = caller.put(iovecs([page, 16]));
      const one = (tag: number) => caller.put(words(tag));
      caller.register(fd, Op.Buffers2, rsrcRegister(1, table, { tags: one(10) }), 32);
      for (let tag = 11; tag < 15; tag++) {
        expect(caller.register(fd, Op.BuffersUpdate, rsrcUpdate2(0, table, 1, { tags: one(tag) }), 32)).toBe(
          1,
        );
      }
      const ring = caller.ring(fd);
      expect([ring.memory.rings.get('cq.tail'), ring.completions.overflowCount]).toEqual([2, 2]);
      expect(ring.memory.rings.get('sq_flags')).toBe(2);
      const layout = machine.profile.layout('io_overflow_cqe');
      const waiting = [...listNodes(machine.ram, ring.ctx.addressOf('cq_overflow_list'))].map((node) =>
        u64(node - BigInt(layout.offset('list')) + BigInt(layout.offset('cqe.user_data'))),
      );
      expect(waiting).toEqual([12n, 13n]);
    });
  });

  describe('files', () => {
    test('slots, flags in the low bits, bitmap and hint', () => {
      const fd = caller.setup(4);
      const [reader] = machine.sys.pipe2(task, 0) as [number, number];
      const count = task.files?.get(0)?.count as number;
      expect(caller.register(fd, Op.Files, ints(0, -1, reader, 0), 4)).toBe(0);
      const { ctx } = caller.ring(fd);
      const slots = ctx.big('file_table.files');
      const address = (number: number) => task.files?.get(number)?.address as bigint;
      // Bit 0: never blocks; bit 1: regular.
      expect([u64(slots), u64(slots + 8n), u64(slots + 24n)]).toEqual([address(0) | 3n, 0n, address(0) | 3n]);
      expect(u64(slots + 16n)).toBe(address(reader) | (is612 ? 1n : 0n));
      expect([ctx.get('nr_user_files'), task.files?.get(0)?.count]).toEqual([4, count + 2]);
      if (is516) return;
      expect(u64(ctx.big('file_table.bitmap'))).toBe(0b1101n);
      expect([ctx.get('file_alloc_start'), ctx.get('file_alloc_end')]).toEqual([0, 4]);
      caller.register(fd, Op.FilesUpdate, ints(1, 0, Number(caller.put(ints(0)) & 0xffff_ffffn), 0), 0);
      caller.register(fd, Op.FilesUpdate2, rsrcUpdate2(1, caller.put(ints(0)), 1), 32);
      expect([u64(ctx.big('file_table.bitmap')), ctx.get('file_table.alloc_hint')]).toEqual([0b1111n, 2]);
      caller.register(fd, Op.FilesUpdate2, rsrcUpdate2(0, caller.put(ints(-1)), 1), 32);
      expect([u64(ctx.big('file_table.bitmap')), ctx.get('file_table.alloc_hint')]).toEqual([0b1110n, 0]);
    });

    test('a registered file stays open without its descriptor', () => {
      const fd = caller.setup(4);
      const event = machine.sys.eventfd2(task, 0, 0);
      const file = task.files?.get(event);
      caller.register(fd, Op.Files, ints(event), 1);
      machine.sys.close(task, event);
      expect(file?.count).toBe(1);
      caller.register(fd, Op.UnregisterFiles, 0n, 0);
      expect(file?.record.live).toBe(false);
    });
  });

  test('an eventfd stands where this kernel keeps it', () => {
    const fd = caller.setup(4);
    const event = machine.sys.eventfd2(task, 3, 0);
    const context = eventfdOf(task.files?.get(event) as never);
    caller.register(fd, Op.EventfdAsync, ints(event), 1);
    const { ctx } = caller.ring(fd);
    if (is516) {
      expect([ctx.big('cq_ev_fd'), ctx.get('eventfd_async')]).toEqual([context?.record.address, 1]);
    } else {
      const layout = machine.profile.layout('io_ev_fd');
      expect(u64(ctx.big('io_ev_fd') + BigInt(layout.offset('cq_ev_fd')))).toBe(context?.record.address);
      expect(ctx.get('has_evfd')).toBe(1);
    }
    expect(context?.record.get('kref')).toBe(2);
    machine.sys.close(task, event);
    expect(context?.record.live).toBe(true);
    caller.register(fd, Op.UnregisterEventfd, 0n, 0);
    expect(context?.record.live).toBe(false);
  });

  test('an eventfd is signalled for the tag of a replaced buffer, unless it is asynchronous or switched off', () => {
    const page = caller.map(PAGE);
    const table = caller.put(iovecs([page, 16]));
    const event = machine.sys.eventfd2(task, 0, 0);
    const context = eventfdOf(task.files?.get(event) as never);
    const signalled = (op: number, off = false) => {
      const fd = caller.setup(4);
      const tags = caller.put(words(5));
      caller.register(fd, Op.Buffers2, rsrcRegister(1, table, { tags }), 32);
      caller.register(fd, op, ints(event), 1);
      if (off) caller.ring(fd).memory.rings.set('cq_flags', 1);
      const before = context?.count ?? 0n;
      caller.register(fd, Op.BuffersUpdate, rsrcUpdate2(0, table, 1), 32);
      return (context?.count ?? 0n) - before;
    };
    expect([signalled(Op.Eventfd), signalled(Op.EventfdAsync), signalled(Op.Eventfd, true)]).toEqual([
      1n,
      0n,
      0n,
    ]);
  });

  test('a process with a submission thread exits: nothing is left', () => {
    warmUp();
    const objects = machine.heap.objects;
    const second = machine.tasks.get(machine.tasks.clone(task, 0)) as Task;
    const own = new Caller(machine, second);
    const fd = own.setup(4, { flags: Setup.SqPoll });
    own.register(fd, Op.Buffers, iovecs([own.map(PAGE), PAGE]), 1);
    own.register(fd, Op.Files, ints(0, 1), 2);
    own.register(fd, Op.RingFds, ints(-1, 0, fd, 0), is516 ? 0 : 1);
    machine.tasks.exitGroup(second, 0);
    expect(machine.heap.objects).toBe(objects);
  });

  test('a long chain of rings, each kept by a link in the file table of another, is torn down', () => {
    warmUp();
    const objects = machine.heap.objects;
    const program = programOf(machine, 'io_uring_buf', () => 0);
    let link = -1;
    for (let i = 0; i < 3000; i++) {
      const fd = caller.setup(1);
      if (link >= 0) {
        expect(caller.register(fd, Op.Files, ints(link), 1)).toBe(0);
        machine.sys.close(task, link);
      }
      link = linkCreate(machine, task, program, linkTo(fd));
      machine.sys.close(task, fd);
    }
    machine.sys.close(task, link);
    expect(machine.heap.objects).toBe(objects);
  });

  test('restrictions: bits in the record, in force from ENABLE_RINGS on', () => {
    const fd = caller.setup(4, { flags: Setup.Disabled });
    const entries = restrictions(
      [Restriction.RegisterOp, Op.EnableRings],
      [Restriction.RegisterOp, Op.Files],
      [Restriction.SqeOp, 22],
      [Restriction.SqeFlagsAllowed, 0x11],
      [Restriction.SqeFlagsRequired, 0x10],
    );
    expect(caller.register(fd, Op.Restrictions, entries, 5)).toBe(0);
    const { ctx } = caller.ring(fd);
    const record = ctx.sub('restrictions');
    expect([record.big('register_op[0]'), record.big('sqe_op[0]')]).toEqual([0x1004n, 1n << 22n]);
    expect([record.get('sqe_flags_allowed'), record.get('sqe_flags_required')]).toEqual([0x11, 0x10]);
    expect([ctx.get('restricted'), ctx.get('flags')]).toEqual([0, Setup.Disabled]);
    caller.register(fd, Op.EnableRings, 0n, 0);
    expect([ctx.get('restricted'), ctx.get('flags')]).toEqual([1, 0]);
  });

  test('personalities keep credentials; ids go on where they stopped', () => {
    const fd = caller.setup(4);
    const ring = caller.ring(fd);
    for (let id = 1; id <= 5; id++) expect(caller.register(fd, Op.Personality, 0n, 0)).toBe(id);
    for (const id of [1, 3, 4]) caller.register(fd, Op.UnregisterPersonality, 0n, id);
    expect([ring.personalities.ids, ring.ctx.get('pers_next')]).toEqual([[2, 5], 6]);
    expect(ring.personalities.get(2)).toBe(task.cred);
  });

  test('worker limits: the former ones are given back', () => {
    const fd = caller.setup(4);
    const limits = ints(3, 7);
    caller.register(fd, Op.IowqMaxWorkers, limits, 2);
    expect(new DataView(limits.buffer).getUint32(0, true)).toBe(4);
    const query = ints(0, 0);
    caller.register(fd, Op.IowqMaxWorkers, query, 2);
    expect([...new Uint32Array(query.buffer)]).toEqual([3, 7]);
    const { ctx } = caller.ring(fd);
    expect([ctx.get('iowq_limits[0]'), ctx.get('iowq_limits[1]'), ctx.get('iowq_limits_set')]).toEqual([
      3, 7, 1,
    ]);
  });

  test('uring_lock held by another task: the call waits', () => {
    const fd = caller.setup(4);
    const other = machine.tasks.create({ pid: 200 });
    caller.ring(fd).lock.tryLock(other);
    const result = ioUringRegister(machine, task, fd, Op.Files, ints(0), 1);
    expect(result).toBeInstanceOf(Blocked);
    expect(result).toMatchObject({ waitsFor: 'io_ring_ctx.uring_lock', holder: other.address });
  });

  if (is516) {
    test('a link makes quiescing calls wait; meanwhile other registrations are refused', () => {
      const fd = caller.setup(4);
      const event = machine.sys.eventfd2(task, 0, 0);
      const link = linkCreate(
        machine,
        task,
        programOf(machine, 'io_uring_buf', () => 0),
        linkTo(fd),
      );
      const attempt = () => ioUringRegister(machine, task, fd, Op.Eventfd, ints(event), 1);
      expect(attempt()).toMatchObject({ waitsFor: 'io_ring_ctx.refs' });
      const other = machine.tasks.get(machine.tasks.clone(task, 0x10f00)) as Task;
      expect(ioUringRegister(machine, other, fd, Op.Files, ints(0), 1)).toBe(-Errno.ENXIO);
      // New links are still made: the count has not reached zero.
      const second = linkCreate(
        machine,
        task,
        programOf(machine, 'io_uring_buf', () => 0),
        linkTo(fd),
      );
      expect(second).toBeGreaterThan(0);
      machine.sys.close(task, link);
      expect(attempt()).toBeInstanceOf(Blocked);
      machine.sys.close(task, second);
      expect(attempt()).toBe(0);
      expect([caller.ring(fd).dying, caller.ring(fd).refs]).toEqual([false, 1]);
    });

    test('a signal ends the wait', () => {
      const fd = caller.setup(4);
      linkCreate(
        machine,
        task,
        programOf(machine, 'io_uring_buf', () => 0),
        linkTo(fd),
      );
      expect(ioUringRegister(machine, task, fd, Op.UnregisterEventfd, 0n, 0)).toBeInstanceOf(Blocked);
      expect(interruptRegister(caller.ring(fd))).toBe(-Errno.EINTR);
      expect(caller.register(fd, Op.Files, ints(0), 1)).toBe(0);
    });
  } else {
    test('no call waits for links', () => {
      const fd = caller.setup(4);
      linkCreate(
        machine,
        task,
        programOf(machine, 'io_uring_buf', () => 0),
        linkTo(fd),
      );
      expect(caller.register(fd, Op.UnregisterEventfd, 0n, 0)).toBe(-Errno.ENXIO);
    });
  }
});

test('16,384 buffers of a million pages and 32,768 files are built in seconds, in memory that grows with them', async () => {
  const machine = await newMachine('6.12');
  const task = machine.tasks.create({ pid: 1 });
  const caller = new Caller(machine, task);
  task.group.setLimit(Rlimit.NoFile, 40_000);
  const count = 16_384;
  const pages = (i: number) => 1 + (i % 121);
  let total = 0;
  for (let i = 0; i < count; i++) total += pages(i);
  const base = caller.map(total * PAGE);
  const table = new Uint8Array(16 * count);
  const view = new DataView(table.buffer);
  let address = base;
  for (let i = 0; i < count; i++) {
    view.setBigUint64(16 * i, BigInt(address), true);
    view.setBigUint64(16 * i + 8, BigInt(pages(i) * PAGE), true);
    address += pages(i) * PAGE;
  }
  const fd = caller.setup(8);
  const before = machine.heap.used;
  expect(caller.register(fd, Op.Buffers, table, count)).toBe(0);
  expect(total).toBeGreaterThan(990_000);
  // 16 bytes a page, and no more than 64 for each buffer's record and slot.
  expect(machine.heap.used - before).toBeLessThan(16 * total + 64 * count);
  const event = machine.sys.eventfd2(task, 0, 0);
  const fds = ints(...new Array(32_768).fill(event));
  expect(caller.register(fd, Op.Files, fds, 32_768)).toBe(0);
  expect(task.files?.get(event)?.count).toBe(32_769);
  for (const [target, objects] of [
    ['io_uring_buf', count],
    ['io_uring_file', 32_768],
  ] as const) {
    let seen = 0;
    const program = programOf(machine, target, ({ seqNum, write }) => {
      seen = Math.max(seen, seqNum + 1);
      return write('0123456789') as undefined;
    });
    const it = openIterator(machine, task, program, linkTo(fd));
    expect(readAll(it.read, 65536).length).toBe(10 * (objects + 1));
    expect(seen).toBe(objects);
  }
  expect(caller.register(fd, Op.UnregisterBuffers, 0n, 0)).toBe(0);
  expect(task.mm?.record.get('pinned_vm')).toBe(0);
}, 60_000);
