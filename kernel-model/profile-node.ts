/** Finds and opens kernel profiles on disk (Node only; a browser hands the bytes to KernelProfile). */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { InputError } from '../bpf/input-error.ts';
import { CONFIG_FILE, parseKernelConfig } from './kernel-config.ts';
import { KernelProfile } from './profile.ts';
import { SYMBOLS_FILE, SymbolNames } from './symbol-names.ts';

/** Kernel of scenes, and of commands, that do not say which. */
export const DEFAULT_KERNEL = '6.12';
/** Larger BTF is refused; that of distribution kernels has 4 to 10 MB. */
const MAX_BTF_BYTES = 64 << 20;
/** The tables of a profile have up to half a MB. */
const MAX_TEXT_BYTES = 16 << 20;

/** As text; a distribution kernel's has 3 MB. */
const MAX_SYMBOLS_BYTES = 64 << 20;

/** The smallest buffer that zlib unpacks into. */
const SMALLEST_CHUNK = 64;

const opened = new Map<string, KernelProfile>();
const symbolNames = new Map<string, SymbolNames>();

/** Names of the built-in profiles, oldest kernel first. */
export function profileNames(): string[] {
  const byVersion = new Intl.Collator('en', { numeric: true });
  return builtInNames().sort(byVersion.compare);
}

/** Whether there is a built-in profile of this name. */
export function hasProfile(name: string): boolean {
  return builtInNames().includes(name);
}

/** In no order: a collator takes 6 ms to be made. */
function builtInNames(): string[] {
  const directory = profilesDirectory();
  return readdirSync(directory).filter((name) => existsSync(join(directory, name, 'dialect.json')));
}

/**
 * Directory of a profile.
 * @param name one of `profileNames()`, or the path (with a slash in it) of a directory that
 * `drydock profile add` made.
 * @throws {InputError} when there is no such profile.
 */
export function profileDirectory(name: string): string {
  if (/[/\\]/.test(name)) {
    if (existsSync(join(name, 'dialect.json'))) return resolve(name);
    throw new InputError('no kernel profile: dialect.json is missing', { file: name });
  }
  if (!hasProfile(name))
    throw new InputError(`unknown kernel "${name}"; known: ${profileNames().join(', ')}`);
  return join(profilesDirectory(), name);
}

/**
 * Opens a profile; the same one each time, its BTF being large and read-only.
 * @param name as for `profileDirectory`.
 * @throws {InputError} when there is no such profile, or its files are malformed.
 */
export function openProfile(name: string): KernelProfile {
  const directory = profileDirectory(name);
  const known = opened.get(directory);
  if (known) return known;
  const profile = KernelProfile.create({
    name: basename(directory),
    btf: readCompressed(join(directory, 'btf.bin.gz'), MAX_BTF_BYTES),
    dialect: readProfileText(join(directory, 'dialect.json')),
  });
  opened.set(directory, profile);
  return profile;
}

/** Text of a profile's file. @throws {InputError} when it cannot be read, or is too large. */
export function readProfileText(path: string): string {
  let size: number;
  try {
    size = statSync(path).size;
    if (size <= MAX_TEXT_BYTES) return readFileSync(path, 'utf8');
  } catch (error) {
    throw new InputError(`cannot be read (${(error as NodeJS.ErrnoException).code})`, { file: path });
  }
  throw new InputError(`${size} bytes are too much for a table of a profile`, { file: path });
}

/** Directory of a profile's modules. */
export const MODULES = 'modules';
const MODULE_FILE = '.btf.gz';

/** Where the types of a module are, from the profile's directory on. */
export function moduleFile(name: string): string {
  return join(MODULES, `${name}${MODULE_FILE}`);
}

/** Names of the modules whose types a profile directory has. */
export function moduleNames(directory: string): string[] {
  const folder = join(directory, MODULES);
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder).filter((file) => file.endsWith(MODULE_FILE));
  return files.map((file) => file.slice(0, -MODULE_FILE.length)).sort();
}

/**
 * Types of a profile's modules: split BTF over the kernel's own, by name.
 * @throws {InputError} when a file cannot be unpacked.
 */
export function openModules(name: string): Map<string, Uint8Array> {
  const directory = profileDirectory(name);
  return new Map(
    moduleNames(directory).map((module) => [
      module,
      readCompressed(join(directory, moduleFile(module)), MAX_BTF_BYTES),
    ]),
  );
}

/**
 * Names of the kernel's symbols; undefined for profiles that have no list.
 * @param name as for `profileDirectory`.
 * @throws {InputError} when there is no such profile, or the list is malformed.
 */
export function openSymbolNames(name: string): SymbolNames | undefined {
  const path = join(profileDirectory(name), SYMBOLS_FILE);
  if (!existsSync(path)) return undefined;
  const known = symbolNames.get(path) ?? readSymbolNames(path);
  symbolNames.set(path, known);
  return known;
}

/**
 * The kernel's configuration; undefined for profiles that do not have it.
 * @param name as for `profileDirectory`.
 * @throws {InputError} when there is no such profile, or the file cannot be unpacked.
 */
export function openKernelConfig(name: string): Map<string, string> | undefined {
  const path = join(profileDirectory(name), CONFIG_FILE);
  if (!existsSync(path)) return undefined;
  return parseKernelConfig(new TextDecoder().decode(readCompressed(path, MAX_TEXT_BYTES)));
}

function readSymbolNames(path: string): SymbolNames {
  return SymbolNames.parse(new TextDecoder().decode(readCompressed(path, MAX_SYMBOLS_BYTES)), path);
}

function readCompressed(path: string, maxOutputLength: number): Uint8Array {
  try {
    const bytes = readFileSync(path);
    return gunzipSync(bytes, { maxOutputLength, chunkSize: unpackedSize(bytes, maxOutputLength) });
  } catch (error) {
    throw new InputError(`cannot be unpacked: ${(error as Error).message}`, { file: path });
  }
}

/** What gzip says at its end: zlib takes half as long when its first buffer has room for all. */
function unpackedSize(bytes: Buffer, limit: number): number {
  const said = bytes.length < 4 ? 0 : bytes.readUInt32LE(bytes.length - 4);
  return Math.min(Math.max(said, SMALLEST_CHUNK), limit);
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
