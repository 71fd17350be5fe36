#!/usr/bin/env node
// Makes what the built-in profiles have from kernel images again, by the code behind `drydock profile add`, and says
// how long it took. What is made by hand stays as it is. Run after `npm run build:ts`.
//
//   node scripts/build-profiles.mjs [--check] [--if-available] [--packages DIR] [6.1 | 6.12 ...]
//
// The images are those of Debian's packages, fetched with apt-get and kept in DIR (build/kernel-packages). A compressed
// file whose content is the same is left alone: compressors differ from release to release. `--check` writes nothing
// and fails when anything differs. `--if-available` leaves out kernels whose package no mirror has (any more).
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { gunzipSync, gzipSync } from 'node:zlib';
import { extractProfile } from '../dist/kernel-model/extract/extract.js';

/** The packages that the profiles were made from. */
const PACKAGES = {
  6.1: { name: 'linux-image-6.1.0-56-cloud-amd64', version: '6.1.192-2' },
  6.12: { name: 'linux-image-6.12.117+deb12-cloud-amd64', version: '6.12.117-1~deb12u1' },
};
const MIB = 1 << 10;

const root = resolve(import.meta.dirname, '..');
const { values, positionals } = parseArgs({
  options: {
    check: { type: 'boolean', default: false },
    'if-available': { type: 'boolean', default: false },
    packages: { type: 'string', default: join(root, 'build/kernel-packages') },
  },
  allowPositionals: true,
});

/** Unpacks a package once, and fetches it for that: the folder with its files. */
function unpacked({ name, version }) {
  const folder = join(values.packages, `${name}_${version}`);
  if (existsSync(join(folder, 'boot'))) return folder;
  mkdirSync(folder, { recursive: true });
  // As root apt would fetch as another user, who may not write here.
  const fetch = ['download', '-o', 'APT::Sandbox::User=root', `${name}=${version}`];
  execFileSync('apt-get', fetch, { cwd: folder, stdio: 'inherit' });
  const archive = readdirSync(folder).find((file) => file.endsWith('.deb'));
  if (archive === undefined) throw new Error(`apt-get download ${name} left nothing behind`);
  execFileSync('dpkg-deb', ['-x', join(folder, archive), folder]);
  return folder;
}

/** Whether it is here already, or apt-get knows where to fetch it. */
function isAvailable({ name, version }) {
  if (existsSync(join(values.packages, `${name}_${version}`, 'boot'))) return true;
  const { status, stdout } = spawnSync('apt-cache', ['madison', name], { encoding: 'utf8' });
  return status === 0 && stdout.split('\n').some((line) => line.split('|')[1]?.trim() === version);
}

/** The file in /boot whose name begins like this. */
function bootFile(folder, prefix) {
  const file = readdirSync(join(folder, 'boot')).find((name) => name.startsWith(prefix));
  if (file === undefined) throw new Error(`${folder} has no boot/${prefix}*`);
  return readFileSync(join(folder, 'boot', file));
}

/** File name -> content, before compression. */
function contents(folder) {
  const { btf, files, symbols } = extractProfile(bootFile(folder, 'vmlinuz-'));
  const encoder = new TextEncoder();
  const made = [...files].map(([name, text]) => [name, encoder.encode(text)]);
  return new Map([
    ...made,
    ['btf.bin.gz', btf],
    ['symbols.txt.gz', encoder.encode(symbols)],
    ['config.gz', bootFile(folder, 'config-')],
  ]);
}

function isSame(path, content) {
  if (!existsSync(path)) return false;
  const bytes = readFileSync(path);
  return Buffer.compare(path.endsWith('.gz') ? gunzipSync(bytes) : bytes, content) === 0;
}

let differences = 0;
const kernels = positionals.length > 0 ? positionals : Object.keys(PACKAGES);
for (const kernel of kernels) {
  const source = PACKAGES[kernel];
  if (!source) throw new Error(`no profile "${kernel}"; there are: ${Object.keys(PACKAGES).join(', ')}`);
  if (values['if-available'] && !isAvailable(source)) {
    console.log(`skipped: no ${source.name} ${source.version}`);
    continue;
  }
  const folder = unpacked(source);
  const start = performance.now();
  const files = contents(folder);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const memory = Math.round(process.resourceUsage().maxRSS / MIB);
  const changed = [...files].filter(
    ([name, content]) => !isSame(join(root, 'kernel-model/profiles', kernel, name), content),
  );
  for (const [name, content] of changed) {
    differences++;
    console.log(`${kernel}/${name}: ${values.check ? 'differs' : 'written'}`);
    const path = join(root, 'kernel-model/profiles', kernel, name);
    if (!values.check) writeFileSync(path, name.endsWith('.gz') ? gzipSync(content, { level: 9 }) : content);
  }
  console.log(
    `${kernel}: ${files.size} files of ${source.name} ${source.version}, ${seconds} s, ${memory} MiB`,
  );
}
if (values.check && differences > 0) process.exitCode = 1;
