/**
 * Gives a task credentials to the last bit, starting from those of a task that may do everything. Capabilities go
 * last, since everything before needs some; the ids are set with the fix-up of capabilities turned off.
 */
import { Ambient, Prctl } from '../../kernel-model/prctl.ts';
import type { Task } from '../../kernel-model/task.ts';
import type { CredState } from '../state.ts';
import { type Calls, hex } from './calls.ts';

/** SECBIT_NO_SETUID_FIXUP */
const NO_FIXUP = 0x4;
const CAPABILITIES = 41;

export function becomeCred(calls: Calls, task: Task, cred: CredState): void {
  const { sys } = calls.machine;
  const prctl = (name: string, option: Prctl, argument: number, second = 0) =>
    calls.done(task, 'prctl', [name, argument, second], sys.prctl(task, option, argument, second));
  prctl('PR_SET_SECUREBITS', Prctl.SetSecureBits, cred.securebits | NO_FIXUP);
  calls.done(task, 'setgroups', [cred.groups.join(' ')], sys.setgroups(task, cred.groups));
  setIds(calls, task, cred);
  for (const capability of bits(~cred.bounding)) prctl('PR_CAPBSET_DROP', Prctl.BoundingDrop, capability);
  raiseAmbient(calls, task, cred);
  if (task.cred.state.securebits !== cred.securebits)
    prctl('PR_SET_SECUREBITS', Prctl.SetSecureBits, cred.securebits);
  const { effective, permitted, inheritable } = cred;
  const sets = [effective, permitted, inheritable].map((set) => hex(set));
  calls.done(task, 'capset', sets, sys.capset(task, { effective, permitted, inheritable }));
}

function setIds(calls: Calls, task: Task, cred: CredState): void {
  const { sys } = calls.machine;
  const { uid, euid, suid, fsuid, gid, egid, sgid, fsgid } = cred;
  calls.done(task, 'setresgid', [gid, egid, sgid], sys.setresgid(task, gid, egid, sgid));
  calls.done(task, 'setfsgid', [fsgid], sys.setfsgid(task, fsgid));
  calls.done(task, 'setresuid', [uid, euid, suid], sys.setresuid(task, uid, euid, suid));
  calls.done(task, 'setfsuid', [fsuid], sys.setfsuid(task, fsuid));
}

/** Ambient capabilities must be permitted and inheritable. */
function raiseAmbient(calls: Calls, task: Task, { ambient, inheritable }: CredState): void {
  if (ambient === 0n) return;
  const { sys } = calls.machine;
  const { permitted, effective } = task.cred.state;
  calls.done(
    task,
    'capset',
    [hex(effective), hex(permitted), hex(inheritable)],
    sys.capset(task, { effective, permitted, inheritable }),
  );
  for (const capability of bits(ambient)) {
    const result = sys.prctl(task, Prctl.Ambient, Ambient.Raise, capability);
    calls.done(task, 'prctl', ['PR_CAP_AMBIENT', 'RAISE', capability], result);
  }
}

function bits(set: bigint): number[] {
  return Array.from({ length: CAPABILITIES }, (_, i) => i).filter((i) => ((set >> BigInt(i)) & 1n) === 1n);
}
