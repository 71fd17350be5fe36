// Bundles the command into dist/cli, over what tsc put there: Node takes longer to find and link 530 modules than
// many a command takes. Names stay as they are written, so that the trace of a bug can be read; the maps lead to the
// sources (node --enable-source-maps).
//
// What a command does not need stays in files of its own, by the sources' `import()`.
import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import standaloneCode from 'ajv/dist/standalone/index.js';
import { build } from 'vite';
import { SCHEMA_OPTIONS } from '../dist/kernel-model/compile-schema.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const BASE = /\/(cli\/(exit-code|version)|bpf\/(input-error|input-file|package-root|errno|errno-name))\.ts$/;

/** Has schemas compiled here: with a scene, loading the compiler and compiling would take 70 ms of every run. */
const compiledSchemas = {
  name: 'compiled-schemas',
  load(id) {
    if (basename(id) !== 'validator.ts') return null;
    const schema = JSON.parse(readFileSync(join(dirname(id), 'schema.json'), 'utf8'));
    const ajv = new Ajv({ ...SCHEMA_OPTIONS, code: { source: true, esm: true } });
    return `${standaloneCode(ajv, ajv.compile(schema))}\nexport const validator = () => validate;\n`;
  },
};

await build({
  root: ROOT,
  configFile: false,
  logLevel: 'warn',
  // @wasmer/wasi asks whether what it is given is one of these; Node would load all of fetch (27 ms) to say no.
  define: { Request: 'undefined', Response: 'undefined' },
  plugins: [compiledSchemas],
  ssr: { noExternal: true },
  build: {
    ssr: true,
    outDir: join(ROOT, 'dist', 'cli'),
    emptyOutDir: true,
    target: 'node20',
    minify: false,
    sourcemap: true,
    license: { fileName: 'licenses.md' },
    rolldownOptions: {
      // gate/jobs/pool.ts starts the worker by its name, from beside itself.
      input: { main: join(ROOT, 'cli', 'main.ts'), worker: join(ROOT, 'gate', 'jobs', 'worker.ts') },
      output: {
        entryFileNames: '[name].js',
        chunkFileNames: '[name].js',
        sourcemapExcludeSources: true,
        // What every command takes is one file: many small ones take longer to find.
        codeSplitting: { groups: [{ name: 'base', test: BASE }] },
      },
    },
  },
});
