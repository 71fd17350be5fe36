/** Kernels as the command line names them: profiles, and kernel images that profiles are made of for one command. */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { InputError } from '../bpf/input-error.ts';
import { profileDirectory, profileNames } from '../kernel-model/profile-node.ts';
import { hasVerifierData } from '../kernel-model/verifier-data-node.ts';

/** A kernel to verify for. */
export interface NamedKernel {
  /** As the user has named it; of a path the last part. */
  readonly label: string;
  /** Built-in profile, or the absolute path of a profile's directory. */
  readonly profile: string;
}

/**
 * What a name stands for: a built-in profile, the directory of one, or a kernel image (vmlinuz), of which one is made
 * that is gone when the process ends.
 * @throws {InputError} for what cannot verify.
 */
export async function namedKernel(name: string): Promise<NamedKernel> {
  if (!/[/\\]/.test(name)) return checked(name, name);
  const isImage = statSync(name, { throwIfNoEntry: false })?.isFile() === true;
  const label = basename(name);
  return isImage ? { label, profile: await profileOf(name) } : checked(label, resolve(name));
}

function checked(label: string, profile: string): NamedKernel {
  profileDirectory(profile);
  if (hasVerifierData(profile)) return { label, profile };
  const able = profileNames().filter(hasVerifierData);
  throw new InputError(`the profile "${label}" cannot verify; these can: ${able.join(', ')}`);
}

async function profileOf(image: string): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'drydock-kernel-'));
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
  process.stderr.write(`reading ${image}; "drydock profile add ${image} -o DIR" would keep what it has\n`);
  // Only here: the others start without what reads images.
  const { writeProfile } = await import('./profile.ts');
  await writeProfile(image, directory);
  return directory;
}
