/** A loaded iterator program, as links and iterator files refer to it. */
import { BtfKind } from '../../bpf/btf.ts';
import type { Machine } from '../machine.ts';
import type { RunProgram } from '../services.ts';

export interface IterProgramInit {
  /** BTF id of the FUNC bpf_iter_<target> that the program attaches to. */
  attachBtfId: number;
  run: RunProgram;
  /** The program may sleep (6.x). */
  sleepable?: boolean;
  /** Digest of the instructions, 16 hex digits. */
  tag?: string;
  /** Bytes of key and value that the program touches, for map elements. */
  maxKeyAccess?: number;
  maxValueAccess?: number;
}

export class IterProgram {
  readonly id: number;
  readonly attachBtfId: number;
  readonly run: RunProgram;
  readonly sleepable: boolean;
  readonly tag: string;
  readonly maxKeyAccess: number;
  readonly maxValueAccess: number;
  private users = 1;

  constructor(machine: Machine, init: IterProgramInit) {
    this.id = machine.nextId('bpf_prog');
    this.attachBtfId = init.attachBtfId;
    this.run = init.run;
    this.sleepable = init.sleepable ?? false;
    this.tag = init.tag ?? '0000000000000000';
    this.maxKeyAccess = init.maxKeyAccess ?? 0;
    this.maxValueAccess = init.maxValueAccess ?? 0;
  }

  /** References: its owner's, one for each link and one for each open iterator. */
  get references(): number {
    return this.users;
  }

  get(): this {
    this.users++;
    return this;
  }

  put(): void {
    this.users--;
  }
}

/** BTF id that a program for a target attaches to, 0 when the kernel has no such target. */
export function targetBtfId(machine: Machine, target: string): number {
  return machine.btf.find(`bpf_iter_${target}`, BtfKind.Func);
}
