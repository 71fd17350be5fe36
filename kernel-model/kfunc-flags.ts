/** KF_* flags of kernel functions that programs may call (kernel docs, bpf/kfuncs.rst). */
import { InputError } from '../bpf/input-error.ts';

export const enum KfuncFlag {
  /** Returns a reference that must be released. */
  Acquire = 1 << 0,
  /** Releases the reference it is given. */
  Release = 1 << 1,
  /** May return NULL. */
  RetNull = 1 << 2,
  /** Takes a kptr out of a map (kernels before 6.4). */
  KptrGet = 1 << 3,
  /** Takes only trusted pointers. */
  TrustedArgs = 1 << 4,
  Sleepable = 1 << 5,
  /** Needs CAP_SYS_BOOT. */
  Destructive = 1 << 6,
  /** Takes trusted or RCU-protected pointers. */
  Rcu = 1 << 7,
  IterNew = 1 << 8,
  IterNext = 1 << 9,
  IterDestroy = 1 << 10,
  /** Only within an RCU read section. */
  RcuProtected = 1 << 11,
}

const NAMES: readonly [flag: KfuncFlag, name: string][] = [
  [KfuncFlag.Acquire, 'ACQUIRE'],
  [KfuncFlag.Release, 'RELEASE'],
  [KfuncFlag.RetNull, 'RET_NULL'],
  [KfuncFlag.KptrGet, 'KPTR_GET'],
  [KfuncFlag.TrustedArgs, 'TRUSTED_ARGS'],
  [KfuncFlag.Sleepable, 'SLEEPABLE'],
  [KfuncFlag.Destructive, 'DESTRUCTIVE'],
  [KfuncFlag.Rcu, 'RCU'],
  [KfuncFlag.IterNew, 'ITER_NEW'],
  [KfuncFlag.IterNext, 'ITER_NEXT'],
  [KfuncFlag.IterDestroy, 'ITER_DESTROY'],
  [KfuncFlag.RcuProtected, 'RCU_PROTECTED'],
];

/** "ACQUIRE|RET_NULL"; "" for none. @throws {InputError} for bits without a name. */
export function spellKfuncFlags(flags: number): string {
  const set = NAMES.filter(([flag]) => (flags & flag) !== 0);
  if (set.reduce((sum, [flag]) => sum | flag, 0) !== flags) {
    throw new InputError(`kfunc flags 0x${flags.toString(16)} are not all known`);
  }
  return set.map(([, name]) => name).join('|');
}

/** @throws {InputError} for an unknown name. */
export function parseKfuncFlags(text: string): number {
  if (text === '') return 0;
  return text.split('|').reduce((sum, part) => {
    const entry = NAMES.find(([, name]) => name === part);
    if (!entry) throw new InputError(`unknown kfunc flag "${part}"`);
    return sum | entry[0];
  }, 0);
}
