/** Opens the verifier's tables of a profile on disk (Node only). */
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Btf } from '../bpf/btf.ts';
import { InputError } from '../bpf/input-error.ts';
import type { Overlay } from './module-tables.ts';
import { openProfile, profileDirectory } from './profile-node.ts';
import { SYMBOLS_FILE, SymbolNames } from './symbol-names.ts';
import { EXTRACTED_FILES, HAND_FILES, VerifierData } from './verifier-data.ts';

/** Larger lists of symbols are refused; distribution kernels have 1 to 2 MB of names. */
const MAX_SYMBOL_BYTES = 64 << 20;

const opened = new Map<string, VerifierData>();
const symbolSets = new Map<string, ReadonlySet<string>>();

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
    return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  };
  return VerifierData.parse(name, btf, text, overlays);
}

/**
 * The symbols of a profile's kernel; only those with a type when the profile has no list of them.
 * @param name as for `openProfile`.
 * @throws {InputError} when there is no such profile, or its list of symbols is damaged.
 */
export function openSymbolNames(name: string): SymbolNames {
  const path = join(profileDirectory(name), SYMBOLS_FILE);
  const untyped = symbolSets.get(path) ?? readSymbols(path);
  symbolSets.set(path, untyped);
  return new SymbolNames(openProfile(name).vmlinux, untyped);
}

function readSymbols(path: string): ReadonlySet<string> {
  if (!existsSync(path)) return new Set();
  try {
    const text = gunzipSync(readFileSync(path), { maxOutputLength: MAX_SYMBOL_BYTES }).toString('utf8');
    return new Set(text.split('\n').filter((line) => line !== ''));
  } catch (error) {
    throw new InputError(`cannot be unpacked: ${(error as Error).message}`, { file: path });
  }
}
