/** Credentials (`struct cred`) and the per-user accounts (`struct user_struct`) that they charge. */
import type { KernelHeap } from './heap.ts';
import type { Record } from './record.ts';

/** CAP_* numbers the model asks for. */
export const enum Capability {
  Chown = 0,
  SetGid = 6,
  SetUid = 7,
  SetPcap = 8,
  LinuxImmutable = 9,
  IpcLock = 14,
  SysPtrace = 19,
  SysAdmin = 21,
  SysResource = 24,
  Mknod = 27,
  MacOverride = 32,
  CheckpointRestore = 40,
  Last = 40,
}

export const ALL_CAPABILITIES = (1n << BigInt(Capability.Last + 1)) - 1n;

/** Whether a set holds a capability. */
export function hasCapability(set: bigint, capability: Capability): boolean {
  return ((set >> BigInt(capability)) & 1n) === 1n;
}

/** Everything a task is allowed to be: ids, groups, capability sets (bit N is capability N), SECBIT_* bits. */
export interface CredState {
  uid: number;
  suid: number;
  euid: number;
  fsuid: number;
  gid: number;
  sgid: number;
  egid: number;
  fsgid: number;
  /** Supplementary groups, ascending. */
  groups: readonly number[];
  permitted: bigint;
  effective: bigint;
  inheritable: bigint;
  bounding: bigint;
  ambient: bigint;
  securebits: number;
}

/** Credentials out of nothing; what is absent follows from the user id. */
export interface CredOptions extends Partial<CredState> {
  /** Effective and permitted capabilities, and the bound; by default all for user 0 and none for others. */
  capabilities?: bigint;
}

const IDS = ['uid', 'suid', 'euid', 'fsuid', 'gid', 'sgid', 'egid', 'fsgid'] as const;

/** Member of `struct cred` for each set. */
const SETS = {
  permitted: 'cap_permitted',
  effective: 'cap_effective',
  inheritable: 'cap_inheritable',
  bounding: 'cap_bset',
  ambient: 'cap_ambient',
} as const;
const SET_NAMES = ['permitted', 'effective', 'inheritable', 'bounding', 'ambient'] as const;

/** Fills in what options leave open: all user ids and all group ids alike, no more groups. */
export function credState(options: CredOptions): CredState {
  const { uid = 0, gid = 0, capabilities } = options;
  const { euid = uid, suid = uid, egid = gid, sgid = gid } = options;
  const root = uid === 0 || euid === 0 || suid === 0;
  const { permitted = capabilities ?? (root ? ALL_CAPABILITIES : 0n) } = options;
  return {
    ...{ uid, suid, euid, fsuid: options.fsuid ?? euid },
    ...{ gid, sgid, egid, fsgid: options.fsgid ?? egid },
    groups: options.groups ?? [],
    permitted,
    effective: options.effective ?? capabilities ?? (euid === 0 ? permitted : 0n),
    inheritable: options.inheritable ?? 0n,
    bounding: options.bounding ?? capabilities ?? ALL_CAPABILITIES,
    ambient: options.ambient ?? 0n,
    securebits: options.securebits ?? 0,
  };
}

/** A user account: what io_uring charges pinned memory to. One for each uid. */
export class User {
  readonly uid: number;
  readonly record: Record;

  constructor(record: Record, uid: number) {
    this.record = record;
    this.uid = uid;
    record.assign({ uid, __count: 1 });
  }

  /** Pages charged as locked (RLIMIT_MEMLOCK). */
  get lockedVm(): number {
    return this.record.get('locked_vm');
  }

  charge(pages: number): void {
    this.record.add('locked_vm', pages);
  }
}

/** What a task is allowed to be, shared by all who hold it and never changed: a change makes another one. */
export class Cred {
  readonly record: Record;
  readonly user: User;
  private readonly heap: KernelHeap;
  private readonly groupInfo: Record;

  constructor(heap: KernelHeap, user: User, state: CredState) {
    this.heap = heap;
    this.user = user;
    this.record = heap.allocate('cred');
    this.groupInfo = this.makeGroups(state.groups);
    for (const name of IDS) this.record.set(name, state[name]);
    for (const name of SET_NAMES) this.setCapabilities(SETS[name], state[name]);
    this.record.set('securebits', state.securebits);
    this.record.point('user', user.record).point('group_info', this.groupInfo).set('usage', 1);
    user.record.add('__count', 1);
  }

  get uid(): number {
    return this.record.get('uid');
  }

  get euid(): number {
    return this.record.get('euid');
  }

  get gid(): number {
    return this.record.get('gid');
  }

  /** User and group that files are made and looked at as. */
  get fsuid(): number {
    return this.record.get('fsuid');
  }

  get fsgid(): number {
    return this.record.get('fsgid');
  }

  /** Effective capabilities. */
  get capabilities(): bigint {
    return this.readCapabilities(SETS.effective);
  }

  get permitted(): bigint {
    return this.readCapabilities(SETS.permitted);
  }

  /** All of it, as the record has it. */
  get state(): CredState {
    const { record } = this;
    const count = this.groupInfo.get('ngroups');
    return {
      ...{ uid: this.uid, suid: record.get('suid'), euid: this.euid, fsuid: this.fsuid },
      ...{ gid: this.gid, sgid: record.get('sgid'), egid: record.get('egid'), fsgid: this.fsgid },
      groups: Array.from({ length: count }, (_, index) => this.groupInfo.get(`gid[${index}]`)),
      permitted: this.permitted,
      effective: this.capabilities,
      inheritable: this.readCapabilities(SETS.inheritable),
      bounding: this.readCapabilities(SETS.bounding),
      ambient: this.readCapabilities(SETS.ambient),
      securebits: record.get('securebits'),
    };
  }

  capable(capability: Capability): boolean {
    return hasCapability(this.capabilities, capability);
  }

  get(): this {
    this.record.add('usage', 1);
    return this;
  }

  put(): void {
    if (this.record.add('usage', -1) > 0) return;
    this.user.record.add('__count', -1);
    this.heap.free(this.groupInfo);
    this.heap.free(this.record);
  }

  /** 6.3 made kernel_cap_t one 64-bit word; before it was an array of two. */
  private setCapabilities(set: string, value: bigint): void {
    if (this.record.has(`${set}.cap[0]`)) {
      this.record.set(`${set}.cap[0]`, value & 0xffff_ffffn).set(`${set}.cap[1]`, value >> 32n);
    } else {
      this.record.set(set, value);
    }
  }

  private readCapabilities(set: string): bigint {
    if (!this.record.has(`${set}.cap[0]`)) return this.record.big(set);
    const low = BigInt(this.record.get(`${set}.cap[0]`));
    return low | (BigInt(this.record.get(`${set}.cap[1]`)) << 32n);
  }

  /** The kernel keeps groups sorted. */
  private makeGroups(groups: readonly number[]): Record {
    const record = this.heap.allocate('group_info', 4 * groups.length);
    record.assign({ usage: 1, ngroups: groups.length });
    const ascending = [...groups].sort((a, b) => a - b);
    for (const [index, gid] of ascending.entries()) record.set(`gid[${index}]`, gid);
    return record;
  }
}
