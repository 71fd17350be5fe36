import { beforeEach, describe, expect, test } from 'vitest';
import { Errno } from '../../bpf/errno.ts';
import { ALL_CAPABILITIES, Capability, type CredState } from '../../kernel-model/cred.ts';
import { SecureBit } from '../../kernel-model/cred-syscalls.ts';
import { Setup } from '../../kernel-model/io-uring/uapi.ts';
import type { Machine } from '../../kernel-model/machine.ts';
import { MapFlag } from '../../kernel-model/memory-syscalls.ts';
import { Dumpable } from '../../kernel-model/mm.ts';
import { Ambient, type MmMap, mmMap, Prctl } from '../../kernel-model/prctl.ts';
import type { Record } from '../../kernel-model/record.ts';
import { RLIMITS, Rlimit, type Task, UNLIMITED } from '../../kernel-model/task.ts';
import { Clone } from '../../kernel-model/task-table.ts';
import { Caller } from './ring-support.ts';
import { KERNELS, newMachine, PAGE } from './support.ts';

const bit = (...capabilities: number[]) => capabilities.reduce((set, cap) => set | (1n << BigInt(cap)), 0n);
const KEEP = -1;
const REGISTER_PERSONALITY = 9;

describe.each(KERNELS)('credentials of %s', (kernel) => {
  let machine: Machine;
  let root: Task;
  let user: Task;
  beforeEach(async () => {
    machine = await newMachine(kernel);
    root = machine.tasks.create({ pid: 1 });
    user = machine.tasks.create({ pid: 100, uid: 1000, gid: 100, euid: 1001, suid: 1002, sgid: 101 });
  });

  const sys = () => machine.sys;
  const ids = ({ cred }: Task) => {
    const { uid, euid, suid, fsuid, gid, egid, sgid, fsgid } = cred.state;
    return [
      [uid, euid, suid, fsuid],
      [gid, egid, sgid, fsgid],
    ];
  };
  const sets = ({ cred }: Task) => {
    const { permitted, effective, inheritable, bounding, ambient } = cred.state;
    return { permitted, effective, inheritable, bounding, ambient };
  };
  const become = (task: Task, changes: Partial<CredState>) => machine.tasks.changeCred(task, changes);

  describe('user and group ids', () => {
    test('without the capability, only among the three that the task has', () => {
      expect(sys().setresuid(user, 1001, 1002, 1000)).toBe(0);
      expect(sys().setresgid(user, KEEP, 101, KEEP)).toBe(0);
      expect(ids(user)).toEqual([
        [1001, 1002, 1000, 1002],
        [100, 101, 101, 101],
      ]);
      expect(sys().setresuid(user, 0, KEEP, KEEP)).toBe(-Errno.EPERM);
      expect(sys().setresgid(user, KEEP, KEEP, 5)).toBe(-Errno.EPERM);
      expect(sys().setresuid(user, -2, KEEP, KEEP)).toBe(-Errno.EINVAL);
      expect(sys().setresgid(user, KEEP, 2 ** 32 - 1, KEEP)).toBe(-Errno.EINVAL);
    });

    test('with it any', () => {
      become(user, { effective: bit(Capability.SetUid), permitted: bit(Capability.SetUid) });
      expect(sys().setresuid(user, 7, 8, 9)).toBe(0);
      expect(ids(user)[0]).toEqual([7, 8, 9, 8]);
      expect(sys().setresgid(user, 7, 8, 9)).toBe(-Errno.EPERM);
      expect(sys().setresgid(root, 7, 8, 9)).toBe(0);
      expect(ids(root)[1]).toEqual([7, 8, 9, 8]);
    });

    test('the records show them, and the account changes with the real id', () => {
      sys().setresuid(root, 50, 51, 52);
      const { record } = root.cred;
      expect(['uid', 'euid', 'suid', 'fsuid'].map((name) => record.get(name))).toEqual([50, 51, 52, 51]);
      expect(record.big('user')).toBe(machine.tasks.user(50).record.address);
    });

    test('file ids, and the capabilities that go with user 0', () => {
      const fileCaps = bit(0, 1, 2, 3, 4, 9, 27, 32);
      expect(sys().setfsuid(root, 1000)).toBe(0);
      expect(sets(root).effective).toBe(ALL_CAPABILITIES & ~fileCaps);
      expect(sys().setfsuid(root, 0)).toBe(1000);
      expect(sets(root).effective).toBe(ALL_CAPABILITIES);
      expect([sys().setfsgid(root, 5), sys().setfsgid(root, 6)]).toEqual([0, 5]);
      expect(sys().setfsuid(user, 7)).toBe(1001);
      expect(sys().setfsuid(user, 1000)).toBe(1001);
      expect(ids(user)[0]).toEqual([1000, 1001, 1002, 1000]);
    });

    test('files are made as the file ids say', () => {
      sys().setfsuid(root, 1000);
      sys().setfsgid(root, 100);
      const fd = sys().open(root, '/made', 0o101);
      const inode = root.files?.get(fd)?.inode;
      expect([inode?.uid, inode?.record.get('i_gid')]).toEqual([1000, 100]);
    });
  });

  test('groups: sorted, for CAP_SETGID', () => {
    expect(sys().setgroups(root, [24, 4, 27])).toBe(0);
    const groups = machine.heap.at(root.cred.record.big('group_info')) as Record;
    expect([0, 1, 2].map((index) => groups.get(`gid[${index}]`))).toEqual([4, 24, 27]);
    expect(root.cred.state.groups).toEqual([4, 24, 27]);
    expect(sys().setgroups(user, [])).toBe(-Errno.EPERM);
    expect(sys().setgroups(root, new Array(65537).fill(1))).toBe(-Errno.EINVAL);
    expect(sys().setgroups(root, [-1])).toBe(-Errno.EINVAL);
    expect(sys().setgroups(root, [])).toBe(0);
    expect(root.cred.state.groups).toEqual([]);
  });

  describe('capabilities follow user 0', () => {
    test('who leaves it altogether has none', () => {
      become(root, { inheritable: bit(5), ambient: bit(5) });
      sys().setresuid(root, KEEP, 1000, KEEP);
      expect(sets(root)).toMatchObject({ permitted: ALL_CAPABILITIES, effective: 0n, ambient: bit(5) });
      sys().setresuid(root, KEEP, 0, KEEP);
      expect(sets(root).effective).toBe(ALL_CAPABILITIES);
      sys().setresuid(root, 1000, 1000, 1000);
      expect(sets(root)).toMatchObject({ permitted: 0n, effective: 0n, ambient: 0n, inheritable: bit(5) });
      expect(sets(root).bounding).toBe(ALL_CAPABILITIES);
    });

    test('unless it asked to keep them', () => {
      expect([sys().prctl(root, Prctl.SetKeepCaps, 1), sys().prctl(root, Prctl.GetKeepCaps)]).toEqual([0, 1]);
      sys().setresuid(root, 1000, 1000, 1000);
      expect(sets(root)).toMatchObject({ permitted: ALL_CAPABILITIES, effective: 0n });
      const kept = { effective: bit(14), permitted: bit(14), inheritable: 0n };
      expect(sys().capset(root, kept)).toBe(0);
      expect(sets(root)).toMatchObject(kept);
      expect(sys().prctl(root, Prctl.SetKeepCaps, 2)).toBe(-Errno.EINVAL);
    });

    test('unless that is turned off', () => {
      sys().prctl(root, Prctl.SetSecureBits, SecureBit.NoSetuidFixup);
      sys().setresuid(root, 1000, 1000, 1000);
      expect(sets(root)).toMatchObject({ permitted: ALL_CAPABILITIES, effective: ALL_CAPABILITIES });
      sys().setfsuid(root, 0);
      sys().setfsuid(root, 1000);
      expect(sets(root).effective).toBe(ALL_CAPABILITIES);
    });
  });

  describe('capset', () => {
    const set = (task: Task, permitted: bigint, effective: bigint, inheritable: bigint) =>
      sys().capset(task, { permitted, effective, inheritable });

    test('only takes away, but for inheritable ones', () => {
      become(user, { permitted: bit(1, 2, 3), effective: bit(1) });
      expect(set(user, bit(1, 2), bit(1, 2), bit(3))).toBe(0);
      expect(set(user, bit(3), 0n, 0n)).toBe(-Errno.EPERM);
      expect(set(user, bit(1), bit(2), 0n)).toBe(-Errno.EPERM);
      expect(set(user, bit(1), 0n, bit(3, 4))).toBe(-Errno.EPERM);
      expect(sets(user)).toMatchObject({
        permitted: bit(1, 2),
        effective: bit(1, 2),
        inheritable: bit(3),
      });
    });

    test('CAP_SETPCAP makes what the bounding set has inheritable', () => {
      become(user, { permitted: bit(8), effective: bit(8), bounding: bit(4, 8) });
      expect(set(user, bit(8), bit(8), bit(4))).toBe(0);
      expect(set(user, bit(8), bit(8), bit(5))).toBe(-Errno.EPERM);
    });

    test('ambient ones go when they are no longer both permitted and inheritable', () => {
      become(user, { permitted: bit(1, 2), inheritable: bit(1, 2) });
      for (const cap of [1, 2]) expect(sys().prctl(user, Prctl.Ambient, Ambient.Raise, cap)).toBe(0);
      set(user, bit(1, 2), 0n, bit(1));
      expect(sets(user).ambient).toBe(bit(1));
    });
  });

  test('the bounding set can only shrink', () => {
    expect([9, 41].map((cap) => sys().prctl(root, Prctl.BoundingRead, cap))).toEqual([1, -Errno.EINVAL]);
    expect(sys().prctl(root, Prctl.BoundingDrop, 9)).toBe(0);
    expect(sys().prctl(root, Prctl.BoundingRead, 9)).toBe(0);
    expect(sets(root).bounding).toBe(ALL_CAPABILITIES & ~bit(9));
    expect(sys().prctl(user, Prctl.BoundingDrop, 9)).toBe(-Errno.EPERM);
    expect(sys().prctl(root, Prctl.BoundingDrop, 41)).toBe(-Errno.EINVAL);
  });

  test('the ambient set', () => {
    const ambient = (operation: Ambient, cap = 0) => sys().prctl(root, Prctl.Ambient, operation, cap);
    expect(ambient(Ambient.Raise, 5)).toBe(-Errno.EPERM);
    become(root, { inheritable: bit(5, 6) });
    expect([ambient(Ambient.Raise, 5), ambient(Ambient.IsSet, 5), ambient(Ambient.IsSet, 6)]).toEqual([
      0, 1, 0,
    ]);
    expect([ambient(Ambient.Lower, 5), ambient(Ambient.IsSet, 5)]).toEqual([0, 0]);
    sys().prctl(root, Prctl.SetSecureBits, SecureBit.NoAmbientRaise);
    expect(ambient(Ambient.Raise, 5)).toBe(-Errno.EPERM);
    expect([ambient(Ambient.ClearAll, 1), ambient(Ambient.ClearAll), ambient(9 as Ambient, 1)]).toEqual([
      -Errno.EINVAL,
      0,
      -Errno.EINVAL,
    ]);
  });

  test('secure bits: locks stay, and what they lock', () => {
    const secure = (bits: number, task = root) => sys().prctl(task, Prctl.SetSecureBits, bits);
    expect(secure(SecureBit.NoRoot, user)).toBe(-Errno.EPERM);
    expect(secure(0x100)).toBe(-Errno.EPERM);
    expect(secure(SecureBit.KeepCaps | SecureBit.KeepCapsLocked)).toBe(0);
    expect(secure(SecureBit.KeepCaps)).toBe(-Errno.EPERM);
    expect(secure(SecureBit.KeepCapsLocked)).toBe(-Errno.EPERM);
    expect(sys().prctl(root, Prctl.SetKeepCaps, 0)).toBe(-Errno.EPERM);
    expect(secure(SecureBit.KeepCaps | SecureBit.KeepCapsLocked | SecureBit.NoRoot)).toBe(0);
    expect(sys().prctl(root, Prctl.GetSecureBits)).toBe(0x31);
    expect(root.cred.record.get('securebits')).toBe(0x31);
  });

  describe('who holds old credentials keeps them', () => {
    test('open files, other threads', () => {
      const fd = sys().eventfd2(root, 0, 0);
      const thread = machine.tasks.get(
        sys().clone(root, Clone.Vm | Clone.Sighand | Clone.Thread | Clone.Files),
      ) as Task;
      sys().setresuid(root, 1000, 1000, 1000);
      expect([root.files?.get(fd)?.cred.uid, thread.cred.uid, root.cred.uid]).toEqual([0, 0, 1000]);
      expect(thread.record.big('cred')).not.toBe(root.record.big('cred'));
    });

    test('rings: personalities, and what their thread submits with', () => {
      const caller = new Caller(machine, root);
      const fd = caller.setup(4, { flags: Setup.SqPoll });
      const ring = caller.ring(fd);
      const before = root.cred;
      caller.register(fd, REGISTER_PERSONALITY, 0n, 0);
      sys().setgroups(root, [3]);
      sys().setresgid(root, 7, 7, 7);
      sys().setresuid(root, 1000, 1000, 1000);
      caller.register(fd, REGISTER_PERSONALITY, 0n, 0);
      const [first, second] = ring.personalities.ids.map((id) => ring.personalities.get(id));
      expect(first).toBe(before);
      expect(second).toBe(root.cred);
      expect([first?.state.groups, second?.state.groups, second?.uid]).toEqual([[], [3], 1000]);
      expect(ring.ctx.big('sq_creds')).toBe(before.record.address);
    });
  });

  describe('a process that changed who it is cannot be looked into', () => {
    const dumpable = (task: Task) => sys().prctl(task, Prctl.GetDumpable);

    test('until it says so', () => {
      sys().setgroups(root, [1]);
      expect(dumpable(root)).toBe(1);
      sys().setresuid(root, KEEP, 1000, KEEP);
      expect(dumpable(root)).toBe(0);
      expect(sys().prctl(root, Prctl.SetDumpable, Dumpable.Yes)).toBe(0);
      expect([dumpable(root), (root.mm?.record.get('flags') ?? 0) & 3]).toEqual([1, 1]);
      expect(sys().prctl(root, Prctl.SetDumpable, 2)).toBe(-Errno.EINVAL);
    });

    test('children inherit it', () => {
      sys().setresgid(root, 5, 5, 5);
      expect(dumpable(machine.tasks.get(sys().fork(root)) as Task)).toBe(0);
    });
  });

  describe('limits', () => {
    const limits = (task: Task, which: Rlimit) => sys().prlimit64(task, 0, which);

    test('of a new process', () => {
      expect(limits(root, Rlimit.NoFile)).toEqual({ soft: 1024, hard: 4096 });
      expect(limits(root, 0 as Rlimit)).toEqual({ soft: UNLIMITED, hard: UNLIMITED });
      const { record } = root.group;
      expect(record.big(`rlim[${Rlimit.NoFile}].rlim_max`)).toBe(4096n);
      expect(record.big('rlim[0].rlim_cur')).toBe(2n ** 64n - 1n);
      expect(limits(root, RLIMITS as Rlimit)).toBe(-Errno.EINVAL);
    });

    test('anybody lowers, CAP_SYS_RESOURCE raises', () => {
      const set = (task: Task, soft: number, hard: number) =>
        sys().prlimit64(task, 0, Rlimit.MemLock, { soft, hard });
      expect(set(user, 5 * PAGE, 6 * PAGE)).toEqual({ soft: 8 << 20, hard: 8 << 20 });
      expect(user.limit(Rlimit.MemLock)).toBe(5 * PAGE);
      expect(set(user, 6 * PAGE, 6 * PAGE)).toEqual({ soft: 5 * PAGE, hard: 6 * PAGE });
      expect(set(user, 6 * PAGE, 7 * PAGE)).toBe(-Errno.EPERM);
      expect(set(user, 7 * PAGE, 6 * PAGE)).toBe(-Errno.EINVAL);
      expect(typeof set(root, UNLIMITED, UNLIMITED)).toBe('object');
      expect(sys().prlimit64(root, 0, Rlimit.NoFile, { soft: 1, hard: 2 ** 20 + 1 })).toBe(-Errno.EPERM);
      const child = machine.tasks.get(sys().fork(user)) as Task;
      expect(limits(child, Rlimit.MemLock)).toEqual({ soft: 6 * PAGE, hard: 6 * PAGE });
    });

    test('of another process', () => {
      expect(sys().prlimit64(root, 100, Rlimit.NoFile)).toEqual({ soft: 1024, hard: 4096 });
      expect(sys().prlimit64(user, 1, Rlimit.NoFile)).toBe(-Errno.EPERM);
      expect(sys().prlimit64(root, 999, Rlimit.NoFile)).toBe(-Errno.ESRCH);
      const twin = machine.tasks.create({ uid: 1000, gid: 100 });
      const other = machine.tasks.create({ uid: 1000, gid: 100 });
      expect(typeof sys().prlimit64(twin, other.pid, Rlimit.NoFile)).toBe('object');
    });
  });

  describe('prctl', () => {
    test('names a thread', () => {
      sys().prctl(user, Prctl.SetName, 'a very long name of it');
      expect(user.comm).toBe('a very long nam');
      expect(sys().prctl(user, 999 as Prctl)).toBe(-Errno.EINVAL);
    });

    const map: MmMap = {
      ...{ start_code: 0x40_0000, end_code: 0x41_0000, start_data: 0x42_0000, end_data: 0x43_0000 },
      ...{ start_brk: 0x50_0000, brk: 0x51_0000, start_stack: 0x60_0000 },
      ...{ arg_start: 0x61_0000, arg_end: 0x61_1000, env_start: 0x61_1000, env_end: 0x61_2000 },
    };

    test('says where the parts of the program stand, all at once', () => {
      expect(sys().prctl_mm_map(user, map)).toBe(0);
      expect(user.mm && mmMap(user.mm)).toEqual(map);
      for (const bad of [{ brk: 0x4f_0000 }, { start_code: 0 }, { env_end: 2 ** 47 }])
        expect(sys().prctl_mm_map(user, { ...map, ...bad })).toBe(-Errno.EINVAL);
      const child = machine.tasks.get(sys().fork(user)) as Task;
      expect(child.mm && mmMap(child.mm)).toEqual(map);
    });

    test('or one by one, once all are known', () => {
      const SetBrk = 7;
      const SetStack = 5;
      const one = (task: Task, which: number, address: number) =>
        sys().prctl(task, Prctl.SetMm, which, address);
      expect(one(user, SetBrk, 0x52_0000)).toBe(-Errno.EPERM);
      expect(one(root, SetBrk, 0x52_0000)).toBe(-Errno.EINVAL);
      sys().prctl_mm_map(root, map);
      expect([one(root, SetBrk, 0x52_0000), one(root, 99, 0x52_0000)]).toEqual([0, -Errno.EINVAL]);
      expect(root.mm?.record.get('brk')).toBe(0x52_0000);
      expect(one(root, SetStack, 0x60_1000)).toBe(-Errno.EFAULT);
      sys().mmap(root, 0x60_0000, 2 * PAGE, 3, MapFlag.Private | MapFlag.Anonymous | MapFlag.Fixed);
      expect(one(root, SetStack, 0x60_1000)).toBe(0);
    });
  });
});
