/** The verifier under Node: finds the built verifier.wasm and the built-in profiles. */
import { readFileSync } from 'node:fs';
import { InputError } from '../bpf/input-error.ts';
import { builtCore } from '../bpf/package-root.ts';
import { openModules, openProfile } from '../kernel-model/profile-node.ts';
import { hasVerifierData, openVerifierData } from '../kernel-model/verifier-data-node.ts';
import { Verifier } from './verifier.ts';

/**
 * A verifier for a profile.
 * @param stock the kernel alone, without the overlay that profiles carry.
 * @throws {InputError} for a profile without the verifier's tables.
 */
export async function createVerifier(kernel: string, stock = false): Promise<Verifier> {
  const { vmlinux, overlay } = openProfile(kernel);
  const overlays = stock ? [] : [overlay];
  if (!hasVerifierData(kernel)) {
    throw new InputError(`profile "${kernel}" has no tables for the verifier; 6.1 and 6.12 have`);
  }
  const data = openVerifierData(kernel, overlays);
  const modules = openModules(kernel);
  for (const { name, btf } of overlays) modules.set(name, btf);
  return Verifier.create({
    wasm: readFileSync(builtCore('verifier.wasm')),
    kernel: { btf: vmlinux, data, modules },
  });
}
