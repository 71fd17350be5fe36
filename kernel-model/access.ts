/** Whether a task may look into another, or change it. */
import { Capability } from './cred.ts';
import { Dumpable } from './mm.ts';
import type { Task } from './task.ts';

/**
 * The kernel's rule for ptrace and for what of /proc follows it: threads of one process may; others need the same
 * user and group, a process that has not changed its own (dumpable), and no capabilities that they lack.
 * CAP_SYS_PTRACE stands for all of that.
 * @param as whether the ids for files decide (/proc) or the real ones (system calls).
 */
export function mayAccess(task: Task, target: Task, as: 'filesystem' | 'real'): boolean {
  if (task.group === target.group) return true;
  const { cred } = task;
  if (cred.capable(Capability.SysPtrace)) return true;
  const files = as === 'filesystem';
  const other = target.cred.state;
  const uid = files ? cred.fsuid : cred.uid;
  const gid = files ? cred.fsgid : cred.gid;
  const sameUser = uid === other.uid && uid === other.euid && uid === other.suid;
  const sameGroup = gid === other.gid && gid === other.egid && gid === other.sgid;
  if (!sameUser || !sameGroup) return false;
  if (target.mm && target.mm.dumpable !== Dumpable.Yes) return false;
  const held = files ? cred.capabilities : cred.permitted;
  return (other.permitted & ~held) === 0n;
}
