/** The io_uring_buf and io_uring_file iterators of the series. */
import { beforeEach, describe, expect, test } from 'vitest';
import { Errno } from '../../bpf/errno.ts';
import { RegisterOp as Op } from '../../kernel-model/io-uring/uapi.ts';
import { linkCreate } from '../../kernel-model/iter/link.ts';
import { PendingRead } from '../../kernel-model/iter/read.ts';
import { Mutex } from '../../kernel-model/lock.ts';
import type { Machine } from '../../kernel-model/machine.ts';
import { UseAfterFree } from '../../kernel-model/record.ts';
import type { Task } from '../../kernel-model/task.ts';
import { getPagePointer } from '../../kernel-model/words.ts';
import { readAll } from './iter-support.ts';
import { type Body, linkTo, openFromLink, openIterator, programOf } from './program-support.ts';
import { Caller, ints, iovecs, rsrcUpdate } from './ring-support.ts';
import { newMachine, PAGE } from './support.ts';

const decoder = new TextDecoder();

describe.each(['5.16+series', '6.1', '6.12'])('rings on %s', (kernel) => {
  let machine: Machine;
  let task: Task;
  let caller: Caller;
  beforeEach(async () => {
    machine = await newMachine(kernel);
    task = machine.tasks.create({ pid: 100 });
    caller = new Caller(machine, task);
    for (let fd = 0; fd < 3; fd++) {
      machine.vfs.create({ path: `/tmp/file${fd}`, content: new Uint8Array(10) });
      machine.sys.open(task, `/tmp/file${fd}`, 2);
    }
  });

  /** As the selftest prints buffers: header, one line each with the first page, trailer with the count. */
  const buffers: Body = ({ context, seqNum, struct, write }) => {
    if (seqNum === 0) write('B\n');
    const ubuf = struct('ubuf', 'io_mapped_ubuf');
    if (!ubuf) {
      write(`E:${context.get('index')}\n`);
      return 0;
    }
    const end = ubuf.has('len') ? ubuf.big('ubuf') + ubuf.big('len') : ubuf.big('ubuf_end');
    write(`${context.get('index')}:0x${ubuf.big('ubuf').toString(16)}:${end - ubuf.big('ubuf')}\n`);
    if (ubuf.get('nr_bvecs') === 0) return 0;
    const pfn = getPagePointer(machine.ram.view, ubuf.offset + ubuf.layout.size);
    write(`\`-PFN for bvec[0]=${pfn}\n`);
    return 0;
  };

  /** As the selftest prints files; the trailer's condition is its own. */
  const files: Body = ({ context, seqNum, struct, write }) => {
    if (seqNum === 0) write('B\n');
    const ctx = struct('ctx', 'io_ring_ctx');
    const index = context.get('index');
    if (ctx?.get('nr_user_files') === index) {
      write(`E:${index}\n`);
      return 0;
    }
    const file = struct('file', 'file');
    write(`${index}:${file ? machine.dPath(file.addressOf('f_path')) : '<none>'}\n`);
    return 0;
  };

  function ringWithBuffers(count: number): { fd: number; expected: string } {
    const fd = caller.setup(4);
    let expected = 'B\n';
    const ranges: [number, number][] = [];
    for (let i = 0; i < count; i++) {
      const length = 128 * 2 ** i;
      const address = caller.map(length);
      ranges.push([address, length]);
    }
    expect(caller.register(fd, Op.Buffers, iovecs(...ranges), count)).toBe(0);
    for (const [i, [address, length]] of ranges.entries()) {
      const pfn = task.mm?.memory.fault(address, true);
      expected += `${i}:0x${address.toString(16)}:${length}\n\`-PFN for bvec[0]=${pfn}\n`;
    }
    return { fd, expected: `${expected}E:${count}\n` };
  }

  test.each([1, 7, 4096, 65536])('buffers, read by %i bytes', (size) => {
    const { fd, expected } = ringWithBuffers(8);
    const it = openIterator(machine, task, programOf(machine, 'io_uring_buf', buffers), linkTo(fd));
    expect(readAll(it.read, size)).toBe(expected);
    expect(caller.ring(fd).lock.owner).toBe(0n);
  });

  test.each([1, 7, 4096, 65536])('files with holes, read by %i bytes', (size) => {
    const fd = caller.setup(4);
    for (let file = 0; file < 3; file++) machine.sys.unlink(task, `/tmp/file${file}`);
    expect(caller.register(fd, Op.Files, ints(0, -1, 1, -1, 2, -1), 6)).toBe(0);
    const it = openIterator(machine, task, programOf(machine, 'io_uring_file', files), linkTo(fd));
    expect(readAll(it.read, size)).toBe(
      'B\n0:/tmp/file0 (deleted)\n1:<none>\n2:/tmp/file1 (deleted)\n3:<none>\n4:/tmp/file2 (deleted)\n5:<none>\nE:6\n',
    );
  });

  test('an empty table: header and trailer in the single stop call', () => {
    const fd = caller.setup(4);
    const it = openIterator(machine, task, programOf(machine, 'io_uring_buf', buffers), linkTo(fd));
    expect(readAll(it.read, 4096)).toBe('B\nE:0\n');
    const second = openIterator(machine, task, programOf(machine, 'io_uring_file', files), linkTo(fd));
    expect(readAll(second.read, 4096)).toBe('B\nE:0\n');
  });

  test('an empty slot is the dummy buffer of this kernel', () => {
    const fd = caller.setup(4);
    const page = caller.map(PAGE);
    caller.register(fd, Op.Buffers, iovecs([0, 0], [page, 100]), 2);
    const seen: { pointer: bigint; start: bigint; end: bigint; bvecs: number }[] = [];
    const program = programOf(machine, 'io_uring_buf', ({ struct }) => {
      const ubuf = struct('ubuf', 'io_mapped_ubuf');
      if (!ubuf) return 0;
      const end = ubuf.has('len') ? ubuf.big('len') : ubuf.big('ubuf_end');
      seen.push({ pointer: ubuf.address, start: ubuf.big('ubuf'), end, bvecs: ubuf.get('nr_bvecs') });
      return 0;
    });
    readAll(openIterator(machine, task, program, linkTo(fd)).read, 4096);
    const { ctx } = caller.ring(fd);
    const all = 0xffff_ffff_ffff_ffffn;
    expect(seen).toHaveLength(2);
    if (kernel === '6.12') {
      expect(seen[0]).toEqual({
        pointer: machine.symbolAddress('dummy_ubuf'),
        start: all,
        end: 0xffff_ffffn,
        bvecs: 0,
      });
    } else {
      expect(seen[0]).toEqual({ pointer: ctx.big('dummy_ubuf'), start: all, end: 0n, bvecs: 0 });
    }
  });

  test('the index of the context and seq_num agree, and sessions are numbered', () => {
    const { fd } = ringWithBuffers(3);
    const seen: [number, number, number, bigint][] = [];
    const program = programOf(machine, 'io_uring_buf', ({ context, seqNum, sessionId }) => {
      seen.push([sessionId, seqNum, context.get('index'), context.big('ctx')]);
      return 0;
    });
    const it = openIterator(machine, task, program, linkTo(fd));
    const ctx = caller.ring(fd).ctx.address;
    readAll(it.read, 4096);
    readAll(openFromLink(machine, task, it.linkFd).read, 4096);
    expect(seen).toEqual([
      [1, 0, 0, ctx],
      [1, 1, 1, ctx],
      [1, 2, 2, ctx],
      [1, 2, 3, ctx],
      [2, 0, 0, ctx],
      [2, 1, 1, ctx],
      [2, 2, 2, ctx],
      [2, 2, 3, ctx],
    ]);
  });

  test('the private records: session, number, end mark, slots fetched', () => {
    const { fd } = ringWithBuffers(3);
    const program = programOf(machine, 'io_uring_buf', ({ write }) => void write('four'));
    const it = openIterator(machine, task, program, linkTo(fd));
    const { priv, privateRecord, seq } = it.file.session;
    const state = () => [
      priv.get('session_id'),
      priv.get('seq_num'),
      priv.get('done_stop'),
      privateRecord?.get('index'),
      seq.index,
    ];
    expect(state()).toEqual([1, 0, 0, 0, 0]);
    it.read(1);
    // Slot 1 was fetched and put back: it has its number, and will be fetched again.
    expect(state()).toEqual([1, 1, 0, 1, 2]);
    expect(privateRecord?.big('ctx')).toBe(caller.ring(fd).ctx.address);
    expect(seq.record.big('private')).toBe(privateRecord?.address);
    readAll(it.read, 100);
    expect(state()).toEqual([1, 2, 1, 3, 4]);
  });

  describe('attaching', () => {
    const attach = (target: string, fd: number) =>
      linkCreate(
        machine,
        task,
        programOf(machine, target, () => 0),
        linkTo(fd),
      );

    test.each(['io_uring_buf', 'io_uring_file'])('%s to no ring', (target) => {
      expect(attach(target, 99)).toBe(-Errno.EBADF);
      expect(attach(target, 0)).toBe(-Errno.EOPNOTSUPP);
      expect(attach(target, caller.epollCreate())).toBe(-Errno.EOPNOTSUPP);
    });

    test('to a ring whose last user is gone: ENXIO, and it works again later', () => {
      const fd = caller.setup(4);
      const ring = caller.ring(fd);
      expect(ring.quiesce()).toBeUndefined();
      expect(attach('io_uring_buf', fd)).toBe(-Errno.ENXIO);
      ring.resurrect();
      expect(attach('io_uring_buf', fd)).toBeGreaterThan(0);
    });

    test('a link refers to the ring and gives it back', () => {
      const fd = caller.setup(4);
      const ring = caller.ring(fd);
      const link = attach('io_uring_buf', fd);
      expect(ring.refs).toBe(2);
      machine.sys.close(task, link);
      expect(ring.refs).toBe(1);
    });
  });

  describe('a contended ring', () => {
    const drain = (it: ReturnType<typeof openIterator>) => readAll(it.read, 65536);

    test.each(['io_uring_buf', 'io_uring_file'])('%s: EDEADLK consumes nothing', (target) => {
      const { fd } = ringWithBuffers(2);
      caller.register(fd, Op.Files, ints(0, 1), 2);
      const runs: number[] = [];
      const program = programOf(machine, target, ({ context, write }) => {
        runs.push(context.get('index'));
        write(`${context.get('index')};`);
        return 0;
      });
      const it = openIterator(machine, task, program, linkTo(fd));
      const ring = caller.ring(fd);
      const other = machine.tasks.create({ pid: 200 });
      expect(ring.lock.tryLock(other)).toBe(true);
      expect(BigInt.asUintN(64, ring.ctx.big('uring_lock.owner'))).toBe(other.address);
      expect([it.read(100), it.read(100)]).toEqual([-Errno.EDEADLK, -Errno.EDEADLK]);
      expect(runs).toEqual([]);
      ring.lock.unlock();
      expect(drain(it)).toBe('0;1;2;');
      expect(ring.lock.owner).toBe(0n);
    });

    test('a read by the task that holds the lock itself: EDEADLK, not a hang', () => {
      const { fd } = ringWithBuffers(1);
      const it = openIterator(machine, task, programOf(machine, 'io_uring_buf', buffers), linkTo(fd));
      caller.ring(fd).lock.tryLock(task);
      expect(it.read(100)).toBe(-Errno.EDEADLK);
      expect(it.file.lock.owner).toBe(0n);
    });

    test('bytes already buffered come first, then EDEADLK, then the rest', () => {
      const { fd } = ringWithBuffers(3);
      const program = programOf(
        machine,
        'io_uring_buf',
        ({ context, write }) => void write(`<${context.get('index')}>`),
      );
      const it = openIterator(machine, task, program, linkTo(fd));
      expect(decoder.decode(it.read(2) as Uint8Array)).toBe('<0');
      caller.ring(fd).lock.tryLock(task);
      expect(decoder.decode(it.read(99) as Uint8Array)).toBe('>');
      expect(it.read(99)).toBe(-Errno.EDEADLK);
      caller.ring(fd).lock.unlock();
      expect(drain(it)).toBe('<1><2><3>');
    });

    test('two readers of one iterator file: the second waits for the first', () => {
      const { fd } = ringWithBuffers(1);
      const it = openIterator(machine, task, programOf(machine, 'io_uring_buf', buffers), linkTo(fd));
      const other = machine.tasks.create({ pid: 200 });
      it.file.lock.tryLock(other);
      const waiting = it.read(4096);
      expect(waiting).toBeInstanceOf(PendingRead);
      it.file.lock.unlock();
      expect((waiting as PendingRead).resume()).toBeInstanceOf(Uint8Array);
    });

    test.each([0, 1, 2])('a program that faults at object %i leaves all locks free', (at) => {
      const { fd } = ringWithBuffers(2);
      const program = programOf(machine, 'io_uring_buf', ({ context, write }) => {
        if (faulty && context.get('index') === at) throw new Error('fault');
        return write(`${context.get('index')};`) as undefined;
      });
      let faulty = true;
      const it = openIterator(machine, task, program, linkTo(fd));
      expect(() => it.read(100)).toThrow('fault');
      expect([caller.ring(fd).lock.owner, it.file.lock.owner]).toEqual([0n, 0n]);
      faulty = false;
      expect(readAll(it.read, 100)).toMatch(/2;$/);
    });

    test('a program that is asked again, overflows or fails to copy leaves the lock free', () => {
      const { fd } = ringWithBuffers(2);
      const ring = caller.ring(fd);
      const outcomes = [
        programOf(machine, 'io_uring_buf', () => 1),
        programOf(machine, 'io_uring_buf', ({ write }) => void write('x'.repeat(40000))),
        programOf(machine, 'io_uring_buf', ({ write }) => void write('x')),
      ].map((program) => {
        const it = openIterator(machine, task, program, linkTo(fd));
        const result = it.read(100, { faultAt: 0 });
        expect(ring.lock.owner).toBe(0n);
        return result;
      });
      expect(outcomes).toEqual([-Errno.EAGAIN, -Errno.E2BIG, -Errno.EFAULT]);
    });
  });

  describe('tables that change between reads', () => {
    const one: Body = ({ context, struct, write }) => {
      const ubuf = struct('ubuf', 'io_mapped_ubuf');
      write(ubuf ? `${context.get('index')} ` : `E:${context.get('index')}`);
      return 0;
    };

    test('a smaller table ends at an index that is not its size', () => {
      const { fd } = ringWithBuffers(6);
      const it = openIterator(machine, task, programOf(machine, 'io_uring_buf', one), linkTo(fd));
      let text = '';
      for (let i = 0; i < 10; i++) text += decoder.decode(it.read(1) as Uint8Array);
      expect(text).toBe('0 1 2 3 4 ');
      caller.register(fd, Op.UnregisterBuffers, 0n, 0);
      caller.register(fd, Op.Buffers, iovecs([caller.map(PAGE), 10]), 1);
      expect(readAll(it.read, 100)).toBe('E:5');
    });

    test('a slot that was passed is not seen again, and one to come is seen as it then is', () => {
      const fd = caller.setup(4);
      caller.register(fd, Op.Files, ints(0, 1, 2), 3);
      const it = openIterator(machine, task, programOf(machine, 'io_uring_file', files), linkTo(fd));
      expect(decoder.decode(it.read(2) as Uint8Array)).toBe('B\n');
      readAllBut(it, '0:/tmp/file0\n');
      const update = (slot: number, to: number) =>
        caller.register(fd, Op.FilesUpdate, rsrcUpdate(slot, caller.put(ints(to))), 1);
      expect([update(0, 2), update(1, 0), update(2, -1)]).toEqual([1, 1, 1]);
      expect(readAll(it.read, 100)).toBe('1:/tmp/file0\n2:<none>\nE:3\n');
    });

    function readAllBut(it: ReturnType<typeof openIterator>, expected: string): void {
      let text = '';
      while (text.length < expected.length) text += decoder.decode(it.read(1) as Uint8Array);
      expect(text).toBe(expected);
    }

    test('a NULL slot ends the walk early; the next read goes on behind it, without a second trailer', () => {
      const { fd } = ringWithBuffers(3);
      const { ctx } = caller.ring(fd);
      const table = machine.ram.translate(ctx.big('user_bufs'), 24, true);
      machine.ram.view.setBigUint64(table + 8, 0n, true);
      const it = openIterator(machine, task, programOf(machine, 'io_uring_buf', one), linkTo(fd));
      expect(decoder.decode(it.read(100) as Uint8Array)).toBe('0 E:2');
      expect(decoder.decode(it.read(100) as Uint8Array)).toBe('2 ');
      expect(it.read(100)).toEqual(new Uint8Array());
    });
  });

  describe('lifetimes', () => {
    test('an iterator outlives its link while the ring is open', () => {
      const { fd, expected } = ringWithBuffers(2);
      const it = openIterator(machine, task, programOf(machine, 'io_uring_buf', buffers), linkTo(fd));
      machine.sys.close(task, it.linkFd);
      expect(readAll(it.read, 4096)).toBe(expected);
    });

    test('link and ring closed, then read: the freed ring is used', () => {
      const { fd } = ringWithBuffers(2);
      const it = openIterator(machine, task, programOf(machine, 'io_uring_buf', buffers), linkTo(fd));
      machine.sys.close(task, it.linkFd);
      machine.sys.close(task, fd);
      expect(() => it.read(100)).toThrow(UseAfterFree);
    });

    test('a link keeps a closed ring, its table and its charges', () => {
      const user = machine.tasks.create({ pid: 300, uid: 1000 });
      const own = new Caller(machine, user);
      const fd = own.setup(4);
      own.register(fd, Op.Buffers, iovecs([own.map(4 * PAGE), 4 * PAGE]), 1);
      const it = openIterator(machine, user, programOf(machine, 'io_uring_buf', buffers), linkTo(fd));
      machine.sys.close(user, fd);
      expect(user.cred.user.lockedVm).toBe(4);
      expect(readAll(it.read, 4096)).toContain('E:1\n');
      machine.sys.close(user, it.linkFd);
      expect(user.cred.user.lockedVm).toBe(0);
    });
  });

  test('closing the iterator gives its memory and the program back', () => {
    const { fd } = ringWithBuffers(1);
    const program = programOf(machine, 'io_uring_buf', buffers);
    // The first anonymous inode makes the one that all others share.
    machine.sys.close(task, caller.epollCreate());
    const before = machine.heap.used;
    const it = openIterator(machine, task, program, linkTo(fd));
    readAll(it.read, 4096);
    expect(program.references).toBe(3);
    machine.sys.close(task, it.fd);
    machine.sys.close(task, it.linkFd);
    expect(program.references).toBe(1);
    expect(machine.heap.used).toBe(before);
  });

  test('a lock that nobody holds cannot be unlocked', () => {
    const ring = caller.ring(caller.setup(4));
    expect(() => ring.lock.unlock()).toThrow(/unlock/);
    expect(new Mutex(ring.ctx.sub('uring_lock'), 'x').owner).toBe(0n);
  });
});
