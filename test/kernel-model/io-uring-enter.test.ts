/** io_uring_enter: counters, completions and their overflow, chains, drains, workers, and who may submit. */
import { beforeEach, describe, expect, test } from 'vitest';
import { Errno } from '../../bpf/errno.ts';
import { eventfdOf } from '../../kernel-model/eventfd.ts';
import { Open } from '../../kernel-model/file.ts';
import { Fcntl } from '../../kernel-model/file-syscalls.ts';
import { PendingEnter } from '../../kernel-model/io-uring/enter.ts';
import {
  CqeFlag,
  Enter,
  MsgFlag,
  RegisterOp as Op,
  Restriction,
  Setup,
  SqeFlag,
  SqFlag,
  SubmitOp,
} from '../../kernel-model/io-uring/uapi.ts';
import { listNodes } from '../../kernel-model/list.ts';
import type { Machine } from '../../kernel-model/machine.ts';
import { OutOfMemory } from '../../kernel-model/ram.ts';
import type { Task } from '../../kernel-model/task.ts';
import { Clone } from '../../kernel-model/task-table.ts';
import { xarrayLoad } from '../../kernel-model/xarray.ts';
import { linkTo, openIterator, programOf } from './program-support.ts';
import { Caller, concat, ints, restrictions, words } from './ring-support.ts';
import { newMachine, PAGE } from './support.ts';

const nop = (userData: number, flags = 0) => ({ opcode: SubmitOp.Nop, userData: BigInt(userData), flags });
const MAX_U64 = (1n << 64n) - 1n;

describe.each(['5.16+series', '6.1', '6.12'])('io_uring_enter of %s', (kernel) => {
  let machine: Machine;
  let task: Task;
  let caller: Caller;
  const is516 = kernel === '5.16+series';
  const is612 = kernel === '6.12';
  beforeEach(async () => {
    machine = await newMachine(kernel);
    task = machine.tasks.create({ pid: 100 });
    caller = new Caller(machine, task);
  });
  const counters = (fd: number) => {
    const { ctx, memory } = caller.ring(fd);
    return {
      sq: ctx.get('cached_sq_head'),
      cq: ctx.get('cached_cq_tail'),
      extra: ctx.get('cq_extra') | 0,
      dropped: memory.rings.get('sq_dropped'),
    };
  };
  const sqFlags = (fd: number) => caller.ring(fd).memory.rings.get('sq_flags');

  describe('errnos', () => {
    test('unknown flags, descriptors, disabled rings', () => {
      const fd = caller.setup(4);
      machine.vfs.create({ path: '/tmp/file', content: new Uint8Array(1) });
      const file = machine.sys.open(task, '/tmp/file', 0);
      expect(caller.enter(fd, 0, 0, 1 << 20)).toBe(-Errno.EINVAL);
      expect(caller.enter(99, 0)).toBe(-Errno.EBADF);
      expect(caller.enter(file, 0)).toBe(-Errno.EOPNOTSUPP);
      expect(caller.enter(caller.setup(4, { flags: Setup.Disabled }), 1)).toBe(-Errno.EBADFD);
    });

    test('a registered ring by its index', () => {
      const fd = caller.setup(4);
      if (is516) {
        expect(caller.enter(0, 0, 0, Enter.RegisteredRing)).toBe(-Errno.EINVAL);
        return;
      }
      expect(caller.enter(0, 0, 0, Enter.RegisteredRing)).toBe(-Errno.EBADF);
      expect(caller.register(fd, Op.RingFds, concat(ints(3, 0), words(fd)), 1)).toBe(1);
      caller.queue(fd).push(nop(7));
      expect(caller.enter(3, 1, 0, Enter.RegisteredRing)).toBe(1);
      expect(caller.enter(16, 1, 0, Enter.RegisteredRing)).toBe(-Errno.EINVAL);
      expect(caller.reap(fd)).toEqual([[7, 0, 0]]);
    });

    test('only the submitter of a SINGLE_ISSUER ring', () => {
      if (is516) return;
      const flags = Clone.Vm | Clone.Fs | Clone.Files | Clone.Sighand | Clone.Thread;
      const thread = machine.tasks.get(machine.tasks.clone(task, flags));
      const fd = caller.setup(4, { flags: Setup.SingleIssuer });
      caller.queue(fd).push(nop(1));
      expect(new Caller(machine, thread as Task).enter(fd, 1)).toBe(-Errno.EEXIST);
      expect(caller.enter(fd, 1)).toBe(1);
    });
  });

  describe('counters', () => {
    test('a NOP consumes one entry and posts one', () => {
      const fd = caller.setup(4);
      expect(caller.submit(fd, nop(1), nop(2), nop(3))).toBe(3);
      expect(caller.reap(fd)).toEqual([
        [1, 0, 0],
        [2, 0, 0],
        [3, 0, 0],
      ]);
      expect(counters(fd)).toEqual({ sq: 3, cq: 3, extra: 0, dropped: 0 });
      expect(caller.ring(fd).memory.rings.get('sq.head')).toBe(3);
    });

    test('more than there are: only those', () => {
      const fd = caller.setup(4);
      caller.queue(fd).push(nop(1));
      expect(caller.enter(fd, 3)).toBe(1);
      expect(caller.enter(fd, 3)).toBe(0);
    });

    test('an invalid index is dropped, ends the submission, and is not counted as submitted', () => {
      const fd = caller.setup(4);
      const queue = caller.queue(fd);
      queue.push(nop(1));
      queue.pushIndex(0xffff_ffff);
      queue.push(nop(3));
      expect(caller.enter(fd, 3)).toBe(1);
      expect(counters(fd)).toEqual({ sq: 2, cq: 1, extra: -1, dropped: 1 });
      expect(caller.enter(fd, 1)).toBe(1);
      expect(counters(fd)).toEqual({ sq: 3, cq: 2, extra: -1, dropped: 1 });
    });

    test('poking the tail changes nothing: it is written anew', () => {
      const fd = caller.setup(4);
      const { rings } = caller.ring(fd).memory;
      rings.set('cq.tail', 77);
      caller.submit(fd, nop(1));
      expect(rings.get('cq.tail')).toBe(1);
    });

    test('a MSG_RING posts into another ring', () => {
      const [from, to] = [caller.setup(4), caller.setup(4)];
      const message = {
        opcode: SubmitOp.MsgRing,
        fd: to,
        length: 0x1234,
        offset: 0x55n,
        userData: 1n,
      };
      if (is516) {
        // Operation 40 came with 5.18: the submission ends with its failure.
        expect(caller.submit(from, message)).toBe(1);
        expect(caller.reap(from)).toEqual([[1, -Errno.EINVAL, 0]]);
        return;
      }
      caller.submit(from, message);
      expect(caller.reap(from)).toEqual([[1, 0, 0]]);
      expect(caller.reap(to)).toEqual([[0x55, 0x1234, 0]]);
      expect(counters(to)).toEqual({ sq: 0, cq: 1, extra: 1, dropped: 0 });
      const passing = { ...message, opFlags: MsgFlag.FlagsPass, fileIndex: 0xabc };
      caller.submit(from, passing);
      expect(caller.reap(from)).toEqual([[1, is612 ? 0 : -Errno.EINVAL, 0]]);
      expect(caller.reap(to)).toEqual(is612 ? [[0x55, 0x1234, 0xabc]] : []);
      caller.submit(from, { ...message, fd: 99 }, { ...message, address: 9n });
      expect(caller.reap(from)).toEqual([
        [1, -Errno.EBADF, 0],
        [1, -Errno.EINVAL, 0],
      ]);
    });

    test('NOP with an injected result (6.10)', () => {
      const fd = caller.setup(4);
      caller.submit(fd, { ...nop(1), opFlags: 1, length: -5 >>> 0 });
      expect(caller.reap(fd)).toEqual([[1, is612 ? -5 : 0, 0]]);
      caller.submit(fd, { ...nop(2), opFlags: 2 });
      expect(caller.reap(fd)).toEqual([[2, is612 ? -Errno.EINVAL : 0, 0]]);
    });
  });

  describe('refused entries', () => {
    test('end the submission, unless the ring submits all', () => {
      const fd = caller.setup(4);
      expect(caller.submit(fd, nop(1), { opcode: 200, userData: 2n }, nop(3))).toBe(2);
      expect(caller.reap(fd)).toEqual([
        [1, 0, 0],
        [2, -Errno.EINVAL, 0],
      ]);
      expect(caller.enter(fd, 1)).toBe(1);
      if (is516) return;
      const all = caller.setup(4, { flags: Setup.SubmitAll });
      expect(caller.submit(all, { opcode: 200, userData: 2n }, nop(3))).toBe(2);
    });

    test('unknown flags, ioprio, buffers that the operation does not select', () => {
      const fd = caller.setup(4);
      caller.submit(fd, nop(1, 0x80));
      caller.submit(fd, { ...nop(2), ioprio: 1 });
      caller.submit(fd, nop(3, SqeFlag.BufferSelect));
      expect(caller.reap(fd).map(([, result]) => result)).toEqual([
        -Errno.EINVAL,
        -Errno.EINVAL,
        -Errno.EOPNOTSUPP,
      ]);
    });

    test('restrictions: operations, allowed and required flags', () => {
      const fd = caller.setup(4, { flags: Setup.Disabled });
      const allowed = restrictions(
        [Restriction.SqeOp, SubmitOp.Nop],
        [Restriction.SqeFlagsAllowed, SqeFlag.Async],
        [Restriction.SqeFlagsRequired, SqeFlag.Link],
      );
      caller.register(fd, Op.Restrictions, allowed, 3);
      caller.register(fd, Op.EnableRings, 0n, 0);
      caller.submit(fd, nop(1));
      caller.submit(fd, { ...nop(2, SqeFlag.Link), opcode: SubmitOp.Timeout });
      caller.submit(fd, nop(3, SqeFlag.Link | SqeFlag.Drain));
      caller.submit(fd, nop(4, SqeFlag.Link | SqeFlag.Async));
      expect(caller.reap(fd)).toEqual([
        [1, -Errno.EACCES, 0],
        [2, -Errno.EACCES, 0],
        [3, -Errno.EACCES, 0],
        [4, 0, 0],
      ]);
    });

    test('an unknown personality, and a known one', () => {
      const fd = caller.setup(4);
      const id = caller.register(fd, Op.Personality, 0n, 0);
      caller.submit(fd, { ...nop(1), personality: id });
      caller.submit(fd, { ...nop(2), personality: id + 1 });
      expect(caller.reap(fd).map(([, result]) => result)).toEqual([0, -Errno.EINVAL]);
    });

    test('a descriptor that is not open: at submission (5.16) or when it is executed', () => {
      const fd = caller.setup(4);
      const read = { opcode: SubmitOp.Read, fd: 99, userData: 1n };
      expect(caller.submit(fd, read, nop(2))).toBe(is516 ? 1 : 2);
      expect(caller.reap(fd)[0]).toEqual([1, -Errno.EBADF, 0]);
    });
  });

  describe('a full completion queue', () => {
    const fill = (fd: number, count: number, from = 0) => {
      for (let i = 0; i < count; i++) caller.submit(fd, nop(from + i));
    };

    test('overflows into a list, which is flushed when there is room', () => {
      const fd = caller.setup(1, { flags: Setup.CqSize, cqEntries: 4 });
      const { ctx, completions } = caller.ring(fd);
      fill(fd, 7);
      expect(completions.overflowCount).toBe(3);
      expect([...listNodes(machine.ram, ctx.addressOf('cq_overflow_list'))]).toHaveLength(3);
      expect(sqFlags(fd) & SqFlag.CqOverflow).toBe(SqFlag.CqOverflow);
      expect(ctx.get(is516 ? 'check_cq_overflow' : 'check_cq')).toBe(1);
      expect(counters(fd)).toEqual({ sq: 7, cq: 4, extra: 0, dropped: 0 });
      expect(caller.reap(fd).map(([id]) => id)).toEqual([0, 1, 2, 3]);
      expect(caller.enter(fd, 0, 1, Enter.GetEvents)).toBe(0);
      expect(caller.reap(fd).map(([id]) => id)).toEqual([4, 5, 6]);
      expect(sqFlags(fd) & SqFlag.CqOverflow).toBe(0);
      expect(counters(fd).cq).toBe(7);
    });

    test('what comes later does not overtake the list, but in 5.16', () => {
      const fd = caller.setup(1, { flags: Setup.CqSize, cqEntries: 2 });
      fill(fd, 3);
      caller.queue(fd).advance(2);
      caller.submit(fd, nop(3));
      caller.enter(fd, 0, 1, Enter.GetEvents);
      expect(caller.reap(fd).map(([id]) => id)).toEqual(is516 ? [3, 2] : [2, 3]);
    });

    test('entries for which there is no memory are lost and counted', () => {
      const fd = caller.setup(1, { flags: Setup.CqSize, cqEntries: 1 });
      fill(fd, 1);
      const allocate = machine.heap.allocate.bind(machine.heap);
      machine.heap.allocate = (struct, extra) => {
        if (struct === 'io_overflow_cqe') throw new OutOfMemory(32);
        return allocate(struct, extra);
      };
      fill(fd, 1, 1);
      machine.heap.allocate = allocate;
      expect(caller.ring(fd).memory.rings.get('cq_overflow')).toBe(1);
      expect(counters(fd)).toEqual({ sq: 2, cq: 1, extra: -1, dropped: 0 });
      caller.reap(fd);
      if (is516) return;
      expect(caller.enter(fd, 0, 1, Enter.GetEvents)).toBe(-Errno.EBADR);
      expect(caller.ring(fd).completions.dropped).toBe(false);
    });

    test('big entries carry their second half', () => {
      if (is516) return;
      const fd = caller.setup(1, { flags: Setup.CqSize | Setup.Cqe32 | Setup.Sqe128, cqEntries: 1 });
      fill(fd, 2);
      const [first] = caller.queue(fd).takeAll();
      expect(first).toEqual({ userData: 0n, result: 0, flags: 0, extra: [0n, 0n] });
      caller.enter(fd, 0, 1, Enter.GetEvents);
      expect(caller.queue(fd).takeAll()[0]?.userData).toBe(1n);
    });

    test('without the index array entries are taken in their order', () => {
      if (!is612) return;
      const fd = caller.setup(2, { flags: Setup.NoSqArray });
      caller.submit(fd, nop(1), nop(2));
      caller.submit(fd, nop(3));
      expect(caller.reap(fd).map(([id]) => id)).toEqual([1, 2, 3]);
    });
  });

  describe('chains', () => {
    test('run one after another', () => {
      const fd = caller.setup(4);
      caller.submit(fd, nop(1, SqeFlag.Link), nop(2, SqeFlag.Link), nop(3));
      expect(caller.reap(fd).map(([id]) => id)).toEqual([1, 2, 3]);
    });

    test('a failure cancels the rest; of hard links it does not', () => {
      const fd = caller.setup(8);
      const bad = { opcode: SubmitOp.Read, fd: -1, userData: 1n };
      const open = machine.sys.eventfd2(task, 0, Open.NonBlock);
      const failing = { ...bad, fd: open, length: 4 };
      caller.submit(fd, { ...failing, flags: SqeFlag.Link }, nop(2, SqeFlag.Link), nop(3));
      expect(caller.reap(fd)).toEqual([
        [1, -Errno.EINVAL, 0],
        [2, -Errno.ECANCELED, 0],
        [3, -Errno.ECANCELED, 0],
      ]);
      caller.submit(fd, { ...failing, flags: SqeFlag.HardLink }, nop(2));
      expect(caller.reap(fd).map(([, result]) => result)).toEqual([-Errno.EINVAL, 0]);
    });

    test('an entry that is refused fails its whole chain', () => {
      const fd = caller.setup(8);
      caller.submit(fd, nop(1, SqeFlag.Link), { ...nop(2, SqeFlag.Link), ioprio: 9 }, nop(3));
      expect(caller.reap(fd)).toEqual([
        [1, -Errno.ECANCELED, 0],
        [2, -Errno.EINVAL, 0],
        [3, -Errno.ECANCELED, 0],
      ]);
    });

    test('one that the submission leaves open still runs', () => {
      const fd = caller.setup(4);
      expect(caller.submit(fd, nop(1, SqeFlag.Link), nop(2, SqeFlag.Link))).toBe(2);
      expect(caller.reap(fd).map(([id]) => id)).toEqual([1, 2]);
    });

    test('a quiet request that fails speaks for its whole chain', () => {
      if (is516) return;
      const fd = caller.setup(8);
      const event = machine.sys.eventfd2(task, 0, Open.NonBlock);
      const failing = { opcode: SubmitOp.Read, fd: event, length: 4, userData: 1n };
      const flags = SqeFlag.Link | SqeFlag.CqeSkipSuccess;
      caller.submit(fd, { ...failing, flags }, nop(2, SqeFlag.Link), nop(3));
      expect(caller.reap(fd)).toEqual([[1, -Errno.EINVAL, 0]]);
    });

    test('success can be kept quiet, failure cannot', () => {
      if (is516) return;
      const fd = caller.setup(8);
      const quiet = SqeFlag.CqeSkipSuccess;
      caller.submit(fd, nop(1, quiet), nop(2));
      expect(caller.reap(fd).map(([id]) => id)).toEqual([2]);
      expect(caller.ring(fd).ctx.get('drain_disabled')).toBe(1);
      caller.submit(fd, nop(3, SqeFlag.Drain));
      expect(caller.reap(fd)).toEqual([[3, -Errno.EOPNOTSUPP, 0]]);
    });
  });

  describe('drains', () => {
    test('wait for everything before them, and hold up what comes behind', () => {
      const fd = caller.setup(8);
      const event = machine.sys.eventfd2(task, 0, 0);
      const read = {
        opcode: SubmitOp.Read,
        fd: event,
        length: 8,
        address: BigInt(caller.map(PAGE)),
        userData: 1n,
      };
      caller.submit(fd, read, nop(2, SqeFlag.Drain), nop(3));
      const { ctx, engine } = caller.ring(fd);
      expect([...listNodes(machine.ram, ctx.addressOf('defer_list'))]).toHaveLength(2);
      expect([engine.drain.size, ctx.get('drain_active')]).toEqual([2, 1]);
      expect(caller.reap(fd)).toEqual([]);
      machine.sys.write(task, event, words(5));
      expect(caller.reap(fd)).toEqual([
        [1, 8, 0],
        [2, 0, 0],
        [3, 0, 0],
      ]);
      caller.submit(fd, nop(4));
      expect(caller.reap(fd)).toEqual([[4, 0, 0]]);
    });

    test('a drained chain counts as one', () => {
      const fd = caller.setup(8);
      const event = machine.sys.eventfd2(task, 0, 0);
      const at = BigInt(caller.map(PAGE));
      const read = { opcode: SubmitOp.Read, fd: event, length: 8, address: at, userData: 1n };
      caller.submit(fd, read, nop(2, SqeFlag.Drain | SqeFlag.Link), nop(3));
      expect(caller.reap(fd)).toEqual([]);
      machine.sys.write(task, event, words(5));
      expect(caller.reap(fd).map(([id]) => id)).toEqual([1, 2, 3]);
    });

    test('with nothing before them they start at once', () => {
      const fd = caller.setup(4);
      caller.submit(fd, nop(1, SqeFlag.Drain));
      expect(caller.reap(fd)).toEqual([[1, 0, 0]]);
      expect(caller.ring(fd).ctx.get('drain_active')).toBe(0);
    });
  });

  describe('reading and writing', () => {
    const address = () => BigInt(caller.map(PAGE));
    const stored = (at: bigint, length: number) => [...(task.mm?.memory.read(Number(at), length) ?? [])];

    test('a regular file, at an offset and at its position', () => {
      machine.vfs.create({ path: '/tmp/file', content: Uint8Array.from([1, 2, 3, 4, 5]) });
      const file = machine.sys.open(task, '/tmp/file', Open.RdWr);
      const fd = caller.setup(4);
      const at = address();
      const read = { opcode: SubmitOp.Read, fd: file, address: at, length: 2 };
      caller.submit(fd, { ...read, offset: 3n, userData: 1n }, { ...read, offset: MAX_U64, userData: 2n });
      expect(caller.reap(fd)).toEqual([
        [1, 2, 0],
        [2, 2, 0],
      ]);
      expect(stored(at, 2)).toEqual([1, 2]);
      expect(task.files?.get(file)?.position).toBe(2);
      caller.submit(fd, { ...read, opcode: SubmitOp.Write, offset: 4n, length: 1 }, { ...read, length: 9 });
      expect(caller.reap(fd).map(([, result]) => result)).toEqual([1, 5]);
      expect(stored(at, 5)).toEqual([1, 2, 3, 4, 1]);
    });

    test('memory that is not there', () => {
      machine.vfs.create({ path: '/tmp/file', content: Uint8Array.from([1]) });
      const file = machine.sys.open(task, '/tmp/file', Open.RdWr);
      const fd = caller.setup(4);
      caller.submit(fd, { opcode: SubmitOp.Read, fd: file, address: 0x1000n, length: 1 });
      caller.submit(fd, { opcode: SubmitOp.Write, fd: file, address: 0x1000n, length: 1 });
      caller.submit(fd, { opcode: SubmitOp.Read, fd: file, opFlags: 0x400 });
      expect(caller.reap(fd).map(([, result]) => result)).toEqual([
        -Errno.EFAULT,
        -Errno.EFAULT,
        -Errno.EOPNOTSUPP,
      ]);
    });

    test('an empty pipe: the request waits in the cancel table and in the wait queue of the pipe', () => {
      const [reader, writer] = machine.sys.pipe2(task, 0) as [number, number];
      const fd = caller.setup(4);
      const at = address();
      caller.submit(fd, {
        opcode: SubmitOp.Read,
        fd: reader,
        address: at,
        length: 8,
        offset: MAX_U64,
        userData: 9n,
      });
      expect(caller.reap(fd)).toEqual([]);
      const { engine } = caller.ring(fd);
      const [waiting] = [...engine.cancelTable];
      const record = waiting?.request.record;
      expect(record?.get('opcode')).toBe(SubmitOp.Read);
      expect(record?.big(is516 ? 'user_data' : 'cqe.user_data')).toBe(9n);
      expect(record?.big('file')).toBe(task.files?.get(reader)?.address);
      const head = task.files?.get(reader)?.inode.record.big('i_pipe') as bigint;
      const pipe = machine.heap.at(head);
      expect([...listNodes(machine.ram, pipe?.addressOf('rd_wait.head') as bigint)]).toHaveLength(1);
      machine.sys.write(task, writer, Uint8Array.from([7, 8]));
      expect(caller.reap(fd)).toEqual([[9, 2, 0]]);
      expect(stored(at, 2)).toEqual([7, 8]);
      expect([...listNodes(machine.ram, pipe?.addressOf('rd_wait.head') as bigint)]).toHaveLength(0);
      expect(engine.inflight.size).toBe(0);
    });

    test('RWF_NOWAIT does not wait', () => {
      const event = machine.sys.eventfd2(task, 0, 0);
      const fd = caller.setup(4);
      caller.submit(fd, { opcode: SubmitOp.Read, fd: event, address: address(), length: 8, opFlags: 8 });
      expect(caller.reap(fd).map(([, result]) => result)).toEqual([-Errno.EAGAIN]);
    });

    test('through a registered buffer: the pinned pages, whatever is mapped there by now', () => {
      machine.vfs.create({ path: '/tmp/file', content: Uint8Array.from([1, 2, 3, 4]) });
      const file = machine.sys.open(task, '/tmp/file', Open.RdOnly);
      const fd = caller.setup(4);
      const at = address();
      caller.register(fd, Op.Buffers, words(at + 10n, 100), 1);
      const frame = task.mm?.memory.fault(Number(at), false) as number;
      const read = { opcode: SubmitOp.ReadFixed, fd: file, length: 4, buffer: 0 };
      caller.submit(fd, { ...read, address: at + 12n });
      caller.submit(fd, { ...read, address: at + 9n });
      expect(caller.reap(fd).map(([, result]) => result)).toEqual([4, -Errno.EFAULT]);
      expect([...machine.pages.read(frame, 12, 4)]).toEqual([1, 2, 3, 4]);
    });

    test('by registered file, which stays until the request is over', () => {
      const [reader, writer] = machine.sys.pipe2(task, 0) as [number, number];
      const fd = caller.setup(4);
      const tags = concat(ints(1, 0), words(0, caller.put(ints(reader)), caller.put(words(0x77))));
      expect(caller.register(fd, Op.Files2, tags, 32)).toBe(0);
      const at = address();
      const flags = SqeFlag.FixedFile;
      caller.submit(fd, {
        opcode: SubmitOp.Read,
        fd: 0,
        flags,
        address: at,
        length: 8,
        offset: MAX_U64,
        userData: 1n,
      });
      caller.register(fd, Op.FilesUpdate, concat(ints(0, 0), words(caller.put(ints(-1)))), 1);
      const { ctx, nodes } = caller.ring(fd);
      expect(nodes.size).toBe(1);
      expect([...listNodes(machine.ram, ctx.addressOf('rsrc_ref_list'))]).toHaveLength(1);
      expect(caller.reap(fd)).toEqual([]);
      machine.sys.write(task, writer, Uint8Array.from([1]));
      expect(caller.reap(fd)).toEqual([
        [1, 1, 0],
        [0x77, 0, 0],
      ]);
    });
  });

  describe('iterators of the same ring', () => {
    const setUp = (flags: number) => {
      const fd = caller.setup(4);
      caller.register(fd, Op.Files, ints(-1), 1);
      const program = programOf(machine, 'io_uring_file', () => 0);
      const { fd: iterator } = openIterator(machine, task, program, linkTo(fd));
      machine.sys.fcntl(task, iterator, Fcntl.SetFl, flags);
      return { fd, iterator };
    };

    test('read inline find the lock held: EDEADLK; by a worker they do not', () => {
      const { fd, iterator } = setUp(Open.NonBlock);
      const read = { opcode: SubmitOp.Read, fd: iterator, address: BigInt(caller.map(PAGE)), length: 64 };
      caller.submit(fd, { ...read, userData: 1n });
      expect(caller.reap(fd)).toEqual([[1, -Errno.EDEADLK, 0]]);
      caller.submit(fd, { ...read, userData: 2n, flags: SqeFlag.Async });
      expect(caller.reap(fd)).toEqual([[2, 0, 0]]);
      const blocking = setUp(0);
      caller.submit(blocking.fd, { ...read, fd: blocking.iterator, userData: 3n });
      expect(caller.reap(blocking.fd)).toEqual([[3, 0, 0]]);
    });
  });

  describe('waiting for completions', () => {
    test('a call waits until there are enough', () => {
      const fd = caller.setup(4);
      const event = machine.sys.eventfd2(task, 0, 0);
      caller.queue(fd).push({ opcode: SubmitOp.PollAdd, fd: event, opFlags: 1, userData: 1n });
      const pending = caller.enterMayWait(fd, 1, 1, Enter.GetEvents) as PendingEnter;
      expect(pending).toBeInstanceOf(PendingEnter);
      expect(pending.waitsFor).toBe('io_ring_ctx.cq_wait');
      const { ctx } = caller.ring(fd);
      expect([...listNodes(machine.ram, ctx.addressOf('cq_wait.head'))]).toHaveLength(1);
      expect(pending.resume()).toBeInstanceOf(PendingEnter);
      machine.sys.write(task, event, words(1));
      expect(pending.resume()).toBe(1);
      expect([...listNodes(machine.ram, ctx.addressOf('cq_wait.head'))]).toHaveLength(0);
    });

    test('with a time limit: ETIME', () => {
      const fd = caller.setup(4);
      const pointer = caller.put(words(0, 0, caller.timespec(5_000_000)));
      const flags = Enter.GetEvents | Enter.ExtArg;
      const pending = caller.enterMayWait(fd, 0, 1, flags, { pointer, size: 24 }) as PendingEnter;
      machine.advance(4_999_999n);
      expect(pending.resume()).toBeInstanceOf(PendingEnter);
      machine.advance(1n);
      expect(pending.resume()).toBe(-Errno.ETIME);
      expect(caller.enter(fd, 0, 1, flags, { pointer, size: 16 })).toBe(-Errno.EINVAL);
      expect(caller.enter(fd, 0, 1, flags, { pointer: 1n, size: 24 })).toBe(-Errno.EFAULT);
    });

    test('DEFER_TASKRUN completes what events have finished only when asked', () => {
      if (is516) return;
      const fd = caller.setup(4, { flags: Setup.SingleIssuer | Setup.DeferTaskrun | Setup.TaskrunFlag });
      const event = machine.sys.eventfd2(task, 0, 0);
      caller.submit(fd, { opcode: SubmitOp.PollAdd, fd: event, opFlags: 1, userData: 1n });
      machine.sys.write(task, event, words(1));
      const { ctx } = caller.ring(fd);
      expect(caller.reap(fd)).toEqual([]);
      expect(ctx.big('work_llist.first')).not.toBe(0n);
      expect(sqFlags(fd) & SqFlag.Taskrun).toBe(SqFlag.Taskrun);
      expect(caller.enter(fd, 0, 0, Enter.GetEvents)).toBe(0);
      expect(ctx.big('work_llist.first')).toBe(0n);
      expect(sqFlags(fd) & SqFlag.Taskrun).toBe(0);
      expect(caller.reap(fd)).toEqual([[1, 1, 0]]);
    });
  });

  describe('what has happened and is not told yet (DEFER_TASKRUN)', () => {
    const deferring = () => caller.setup(8, { flags: Setup.SingleIssuer | Setup.DeferTaskrun });

    test('of several wake-ups only what still holds is told', () => {
      if (is516) return;
      const fd = deferring();
      const event = machine.sys.eventfd2(task, 0, 0);
      caller.submit(fd, { opcode: SubmitOp.PollAdd, fd: event, opFlags: 1, length: 1, userData: 1n });
      for (let i = 0; i < 2; i++) {
        machine.sys.write(task, event, words(1));
        machine.sys.read(task, event, 8);
      }
      caller.enter(fd, 0, 0, Enter.GetEvents);
      expect(caller.reap(fd)).toEqual([]);
      machine.sys.write(task, event, words(1));
      caller.enter(fd, 0, 0, Enter.GetEvents);
      expect(caller.reap(fd)).toEqual([[1, 1, CqeFlag.More]]);
    });

    test('a timeout that has fired does not end one that waits for completions, but in 6.1', () => {
      if (is516) return;
      const fd = deferring();
      const [soon, late] = [caller.timespec(1000), caller.timespec(1e9)];
      caller.submit(fd, { opcode: SubmitOp.Timeout, address: late, length: 1, offset: 2n, userData: 1n });
      caller.submit(fd, { opcode: SubmitOp.Timeout, address: soon, length: 1, userData: 2n });
      machine.advance(1000n);
      // Nothing is posted for this one, but the queue is published.
      caller.submit(fd, nop(3, SqeFlag.CqeSkipSuccess));
      expect(caller.ring(fd).engine.timeouts.all).toHaveLength(is612 ? 1 : 0);
    });
  });

  describe('the eventfd of a ring', () => {
    test('counts submissions, not completions', () => {
      const fd = caller.setup(8);
      const event = machine.sys.eventfd2(task, 0, 0);
      caller.register(fd, Op.Eventfd, ints(event), 1);
      caller.submit(fd, nop(1), nop(2), nop(3));
      const context = eventfdOf(task.files?.get(event) as never);
      expect(context?.count).toBe(1n);
      caller.ring(fd).memory.rings.set('cq_flags', 1);
      caller.submit(fd, nop(4));
      expect(context?.count).toBe(1n);
    });

    test('an asynchronous one is told of what workers complete', () => {
      const fd = caller.setup(8);
      const event = machine.sys.eventfd2(task, 0, 0);
      caller.register(fd, Op.EventfdAsync, ints(event), 1);
      const context = eventfdOf(task.files?.get(event) as never);
      caller.submit(fd, nop(1));
      expect(context?.count).toBe(0n);
      caller.submit(fd, nop(2, SqeFlag.Async));
      expect(context?.count).toBe(1n);
    });
  });

  describe('SQPOLL', () => {
    test('the thread submits when it is awake or woken', () => {
      const fd = caller.setup(4, { flags: Setup.SqPoll, sqThreadIdle: 100 });
      const queue = caller.queue(fd);
      queue.push(nop(1));
      expect(caller.enter(fd, 1)).toBe(1);
      expect(caller.reap(fd)).toEqual([[1, 0, 0]]);
      machine.advance(50_000_000n);
      queue.push(nop(2));
      machine.advance(1n);
      expect(caller.reap(fd)).toEqual([[2, 0, 0]]);
      machine.advance(200_000_000n);
      expect(sqFlags(fd) & SqFlag.NeedWakeup).toBe(SqFlag.NeedWakeup);
      queue.push(nop(3));
      expect(caller.enter(fd, 1)).toBe(1);
      expect(caller.reap(fd)).toEqual([]);
      expect(caller.enter(fd, 1, 0, Enter.SqWakeup)).toBe(1);
      expect(sqFlags(fd) & SqFlag.NeedWakeup).toBe(0);
      expect(caller.reap(fd)).toEqual([[3, 0, 0]]);
    });

    test('a ring that is not enabled is left alone', () => {
      const fd = caller.setup(4, { flags: Setup.SqPoll | Setup.Disabled });
      caller.queue(fd).push(nop(1));
      machine.advance(1n);
      expect(counters(fd).sq).toBe(0);
      caller.register(fd, Op.EnableRings, 0n, 0);
      machine.advance(1n);
      expect(counters(fd).sq).toBe(1);
    });
  });

  test('IOPOLL rings take what needs no waiting, and never wait', () => {
    const fd = caller.setup(8, { flags: Setup.IoPoll });
    machine.vfs.create({ path: '/tmp/file', content: Uint8Array.from([1]) });
    const file = machine.sys.open(task, '/tmp/file', 0);
    const poll = { opcode: SubmitOp.PollAdd, fd: file, opFlags: 1, userData: 3n };
    const read = { opcode: SubmitOp.Read, fd: file, userData: 2n };
    caller.submit(fd, nop(1));
    caller.submit(fd, read);
    caller.submit(fd, poll);
    expect(caller.reap(fd)).toEqual([
      [1, 0, 0],
      [2, -Errno.EOPNOTSUPP, 0],
      [3, -Errno.EINVAL, 0],
    ]);
    expect(caller.enter(fd, 0, 5, Enter.GetEvents)).toBe(0);
  });

  test('the links between tasks and rings come and go', () => {
    const fd = caller.setup(4);
    const { ctx } = caller.ring(fd);
    const links = () => [...listNodes(machine.ram, ctx.addressOf('tctx_list'))].length;
    const found = (of: Task) => {
      const context = machine.heap.at(of.record.big('io_uring'));
      return context && xarrayLoad(context.sub('xa'), machine.profile.layout('xa_node'), ctx.address);
    };
    expect(found(task)).toBe(caller.ring(fd).contextNodes[0]?.address);
    const child = machine.tasks.get(machine.sys.fork(task)) as Task;
    new Caller(machine, child).submit(fd, nop(1));
    expect([links(), found(child)]).toEqual([2, caller.ring(fd).contextNodes[1]?.address]);
    machine.sys.exit_group(child, 0);
    expect(links()).toBe(1);
    const context = machine.heap.at(task.record.big('io_uring'));
    machine.sys.close(task, fd);
    expect(context?.big('xa.xa_head')).toBe(0n);
  });

  test('closing the ring, and the end of the task, give everything back', () => {
    const at = BigInt(caller.map(PAGE));
    task.mm?.memory.fault(Number(at), true);
    const [reader] = machine.sys.pipe2(task, 0) as [number, number];
    const time = caller.timespec(1e9);
    task.mm?.memory.fault(Number(time), true);
    machine.sys.close(task, caller.setup(4));
    const used = machine.heap.used;
    const fd = caller.setup(8);
    const read = { opcode: SubmitOp.Read, fd: reader, address: at, length: 8, offset: MAX_U64 };
    caller.submit(
      fd,
      read,
      { opcode: SubmitOp.PollAdd, fd: reader, opFlags: 1 },
      { opcode: SubmitOp.Timeout, address: time, length: 1 },
      { ...read, flags: SqeFlag.Link },
      { opcode: SubmitOp.LinkTimeout, address: time, length: 1 },
      { opcode: SubmitOp.ProvideBuffers, fd: 3, address: at, length: 8, buffer: 100 },
      nop(1, SqeFlag.Drain),
    );
    expect(caller.ring(fd).engine.inflight.size).toBe(6);
    machine.sys.close(task, fd);
    expect(machine.heap.used).toBe(used);
    expect(machine.timers.size).toBe(0);
  });

  test('a task that exits cancels its requests in rings that others keep', () => {
    const fd = caller.setup(4);
    const event = machine.sys.eventfd2(task, 0, 0);
    const child = machine.tasks.get(machine.sys.fork(task)) as Task;
    const other = new Caller(machine, child);
    other.submit(fd, { opcode: SubmitOp.PollAdd, fd: event, opFlags: 1, userData: 5n });
    machine.sys.exit_group(child, 0);
    expect(caller.reap(fd)).toEqual([[5, -Errno.ECANCELED, 0]]);
  });
});
