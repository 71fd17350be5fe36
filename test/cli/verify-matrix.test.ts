/** drydock verify for several kernels, as a user meets it. Needs `npm run build`. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../package-root.ts';

const root = packageRoot();
const main = join(root, 'dist', 'cli', 'main.js');
const LICENCE = 'programs/rejected/licence.bpf.o';
const HELPER = 'programs/accepted/helper.bpf.o';
const TASK = 'programs/task/task.bpf.o';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drydock-matrix-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function verify(...args: string[]) {
  const env = { ...process.env, TMPDIR: folder };
  return spawnSync(process.execPath, [main, 'verify', ...args], { cwd: root, encoding: 'utf8', env });
}

describe('drydock verify --kernel A,B', () => {
  it('prints a table, and why the first kernel that refuses a program does', () => {
    const { status, stdout } = verify(LICENCE, HELPER, TASK, '--kernel', '6.1,6.12');
    expect(status).toBe(1);
    const lines = stdout.split('\n');
    expect(lines[0]).toMatch(/^ +6\.1 +6\.12$/);
    expect(lines).toContain(LICENCE);
    expect(stdout).toMatch(/^ {2}struct_under_gpl +ok, 10 insns +rejected, EINVAL$/m);
    expect(stdout).toMatch(/^ {4}6\.12 rejects it: Cannot access kernel .* at .*licence\.bpf\.c:\d+$/m);
    expect(stdout).toMatch(/^ {2}helper_sleeps +not loaded +ok, \d+ insns$/m);
    expect(stdout).toContain('6.1 does not get it: it has no kfunc bpf_copy_from_user_str');
    expect(stdout).toMatch(/^ {2}dump_task +ok, \d+ insns +ok, 72 insns$/m);
    expect(stdout).toMatch(/^\d+ programs: 6\.1 takes \d+, 6\.12 takes \d+; \d+ differ\n$/m);
  });

  it('leaves out what is the same everywhere', () => {
    const { status, stdout } = verify(LICENCE, TASK, '--kernel', '6.1,6.12', '--different');
    expect(status).toBe(1);
    expect(stdout).toContain('struct_under_gpl');
    expect(stdout).not.toContain('dump_task');
  });

  it('is fine when all kernels take everything', () => {
    const { status, stdout } = verify(TASK, '--kernel', '6.1,6.12');
    expect([status, stdout]).toEqual([
      0,
      expect.stringContaining('1 program: 6.1 takes 1, 6.12 takes 1; 0 differ'),
    ]);
  });

  it('gives a JSON record for each program and kernel', () => {
    const { stdout } = verify(LICENCE, '--prog', 'struct_under_gpl', '--kernel', '6.1,6.12', '--json');
    const records = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(records).toMatchObject([
      { object: LICENCE, program: 'struct_under_gpl', kernel: '6.1', verdict: 'accepted', errno: 0 },
      { kernel: '6.12', mode: 'priv', verdict: 'rejected', errno: 22, source: { line: expect.any(Number) } },
    ]);
    expect(records[0].stats.insns_processed).toBe(10);
    expect(records[1].difference).toMatch(/^6\.12 rejects it: /);
  });

  it('takes directories of profiles, too', () => {
    const profile = join(folder, 'mine');
    cpSync(join(root, 'kernel-model/profiles/6.12'), profile, { recursive: true });
    const { status, stdout } = verify(TASK, '--kernel', `6.12,${profile}`);
    expect([status, stdout]).toEqual([0, expect.stringMatching(/dump_task +ok, 72 insns +ok, 72 insns/)]);
  });

  it('verifies without privileges', () => {
    const { stdout } = verify(TASK, '--kernel', '6.1,6.12', '--unpriv');
    expect(stdout).toMatch(/dump_task +rejected, EPERM +rejected, EPERM/);
  });

  it('looks at the other objects when one is none', () => {
    const broken = join(folder, 'broken.bpf.o');
    writeFileSync(broken, 'no object');
    const { status, stdout } = verify(TASK, broken, '--kernel', '6.1,6.12');
    expect(status).toBe(1);
    expect(stdout).toMatch(/dump_task +ok/);
    expect(stdout).toContain(`${broken}, on 6.1: `);
    expect(stdout).toContain('; 2 could not be looked at');
  });

  it.each([
    [['--kernel', '6.1,7.0'], /unknown kernel "7\.0"/],
    [['--kernel', '6.1,5.16+series'], /the profile "5\.16\+series" cannot verify; these can: 6\.1, 6\.12/],
    [['--kernel', '6.1,6.12', '--log', '2'], /--log and --events tell of one kernel/],
    [['--kernel', `6.12,${TASK}`], /task\.bpf\.o, offset 0x12: not a kernel for x86-64/],
  ])('refuses %j', (options, message) => {
    const { status, stdout, stderr } = verify(TASK, ...options);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(message);
    // What was made of an image is gone.
    expect(readdirSync(folder).filter((name) => name.startsWith('drydock-kernel-'))).toEqual([]);
  });
});
