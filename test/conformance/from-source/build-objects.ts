/** Compiles the selftests' BPF programs as their Makefile does. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { run, ToolError } from './command.ts';
import type { SelftestSource } from './kernel-source.ts';

export const CLANG = 'clang-19';
const OPTIONS = ['-g', '-O2', '-mcpu=v3', '--target=bpf', '-mlittle-endian', '-w', '-D__TARGET_ARCH_x86'];
/** The features of -mcpu=v3 that the selftests ask for by macro. */
const DEFINES = ['-DENABLE_ATOMICS_TESTS'];

export interface BuiltObjects {
  /** Folder of NAME.bpf.o. */
  folder: string;
  names: string[];
  /** Sources that do not compile, with the compiler's first error. */
  failed: string[];
}

/** @param folder for the objects; those that are there already are kept while the options stay the same. */
export async function buildObjects(
  source: SelftestSource,
  folder: string,
  progress: (text: string) => void,
): Promise<BuiltObjects> {
  const options = [...OPTIONS, ...DEFINES, ...(await includes(source))];
  const extra = extraOptions(readFileSync(join(source.selftests, 'Makefile'), 'utf8'));
  discardOutdated(folder, JSON.stringify([options, [...extra]]));
  const names = readdirSync(join(source.selftests, 'progs'))
    .filter((name) => name.endsWith('.c'))
    .map((name) => name.slice(0, -2))
    .sort();
  const missing = names.filter((name) => !existsSync(join(folder, `${name}.bpf.o`)));
  const failed: string[] = [];
  let done = 0;
  await inParallel(missing, async (name) => {
    try {
      await compile(source, name, [...options, ...(extra.get(name) ?? [])], folder);
    } catch (error) {
      if (!(error instanceof ToolError)) throw error;
      failed.push(`${name}: ${/error: .*/.exec(error.message)?.[0] ?? error.message}`);
    }
    if (++done % 100 === 0) progress(`${done} of ${missing.length} selftests compiled`);
  });
  return { folder, names: names.filter((name) => existsSync(join(folder, `${name}.bpf.o`))), failed };
}

async function includes({ selftests, headers }: SelftestSource): Promise<string[]> {
  const own = [headers, selftests, join(selftests, '../../../include/uapi')].map((path) => `-I${path}`);
  // The host's own headers come last: the BPF target has none.
  const said = await run('sh', ['-c', `${CLANG} -v -E - </dev/null 2>&1`]);
  const list = /<\.\.\.> search starts here:\n([\s\S]*?)End of search list/.exec(said)?.[1] ?? '';
  const system = list.split('\n').filter((line) => line !== '');
  return [...own, ...system.flatMap((path) => ['-idirafter', path.trim()])];
}

/** Options of single sources, as the Makefile sets them. */
function extraOptions(makefile: string): Map<string, string[]> {
  const options = new Map<string, string[]>();
  const rules = [/^progs\/(\w+)\.c-CFLAGS := (.*)$/gm, /^\$\(OUTPUT\)\/(\w+)\.o: BPF_CFLAGS \+= (.*)$/gm];
  for (const rule of rules) {
    for (const [, name = '', flags = ''] of makefile.matchAll(rule)) {
      options.set(name, [...(options.get(name) ?? []), ...flags.split(' ')]);
    }
  }
  return options;
}

/** Objects that were made with other options are made again. */
function discardOutdated(folder: string, options: string): void {
  const stamp = join(folder, 'options.json');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === options) return;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(stamp, options);
}

async function compile(
  { selftests }: SelftestSource,
  name: string,
  options: readonly string[],
  folder: string,
): Promise<void> {
  const object = join(folder, `${name}.bpf.o`);
  const partial = `${object}.partial`;
  await run(CLANG, [...options, '-c', `progs/${name}.c`, '-o', partial], { cwd: selftests });
  renameSync(partial, object);
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  const drain = async () => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, drain));
}
