/** Puts together the directory of a kernel profile: what an image gave, and what a known kernel lends. */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { InputError } from '../../bpf/input-error.ts';
import { type Dialect, parseDialect } from '../dialect.ts';
import { KernelProfile } from '../profile.ts';
import { SYMBOLS_FILE } from '../symbol-names.ts';
import { EXTRACTED_FILES, HAND_FILES, VerifierData, type VerifierFile } from '../verifier-data.ts';
import type { ExtractedProfile } from './extract.ts';

/** A known profile that lends its dialect or its hand-made tables. */
export interface BaseProfile {
  readonly name: string;
  /** Text of a file of its directory. */
  read(file: string): string;
}

export interface ProfileFiles {
  /** File name -> content. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly data: VerifierData;
  /** The kernel as the files describe it. */
  readonly profile: KernelProfile;
}

/**
 * @param extracted what `extractProfile` read.
 * @param dialect whose behaviour switches hold for the kernel.
 * @param base whose hand-made tables hold for it.
 * @param source what to call the image in SOURCE.md.
 * @throws {InputError} when the tables do not fit the kernel, or it lacks what every modelled kernel has.
 */
export function profileFiles(
  extracted: ExtractedProfile,
  dialect: BaseProfile,
  base: BaseProfile,
  source: string,
): ProfileFiles {
  const texts = new Map(extracted.files);
  for (const file of HAND_FILES) texts.set(file, base.read(file));
  texts.set('dialect.json', adaptDialect(dialect, extracted));
  const { version, btf } = extracted;
  const profile = KernelProfile.create({ name: version, btf, dialect: texts.get('dialect.json') as string });
  const data = VerifierData.parse(version, profile.vmlinux, (file) => texts.get(file));
  const lenders = { dialect: dialect.name, tables: base.name };
  texts.set('SOURCE.md', describe(extracted, lenders, source, data.unknownNames()));
  const encoder = new TextEncoder();
  const files = new Map<string, Uint8Array>();
  for (const name of [...texts.keys()].sort()) files.set(name, encoder.encode(texts.get(name)));
  files.set('btf.bin.gz', gzipSync(btf, { level: 9 }));
  files.set(SYMBOLS_FILE, gzipSync(extracted.symbols, { level: 9 }));
  return { files, data, profile };
}

/** LINUX_VERSION_CODE: (major << 16) + (minor << 8) + patch, the patch being cut at 255. */
export function versionCode(version: string): number {
  const [major, minor, patch] = version.split('.').map(Number) as [number, number, number | undefined];
  return (major << 16) + (minor << 8) + Math.min(patch ?? 0, 255);
}

/** The candidate whose version is nearest; of two, the newer. */
export function closest<T extends { readonly versionCode: number }>(
  version: string,
  candidates: readonly T[],
): T {
  const wanted = versionCode(version);
  const distance = ({ versionCode: code }: T) => Math.abs(code - wanted);
  const sorted = [...candidates].sort((a, b) => distance(a) - distance(b) || b.versionCode - a.versionCode);
  const best = sorted[0];
  if (!best) throw new InputError('there is no built-in profile to take the hand-made tables from');
  return best;
}

function adaptDialect(base: BaseProfile, { version }: ExtractedProfile): string {
  const dialect = parseDialect(base.read('dialect.json'), `${base.name}/dialect.json`);
  const adapted: Dialect = { ...dialect, release: version, versionCode: versionCode(version) };
  return `${JSON.stringify(adapted, null, 2)}\n`;
}

const WHAT: { readonly [File in VerifierFile]: string } = {
  'helpers.json': 'helper numbers, and the prototypes (bpf_func_proto objects) that calls are checked by',
  'registers.json': 'register types that each kind of argument takes',
  'kfuncs.json': 'sets of kernel functions that programs may call, their flags and filters; destructors',
  'btf-ids.json':
    'the other BTF id sets and lists of the verifier: LSM hooks, allow and deny lists, special kfuncs',
  'iters.json': 'iterator targets and their typed arguments',
  'struct-ops.json': 'structs whose function pointers programs implement',
  'types.json': 'map types with their operations; program types that can be loaded',
  'trusted-fields.json': 'struct members whose pointers the verifier trusts',
  'tracepoints.json': 'raw tracepoints: event class, writable bytes, arguments that may be NULL',
  'functions.json': 'functions for error injection; functions without an address',
  'availability.json': 'which program types may call which helper, with which prototype',
  'ctx.json': 'loads and stores of contexts that each program type may do',
  'hooks.json': 'program types for which each kfunc set is registered; what the filters demand',
  'map-rules.json': 'which map types go with which helpers',
  'prog-rules.json': 'packet access, capabilities, attach types, return values of program types',
  'struct-ops-rules.json': 'members that may sleep; what programs may write through BTF pointers',
  'features.json': 'ways in which its verifier works, where kernels differ',
  'modules.json': 'kfuncs and struct_ops of kernel modules, among them those of the kernel’s own tests',
};

function describe(
  extracted: ExtractedProfile,
  lenders: { dialect: string; tables: string },
  source: string,
  unknown: readonly string[],
): string {
  const { btf, release, version } = extracted;
  const sha256 = createHash('sha256').update(btf).digest('hex');
  const row = (file: string, what: string) => `| \`${file}\` | ${what} |`;
  const lines = [
    `# Kernel profile ${version}`,
    '',
    `Made by \`drydock profile add\` from ${source}: Linux ${release}.`,
    '',
    'Read out of the image:',
    '',
    '| file | what it is |',
    '|---|---|',
    row(
      'btf.bin.gz',
      `the kernel’s type information, as in \`/sys/kernel/btf/vmlinux\`; ${btf.length} bytes, SHA-256 \`${sha256}\``,
    ),
    row(SYMBOLS_FILE, 'names of the kernel’s symbols, as in `/proc/kallsyms` without modules'),
    ...EXTRACTED_FILES.map((file) => row(file, WHAT[file])),
    '',
    'Taken over from built-in profiles (made by hand; each table names its source):',
    '',
    '| file | what it is |',
    '|---|---|',
    row(
      'dialect.json',
      `behaviour switches of ${lenders.dialect}; release and version are this kernel’s own`,
    ),
    ...HAND_FILES.map((file) => row(file, `${WHAT[file]} (of ${lenders.tables})`)),
  ];
  if (unknown.length > 0) {
    lines.push('', 'Named in the tables taken over, but not in this kernel (or the other way round):', '');
    lines.push(...unknown.map((name) => `- ${name}`));
  }
  return `${lines.join('\n')}\n`;
}
