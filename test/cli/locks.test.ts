/** drydock locks as a user meets it. Needs `npm run build`. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const main = join(root, 'dist', 'cli', 'main.js');

function locks(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'locks', ...args], {
    cwd: root,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

const scene = (name: string) => join('programs', 'scenes', 'locks', `${name}.yaml`);

let folder: string;
beforeAll(() => {
  if (!existsSync(main)) throw new Error('dist/ is missing: run npm run build');
  folder = mkdtempSync(join(tmpdir(), 'drydock-locks-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const actors = (count: number, pairs: number) =>
  Array.from({ length: count }, (_, i) => {
    const does = Array.from({ length: pairs }, () => '{ lock: l }, { unlock: l }').join(', ');
    return `  - { name: t${i}, does: [${does}] }\n`;
  }).join('');

describe('drydock locks', () => {
  it('draws a deadlock as a timeline, and says who holds and who waits', () => {
    const { status, stdout } = locks(scene('abba-mutex_lock'));
    expect(stdout).toContain(
      [
        '    reader                                     submitter',
        '    ------                                     ---------',
        '    mutex_lock(&it->lock)',
        '                                               mutex_lock(&ring->uring_lock)',
        '    mutex_lock(&ring->uring_lock)   <waits>',
        '                                               mutex_lock(&it->lock)   <waits>',
        '',
        '    reader waits for ring->uring_lock, held by submitter',
        '    submitter waits for it->lock, held by reader',
      ].join('\n'),
    );
    expect(status).toBe(0);
  });

  it('says for scenes without an error how much was explored, and what calls gave', () => {
    const { status, stdout } = locks(scene('abba-trylock'), scene('own-ring-trylock'));
    expect(stdout).toMatch(
      /abba-trylock\.yaml: no error, as expected\n\d+ states, \d+ steps, \d+ interleavings, /,
    );
    expect(stdout).toContain('  app: read(it) = EDEADLK\n');
    expect(status).toBe(0);
  });

  it('gives one JSON record a line', () => {
    const { status, stdout } = locks(
      '--json',
      scene('two-rings-mutex_lock'),
      scene('h16-removed'),
      scene('h2-quiesce-6.1'),
    );
    const [two, removed, fine] = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(two).toMatchObject({
      scene: scene('two-rings-mutex_lock'),
      agrees: true,
      complete: true,
      errors: [],
    });
    expect(two.states).toBeGreaterThan(0);
    expect(two.interleavings).toBeGreaterThan(0);
    expect(two.deadlocks[0].trace[0]).toEqual({ actor: 'app1', text: 'mutex_lock(&ring1->uring_lock)' });
    expect(removed.deadlocks).toEqual([]);
    expect(removed.errors[0]).toMatchObject({ kind: 'wrong-output', actors: ['reader'], shortest: true });
    expect(fine).toMatchObject({
      deadlocks: [],
      errors: [],
      results: { app: ['register eventfd of ring = 0'] },
    });
    expect(status).toBe(0);
  });

  it('exits with 1 when an error is not expected, or an expected one not found', () => {
    const text = (expected: string, does: string) =>
      `expect: ${expected}\nlocks: [{ name: l }]\nactors: [{ name: t, does: [${does}] }]\n`;
    const surprise = locks(write('surprise.yaml', text('none', '{ lock: l }, { lock: l }')));
    expect([surprise.status, surprise.stdout]).toEqual([
      1,
      expect.stringContaining('surprise.yaml: deadlock, but expected: none'),
    ]);
    const missing = locks(write('missing.yaml', text('deadlock', '{ lock: l }, { unlock: l }')));
    expect([missing.status, missing.stdout]).toEqual([
      1,
      expect.stringContaining('missing.yaml: no error, but expected: deadlock'),
    ]);
    const message = text('deadlock', '{ lock: l }, { lock: l }').replace('locks:', 'finds: [other]\nlocks:');
    const other = locks(write('other.yaml', message));
    expect([other.status, other.stdout]).toEqual([
      1,
      expect.stringContaining('other.yaml: deadlock, but expected: deadlock; other'),
    ]);
  });

  it('says so when it stops at the limit, and does not call that free of errors', () => {
    const path = write('large.yaml', `expect: none\nlocks: [{ name: l }]\nactors:\n${actors(3, 10)}`);
    const limited = locks('--max-states', '500', path);
    expect(limited.status).toBe(1);
    expect(limited.stdout).toContain('no error found so far');
    expect(limited.stdout).toMatch(/the limit was reached with \d+ states? not gone on from/);
    const whole = locks(path);
    expect([whole.status, whole.stdout]).toEqual([0, expect.stringContaining('no error, as expected')]);
  });

  it('goes through all orders on request', () => {
    const count = (...args: string[]) => {
      const { stdout } = locks('--json', ...args, scene('abba-trylock'));
      return JSON.parse(stdout) as { states: number; interleavings: number; reduced: boolean };
    };
    const reduced = count();
    const all = count('--no-reduction');
    expect([reduced.reduced, all.reduced]).toEqual([true, false]);
    expect(all.states).toBeGreaterThan(reduced.states);
    expect(all.interleavings).toBeGreaterThan(reduced.interleavings);
  });

  it('refuses bad scenes and command lines with exit code 2', () => {
    const bad = write('bad.yaml', 'expect: none\nactors:\n  - { name: t, does: [{ lock: x }] }\n');
    expect(locks(bad)).toMatchObject({ status: 2, stdout: '' });
    expect(locks(bad).stderr).toContain(`${bad}:3:25: x is not among: mutexes`);
    expect(locks(join(folder, 'nowhere.yaml'))).toMatchObject({ status: 2 });
    expect(locks('--max-states', '0', scene('abba-trylock'))).toMatchObject({ status: 2 });
    expect(locks()).toMatchObject({ status: 2 });
  });

  it('explains itself', () => {
    const { status, stdout } = locks('--help');
    expect(status).toBe(0);
    expect(stdout).toContain('drydock locks programs/scenes/locks/*.yaml');
  });
});
