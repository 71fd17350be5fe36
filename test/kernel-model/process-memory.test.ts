import { beforeEach, describe, expect, test } from 'vitest';
import { Errno } from '../../bpf/errno.ts';
import { Capability } from '../../kernel-model/cred.ts';
import { Open } from '../../kernel-model/file.ts';
import { Fallocate } from '../../kernel-model/file-syscalls.ts';
import { ioUringSetup } from '../../kernel-model/io-uring/setup.ts';
import type { Machine } from '../../kernel-model/machine.ts';
import { Advice, MapFlag, Remap } from '../../kernel-model/memory-syscalls.ts';
import { Dumpable, type Mm } from '../../kernel-model/mm.ts';
import type { Task } from '../../kernel-model/task.ts';
import { Prot, VmFlag } from '../../kernel-model/vma.ts';
import { KERNELS, newMachine, PAGE } from './support.ts';

const BASE = 0x10_0000_0000;
const HUGE = 2 << 20;
const RW = Prot.Read | Prot.Write;
const FIXED = MapFlag.Private | MapFlag.Anonymous | MapFlag.Fixed;
const SHARED = MapFlag.Shared | MapFlag.Anonymous | MapFlag.Fixed;
const PRESENT = 1n << 63n;
const FILE = 1n << 61n;
const FRAME = (1n << 55n) - 1n;

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (read: Uint8Array | number) =>
  typeof read === 'number' ? read : new TextDecoder().decode(read);

describe.each(KERNELS)("another process's memory, %s", (kernel) => {
  let machine: Machine;
  let root: Task;
  let target: Task;
  let stranger: Task;
  let mm: Mm;
  beforeEach(async () => {
    machine = await newMachine(kernel);
    root = machine.tasks.create({ pid: 1 });
    target = machine.tasks.create({ pid: 100, uid: 1000, gid: 100 });
    stranger = machine.tasks.create({ pid: 200, uid: 1001, gid: 100 });
    mm = target.mm as Mm;
    machine.sys.mmap(target, BASE, 3 * PAGE, RW, FIXED);
    mm.memory.write(BASE, bytes('hello'));
    mm.memory.write(BASE + PAGE, bytes('world'));
  });

  const sys = () => machine.sys;

  describe('who may look', () => {
    const look = (task: Task) => {
      const found = sys().pagemap(task, 100, BASE, 1);
      return typeof found === 'number' ? found : 0;
    };

    test('the same user and group, as long as the process has not changed its own', () => {
      const same = machine.tasks.create({ uid: 1000, gid: 100 });
      const group = machine.tasks.create({ uid: 1000, gid: 7 });
      expect([look(target), look(same), look(group), look(stranger), look(root)]).toEqual([
        0,
        0,
        -Errno.EACCES,
        -Errno.EACCES,
        0,
      ]);
      mm.dumpable = Dumpable.No;
      expect([look(target), look(same), look(root)]).toEqual([0, -Errno.EACCES, 0]);
    });

    test('nobody with fewer capabilities', () => {
      const strong = machine.tasks.create({
        pid: 300,
        uid: 1000,
        gid: 100,
        capabilities: 1n << BigInt(Capability.IpcLock),
      });
      expect(sys().process_vm_readv(target, strong.pid, [])).toBe(-Errno.EPERM);
      expect(sys().process_vm_readv(strong, target.pid, [])).toEqual(new Uint8Array(0));
    });

    test('file ids decide for /proc, the real ones for system calls', () => {
      const mixed = machine.tasks.create({ uid: 1000, gid: 100, fsuid: 5 });
      expect(look(mixed)).toBe(-Errno.EACCES);
      expect(sys().process_vm_readv(mixed, 100, [])).toEqual(new Uint8Array(0));
    });

    test('a process that is not there, or no more', () => {
      expect([sys().pagemap(root, 9, 0, 1), sys().process_vm_readv(root, 9, [])]).toEqual([
        -Errno.ESRCH,
        -Errno.ESRCH,
      ]);
      sys().clone(target, 0x1_0900);
      sys().exit(target, 0);
      expect(sys().pagemap(root, 100, BASE, 1)).toEqual(new BigUint64Array(0));
      expect(sys().process_vm_readv(root, 100, [])).toBe(-Errno.ESRCH);
    });

    test('pidfd_getfd asks the same', () => {
      const fd = sys().eventfd2(target, 0, 0);
      const pidfd = (task: Task) => sys().pidfd_open(task, 100, 0);
      expect(sys().pidfd_getfd(stranger, pidfd(stranger), fd, 0)).toBe(-Errno.EPERM);
      expect(sys().pidfd_getfd(root, pidfd(root), fd, 0)).toBeGreaterThanOrEqual(0);
    });
  });

  describe('pagemap', () => {
    test('shows frames to those with CAP_SYS_ADMIN', () => {
      const [first, , hole] = sys().pagemap(root, 100, BASE, 3) as BigUint64Array;
      expect(((first as bigint) & FRAME) > 0n).toBe(true);
      expect([(first as bigint) & PRESENT, hole]).toEqual([PRESENT, 0n]);
      const [own] = sys().pagemap(target, 100, BASE, 1) as BigUint64Array;
      expect([(own as bigint) & FRAME, (own as bigint) & PRESENT]).toEqual([0n, PRESENT]);
    });

    test('tells shared pages from private ones, and ends with user space', () => {
      sys().mmap(target, BASE + 4 * PAGE, PAGE, RW, SHARED);
      mm.memory.write(BASE + 4 * PAGE, bytes('x'));
      const entries = sys().pagemap(root, 100, BASE, 5) as BigUint64Array;
      expect([...entries].map((entry) => (entry & FILE) !== 0n)).toEqual([false, false, false, false, true]);
      const end = 0x7fff_ffff_f000;
      expect(sys().pagemap(root, 100, end - PAGE, 5)).toHaveLength(1);
      expect(sys().pagemap(root, 100, end + PAGE, 5)).toHaveLength(0);
      expect(sys().pagemap(root, 100, BASE + 1, 5)).toBe(-Errno.EINVAL);
    });
  });

  describe('process_vm_readv and process_vm_writev', () => {
    const at = (address: number, length: number) => ({ address, length });

    test('go over the ranges one after the other', () => {
      const ranges = [at(BASE, 5), at(BASE + PAGE, 5)];
      expect(text(sys().process_vm_readv(root, 100, ranges))).toBe('helloworld');
      expect(sys().process_vm_writev(root, 100, bytes('HELLOWORLD'), ranges)).toBe(10);
      expect(text(sys().process_vm_readv(root, 100, [at(BASE + 1, 3)]))).toBe('ELL');
    });

    test('stop at the first page that is not there: what was done counts', () => {
      sys().munmap(target, BASE + PAGE, PAGE);
      expect(sys().process_vm_readv(root, 100, [at(BASE + PAGE - 2, 10)])).toHaveLength(2);
      expect(sys().process_vm_writev(root, 100, new Uint8Array(10), [at(BASE + PAGE - 2, 10)])).toBe(2);
      expect(sys().process_vm_readv(root, 100, [at(BASE + PAGE, 1)])).toBe(-Errno.EFAULT);
      expect(sys().process_vm_writev(root, 100, bytes('x'), [at(BASE + PAGE, 1)])).toBe(-Errno.EFAULT);
    });

    test('keep to the protection; /proc/PID/mem does not', () => {
      sys().mprotect(target, BASE, PAGE, Prot.None);
      sys().mprotect(target, BASE + PAGE, PAGE, Prot.Read);
      expect(sys().process_vm_readv(root, 100, [at(BASE, 5)])).toBe(-Errno.EFAULT);
      expect(sys().process_vm_writev(root, 100, bytes('x'), [at(BASE + PAGE, 1)])).toBe(-Errno.EFAULT);
      expect(text(sys().read_mem(root, 100, BASE, 5))).toBe('hello');
      expect(sys().write_mem(root, 100, BASE + PAGE, bytes('W'))).toBe(1);
      expect(text(sys().read_mem(root, 100, BASE + PAGE, 5))).toBe('World');
      expect(sys().read_mem(root, 100, BASE - PAGE, 5)).toBe(-Errno.EIO);
      expect(sys().write_mem(stranger, 100, BASE, bytes('x'))).toBe(-Errno.EACCES);
      sys().mmap(target, BASE + 4 * PAGE, PAGE, Prot.Read, SHARED);
      expect(sys().write_mem(root, 100, BASE + 4 * PAGE, bytes('x'))).toBe(-Errno.EIO);
    });

    test('refuse flags and too many ranges', () => {
      expect(sys().process_vm_readv(root, 100, [], 1)).toBe(-Errno.EINVAL);
      expect(sys().process_vm_readv(root, 100, new Array(1025).fill(at(BASE, 1)))).toBe(-Errno.EINVAL);
    });

    test('do not see the rings of others', () => {
      const ring = ioUringSetup(machine, target, 4, {});
      if (typeof ring === 'number') throw new Error(`${ring}`);
      const mapped = sys().mmap(target, 0, PAGE, RW, MapFlag.Shared, ring.fd);
      expect(sys().process_vm_readv(root, 100, [at(mapped, 4)])).toBe(-Errno.EFAULT);
    });
  });

  describe('map_files', () => {
    test('opens what is behind a mapping: shared anonymous memory has no other name', () => {
      const start = BASE + 8 * PAGE;
      sys().mmap(target, start, 2 * PAGE, RW, SHARED);
      mm.memory.write(start + PAGE, bytes('shared'));
      const fd = sys().open_map_file(root, 100, start, start + 2 * PAGE, Open.RdWr);
      expect(machine.vfs.pathText(...pathOf(root, fd))).toBe('/dev/zero (deleted)');
      sys().mmap(root, BASE, PAGE, RW, MapFlag.Shared | MapFlag.Fixed, fd, PAGE);
      root.mm?.memory.write(BASE, bytes('S'));
      expect(text(sys().read_mem(root, 100, start + PAGE, 6))).toBe('Shared');
    });

    test('may not be opened by everybody, and not for any range', () => {
      sys().mmap(target, BASE, PAGE, RW, SHARED);
      const open = (task: Task, end = BASE + PAGE, pid = 100) =>
        sys().open_map_file(task, pid, BASE, end, Open.RdWr);
      const restorer = machine.tasks.create({
        uid: 1000,
        gid: 100,
        capabilities: 1n << BigInt(Capability.CheckpointRestore),
      });
      expect([open(target), open(stranger)]).toEqual([-Errno.EPERM, -Errno.EACCES]);
      expect([open(root, BASE + 2 * PAGE), open(root, BASE + PAGE, 9)]).toEqual([-2, -Errno.ENOENT]);
      expect(open(restorer)).toBe(0);
      expect(sys().open_map_file(root, 100, BASE + PAGE, BASE + 3 * PAGE, 0)).toBe(-Errno.ENOENT);
    });

    test('a ring cannot be opened anew', () => {
      const ring = ioUringSetup(machine, target, 4, {});
      if (typeof ring === 'number') throw new Error(`${ring}`);
      const start = sys().mmap(target, 0, PAGE, RW, MapFlag.Shared, ring.fd);
      expect(sys().open_map_file(root, 100, start, start + PAGE, 0)).toBe(-Errno.ENXIO);
      expect(sys().open_fd_link(root, 100, ring.fd, 0)).toBe(-Errno.ENXIO);
    });
  });

  test('/proc/PID/fd makes another open file of the same', () => {
    machine.vfs.create({ path: '/tmp/f', content: bytes('content') });
    const fd = sys().open(target, '/tmp/f', Open.RdOnly);
    sys().unlink(target, '/tmp/f');
    const again = sys().open_fd_link(root, 100, fd, Open.RdWr);
    expect(root.files?.get(again)?.inode).toBe(target.files?.get(fd)?.inode);
    expect(sys().write(root, again, bytes('C'))).toBe(1);
    expect(text(sys().read(target, fd, 3) as Uint8Array)).toBe('Con');
    expect(machine.vfs.pathText(...pathOf(root, again))).toBe('/tmp/f (deleted)');
    expect(sys().open_fd_link(stranger, 100, fd, 0)).toBe(-Errno.EACCES);
    expect(sys().open_fd_link(root, 100, 77, 0)).toBe(-Errno.ENOENT);
  });

  const pathOf = (task: Task, fd: number): [bigint, bigint] => {
    const record = task.files?.get(fd)?.record;
    return [record?.big('f_path.mnt') ?? 0n, record?.big('f_path.dentry') ?? 0n];
  };

  describe('what mappings are known by', () => {
    const flags = (address: number) => mm.covering(address)?.flags ?? 0;

    test('private memory counts as committed once it may be written, huge pages never do', () => {
      const at = BASE + 16 * PAGE;
      sys().mmap(target, at, PAGE, Prot.Read, FIXED);
      expect(flags(at) & VmFlag.Account).toBe(0);
      sys().mprotect(target, at, PAGE, RW);
      expect(flags(at) & VmFlag.Account).toBe(VmFlag.Account);
      sys().mprotect(target, at, PAGE, Prot.None);
      expect((flags(at) & VmFlag.Account) !== 0).toBe(kernel !== '6.12');
      mm.memory.write(BASE + 2 * PAGE, bytes('used'));
      sys().mprotect(target, BASE, 3 * PAGE, Prot.Read);
      expect(flags(BASE) & VmFlag.Account).toBe(VmFlag.Account);
      const huge = sys().mmap(target, 0, HUGE, RW, MapFlag.Private | MapFlag.Anonymous | MapFlag.HugeTlb);
      expect(flags(huge) & VmFlag.Account).toBe(0);
    });

    test('advice that is only noted', () => {
      const advised = (advice: Advice) => {
        const error = sys().madvise(target, BASE, 3 * PAGE, advice);
        return error < 0 ? error : flags(BASE) & ~0x7f_7fff;
      };
      const noted = VmFlag.RandomRead | VmFlag.DontDump | VmFlag.WipeOnFork | VmFlag.NoHugePage;
      for (const advice of [Advice.Random, Advice.DontDump, Advice.WipeOnFork, Advice.HugePage])
        advised(advice);
      sys().madvise(target, BASE, 3 * PAGE, Advice.NoHugePage);
      expect(flags(BASE) & noted).toBe(noted);
      for (const advice of [Advice.Normal, Advice.DoDump, Advice.KeepOnFork, Advice.HugePage])
        advised(advice);
      expect(flags(BASE) & (noted | VmFlag.HugePage)).toBe(VmFlag.HugePage);
      sys().mmap(target, BASE, PAGE, RW, SHARED);
      expect(sys().madvise(target, BASE, PAGE, Advice.WipeOnFork)).toBe(-Errno.EINVAL);
    });

    test('a child finds what it shall not inherit empty', () => {
      sys().madvise(target, BASE, PAGE, Advice.WipeOnFork);
      const child = machine.tasks.get(sys().fork(target)) as Task;
      expect(text(sys().read_mem(root, child.pid, BASE, 5))).toBe('\0\0\0\0\0');
      expect(text(sys().read_mem(root, child.pid, BASE + PAGE, 5))).toBe('world');
    });

    test('memory that moved with its pages keeps the offset it was made with', () => {
      const [from, to] = [BASE, BASE + 64 * PAGE];
      const move = (address: number, target_: number) =>
        sys().mremap(target, address, PAGE, PAGE, Remap.MayMove | Remap.Fixed, target_);
      move(from, to);
      expect(mm.covering(to)?.pageOffset).toBe(from / PAGE);
      sys().mmap(target, to + 4 * PAGE, PAGE, RW, FIXED);
      move(to + 4 * PAGE, to + 2 * PAGE);
      expect(mm.covering(to + 2 * PAGE)?.pageOffset).toBe(to / PAGE + 2);
    });
  });

  describe('holes in shared memory', () => {
    const present = (task: Task, address: number) =>
      ((sys().pagemap(root, task.pid, address, 1) as BigUint64Array)[0] ?? 0n) !== 0n;

    test('nobody has the page any more, but for who has a copy', () => {
      const fd = sys().memfd_create(target, 'shared', 0);
      sys().ftruncate(target, fd, 2 * PAGE);
      const [shared, copy] = [BASE + 32 * PAGE, BASE + 40 * PAGE];
      sys().mmap(target, shared, 2 * PAGE, RW, MapFlag.Shared | MapFlag.Fixed, fd);
      sys().mmap(target, copy, 2 * PAGE, RW, MapFlag.Private | MapFlag.Fixed, fd);
      mm.memory.write(shared, bytes('shared'));
      mm.memory.write(copy, bytes('copied'));
      const punch = Fallocate.PunchHole | Fallocate.KeepSize;
      expect(sys().fallocate(target, fd, punch, 0, PAGE)).toBe(0);
      expect([present(target, shared), present(target, copy)]).toEqual([false, true]);
      expect(text(sys().read_mem(root, 100, shared, 3))).toBe('\0\0\0');
      sys().ftruncate(target, fd, 0);
      expect([present(target, shared), present(target, copy)]).toEqual([false, false]);
    });

    test('huge pages go whole', () => {
      const map = MapFlag.Shared | MapFlag.Anonymous | MapFlag.HugeTlb | MapFlag.Fixed;
      const at = 64 * HUGE;
      sys().mmap(target, at, 2 * HUGE, RW, map);
      mm.memory.write(at, bytes('one'));
      mm.memory.write(at + HUGE, bytes('two'));
      expect(sys().madvise(target, at, HUGE, Advice.Remove)).toBe(0);
      expect([present(target, at), present(target, at + HUGE)]).toEqual([false, true]);
    });

    test('parts of pages are cleared', () => {
      const fd = sys().memfd_create(target, 'shared', 0);
      sys().write(target, fd, bytes('0123456789'));
      sys().fallocate(target, fd, Fallocate.PunchHole | Fallocate.KeepSize, 2, 3);
      expect(text(sys().pread(target, fd, 10, 0) as Uint8Array)).toBe('01\0\0\x0056789');
      sys().ftruncate(target, fd, 7);
      sys().ftruncate(target, fd, 10);
      expect(text(sys().pread(target, fd, 10, 0) as Uint8Array)).toBe('01\0\0\x0056\0\0\0');
      expect(sys().fallocate(target, fd, Fallocate.PunchHole, 0, 1)).toBe(-Errno.EOPNOTSUPP);
      expect(sys().fallocate(target, fd, 0, 0, 0)).toBe(-Errno.EINVAL);
      expect(sys().fallocate(target, fd, 0, 0, 3 * PAGE)).toBe(0);
      expect(target.files?.get(fd)?.inode.size).toBe(3 * PAGE);
    });
  });
});
