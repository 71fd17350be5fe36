/** The part of the kernel's source that the selftests are built from, with the headers that are made of it. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { run } from './command.ts';
import type { SourcePackage } from './packages.ts';

/** What of the source is unpacked. */
const PARTS = ['tools', 'scripts', 'include/uapi', 'kernel/bpf'];
const ROOT = 'linux-source-6.12';

export interface SelftestSource {
  /** tools/testing/selftests/bpf */
  selftests: string;
  /** Folder with vmlinux.h and bpf/*.h. */
  headers: string;
  /** The kernel's .config, when there is one. */
  config?: string;
}

/**
 * @param folder where everything is kept; what is there already is not made again.
 * @param btf compressed BTF of the recorded kernel, of which vmlinux.h is made.
 * @throws {ToolError} when a step fails.
 */
export async function prepareSource(
  source: SourcePackage,
  folder: string,
  btf: string,
  progress: (text: string) => void,
): Promise<SelftestSource> {
  mkdirSync(folder, { recursive: true });
  const tree = join(folder, ROOT);
  if (!existsSync(tree)) {
    progress(`unpacking the source of ${source.version}`);
    await unpack(source.tarball, folder);
  }
  const headers = join(folder, 'include');
  if (!existsSync(headers)) {
    progress('building bpftool and the headers');
    await makeHeaders(tree, folder, btf);
  }
  const config = source.config && (await unpackConfig(source.config, folder));
  return {
    selftests: join(tree, 'tools/testing/selftests/bpf'),
    headers,
    ...(config ? { config } : {}),
  };
}

async function unpack(tarball: string, folder: string): Promise<void> {
  // Under its own name only when it is complete.
  const partial = join(folder, 'unpacking');
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial);
  await run('tar', ['xf', tarball, '-C', partial, ...PARTS.map((part) => `${ROOT}/${part}`)]);
  renameSync(join(partial, ROOT), join(folder, ROOT));
  rmSync(partial, { recursive: true });
}

/** libbpf's headers, and vmlinux.h as bpftool writes it. */
async function makeHeaders(tree: string, folder: string, btf: string): Promise<void> {
  const libbpf = join(folder, 'libbpf');
  const bpftool = join(folder, 'bpftool');
  mkdirSync(libbpf, { recursive: true });
  mkdirSync(bpftool, { recursive: true });
  const make = (part: string, ...args: string[]) => run('make', ['-s', '-C', join(tree, part), ...args]);
  await make('tools/lib/bpf', `OUTPUT=${libbpf}/`, `DESTDIR=${libbpf}/root`, 'prefix=', 'install_headers');
  await make('tools/bpf/bpftool', '-j2', `OUTPUT=${bpftool}/`, 'bootstrap');
  const raw = join(folder, 'vmlinux.btf');
  writeFileSync(raw, gunzipSync(readFileSync(btf)));
  const tool = join(bpftool, 'bootstrap/bpftool');
  const vmlinux = await run(tool, ['btf', 'dump', 'file', raw, 'format', 'c']);
  const include = join(libbpf, 'root/include');
  writeFileSync(join(include, 'vmlinux.h'), vmlinux);
  renameSync(include, join(folder, 'include'));
}

async function unpackConfig(compressed: string, folder: string): Promise<string> {
  const config = join(folder, 'config');
  if (!existsSync(config)) writeFileSync(config, await run('xz', ['-dc', compressed]));
  return config;
}
