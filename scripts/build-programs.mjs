// Compiles every programs/FOLDER/NAME.bpf.c to programs/FOLDER/NAME.bpf.o. The objects are kept in the repository,
// so this needs to run only after a change, where clang-19 is at hand.
//
//   node scripts/build-programs.mjs [--check | --to DIR [--cpu v1] [--big-endian]] [FOLDER...]
//
// --check builds to a temporary folder and compares byte for byte: the kept objects are what the sources say.
// --to builds to another folder, for another version of the instruction set or byte order if asked, and keeps nothing here.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, 'programs');
const CLANG = process.env.CLANG ?? 'clang-19';
const STRIP = process.env.LLVM_STRIP ?? 'llvm-strip-19';

const { values: args, positionals: chosen } = parseArgs({
  allowPositionals: true,
  options: {
    check: { type: 'boolean', default: false },
    to: { type: 'string' },
    cpu: { type: 'string', default: 'v3' },
    'big-endian': { type: 'boolean', default: false },
  },
});

/** No path of the machine gets into the object: sources are named relative to the repository. */
const flags = [
  '-target',
  args['big-endian'] ? 'bpfeb' : 'bpfel',
  `-mcpu=${args.cpu}`,
  '-O2',
  '-g',
  '-std=gnu11',
  '-ffreestanding',
  '-Wall',
  '-Werror',
  `-ffile-prefix-map=${root}=.`,
  '-fdebug-compilation-dir=.',
  '-Iprograms/include',
];

function available(tool) {
  return spawnSync(tool, ['--version']).status === 0;
}

/** Sources below programs/, without their extension: "task/task". */
function sourcesOf(name) {
  const sources = readdirSync(join(folder, name)).filter((file) => file.endsWith('.bpf.c'));
  return sources.map((file) => `${name}/${file.replace(/\.bpf\.c$/, '')}`);
}

function compile(name, output) {
  const source = `programs/${name}.bpf.c`;
  execFileSync(CLANG, [...flags, '-c', source, '-o', output], { cwd: root, stdio: 'inherit' });
  // DWARF goes; BTF and the relocations for it stay.
  execFileSync(STRIP, ['-g', output], { cwd: root, stdio: 'inherit' });
}

const { check, to } = args;
if (to === undefined && (args.cpu !== 'v3' || args['big-endian'])) {
  console.error('--cpu and --big-endian need --to: the kept objects are little-endian and of v3');
  process.exit(1);
}
const folders = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
const names = (chosen.length > 0 ? chosen : folders.map(({ name }) => name)).flatMap(sourcesOf);

if (!available(CLANG) || !available(STRIP)) {
  const what = `${CLANG} and ${STRIP} are needed to build the BPF programs and were not found`;
  console.error(check ? `skipped: ${what}` : what);
  process.exit(check ? 0 : 1);
}

const target = check ? mkdtempSync(join(tmpdir(), 'drydock-programs-')) : to && resolve(to);
let different = 0;
try {
  for (const name of names) {
    const kept = join(folder, `${name}.bpf.o`);
    const output = target ? join(target, `${check ? basename(name) : name}.bpf.o`) : kept;
    mkdirSync(dirname(output), { recursive: true });
    compile(name, output);
    if (check && !(existsSync(kept) && readFileSync(kept).equals(readFileSync(output)))) {
      console.error(`programs/${name}.bpf.o differs from its source: run node scripts/build-programs.mjs`);
      different++;
    }
  }
} finally {
  if (check) rmSync(target, { recursive: true });
}
console.error(`${names.length} programs ${check ? 'compared' : 'built'}`);
process.exit(different === 0 ? 0 : 1);
