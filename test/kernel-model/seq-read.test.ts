/** bpf_seq_read, case by case as a live kernel answered with an array map's iterator (8 objects of 8 bytes). */
import { beforeEach, describe, expect, test } from 'vitest';
import { Errno } from '../../bpf/errno.ts';
import { PendingRead } from '../../kernel-model/iter/read.ts';
import type { Machine } from '../../kernel-model/machine.ts';
import { openProfile } from '../../kernel-model/profile-node.ts';
import { OutOfMemory } from '../../kernel-model/ram.ts';
import type { Task } from '../../kernel-model/task.ts';
import { emit, ListIterator, type Run } from './iter-support.ts';
import { newMachine } from './support.ts';

const HUGE = 1 << 20;
/** The largest output of one object: one byte must stay free. */
const FULL = 32767;

describe.each(['5.16+series', '6.1', '6.12'])('reads on %s', (kernel) => {
  let machine: Machine;
  let task: Task;
  beforeEach(async () => {
    machine = await newMachine(kernel);
    task = machine.tasks.create({ pid: 100 });
  });
  const eight = ({ object, session }: Run) => {
    return object >= 0 ? emit(session, `object ${object}`) : undefined;
  };
  const lengths = (it: ListIterator, ...sizes: number[]) => sizes.map((size) => it.readLength(task, size));

  test('one object may emit 32767 bytes', () => {
    const it = new ListIterator(machine, 1, ({ object, session }) => (object < 0 ? 0 : emit(session, FULL)));
    expect(lengths(it, HUGE, HUGE)).toEqual([FULL, 0]);
  });

  test('32768 bytes, an exact fill, is E2BIG on every read, and the program runs each time', () => {
    const it = new ListIterator(machine, 1, ({ session }) => emit(session, FULL + 1));
    expect(lengths(it, HUGE, HUGE, HUGE)).toEqual([-Errno.E2BIG, -Errno.E2BIG, -Errno.E2BIG]);
    expect(it.runs).toEqual([0, 0, 0].map((object) => ({ object, seqNum: 0 })));
  });

  test('overflow after earlier data: that data is returned, the object shown again with the same number', () => {
    const it = new ListIterator(machine, 3, ({ object, session }) => (object < 0 ? 0 : emit(session, 20000)));
    expect(lengths(it, HUGE, HUGE, HUGE, HUGE)).toEqual([20000, 20000, 20000, 0]);
    expect(it.runs).toEqual([
      { object: 0, seqNum: 0 },
      { object: 1, seqNum: 1 },
      { object: 1, seqNum: 1 },
      { object: 2, seqNum: 2 },
      { object: 2, seqNum: 2 },
      { object: -1, seqNum: 2 },
    ]);
  });

  test('a program that returns 1 for the first object: EAGAIN, its output dropped, same number on the retry', () => {
    let tries = 0;
    const it = new ListIterator(machine, 2, ({ object, session }) => {
      eight({ object, seqNum: 0, session });
      return object === 0 && tries++ === 0 ? 1 : 0;
    });
    expect(lengths(it, HUGE, HUGE, HUGE)).toEqual([-Errno.EAGAIN, 16, 0]);
    expect(it.runs.slice(0, 2)).toEqual([
      { object: 0, seqNum: 0 },
      { object: 0, seqNum: 0 },
    ]);
  });

  test('a program that returns 1 later: the bytes so far, then EAGAIN, then on', () => {
    let refusals = 2;
    const it = new ListIterator(machine, 8, ({ object, session }) => {
      eight({ object, seqNum: 0, session });
      return object === 3 && refusals-- > 0 ? 1 : 0;
    });
    expect(lengths(it, HUGE, HUGE, HUGE, HUGE)).toEqual([24, -Errno.EAGAIN, 40, 0]);
  });

  test('what the program returns in the stop call is ignored and its output kept', () => {
    const it = new ListIterator(machine, 1, ({ object, session }) => {
      emit(session, object < 0 ? 'end' : 'one ');
      return object < 0 ? 1 : 0;
    });
    expect(lengths(it, HUGE, HUGE)).toEqual([7, 0]);
  });

  test.each([
    [0, 0],
    [1, 0],
    [8, 7],
  ])('with %i objects the stop call has number %i', (size, seqNum) => {
    const it = new ListIterator(machine, size, eight);
    lengths(it, HUGE, HUGE);
    expect(it.runs.at(-1)).toEqual({ object: -1, seqNum });
  });

  test('stop output that does not fit: the objects first, then the stop call again', () => {
    const it = new ListIterator(machine, 1, ({ object, session }) => emit(session, object < 0 ? 100 : 32700));
    expect(lengths(it, HUGE, HUGE, HUGE)).toEqual([32700, 100, 0]);
    expect(it.runs.map(({ object }) => object)).toEqual([0, -1, -1]);
  });

  test('a stop call that overflows alone: E2BIG on every read', () => {
    const it = new ListIterator(machine, 0, ({ session }) => emit(session, 32768));
    expect(lengths(it, HUGE, HUGE, HUGE)).toEqual([-Errno.E2BIG, -Errno.E2BIG, -Errno.E2BIG]);
    expect(it.runs).toHaveLength(3);
  });

  test('reads of 20 bytes: what is left over is drained alone', () => {
    const it = new ListIterator(machine, 8, eight);
    expect(lengths(it, 20, 20, 20, 20, 20, 20)).toEqual([20, 4, 20, 4, 16, 0]);
  });

  test('reads of 1 byte: one object for each refill, one stop call', () => {
    const it = new ListIterator(machine, 8, eight);
    expect(lengths(it, ...new Array(65).fill(1))).toEqual([...new Array(64).fill(1), 0]);
    expect(it.runs.map(({ object }) => object)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, -1]);
    expect(it.runs.map(({ seqNum }) => seqNum)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 7]);
  });

  test('a read of 0 bytes returns 0 but runs the first object', () => {
    const it = new ListIterator(machine, 8, eight);
    expect(lengths(it, 0)).toEqual([0]);
    expect(it.runs).toEqual([{ object: 0, seqNum: 0 }]);
    expect(it.session.seq.count).toBe(8);
    expect(lengths(it, HUGE, HUGE, HUGE)).toEqual([8, 56, 0]);
  });

  test('a bad user pointer: EFAULT, and nothing is lost', () => {
    const it = new ListIterator(machine, 8, eight);
    expect(it.readLength(task, HUGE, { faultAt: 0 })).toBe(-Errno.EFAULT);
    expect(it.readLength(task, HUGE, { faultAt: 63 })).toBe(-Errno.EFAULT);
    expect(it.readLength(task, HUGE, { faultAt: 64 })).toBe(64);
    expect(it.readLength(task, HUGE)).toBe(0);
    expect(it.runs).toHaveLength(9);
  });

  test('a fault while leftovers are drained keeps them too', () => {
    const it = new ListIterator(machine, 2, eight);
    expect(it.readLength(task, 3)).toBe(3);
    expect(it.readLength(task, 3, { faultAt: 1 })).toBe(-Errno.EFAULT);
    expect(it.readLength(task, 99)).toBe(5);
  });

  test('after the end: 0 for ever, and the program is not called again', () => {
    const it = new ListIterator(machine, 1, eight);
    expect(lengths(it, HUGE, HUGE, HUGE, HUGE)).toEqual([8, 0, 0, 0]);
    expect(it.runs.filter(({ object }) => object < 0)).toHaveLength(1);
  });

  test('objects passed over take no number', () => {
    const show = (object: number) => (object % 2 === 0 ? 1 : undefined);
    const it = new ListIterator(machine, 5, eight, { show });
    expect(lengths(it, HUGE, HUGE)).toEqual([16, 0]);
    expect(it.runs.map(({ seqNum }) => seqNum)).toEqual([0, 1, 1]);
  });

  test('when all are passed over, the stop call has number -1', () => {
    const it = new ListIterator(machine, 1, eight, { show: () => 1 });
    expect(lengths(it, HUGE)).toEqual([0]);
    expect(it.runs).toEqual([{ object: -1, seqNum: -1 }]);
  });

  test('a million objects passed over: EAGAIN, and the next read goes on', () => {
    const it = new ListIterator(machine, 1_500_000, eight, { show: () => 1 });
    expect(it.readLength(task, HUGE)).toBe(-Errno.EAGAIN);
    expect(it.stops).toEqual([1_000_000]);
    expect(it.readLength(task, HUGE)).toBe(0);
    expect(it.stops.at(-1)).toBe('end');
  });

  test('a million objects visited after one was shown: that one is returned', () => {
    const it = new ListIterator(machine, 1_500_000, eight, {
      show: (object) => (object === 0 ? undefined : 1),
    });
    expect(it.readLength(task, HUGE)).toBe(8);
    expect(it.stops).toEqual([1_000_000]);
  });

  test('an error from start is returned, stop told of it, and nothing consumed', () => {
    let contended = true;
    const it = new ListIterator(machine, 2, eight, { start: () => (contended ? -Errno.EDEADLK : undefined) });
    expect(lengths(it, HUGE, HUGE)).toEqual([-Errno.EDEADLK, -Errno.EDEADLK]);
    expect(it.stops).toEqual(['error', 'error']);
    contended = false;
    expect(lengths(it, HUGE, HUGE)).toEqual([16, 0]);
    expect(it.runs[0]).toEqual({ object: 0, seqNum: 0 });
  });

  test('buffered bytes come before an error from start', () => {
    let contended = false;
    const it = new ListIterator(machine, 2, eight, { start: () => (contended ? -Errno.EDEADLK : undefined) });
    expect(it.readLength(task, 3)).toBe(3);
    contended = true;
    expect(lengths(it, HUGE, HUGE)).toEqual([5, -Errno.EDEADLK]);
  });

  test('H21: an error from next is forgotten by 5.16 and returned by 6.x', () => {
    const it = new ListIterator(machine, 3, eight, { next: (at) => (at === 2 ? -Errno.EIO : undefined) });
    if (openProfile(kernel).dialect.iterNextErrors === 'forgotten') {
      expect(it.readLength(task, HUGE)).toBe(16);
      expect(it.stops).toEqual(['error']);
    } else {
      expect(it.readLength(task, HUGE)).toBe(-Errno.EIO);
      expect(it.stops).toEqual(['end']);
      // What was shown before is drained first by the next read.
      expect(it.readLength(task, HUGE)).toBe(16);
    }
  });

  test('a target that forgets to move its position on is moved on', () => {
    const it = new ListIterator(machine, 3, eight);
    const { seq } = it.session;
    Object.defineProperty(seq, 'index', { value: 0, writable: true });
    expect(it.readLength(task, HUGE)).toBe(24);
    expect(seq.index).toBe(4);
  });

  test('a reader waits for another one of the same file', () => {
    const it = new ListIterator(machine, 1, eight);
    const other = machine.tasks.create({ pid: 200 });
    expect(it.lock.tryLock(other)).toBe(true);
    const waiting = it.read(task, HUGE) as PendingRead;
    expect(waiting).toBeInstanceOf(PendingRead);
    expect(waiting).toMatchObject({ waitsFor: 'seq_file.lock', holder: other.address, deadlock: false });
    expect(waiting.resume()).toBeInstanceOf(PendingRead);
    it.lock.unlock();
    expect(waiting.resume()).toEqual(new TextEncoder().encode('object 0'));
    expect(it.lock.owner).toBe(0n);
  });

  test('a reader that holds the file itself waits for ever', () => {
    const it = new ListIterator(machine, 1, eight);
    it.lock.tryLock(task);
    expect(it.read(task, HUGE)).toMatchObject({ waitsFor: 'seq_file.lock', deadlock: true });
  });

  test('no memory for the buffer: ENOMEM', () => {
    const it = new ListIterator(machine, 1, eight);
    const { heap } = machine;
    const allocateBytes = heap.allocateBytes.bind(heap);
    heap.allocateBytes = (size) => {
      throw new OutOfMemory(size);
    };
    expect(it.readLength(task, HUGE)).toBe(-Errno.ENOMEM);
    heap.allocateBytes = allocateBytes;
    expect(it.readLength(task, HUGE)).toBe(8);
    expect(it.lock.owner).toBe(0n);
  });

  test('the record shows what the machine does: buffer, size, counts', () => {
    const it = new ListIterator(machine, 3, eight);
    it.readLength(task, 10);
    const { record } = it.session.seq;
    expect(['size', 'from', 'count'].map((name) => record.get(name))).toEqual([32768, 10, 6]);
    const buffer = machine.ram.read(record.big('buf'), 16);
    expect(new TextDecoder().decode(buffer ?? undefined)).toBe('object 0object 1');
  });
});
