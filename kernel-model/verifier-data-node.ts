/** Opens the verifier's tables of a profile on disk (Node only). */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Btf } from '../bpf/btf.ts';
import { VerifierData } from './verifier-data.ts';

/**
 * Reads the tables in a profile's directory.
 * @param btf the kernel's own BTF (without overlay).
 * @throws {InputError} for a missing or malformed file.
 */
export function readVerifierData(directory: string, name: string, btf: Btf): VerifierData {
  return VerifierData.parse(name, btf, (file) => {
    const path = join(directory, file);
    return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  });
}
