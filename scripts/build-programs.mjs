// Compiles every programs/FOLDER/NAME.bpf.c to programs/FOLDER/NAME.bpf.o. The objects are kept in the repository,
// so this needs to run only after a change, where clang-19 is at hand.
//
//   node scripts/build-programs.mjs [--check] [FOLDER...]
//
// --check builds to a temporary folder and compares byte for byte: the kept objects are what the sources say.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, 'programs');
const CLANG = process.env.CLANG ?? 'clang-19';
const STRIP = process.env.LLVM_STRIP ?? 'llvm-strip-19';

/** No path of the machine gets into the object: sources are named relative to the repository. */
const flags = [
  '-target',
  'bpf',
  '-mcpu=v3',
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

const args = process.argv.slice(2);
const check = args.includes('--check');
const chosen = args.filter((arg) => !arg.startsWith('--'));
const folders = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
const names = (chosen.length > 0 ? chosen : folders.map(({ name }) => name)).flatMap(sourcesOf);

if (!available(CLANG) || !available(STRIP)) {
  const what = `${CLANG} and ${STRIP} are needed to build the BPF programs and were not found`;
  console.error(check ? `skipped: ${what}` : what);
  process.exit(check ? 0 : 1);
}

const target = check ? mkdtempSync(join(tmpdir(), 'drydock-programs-')) : undefined;
let different = 0;
try {
  for (const name of names) {
    const kept = join(folder, `${name}.bpf.o`);
    const output = target ? join(target, `${basename(name)}.bpf.o`) : kept;
    compile(name, output);
    if (target && !(existsSync(kept) && readFileSync(kept).equals(readFileSync(output)))) {
      console.error(`programs/${name}.bpf.o differs from its source: run node scripts/build-programs.mjs`);
      different++;
    }
  }
} finally {
  if (target) rmSync(target, { recursive: true });
}
console.error(`${names.length} programs ${check ? 'compared' : 'built'}`);
process.exit(different === 0 ? 0 : 1);
