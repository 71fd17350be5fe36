/** prctl(2) as far as the model keeps what it sets, and resource limits. A result >= 0, or a negative errno. */
import { Errno } from '../bpf/errno.ts';
import { Capability, hasCapability } from './cred.ts';
import { CredSyscalls, SecureBit } from './cred-syscalls.ts';
import { Dumpable, MM_FIELDS, MMAP_MIN, type Mm, USER_END } from './mm.ts';
import { type Limit, RLIMITS, Rlimit, type Task } from './task.ts';

/** PR_* */
export const enum Prctl {
  GetDumpable = 3,
  SetDumpable = 4,
  GetKeepCaps = 7,
  SetKeepCaps = 8,
  /** With a text. */
  SetName = 15,
  BoundingRead = 23,
  BoundingDrop = 24,
  GetSecureBits = 27,
  SetSecureBits = 28,
  SetMm = 35,
  Ambient = 47,
}

/** PR_CAP_AMBIENT_* */
export const enum Ambient {
  IsSet = 1,
  Raise = 2,
  Lower = 3,
  ClearAll = 4,
}

/** Where the parts of a program stand (`struct prctl_mm_map`). */
export type MmMap = { readonly [Field in (typeof MM_FIELDS)[number]]: number };

/** Members by their PR_SET_MM_* number, from 1 on. */
const SET_MM = [
  ...(['start_code', 'end_code', 'start_data', 'end_data', 'start_stack', 'start_brk', 'brk'] as const),
  ...(['arg_start', 'arg_end', 'env_start', 'env_end'] as const),
] as const;
/** Those that must lie in or below a mapping. */
const IN_MAPPING: ReadonlySet<string> = new Set([
  'start_stack',
  'arg_start',
  'arg_end',
  'env_start',
  'env_end',
]);
/** fs.nr_open */
const MAX_FILES = 1 << 20;

export class PrctlSyscalls extends CredSyscalls {
  /** prctl(2). @param argument a text for SetName. @returns -EINVAL (also for options not modelled), -EPERM, -EFAULT. */
  prctl(task: Task, option: Prctl, argument: number | string = 0, second = 0): number {
    if (option === Prctl.SetName) {
      task.comm = `${argument}`;
      return 0;
    }
    if (typeof argument === 'string') return -Errno.EFAULT;
    switch (option) {
      case Prctl.GetDumpable:
        return task.mm?.dumpable ?? 0;
      case Prctl.SetDumpable:
        if (argument !== Dumpable.No && argument !== Dumpable.Yes) return -Errno.EINVAL;
        if (task.mm) task.mm.dumpable = argument;
        return 0;
      case Prctl.GetKeepCaps:
        return (task.cred.state.securebits & SecureBit.KeepCaps) === 0 ? 0 : 1;
      case Prctl.SetKeepCaps:
        return this.keepCaps(task, argument);
      case Prctl.BoundingRead:
        if (!isCapability(argument)) return -Errno.EINVAL;
        return hasCapability(task.cred.state.bounding, argument) ? 1 : 0;
      case Prctl.BoundingDrop:
        return this.dropBounding(task, argument);
      case Prctl.GetSecureBits:
        return task.cred.state.securebits;
      case Prctl.SetSecureBits:
        return this.setSecureBits(task, argument);
      case Prctl.SetMm:
        return this.setMm(task, argument, second);
      case Prctl.Ambient:
        return this.ambient(task, argument, second);
      default:
        return -Errno.EINVAL;
    }
  }

  /** prctl PR_SET_MM with PR_SET_MM_MAP: all members at once, for which no capability is needed. -EINVAL. */
  prctl_mm_map(task: Task, map: MmMap): number {
    if (!task.mm || !isMmMap(map)) return -Errno.EINVAL;
    for (const field of MM_FIELDS) task.mm.record.set(field, map[field]);
    return 0;
  }

  /**
   * prlimit64(2): the limits before, with new ones set when given.
   * @param pid 0 for the task itself. @param limit soft and hard; UNLIMITED is RLIM_INFINITY.
   * @returns -EINVAL, -ESRCH, -EPERM (another user's process, or a higher hard limit, without CAP_SYS_RESOURCE; more
   * files than the system can have).
   */
  prlimit64(task: Task, pid: number, which: Rlimit, limit?: Limit): Limit | number {
    if (which < 0 || which >= RLIMITS) return -Errno.EINVAL;
    if (limit && limit.soft > limit.hard) return -Errno.EINVAL;
    const target = pid === 0 ? task : this.machine.tasks.get(pid);
    if (!target) return -Errno.ESRCH;
    if (!mayLimit(task, target)) return -Errno.EPERM;
    const before = target.group.limits(which);
    if (!limit) return before;
    if (which === Rlimit.NoFile && limit.hard > MAX_FILES) return -Errno.EPERM;
    if (limit.hard > before.hard && !task.cred.capable(Capability.SysResource)) return -Errno.EPERM;
    target.group.setLimit(which, limit.soft, limit.hard);
    return before;
  }

  private keepCaps(task: Task, on: number): number {
    if (on !== 0 && on !== 1) return -Errno.EINVAL;
    const { securebits } = task.cred.state;
    if ((securebits & SecureBit.KeepCapsLocked) !== 0) return -Errno.EPERM;
    const changed = on === 1 ? securebits | SecureBit.KeepCaps : securebits & ~SecureBit.KeepCaps;
    this.machine.tasks.changeCred(task, { securebits: changed });
    return 0;
  }

  private dropBounding(task: Task, capability: number): number {
    if (!task.cred.capable(Capability.SetPcap)) return -Errno.EPERM;
    if (!isCapability(capability)) return -Errno.EINVAL;
    const bounding = task.cred.state.bounding & ~(1n << BigInt(capability));
    this.machine.tasks.changeCred(task, { bounding });
    return 0;
  }

  /** Locks stay, and what they lock. */
  private setSecureBits(task: Task, bits: number): number {
    const { securebits } = task.cred.state;
    const locks = securebits & SecureBit.Locks;
    const changesLocked = ((locks >>> 1) & (securebits ^ bits)) !== 0;
    const unknown = (bits & ~(SecureBit.All | SecureBit.Locks)) !== 0;
    if (changesLocked || (locks & ~bits) !== 0 || unknown || !task.cred.capable(Capability.SetPcap))
      return -Errno.EPERM;
    this.machine.tasks.changeCred(task, { securebits: bits });
    return 0;
  }

  private ambient(task: Task, operation: number, capability: number): number {
    const { ambient, permitted, inheritable, securebits } = task.cred.state;
    if (operation === Ambient.ClearAll) {
      if (capability !== 0) return -Errno.EINVAL;
      this.machine.tasks.changeCred(task, { ambient: 0n });
      return 0;
    }
    if (!isCapability(capability)) return -Errno.EINVAL;
    const bit = 1n << BigInt(capability);
    if (operation === Ambient.IsSet) return (ambient & bit) === 0n ? 0 : 1;
    if (operation !== Ambient.Raise && operation !== Ambient.Lower) return -Errno.EINVAL;
    const raise = operation === Ambient.Raise;
    const held = (permitted & inheritable & bit) !== 0n && (securebits & SecureBit.NoAmbientRaise) === 0;
    if (raise && !held) return -Errno.EPERM;
    this.machine.tasks.changeCred(task, { ambient: raise ? ambient | bit : ambient & ~bit });
    return 0;
  }

  /** PR_SET_MM of one member; the others must be in order already. */
  private setMm(task: Task, which: number, address: number): number {
    if (!task.cred.capable(Capability.SysResource)) return -Errno.EPERM;
    const field = SET_MM[which - 1];
    if (!field || !task.mm || address >= USER_END || address < MMAP_MIN) return -Errno.EINVAL;
    const map = { ...mmMap(task.mm), [field]: address };
    if (!isMmMap(map)) return -Errno.EINVAL;
    if (IN_MAPPING.has(field) && !task.mm.find(address)) return -Errno.EFAULT;
    task.mm.record.set(field, address);
    return 0;
  }
}

/** Where the parts of a process's program stand, zeros where that was never said. */
export function mmMap(mm: Mm): MmMap {
  const { record } = mm;
  return Object.fromEntries(MM_FIELDS.map((field) => [field, record.get(field)])) as MmMap;
}

function isMmMap(map: MmMap): boolean {
  if (MM_FIELDS.some((field) => map[field] >= USER_END || map[field] < MMAP_MIN)) return false;
  if (map.start_code >= map.end_code || map.start_data > map.end_data) return false;
  return map.start_brk <= map.brk && map.arg_start <= map.arg_end && map.env_start <= map.env_end;
}

function isCapability(number: number): boolean {
  return Number.isInteger(number) && number >= 0 && number <= Capability.Last;
}

function mayLimit(task: Task, target: Task): boolean {
  if (task === target || task.cred.capable(Capability.SysResource)) return true;
  const { uid, gid } = task.cred;
  const other = target.cred.state;
  const users = [other.uid, other.euid, other.suid];
  const groups = [other.gid, other.egid, other.sgid];
  return users.every((id) => id === uid) && groups.every((id) => id === gid);
}
