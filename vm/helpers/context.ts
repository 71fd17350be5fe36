/** What the helpers on the host side work with. */
import { Errno } from '../../bpf/errno.ts';
import type { Ram } from '../../kernel-model/ram.ts';
import type { KernelServices } from '../../kernel-model/services.ts';
import type { HelperFunction } from '../helper-call.ts';
import type { Vm } from '../vm.ts';
import { SeqFiles } from './seq-file.ts';

/** A group of helpers: number (enum bpf_func_id, `VmCall`, `HostCall`) -> answer. */
export type HelperGroup = readonly (readonly [id: number, helper: HelperFunction])[];

export class HelperContext {
  readonly vm: Vm;
  readonly ram: Ram;
  readonly services: KernelServices;
  readonly seqFiles: SeqFiles;

  constructor(vm: Vm, services: KernelServices) {
    this.vm = vm;
    this.ram = vm.ram;
    this.services = services;
    this.seqFiles = new SeqFiles(vm.ram, services.btf);
  }

  /** Copies bytes into memory that a helper's caller vouches for; -EFAULT when it is not there. */
  store(address: bigint, bytes: Uint8Array): number {
    return this.ram.write(address, bytes) ? 0 : -Errno.EFAULT;
  }
}

/** -ERANGE for what cannot be a kernel address (as x86's fault-safe reads), -EFAULT for what is not mapped. */
export function readError(address: bigint): number {
  return address < 0xffff_8000_0000_0000n ? -Errno.ERANGE : -Errno.EFAULT;
}
