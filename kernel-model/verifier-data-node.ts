/** Opens the verifier's tables of a profile on disk (Node only). */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Btf } from '../bpf/btf.ts';
import type { Overlay } from './module-tables.ts';
import { openProfile, profileDirectory, readProfileText } from './profile-node.ts';
import { EXTRACTED_FILES, HAND_FILES, VerifierData } from './verifier-data.ts';

const opened = new Map<string, VerifierData>();

/** Whether a profile has the verifier's tables; without them programs can be run over it but not verified. */
export function hasVerifierData(name: string): boolean {
  const directory = profileDirectory(name);
  return [...EXTRACTED_FILES, ...HAND_FILES].every((file) => existsSync(join(directory, file)));
}

/**
 * Opens the tables of a profile; the same each time.
 * @param name as for `openProfile`.
 * @param overlays what is added to the kernel.
 * @throws {InputError} when there is no such profile, or a file of it is missing or malformed.
 */
export function openVerifierData(name: string, overlays: readonly Overlay[] = []): VerifierData {
  const directory = profileDirectory(name);
  const key = [directory, ...overlays.map((overlay) => overlay.name)].join('\n');
  const known = opened.get(key);
  if (known) return known;
  const data = readVerifierData(directory, basename(directory), openProfile(name).vmlinux, overlays);
  opened.set(key, data);
  return data;
}

/**
 * Reads the tables in a directory.
 * @param btf the kernel's own BTF (without overlay).
 * @throws {InputError} for a missing or malformed file.
 */
export function readVerifierData(
  directory: string,
  name: string,
  btf: Btf,
  overlays: readonly Overlay[] = [],
): VerifierData {
  const text = (file: string) => {
    const path = join(directory, file);
    return existsSync(path) ? readProfileText(path) : undefined;
  };
  return VerifierData.parse(name, btf, text, overlays);
}
