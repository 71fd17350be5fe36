// Names this build by the content of what runs: results that the gate keeps are good for the code that made them only.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PARTS = ['bpf', 'loader', 'verifier', 'vm', 'kernel-model', 'session', 'checkpoint', 'gate/jobs'];
const hash = createHash('sha256');

function add(folder, wanted) {
  const entries = readdirSync(join(ROOT, folder), { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile() && wanted.test(entry.name));
  const paths = files.map((entry) => join(entry.parentPath ?? entry.path, entry.name)).sort();
  for (const path of paths) {
    const digest = createHash('sha256').update(readFileSync(path)).digest('hex');
    hash.update(`${path.slice(ROOT.length)} ${digest}\n`);
  }
}

for (const part of PARTS) add(join('dist', part), /\.js(on)?$/);
add('kernel-model/profiles', /./);
add('programs/checkpoint', /\.o$/);
add('programs/bvec_pages', /\.o$/);
for (const name of ['verifier.wasm', 'vm.wasm']) hash.update(readFileSync(join(ROOT, 'build', name)));
writeFileSync(join(ROOT, 'build', 'build-id'), `${hash.digest('hex')}\n`);
