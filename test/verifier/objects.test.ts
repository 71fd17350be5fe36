import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const FOLDER = new URL('./objects/', import.meta.url);
const hasClang = ['clang-19', 'llvm-strip-19'].every((tool) => spawnSync(tool, ['--version']).status === 0);

describe('the kept objects', () => {
  it.runIf(hasClang)('are what the sources say, byte for byte', () => {
    const { status, stdout, stderr } = spawnSync(fileURLToPath(new URL('build.sh', FOLDER)), ['--check'], {
      encoding: 'utf8',
    });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  it('name no directory of the machine they were built on', () => {
    const objects = readdirSync(FOLDER).filter((name) => name.endsWith('.bpf.o'));
    expect(objects.length).toBeGreaterThan(5);
    for (const name of objects) {
      const text = readFileSync(new URL(name, FOLDER)).toString('latin1');
      expect(text).not.toMatch(/\/(home|root|work|tmp|usr|Users)\//);
    }
  });
});
