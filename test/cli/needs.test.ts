/** drydock needs as a user meets it. Needs `npm run build`. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageFile } from '../portability/support.ts';

const BVEC = 'programs/bvec/bvec.bpf.o';
const LIMIT = 'test/library/objects/limit.bpf.o';

function needs(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [packageFile('dist/cli/main.js'), 'needs', ...args],
    { cwd: packageFile('.'), encoding: 'utf8' },
  );
  return { status, stdout, stderr };
}

function golden(name: string): string {
  return readFileSync(packageFile(`test/cli/golden/${name}`), 'utf8');
}

describe('drydock needs', () => {
  it('says what a kernel lacks first, then has the table', () => {
    const { status, stdout } = needs(BVEC, '--kernel', '5.10,6.12', '--series');
    expect(stdout).toBe(golden('needs-bvec.txt'));
    expect(status).toBe(1);
  });

  it('ends with 0 when every kernel has all', () => {
    const { status, stdout } = needs(LIMIT, '--kernel', '6.12');
    expect(stdout).toBe(golden('needs-limit.txt'));
    expect(status).toBe(0);
  });

  it('names the program and the line that need what 6.1 lacks', () => {
    const { status, stdout } = needs(LIMIT);
    expect(stdout).toMatch(
      /^ {2}6\.1 lacks:\n {4}kfunc bpf_preempt_disable .*: without_preemption, limit\.bpf\.c:\d+$/m,
    );
    expect(stdout).not.toContain('6.12 lacks:');
    expect(status).toBe(1);
  });

  it('looks at the programs that are asked for', () => {
    const { stdout } = needs(LIMIT, '--kernel', '6.12', '--prog', 'limit_source');
    expect(stdout).toMatch(/: 1 program,/);
    expect(stdout).not.toContain('kfunc_call');
  });

  it('lists every field with --all', () => {
    const { stdout } = needs('programs/task_file/task_file.bpf.o', '--kernel', '6.12', '--all');
    expect(stdout).toContain('struct task_struct.tgid');
  });

  it('prints one record a line for each need as JSON', () => {
    const { stdout } = needs(LIMIT, '--kernel', '5.10,6.1', '--json');
    const records = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(records.find(({ name }) => name === 'bpf_preempt_disable')).toMatchObject({
      object: LIMIT,
      kind: 'kfunc',
      certain: true,
      question: false,
      since: null,
      kernels: { '5.10': { has: 'unknown', missing: false }, '6.1': { has: 'no', missing: true } },
    });
    expect(records.at(-1)).toMatchObject({ kind: 'isa-level', name: 'v3', number: 3 });
    expect(new Set(records.map(({ kind, name, question }) => `${kind} ${name} ${question}`)).size).toBe(
      records.length,
    );
  });

  it('takes several objects, and a line for all', () => {
    const { stdout, status } = needs(LIMIT, 'programs/task/task.bpf.o', '--kernel', '6.12');
    expect(stdout).toMatch(/\n\nOf 2 objects, those that lack what they certainly need: 6\.12 0\n$/);
    expect(status).toBe(0);
  });

  it.each([
    ['an object that there is not', ['nothing.bpf.o'], 'nothing.bpf.o: there is no such file'],
    ['a kernel that there is not', [LIMIT, '--kernel', 'nothing'], 'unknown kernel "nothing"'],
    ['a program that there is not', [LIMIT, '--prog', 'nothing'], "there is no program 'nothing'"],
    ['what is no object', ['package.json'], 'package.json'],
  ])('refuses %s', (_, args, message) => {
    const { status, stderr } = needs(...args);
    expect(stderr).toContain(message);
    expect(status).toBe(2);
  });

  it('goes on after a bad object among several, and ends with 1', () => {
    const folder = mkdtempSync(join(tmpdir(), 'needs-'));
    try {
      writeFileSync(join(folder, 'bad.o'), 'no object');
      const { status, stdout, stderr } = needs(join(folder, 'bad.o'), LIMIT, '--kernel', '6.12');
      expect(stderr).toContain('bad.o');
      expect(stdout).toContain(`${LIMIT}: 3 programs`);
      expect(status).toBe(1);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('has examples in its help', () => {
    expect(needs('--help').stdout).toContain('drydock needs build/ --kernel 6.1,6.12');
  });
});
