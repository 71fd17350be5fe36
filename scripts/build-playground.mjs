// Builds the static site of the playground: the page, verifier and vm, the kernels, examples and scenes.
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import { parse } from 'yaml';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SITE = join(ROOT, 'build', 'playground');
const PROFILES = join(ROOT, 'kernel-model', 'profiles');
/** Objects, with what the list of examples calls them. */
const EXAMPLES = [
  ['Rejected', 'Pointers that may be NULL', 'rejected/null'],
  ['Rejected', 'Out of bounds', 'rejected/bounds'],
  ['Rejected', 'References that leak', 'rejected/reference'],
  ['Rejected', 'Pointers that are none', 'rejected/pointer'],
  ['Rejected', 'Writing where only reading is allowed', 'rejected/write'],
  ['Rejected', 'Helpers called wrongly', 'rejected/helper'],
  ['Rejected', 'Jumps and ends of programs', 'rejected/flow'],
  ['Rejected', 'Too complex: a million instructions', 'rejected/complexity'],
  ['Rejected', 'Wrong variants of the io_uring iterators', 'rejected/series', true],
  ['Accepted', 'Pointers that may be NULL, checked', 'accepted/null'],
  ['Accepted', 'Bounds, checked', 'accepted/bounds'],
  ['Accepted', 'References, given back', 'accepted/reference'],
  ['Iterators', 'All tasks', 'task/task'],
  ['Iterators', 'Open files of all tasks', 'task_file/task_file'],
  ['Iterators', 'Mappings of a task', 'task_vma/task_vma'],
  ['Iterators', 'Maps', 'bpf_map/bpf_map'],
  ['Iterators', 'Entries of a map', 'bpf_map_elem/bpf_map_elem'],
  ['Iterators of the io_uring series', 'Registered buffers', 'io_uring_buf/io_uring_buf', true],
  ['Iterators of the io_uring series', 'Registered files', 'io_uring_file/io_uring_file', true],
  ['Iterators of the io_uring series', 'Items of an epoll instance', 'epoll/epoll', true],
  ['Iterators of the io_uring series', 'Pages of buffers: 176,214 instructions', 'bvec/bvec', true],
];
const SCENES = ['demo', 'io_uring_buf', 'io_uring_file', 'epoll', 'checkpoint'];

await build({
  root: join(ROOT, 'playground'),
  base: './',
  logLevel: 'warn',
  build: {
    outDir: SITE,
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: false,
    chunkSizeWarningLimit: 2000,
  },
  worker: { format: 'es' },
});

mkdirSync(join(SITE, 'examples'), { recursive: true });
const examples = EXAMPLES.map(([group, name, path, series = false]) => {
  const file = `${path.replace('/', '-')}.bpf.o`;
  const source = file.replace(/o$/, 'c');
  cpSync(join(ROOT, 'programs', `${path}.bpf.o`), join(SITE, 'examples', file));
  cpSync(join(ROOT, 'programs', `${path}.bpf.c`), join(SITE, 'examples', source));
  return { group, name, file, source, series };
});

/** The objects that checkpoints are made with. */
mkdirSync(join(SITE, 'dumpers'));
for (const path of [...filesOf('programs/checkpoint', '.bpf.o'), 'programs/bvec_pages/bvec_pages.bpf.o'])
  cpSync(join(ROOT, path), join(SITE, 'dumpers', basename(path)));

const scenes = SCENES.map((name) => copyScene(`programs/scenes/${name}.yaml`, 'scenes'));
const lockScenes = filesOf('programs/scenes/locks', '.yaml').map((path) => copyScene(path, 'scenes/locks'));

const names = readdirSync(PROFILES).filter((name) => existsSync(join(PROFILES, name, 'dialect.json')));
const kernels = names
  .sort(new Intl.Collator('en', { numeric: true }).compare)
  .reverse()
  .map((name) => {
    const files = readdirSync(join(PROFILES, name), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.endsWith('.md'))
      .map((entry) => relative(join(PROFILES, name), join(entry.parentPath ?? entry.path, entry.name)))
      .map((file) => file.replaceAll('\\', '/'))
      .sort();
    for (const file of files) cpSync(join(PROFILES, name, file), join(SITE, 'profiles', name, file));
    return { name, files, verifies: files.includes('helpers.json') };
  });
for (const core of ['verifier.wasm', 'vm.wasm']) cpSync(join(ROOT, 'build', core), join(SITE, core));
writeFileSync(
  join(SITE, 'site.json'),
  `${JSON.stringify({ kernels, examples, scenes, lockScenes }, null, 1)}\n`,
);

/** Last, as it knows every other file: the page at "./" is index.html. */
const kept = readdirSync(SITE, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => relative(SITE, join(entry.parentPath ?? entry.path, entry.name)).replaceAll('\\', '/'))
  .sort();
const hash = createHash('sha256');
for (const file of kept) hash.update(file).update(readFileSync(join(SITE, file)));
await build({
  root: join(ROOT, 'playground'),
  logLevel: 'warn',
  define: {
    FILES: JSON.stringify(['./', ...kept.filter((file) => file !== 'index.html')]),
    BUILD: JSON.stringify(hash.digest('hex').slice(0, 16)),
  },
  build: {
    outDir: SITE,
    emptyOutDir: false,
    target: 'es2022',
    rolldownOptions: {
      input: join(ROOT, 'playground', 'offline', 'sw.ts'),
      output: { entryFileNames: 'sw.js', format: 'iife' },
    },
  },
});

/** Files of a folder, as paths from the root. */
function filesOf(folder, suffix) {
  const files = readdirSync(join(ROOT, folder)).filter((file) => file.endsWith(suffix));
  return files.sort().map((file) => `${folder}/${file}`);
}

/** What it is about is its own description. */
function copyScene(path, folder) {
  const file = basename(path);
  mkdirSync(join(SITE, folder), { recursive: true });
  cpSync(join(ROOT, path), join(SITE, folder, file));
  const { description = '', about = '' } = parse(readFileSync(join(ROOT, path), 'utf8')) ?? {};
  return { name: file.replace('.yaml', ''), file, group: about, about: description };
}
