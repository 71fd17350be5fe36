import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { documentScenes, parseLockScene, runLockScene, sceneText } from '../../kernel-model/locks/index.ts';

const folder = new URL('../../programs/scenes/locks/', import.meta.url);
const document = readFileSync(new URL('../../docs/locks.md', import.meta.url), 'utf8');
const scene = (name: string) => parseLockScene(readFileSync(new URL(name, folder), 'utf8'), name);

test('docs/locks.md shows what drydock locks finds now (node scripts/lock-docs.mjs)', () => {
  const names = readdirSync(folder).filter((name) => name.endsWith('.yaml'));
  const part = document.split('<!-- scenes: written by scripts/lock-docs.mjs -->\n')[1];
  expect(part).toBe(`\n${documentScenes(names.map(scene))}`);
});

test('the example at its top is current, too', () => {
  const path = 'programs/scenes/locks/abba-mutex_lock.yaml';
  const text = sceneText(path, runLockScene(scene('abba-mutex_lock.yaml').scene));
  const [example] = text.split('\n\nalso found:');
  expect(document).toContain(`$ drydock locks ${path}\n${example}\n`);
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  expect(readme).toContain(`$ node dist/cli/main.js locks ${path}\n${example}\n`);
});

test('the example of a scene is one', () => {
  const yaml = /```yaml\n(.*?)```/s.exec(document)?.[1] ?? '';
  expect(runLockScene(parseLockScene(yaml, 'example.yaml').scene).agrees).toBe(true);
});
