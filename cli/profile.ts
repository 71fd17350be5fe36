/** drydock profile: kernel profiles, built in and made from a distribution's kernel image. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Command } from 'commander';
import { Btf } from '../bpf/btf.ts';
import { InputError } from '../bpf/input-error.ts';
import type { BaseProfile } from '../kernel-model/extract/profile-files.ts';
import { CONFIG_FILE, parseKernelConfig } from '../kernel-model/kernel-config.ts';
import {
  MODULES,
  moduleFile,
  moduleNames,
  openProfile,
  profileDirectory,
  profileNames,
} from '../kernel-model/profile-node.ts';
import type { VerifierData } from '../kernel-model/verifier-data.ts';
import { hasVerifierData, openVerifierData } from '../kernel-model/verifier-data-node.ts';
import { ExitCode } from './exit-code.ts';

const MAX_IMAGE_BYTES = 512 << 20;

const EXAMPLES = `
Examples:
  drydock profile list
  drydock profile show 6.12
  drydock profile add /boot/vmlinuz-6.12.9-amd64 -o ./my-kernel
  drydock profile show ./my-kernel

A profile is a directory. Where a command takes --kernel, it takes the path of one (with a slash in it) as well
as the name of a built-in one. Nothing is booted: types and tables are read out of the image.`;

interface ProfileSummary {
  name: string;
  release: string;
  btf_types: number;
  verifier: boolean;
  /** Modules whose types the profile has. */
  modules?: string[];
  helpers?: number;
  prototypes?: number;
  kfuncs?: number;
  iterators?: string[];
  map_types?: number;
  program_types?: number;
  struct_ops?: string[];
  unknown?: string[];
}

export function addProfile(program: Command, done: (code: ExitCode) => void): void {
  const profile = program
    .command('profile')
    .description('kernel profiles: list them, look at one, make one from a kernel image')
    .addHelpText('after', EXAMPLES);
  profile
    .command('list')
    .description('the built-in profiles')
    .option('--json', 'one JSON record a line')
    .action((options: { json?: boolean }) => done(list(options.json === true)));
  profile
    .command('show')
    .description('what a profile holds')
    .argument('<profile>', 'name of a built-in profile, or the path of a directory')
    .option('--json', 'one JSON record')
    .action((name: string, options: { json?: boolean }) => done(show(name, options.json === true)));
  profile
    .command('add')
    .description('make a profile from an x86-64 kernel image (vmlinuz or vmlinux) that has BTF')
    .argument('<vmlinuz>', 'kernel image, as in /boot')
    .requiredOption('-o, --output <directory>', 'directory to write; it is made when there is none')
    .option(
      '--modules <path...>',
      'modules whose types to add: .ko files, copies of /sys/kernel/btf/*, directories of them',
    )
    .option(
      '--config <file>',
      "the kernel's configuration, as in /boot/config-*: what CONFIG_ externs of programs get",
    )
    .option('--json', 'one JSON record')
    .action(async (image: string, options: AddOptions) => done(await add(image, options)));
}

interface AddOptions {
  output: string;
  modules?: string[];
  config?: string;
  json?: boolean;
}

function list(json: boolean): ExitCode {
  for (const name of profileNames()) {
    const { dialect, vmlinux } = openProfile(name);
    const record: ProfileSummary = {
      name,
      release: dialect.release,
      btf_types: vmlinux.typeCount - 1,
      verifier: hasVerifierData(name),
    };
    if (json) writeJson(record);
    else {
      const verifier = record.verifier ? 'runs and verifies' : 'runs';
      process.stdout.write(`${name.padEnd(14)} Linux ${dialect.release.padEnd(12)} ${verifier}\n`);
    }
  }
  return ExitCode.Ok;
}

function show(name: string, json: boolean): ExitCode {
  const { dialect, vmlinux, name: profile } = openProfile(name);
  const modules = moduleNames(profileDirectory(name));
  const record: ProfileSummary = {
    name: profile,
    release: dialect.release,
    btf_types: vmlinux.typeCount - 1,
    verifier: hasVerifierData(name),
    ...(modules.length > 0 ? { modules } : {}),
    ...(hasVerifierData(name) ? summary(openVerifierData(name)) : {}),
  };
  print(record, json);
  return ExitCode.Ok;
}

async function add(path: string, options: AddOptions): Promise<ExitCode> {
  const record = await writeProfile(path, checkTarget(options.output), options);
  print(record, options.json === true);
  return ExitCode.Ok;
}

/**
 * Makes a profile out of a kernel image, into a directory that is there or not yet.
 * @throws {InputError} for what is no kernel image, or has no types.
 */
export async function writeProfile(
  path: string,
  target: string,
  options: Pick<AddOptions, 'modules' | 'config'> = {},
): Promise<ProfileSummary> {
  // only this command reads kernel images: the others start without the decompressors
  const { extractProfile } = await import('../kernel-model/extract/extract.ts');
  const { closest, profileFiles } = await import('../kernel-model/extract/profile-files.ts');
  const extracted = extractProfile(readImage(path), path);
  const lenders = lendingProfiles();
  const dialect = builtIn(closest(extracted.version, lenders).name);
  const withTables = lenders.filter(({ name }) => hasVerifierData(name));
  const base = builtIn(closest(extracted.version, withTables).name);
  const { files, data, profile } = profileFiles(extracted, dialect, base, basename(path));
  const modules = await readModules(options.modules ?? [], profile.vmlinux);
  const config = options.config === undefined ? undefined : readConfig(options.config);
  mkdirSync(target, { recursive: true });
  rmSync(join(target, MODULES), { recursive: true, force: true });
  if (config) writeFileSync(join(target, CONFIG_FILE), gzipSync(config, { level: 9 }));
  else rmSync(join(target, CONFIG_FILE), { force: true });
  if (modules.size > 0) mkdirSync(join(target, MODULES));
  for (const [file, content] of files) writeFileSync(join(target, file), content);
  for (const [name, btf] of modules)
    writeFileSync(join(target, moduleFile(name)), gzipSync(btf, { level: 9 }));
  process.stderr.write(`== ${target}: Linux ${extracted.release}, hand-made tables from ${base.name}\n`);
  for (const name of data.unknownNames()) process.stderr.write(`note: not in both kernels: ${name}\n`);
  const record = {
    name: basename(target),
    release: extracted.version,
    btf_types: profile.vmlinux.typeCount - 1,
    verifier: true,
    modules: moduleNames(target),
    ...summary(data),
  };
  return record;
}

function readConfig(path: string): Uint8Array {
  const bytes = readImage(path);
  if (parseKernelConfig(new TextDecoder().decode(bytes)).size === 0) {
    throw new InputError('no kernel configuration: there is no line "CONFIG_...=..."', { file: path });
  }
  return bytes;
}

/**
 * Types of modules, by name. A file that is none of a module's of this kernel stops everything; in a directory, a
 * module without types is left out.
 */
async function readModules(paths: readonly string[], vmlinux: Btf): Promise<Map<string, Uint8Array>> {
  const modules = new Map<string, Uint8Array>();
  if (paths.length === 0) return modules;
  const { readModuleTypes } = await import('../kernel-model/extract/module-btf.ts');
  for (const path of paths) {
    const files = moduleFiles(path);
    for (const [i, file] of files.entries()) {
      if (i % 100 === 99) process.stderr.write(`${i + 1} of ${files.length} modules\n`);
      try {
        const { name, btf } = readModuleTypes(readImage(file), file);
        Btf.parse(btf, { base: vmlinux, file });
        modules.set(name, btf);
      } catch (error) {
        if (!(error instanceof InputError) || files.length === 1) throw error;
        process.stderr.write(`note: left out: ${error.message}\n`);
      }
    }
  }
  return modules;
}

/** The file itself, or the modules in a directory and below it. */
function moduleFiles(path: string): string[] {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return [path];
  const names = readdirSync(path, { recursive: true, encoding: 'utf8' });
  // A copy of /sys/kernel/btf has files without an ending, and the kernel's own among them.
  const modules = names.filter((name) => /(^|[/\\])[\w-]+(\.btf|\.ko(\.gz|\.xz|\.zst)?)?$/.test(name));
  const files = modules.filter((name) => basename(name) !== 'vmlinux').map((name) => join(path, name));
  return files.filter((file) => statSync(file).isFile()).sort();
}

/** Built-in profiles of unpatched kernels; the one of the series is no model for others. */
function lendingProfiles(): { name: string; versionCode: number }[] {
  return profileNames()
    .map((name) => ({ name, dialect: openProfile(name).dialect }))
    .filter(({ dialect }) => dialect.pageToPfn === 'kfunc')
    .map(({ name, dialect }) => ({ name, versionCode: dialect.versionCode }));
}

function builtIn(name: string): BaseProfile {
  return { name, read: (file) => readFileSync(join(profileDirectory(name), file), 'utf8') };
}

/** Writing into somebody's directory of other things would be a mistake of theirs. */
function checkTarget(output: string): string {
  const full = existsSync(output) && readdirSync(output).length > 0;
  if (full && !existsSync(join(output, 'dialect.json'))) {
    throw new InputError('the directory holds other things than a kernel profile', { file: output });
  }
  return output;
}

function readImage(path: string): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'there is no such file' : `cannot be read (${code})`;
    throw new InputError(reason, { file: path });
  }
  if (bytes.length > MAX_IMAGE_BYTES) throw new InputError('too large for a kernel image', { file: path });
  return bytes;
}

function summary(data: VerifierData): Omit<ProfileSummary, 'name' | 'release' | 'btf_types' | 'verifier'> {
  const kfuncs = new Set([...data.kfuncs.all()].map(({ module, kfunc }) => `${module} ${kfunc}`));
  return {
    helpers: data.helperCount - 1,
    prototypes: data.protos.size,
    kfuncs: kfuncs.size,
    iterators: [...data.iters.keys()],
    map_types: data.maps.types.size,
    program_types: data.loadable.size,
    struct_ops: data.structOps.names(),
    unknown: data.unknownNames(),
  };
}

function print(record: ProfileSummary, json: boolean): void {
  if (json) {
    writeJson(record);
    return;
  }
  const modules = record.modules ?? [];
  const lines: [string, string][] = [
    ['name', record.name],
    ['kernel', `Linux ${record.release}`],
    ['types', String(record.btf_types)],
  ];
  if (!record.verifier) lines.push(['verifier', 'no tables: programs can be run, not verified']);
  else {
    lines.push(
      ['helpers', `${record.helpers}, with ${record.prototypes} prototypes`],
      ['kfuncs', String(record.kfuncs)],
      ['iterators', (record.iterators ?? []).join(' ')],
      ['map types', String(record.map_types)],
      ['program types', String(record.program_types)],
      ['struct_ops', (record.struct_ops ?? []).join(' ')],
    );
  }
  if (modules.length > 0)
    lines.push(['modules', modules.length > 20 ? String(modules.length) : modules.join(' ')]);
  for (const [key, value] of lines) process.stdout.write(`${key.padEnd(14)} ${value}\n`);
}

function writeJson(record: ProfileSummary): void {
  process.stdout.write(`${JSON.stringify(record)}\n`);
}
