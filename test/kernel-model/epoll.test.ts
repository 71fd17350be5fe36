/** epoll instances, epoll_ctl's errnos, their records, and the epoll iterator of the series with its quirks. */

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { Errno } from '../../bpf/errno.ts';
import { errnoName } from '../../bpf/errno-name.ts';
import { type EventPoll, epollOf, userWatches } from '../../kernel-model/epoll.ts';
import { EpollBit, EpollOp, epollCreate1, epollCtl, MAX_USER_WATCHES } from '../../kernel-model/epoll-ctl.ts';
import { RbTree } from '../../kernel-model/epoll-tree.ts';
import { linkCreate } from '../../kernel-model/iter/link.ts';
import type { PendingRead } from '../../kernel-model/iter/read.ts';
import { hlistNodes } from '../../kernel-model/list.ts';
import type { Machine } from '../../kernel-model/machine.ts';
import { lowOffset, UseAfterFree } from '../../kernel-model/record.ts';
import type { Task } from '../../kernel-model/task.ts';
import { getLowPointer } from '../../kernel-model/words.ts';
import { readAll } from './iter-support.ts';
import { type Body, linkTo, openIterator, programOf } from './program-support.ts';
import { Caller } from './ring-support.ts';
import { newMachine } from './support.ts';

const recorded = JSON.parse(readFileSync(new URL('errno-6.18.json', import.meta.url), 'utf8')) as {
  cases: { epoll: { [name: string]: string } };
};
const { Add, Del, Mod } = { Add: EpollOp.Add, Del: EpollOp.Del, Mod: EpollOp.Mod };

describe.each(['5.16+series', '6.1', '6.12'])('epoll on %s', (kernel) => {
  let machine: Machine;
  let task: Task;
  let caller: Caller;
  let ep: number;
  beforeEach(async () => {
    machine = await newMachine(kernel);
    task = machine.tasks.create({ pid: 100 });
    caller = new Caller(machine, task);
    machine.vfs.create({ path: '/tmp/file' });
    for (let fd = 0; fd < 3; fd++) machine.sys.open(task, '/tmp/file', 2);
    ep = caller.epollCreate();
  });
  const eventfd = () => machine.sys.eventfd2(task, 0, 0);
  const instance = (fd = ep) => epollOf(task.files?.get(fd) as never) as EventPoll;
  const order = (fd = ep) => [...instance(fd).inOrder()].map((item) => item.fd);

  describe('errnos as recorded', () => {
    const text = (result: number) => (result < 0 ? `-${errnoName(-result)}` : String(result));
    const cases: { [name: string]: () => number } = {
      'ADD ring fd': () => caller.epollCtl(ep, Add, caller.setup(4)),
      'ADD dup': () => {
        const fd = eventfd();
        caller.epollCtl(ep, Add, fd);
        return caller.epollCtl(ep, Add, fd);
      },
      'ADD self': () => caller.epollCtl(ep, Add, ep),
      'ADD regular file': () => caller.epollCtl(ep, Add, 0),
      'MOD none': () => caller.epollCtl(ep, Mod, eventfd()),
      'DEL bad fd': () => caller.epollCtl(ep, Del, 999),
      "ADD dup'ed fd of same file": () => {
        const fd = eventfd();
        caller.epollCtl(ep, Add, fd);
        return caller.epollCtl(ep, Add, machine.sys.dup(task, fd));
      },
      'close(e1) while dup keeps file; new file at same fd number: ADD': () => {
        const fd = eventfd();
        caller.epollCtl(ep, Add, fd);
        machine.sys.dup(task, fd);
        machine.sys.close(task, fd);
        const reused = eventfd();
        expect(reused).toBe(fd);
        const result = caller.epollCtl(ep, Add, reused);
        expect(order()).toEqual([fd, fd]);
        return result;
      },
    };
    test.each(Object.entries(recorded.cases.epoll))('%s: %s', (name, expected) => {
      expect(text((cases[name] as () => number)())).toBe(expected);
    });
  });

  test('the other errnos of epoll_ctl', () => {
    const fd = eventfd();
    const other = caller.epollCreate();
    const exclusive = { events: EpollBit.Exclusive | EpollBit.In, data: 0n };
    expect(caller.epollCtl(ep, Add, fd, null)).toBe(-Errno.EFAULT);
    expect(caller.epollCtl(999, Add, fd, null)).toBe(-Errno.EFAULT);
    expect(caller.epollCtl(999, Add, fd)).toBe(-Errno.EBADF);
    expect(caller.epollCtl(fd, Add, ep)).toBe(-Errno.EINVAL);
    expect(caller.epollCtl(ep, 9, fd)).toBe(-Errno.EINVAL);
    expect(caller.epollCtl(ep, Del, fd, null)).toBe(-Errno.ENOENT);
    expect(caller.epollCtl(ep, Mod, fd, exclusive)).toBe(-Errno.EINVAL);
    expect(caller.epollCtl(ep, Add, other, exclusive)).toBe(-Errno.EINVAL);
    expect(caller.epollCtl(ep, Add, fd, { events: EpollBit.Exclusive | EpollBit.OneShot, data: 0n })).toBe(
      -Errno.EINVAL,
    );
    expect(caller.epollCtl(ep, Add, fd, exclusive)).toBe(0);
    expect(caller.epollCtl(ep, Mod, fd)).toBe(-Errno.EINVAL);
    expect(caller.epollCtl(ep, Del, fd, null)).toBe(0);
    expect(epollCreate1(machine, task, 1)).toBe(-Errno.EINVAL);
  });

  test('iterators and links cannot be watched', () => {
    const program = programOf(machine, 'epoll', () => 0);
    const it = openIterator(machine, task, program, linkTo(ep));
    expect([caller.epollCtl(ep, Add, it.fd), caller.epollCtl(ep, Add, it.linkFd)]).toEqual([
      -Errno.EPERM,
      -Errno.EPERM,
    ]);
  });

  test('loops and nesting deeper than 4', () => {
    const chain = [ep, ...Array.from({ length: 7 }, () => caller.epollCreate())];
    const nest = (outer: number, inner: number) =>
      caller.epollCtl(chain[outer] as number, Add, chain[inner] as number);
    expect(nest(0, 1)).toBe(0);
    expect(nest(1, 0)).toBe(-Errno.ELOOP);
    expect([nest(1, 2), nest(2, 3), nest(3, 4)]).toEqual([0, 0, 0]);
    expect(nest(3, 0)).toBe(-Errno.ELOOP);
    // Newer kernels count the levels above as well; 5.16 only those below.
    expect(nest(4, 5)).toBe(kernel === '5.16+series' ? 0 : -Errno.ELOOP);
    expect(nest(5, 6)).toBe(0);
  });

  test('a file watched through too many nested instances: EINVAL', () => {
    const fd = eventfd();
    const inner = caller.epollCreate();
    expect(caller.epollCtl(inner, Add, fd)).toBe(0);
    const results: number[] = [];
    for (let i = 0; i < 501; i++) {
      task.group.setLimit(7, 4096);
      results.push(caller.epollCtl(caller.epollCreate(), Add, inner));
    }
    expect(results.slice(0, 500).every((result) => result === 0)).toBe(true);
    expect(results[500]).toBe(-Errno.EINVAL);
  });

  test("a user's watches are counted and limited", () => {
    const fd = eventfd();
    caller.epollCtl(ep, Add, fd);
    const { user } = task.cred;
    expect(userWatches(user)).toBe(1);
    user.record.set('epoll_watches.count', MAX_USER_WATCHES);
    expect(caller.epollCtl(ep, Add, eventfd())).toBe(-Errno.ENOSPC);
    user.record.set('epoll_watches.count', 1);
    caller.epollCtl(ep, Del, fd);
    expect(userWatches(user)).toBe(0);
  });

  test('a task that holds the lock makes others wait', () => {
    const fd = eventfd();
    instance().lock.tryLock(machine.tasks.create({ pid: 200 }));
    expect(epollCtl(task, ep, Add, fd, { events: 1, data: 0n })).toMatchObject({ waitsFor: 'eventpoll.mtx' });
  });

  test('records: items, events, back links', () => {
    const fd = eventfd();
    const file = task.files?.get(fd);
    caller.epollCtl(ep, Add, fd, { events: 5, data: 0x1122334455667788n });
    const { record } = instance();
    const node = getLowPointer(machine.ram.view, record.offset + record.layout.offset('rbr.rb_root.rb_node'));
    const item = instance().item(node);
    expect(item.record.get('ffd.fd')).toBe(fd);
    expect(item.record.big('ffd.file')).toBe(file?.address);
    expect(item.record.get('event.events')).toBe(5 | EpollBit.Err | EpollBit.Hup);
    expect(item.record.big('event.data')).toBe(0x1122334455667788n);
    expect(item.record.big('ep')).toBe(record.address);
    expect([...hlistNodes(machine.ram, file?.record.big('f_ep') as bigint)]).toEqual([
      item.record.addressOf('fllink'),
    ]);
    expect(record.big('file')).toBe(task.files?.get(ep)?.address);
    caller.epollCtl(ep, Mod, fd, { events: 1, data: 7n });
    expect([item.record.get('event.events'), item.record.big('event.data')]).toEqual([1 | 0x18, 7n]);
    caller.epollCtl(ep, Del, fd);
    expect(file?.record.big('f_ep')).toBe(0n);
    expect(item.record.live).toBe(false);
  });

  test('closing the last descriptor of a watched file drops its items; closing the instance frees all', () => {
    const before = machine.heap.objects;
    const extra = caller.epollCreate();
    const fds = [eventfd(), eventfd(), eventfd()];
    for (const fd of fds) caller.epollCtl(extra, Add, fd);
    machine.sys.close(task, fds[1] as number);
    expect(order(extra).sort()).toEqual([fds[0], fds[2]]);
    machine.sys.close(task, extra);
    for (const fd of [fds[0], fds[2]]) machine.sys.close(task, fd as number);
    expect(machine.heap.objects).toBe(before);
  });

  test('items stand in the order of file addresses, then descriptors, in a valid red-black tree', () => {
    const fds = Array.from({ length: 40 }, eventfd);
    const shuffled = fds.map((_, i) => fds[(i * 17) % fds.length] as number);
    for (const fd of shuffled) caller.epollCtl(ep, Add, fd);
    const twin = machine.sys.dup(task, fds[3] as number);
    caller.epollCtl(ep, Add, twin);
    const expected = [...fds, twin].sort((a, b) => {
      const [x, y] = [task.files?.get(a)?.address as bigint, task.files?.get(b)?.address as bigint];
      return x === y ? a - b : x < y ? -1 : 1;
    });
    expect(order()).toEqual(expected);
  });

  describe('the iterator', () => {
    const body: Body = ({ seqNum, struct, write }) => {
      if (seqNum === 0) write('B\n');
      const item = struct('epi', 'epitem');
      write(item ? `${item.get('ffd.fd')}\n` : 'E\n');
      return 0;
    };
    const open = (fd = ep) => openIterator(machine, task, programOf(machine, 'epoll', body), linkTo(fd));
    const watch = (count: number) => {
      const fds = Array.from({ length: count }, eventfd);
      for (const fd of fds) caller.epollCtl(ep, Add, fd);
      return order();
    };
    const decoder = new TextDecoder();
    const take = (it: ReturnType<typeof open>, size: number) => decoder.decode(it.read(size) as Uint8Array);

    test.each([1, 7, 4096, 65536])('all items in tree order, read by %i bytes', (size) => {
      const fds = watch(5);
      expect(readAll(open().read, size)).toBe(`B\n${fds.join('\n')}\nE\n`);
      expect(instance().lock.owner).toBe(0n);
    });

    test('an empty instance: header and trailer in the stop call', () => {
      expect(readAll(open().read, 100)).toBe('B\nE\n');
    });

    test('attaching: EBADF, EOPNOTSUPP; the link holds the epoll file', () => {
      const attach = (fd: number) => linkCreate(machine, task, programOf(machine, 'epoll', body), linkTo(fd));
      expect([attach(999), attach(0), attach(caller.setup(4))]).toEqual([
        -Errno.EBADF,
        -Errno.EOPNOTSUPP,
        -Errno.EOPNOTSUPP,
      ]);
      const file = task.files?.get(ep);
      const link = attach(ep);
      expect(file?.count).toBe(2);
      machine.sys.close(task, link);
      expect(file?.count).toBe(1);
    });

    test('a held lock is waited for, not refused', () => {
      const fds = watch(2);
      const it = open();
      instance().lock.tryLock(machine.tasks.create({ pid: 200 }));
      const waiting = it.read(100) as PendingRead;
      expect(waiting).toMatchObject({ waitsFor: 'eventpoll.mtx', deadlock: false });
      instance().lock.unlock();
      expect(decoder.decode(waiting.resume() as Uint8Array)).toBe(`B\n${fds.join('\n')}\nE\n`);
    });

    test('the lock is free between reads', () => {
      watch(3);
      const it = open();
      take(it, 1);
      expect(instance().lock.owner).toBe(0n);
    });

    test('two items under one descriptor number: a partial read never ends', () => {
      const [first, second, third] = [eventfd(), eventfd(), eventfd()] as [number, number, number];
      for (const fd of [first, second, third]) caller.epollCtl(ep, Add, fd);
      const [a, , c] = [...instance().inOrder()];
      // As after close and reuse of a descriptor: the first and the last item have the same number.
      c?.record.set('ffd.fd', a?.fd as number);
      Object.assign(c as object, { fd: a?.fd });
      const it = open();
      let text = '';
      for (let i = 0; i < 60; i++) text += take(it, 1);
      const lines = text.split('\n').slice(1, 12);
      expect(new Set(lines).size).toBe(2);
      expect(lines.slice(0, 4)).toEqual([`${a?.fd}`, lines[1], `${a?.fd}`, lines[1]]);
    });

    test('the item to go on at is removed between reads: the rest is silently left out', () => {
      const [a, b] = watch(3) as [number, number];
      const it = open();
      let text = '';
      while (!text.endsWith(`${a}\n`)) text += take(it, 1);
      caller.epollCtl(ep, Del, b);
      expect(readAll(it.read, 100)).toBe('E\n');
    });

    test('an item added again for another file moves in the order: seen twice', () => {
      const [a, b] = watch(2) as [number, number];
      const it = open();
      let text = '';
      while (!text.endsWith(`${a}\n`)) text += take(it, 1);
      // The number b now names the file that comes first.
      caller.epollCtl(ep, Del, b);
      caller.epollCtl(ep, Del, a);
      machine.sys.dup2(task, a, b);
      caller.epollCtl(ep, Add, b);
      expect(readAll(it.read, 100)).toBe(`${b}\nE\n`);
    });

    test('a file without references is passed over but its number used up: no header', () => {
      const [x, y] = watch(2) as [number, number];
      task.files?.get(x)?.record.set('f_count', 0);
      expect(readAll(open().read, 100)).toBe(`${y}\nE\n`);
      task.files?.get(x)?.record.set('f_count', 1);
    });

    test('the stop call has the number of the last object, 0 when there was none', () => {
      const seen: number[] = [];
      const count = (fd: number) =>
        openIterator(
          machine,
          task,
          programOf(machine, 'epoll', ({ seqNum, struct }) => {
            if (!struct('epi', 'epitem')) seen.push(seqNum);
            return 0;
          }),
          linkTo(fd),
        );
      readAll(count(ep).read, 100);
      watch(3);
      readAll(count(ep).read, 100);
      expect(seen).toEqual([0, 2]);
    });

    test('further reads after the end take the lock, find nothing and give it back', () => {
      watch(1);
      const it = open();
      readAll(it.read, 100);
      expect([take(it, 9), take(it, 9)]).toEqual(['', '']);
      expect(instance().lock.owner).toBe(0n);
    });

    test('link and instance closed, then read: the freed instance is used', () => {
      watch(1);
      const it = open();
      machine.sys.close(task, it.linkFd);
      machine.sys.close(task, ep);
      expect(() => it.read(100)).toThrow(UseAfterFree);
    });
  });
});

test('the tree stays ordered and balanced under any insertions and removals', async () => {
  const machine = await newMachine('6.12');
  const { ram, profile, heap } = machine;
  const left = profile.layout('rb_node').offset('rb_left');
  const right = profile.layout('rb_node').offset('rb_right');
  const pointer = (at: number) => ram.view.getUint32(at, true);
  /** Black nodes on each path; throws where a rule is broken. */
  const blackHeight = (node: number, parent: number): number => {
    if (node === 0) return 1;
    const word = pointer(node);
    expect((word & ~3) >>> 0).toBe(parent);
    const red = (word & 1) === 0;
    if (red) expect(parent !== 0 && (pointer(parent) & 1) === 1).toBe(true);
    const heights = [pointer(node + left), pointer(node + right)].map((child) => blackHeight(child, node));
    expect(heights[0]).toBe(heights[1]);
    return (heights[0] as number) + (red ? 0 : 1);
  };
  fc.assert(
    fc.property(fc.array(fc.nat(30), { maxLength: 120 }), (keys) => {
      const root = heap.allocate('rb_root_cached');
      const keyOf = new Map<number, number>();
      const tree = new RbTree(ram, profile, root.offset, (a, b) => (keyOf.get(a) ?? 0) < (keyOf.get(b) ?? 0));
      const nodes = new Map<number, number>();
      for (const key of keys) {
        const known = nodes.get(key);
        if (known === undefined) {
          const node = heap.allocate('rb_node').offset;
          keyOf.set(node, key);
          nodes.set(key, node);
          tree.insert(node);
        } else {
          nodes.delete(key);
          tree.remove(known);
        }
        const inOrder = [...tree.nodes()].map((node) => keyOf.get(node));
        expect(inOrder).toEqual([...nodes.keys()].sort((a, b) => a - b));
        blackHeight(Math.max(0, lowOffset(root.big('rb_root.rb_node'))), 0);
      }
    }),
    { numRuns: 60, seed: 5 },
  );
});
