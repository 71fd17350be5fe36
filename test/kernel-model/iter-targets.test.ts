/** The kernel's own iterators that the flow uses, links and what bpf(2) says of them. */
import { beforeEach, describe, expect, test } from 'vitest';
import { Errno } from '../../bpf/errno.ts';
import { openMap } from '../../kernel-model/iter/bpf-map-elem.ts';
import {
  type IterLink,
  iterCreate,
  linkAt,
  linkCreate,
  linkDetach,
  linkFdinfo,
  linkUpdate,
} from '../../kernel-model/iter/link.ts';
import { linkInfo } from '../../kernel-model/iter/link-info.ts';
import { IterProgram, targetBtfId } from '../../kernel-model/iter/program.ts';
import { PendingRead } from '../../kernel-model/iter/read.ts';
import type { Machine } from '../../kernel-model/machine.ts';
import { rwsemReaders, rwsemTryWrite, rwsemWriteUnlock } from '../../kernel-model/mutex.ts';
import type { BpfMapView } from '../../kernel-model/services.ts';
import type { Task } from '../../kernel-model/task.ts';
import { Clone } from '../../kernel-model/task-table.ts';
import { readAll } from './iter-support.ts';
import { type Body, linkTo, openIterator, programOf } from './program-support.ts';
import { Caller, concat, ints, words } from './ring-support.ts';
import { newMachine, PAGE } from './support.ts';

const THREAD = Clone.Vm | Clone.Fs | Clone.Files | Clone.Sighand | Clone.Thread;
const SIZES = [1, 7, 4096, 65536];
const decoder = new TextDecoder();

describe.each(['5.16+series', '6.1', '6.12'])('targets on %s', (kernel) => {
  let machine: Machine;
  let task: Task;
  let caller: Caller;
  const is516 = kernel === '5.16+series';
  beforeEach(async () => {
    machine = await newMachine(kernel);
    task = machine.tasks.create({ pid: 100, comm: 'first' });
    caller = new Caller(machine, task);
  });

  /** Reads a target to its end with a program that prints each object. */
  const dump = (target: string, body: Body, size = 4096, attr = {}) =>
    readAll(openIterator(machine, task, programOf(machine, target, body), attr).read, size);

  describe('task', () => {
    const body: Body = ({ seqNum, struct, write }) => {
      const found = struct('task', 'task_struct');
      write(found ? `${found.get('tgid')}/${found.get('pid')}:${seqNum}\n` : `end:${seqNum}\n`);
      return 0;
    };

    test.each(SIZES)('ascending by thread id, read by %i bytes', (size) => {
      machine.tasks.create({ pid: 300 });
      machine.tasks.create({ pid: 20 });
      machine.tasks.clone(task, THREAD, 150);
      expect(dump('task', body, size)).toBe('20/20:0\n100/100:1\n100/150:2\n300/300:3\nend:3\n');
    });

    test('the task where a read stopped is shown; if it is gone, the next one', () => {
      const gone = machine.tasks.create({ pid: 110 });
      machine.tasks.create({ pid: 120 });
      const it = openIterator(machine, task, programOf(machine, 'task', body));
      let text = '';
      while (!text.endsWith('\n')) text += decoder.decode(it.read(1) as Uint8Array);
      expect(text).toBe('100/100:0\n');
      machine.tasks.exitGroup(gone, 0);
      expect(readAll(it.read, 99)).toBe('120/120:1\nend:1\n');
    });

    test('one thread, one process, or all (6.1 and later)', () => {
      machine.tasks.create({ pid: 300 });
      machine.tasks.clone(task, THREAD, 150);
      const by = (...info: number[]) => ({ iterInfo: ints(...info), iterInfoLength: 4 * info.length });
      if (is516) {
        expect(linkCreate(machine, task, programOf(machine, 'task', body), by(150, 0))).toBe(0);
        expect(linkCreate(machine, task, programOf(machine, 'task', body), by(150, 1))).toBe(-Errno.E2BIG);
        expect(dump('task', body, 99, by(150))).toContain('300/300');
        return;
      }
      expect(dump('task', body, 99, by(150, 0, 0, 0))).toBe('100/150:0\nend:0\n');
      expect(dump('task', body, 99, by(0, 100))).toBe('100/100:0\n100/150:1\nend:1\n');
      const pidfd = machine.sys.pidfd_open(task, 300, 0);
      // Descriptor 0 means "none given".
      const usable = machine.sys.dup2(task, pidfd, 9);
      expect(dump('task', body, 99, by(0, 0, usable))).toBe('300/300:0\nend:0\n');
      const attach = (...info: number[]) =>
        linkCreate(machine, task, programOf(machine, 'task', body), by(...info));
      expect([attach(1, 2), attach(0, 0, 99), attach(0, 0, 0, 5)]).toEqual([
        -Errno.EINVAL,
        -Errno.EBADF,
        expect.any(Number),
      ]);
    });
  });

  describe('task_file', () => {
    const body: Body = ({ context, struct, write }) => {
      const owner = struct('task', 'task_struct');
      const file = struct('file', 'file');
      const path = file && machine.dPath(file.addressOf('f_path'));
      write(owner ? `${owner.get('pid')} ${context.get('fd')} ${path}\n` : `end fd ${context.get('fd')}\n`);
      return 0;
    };
    const expected =
      '100 0 /a\n100 2 anon_inode:[eventfd]\n100 3 anon_inode:bpf_link\n100 4 anon_inode:bpf_iter\n300 70 /a\nend fd 0\n';

    test.each(SIZES)(
      'by task and ascending descriptor, sharing threads left out, read by %i bytes',
      (size) => {
        const other = machine.tasks.create({ pid: 300 });
        machine.vfs.create({ path: '/a' });
        for (const owner of [task, task, other]) machine.sys.open(owner, '/a', 0);
        machine.sys.close(task, 1);
        expect(machine.sys.eventfd2(task, 0, 0)).toBe(1);
        machine.sys.dup2(task, 1, 2);
        machine.sys.close(task, 1);
        machine.sys.dup2(other, 0, 70);
        machine.sys.close(other, 0);
        machine.tasks.clone(task, THREAD, 150);
        // Descriptor 1 becomes the link's, unless it is taken while that is made.
        machine.sys.open(task, '/a', 0);
        const program = programOf(machine, 'task_file', body);
        const it = openIterator(machine, task, program);
        machine.sys.close(task, 1);
        expect(readAll(it.read, size)).toBe(expected);
      },
    );

    test('the file shown is referred to meanwhile, and given back', () => {
      machine.vfs.create({ path: '/a' });
      machine.sys.open(task, '/a', 0);
      const file = task.files?.get(0);
      const counts: number[] = [];
      dump('task_file', ({ context, struct }) => {
        if (context.get('fd') === 0 && struct('file', 'file'))
          counts.push(struct('file', 'file')?.get('f_count') ?? 0);
        return 0;
      });
      expect([counts, file?.count]).toEqual([[2], 1]);
    });
  });

  describe('task_vma', () => {
    const body: Body = ({ struct, write }) => {
      const vma = struct('vma', 'vm_area_struct');
      const owner = struct('task', 'task_struct');
      write(vma ? `${owner?.get('pid')} ${vma.big('vm_start').toString(16)}\n` : 'end\n');
      return 0;
    };
    const at = (address: number, length: number, owner = task) =>
      machine.sys.mmap(owner, address, length, 3, 0x32);

    test.each(SIZES)('by task and ascending address, read by %i bytes', (size) => {
      const other = machine.tasks.create({ pid: 300 });
      machine.tasks.create({ pid: 200, kernelThread: true });
      for (const address of [0x50000, 0x30000, 0x10000]) at(address, PAGE);
      at(0x70000, PAGE, other);
      machine.tasks.clone(task, THREAD, 150);
      expect(dump('task_vma', body, size)).toBe('100 10000\n100 30000\n100 50000\n300 70000\nend\n');
      expect(rwsemReaders(task.mm?.lock as never)).toBe(0);
    });

    test('mappings that change between reads are seen as they then are', () => {
      for (const address of [0x10000, 0x30000, 0x50000, 0x70000]) at(address, PAGE);
      const it = openIterator(machine, task, programOf(machine, 'task_vma', body));
      const line = () => {
        let text = '';
        while (!text.endsWith('\n')) text += decoder.decode(it.read(1) as Uint8Array);
        return text;
      };
      expect(line()).toBe('100 10000\n');
      // The one to come is gone: the next one takes its place.
      machine.sys.munmap(task, 0x30000, PAGE);
      expect(line()).toBe('100 50000\n');
      // It is replaced by a larger one: that is shown.
      at(0x6f000, 2 * PAGE);
      expect(line()).toBe('100 6f000\n');
      expect(line()).toBe('end\n');
    });

    test('a writer of the mappings is waited for', () => {
      at(0x10000, PAGE);
      const other = machine.tasks.create({ pid: 300 });
      at(0x70000, PAGE, other);
      const lock = other.mm?.lock as never;
      rwsemTryWrite(lock, other.record);
      const it = openIterator(machine, task, programOf(machine, 'task_vma', body));
      const waiting = it.read(4096) as PendingRead;
      expect(waiting).toBeInstanceOf(PendingRead);
      expect(waiting).toMatchObject({ waitsFor: 'mm_struct.mmap_lock', holder: other.address });
      expect(waiting.resume()).toBeInstanceOf(PendingRead);
      rwsemWriteUnlock(lock);
      expect(decoder.decode(waiting.resume() as Uint8Array)).toBe('100 10000\n300 70000\nend\n');
      expect(rwsemReaders(lock)).toBe(0);
    });
  });

  describe('maps', () => {
    /** A map as the vm would show it: keys and values of 8 bytes side by side. */
    const map = (id: number, type: number, pairs: [number, number][]): BpfMapView => {
      const record = machine.heap.allocate('bpf_map');
      record.set('id', id);
      const at = machine.heap.allocateBytes(16 * pairs.length || 16);
      for (const [i, [key, value]] of pairs.entries()) {
        machine.ram.view.setBigUint64(at + 16 * i, BigInt(key), true);
        machine.ram.view.setBigUint64(at + 16 * i + 8, BigInt(value), true);
      }
      const start = machine.heap.addressOf(at);
      return {
        id,
        address: record.address,
        name: `map${id}`,
        type,
        keySize: 8,
        valueSize: 8,
        maxEntries: 16,
        flags: 0,
        count: pairs.length,
        *entries(from) {
          for (let i = from?.bucket ?? 0; i < pairs.length; i++)
            yield { key: start + BigInt(16 * i), value: start + BigInt(16 * i + 8), bucket: i };
        },
      };
    };
    const element: Body = ({ context, write }) => {
      const word = (member: string) =>
        context.big(member) === 0n
          ? 'null'
          : new DataView(machine.ram.read(context.big(member), 8)?.buffer as ArrayBuffer).getUint8(0);
      write(`${word('key')}=${word('value')};`);
      return 0;
    };

    test.each(SIZES)('bpf_map: ascending by id, read by %i bytes', (size) => {
      machine.maps = { all: [map(2, 1, []), map(5, 2, []), map(9, 1, [])] };
      const body: Body = ({ struct, write }) =>
        write(`${struct('map', 'bpf_map')?.get('id') ?? 'end'};`) as undefined;
      expect(dump('bpf_map', body, size)).toBe('2;5;9;end;');
    });

    test.each(SIZES)('bpf_map_elem: all pairs, read by %i bytes', (size) => {
      machine.sys.eventfd2(task, 0, 0);
      const fd = openMap(
        machine,
        task,
        map(3, 1, [
          [7, 70],
          [8, 80],
          [9, 90],
        ]),
      );
      expect(dump('bpf_map_elem', element, size, linkTo(fd))).toBe('7=70;8=80;9=90;null=null;');
    });

    test('bpf_map_elem: what cannot be attached to', () => {
      const event = machine.sys.eventfd2(task, 0, 0);
      machine.sys.dup2(task, event, 1);
      const ring = openMap(machine, task, map(3, 27, []));
      const hash = openMap(machine, task, map(4, 1, []));
      const attach = (fd: number, init = {}) =>
        linkCreate(machine, task, programOf(machine, 'bpf_map_elem', element, init), linkTo(fd));
      expect([attach(0), attach(99), attach(1), attach(ring)]).toEqual([
        -Errno.EBADF,
        -Errno.EBADF,
        -Errno.EINVAL,
        -Errno.EINVAL,
      ]);
      expect(attach(hash, { maxKeyAccess: 9 })).toBe(-Errno.EACCES);
      expect(attach(hash, { maxValueAccess: 16 })).toBe(-Errno.EACCES);
      expect(attach(hash, { maxKeyAccess: 8, maxValueAccess: 8 })).toBeGreaterThan(0);
    });
  });

  describe('links', () => {
    const program = (target = 'task') => programOf(machine, target, () => 0);

    test('BPF_LINK_CREATE: bad attributes', () => {
      const size = machine.profile.dialect.linkInfoSize;
      const create = (attr: object) => linkCreate(machine, task, program(), attr);
      expect(create({ targetFd: 1 })).toBe(-Errno.EINVAL);
      expect(create({ flags: 1 })).toBe(-Errno.EINVAL);
      expect(create({ iterInfo: ints(0) })).toBe(-Errno.EINVAL);
      expect(create({ iterInfoLength: 4 })).toBe(-Errno.EINVAL);
      expect(create({ iterInfo: 0x1234n, iterInfoLength: 4 })).toBe(-Errno.EFAULT);
      expect(create({ iterInfo: new Uint8Array(8192), iterInfoLength: 8192 })).toBe(-Errno.E2BIG);
      const tail = new Uint8Array(size + 4);
      expect(create({ iterInfo: tail, iterInfoLength: size + 4 })).toBeGreaterThanOrEqual(0);
      tail[size] = 1;
      expect(create({ iterInfo: tail, iterInfoLength: size + 4 })).toBe(-Errno.E2BIG);
    });

    test('a program of no target: ENOENT; a sleepable one on a target that may not sleep: EINVAL', () => {
      const run = () => 0;
      const create = (init: { attachBtfId: number; sleepable?: boolean }) =>
        linkCreate(machine, task, new IterProgram(machine, { run, ...init }));
      for (const attachBtfId of [0, 1, 1e9]) expect(create({ attachBtfId })).toBe(-Errno.ENOENT);
      expect(targetBtfId(machine, 'no_such_thing')).toBe(0);
      expect(create({ attachBtfId: targetBtfId(machine, 'bpf_map'), sleepable: true })).toBe(-Errno.EINVAL);
      expect(create({ attachBtfId: targetBtfId(machine, 'task'), sleepable: true })).toBe(0);
    });

    test('no free descriptor: EMFILE, before the target is asked', () => {
      task.group.setLimit(7, 0);
      expect(linkCreate(machine, task, program('io_uring_buf'), linkTo(99))).toBe(-Errno.EMFILE);
    });

    test('BPF_ITER_CREATE', () => {
      const link = linkCreate(machine, task, program());
      expect(iterCreate(machine, task, link, 1)).toBe(-Errno.EINVAL);
      expect(iterCreate(machine, task, 99)).toBe(-Errno.EBADF);
      expect(iterCreate(machine, task, machine.sys.eventfd2(task, 0, 0))).toBe(-Errno.EINVAL);
      const fd = iterCreate(machine, task, link);
      const file = task.files?.get(fd);
      expect([file?.readable, file?.writable, task.files?.closesOnExec(fd)]).toEqual([true, false, true]);
      expect(machine.dPath(file?.record.addressOf('f_path') as bigint)).toBe('anon_inode:bpf_iter');
      expect(linkDetach(task, link)).toBe(-Errno.EOPNOTSUPP);
    });

    test('read(2) of the descriptor moves its position', () => {
      const writer = programOf(machine, 'task', ({ write }) => write('12345') as undefined);
      const it = openIterator(machine, task, writer);
      expect(machine.sys.read(task, it.fd, 3)).toEqual(new TextEncoder().encode('123'));
      expect(task.files?.get(it.fd)?.position).toBe(3);
      expect(machine.current).toBe(task);
    });

    test('BPF_LINK_UPDATE changes iterators created later only', () => {
      const say = (text: string) => programOf(machine, 'bpf_map', ({ write }) => write(text) as undefined);
      const [first, second] = [say('first'), say('second')];
      const it = openIterator(machine, task, first);
      expect(linkUpdate(task, it.linkFd, second, second)).toBe(-Errno.EPERM);
      expect(linkUpdate(task, it.linkFd, program('task'))).toBe(-Errno.EINVAL);
      expect(linkUpdate(task, 99, second)).toBe(-Errno.EBADF);
      expect(linkUpdate(task, it.linkFd, second, first)).toBe(0);
      expect([first.references, second.references]).toEqual([2, 2]);
      expect(readAll(it.read, 99)).toBe('first');
    });

    test('fdinfo', () => {
      const lines = (fd: number) => linkFdinfo(linkAt(task, fd) as IterLink);
      const ring = caller.setup(4);
      const link = linkCreate(machine, task, program('io_uring_file'), linkTo(ring));
      const ino = task.files?.get(ring)?.inode.ino;
      expect(lines(link)).toBe(
        'link_type:\titer\nlink_id:\t1\nprog_tag:\t0000000000000000\nprog_id:\t1\n' +
          `target_name:\tio_uring_file\nio_uring_inode:\t${ino}\n`,
      );
      const all = lines(linkCreate(machine, task, program('task')));
      expect(all.endsWith(is516 ? 'target_name:\ttask\n' : 'target_name:\ttask\ntask_type:\tALL\n')).toBe(
        true,
      );
    });

    test('link info: name, inode, sizes', () => {
      const ring = caller.setup(4);
      const link = linkCreate(machine, task, program('io_uring_buf'), linkTo(ring));
      const name = caller.put(new Uint8Array(32));
      const size = is516 ? 40 : machine.profile.layout('bpf_link_info').size;
      const ask = (room: number, pointer = name, length = size) => {
        const info = concat(words(0, 0, pointer), ints(room, 0), new Uint8Array(length - 32));
        return { result: linkInfo(machine, task, link, info, length), view: new DataView(info.buffer) };
      };
      const { result, view } = ask(32);
      expect(result).toBe(size);
      expect([view.getUint32(0, true), view.getUint32(4, true), view.getUint32(8, true)]).toEqual([4, 1, 1]);
      expect(view.getUint32(24, true)).toBe('io_uring_buf'.length + 1);
      expect(view.getBigUint64(32, true)).toBe(BigInt(task.files?.get(ring)?.inode.ino ?? 0));
      expect(decoder.decode(task.mm?.memory.read(Number(name), 13) ?? undefined)).toBe('io_uring_buf\0');

      const cut = ask(5);
      expect(cut.result).toBe(-Errno.ENOSPC);
      // The struct is not copied back, so the length stays the caller's.
      expect(cut.view.getUint32(24, true)).toBe(5);
      expect(decoder.decode(task.mm?.memory.read(Number(name), 5) ?? undefined)).toBe('io_u\0');
      expect(ask(0).result).toBe(-Errno.EINVAL);
      expect(ask(5, 0n).result).toBe(-Errno.EINVAL);
      expect(ask(0, 0n).result).toBe(size);
      expect(ask(32, 0x1234n).result).toBe(-Errno.EFAULT);
      expect(linkInfo(machine, task, ring, new Uint8Array(size), size)).toBe(-Errno.EINVAL);
    });

    test('the series moves the map id from byte 28 to 32', () => {
      machine.sys.eventfd2(task, 0, 0);
      const view: BpfMapView = {
        id: 42,
        address: machine.heap.allocate('bpf_map').address,
        name: 'm',
        type: 1,
        keySize: 4,
        valueSize: 4,
        maxEntries: 1,
        flags: 0,
        count: 0,
        entries: () => [],
      };
      const link = linkCreate(machine, task, program('bpf_map_elem'), linkTo(openMap(machine, task, view)));
      const info = new Uint8Array(40);
      linkInfo(machine, task, link, info, 40);
      expect(new DataView(info.buffer).getUint32(is516 ? 32 : 28, true)).toBe(42);
    });
  });
});
