/** A task with a ring over one kernel, and submission entries as liburing's tests prepare them. */

import { SubmitOp } from '../../kernel-model/io-uring/uapi.ts';
import type { Machine } from '../../kernel-model/machine.ts';
import type { Record } from '../../kernel-model/record.ts';
import type { Task } from '../../kernel-model/task.ts';
import { Caller, words } from './ring-support.ts';
import { newMachine, PAGE } from './support.ts';

export const POLLIN = 1;
export const MS = 1_000_000;
export const MAX_U64 = (1n << 64n) - 1n;
export const nop = (userData: number, flags = 0) => ({
  opcode: SubmitOp.Nop,
  userData: BigInt(userData),
  flags,
});

export class RingTask {
  readonly machine: Machine;
  readonly task: Task;
  readonly caller: Caller;
  /** A ring of 16 entries. */
  readonly fd: number;

  private constructor(machine: Machine) {
    this.machine = machine;
    this.task = machine.tasks.create({ pid: 100 });
    this.caller = new Caller(machine, this.task);
    machine.vfs.create({ path: '/tmp/file', content: Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]) });
    this.fd = this.caller.setup(16);
  }

  static async over(kernel: string): Promise<RingTask> {
    return new RingTask(await newMachine(kernel));
  }

  eventfd() {
    return this.machine.sys.eventfd2(this.task, 0, 0);
  }

  signal(event: number) {
    return this.machine.sys.write(this.task, event, words(1));
  }

  /** A page of the task. */
  memory(): bigint {
    return BigInt(this.caller.map(PAGE));
  }

  poll(file: number, userData: number, flags = 0) {
    return {
      opcode: SubmitOp.PollAdd,
      fd: file,
      opFlags: POLLIN,
      length: flags,
      userData: BigInt(userData),
    };
  }

  timeout(ms: number, userData: number, more: object = {}) {
    return {
      opcode: SubmitOp.Timeout,
      address: this.caller.timespec(ms * MS),
      length: 1,
      userData: BigInt(userData),
      ...more,
    };
  }

  read(file: number, userData: number, more: object = {}) {
    return {
      opcode: SubmitOp.Read,
      fd: file,
      length: 8,
      offset: MAX_U64,
      userData: BigInt(userData),
      ...more,
    };
  }

  cancel(of: number, userData: number, flags = 0, more: object = {}) {
    return {
      opcode: SubmitOp.AsyncCancel,
      address: BigInt(of),
      opFlags: flags,
      userData: BigInt(userData),
      ...more,
    };
  }

  /** Takes the completions there are, by user data. */
  sorted() {
    return this.caller.reap(this.fd).sort(([a], [b]) => a - b);
  }

  ctx(): Record {
    return this.caller.ring(this.fd).ctx;
  }
}
