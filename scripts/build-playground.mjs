// Builds the static site of the playground: the page, the verifier, the kernels that can verify, and examples.
import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SITE = join(ROOT, 'build', 'playground');
const PROFILES = join(ROOT, 'kernel-model', 'profiles');
/** Folders of programs, with what the list of examples calls them. */
const EXAMPLES = [
  ['rejected/null', 'A pointer that may be NULL (rejected)', false],
  ['rejected/bounds', 'Out of bounds (rejected)', false],
  ['rejected/reference', 'References that leak (rejected)', false],
  ['rejected/write', 'Writing where only reading is allowed (rejected)', false],
  ['task/task', 'All tasks: an iterator', false],
  ['task_vma/task_vma', 'All mappings of a task: an iterator', false],
  ['io_uring_buf/io_uring_buf', 'Registered buffers of io_uring: an iterator of the series', true],
  ['bvec/bvec', 'Pages of registered buffers: 176,214 instructions', true],
  ['epoll/epoll', 'Items of an epoll instance: an iterator of the series', true],
];

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
const examples = EXAMPLES.map(([path, name, series]) => {
  const file = `${path.replace('/', '-')}.bpf.o`;
  cpSync(join(ROOT, 'programs', `${path}.bpf.o`), join(SITE, 'examples', file));
  return { name, file, series };
});
// Profiles without the verifier's tables are for runs alone.
const names = readdirSync(PROFILES).filter((name) => existsSync(join(PROFILES, name, 'helpers.json')));
const kernels = names.map((name) => {
  const folder = join(PROFILES, name);
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  const files = entries
    .map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)).replaceAll('\\', '/'))
    .filter((file) => !file.endsWith('.md'))
    .sort();
  for (const file of files) cpSync(join(folder, file), join(SITE, 'profiles', name, file));
  return { name, files };
});
cpSync(join(ROOT, 'build', 'verifier.wasm'), join(SITE, 'verifier.wasm'));
writeFileSync(join(SITE, 'site.json'), `${JSON.stringify({ kernels, examples }, null, 2)}\n`);
