import { beforeEach, describe, expect, test } from 'vitest';
import { Errno } from '../../bpf/errno.ts';
import { InputError } from '../../bpf/input-error.ts';
import { eventfdOf } from '../../kernel-model/eventfd.ts';
import { type File, FileMode, Open } from '../../kernel-model/file.ts';
import { Fcntl } from '../../kernel-model/file-syscalls.ts';
import { FileType } from '../../kernel-model/inode.ts';
import type { Machine } from '../../kernel-model/machine.ts';
import { UseAfterFree } from '../../kernel-model/record.ts';
import { Rlimit, type Task } from '../../kernel-model/task.ts';
import { KERNELS, newMachine } from './support.ts';

const UNIX = 1;
const STREAM = 1;

describe.each(KERNELS)('files of %s', (kernel) => {
  let machine: Machine;
  let task: Task;
  beforeEach(async () => {
    machine = await newMachine(kernel);
    task = machine.tasks.create({ pid: 100, comm: 'app', uid: 1000, gid: 100 });
  });

  const file = (fd: number) => task.files?.get(fd) as File;
  const path = (fd: number) => machine.dPath(file(fd).record.addressOf('f_path'));
  const bytes = (text: string) => new TextEncoder().encode(text);
  const pair = (result: [number, number] | number) => result as [number, number];

  describe('paths, as d_path writes them', () => {
    test('of files in directories', () => {
      machine.vfs.create({ path: '/a/b/c.txt' });
      expect(path(machine.sys.open(task, '/a//b/../b/./c.txt', Open.RdOnly))).toBe('/a/b/c.txt');
      expect(path(machine.sys.open(task, '/', Open.RdOnly))).toBe('/');
      expect(path(machine.sys.open(task, '/a/b', Open.Directory))).toBe('/a/b');
    });

    test('end in (deleted) after unlink, and a new file may take the name', () => {
      const old = machine.sys.open(task, '/tmp-file', Open.RdWr | Open.Creat);
      expect(machine.sys.unlink(task, '/tmp-file')).toBe(0);
      expect(path(old)).toBe('/tmp-file (deleted)');
      const fresh = machine.sys.open(task, '/tmp-file', Open.RdWr | Open.Creat);
      expect(path(fresh)).toBe('/tmp-file');
      expect(file(fresh).inode.ino).not.toBe(file(old).inode.ino);
      expect([file(old).inode.links, file(fresh).inode.links]).toEqual([0, 1]);
    });

    test('cross mounts', () => {
      machine.vfs.mount('tmpfs', '/run/shm');
      machine.vfs.create({ path: '/run/shm/x/y' });
      const fd = machine.sys.open(task, '/run/shm/x/y', Open.RdOnly);
      expect(path(fd)).toBe('/run/shm/x/y');
      expect(path(machine.sys.open(task, '/run/shm/../shm/x/..', Open.RdOnly))).toBe('/run/shm');
      const device = (of: number) => file(of).inode.superBlock.device;
      expect(device(fd)).not.toBe(device(machine.sys.open(task, '/run', Open.RdOnly)));
      expect(file(fd).inode.superBlock.record.get('s_magic')).toBe(0x0102_1994);
    });

    test('of what stands in no directory', () => {
      const event = machine.sys.eventfd2(task, 0, 0);
      const [read, write] = pair(machine.sys.pipe2(task, 0));
      const [a, b] = pair(machine.sys.socketpair(task, UNIX, STREAM));
      const memory = machine.sys.memfd_create(task, 'cache', 0);
      const pidfd = machine.sys.pidfd_open(task, 100, 0);
      expect(path(event)).toBe('anon_inode:[eventfd]');
      expect(path(read)).toBe(`pipe:[${file(read).inode.ino}]`);
      expect(path(write)).toBe(path(read));
      expect(path(a)).toBe(`socket:[${file(a).inode.ino}]`);
      expect(path(b)).not.toBe(path(a));
      expect(path(memory)).toBe('/memfd:cache (deleted)');
      expect(path(pidfd)).toBe('anon_inode:[pidfd]');
    });

    test('names too long for the dentry stand beside it', () => {
      const name = 'n'.repeat(255);
      machine.vfs.create({ path: `/${name}` });
      const fd = machine.sys.open(task, `/${name}`, Open.RdOnly);
      const { record } = file(fd).dentry;
      expect(path(fd)).toBe(`/${name}`);
      expect(record.get('d_name.len')).toBe(255);
      const text = machine.ram.read(record.big('d_name.name'), 256) as Uint8Array;
      expect(new TextDecoder().decode(text)).toBe(`${name}\0`);
      const short = machine.sys.open(task, '/dev/null', Open.RdOnly);
      expect(file(short).dentry.record.big('d_name.name')).toBe(
        file(short).dentry.record.addressOf('d_iname'),
      );
    });

    test('of anything else are EFAULT', () => {
      expect(machine.dPath(0n)).toBe(-Errno.EFAULT);
      expect(machine.dPath(task.address)).toBe(-Errno.EFAULT);
      const [fd, address] = [machine.sys.eventfd2(task, 0, 0), 0];
      const where = file(fd + address).record.addressOf('f_path');
      machine.sys.close(task, fd);
      expect(machine.dPath(where)).toBe(-Errno.EFAULT);
    });
  });

  describe('open', () => {
    test.each([
      ['a missing file', '/none', Open.RdOnly, Errno.ENOENT],
      ['a missing directory', '/none/x', Open.RdWr | Open.Creat, Errno.ENOENT],
      ['through a file', '/dev/null/x', Open.RdOnly, Errno.ENOTDIR],
      ['a directory for writing', '/dev', Open.RdWr, Errno.EISDIR],
      ['a file as a directory', '/dev/null', Open.Directory, Errno.ENOTDIR],
      ['exclusively what exists', '/dev/null', Open.Creat | Open.Excl, Errno.EEXIST],
      ['a name of 256 bytes', `/${'n'.repeat(256)}`, Open.RdOnly, Errno.ENAMETOOLONG],
      ['a path of 4096 bytes', '/d'.repeat(2048), Open.RdOnly, Errno.ENAMETOOLONG],
      ['nothing', '', Open.RdOnly, Errno.ENOENT],
    ])('%s', (_name, name, flags, errno) => {
      expect(machine.sys.open(task, name, flags)).toBe(-errno);
      expect(task.files?.size).toBe(0);
    });

    test('the record says what was opened, how and by whom', () => {
      machine.vfs.create({ path: '/data', content: bytes('hello') });
      const fd = machine.sys.open(task, '/data', Open.RdWr | Open.Append | Open.CloExec);
      const { record } = file(fd);
      expect(machine.symbolAt(record.big('f_op'))?.name).toBe('ext4_file_operations');
      expect(record.get('f_flags')).toBe(Open.RdWr | Open.Append | Open.LargeFile);
      expect(record.get('f_mode') & 3).toBe(FileMode.Read | FileMode.Write);
      expect(record.get('f_count')).toBe(1);
      expect(record.big('f_inode')).toBe(file(fd).inode.record.address);
      expect(record.big('f_cred')).toBe(task.cred.record.address);
      expect(record.big('f_path.dentry')).toBe(file(fd).dentry.record.address);
      expect(record.big('f_mapping')).toBe(file(fd).inode.record.addressOf('i_data'));
      const inode = file(fd).inode.record;
      expect([inode.get('i_mode'), inode.get('i_size'), inode.get('i_nlink')]).toEqual([0o100644, 5, 1]);
      expect(inode.big('i_sb')).toBe(machine.vfs.root.superBlock.record.address);
      expect(machine.sys.fcntl(task, fd, Fcntl.GetFd, 0)).toBe(1);
    });

    test('a file that is made belongs to its maker', () => {
      const fd = machine.sys.open(task, '/mine', Open.WrOnly | Open.Creat, 0o600);
      const inode = file(fd).inode.record;
      expect([inode.get('i_mode'), inode.get('i_uid'), inode.get('i_gid')]).toEqual([0o100600, 1000, 100]);
    });

    test('O_TRUNC empties it', () => {
      machine.vfs.create({ path: '/data', content: new Uint8Array(10_000) });
      expect(machine.pages.used).toBe(3);
      const fd = machine.sys.open(task, '/data', Open.WrOnly | Open.Trunc);
      expect([file(fd).inode.size, machine.pages.used]).toEqual([0, 0]);
    });

    test('device files have the operations of their driver', () => {
      const fd = machine.sys.open(task, '/dev/null', Open.RdWr);
      expect(machine.symbolAt(file(fd).record.big('f_op'))?.name).toBe('null_fops');
      expect(file(fd).inode.mode & FileType.Mask).toBe(FileType.CharDevice);
      expect(machine.sys.write(task, fd, bytes('gone'))).toBe(4);
      expect(machine.sys.read(task, fd, 4)).toEqual(new Uint8Array(0));
    });

    test('making what cannot be made is an input error', () => {
      expect(() => machine.vfs.create({ path: 'relative' })).toThrow(InputError);
      expect(() => machine.vfs.create({ path: '/dev/null' })).toThrow(/cannot create \/dev\/null/);
      expect(() => machine.vfs.create({ path: '/dev/null/x' })).toThrow(InputError);
      expect(() => machine.vfs.create({ path: `/${'n'.repeat(256)}` })).toThrow(InputError);
    });
  });

  describe('reading and writing', () => {
    test('moves the position', () => {
      const fd = machine.sys.open(task, '/data', Open.RdWr | Open.Creat);
      expect(machine.sys.write(task, fd, bytes('hello world'))).toBe(11);
      expect(file(fd).record.get('f_pos')).toBe(11);
      expect(machine.sys.read(task, fd, 5)).toEqual(new Uint8Array(0));
      file(fd).position = 6;
      expect(machine.sys.read(task, fd, 100)).toEqual(bytes('world'));
    });

    test('appends', () => {
      machine.vfs.create({ path: '/log', content: bytes('one ') });
      const fd = machine.sys.open(task, '/log', Open.RdWr | Open.Append);
      machine.sys.write(task, fd, bytes('two'));
      file(fd).position = 0;
      expect(machine.sys.read(task, fd, 10)).toEqual(bytes('one two'));
    });

    test('needs the right mode', () => {
      machine.vfs.create({ path: '/data', content: bytes('x') });
      const [reader, writer] = [Open.RdOnly, Open.WrOnly].map((mode) =>
        machine.sys.open(task, '/data', mode),
      );
      expect(machine.sys.write(task, reader as number, bytes('x'))).toBe(-Errno.EBADF);
      expect(machine.sys.read(task, writer as number, 1)).toBe(-Errno.EBADF);
      expect(machine.sys.read(task, 99, 1)).toBe(-Errno.EBADF);
    });

    test('eventfds count', () => {
      const fd = machine.sys.eventfd2(task, 3, 0);
      const word = (value: bigint) => new Uint8Array(new BigUint64Array([value]).buffer);
      expect(eventfdOf(file(fd))?.record.big('count')).toBe(3n);
      expect(file(fd).record.big('private_data')).toBe(eventfdOf(file(fd))?.record.address);
      expect(machine.sys.write(task, fd, word(4n))).toBe(8);
      expect(machine.sys.write(task, fd, bytes('short'))).toBe(-Errno.EINVAL);
      expect(machine.sys.write(task, fd, word(2n ** 64n - 1n))).toBe(-Errno.EINVAL);
      expect(machine.sys.write(task, fd, word(2n ** 64n - 2n))).toBe(-Errno.EAGAIN);
      expect(machine.sys.read(task, fd, 8)).toEqual(word(7n));
      expect(machine.sys.read(task, fd, 8)).toBe(-Errno.EAGAIN);
      expect(machine.sys.read(task, fd, 4)).toBe(-Errno.EINVAL);
      const semaphore = machine.sys.eventfd2(task, 2, 1);
      expect(machine.sys.read(task, semaphore, 8)).toEqual(word(1n));
      expect(eventfdOf(file(semaphore))?.count).toBe(1n);
      expect(machine.sys.eventfd2(task, 0, 4)).toBe(-Errno.EINVAL);
      expect(eventfdOf(file(machine.sys.memfd_create(task, 'x', 0)))).toBeUndefined();
    });

    test('pipes carry bytes one way', () => {
      const [read, write] = pair(machine.sys.pipe2(task, Open.NonBlock));
      expect(machine.sys.write(task, write, bytes('abc'))).toBe(3);
      expect(machine.sys.write(task, read, bytes('x'))).toBe(-Errno.EBADF);
      expect(machine.sys.read(task, read, 2)).toEqual(bytes('ab'));
      expect(machine.sys.write(task, write, new Uint8Array(70_000))).toBe(61_808);
      expect(machine.sys.write(task, write, bytes('x'))).toBe(-Errno.EAGAIN);
      machine.sys.close(task, read);
      expect(machine.sys.write(task, write, bytes('x'))).toBe(-Errno.EPIPE);
      expect(machine.sys.pipe2(task, 1)).toBe(-Errno.EINVAL);
    });

    test('pipe ends share an inode that knows both', () => {
      const [read, write] = pair(machine.sys.pipe2(task, 0));
      const pipe = machine.heap.at(file(read).record.big('private_data'));
      expect([pipe?.get('readers'), pipe?.get('writers'), pipe?.get('files')]).toEqual([1, 1, 2]);
      expect(file(read).inode).toBe(file(write).inode);
      expect(file(read).inode.record.big('i_pipe')).toBe(pipe?.address);
      machine.sys.close(task, write);
      expect([pipe?.get('readers'), pipe?.get('writers')]).toEqual([1, 0]);
      expect(machine.sys.read(task, read, 1)).toEqual(new Uint8Array(0));
      machine.sys.close(task, read);
      expect(() => pipe?.get('readers')).toThrow(UseAfterFree);
    });

    test('sockets carry both ways and know their file', () => {
      const [a, b] = pair(machine.sys.socketpair(task, UNIX, STREAM | Open.NonBlock));
      machine.sys.write(task, a, bytes('hello'));
      expect(machine.sys.read(task, b, 3)).toEqual(bytes('hel'));
      expect(machine.sys.read(task, b, 3)).toEqual(bytes('lo'));
      expect(machine.sys.read(task, b, 3)).toBe(-Errno.EAGAIN);
      const socket = machine.heap.at(file(a).record.big('private_data'));
      expect(socket?.big('file')).toBe(file(a).address);
      machine.sys.close(task, a);
      expect(machine.sys.write(task, b, bytes('x'))).toBe(-Errno.EPIPE);
      expect(machine.sys.socketpair(task, 2, STREAM)).toBe(-Errno.EOPNOTSUPP);
      expect(machine.sys.socketpair(task, UNIX, 9)).toBe(-Errno.EINVAL);
    });

    test('datagrams keep their borders', () => {
      const [a, b] = pair(machine.sys.socketpair(task, UNIX, 2));
      machine.sys.write(task, a, bytes('one'));
      machine.sys.write(task, a, bytes('two'));
      expect(machine.sys.read(task, b, 1)).toEqual(bytes('o'));
      expect(machine.sys.read(task, b, 9)).toEqual(bytes('two'));
    });

    test('memfds have a size and refuse bad flags', () => {
      const fd = machine.sys.memfd_create(task, 'm', 1);
      expect(machine.sys.fcntl(task, fd, Fcntl.GetFd, 0)).toBe(1);
      expect(machine.sys.ftruncate(task, fd, 5000)).toBe(0);
      expect(file(fd).inode.record.get('i_size')).toBe(5000);
      expect(machine.sys.ftruncate(task, 77, 0)).toBe(-Errno.EBADF);
      expect(machine.sys.memfd_create(task, 'x'.repeat(250), 0)).toBe(-Errno.EINVAL);
      expect(machine.sys.memfd_create(task, 'x', 0x400)).toBe(-Errno.EINVAL);
    });
  });

  describe('descriptors', () => {
    test('are the lowest free ones', () => {
      const open = () => machine.sys.eventfd2(task, 0, 0);
      expect([open(), open(), open()]).toEqual([0, 1, 2]);
      machine.sys.close(task, 1);
      expect([open(), open()]).toEqual([1, 3]);
      expect(machine.sys.close(task, 9)).toBe(-Errno.EBADF);
    });

    test('dup, dup2, dup3, fcntl', () => {
      const fd = machine.sys.eventfd2(task, 0, 0);
      expect(machine.sys.dup(task, fd)).toBe(1);
      expect(machine.sys.dup2(task, fd, 7)).toBe(7);
      expect(machine.sys.dup2(task, 7, 7)).toBe(7);
      expect(machine.sys.dup2(task, 8, 8)).toBe(-Errno.EBADF);
      expect(machine.sys.dup3(task, fd, fd, 0)).toBe(-Errno.EINVAL);
      expect(machine.sys.dup3(task, fd, 9, Open.CloExec)).toBe(9);
      expect(machine.sys.dup3(task, fd, 5000, 0)).toBe(-Errno.EBADF);
      expect(machine.sys.fcntl(task, fd, Fcntl.DupFd, 7)).toBe(8);
      expect(machine.sys.fcntl(task, fd, Fcntl.DupFd, 4000)).toBe(-Errno.EINVAL);
      expect(machine.sys.fcntl(task, fd, Fcntl.DupFdCloexec, 0)).toBe(2);
      const closing = [fd, 2, 9].map((each) => machine.sys.fcntl(task, each, Fcntl.GetFd, 0));
      expect(closing).toEqual([0, 1, 1]);
      expect(file(fd).count).toBe(6);
      expect(machine.sys.fcntl(task, fd, Fcntl.SetFl, Open.NonBlock | Open.WrOnly)).toBe(0);
      expect(machine.sys.fcntl(task, fd, Fcntl.GetFl, 0)).toBe(Open.RdWr | Open.NonBlock);
    });

    test('dup2 closes what was there', () => {
      const [a, b] = pair(machine.sys.pipe2(task, 0));
      const old = file(b);
      machine.sys.dup2(task, a, b);
      expect(() => old.count).toThrow(UseAfterFree);
      expect(file(b)).toBe(file(a));
    });

    test('end at RLIMIT_NOFILE', () => {
      task.group.setLimit(Rlimit.NoFile, 3);
      const fds = [0, 1, 2, 3].map(() => machine.sys.eventfd2(task, 0, 0));
      expect(fds).toEqual([0, 1, 2, -Errno.EMFILE]);
      expect(machine.sys.dup(task, 0)).toBe(-Errno.EMFILE);
      expect(machine.sys.pipe2(task, 0)).toBe(-Errno.EMFILE);
    });

    test('the table grows past its 64 embedded slots', () => {
      const files = task.files as NonNullable<Task['files']>;
      const objects = machine.heap.objects;
      for (let i = 0; i < 300; i++) machine.sys.eventfd2(task, 0, i === 70 ? Open.CloExec : 0);
      const table = machine.heap.at(files.record.big('fdt'));
      expect([files.maxFds, table?.get('max_fds')]).toEqual([512, 512]);
      const word = (pointer: string, index: number) => {
        const read = machine.ram.read((table?.big(pointer) ?? 0n) + BigInt(8 * index), 8) as Uint8Array;
        return new DataView(read.buffer, read.byteOffset).getBigUint64(0, true);
      };
      for (const fd of [0, 63, 64, 299]) expect(word('fd', fd)).toBe(file(fd).address);
      expect(word('fd', 300)).toBe(0n);
      expect(word('open_fds', 3)).toBe(2n ** 64n - 1n);
      expect(word('open_fds', 4)).toBe((1n << 44n) - 1n);
      expect(word('close_on_exec', 1)).toBe(1n << 6n);
      expect(word('full_fds_bits', 0)).toBe(0b1111n);
      expect(files.record.get('next_fd')).toBe(300);
      machine.sys.close(task, 70);
      expect(word('full_fds_bits', 0)).toBe(0b1101n);
      expect(files.record.get('next_fd')).toBe(70);
      for (let fd = 0; fd < 300; fd++) machine.sys.close(task, fd);
      // The separate table stays, and the first eventfd has brought the mount of anonymous inodes.
      expect(machine.heap.objects - objects).toBe(1 + 5);
    });

    test('the small table is the embedded one', () => {
      const files = task.files as NonNullable<Task['files']>;
      expect(files.record.big('fdt')).toBe(files.record.addressOf('fdtab'));
      const fd = machine.sys.eventfd2(task, 0, 0);
      expect(files.record.big(`fd_array[${fd}]`)).toBe(file(fd).address);
      expect(files.record.get('fdtab.max_fds')).toBe(64);
    });
  });

  test('closing the last descriptor frees everything behind it', () => {
    const open = () => [
      machine.sys.eventfd2(task, 0, 0),
      ...pair(machine.sys.pipe2(task, 0)),
      ...pair(machine.sys.socketpair(task, UNIX, STREAM)),
      machine.sys.memfd_create(task, 'x', 0),
      machine.sys.open(task, '/new', Open.RdWr | Open.Creat | Open.Trunc),
    ];
    const round = () => {
      for (const fd of open()) machine.sys.close(task, fd);
      machine.sys.unlink(task, '/new');
    };
    round();
    const [objects, used] = [machine.heap.objects, machine.heap.used];
    round();
    round();
    expect([machine.heap.objects, machine.heap.used]).toEqual([objects, used]);
  });

  test('pidfd_getfd takes a file from another process', () => {
    const other = machine.tasks.create({ pid: 200, uid: 1000, gid: 100 });
    const fd = machine.sys.eventfd2(other, 5, 0);
    const pidfd = machine.sys.pidfd_open(task, 200, 0);
    const taken = machine.sys.pidfd_getfd(task, pidfd, fd, 0);
    expect(file(taken)).toBe(other.files?.get(fd));
    expect(machine.sys.fcntl(task, taken, Fcntl.GetFd, 0)).toBe(1);
    expect(machine.sys.pidfd_getfd(task, pidfd, 99, 0)).toBe(-Errno.EBADF);
    expect(machine.sys.pidfd_getfd(task, taken, fd, 0)).toBe(-Errno.EBADF);
    expect(machine.sys.pidfd_getfd(task, pidfd, fd, 1)).toBe(-Errno.EINVAL);
    expect(machine.sys.pidfd_open(task, 300, 0)).toBe(-Errno.ESRCH);
    expect(machine.sys.pidfd_open(task, 0, 0)).toBe(-Errno.EINVAL);
    machine.sys.exit_group(other, 0);
    expect(machine.sys.pidfd_getfd(task, pidfd, fd, 0)).toBe(-Errno.ESRCH);
    expect(file(taken).count).toBe(1);
  });

  test('symbols of operations exist before any such file', () => {
    for (const name of [
      'eventfd_fops',
      'io_uring_fops',
      'pipefifo_fops',
      'socket_file_ops',
      'eventpoll_fops',
    ]) {
      expect(machine.symbolAddress(name), name).toBeDefined();
    }
    const [read] = pair(machine.sys.pipe2(task, 0));
    expect(file(read).record.big('f_op')).toBe(machine.symbolAddress('pipefifo_fops'));
  });
});
