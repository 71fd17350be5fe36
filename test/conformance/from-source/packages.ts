/** What the selftests need from Debian: compilers, and the kernel's source in the version that was recorded. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { exists, run, ToolError } from './command.ts';

const SOURCE = 'linux-source-6.12';
const CONFIG = 'linux-config-6.12';
/** The kernel whose answers are recorded. */
export const RECORDED_VERSION = '6.12.117';
/** Ends the name of a folder that is not complete yet. */
const PARTIAL = '.partial';
const TARBALL = 'usr/src/linux-source-6.12.tar.xz';

/** A command or header, and the package that has it. */
const TOOLS: readonly { package: string; command?: string; file?: string }[] = [
  { package: 'clang-19', command: 'clang-19' },
  { package: 'make', command: 'make' },
  { package: 'gcc', command: 'gcc' },
  { package: 'python3', command: 'python3' },
  { package: 'xz-utils', command: 'xz' },
  { package: 'libelf-dev', file: '/usr/include/gelf.h' },
  { package: 'zlib1g-dev', file: '/usr/include/zlib.h' },
];

/** Installs missing tools when `install` is set. @throws {ToolError} naming what is missing. */
export async function needTools(install: boolean): Promise<void> {
  let missing = await missingPackages();
  if (missing.length > 0 && install) {
    await installPackages(missing);
    missing = await missingPackages();
  }
  if (missing.length === 0) return;
  throw new ToolError(`missing ${missing.join(', ')}${install ? '' : ' (--install installs them, as root)'}`);
}

async function missingPackages(): Promise<string[]> {
  const missing: string[] = [];
  for (const { package: name, command, file } of TOOLS) {
    const present = command !== undefined ? await exists(command) : existsSync(file ?? '');
    if (!present) missing.push(name);
  }
  return missing;
}

async function installPackages(names: readonly string[]): Promise<void> {
  if (process.getuid?.() !== 0)
    throw new ToolError(`missing ${names.join(', ')}; only root can install them`);
  await run('apt-get', ['update']);
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const quiet = ['-y', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=300'];
  await run('apt-get', ['install', ...quiet, ...names], { env });
}

/** The source package, unpacked as far as its archive; paths are absolute. */
export interface SourcePackage {
  /** Of Debian, "6.12.117-1~deb12u1". */
  version: string;
  tarball: string;
  /** The .config of the recorded kernel, xz-compressed; undefined when there is no such package. */
  config?: string;
}

/**
 * Finds the recorded version where it is installed, in the cache, or on the mirror; a mirror that has moved on
 * gives its newest.
 * @param cache folder for packages.
 * @throws {ToolError} when there is none.
 */
export async function sourcePackage(cache: string, install: boolean): Promise<SourcePackage> {
  const installed = await installedVersion();
  const isInstalled = installed !== undefined && isRecorded(installed) && existsSync(`/${TARBALL}`);
  const version = isInstalled ? installed : (cachedVersion(cache) ?? (await chooseVersion(install)));
  const root = isInstalled ? '/' : await unpacked(cache, SOURCE, version);
  const config = findConfig('/', isInstalled) ?? (await downloadConfig(cache, version));
  return { version, tarball: join(root, TARBALL), ...(config ? { config } : {}) };
}

export function isRecorded(version: string): boolean {
  return version.startsWith(`${RECORDED_VERSION}-`);
}

async function installedVersion(): Promise<string | undefined> {
  try {
    const text = await run('dpkg-query', ['-W', '-f', `\${Status} \${Version}`, SOURCE]);
    return /^install ok installed (\S+)/.exec(text)?.[1];
  } catch {
    return undefined;
  }
}

/** Version of the source that is in the cache. */
function cachedVersion(cache: string): string | undefined {
  if (!existsSync(cache)) return undefined;
  const prefix = `${SOURCE}_`;
  const folders = readdirSync(cache).filter((name) => name.startsWith(prefix) && !name.endsWith(PARTIAL));
  const versions = folders.map((name) => name.slice(prefix.length));
  return versions.find(isRecorded) ?? versions.at(-1);
}

async function chooseVersion(install: boolean): Promise<string> {
  let versions = await mirrorVersions();
  if (versions.length === 0 && install) {
    await run('apt-get', ['update']);
    versions = await mirrorVersions();
  }
  const version = versions.find(isRecorded) ?? versions[0];
  if (version === undefined) throw new ToolError(`apt has no ${SOURCE}`);
  return version;
}

/** Newest first. */
async function mirrorVersions(): Promise<string[]> {
  const lines = (await run('apt-cache', ['madison', SOURCE])).split('\n');
  return lines.map((line) => line.split('|')[1]?.trim() ?? '').filter((version) => version !== '');
}

/** Folder with a package's files, from the mirror if need be. It has its name only when it is complete. */
async function unpacked(cache: string, name: string, version: string): Promise<string> {
  const folder = join(cache, `${name}_${version}`);
  if (existsSync(folder)) return folder;
  const partial = `${folder}${PARTIAL}`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  // As root apt would fetch as another user, who may not write here.
  await run('apt-get', ['download', '-o', 'APT::Sandbox::User=root', `${name}=${version}`], { cwd: partial });
  const archive = readdirSync(partial).find((file) => file.endsWith('.deb'));
  if (archive === undefined) throw new ToolError(`apt-get download ${name} left nothing behind`);
  await run('dpkg-deb', ['-x', archive, '.'], { cwd: partial });
  rmSync(join(partial, archive));
  renameSync(partial, folder);
  return folder;
}

/** Without the configuration the few objects that ask for it do not load: no reason to skip the others. */
async function downloadConfig(cache: string, version: string): Promise<string | undefined> {
  try {
    return findConfig(await unpacked(cache, CONFIG, version));
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return undefined;
  }
}

/** The configuration of the recorded kernel, where its package is unpacked at `root`. */
function findConfig(root: string, wanted = true): string | undefined {
  const config = join(root, 'usr/src', CONFIG, 'config.amd64_none_cloud-amd64.xz');
  return wanted && existsSync(config) ? config : undefined;
}
