import { beforeEach, describe, expect, test } from 'vitest';
import { TASK_SIZE } from '../../bpf/address.ts';
import { Errno } from '../../bpf/errno.ts';
import { Open } from '../../kernel-model/file.ts';
import type { Machine } from '../../kernel-model/machine.ts';
import { Advice, MapFlag, Remap } from '../../kernel-model/memory-syscalls.ts';
import type { Mm } from '../../kernel-model/mm.ts';
import { rwsemTryWrite } from '../../kernel-model/mutex.ts';
import type { Task } from '../../kernel-model/task.ts';
import { Prot, VmFlag } from '../../kernel-model/vma.ts';
import { KERNELS, newMachine, PAGE } from './support.ts';

const ANON = MapFlag.Private | MapFlag.Anonymous;
const SHARED_ANON = MapFlag.Shared | MapFlag.Anonymous;
const RW = Prot.Read | Prot.Write;
const BASE = 0x10_0000_0000;
const FIXED = ANON | MapFlag.Fixed;
const END = Number(TASK_SIZE);
const HUGE = 2 << 20;

const PRESENT = 1n << 63n;
const SHARED = 1n << 61n;
const EXCLUSIVE = 1n << 56n;
const FRAME = (1n << 55n) - 1n;

describe.each(KERNELS)('memory of %s', (kernel) => {
  let machine: Machine;
  let task: Task;
  let mm: Mm;
  beforeEach(async () => {
    machine = await newMachine(kernel);
    task = machine.tasks.create({ pid: 100, comm: 'app' });
    mm = task.mm as Mm;
  });

  const map = (address: number, pages: number, prot = RW, flags = FIXED) =>
    machine.sys.mmap(task, address, pages * PAGE, prot, flags);
  const shape = (of = mm) =>
    of.mappings.map((vma) => [(vma.start - BASE) / PAGE, (vma.end - BASE) / PAGE, vma.flags & 7]);
  const frame = (address: number, of = mm) => Number((of.memory.pagemap(address, 1, true)[0] ?? 0n) & FRAME);
  const bytes = (text: string) => new TextEncoder().encode(text);
  const text = (address: number, length: number, of = mm) => {
    const read = of.memory.read(address, length);
    return read && new TextDecoder().decode(read);
  };

  describe('mmap', () => {
    test('goes top down from the mmap base, and fills gaps from the top', () => {
      const [a, b, c] = [map(0, 2, RW, ANON), map(0, 1, Prot.Read, ANON), map(0, 3, RW, ANON)];
      expect([a, b, c]).toEqual([0x7fff_f7ff_d000, 0x7fff_f7ff_c000, 0x7fff_f7ff_9000]);
      machine.sys.munmap(task, a as number, PAGE);
      expect(map(0, 1, Prot.Exec, ANON)).toBe(a);
    });

    test('takes a hint when it is free', () => {
      expect(map(BASE, 1, RW, ANON)).toBe(BASE);
      expect(map(BASE, 1, RW, ANON)).not.toBe(BASE);
      expect(map(BASE + PAGE + 1, 1, Prot.Read, ANON)).toBe(BASE + 2 * PAGE);
    });

    test.each([
      ['length 0', (m: Machine, t: Task) => m.sys.mmap(t, 0, 0, RW, ANON), Errno.EINVAL],
      ['neither shared nor private', (m: Machine, t: Task) => m.sys.mmap(t, 0, PAGE, RW, 0x20), Errno.EINVAL],
      ['fixed, unaligned', (m: Machine, t: Task) => m.sys.mmap(t, BASE + 1, PAGE, RW, FIXED), Errno.EINVAL],
      ['fixed, beyond the end', (m: Machine, t: Task) => m.sys.mmap(t, END, PAGE, RW, FIXED), Errno.ENOMEM],
      ['too long', (m: Machine, t: Task) => m.sys.mmap(t, 0, END + PAGE, RW, ANON), Errno.ENOMEM],
      [
        'a bad descriptor',
        (m: Machine, t: Task) => m.sys.mmap(t, 0, PAGE, RW, MapFlag.Shared, 9),
        Errno.EBADF,
      ],
      ['an unaligned offset', (m: Machine, t: Task) => m.sys.mmap(t, 0, PAGE, RW, ANON, -1, 5), Errno.EINVAL],
      [
        '1 GiB pages',
        (m: Machine, t: Task) => m.sys.mmap(t, 0, HUGE, RW, ANON | MapFlag.HugeTlb | (30 << 26)),
        22,
      ],
    ])('%s', (_name, call, errno) => {
      expect(call(machine, task)).toBe(-errno);
      expect(mm.mappings).toHaveLength(0);
    });

    test('FIXED replaces, FIXED_NOREPLACE refuses', () => {
      map(BASE, 3);
      mm.memory.write(BASE + PAGE, bytes('old'));
      expect(map(BASE + PAGE, 1, RW, ANON | MapFlag.FixedNoReplace)).toBe(-Errno.EEXIST);
      expect(map(BASE + PAGE, 1, Prot.Read)).toBe(BASE + PAGE);
      expect(text(BASE + PAGE, 3)).toBe('\0\0\0');
      expect(shape()).toEqual([
        [0, 1, 3],
        [1, 2, 1],
        [2, 3, 3],
      ]);
    });

    test('files: who may map what', () => {
      machine.vfs.create({ path: '/data', content: bytes('hello') });
      const readOnly = machine.sys.open(task, '/data', Open.RdOnly);
      const writeOnly = machine.sys.open(task, '/data', Open.WrOnly);
      const event = machine.sys.eventfd2(task, 0, 0);
      const mapFile = (fd: number, prot: number, flags: number) =>
        machine.sys.mmap(task, 0, PAGE, prot, flags, fd);
      expect(mapFile(readOnly, RW, MapFlag.Shared)).toBe(-Errno.EACCES);
      expect(mapFile(writeOnly, Prot.Read, MapFlag.Private)).toBe(-Errno.EACCES);
      expect(mapFile(event, Prot.Read, MapFlag.Private)).toBe(-Errno.ENODEV);
      const mapped = mapFile(readOnly, RW, MapFlag.Private);
      expect(text(mapped, 6)).toBe('hello\0');
      expect(task.files?.get(readOnly)?.count).toBe(2);
      machine.sys.munmap(task, mapped, PAGE);
      expect(task.files?.get(readOnly)?.count).toBe(1);
    });
  });

  describe('the records', () => {
    test('show every mapping', () => {
      map(BASE, 2);
      const vma = mm.covering(BASE)?.record;
      expect(vma?.big('vm_start')).toBe(BigInt(BASE));
      expect(vma?.big('vm_end')).toBe(BigInt(BASE + 2 * PAGE));
      expect(vma?.get('vm_flags')).toBe(
        VmFlag.Read | VmFlag.Write | VmFlag.MayRead | VmFlag.MayWrite | VmFlag.MayExec | VmFlag.Account,
      );
      expect(vma?.big('vm_mm')).toBe(mm.record.address);
      expect(vma?.get('vm_pgoff')).toBe(BASE / PAGE);
      expect(vma?.big('vm_file')).toBe(0n);
    });

    test('count pages and mappings', () => {
      map(BASE, 5);
      map(BASE + 10 * PAGE, 2, Prot.Read | Prot.Exec);
      map(BASE + 20 * PAGE, 3, RW, FIXED | MapFlag.GrowsDown);
      machine.sys.munmap(task, BASE, PAGE);
      const counts = ['map_count', 'total_vm', 'data_vm', 'exec_vm', 'stack_vm'].map((each) =>
        mm.record.get(each),
      );
      expect(counts).toEqual([3, 9, 4, 2, 3]);
    });

    test('of kernels with a list are linked in order', () => {
      if (!mm.record.has('mmap')) return;
      for (const page of [4, 0, 8, 2]) map(BASE + page * PAGE, 1, page === 4 ? Prot.Read : RW);
      machine.sys.munmap(task, BASE + 8 * PAGE, PAGE);
      const starts: number[] = [];
      let previous = 0n;
      for (let vma = machine.heap.at(mm.record.big('mmap')); vma; vma = machine.heap.at(vma.big('vm_next'))) {
        expect(vma.big('vm_prev')).toBe(previous);
        previous = vma.address;
        starts.push((vma.get('vm_start') - BASE) / PAGE);
      }
      expect(starts).toEqual([0, 2, 4]);
      expect(mm.record.get('highest_vm_end')).toBe(BASE + 5 * PAGE);
    });
  });

  describe('merging and splitting', () => {
    test('neighbours of one kind become one mapping', () => {
      map(BASE, 1);
      map(BASE + 2 * PAGE, 1);
      expect(shape()).toHaveLength(2);
      map(BASE + PAGE, 1);
      expect(shape()).toEqual([[0, 3, 3]]);
    });

    test('different rights, files or offsets stay apart', () => {
      map(BASE, 1);
      map(BASE + PAGE, 1, Prot.Read);
      const fd = machine.sys.memfd_create(task, 'm', 0);
      machine.sys.ftruncate(task, fd, 8 * PAGE);
      const flags = MapFlag.Shared | MapFlag.Fixed;
      const at = (page: number, offset: number) =>
        machine.sys.mmap(task, BASE + page * PAGE, PAGE, Prot.Read, flags, fd, offset * PAGE);
      at(2, 0);
      at(3, 2);
      at(4, 3);
      expect(shape()).toEqual([
        [0, 1, 3],
        [1, 2, 1],
        [2, 3, 1],
        [3, 5, 1],
      ]);
      expect(task.files?.get(fd)?.count).toBe(3);
    });

    test('mprotect of a middle page splits, and undone merges again', () => {
      map(BASE, 3);
      expect(machine.sys.mprotect(task, BASE + PAGE, PAGE, Prot.Read)).toBe(0);
      expect(shape()).toEqual([
        [0, 1, 3],
        [1, 2, 1],
        [2, 3, 3],
      ]);
      expect(machine.sys.mprotect(task, BASE + PAGE, PAGE, RW)).toBe(0);
      expect(shape()).toEqual([[0, 3, 3]]);
    });

    test('pages stay where they are through split and merge', () => {
      map(BASE, 3);
      mm.memory.write(BASE, new Uint8Array(3 * PAGE).fill(7));
      const before = [0, 1, 2].map((page) => frame(BASE + page * PAGE));
      machine.sys.mprotect(task, BASE + PAGE, PAGE, Prot.None);
      machine.sys.mprotect(task, BASE + PAGE, PAGE, RW);
      expect([0, 1, 2].map((page) => frame(BASE + page * PAGE))).toEqual(before);
      expect(mm.memory.read(BASE + PAGE, 1)).toEqual(new Uint8Array([7]));
    });
  });

  describe('munmap, mprotect, madvise', () => {
    test('errors of munmap', () => {
      expect(machine.sys.munmap(task, BASE + 1, PAGE)).toBe(-Errno.EINVAL);
      expect(machine.sys.munmap(task, BASE, 0)).toBe(-Errno.EINVAL);
      expect(machine.sys.munmap(task, END - PAGE, 2 * PAGE)).toBe(-Errno.EINVAL);
      expect(machine.sys.munmap(task, BASE, PAGE)).toBe(0);
    });

    test('munmap may cut out of several mappings', () => {
      map(BASE, 2);
      map(BASE + 3 * PAGE, 2, Prot.Read);
      expect(machine.sys.munmap(task, BASE + PAGE, 3 * PAGE)).toBe(0);
      expect(shape()).toEqual([
        [0, 1, 3],
        [4, 5, 1],
      ]);
    });

    test('mprotect of a hole is ENOMEM after what is before it', () => {
      map(BASE, 1);
      map(BASE + 2 * PAGE, 1);
      expect(machine.sys.mprotect(task, BASE, 3 * PAGE, Prot.Read)).toBe(-Errno.ENOMEM);
      expect(shape()).toEqual([
        [0, 1, 1],
        [2, 3, 3],
      ]);
    });

    test('mprotect cannot make a read-only shared file writable', () => {
      machine.vfs.create({ path: '/data', content: bytes('x') });
      const fd = machine.sys.open(task, '/data', Open.RdOnly);
      const mapped = machine.sys.mmap(task, 0, PAGE, Prot.Read, MapFlag.Shared, fd);
      expect(machine.sys.mprotect(task, mapped, PAGE, RW)).toBe(-Errno.EACCES);
    });

    test('MADV_DONTNEED drops private pages, of a file what was written', () => {
      map(BASE, 2);
      mm.memory.write(BASE, bytes('gone'));
      const used = machine.pages.used;
      expect(machine.sys.madvise(task, BASE, PAGE, Advice.DontNeed)).toBe(0);
      expect(machine.pages.used).toBe(used - 1);
      expect(text(BASE, 4)).toBe('\0\0\0\0');
      expect(machine.sys.madvise(task, BASE, 4 * PAGE, Advice.DontNeed)).toBe(-Errno.ENOMEM);
      expect(machine.sys.madvise(task, BASE + 1, PAGE, Advice.DontNeed)).toBe(-Errno.EINVAL);
      expect(machine.sys.madvise(task, BASE, PAGE, 7 as Advice)).toBe(-Errno.EINVAL);
    });

    test('MADV_DONTFORK keeps a mapping from the child', () => {
      map(BASE, 3);
      expect(machine.sys.madvise(task, BASE + PAGE, PAGE, Advice.DontFork)).toBe(0);
      const child = machine.tasks.get(machine.sys.fork(task));
      expect(shape(child?.mm)).toEqual([
        [0, 1, 3],
        [2, 3, 3],
      ]);
    });

    test('MADV_DONTFORK next to what has it already merges, and DOFORK splits again', () => {
      map(BASE, 3);
      machine.sys.madvise(task, BASE + PAGE, 2 * PAGE, Advice.DontFork);
      expect(machine.sys.madvise(task, BASE, 3 * PAGE, Advice.DontFork)).toBe(0);
      expect(shape()).toEqual([[0, 3, 3]]);
      expect(machine.sys.madvise(task, BASE + PAGE, PAGE, Advice.DoFork)).toBe(0);
      expect(shape()).toHaveLength(3);
    });

    test('MADV_REMOVE punches a hole for everybody', () => {
      const shared = machine.sys.mmap(task, 0, 2 * PAGE, RW, SHARED_ANON);
      mm.memory.write(shared + PAGE, bytes('secret'));
      const child = machine.tasks.get(machine.sys.fork(task)) as Task;
      expect(text(shared + PAGE, 6, child.mm)).toBe('secret');
      expect(machine.sys.madvise(task, shared + PAGE, PAGE, Advice.Remove)).toBe(0);
      expect(text(shared + PAGE, 6, child.mm)).toBe('\0\0\0\0\0\0');
    });
  });

  describe('mremap', () => {
    test('shrinks, grows in place, moves', () => {
      map(BASE, 4);
      mm.memory.write(BASE, bytes('move me'));
      const old = frame(BASE);
      expect(machine.sys.mremap(task, BASE, 4 * PAGE, 2 * PAGE, 0)).toBe(BASE);
      expect(machine.sys.mremap(task, BASE, 2 * PAGE, 3 * PAGE, 0)).toBe(BASE);
      expect(shape()).toEqual([[0, 3, 3]]);
      map(BASE + 3 * PAGE, 1, Prot.Read);
      expect(machine.sys.mremap(task, BASE, 3 * PAGE, 5 * PAGE, 0)).toBe(-Errno.ENOMEM);
      const moved = machine.sys.mremap(task, BASE, 3 * PAGE, 5 * PAGE, Remap.MayMove);
      expect(text(moved, 7)).toBe('move me');
      expect(frame(moved)).toBe(old);
      expect(mm.covering(BASE)).toBeUndefined();
      expect(mm.covering(moved)?.pages).toBe(5);
    });

    test('to a fixed place, over what is there', () => {
      map(BASE, 1);
      mm.memory.write(BASE, bytes('x'));
      map(BASE + 8 * PAGE, 2);
      const flags = Remap.MayMove | Remap.Fixed;
      expect(machine.sys.mremap(task, BASE, PAGE, PAGE, flags, BASE + 8 * PAGE)).toBe(BASE + 8 * PAGE);
      expect(text(BASE + 8 * PAGE, 1)).toBe('x');
      expect(machine.sys.mremap(task, BASE + 8 * PAGE, PAGE, PAGE, Remap.Fixed, BASE)).toBe(-Errno.EINVAL);
      expect(machine.sys.mremap(task, BASE, PAGE, PAGE, Remap.MayMove)).toBe(-Errno.EFAULT);
    });
  });

  describe('faults', () => {
    test('a read maps the zero page, a write a page of its own', () => {
      map(BASE, 1);
      expect(mm.memory.readPresent(BASE, 1)).toBeNull();
      expect(mm.memory.read(BASE, 2)).toEqual(new Uint8Array(2));
      const zero = frame(BASE);
      expect(machine.pages.used).toBe(0);
      mm.memory.write(BASE + 5, bytes('a'));
      expect(frame(BASE)).not.toBe(zero);
      expect(machine.pages.used).toBe(1);
      expect(mm.memory.readPresent(BASE, 8)).toEqual(new Uint8Array([0, 0, 0, 0, 0, 97, 0, 0]));
    });

    test('rights are respected', () => {
      map(BASE, 1, Prot.None);
      map(BASE + PAGE, 1, Prot.Read);
      expect(mm.memory.fault(BASE, false)).toBe(-Errno.EFAULT);
      expect(mm.memory.fault(BASE + PAGE, true)).toBe(-Errno.EFAULT);
      expect(mm.memory.fault(BASE + 9 * PAGE, false)).toBe(-Errno.EFAULT);
      expect(mm.memory.write(BASE + PAGE, bytes('x'))).toBe(false);
    });

    test('beyond the end of a file there is nothing', () => {
      machine.vfs.create({ path: '/data', content: bytes('abc') });
      const fd = machine.sys.open(task, '/data', Open.RdOnly);
      const mapped = machine.sys.mmap(task, 0, 2 * PAGE, Prot.Read, MapFlag.Private, fd);
      expect(text(mapped, 4)).toBe('abc\0');
      expect(mm.memory.fault(mapped + PAGE, false)).toBe(-Errno.EFAULT);
    });

    test('a private write to a file copies its page', () => {
      machine.vfs.create({ path: '/data', content: bytes('abc') });
      const fd = machine.sys.open(task, '/data', Open.RdOnly);
      const mapped = machine.sys.mmap(task, 0, PAGE, RW, MapFlag.Private, fd);
      expect(text(mapped, 3)).toBe('abc');
      const cached = frame(mapped);
      mm.memory.write(mapped, bytes('X'));
      expect(frame(mapped)).not.toBe(cached);
      expect(text(mapped, 3)).toBe('Xbc');
      expect(machine.sys.read(task, fd, 10)).toEqual(bytes('abc'));
    });

    test('page tables are bounded, and what is unmapped makes room again', () => {
      const stride = 2 << 20;
      map(BASE, 20_000 * 512, Prot.Read);
      let touched = 0;
      while (mm.memory.fault(BASE + touched * stride, false) >= 0) touched++;
      expect(touched).toBe(16_384);
      expect(mm.memory.fault(BASE + touched * stride, false)).toBe(-Errno.ENOMEM);
      machine.sys.munmap(task, BASE, PAGE);
      expect(mm.memory.fault(BASE + touched * stride, false)).toBeGreaterThan(0);
    });

    test('populate fills a mapping at once', () => {
      const mapped = machine.sys.mmap(task, 0, 300 * PAGE, RW, ANON | MapFlag.Populate);
      expect(machine.pages.used).toBe(300);
      const frames = [...mm.memory.pagemap(mapped, 300, true)].map((entry) => entry & FRAME);
      expect(new Set(frames).size).toBe(300);
    });
  });

  describe('fork', () => {
    test('copies on write, both ways', () => {
      map(BASE, 2);
      mm.memory.write(BASE, bytes('one'));
      mm.memory.write(BASE + PAGE, bytes('two'));
      const child = machine.tasks.get(machine.sys.fork(task)) as Task;
      expect(frame(BASE, child.mm)).toBe(frame(BASE));
      expect(machine.pages.used).toBe(2);
      expect(machine.pages.mappings(frame(BASE))).toBe(2);
      child.mm?.memory.write(BASE, bytes('ONE'));
      mm.memory.write(BASE + PAGE, bytes('TWO'));
      expect([text(BASE, 3), text(BASE, 3, child.mm)]).toEqual(['one', 'ONE']);
      expect([text(BASE + PAGE, 3), text(BASE + PAGE, 3, child.mm)]).toEqual(['TWO', 'two']);
      expect(machine.pages.used).toBe(4);
    });

    test('the last holder writes without a copy', () => {
      map(BASE, 1);
      mm.memory.write(BASE, bytes('one'));
      const [before, child] = [frame(BASE), machine.tasks.get(machine.sys.fork(task)) as Task];
      machine.sys.exit_group(child, 0);
      mm.memory.write(BASE, bytes('two'));
      expect(frame(BASE)).toBe(before);
    });

    test('shared memory stays shared', () => {
      const shared = machine.sys.mmap(task, 0, PAGE, RW, SHARED_ANON);
      const child = machine.tasks.get(machine.sys.fork(task)) as Task;
      child.mm?.memory.write(shared, bytes('hi'));
      expect(text(shared, 2)).toBe('hi');
      expect(frame(shared)).toBe(frame(shared, child.mm));
    });

    test('a pinned page stays with the parent', () => {
      map(BASE, 1);
      mm.memory.write(BASE, bytes('pin'));
      const frames = mm.memory.pin(BASE, PAGE, true) as Int32Array;
      const child = machine.tasks.get(machine.sys.fork(task)) as Task;
      expect(frame(BASE)).toBe(frames[0]);
      expect(frame(BASE, child.mm)).not.toBe(frames[0]);
      expect(text(BASE, 3, child.mm)).toBe('pin');
      mm.memory.write(BASE, bytes('new'));
      expect(frame(BASE)).toBe(frames[0]);
    });

    test('nothing is left when everybody has exited', () => {
      const objects = machine.heap.objects;
      const parent = machine.tasks.create();
      const at = machine.sys.mmap(parent, 0, 10 * PAGE, RW, ANON | MapFlag.Populate);
      const shared = machine.sys.mmap(parent, 0, PAGE, RW, SHARED_ANON | MapFlag.Populate);
      const child = machine.tasks.get(machine.sys.fork(parent)) as Task;
      child.mm?.memory.write(at, bytes('x'));
      child.mm?.memory.write(shared, bytes('x'));
      machine.sys.exit_group(parent, 0);
      machine.sys.exit_group(child, 0);
      expect(machine.pages.used).toBe(0);
      // The mount of shared memory has come: super block, mount, root directory and its dentry.
      expect(machine.heap.objects).toBe(objects + 4);
    });
  });

  describe('pins', () => {
    test('hold pages that are no longer mapped', () => {
      map(BASE, 2);
      mm.memory.write(BASE, bytes('still here'));
      const frames = mm.memory.pin(BASE + 100, PAGE, true) as Int32Array;
      expect(frames).toHaveLength(2);
      expect(machine.pages.pinned(frames[0] as number)).toBe(1);
      machine.sys.munmap(task, BASE, 2 * PAGE);
      expect(machine.pages.used).toBe(2);
      expect(machine.pages.mappings(frames[0] as number)).toBe(0);
      expect(machine.pages.read(frames[0] as number, 0, 10)).toEqual(bytes('still here'));
      for (const each of frames) machine.pages.unpin(each);
      expect(machine.pages.used).toBe(0);
    });

    test('fail as a whole', () => {
      map(BASE, 1);
      expect(mm.memory.pin(BASE, 2 * PAGE, true)).toBe(-Errno.EFAULT);
      expect(machine.pages.pinned(frame(BASE))).toBe(0);
      map(BASE + PAGE, 1, Prot.Read);
      expect(mm.memory.pin(BASE, 2 * PAGE, true)).toBe(-Errno.EFAULT);
    });

    test('of a page that was read-only for a while: 5.16 copies at the next write', () => {
      map(BASE, 1);
      const [pinned] = mm.memory.pin(BASE, PAGE, true) as Int32Array;
      machine.sys.mprotect(task, BASE, PAGE, Prot.Read);
      machine.sys.mprotect(task, BASE, PAGE, RW);
      mm.memory.write(BASE, bytes('x'));
      expect(frame(BASE) === pinned).toBe(machine.profile.dialect.cowReuse === 'exclusive');
    });

    test('of written shared files are refused where the kernel tracks their dirt', () => {
      machine.vfs.create({ path: '/data', content: new Uint8Array(PAGE) });
      const fd = machine.sys.open(task, '/data', Open.RdWr);
      const at = machine.sys.mmap(task, 0, PAGE, RW, MapFlag.Shared, fd);
      const refused = machine.profile.dialect.fileBackedBuffers === 'refuse-shared';
      expect(typeof mm.memory.pin(at, PAGE, true) === 'number').toBe(refused);
    });
  });

  describe('huge pages', () => {
    const flags = ANON | MapFlag.HugeTlb;

    test('are contiguous, aligned, and counted as one page', () => {
      const at = machine.sys.mmap(task, 0, 5 * PAGE, RW, flags);
      expect(at % HUGE).toBe(0);
      expect(mm.covering(at)?.pages).toBe(512);
      mm.memory.write(at + 7 * PAGE, bytes('huge'));
      expect(machine.pages.used).toBe(512);
      const head = frame(at);
      expect(head % 512).toBe(0);
      expect(frame(at + 511 * PAGE)).toBe(head + 511);
      expect(machine.pages.head(head + 300)).toBe(head);
      expect(machine.pages.references(head + 300)).toBe(1);
      expect(machine.dPath(mm.covering(at)?.file?.record.addressOf('f_path') ?? 0n)).toBe(
        '/anon_hugepage (deleted)',
      );
      machine.sys.munmap(task, at, HUGE);
      expect(machine.pages.used).toBe(0);
    });

    test('cannot be cut', () => {
      const at = machine.sys.mmap(task, 0, 2 * HUGE, RW, flags);
      expect(machine.sys.munmap(task, at + PAGE, HUGE)).toBe(-Errno.EINVAL);
      expect(machine.sys.mprotect(task, at, PAGE, Prot.Read)).toBe(-Errno.EINVAL);
      expect(machine.sys.munmap(task, at + HUGE, HUGE)).toBe(0);
    });

    test('MADV_DONTNEED works where the kernel has learnt it', () => {
      const at = machine.sys.mmap(task, 0, HUGE, RW, flags | MapFlag.Populate);
      const works = machine.profile.dialect.hugetlbDontNeed;
      expect(machine.sys.madvise(task, at, HUGE, Advice.DontNeed)).toBe(works ? 0 : -Errno.EINVAL);
      expect(machine.pages.used).toBe(works ? 0 : 512);
      expect(machine.sys.madvise(task, at + PAGE, PAGE, Advice.DontNeed)).toBe(-Errno.EINVAL);
    });

    test('are pinned page by page, and copied on write as a whole', () => {
      const at = machine.sys.mmap(task, 0, HUGE, RW, flags);
      const frames = mm.memory.pin(at + PAGE, 3 * PAGE, true) as Int32Array;
      expect(machine.pages.pinned(frames[0] as number)).toBe(3);
      expect(machine.pages.references(frames[0] as number)).toBe(4);
      for (const each of frames) machine.pages.unpin(each);
      const child = machine.tasks.get(machine.sys.fork(task)) as Task;
      mm.memory.write(at + 9 * PAGE, bytes('mine'));
      expect(text(at + 9 * PAGE, 4, child.mm)).toBe('\0\0\0\0');
      expect(machine.pages.used).toBe(1024);
    });
  });

  test('pagemap entries', () => {
    map(BASE, 3);
    mm.memory.write(BASE, bytes('x'));
    mm.memory.read(BASE + PAGE, 1);
    const shared = machine.sys.mmap(task, 0, PAGE, RW, SHARED_ANON | MapFlag.Populate);
    const [written, zero, absent] = mm.memory.pagemap(BASE, 3, true);
    expect(written).toBe(PRESENT | EXCLUSIVE | BigInt(frame(BASE)));
    expect(zero).toBe(PRESENT | BigInt(frame(BASE + PAGE)));
    expect(absent).toBe(0n);
    expect(mm.memory.pagemap(shared, 1, false)[0]).toBe(PRESENT | SHARED | EXCLUSIVE);
  });

  test('struct page says who uses the frame', () => {
    map(BASE, 1);
    mm.memory.write(BASE, bytes('x'));
    const address = 0xffff_ea00_0000_0000n + 64n * BigInt(frame(BASE));
    const page = machine.ram.read(address, 64) as Uint8Array;
    const view = new DataView(page.buffer, page.byteOffset, 64);
    expect([view.getInt32(48, true), view.getInt32(52, true)]).toEqual([0, 1]);
    expect(view.getBigUint64(24, true) & 3n).toBe(1n);
    expect(view.getBigUint64(32, true)).toBe(BigInt(BASE / PAGE));
  });

  test('find_vma for helpers', () => {
    map(BASE, 1);
    machine.current = task;
    expect(machine.findVma(0n, BigInt(BASE + 5))).toBe(mm.covering(BASE)?.record.address);
    expect(machine.findVma(task.address, BigInt(BASE + PAGE))).toBe(0n);
    expect(machine.findVma(task.address, -1n)).toBe(0n);
    expect(machine.findVma(0x1234n, 0n)).toBe(-Errno.ENOENT);
    rwsemTryWrite(mm.lock, task.record);
    expect(machine.findVma(0n, BigInt(BASE))).toBe(-Errno.EBUSY);
  });

  test('helpers read what is present only', () => {
    map(BASE, 2);
    mm.memory.write(BASE, bytes('text'));
    machine.current = task;
    expect(machine.readUser(0n, BigInt(BASE), 4)).toEqual(bytes('text'));
    expect(machine.readUser(task.address, BigInt(BASE + PAGE), 1)).toBeNull();
    expect(machine.readUser(task.address, 1n << 63n, 1)).toBeNull();
    expect(machine.writeUser(0n, BigInt(BASE), bytes('TEXT'))).toBe(true);
    expect(machine.writeUser(0n, BigInt(BASE + PAGE), bytes('x'))).toBe(false);
    expect(text(BASE, 4)).toBe('TEXT');
  });
});
