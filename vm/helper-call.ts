/** A helper call that the host answers. */
import { State } from '../bpf/abi.ts';
import type { Ram } from '../kernel-model/ram.ts';

/** Arguments of the call under way, read from the state record. Good until the helper returns. */
export class HelperCall {
  readonly ram: Ram;
  /** Number the program called: enum bpf_func_id, or `VmCall`. */
  id = 0;

  constructor(ram: Ram) {
    this.ram = ram;
  }

  /** r1..r5 as u64. */
  arg(index: 1 | 2 | 3 | 4 | 5): bigint {
    return this.ram.view.getBigUint64(State.Args + 8 * (index - 1), true);
  }

  /** Low 32 bits of r1..r5, unsigned. */
  arg32(index: 1 | 2 | 3 | 4 | 5): number {
    return this.ram.view.getUint32(State.Args + 8 * (index - 1), true);
  }
}

/** Answers a call: r0, a number for small ones (negative errno values). */
export type HelperFunction = (call: HelperCall) => bigint | number;
