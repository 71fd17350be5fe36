/** System calls of a restore: made by a task of the modelled kernel, noted down, and checked. */
import { errnoName } from '../../bpf/errno-name.ts';
import { InputError } from '../../bpf/input-error.ts';
import type { Machine } from '../../kernel-model/machine.ts';
import type { Task } from '../../kernel-model/task.ts';

/** One call as the plan prints it. */
export interface Call {
  /** Node of the graph that it belongs to. */
  readonly node: string;
  /** Thread id of who makes it. */
  readonly tid: number;
  /** "mmap(0x7f0000000000, 65536, PROT_READ|PROT_WRITE, ...)" */
  readonly text: string;
  /** "3", "0", "-ENOENT" */
  readonly result: string;
}

/** A call that had to succeed was refused. The restore ends there, and its kernel is thrown away. */
export class RestoreError extends InputError {
  readonly errno: number;

  constructor(node: string, call: string, errno: number) {
    super(`restoring ${node}: ${call} fails with ${errnoName(-errno)}`);
    this.errno = errno;
  }
}

type Argument = string | number | bigint;

export class Calls {
  readonly machine: Machine;
  /** The task that does what no restored task can do itself; it is gone at the end. */
  readonly restorer: Task;
  readonly made: Call[] = [];
  private node = '';

  constructor(machine: Machine, restorer: Task) {
    this.machine = machine;
    this.restorer = restorer;
  }

  /** What follows belongs to a node. */
  begin(node: string): void {
    this.node = node;
  }

  /** Notes a call and gives its result on. @throws {RestoreError} for a negative one. */
  done(task: Task, name: string, args: readonly Argument[], result: number): number {
    this.note(task, name, args, result);
    if (result < 0)
      throw new RestoreError(this.node, `${name}(${args.join(', ')}) by task ${task.pid}`, -result);
    return result;
  }

  /** Notes a call whatever its result. */
  note(task: Task, name: string, args: readonly Argument[], result: number | string): void {
    const shown = typeof result === 'number' && result < 0 ? `-${errnoName(result)}` : String(result);
    this.made.push({ node: this.node, tid: task.pid, text: `${name}(${args.join(', ')})`, result: shown });
  }

  fail(reason: string): never {
    throw new InputError(`restoring ${this.node}: ${reason}`);
  }
}

export function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
