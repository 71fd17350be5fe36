/**
 * System calls that change who a task is: ids, groups, capabilities. 0, or a negative errno; a task that may not make a
 * change gets -EPERM and keeps what it has. An id of -1 stays as it is.
 */
import { Errno } from '../bpf/errno.ts';
import { Capability, type CredState, hasCapability } from './cred.ts';
import { ProcessSyscalls } from './process-syscalls.ts';
import type { Task } from './task.ts';

/** SECBIT_*; the bit above each one locks it. */
export const enum SecureBit {
  NoRoot = 0x1,
  NoSetuidFixup = 0x4,
  KeepCaps = 0x10,
  KeepCapsLocked = 0x20,
  NoAmbientRaise = 0x40,
  All = 0x55,
  Locks = 0xaa,
}

/** What capset(2) sets; bit N is capability N. */
export interface CapabilitySets {
  effective: bigint;
  permitted: bigint;
  inheritable: bigint;
}

const NGROUPS_MAX = 65536;
const INVALID_ID = 0xffff_ffff;
const KEEP = -1;

export class CredSyscalls extends ProcessSyscalls {
  /** setresuid(2): real, effective and saved user id. -EPERM, -EINVAL. */
  setresuid(task: Task, real: number, effective: number, saved: number): number {
    const { state } = task.cred;
    const error = checkIds(state, [real, effective, saved], ['uid', 'euid', 'suid'], Capability.SetUid);
    if (error < 0) return error;
    const uid = chosen(real, state.uid);
    const euid = chosen(effective, state.euid);
    const suid = chosen(saved, state.suid);
    const after = { ...state, uid, euid, suid, fsuid: euid };
    this.machine.tasks.changeCred(task, { ...after, ...afterUserChange(state, after) });
    return 0;
  }

  /** setresgid(2): real, effective and saved group id. -EPERM, -EINVAL. */
  setresgid(task: Task, real: number, effective: number, saved: number): number {
    const { state } = task.cred;
    const error = checkIds(state, [real, effective, saved], ['gid', 'egid', 'sgid'], Capability.SetGid);
    if (error < 0) return error;
    const gid = chosen(real, state.gid);
    const egid = chosen(effective, state.egid);
    const sgid = chosen(saved, state.sgid);
    this.machine.tasks.changeCred(task, { gid, egid, sgid, fsgid: egid });
    return 0;
  }

  /** setfsuid(2), which has no errors: the id before. */
  setfsuid(task: Task, id: number): number {
    const { state } = task.cred;
    const own = [state.uid, state.euid, state.suid, state.fsuid].includes(id);
    const allowed = isId(id) && (own || hasCapability(state.effective, Capability.SetUid));
    if (allowed && id !== state.fsuid)
      this.machine.tasks.changeCred(task, { fsuid: id, effective: afterFileUserChange(state, id) });
    return state.fsuid;
  }

  /** setfsgid(2), which has no errors: the id before. */
  setfsgid(task: Task, id: number): number {
    const { state } = task.cred;
    const own = [state.gid, state.egid, state.sgid, state.fsgid].includes(id);
    const allowed = isId(id) && (own || hasCapability(state.effective, Capability.SetGid));
    if (allowed && id !== state.fsgid) this.machine.tasks.changeCred(task, { fsgid: id });
    return state.fsgid;
  }

  /** setgroups(2). -EPERM without CAP_SETGID, -EINVAL. */
  setgroups(task: Task, groups: readonly number[]): number {
    if (!task.cred.capable(Capability.SetGid)) return -Errno.EPERM;
    if (groups.length > NGROUPS_MAX || !groups.every(isId)) return -Errno.EINVAL;
    this.machine.tasks.changeCred(task, { groups });
    return 0;
  }

  /**
   * capset(2). -EPERM for permitted ones that the task has not, effective ones that are not permitted, and inheritable
   * ones that are new and not in the bounding set, or (without CAP_SETPCAP) not permitted.
   */
  capset(task: Task, { effective, permitted, inheritable }: CapabilitySets): number {
    const { state } = task.cred;
    const within = (set: bigint, limit: bigint) => (set & ~limit) === 0n;
    const free = hasCapability(state.effective, Capability.SetPcap);
    if (!free && !within(inheritable, state.inheritable | state.permitted)) return -Errno.EPERM;
    if (!within(inheritable, state.inheritable | state.bounding)) return -Errno.EPERM;
    if (!within(permitted, state.permitted) || !within(effective, permitted)) return -Errno.EPERM;
    const ambient = state.ambient & permitted & inheritable;
    this.machine.tasks.changeCred(task, { effective, permitted, inheritable, ambient });
    return 0;
  }
}

function isId(id: number): boolean {
  return Number.isInteger(id) && id >= 0 && id < INVALID_ID;
}

function chosen(id: number, old: number): number {
  return id === KEEP ? old : id;
}

/** Each id must be one that the task has among the three, unless it has the capability. */
function checkIds(
  state: CredState,
  wanted: readonly number[],
  own: readonly ('uid' | 'euid' | 'suid' | 'gid' | 'egid' | 'sgid')[],
  capability: Capability,
): number {
  const named = wanted.filter((id) => id !== KEEP);
  if (!named.every(isId)) return -Errno.EINVAL;
  if (hasCapability(state.effective, capability)) return 0;
  const known = own.map((name) => state[name]);
  return named.every((id) => known.includes(id)) ? 0 : -Errno.EPERM;
}

/** Capabilities follow user 0: who leaves it altogether loses them, the effective ones go and come with `euid`. */
function afterUserChange(before: CredState, after: CredState): Partial<CredState> {
  if ((before.securebits & SecureBit.NoSetuidFixup) !== 0) return {};
  const isRoot = ({ uid, euid, suid }: CredState) => uid === 0 || euid === 0 || suid === 0;
  const leaves = isRoot(before) && !isRoot(after);
  const drops = leaves && (before.securebits & SecureBit.KeepCaps) === 0;
  const permitted = drops ? 0n : before.permitted;
  let effective = drops ? 0n : before.effective;
  if (before.euid === 0 && after.euid !== 0) effective = 0n;
  if (before.euid !== 0 && after.euid === 0) effective = permitted;
  return { permitted, effective, ambient: leaves ? 0n : before.ambient };
}

/** The capabilities for files go and come with `fsuid` 0. */
function afterFileUserChange(state: CredState, fsuid: number): bigint {
  if ((state.securebits & SecureBit.NoSetuidFixup) !== 0) return state.effective;
  if (state.fsuid === 0) return state.effective & ~FILE_CAPABILITIES;
  return fsuid === 0 ? state.effective | (FILE_CAPABILITIES & state.permitted) : state.effective;
}

/** CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, FSETID, LINUX_IMMUTABLE, MKNOD, MAC_OVERRIDE. */
const FILE_CAPABILITIES =
  0x1fn |
  [Capability.LinuxImmutable, Capability.Mknod, Capability.MacOverride].reduce(
    (set, capability) => set | (1n << BigInt(capability)),
    0n,
  );
