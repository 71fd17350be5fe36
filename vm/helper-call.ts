/** A helper call that the host answers. */
import { Attention, type FaultKind, State } from '../bpf/abi.ts';
import type { Ram } from '../kernel-model/ram.ts';
import type { CoreExports } from './wasm.ts';

/** Arguments of the call under way, read from the state record. Good until the helper returns. */
export class HelperCall {
  readonly ram: Ram;
  /** Number the program called: enum bpf_func_id, or one of `VmCall`, `HostCall`. */
  id = 0;
  private readonly core: CoreExports;

  constructor(ram: Ram, core: CoreExports) {
    this.ram = ram;
    this.core = core;
  }

  /** r1..r5 as u64. */
  arg(index: 1 | 2 | 3 | 4 | 5): bigint {
    return this.ram.view.getBigUint64(State.Args + 8 * (index - 1), true);
  }

  /** Low 32 bits of r1..r5, unsigned. */
  arg32(index: 1 | 2 | 3 | 4 | 5): number {
    return this.ram.view.getUint32(State.Args + 8 * (index - 1), true);
  }

  /** Stops the run once the helper has returned. */
  fault(kind: FaultKind, address: bigint): void {
    this.core.raiseFault(kind, address);
  }

  /**
   * Has a function of the program called once the helper has returned; what `continueHelper` (vm/core/helpers.ts)
   * then answers is the helper's result.
   * @param fn value of a function pointer
   */
  callback(fn: bigint, args: readonly bigint[]): void {
    const { view } = this.ram;
    view.setBigUint64(State.CallbackFunction, fn, true);
    for (let i = 0; i < 5; i++) view.setBigUint64(State.CallbackArgs + 8 * i, args[i] ?? 0n, true);
    view.setUint32(State.Attention, view.getUint32(State.Attention, true) | Attention.Callback, true);
  }
}

/** Answers a call: r0, a number for small ones (negative errno values). */
export type HelperFunction = (call: HelperCall) => bigint | number;
