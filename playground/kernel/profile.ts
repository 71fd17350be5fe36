/** Kernel profiles over HTTP: the files of kernel-model/profiles, as they are. */
import { InputError } from '../../bpf/input-error.ts';
import { KernelProfile } from '../../kernel-model/profile.ts';
import { fetchBytes, type SiteKernel, site } from './site.ts';

/** All of a profile's files by name, unpacked. */
export type ProfileFiles = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

const BTF_FILE = 'btf.bin.gz';
const DIALECT_FILE = 'dialect.json';

/** What runs need. */
const RUN_FILES = [BTF_FILE, DIALECT_FILE];

const fetched = new Map<string, Promise<Uint8Array<ArrayBuffer>>>();
const profiles = new Map<string, Promise<KernelProfile>>();

/** @throws {InputError} for a kernel that the site does not have. */
async function kernelNamed(name: string): Promise<SiteKernel> {
  const { kernels } = await site();
  const found = kernels.find((kernel) => kernel.name === name);
  if (found) return found;
  throw new InputError(`unknown kernel "${name}"; known: ${kernels.map((each) => each.name).join(', ')}`);
}

function fetchOnce(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const known = fetched.get(path);
  if (known) return known;
  const bytes = fetchBytes(path);
  fetched.set(path, bytes);
  // What failed is tried again when it is next wanted.
  bytes.catch(() => fetched.delete(path));
  return bytes;
}

async function fetchFiles(name: string, files: readonly string[]): Promise<ProfileFiles> {
  const folder = `profiles/${encodeURIComponent(name)}/`;
  const all = files.map(async (file) => [file, await fetchOnce(folder + file)] as const);
  return new Map(await Promise.all(all));
}

/** Everything of a kernel that can verify. */
export async function profileFiles(name: string): Promise<ProfileFiles> {
  const { files, verifies } = await kernelNamed(name);
  if (!verifies) throw new InputError(`the profile of kernel ${name} has no verifier tables`);
  return fetchFiles(name, files);
}

/**
 * A kernel to run programs on.
 * @param btf of a vmlinux that stands in for the profile's own
 */
export function openProfile(name: string, btf?: Uint8Array): Promise<KernelProfile> {
  const key = btf ? undefined : name;
  const known = key === undefined ? undefined : profiles.get(key);
  if (known) return known;
  const opened = createProfile(name, btf);
  if (key === undefined) return opened;
  profiles.set(key, opened);
  opened.catch(() => profiles.delete(key));
  return opened;
}

async function createProfile(name: string, btf: Uint8Array | undefined): Promise<KernelProfile> {
  await kernelNamed(name);
  return profileOf(name, await fetchFiles(name, RUN_FILES), btf);
}

export function profileOf(name: string, files: ProfileFiles, btf?: Uint8Array): KernelProfile {
  const dialect = files.get(DIALECT_FILE);
  const own = files.get(BTF_FILE);
  if (!dialect || !own) throw new Error(`the profile of ${name} is not complete`);
  return KernelProfile.create({ name, btf: btf ?? own, dialect: new TextDecoder().decode(dialect) });
}
