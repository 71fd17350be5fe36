/** Machines for the tests of the kernel model, over the interpreter's own memory. */
import { Machine } from '../../kernel-model/machine.ts';
import { openProfile, profileNames } from '../../kernel-model/profile-node.ts';
import { createVm } from '../../vm/node.ts';

/** Every built-in profile. */
export const KERNELS = profileNames();

export async function newMachine(kernel: string): Promise<Machine> {
  const vm = await createVm();
  return new Machine(vm.ram, openProfile(kernel));
}

export const PAGE = 4096;
