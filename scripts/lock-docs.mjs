// Writes the scenes of programs/scenes/locks into docs/locks.md, with what drydock locks finds in each.
//
// After `npm run build`: node scripts/lock-docs.mjs [--check]
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { documentScenes, parseLockScene } from '../dist/kernel-model/locks/index.js';

const folder = new URL('../programs/scenes/locks/', import.meta.url);
const path = new URL('../docs/locks.md', import.meta.url);
const MARK = '<!-- scenes: written by scripts/lock-docs.mjs -->\n';

const names = readdirSync(folder).filter((name) => name.endsWith('.yaml'));
const scenes = names.map((name) => parseLockScene(readFileSync(new URL(name, folder), 'utf8'), name));
const before = readFileSync(path, 'utf8');
const [introduction] = before.split(MARK);
const after = `${introduction}${MARK}\n${documentScenes(scenes)}`;
if (process.argv.includes('--check')) {
  if (after !== before) {
    console.error('docs/locks.md is not current: run node scripts/lock-docs.mjs');
    process.exit(1);
  }
} else {
  writeFileSync(path, after);
}
