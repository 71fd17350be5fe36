/** Finds and opens the built-in kernel profiles on disk (Node only; a browser hands the bytes to KernelProfile). */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { InputError } from '../bpf/input-error.ts';
import { KernelProfile } from './profile.ts';

const opened = new Map<string, KernelProfile>();

/** Names of the built-in profiles, oldest kernel first. */
export function profileNames(): string[] {
  const byVersion = new Intl.Collator('en', { numeric: true });
  return readdirSync(profilesDirectory())
    .filter((name) => existsSync(join(profilesDirectory(), name, 'dialect.json')))
    .sort(byVersion.compare);
}

/**
 * Opens a built-in profile; the same one each time, its BTF being large and read-only.
 * @throws {InputError} for a name that is not among `profileNames()`.
 */
export function openProfile(name: string): KernelProfile {
  const known = opened.get(name);
  if (known) return known;
  const names = profileNames();
  if (!names.includes(name)) throw new InputError(`unknown kernel "${name}"; known: ${names.join(', ')}`);
  const directory = join(profilesDirectory(), name);
  const profile = KernelProfile.create({
    name,
    btf: gunzipSync(readFileSync(join(directory, 'btf.bin.gz'))),
    dialect: readFileSync(join(directory, 'dialect.json'), 'utf8'),
  });
  opened.set(name, profile);
  return profile;
}

/** The data is not compiled: both `kernel-model/` and `dist/kernel-model/` have it in a parent directory. */
function profilesDirectory(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const candidate = join(directory, 'kernel-model', 'profiles');
    if (existsSync(join(candidate, '6.12', 'dialect.json'))) return candidate;
    const parent = dirname(directory);
    if (parent === directory) throw new InputError('the kernel profiles are not beside the program');
    directory = parent;
  }
}
