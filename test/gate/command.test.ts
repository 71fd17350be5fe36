/** drydock gate and init, as a user calls them. Needs `npm run build`. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checksOf, MAIN, Project, ROOT, TODAY } from './support.ts';

/** Whole processes; test/gate/cache.test.ts and baseline.test.ts kill their writers 100 times each. */
const KILLS = 15;

let project: Project;
beforeEach(() => {
  project = Project.settled();
});
afterEach(() => project.remove());

describe('a bad configuration', () => {
  it.each([
    ['objects: [', /^drydock: drydock\.yaml:1:\d+: not YAML/],
    ['objects: objects/*.bpf.o\nkernel: "6.12"', /^drydock: drydock\.yaml:2:1: unknown field "kernel"/],
    ['objects: nothing/*.o', /^drydock: drydock\.yaml:1:1: no file matches "nothing\/\*\.o"/],
    ['kernels: [6.12, 9.9]', /^drydock: drydock\.yaml:1:17: unknown kernel "9\.9"/],
    ['kernels: [5.16+series]', /^drydock: drydock\.yaml:1:11: the profile "5\.16\+series" cannot verify/],
    ['allow:\n  - { program: x }', /^drydock: drydock\.yaml:2:5: field "reason" is missing/],
    [
      'allow:\n  - { reason: x, expires: 2026-02-30 }',
      /^drydock: drydock\.yaml:2:18: there is no day 2026-02-30/,
    ],
    [
      'expect:\n  - { verdict: rejected, message: "/(/" }',
      /^drydock: drydock\.yaml:2:26: Invalid regular expression/,
    ],
    ['budgets:\n  - { insns: many }', /^drydock: drydock\.yaml:2:7: must be a whole number/],
    ['growth:\n  - { insns: 10 percent }', /^drydock: drydock\.yaml:2:7: /],
    [
      'runs:\n  - { object: a.o, output: x, output_file: y }',
      /^drydock: drydock\.yaml:2:31: excludes "output"/,
    ],
    ['exclude: "**"', /^drydock: drydock\.yaml:1:1: there is no \*\*\/\*\.bpf\.o here/],
    ['runs:\n  - { object: a.o }', /^drydock: drydock\.yaml:2:7: there is no file "a\.o"/],
    ['variants:\n  - name: a\n  - name: a', /^drydock: drydock\.yaml:3:5: "a" is the name of another one/],
    ['checkpoints:\n  - { scene: no.yaml }', /^drydock: drydock\.yaml:2:7: there is no such file/],
  ])('%j is told with its place', (text, message) => {
    project.write('drydock.yaml', text);
    const { status, stdout, stderr } = project.gate();
    expect(stderr).toMatch(message);
    expect([status, stdout]).toEqual([2, '']);
  });

  it('that is not there points to init', () => {
    rmSync(join(project.folder, 'drydock.yaml'));
    expect(project.gate()).toMatchObject({
      status: 2,
      stderr: 'drydock: drydock.yaml: there is none here; "drydock init" writes one\n',
    });
  });

  it.each([
    ['--format', 'word'],
    ['--shard', '3/2'],
    ['--today', '2026-13-01'],
    ['--jobs', '0'],
    ['--changed-since', '-x'],
  ])('%s %s is refused', (...args) => {
    expect(project.gate(...args).status).toBe(2);
  });

  it('a baseline that is none names its line', () => {
    project.edit('drydock-baseline.csv', (text) => text.replace(/,29,/, ',many,'));
    const { status, stderr } = project.gate();
    expect(stderr).toMatch(/^drydock: drydock-baseline\.csv.*\d+/);
    expect(status).toBe(2);
  });
});

describe('the cache', () => {
  it('answers what was asked before, and the same', () => {
    const warm = checksOf(project.gate('--format', 'json').stdout);
    const cold = checksOf(project.gate('--format', 'json', '--no-cache').stdout);
    const own = (checks: typeof warm) => checks.map((check) => ({ ...check, cached: undefined }));
    expect(own(warm)).toEqual(own(cold));
    expect(warm.every(({ cached }) => cached)).toBe(true);
    expect(cold.some(({ cached }) => cached)).toBe(false);
  });

  it('is not asked for an object that has changed', () => {
    project.object('good', 'rejected/bounds');
    const checks = checksOf(project.gate('--format', 'json').stdout);
    expect(checks.find(({ file, kind }) => kind === 'verify' && file === 'objects/good.bpf.o')?.cached).toBe(
      false,
    );
    expect(checks.find(({ file }) => file === 'objects/wrong.bpf.o')?.cached).toBe(true);
  });
});

describe('variants, modes and selection', () => {
  const kinds = (text: string) =>
    checksOf(text) as unknown as {
      name: string;
      mode: string;
      variant: string;
      kind: string;
      status: string;
    }[];

  it('are checked besides the programs as they are', () => {
    project.edit(
      'drydock.yaml',
      (text) => `${text}
unprivileged:
  - { object: objects/good.bpf.o, program: "stack_*" }
  - { program: no_such_program }
variants: [{ name: slow clock, object: objects/good.bpf.o, kconfig: { CONFIG_HZ: 100 } }]
programs: ["*", "!struct_copied"]
`,
    );
    rmSync(join(project.folder, 'drydock-baseline.csv'));
    const all = kinds(project.gate('--format', 'json').stdout);
    const checks = all.filter(({ kind }) => kind === 'verify');
    expect(checks.filter(({ mode }) => mode === 'unpriv').map(({ name }) => name)).toEqual(
      expect.arrayContaining(['stack_index']),
    );
    expect(checks.some(({ variant }) => variant === 'slow clock')).toBe(true);
    expect(checks.some(({ name }) => name === 'struct_copied')).toBe(false);
    const unused = all.filter(({ kind }) => kind === 'config').map(({ name }) => name);
    expect(unused).toEqual([expect.stringMatching(/^unprivileged 2 /)]);
  });
});

describe('objects that libbpf refuses', () => {
  const verdicts = (changes: string) => {
    project.write('drydock.yaml', `objects: other/*.bpf.o\nbaseline: none.csv\n${changes}`);
    project.write(
      'none.csv',
      readFileSync(join(project.folder, 'drydock-baseline.csv')).toString().split('\n')[0] ?? '',
    );
    const checks = checksOf(project.gate('--format', 'json').stdout) as unknown as {
      file: string;
      status: string;
    }[];
    return new Set(checks.map(({ file, status }) => `${file} ${status}`));
  };

  it('are checked where the configuration takes them', () => {
    mkdirSync(join(project.folder, 'other'));
    for (const name of ['aya.bpf.o', 'legacy.be.bpf.o'])
      project.write(`other/${name}`, readFileSync(join(ROOT, 'test/loader/objects', name)));
    expect(verdicts('')).toEqual(new Set(['other/aya.bpf.o failed', 'other/legacy.be.bpf.o failed']));
    expect(verdicts('legacy: true')).toEqual(
      new Set(['other/aya.bpf.o passed', 'other/legacy.be.bpf.o failed']),
    );
    expect(verdicts('legacy: true\nany_endian: true')).toEqual(
      new Set(['other/aya.bpf.o passed', 'other/legacy.be.bpf.o passed']),
    );
  });
});

describe('variants with other constants', () => {
  beforeEach(() => {
    project.copy('test/loader/objects/globals.bpf.o', 'objects/globals.bpf.o');
    project.edit(
      'drydock.yaml',
      (text) => `${text}
variants:
  - { name: many rounds, object: objects/globals.bpf.o, globals: { rounds: 30 } }
  - { name: unsafe, object: objects/globals.bpf.o, globals: { unsafe: true } }
`,
    );
  });

  it('have numbers and verdicts of their own', () => {
    const checks = checksOf(project.gate('--format', 'json').stdout) as unknown as {
      name: string;
      variant: string;
      status: string;
      result: { stats: { insns: number } };
    }[];
    const looping = checks.filter(({ name }) => name === 'looping');
    const insns = (variant: string) =>
      looping.find((check) => check.variant === variant)?.result.stats.insns ?? 0;
    expect(insns('many rounds')).toBeGreaterThan(insns('') + 29);
    expect(looping.map(({ variant, status }) => [variant, status])).toEqual(
      expect.arrayContaining([
        ['', 'passed'],
        ['unsafe', 'failed'],
      ]),
    );
  });

  it('name a variable that there is not', () => {
    project.edit('drydock.yaml', (text) => text.replace('rounds: 30', 'round: 30'));
    const { status, stdout } = project.gate();
    expect(status).toBe(1);
    expect(stdout).toMatch(/global variable 'round': .*rounds/);
  });
});

describe('kill -9', () => {
  it('at any moment leaves a whole baseline, and a cache that is right', { timeout: 120_000 }, async () => {
    const args = [MAIN, 'gate', '--update-baseline', '--today', TODAY, '--cache', 'kept'];
    const baseline = project.read('drydock-baseline.csv');
    for (let round = 0; round < KILLS; round++) {
      const child = spawn(process.execPath, args, { cwd: project.folder, stdio: 'ignore' });
      // Spread over the time that a run takes, the same each time.
      setTimeout(() => child.kill('SIGKILL'), 150 + ((round * 7919) % 1000));
      await new Promise((resolve) => child.on('close', resolve));
      expect(project.read('drydock-baseline.csv')).toBe(baseline);
    }
    const kept = checksOf(project.gate('--cache', 'kept', '--format', 'json').stdout);
    const fresh = checksOf(project.gate('--no-cache', '--format', 'json').stdout);
    const own = (checks: typeof kept) => checks.map((check) => ({ ...check, cached: undefined }));
    expect(own(kept)).toEqual(own(fresh));
  });
});

describe('shards', () => {
  it('merged are the whole', () => {
    const whole = checksOf(project.gate('--format', 'json').stdout);
    for (const i of [1, 2, 3])
      expect(project.gate('--shard', `${i}/3`, '--format', `json=${i}.jsonl`).status).toBe(0);
    const merged = project.drydock('gate', 'merge', '1.jsonl', '2.jsonl', '3.jsonl', '--format', 'json');
    expect(checksOf(merged.stdout)).toEqual(whole);
    expect(merged.status).toBe(0);
  });

  it('one of which fails make a merge that fails', () => {
    project.object('good', 'rejected/bounds');
    const codes = [1, 2].map((i) => project.gate('--shard', `${i}/2`, '--format', `json=${i}.jsonl`).status);
    expect(codes.sort()).toEqual([0, 1]);
    expect(project.drydock('gate', 'merge', '1.jsonl', '2.jsonl').status).toBe(1);
  });

  it('that are not all there are not merged', () => {
    project.gate('--shard', '1/2', '--format', 'json=1.jsonl');
    const { status, stderr } = project.drydock('gate', 'merge', '1.jsonl');
    expect(status).toBe(2);
    expect(stderr).not.toBe('');
  });

  it('together find rules that match nothing', () => {
    project.edit('drydock.yaml', (text) =>
      text.replace('growth:', '  - { program: no_such_program, insns: 5 }\ngrowth:'),
    );
    for (const i of [1, 2])
      expect(project.gate('--shard', `${i}/2`, '--format', `json=${i}.jsonl`).status).toBe(0);
    const { status, stdout } = project.drydock('gate', 'merge', '1.jsonl', '2.jsonl', '--format', 'json');
    expect(status).toBe(1);
    expect(
      checksOf(stdout)
        .filter((check) => check.status === 'failed')
        .map(({ kind }) => kind),
    ).toEqual(['config']);
  });
});

describe('--changed-since', () => {
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], {
      cwd: project.folder,
    });

  beforeEach(() => {
    git('init', '-q');
    git('add', '-A', '--', 'objects', 'scene.yaml', 'drydock.yaml', 'drydock-baseline.csv', 'buffers.txt');
    git('commit', '-qm', 'all is well');
  });

  const files = (text: string) => [...new Set(checksOf(text).map(({ file }) => file))];

  it('leaves out what is as it was', () => {
    expect(files(project.gate('--changed-since', 'HEAD', '--format', 'json').stdout)).toEqual([]);
    project.object('good', 'rejected/bounds');
    expect(files(project.gate('--changed-since', 'HEAD', '--format', 'json').stdout)).toEqual([
      'objects/good.bpf.o',
    ]);
  });

  it('looks at everything when the configuration has changed', () => {
    project.edit('drydock.yaml', (text) => `${text}\n# more\n`);
    expect(files(project.gate('--changed-since', 'HEAD', '--format', 'json').stdout)).toContain(
      'objects/wrong.bpf.o',
    );
  });

  it('needs a revision that there is', () => {
    expect(project.gate('--changed-since', 'nowhere')).toMatchObject({ status: 2, stdout: '' });
  });
});

describe('a signal', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('%s leaves no report', async (signal) => {
    // Progress is told of a hundred objects and more; the slow ones, being small, come last.
    for (let i = 0; i < 150; i++) project.object(`${i}`, 'accepted/bounds');
    for (let i = 0; i < 30; i++) project.object(`slow${i}`, 'rejected/complexity');
    const child = spawn(
      process.execPath,
      [MAIN, 'gate', '--no-cache', '--today', TODAY, '--format', 'junit=out.xml'],
      { cwd: project.folder },
    );
    child.stderr.once('data', () => child.kill(signal));
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect(code).toBe(signal === 'SIGINT' ? 130 : 143);
    expect(readdirSync(project.folder).filter((name) => name.startsWith('out'))).toEqual([]);
  });
});

describe('drydock init', () => {
  it('and drydock gate make an empty directory with two objects green', () => {
    rmSync(join(project.folder, 'drydock.yaml'));
    rmSync(join(project.folder, 'drydock-baseline.csv'));
    expect(project.drydock('init')).toMatchObject({ status: 0 });
    const gate = project.drydock('gate');
    expect(gate.status, gate.stdout + gate.stderr).toBe(0);
    expect(project.read('drydock.yaml')).toContain('objects/*.bpf.o');
  });

  it('does not touch a configuration that is there', () => {
    const before = project.read('drydock.yaml');
    expect(project.drydock('init')).toMatchObject({ status: 2 });
    expect(project.read('drydock.yaml')).toBe(before);
  });

  it('says so when there is no object', () => {
    rmSync(join(project.folder, 'objects'), { recursive: true });
    rmSync(join(project.folder, 'drydock.yaml'));
    expect(project.drydock('init')).toMatchObject({ status: 2 });
    expect(existsSync(join(project.folder, 'drydock.yaml'))).toBe(false);
  });
});

describe('comparing', () => {
  it('two baselines tells what has changed', () => {
    project.write('before.csv', project.read('drydock-baseline.csv').replace(/,29,/, ',20,'));
    const { status, stdout } = project.drydock(
      'gate',
      'compare',
      'before.csv',
      'drydock-baseline.csv',
      '--changed',
    );
    expect(status).toBe(0);
    expect(stdout).toMatch(/stack_index .*20 .*29 .*\+9 \(\+45\.00%\)/);
    expect(stdout.split('\n').filter((line) => line.includes('bpf.o')).length).toBe(1);
  });

  it('what is checked with the baseline does, too', () => {
    project.edit(
      'drydock-baseline.csv',
      (text) => `${text.replace(/,29,/, ',20,')}gone.o,gone,6.12,priv,,accepted,1,1,1,1\n`,
    );
    const { status, stdout } = project.gate('--format', 'compare');
    expect(status).toBe(1);
    expect(stdout).toMatch(/stack_index .*20 .*29 .*\+9 \(\+45\.00%\)/);
    expect(stdout).toMatch(/gone\.o +gone +success +N\/A/);
    expect(stdout.split('\n').filter((line) => / success | failure /.test(line)).length).toBe(2);
  });
});
