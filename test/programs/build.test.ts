import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { PROGRAMS } from './support.ts';

const script = fileURLToPath(new URL('../../scripts/build-programs.mjs', import.meta.url));
const hasClang = spawnSync('clang-19', ['--version']).status === 0;

describe('the kept objects', () => {
  it.runIf(hasClang)('are what the sources say, byte for byte', () => {
    const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
    expect(stderr).toMatch(/\d+ programs compared/);
    expect(status).toBe(0);
  });

  it('says that it skips where there is no compiler', () => {
    const env = { ...process.env, CLANG: 'no-such-compiler' };
    const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8', env });
    expect(stderr).toMatch(/^skipped: no-such-compiler/);
    expect(status).toBe(0);
  });

  it('name no directory of the machine they were built on', () => {
    for (const name of readdirSync(PROGRAMS, { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith('.bpf.o')) continue;
      expect(readFileSync(new URL(name, PROGRAMS)).toString('latin1')).not.toMatch(
        /\/(home|root|work|tmp|usr|Users)\//,
      );
    }
  });
});
