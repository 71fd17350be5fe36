/** Whom a file signals (fcntl F_SETOWN): `struct fown_struct`, in older kernels a part of `struct file`. */
import type { Cred } from './cred.ts';
import type { KernelHeap } from './heap.ts';
import type { Record } from './record.ts';
import type { Task } from './task.ts';

/** F_OWNER_*: what the id is one of. */
export const enum OwnerType {
  Thread = 0,
  Process = 1,
  Group = 2,
}

export class FileOwner {
  private readonly heap: KernelHeap;
  private readonly file: Record;
  private ownerType: OwnerType = OwnerType.Thread;
  private task: Task | undefined;
  private ids = { uid: 0, euid: 0 };
  private number = 0;
  /** The separate record, once there is one. */
  private separate: Record | undefined;

  constructor(heap: KernelHeap, file: Record) {
    this.heap = heap;
    this.file = file;
  }

  get type(): OwnerType {
    return this.ownerType;
  }

  /** Who gets the signals; it may be gone. */
  get target(): Task | undefined {
    return this.task;
  }

  /** Ids of who named the owner: its signals go where those may send them. */
  get uid(): number {
    return this.ids.uid;
  }

  get euid(): number {
    return this.ids.euid;
  }

  /** Signal instead of SIGIO, 0 for that. */
  get signal(): number {
    return this.number;
  }

  set signal(number: number) {
    this.number = number;
    this.record?.set('signum', number);
  }

  set(type: OwnerType, target: Task | undefined, cred: Cred): void {
    target?.getPid();
    this.task?.putPid();
    this.ownerType = type;
    this.task = target;
    if (target) this.ids = { uid: cred.uid, euid: cred.euid };
    const { record } = this;
    record?.point('pid', target?.pidRecord).assign({ pid_type: type, ...this.ids });
  }

  release(): void {
    this.task?.putPid();
    this.task = undefined;
    if (this.separate) this.heap.free(this.separate);
  }

  /** Nothing where the profile does not tell the members. */
  private get record(): Record | undefined {
    if (this.file.has('f_owner.pid')) return this.file.sub('f_owner');
    if (!this.heap.knows('fown_struct', 'file')) return undefined;
    if (!this.separate) {
      this.separate = this.heap.allocate('fown_struct').point('file', this.file);
      this.file.point('f_owner', this.separate);
    }
    return this.separate;
  }
}
