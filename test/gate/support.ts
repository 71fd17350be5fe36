/** A project for the gate in a folder of its own: objects, a scene, a configuration, and the command as a user calls it. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { packageRoot } from '../package-root.ts';

export const ROOT = packageRoot();
export const MAIN = join(ROOT, 'dist', 'cli', 'main.js');
/** No allowance of these tests is held against the real day. */
export const TODAY = '2026-06-15';

const CONFIG = `
objects: objects/*.bpf.o
series: true
expect:
  - { object: objects/wrong.bpf.o, verdict: rejected }
  - { object: objects/wrong.bpf.o, program: stack_past_end, verdict: rejected, errno: EACCES, message: invalid write to stack }
budgets:
  - { insns: 1000, states: 50, stack: 512 }
growth:
  - { insns: 10%, states: 5 }
runs:
  - { name: buffers, object: objects/buffers.bpf.o, scene: scene.yaml, output_file: buffers.txt, retval: 0 }
checkpoints:
  - { name: there and back, scene: scene.yaml }
`;

/** Made once in a test file: settling takes longer than most tests. */
let template: Project | undefined;

export class Project {
  readonly folder = mkdtempSync(join(tmpdir(), 'drydock-gate-'));

  /** Everything is as it should be; or as another project was. */
  constructor(like?: Project) {
    if (like) {
      cpSync(like.folder, this.folder, { recursive: true });
      return;
    }
    this.object('good', 'accepted/bounds');
    this.object('wrong', 'rejected/bounds');
    this.object('buffers', 'io_uring_buf/io_uring_buf');
    this.copy('programs/scenes/io_uring_buf.yaml', 'scene.yaml');
    this.write('drydock.yaml', CONFIG);
  }

  /** Puts a bundled object in the place of one of the project's. */
  object(name: string, source: string): void {
    this.copy(`programs/${source}.bpf.o`, `objects/${name}.bpf.o`);
  }

  copy(source: string, name: string): void {
    const path = join(this.folder, name);
    mkdirSync(dirname(path), { recursive: true });
    copyFileSync(join(ROOT, source), path);
  }

  write(name: string, content: string | Uint8Array): void {
    writeFileSync(join(this.folder, name), content);
  }

  read(name: string): string {
    return readFileSync(join(this.folder, name), 'utf8');
  }

  edit(name: string, change: (text: string) => string): void {
    const before = this.read(name);
    const after = change(before);
    if (after === before) throw new Error(`${name} is not changed`);
    this.write(name, after);
  }

  drydock(...args: string[]) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
      cwd: this.folder,
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      env: {
        ...process.env,
        NO_COLOR: '1',
        XDG_CACHE_HOME: join(this.folder, '.cache'),
        GITHUB_STEP_SUMMARY: '',
      },
    });
    return { status, stdout, stderr };
  }

  gate(...args: string[]) {
    return this.drydock('gate', '--today', TODAY, ...args);
  }

  /** The baseline and the expected outputs are there, and the cache knows everything. */
  static settled(): Project {
    if (!template) {
      template = new Project();
      const { status, stderr } = template.gate('--update-baseline', '--update-outputs', '--format', 'json');
      if (status !== 0) throw new Error(`not green: ${stderr}`);
      process.on('exit', () => template?.remove());
    }
    return new Project(template);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export interface CheckRecord {
  readonly kind: string;
  readonly file: string;
  readonly name: string;
  readonly status: string;
  readonly cached: boolean;
  readonly findings: readonly { rule: string; message: string; details: string[] }[];
}

/** The checks of a json report. */
export function checksOf(text: string): CheckRecord[] {
  const lines = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { record: string });
  return lines.filter(({ record }) => record === 'check') as unknown as CheckRecord[];
}
