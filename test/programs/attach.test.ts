/** Locks that are held, and attaching to what cannot be attached to. */
import { describe, expect, it } from 'vitest';
import { Errno } from '../../bpf/errno.ts';
import { IoUring } from '../../kernel-model/io-uring/ring.ts';
import { PendingRead } from '../../kernel-model/iter/read.ts';
import { iterate } from '../../session/iterate.ts';
import { choices, type IterChoice } from '../../session/targets.ts';
import { KERNELS, loadProgram, onlyIterator, sessionOf } from './support.ts';

const RING =
  'tasks: [{ pid: 9, files: [{ fd: 4, open: /a }, { fd: 5, epoll: [] }], rings: [{ fd: 3, register: [{ files: [4, 4] }] }] }]';
const RING_PROGRAMS = ['io_uring_buf', 'io_uring_file'];

describe.each(KERNELS)('on %s', (kernel) => {
  it.each(RING_PROGRAMS)('%s of a ring whose lock another task holds gives EDEADLK', async (name) => {
    const session = await sessionOf(`${RING}\nlocks: [{ lock: uring_lock, task: 9, fd: 3, by: 9 }]`, kernel);
    const [iteration] = iterate(session, loadProgram(session, name), {}, 4096);
    expect(iteration).toMatchObject({ errno: Errno.EDEADLK, failure: 'reading fails with EDEADLK' });
    expect(iteration?.bytes).toHaveLength(0);
  });

  it.each(RING_PROGRAMS)(
    '%s read by the task that holds the lock gives EDEADLK, and goes on afterwards',
    async (name) => {
      const session = await sessionOf(RING, kernel);
      const iterator = onlyIterator(loadProgram(session, name));
      const [choice] = choices(session, iterator.target);
      const open = session.open(iterator, choice as IterChoice);
      if (typeof open === 'number') throw new Error(`attaching fails with ${open}`);
      const ring = session.machine.tasks.get(9)?.files?.get(3)?.object as IoUring;
      expect(ring).toBeInstanceOf(IoUring);
      expect(ring.lock.tryLock(session.reader)).toBe(true);
      expect([open.read(64), open.read(64)]).toEqual([-Errno.EDEADLK, -Errno.EDEADLK]);
      ring.lock.unlock();
      expect(open.readAll(64)).toMatchObject({ errno: 0, stopped: undefined });
    },
  );

  it('what is buffered comes before EDEADLK', async () => {
    const session = await sessionOf(RING, kernel);
    const iterator = onlyIterator(loadProgram(session, 'io_uring_file'));
    const open = session.open(iterator, choices(session, iterator.target)[0] as IterChoice);
    if (typeof open === 'number') throw new Error(`attaching fails with ${open}`);
    const ring = session.machine.tasks.get(9)?.files?.get(3)?.object as IoUring;
    const text = (result: unknown) =>
      result instanceof Uint8Array ? Buffer.from(result).toString() : result;
    expect(text(open.read(3))).toBe('B\n0');
    ring.lock.tryLock(session.reader);
    expect(text(open.read(64))).toBe(':/a\n');
    expect(open.read(64)).toBe(-Errno.EDEADLK);
    ring.lock.unlock();
    expect(text(open.read(64))).toBe('1:/a\nE:2\n');
  });

  it('epoll waits for its lock instead', async () => {
    const session = await sessionOf(`${RING}\nlocks: [{ lock: ep_mtx, task: 9, fd: 5, by: 9 }]`, kernel);
    const iterator = onlyIterator(loadProgram(session, 'epoll'));
    const open = session.open(iterator, choices(session, iterator.target)[0] as IterChoice);
    if (typeof open === 'number') throw new Error(`attaching fails with ${open}`);
    expect(open.read(64)).toBeInstanceOf(PendingRead);
    expect(open.readAll(64).stopped).toMatch(/^waits for /);
  });

  it.each([
    ['io_uring_buf', 99, Errno.EBADF],
    ['io_uring_file', 99, Errno.EBADF],
    ['epoll', 99, Errno.EBADF],
    ['io_uring_buf', 4, Errno.EOPNOTSUPP],
    ['io_uring_file', 5, Errno.EOPNOTSUPP],
    ['epoll', 4, Errno.EOPNOTSUPP],
    ['epoll', 3, Errno.EOPNOTSUPP],
  ])('%s does not attach to descriptor %i', async (name, fd, errno) => {
    const session = await sessionOf(RING, kernel);
    const [iteration] = iterate(session, loadProgram(session, name), { task: 9, fd }, 64);
    expect(iteration?.errno).toBe(errno);
    // The attempt leaves no descriptor behind.
    expect([3, 4, 5, 6].map((each) => session.reader.files?.get(each))).toEqual(Array(4).fill(undefined));
  });

  it('a ring whose last reference is gone gives ENXIO', async () => {
    const session = await sessionOf(RING, kernel);
    const iterator = onlyIterator(loadProgram(session, 'io_uring_buf'));
    const ring = session.machine.tasks.get(9)?.files?.get(3)?.object as IoUring;
    const [choice] = choices(session, iterator.target) as [IterChoice];
    // A registration that quiesces has drained the count, and the ring is not back yet.
    expect(ring.quiesce()).toBeUndefined();
    expect(session.open(iterator, choice)).toBe(-Errno.ENXIO);
    ring.resurrect();
    expect(typeof session.open(iterator, choice)).toBe('object');
  });
});

describe('choosing', () => {
  const SCENE = `${RING}
maps:
  - { name: a, type: hash, max_entries: 4, entries: [{ key: 1, value: 2 }] }
  - { name: b, type: array, max_entries: 1 }`;

  it('takes everything of the scene, or what is asked for', async () => {
    const session = await sessionOf(SCENE);
    loadProgram(session, 'seq_read');
    const labels = (...args: Parameters<typeof choices> extends [unknown, ...infer Rest] ? Rest : never) =>
      choices(session, ...args).map(({ label }) => label);
    expect(labels('io_uring_buf')).toEqual(['ring 3 of task 9']);
    expect(labels('io_uring_buf', { task: 8 })).toEqual([]);
    expect(labels('io_uring_buf', { fd: 3 })).toEqual(['ring 3 of task 9']);
    expect(labels('epoll')).toEqual(['epoll instance 5 of task 9']);
    expect(labels('bpf_map_elem')).toEqual(['map a', 'map b']);
    expect(labels('bpf_map_elem', { map: 'elements' })).toEqual(['map elements']);
    expect(labels('task')).toEqual(['all tasks']);
    expect(labels('task', { task: 9 })).toEqual(['task 9']);
    expect(labels('bpf_map')).toEqual(['all']);
  });

  it('narrows task iterators to one process where the kernel can', async () => {
    const session = await sessionOf('tasks: [{ pid: 9, comm: nine }, { pid: 10, comm: ten }]');
    const [iteration] = iterate(session, loadProgram(session, 'task'), { task: 10 }, 64);
    const lines = Buffer.from(iteration?.bytes ?? [])
      .toString()
      .split('\n');
    expect(lines.map((line) => line.split(' ').at(-1))).toEqual(['comm', 'ten', 'end', '']);
  });
});
