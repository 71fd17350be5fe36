import { beforeEach, describe, expect, test } from 'vitest';
import { Errno } from '../../bpf/errno.ts';
import { InputError } from '../../bpf/input-error.ts';
import { ALL_CAPABILITIES, Capability } from '../../kernel-model/cred.ts';
import { hlistNodes, listNodes } from '../../kernel-model/list.ts';
import type { Machine } from '../../kernel-model/machine.ts';
import { type Record, UseAfterFree } from '../../kernel-model/record.ts';
import { Rlimit, type Task, TaskFlag, UNLIMITED } from '../../kernel-model/task.ts';
import { Clone } from '../../kernel-model/task-table.ts';
import { KERNELS, newMachine } from './support.ts';

const THREAD = Clone.Vm | Clone.Fs | Clone.Files | Clone.Sighand | Clone.Thread;

describe.each(KERNELS)('tasks of %s', (kernel) => {
  let machine: Machine;
  let init: Task;
  let task: Task;
  beforeEach(async () => {
    machine = await newMachine(kernel);
    machine.now = 5_000_000_000n;
    init = machine.tasks.create({ pid: 1, comm: 'init' });
    task = machine.tasks.create({
      pid: 100,
      comm: 'app',
      parent: init,
      uid: 1000,
      gid: 100,
      groups: [4, 24],
    });
  });

  const pids = () => machine.tasks.all.map(({ pid }) => pid);
  /** Tasks whose list node of this name stands in the list. */
  const onList = (head: bigint, node: string) =>
    [...listNodes(machine.ram, head)].map((address) => {
      const offset = task.record.layout.offset(node);
      return machine.tasks.at(address - BigInt(offset))?.pid;
    });

  test('the record', () => {
    const { record } = task;
    expect([record.get('pid'), record.get('tgid'), record.text('comm')]).toEqual([100, 100, 'app']);
    expect(record.big('real_parent')).toBe(init.address);
    expect(record.big('parent')).toBe(init.address);
    expect(record.big('group_leader')).toBe(record.address);
    expect(record.big('mm')).toBe(task.mm?.record.address);
    expect(record.big('active_mm')).toBe(task.mm?.record.address);
    expect(record.big('files')).toBe(task.files?.record.address);
    expect(record.big('cred')).toBe(task.cred.record.address);
    expect(record.big('real_cred')).toBe(task.cred.record.address);
    expect(record.big('signal')).toBe(task.group.record.address);
    expect(record.big('start_time')).toBe(5_000_000_000n);
    expect(task.mm?.record.big('owner')).toBe(record.address);
  });

  test('the pid, its namespace and the way back', () => {
    const pid = machine.heap.at(task.record.big('thread_pid')) as Record;
    expect([pid.get('numbers[0].nr'), pid.get('level'), pid.get('count')]).toEqual([100, 0, 1]);
    expect(pid.big('numbers[0].ns')).toBe(machine.symbolAddress('init_pid_ns'));
    const [node] = [...hlistNodes(machine.ram, pid.addressOf('tasks[0]'))];
    expect(node).toBe(task.record.addressOf('pid_links[0]'));
    expect(task.record.big('nsproxy')).toBe(machine.symbolAddress('init_nsproxy'));
  });

  test('root and working directory', () => {
    const fs = machine.heap.at(task.record.big('fs')) as Record;
    expect(machine.dPath(fs.addressOf('root'))).toBe('/');
    expect(machine.dPath(fs.addressOf('pwd'))).toBe('/');
  });

  test('lists lead from task 0 to all processes, from a parent to its children', () => {
    const zero = machine.symbols.object('init_task', machine.profile.layout('task_struct'));
    expect([zero.text('comm'), zero.get('pid')]).toEqual(['swapper/0', 0]);
    machine.sys.clone(task, THREAD);
    expect(onList(zero.addressOf('tasks'), 'tasks')).toEqual([1, 100]);
    expect(onList(zero.addressOf('children'), 'sibling')).toEqual([1]);
    expect(onList(init.record.addressOf('children'), 'sibling')).toEqual([100]);
    expect(init.record.big('real_parent')).toBe(zero.address);
  });

  test('ids: chosen, next free, taken, bad', () => {
    expect(machine.tasks.create().pid).toBe(2);
    expect(machine.sys.fork(task)).toBe(3);
    expect(machine.sys.fork(task, 50)).toBe(50);
    expect(machine.sys.fork(task, 50)).toBe(-Errno.EEXIST);
    expect(pids()).toEqual([1, 2, 3, 50, 100]);
    expect(() => machine.tasks.create({ pid: 100 })).toThrow(/process id 100 is taken/);
    for (const pid of [0, -1, 1.5, 1 << 22]) expect(() => machine.tasks.create({ pid })).toThrow(InputError);
    expect(machine.tasks.get(50)?.pid).toBe(50);
    expect(machine.tasks.next(51)?.pid).toBe(100);
    expect(machine.tasks.next(101)).toBeUndefined();
    expect(machine.tasks.at(task.address)).toBe(task);
  });

  describe('fork', () => {
    test('copies files, memory and limits, shares the open files', () => {
      const fd = machine.sys.eventfd2(task, 1, 0);
      task.group.setLimit(Rlimit.NoFile, 77);
      const child = machine.tasks.get(machine.sys.fork(task)) as Task;
      expect(child.files).not.toBe(task.files);
      expect(child.files?.get(fd)).toBe(task.files?.get(fd));
      expect(task.files?.get(fd)?.count).toBe(2);
      expect(child.mm).not.toBe(task.mm);
      expect(child.limit(Rlimit.NoFile)).toBe(77);
      expect(child.cred).toBe(task.cred);
      expect(child.record.big('real_parent')).toBe(task.address);
      expect([child.comm, child.tgid, child.isLeader]).toEqual(['app', child.pid, true]);
      machine.sys.close(child, fd);
      expect(task.files?.get(fd)?.count).toBe(1);
    });

    test('keeps close-on-exec marks and table size', () => {
      for (let i = 0; i < 80; i++) machine.sys.eventfd2(task, 0, i === 5 ? 0o2000000 : 0);
      const child = machine.tasks.get(machine.sys.fork(task)) as Task;
      expect([child.files?.size, child.files?.maxFds]).toEqual([80, 128]);
      expect([child.files?.closesOnExec(5), child.files?.closesOnExec(6)]).toEqual([true, false]);
    });
  });

  describe('threads', () => {
    test('share what their process has', () => {
      const thread = machine.tasks.get(machine.sys.clone(task, THREAD)) as Task;
      expect([thread.mm, thread.files, thread.group]).toEqual([task.mm, task.files, task.group]);
      expect([thread.tgid, thread.isLeader]).toEqual([100, false]);
      expect(thread.record.big('group_leader')).toBe(task.address);
      expect(thread.record.big('real_parent')).toBe(init.address);
      expect(thread.record.big('fs')).toBe(task.record.big('fs'));
      expect([task.mm?.users, task.files?.users]).toEqual([2, 2]);
      expect(task.group.record.get('nr_threads')).toBe(2);
      expect(onList(task.group.record.addressOf('thread_head'), 'thread_node')).toEqual([100, thread.pid]);
    });

    test('may leave one by one', () => {
      const thread = machine.tasks.get(machine.sys.clone(task, THREAD)) as Task;
      machine.sys.exit(thread, 0);
      expect([task.mm?.users, task.files?.users, task.group.record.get('nr_threads')]).toEqual([1, 1, 1]);
      expect(() => thread.record.get('pid')).toThrow(UseAfterFree);
      expect(pids()).toEqual([1, 100]);
    });

    test('a leader that exits first waits as a zombie', () => {
      const thread = machine.tasks.get(machine.sys.clone(task, THREAD)) as Task;
      machine.sys.exit(task, 3);
      expect(pids()).toEqual([1, thread.pid, 100].sort((a, b) => a - b));
      expect([task.record.get('exit_state'), task.record.get('exit_code')]).toEqual([0x20, 0x300]);
      expect([task.record.big('mm'), task.record.big('files')]).toEqual([0n, 0n]);
      expect(thread.mm?.users).toBe(1);
      machine.sys.exit(thread, 0);
      expect(pids()).toEqual([1]);
    });

    test('exit_group ends all of them', () => {
      machine.sys.clone(task, THREAD);
      machine.sys.clone(task, THREAD);
      machine.sys.exit_group(task, 0);
      expect(pids()).toEqual([1]);
    });

    test('flags must go together', () => {
      expect(machine.sys.clone(task, Clone.Thread)).toBe(-Errno.EINVAL);
      expect(machine.sys.clone(task, Clone.Sighand)).toBe(-Errno.EINVAL);
      const child = machine.tasks.get(machine.sys.clone(task, Clone.Vm | Clone.Files)) as Task;
      expect([child.mm, child.files, child.isLeader]).toEqual([task.mm, task.files, true]);
    });

    test('of io_uring share everything and are marked', () => {
      const worker = machine.tasks.createIoThread(task, 'iou-sqp-100');
      expect([worker.comm, worker.tgid]).toEqual(['iou-sqp-100', 100]);
      expect(worker.record.get('flags')).toBe(TaskFlag.IoWorker);
      expect([worker.mm, worker.files]).toEqual([task.mm, task.files]);
    });
  });

  test('kernel threads have neither memory nor files', () => {
    const thread = machine.tasks.create({ comm: 'kworker/0:1', kernelThread: true });
    expect([thread.mm, thread.files]).toEqual([undefined, undefined]);
    expect(thread.record.big('mm')).toBe(0n);
    expect(thread.record.get('flags') & TaskFlag.KernelThread).not.toBe(0);
  });

  test('orphans go to process 1', () => {
    const child = machine.tasks.get(machine.sys.fork(task)) as Task;
    machine.sys.exit_group(task, 0);
    expect(child.parent).toBe(init);
    expect(child.record.big('real_parent')).toBe(init.address);
    expect(onList(init.record.addressOf('children'), 'sibling')).toEqual([child.pid]);
    machine.sys.exit_group(init, 0);
    expect(child.parent).toBeUndefined();
    expect(child.record.big('real_parent')).toBe(machine.symbolAddress('init_task'));
  });

  test('nothing is left of a process, whatever the order', () => {
    const round = () => {
      const parent = machine.tasks.create({ uid: 5, groups: [1, 2, 3] });
      machine.sys.eventfd2(parent, 0, 0);
      const child = machine.tasks.get(machine.sys.fork(parent)) as Task;
      machine.sys.clone(child, THREAD);
      machine.sys.mmap(child, 0, 8192, 3, 0x8022);
      machine.sys.exit_group(parent, 0);
      machine.sys.exit_group(child, 0);
    };
    round();
    const [objects, used] = [machine.heap.objects, machine.heap.used];
    round();
    expect([machine.heap.objects, machine.heap.used, machine.pages.used]).toEqual([objects, used, 0]);
  });

  test('a pidfd keeps the struct pid, not the task', () => {
    const child = machine.tasks.get(machine.sys.fork(task)) as Task;
    const fd = machine.sys.pidfd_open(task, child.pid, 0);
    const pid = child.pidRecord;
    expect(task.files?.get(fd)?.record.big('private_data')).toBe(pid.address);
    machine.sys.exit_group(child, 0);
    expect(pid.get('numbers[0].nr')).toBe(child.pid);
    expect([...hlistNodes(machine.ram, pid.addressOf('tasks[0]'))]).toEqual([]);
    machine.sys.close(task, fd);
    expect(() => pid.get('level')).toThrow(UseAfterFree);
  });

  test('limits', () => {
    const word = (which: Rlimit) => task.group.record.big(`rlim[${which}].rlim_cur`);
    expect([task.limit(Rlimit.NoFile), word(Rlimit.NoFile)]).toEqual([1024, 1024n]);
    expect(word(Rlimit.MemLock)).toBe(8n << 20n);
    task.group.setLimit(Rlimit.MemLock, UNLIMITED);
    expect(word(Rlimit.MemLock)).toBe(2n ** 64n - 1n);
  });

  describe('credentials', () => {
    test('ids and groups', () => {
      const { record } = task.cred;
      for (const id of ['uid', 'suid', 'euid', 'fsuid']) expect(record.get(id)).toBe(1000);
      for (const id of ['gid', 'sgid', 'egid', 'fsgid']) expect(record.get(id)).toBe(100);
      const groups = machine.heap.at(record.big('group_info')) as Record;
      expect([groups.get('ngroups'), groups.get('gid[0]'), groups.get('gid[1]')]).toEqual([2, 4, 24]);
      expect(record.big('user')).toBe(task.cred.user.record.address);
    });

    test('root has all capabilities, others none unless given', () => {
      expect(init.cred.capabilities).toBe(ALL_CAPABILITIES);
      expect(task.cred.capabilities).toBe(0n);
      const lock = 1n << BigInt(Capability.IpcLock);
      const cred = machine.tasks.newCred({ uid: 7, capabilities: lock });
      expect([cred.capable(Capability.IpcLock), cred.capable(Capability.SysAdmin)]).toEqual([true, false]);
      expect(cred.record.has('cap_effective.cap[0]')).toBe(kernel !== '6.12');
    });

    test('change as a whole, old ones stay with open files', () => {
      const fd = machine.sys.eventfd2(task, 0, 0);
      const old = task.cred;
      task.cred = machine.tasks.newCred({ uid: 2000 });
      expect(task.record.big('cred')).toBe(task.cred.record.address);
      expect(task.files?.get(fd)?.record.big('f_cred')).toBe(old.record.address);
      machine.sys.close(task, fd);
      expect(() => old.uid).toThrow(UseAfterFree);
    });

    test('one account for each user', () => {
      const { user } = machine.tasks.create({ uid: 1000 }).cred;
      expect(user).toBe(task.cred.user);
      user.charge(12);
      user.charge(-2);
      expect([user.lockedVm, user.record.get('locked_vm'), user.record.get('uid')]).toEqual([10, 10, 1000]);
      expect(machine.tasks.user(0)).not.toBe(user);
    });
  });

  test('the current task is whom programs run for', () => {
    expect(machine.currentTask()).toBe(0n);
    machine.current = task;
    expect(machine.currentTask()).toBe(task.address);
    expect(machine.ktime()).toBe(5_000_000_000n);
    expect([machine.nextId('x'), machine.nextId('x'), machine.nextId('y')]).toEqual([1, 2, 1]);
    expect(machine.btf).toBe(machine.profile.btf);
  });
});
