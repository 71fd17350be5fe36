/** The verifier under Node: finds the built verifier.wasm and the built-in profiles. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InputError } from '../bpf/input-error.ts';
import { openProfile } from '../kernel-model/profile-node.ts';
import { hasVerifierData, openVerifierData } from '../kernel-model/verifier-data-node.ts';
import { Verifier } from './verifier.ts';

/** A verifier for a profile. @throws {InputError} for a profile without the verifier's tables. */
export async function createVerifier(kernel: string): Promise<Verifier> {
  const profile = openProfile(kernel);
  if (!hasVerifierData(kernel)) {
    throw new InputError(`profile "${kernel}" has no tables for the verifier; 6.12 has`);
  }
  const data = openVerifierData(kernel);
  return Verifier.create({ wasm: readFileSync(wasmPath()), kernel: { btf: profile.vmlinux, data } });
}

/** The package root is where package.json stands: one up from verifier/, two from dist/verifier/. */
function wasmPath(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error('cannot find the package root of drydock');
    folder = parent;
  }
  const path = join(folder, 'build', 'verifier.wasm');
  if (!existsSync(path)) throw new Error(`${path} is missing: run npm run build:wasm`);
  return path;
}
