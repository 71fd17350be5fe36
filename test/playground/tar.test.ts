/** Archives of images, as tar reads them. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { tar } from '../../playground/checkpoint/tar.ts';

const FILES = [
  { name: 'empty.img', bytes: new Uint8Array() },
  { name: 'block.img', bytes: new Uint8Array(512).fill(7) },
  { name: 'more.img', bytes: new Uint8Array(513).fill(9) },
];
const hasTar = spawnSync('tar', ['--version']).status === 0;

it.skipIf(!hasTar)('gives every file back', () => {
  const folder = mkdtempSync(join(tmpdir(), 'drydock-tar-'));
  try {
    writeFileSync(join(folder, 'a.tar'), tar('images', FILES));
    expect(spawnSync('tar', ['-xf', 'a.tar'], { cwd: folder }).status).toBe(0);
    for (const { name, bytes } of FILES)
      expect(new Uint8Array(readFileSync(join(folder, 'images', name)))).toEqual(bytes);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it('is whole blocks, with two empty ones at the end', () => {
  const bytes = tar('images', FILES);
  expect(bytes.length).toBe(512 * (3 + 1 + 2 + 2));
  expect(bytes.subarray(-1024).every((byte) => byte === 0)).toBe(true);
});

it('refuses names that do not fit', () => {
  expect(() => tar('images', [{ name: 'x'.repeat(100), bytes: new Uint8Array() }])).toThrow('too long');
});
