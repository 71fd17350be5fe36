// Writes directories of images without end, new ones and again over one that is there, until it is killed.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [dist, base] = process.argv.slice(2);
const { writeImages } = await import(pathToFileURL(join(dist, 'checkpoint', 'image', 'directory.js')).href);

const files = new Map();
for (let id = 1; id <= 12; id++) files.set(`pages-${id}.img`, new Uint8Array(4096 * id).fill(id));

process.stdout.write('ready\n');
for (let round = 0; ; round++) {
  writeImages(join(base, `new-${round}`), files);
  writeImages(join(base, 'same'), files, { force: true });
}
