import { beforeEach, describe, expect, test } from 'vitest';
import { Errno } from '../../bpf/errno.ts';
import { FileMode, Open } from '../../kernel-model/file.ts';
import { OwnerType } from '../../kernel-model/file-owner.ts';
import { Fcntl, Seek } from '../../kernel-model/file-syscalls.ts';
import type { Machine } from '../../kernel-model/machine.ts';
import type { Task } from '../../kernel-model/task.ts';
import { KERNELS, newMachine, PAGE } from './support.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const HUGE = 2 << 20;

describe.each(KERNELS)('system calls on files of %s', (kernel) => {
  let machine: Machine;
  let root: Task;
  let task: Task;
  beforeEach(async () => {
    machine = await newMachine(kernel);
    root = machine.tasks.create({ pid: 1 });
    task = machine.tasks.create({ pid: 100, uid: 1000, gid: 100 });
    machine.vfs.mount('tmpfs', '/dev/shm');
    machine.vfs.create({ path: '/tmp/f', content: bytes('0123456789') });
  });

  const sys = () => machine.sys;
  const open = (path: string, flags: number = Open.RdWr) => sys().open(task, path, flags);
  const file = (fd: number) => {
    const found = task.files?.get(fd);
    if (!found) throw new Error(`no descriptor ${fd}`);
    return found;
  };
  const path = (fd: number) => {
    const { record } = file(fd);
    return machine.vfs.pathText(record.big('f_path.mnt'), record.big('f_path.dentry'));
  };
  const text = (found: unknown) => (found instanceof Uint8Array ? new TextDecoder().decode(found) : found);
  const flags = (fd: number) => sys().fcntl(task, fd, Fcntl.GetFl, 0);

  describe('positions', () => {
    test('lseek', () => {
      const fd = open('/tmp/f');
      const seek = (offset: number, whence: Seek) => sys().lseek(task, fd, offset, whence);
      expect([seek(4, Seek.Set), seek(-1, Seek.Current), seek(2, Seek.End)]).toEqual([4, 3, 12]);
      expect(file(fd).record.get('f_pos')).toBe(12);
      expect([seek(-1, Seek.Set), seek(2 ** 41, Seek.Set), seek(0, 9 as Seek)]).toEqual([-22, -22, -22]);
      expect(seek(0, Seek.Current)).toBe(12);
      const [r] = sys().pipe2(task, 0) as [number, number];
      expect(sys().lseek(task, r, 0, Seek.Set)).toBe(-Errno.ESPIPE);
      expect(sys().lseek(task, 77, 0, Seek.Set)).toBe(-Errno.EBADF);
    });

    test('data and holes', () => {
      const fd = sys().memfd_create(task, 'm', 0);
      sys().ftruncate(task, fd, 5 * PAGE);
      sys().pwrite(task, fd, bytes('x'), 2 * PAGE + 5);
      const seek = (offset: number, whence: Seek) => sys().lseek(task, fd, offset, whence);
      expect([seek(0, Seek.Data), seek(2 * PAGE + 7, Seek.Data)]).toEqual([2 * PAGE, 2 * PAGE + 7]);
      expect([seek(7, Seek.Hole), seek(2 * PAGE, Seek.Hole)]).toEqual([7, 3 * PAGE]);
      expect([seek(3 * PAGE, Seek.Data), seek(5 * PAGE, Seek.Hole)]).toEqual([-Errno.ENXIO, -Errno.ENXIO]);
    });

    test('pread and pwrite leave them alone', () => {
      const fd = open('/tmp/f');
      sys().read(task, fd, 2);
      expect(text(sys().pread(task, fd, 3, 5))).toBe('567');
      expect(sys().pwrite(task, fd, bytes('AB'), 9)).toBe(2);
      expect(text(sys().read(task, fd, 100))).toBe('23456789AB'.replace('9AB', 'AB'));
      expect(sys().pread(task, fd, 1, -1)).toBe(-Errno.EINVAL);
      const [, w] = sys().pipe2(task, 0) as [number, number];
      expect(sys().pwrite(task, w, bytes('x'), 0)).toBe(-Errno.ESPIPE);
      expect(sys().pread(task, 77, 1, 0)).toBe(-Errno.EBADF);
      const append = open('/tmp/f', Open.WrOnly | Open.Append);
      sys().pwrite(task, append, bytes('!'), 0);
      expect(text(sys().pread(task, fd, 100, 8))).toBe('8AB!');
    });
  });

  describe('flags', () => {
    test('that open keeps', () => {
      const wanted = Open.WrOnly | Open.Append | Open.NonBlock | Open.Sync | Open.NoAtime | Open.NoFollow;
      const fd = open('/tmp/f', wanted | Open.NoCtty | Open.Creat | Open.CloExec);
      expect(flags(fd)).toBe(wanted | Open.LargeFile);
    });

    test('that may change', () => {
      const fd = open('/tmp/f', Open.RdWr | Open.Append);
      expect(sys().fcntl(task, fd, Fcntl.SetFl, Open.NonBlock | Open.Direct | Open.Creat | Open.WrOnly)).toBe(
        0,
      );
      expect(flags(fd)).toBe(Open.RdWr | Open.NonBlock | Open.Direct | Open.LargeFile);
      expect(sys().fcntl(task, fd, Fcntl.SetFl, Open.NoAtime)).toBe(-Errno.EPERM);
      const [r] = sys().pipe2(task, 0) as [number, number];
      sys().fcntl(task, r, Fcntl.SetFl, Open.Direct | Open.Async);
      expect(flags(r)).toBe(Open.Direct | Open.Async);
      sys().fcntl(task, fd, Fcntl.SetFl, Open.Async);
      expect(flags(fd)).toBe(Open.RdWr | Open.LargeFile);
    });

    test('O_DIRECT is for files on disk, since 6.6 also for tmpfs', () => {
      machine.vfs.create({ path: '/dev/shm/m' });
      const direct = Open.RdWr | Open.Direct;
      expect(open('/tmp/f', direct)).toBeGreaterThanOrEqual(0);
      expect(open('/dev/shm/m', direct) >= 0).toBe(kernel === '6.12');
      const event = sys().eventfd2(task, 0, 0);
      const memory = sys().memfd_create(task, 'm', 0);
      for (const fd of [event, memory])
        expect(sys().fcntl(task, fd, Fcntl.SetFl, Open.Direct)).toBe(-Errno.EINVAL);
      const again = sys().open_fd_link(task, 100, memory, Open.RdWr);
      expect(sys().fcntl(task, again, Fcntl.SetFl, Open.Direct) === 0).toBe(kernel === '6.12');
    });

    test('with O_PATH a file only stands for its path', () => {
      const fd = open('/tmp/f', Open.Path | Open.RdWr | Open.Append | Open.CloExec);
      expect([flags(fd), file(fd).mode & FileMode.Path]).toEqual([
        Open.Path as number,
        FileMode.Path as number,
      ]);
      expect(sys().read(task, fd, 1)).toBe(-Errno.EBADF);
      expect(sys().lseek(task, fd, 0, Seek.Set)).toBe(-Errno.EBADF);
      expect(sys().fcntl(task, fd, Fcntl.SetFl, 0)).toBe(-Errno.EBADF);
      expect(sys().fcntl(task, fd, Fcntl.DupFd, 0)).toBeGreaterThan(fd);
      expect(open('/tmp/f', Open.Path | Open.Directory)).toBe(-Errno.ENOTDIR);
      expect(open('/tmp', Open.TmpFile | Open.RdWr)).toBe(-Errno.EOPNOTSUPP);
    });
  });

  describe('owners', () => {
    const own = (fd: number, who: number) => sys().fcntl(task, fd, Fcntl.SetOwn, who);

    test('are processes or groups, until they are gone', () => {
      const fd = open('/tmp/f');
      const other = machine.tasks.create({ pid: 300 });
      expect([sys().fcntl(task, fd, Fcntl.GetOwn, 0), own(fd, 300)]).toEqual([0, 0]);
      expect(sys().fcntl(task, fd, Fcntl.GetOwn, 0)).toBe(300);
      own(fd, -100);
      expect(sys().fcntl(task, fd, Fcntl.GetOwn, 0)).toBe(-100);
      expect([own(fd, 999), own(fd, -(2 ** 31))]).toEqual([-Errno.ESRCH, -Errno.EINVAL]);
      own(fd, 300);
      sys().exit_group(other, 0);
      expect(sys().fcntl(task, fd, Fcntl.GetOwn, 0)).toBe(0);
    });

    test('with who named them, and a signal', () => {
      const fd = open('/tmp/f');
      machine.tasks.changeCred(task, { euid: 1001 });
      expect(sys().fcntl_setown_ex(task, fd, { type: OwnerType.Thread, pid: 100 })).toBe(0);
      expect(sys().fcntl_getown_ex(task, fd)).toEqual({
        type: OwnerType.Thread,
        pid: 100,
        uid: 1000,
        euid: 1001,
      });
      expect([10, 65].map((signal) => sys().fcntl(task, fd, Fcntl.SetSig, signal))).toEqual([0, -22]);
      expect(sys().fcntl(task, fd, Fcntl.GetSig, 0)).toBe(10);
      expect(sys().fcntl_setown_ex(task, fd, { type: 3 as OwnerType, pid: 1 })).toBe(-Errno.EINVAL);
      expect(sys().fcntl_getown_ex(task, 77)).toBe(-Errno.EBADF);
      if (kernel === '5.16+series') return;
      const { record } = file(fd);
      const owner = kernel === '6.1' ? record.sub('f_owner') : machine.heap.at(record.big('f_owner'));
      expect(owner?.big('pid')).toBe(task.pidRecord.address);
      expect(['pid_type', 'uid', 'euid', 'signum'].map((name) => owner?.get(name))).toEqual([
        0, 1000, 1001, 10,
      ]);
    });

    test('leave nothing behind', () => {
      const round = () => {
        const fd = open('/tmp/f');
        const other = machine.tasks.create();
        own(fd, other.pid);
        sys().exit_group(other, 0);
        own(fd, 1);
        sys().close(task, fd);
      };
      round();
      const before = [machine.heap.objects, machine.heap.used];
      round();
      expect([machine.heap.objects, machine.heap.used]).toEqual(before);
    });
  });

  describe('rename', () => {
    const rename = (from: string, to: string) => sys().rename(task, from, to);

    test('moves a name; open files follow', () => {
      const fd = open('/tmp/f');
      sys().mkdir(task, '/tmp/d');
      const long = 'n'.repeat(100);
      expect([rename('/tmp/f', `/tmp/d/${long}`), path(fd)]).toEqual([0, `/tmp/d/${long}`]);
      expect([rename('/tmp/d', '/e'), path(fd)]).toEqual([0, `/e/${long}`]);
      expect(rename(`/e/${long}`, '/e/short')).toBe(0);
      expect(file(fd).dentry.record.get('d_name.len')).toBe(5);
      expect([open('/tmp/f'), path(open('/e/short'))]).toEqual([-Errno.ENOENT, '/e/short']);
    });

    test('a deleted file can be made again where another one is', () => {
      const kept = open('/tmp/f');
      expect(rename('/tmp/f', '/tmp/aside')).toBe(0);
      const ghost = open('/tmp/f', Open.RdWr | Open.Creat | Open.Excl);
      sys().write(task, ghost, bytes('ghost'));
      sys().unlink(task, '/tmp/f');
      rename('/tmp/aside', '/tmp/f');
      expect([path(kept), path(ghost)]).toEqual(['/tmp/f', '/tmp/f (deleted)']);
      expect(text(sys().pread(task, ghost, 9, 0))).toBe('ghost');
    });

    test('unlinks what was there', () => {
      machine.vfs.create({ path: '/tmp/g', content: bytes('g') });
      const fd = open('/tmp/g');
      expect([rename('/tmp/f', '/tmp/g'), path(fd)]).toEqual([0, '/tmp/g (deleted)']);
      expect(text(sys().pread(task, open('/tmp/g'), 2, 0))).toBe('01');
      expect(rename('/tmp/g', '/tmp/g')).toBe(0);
    });

    test.each([
      ['from nowhere', '/none', '/tmp/x', Errno.ENOENT],
      ['to nowhere', '/tmp/f', '/none/x', Errno.ENOENT],
      ['through a file', '/tmp/f', '/tmp/f/x', Errno.ENOTDIR],
      ['to another file system', '/tmp/f', '/dev/shm/f', Errno.EXDEV],
      ['a file over a directory', '/tmp/f', '/tmp', Errno.EISDIR],
      ['a directory over a file', '/dev', '/tmp/f', Errno.ENOTDIR],
      ['over a full directory', '/dev', '/tmp', Errno.ENOTEMPTY],
      ['over a mount point', '/tmp', '/dev/shm', Errno.EBUSY],
      ['a mount point', '/dev/shm', '/dev/x', Errno.EBUSY],
      ['a mount point away', '/dev/shm', '/dev/shm/x', Errno.EXDEV],
      ['into itself', '/tmp', '/tmp/sub', Errno.EINVAL],
      ['the root', '/', '/tmp/x', Errno.EBUSY],
      ['with too long a name', '/tmp/f', `/tmp/${'n'.repeat(256)}`, Errno.ENAMETOOLONG],
    ])('%s', (_name, from, to, errno) => {
      expect(rename(from, to)).toBe(-errno);
      expect(open('/tmp/f')).toBeGreaterThanOrEqual(0);
    });
  });

  test('huge files are cut at huge pages only', () => {
    const fd = sys().memfd_create(root, 'h', 4);
    const cut = (size: number) => sys().ftruncate(root, fd, size);
    expect([cut(HUGE), cut(HUGE + PAGE), cut(2 ** 41)]).toEqual([0, -Errno.EINVAL, -Errno.EFBIG]);
  });
});
