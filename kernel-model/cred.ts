/** Credentials (`struct cred`) and the per-user accounts (`struct user_struct`) that they charge. */
import type { KernelHeap } from './heap.ts';
import type { Record } from './record.ts';

/** CAP_* numbers the model asks for. */
export const enum Capability {
  IpcLock = 14,
  SysPtrace = 19,
  SysAdmin = 21,
  SysResource = 24,
  Last = 40,
}

export const ALL_CAPABILITIES = (1n << BigInt(Capability.Last + 1)) - 1n;

export interface CredOptions {
  uid?: number;
  gid?: number;
  /** Supplementary groups. */
  groups?: readonly number[];
  /** Effective and permitted capabilities as a bit set; by default all for uid 0 and none for others. */
  capabilities?: bigint;
}

const CAPABILITY_SETS = ['cap_permitted', 'cap_effective', 'cap_bset'] as const;

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

export class Cred {
  readonly record: Record;
  readonly user: User;
  private readonly heap: KernelHeap;
  private readonly groups: Record;

  constructor(heap: KernelHeap, user: User, options: CredOptions) {
    this.heap = heap;
    this.user = user;
    this.record = heap.allocate('cred');
    const { uid = 0, gid = 0, groups = [] } = options;
    this.groups = this.makeGroups(groups);
    for (const name of ['uid', 'suid', 'euid', 'fsuid']) this.record.set(name, uid);
    for (const name of ['gid', 'sgid', 'egid', 'fsgid']) this.record.set(name, gid);
    const capabilities = options.capabilities ?? (uid === 0 ? ALL_CAPABILITIES : 0n);
    for (const set of CAPABILITY_SETS) this.setCapabilities(set, capabilities);
    if (options.capabilities === undefined) this.setCapabilities('cap_bset', ALL_CAPABILITIES);
    this.record.point('user', user.record).point('group_info', this.groups).set('usage', 1);
    user.record.add('__count', 1);
  }

  get uid(): number {
    return this.record.get('uid');
  }

  get gid(): number {
    return this.record.get('gid');
  }

  /** Effective capabilities. */
  get capabilities(): bigint {
    if (!this.record.has('cap_effective.cap[0]')) return this.record.big('cap_effective');
    const low = BigInt(this.record.get('cap_effective.cap[0]'));
    return low | (BigInt(this.record.get('cap_effective.cap[1]')) << 32n);
  }

  capable(capability: Capability): boolean {
    return ((this.capabilities >> BigInt(capability)) & 1n) === 1n;
  }

  get(): this {
    this.record.add('usage', 1);
    return this;
  }

  put(): void {
    if (this.record.add('usage', -1) > 0) return;
    this.user.record.add('__count', -1);
    this.heap.free(this.groups);
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

  private makeGroups(groups: readonly number[]): Record {
    const record = this.heap.allocate('group_info', 4 * groups.length);
    record.assign({ usage: 1, ngroups: groups.length });
    for (const [index, gid] of groups.entries()) record.set(`gid[${index}]`, gid);
    return record;
  }
}
