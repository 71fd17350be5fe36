/** The action, the examples for other pipelines, and the pre-commit hook, as far as they can be run here. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { checksOf, MAIN, Project, ROOT } from './support.ts';

let project: Project;
beforeEach(() => {
  project = Project.settled();
});
afterEach(() => project.remove());

const read = (path: string) => parse(readFileSync(join(ROOT, path), 'utf8'));

describe('action.yml', () => {
  interface Action {
    inputs: { [name: string]: { description: string; default: string } };
    outputs: { [name: string]: object };
    runs: { using: string; main: string };
  }
  const action = read('action.yml') as Action;

  /** As GitHub's runner starts a Node action. */
  function runAction(inputs: { [name: string]: string }) {
    const values = Object.entries(action.inputs).map(([name, input]) => [
      name,
      inputs[name] ?? input.default,
    ]);
    const env = Object.fromEntries(values.map(([name, value]) => [`INPUT_${name?.toUpperCase()}`, value]));
    for (const name of ['output.txt', 'summary.md']) project.write(name, '');
    const { status, stdout } = spawnSync(process.execPath, [join(ROOT, action.runs.main)], {
      cwd: project.folder,
      encoding: 'utf8',
      env: {
        ...process.env,
        ...env,
        GITHUB_OUTPUT: join(project.folder, 'output.txt'),
        GITHUB_STEP_SUMMARY: join(project.folder, 'summary.md'),
        RUNNER_TEMP: project.folder,
      },
    });
    return { status, stdout, output: project.read('output.txt'), summary: project.read('summary.md') };
  }

  it('runs on a Node that GitHub has, and takes what it names', () => {
    expect(action.runs).toEqual({ using: 'node20', main: 'action/main.mjs' });
    const main = readFileSync(join(ROOT, 'action/main.mjs'), 'utf8');
    for (const name of Object.keys(action.inputs)) expect(main).toContain(`'${name}'`);
  });

  it('is green, with the reports that are asked for', () => {
    const { status, output, summary } = runAction({
      sarif: 'out.sarif',
      junit: 'out.xml',
      json: 'out.jsonl',
    });
    expect([status, output]).toEqual([0, 'exit-code=0\n']);
    expect(summary).toMatch(/passed/);
    expect(JSON.parse(project.read('out.sarif'))).toMatchObject({ version: '2.1.0' });
    expect(project.read('out.xml')).toContain('<testsuites');
    expect(checksOf(project.read('out.jsonl')).length).toBeGreaterThan(10);
  });

  it('annotates what fails', () => {
    project.object('good', 'rejected/licence');
    const { status, stdout, output, summary } = runAction({});
    expect([status, output]).toEqual([1, 'exit-code=1\n']);
    expect(stdout).toMatch(/^::error file=.*licence\.bpf\.c,line=\d+.*::/m);
    expect(summary).toContain('objects/good.bpf.o');
  });

  it('says when the configuration is bad', () => {
    project.write('drydock.yaml', 'nonsense: 1\n');
    expect(runAction({})).toMatchObject({ status: 2, output: 'exit-code=2\n' });
  });
});

describe('examples', () => {
  const DRYDOCK = `${process.execPath} ${MAIN}`;
  const shell = (script: string, env: { [name: string]: string }) =>
    spawnSync('sh', ['-euc', script], {
      cwd: project.folder,
      encoding: 'utf8',
      env: { ...process.env, DRYDOCK, ...env },
    });

  it('gitlab-ci.yml: the shards and their report', () => {
    const jobs = read('docs/ci/gitlab-ci.yml') as { [name: string]: { script: string[] } };
    for (const index of ['1', '2']) {
      const { status, stderr } = shell(jobs.drydock?.script.join('\n') ?? 'false', {
        CI_NODE_INDEX: index,
        CI_NODE_TOTAL: '2',
      });
      expect([status, stderr]).toEqual([0, '']);
    }
    expect(shell(jobs['drydock-report']?.script.join('\n') ?? 'false', {}).status).toBe(0);
    for (const name of ['gate.xml', 'gate-quality.json', 'gate.html'])
      expect(existsSync(join(project.folder, name))).toBe(true);
  });

  it('generic.sh ends as the gate does', () => {
    const script = readFileSync(join(ROOT, 'docs/ci/generic.sh'), 'utf8');
    expect(shell(script, {}).status).toBe(0);
    project.object('good', 'rejected/licence');
    expect(shell(script, {}).status).toBe(1);
    expect(existsSync(join(project.folder, 'drydock.html'))).toBe(true);
  });

  it('github-workflow.yml gives the action only inputs that it has', () => {
    const workflow = read('docs/ci/github-workflow.yml') as {
      jobs: { gate: { steps: { uses?: string; with?: { [name: string]: string } }[] } };
    };
    const step = workflow.jobs.gate.steps.find(({ uses }) => uses?.includes('/drydock@'));
    const { inputs } = read('action.yml') as { inputs: object };
    for (const name of Object.keys(step?.with ?? { none: '' })) expect(inputs).toHaveProperty(name);
  });
});

/** What pre-commit does with `language: node`: it packs the repository, and installs what was packed. */
describe('the package, and the pre-commit hook in it', () => {
  it('runs from where it was unpacked', { timeout: 120_000 }, () => {
    const [hook] = read('.pre-commit-hooks.yaml') as { entry: string; language: string; files: string }[];
    expect(hook).toMatchObject({ entry: 'drydock gate', language: 'node' });
    expect('objects/good.bpf.o').toMatch(new RegExp(hook?.files ?? 'none'));
    const folder = mkdtempSync(join(tmpdir(), 'drydock-pack-'));
    try {
      const pack = spawnSync('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], {
        cwd: ROOT,
        encoding: 'utf8',
      });
      const [{ filename }] = JSON.parse(pack.stdout) as [{ filename: string }];
      spawnSync('tar', ['xzf', join(folder, filename), '-C', folder]);
      symlinkSync(join(ROOT, 'node_modules'), join(folder, 'package', 'node_modules'));
      const { bin, scripts } = JSON.parse(readFileSync(join(folder, 'package', 'package.json'), 'utf8')) as {
        bin: { drydock: string };
        scripts: { prepack: string };
      };
      // A repository that was cloned is not built yet.
      expect(scripts.prepack).toBe('npm run build');
      const main = join(folder, 'package', bin.drydock);
      const run = (...args: string[]) =>
        spawnSync(process.execPath, [main, ...args], { cwd: project.folder, encoding: 'utf8' });
      expect(run('gate', '--format', 'json')).toMatchObject({ status: 0, stderr: '' });
      expect(run('profile', 'list').stdout).toContain('6.12');
      writeFileSync(join(project.folder, 'objects', 'good.bpf.o'), 'none');
      expect(run('gate').status).toBe(1);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
