/** The built command as a user meets it: output, exit codes, help, JSON. Needs `npm run build`. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const main = join(root, 'dist', 'cli', 'main.js');

function drydock(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    cwd: root,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

const object = (name: string) => join('programs', name, `${name}.bpf.o`);
const scene = (name: string) => join('programs', 'scenes', `${name}.yaml`);

let folder: string;
beforeAll(() => {
  if (!existsSync(main)) throw new Error('dist/ is missing: run npm run build');
  folder = mkdtempSync(join(tmpdir(), 'drydock-test-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

describe('drydock run', () => {
  it('prints exactly what a reader gets, and headings on stderr', () => {
    const { status, stdout, stderr } = drydock(
      'run',
      object('io_uring_file'),
      '--scene',
      scene('io_uring_file'),
    );
    expect(stdout).toBe(
      readFileSync(join(root, 'programs/io_uring_file/expected/io_uring_file.txt'), 'utf8'),
    );
    expect(stderr).toBe('== dump_io_uring_file (io_uring_file), ring 3 of task 100\n');
    expect(status).toBe(0);
  });

  it('chooses kernel, read size and descriptor', () => {
    const { status, stdout } = drydock(
      ...['run', object('io_uring_buf'), '--scene', scene('demo'), '--kernel', '6.1'],
      ...['--read-size', '1', '--task', '100', '--fd', '4'],
    );
    expect(stdout).toBe('B\nE:0\n');
    expect(status).toBe(0);
  });

  it('gives one JSON record a line', () => {
    const { status, stdout, stderr } = drydock(
      'run',
      object('bpf_cr'),
      '--scene',
      scene('checkpoint'),
      '--json',
    );
    const records = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(records.map(({ program, attached_to }) => [program, attached_to])).toEqual([
      ['find_fds', 'all tasks'],
      ['dump_files', 'ring 3 of task 100'],
      ['dump_files', 'ring 4 of task 100'],
      ['dump_bufs', 'ring 3 of task 100'],
      ['dump_bufs', 'ring 4 of task 100'],
    ]);
    const [first, second] = records;
    expect(Object.keys(first)).toEqual(
      expect.arrayContaining(
        'object program retval data_out output trace_pipe maps insns_executed tier fault'.split(' '),
      ),
    );
    expect(first).toMatchObject({ retval: 0, output: '', tier: 'interpreter', fault: null, failure: null });
    expect(first.insns_executed).toBeGreaterThan(10);
    // Of the task: a terminal, two rings and their contexts, an eventfd and its context, an SQ thread; of the
    // reader: three times /dev/null, its link and its iterator.
    expect(first.maps.fd_of).toHaveLength(8 + 5);
    expect(second.output_hex ?? Buffer.from(second.output).toString('hex')).toMatch(
      /^0000000003000000010000/,
    );
    expect(stderr).toBe('');
    expect(status).toBe(0);
  });

  it('says so when the scene has nothing to attach to', () => {
    const { status, stdout, stderr } = drydock('run', object('epoll'));
    expect(stdout).toBe('');
    expect(stderr).toContain('the scene has nothing to attach it to');
    expect(status).toBe(0);
  });

  it('fails with 1 when reading fails', () => {
    const path = write(
      'held.yaml',
      'tasks: [{ pid: 9, rings: [{ fd: 3 }] }]\nlocks: [{ lock: uring_lock, task: 9, fd: 3, by: 9 }]\n',
    );
    const { status, stderr } = drydock('run', object('io_uring_buf'), '--scene', path);
    expect(stderr).toContain('drydock: dump_io_uring_buf: reading fails with EDEADLK');
    expect(status).toBe(1);
  });

  it.each([
    [['--task', '100', '--fd', '77'], 'attaching fails with EBADF'],
    [['--task', '100', '--fd', '5'], 'attaching fails with EOPNOTSUPP'],
  ])('fails with 1 when attaching fails: %j', (args, message) => {
    const { status, stderr } = drydock('run', object('io_uring_buf'), '--scene', scene('demo'), ...args);
    expect(stderr).toContain(message);
    expect(status).toBe(1);
  });
});

describe('bad input gives 2 and a message without a stack', () => {
  const cases: [string, () => string[], string | RegExp][] = [
    ['no command', () => [], 'Usage: drydock'],
    ['an unknown command', () => ['rnu'], "unknown command 'rnu'"],
    ['an unknown option', () => ['run', object('epoll'), '--scnee', 'x'], "unknown option '--scnee'"],
    ['no object', () => ['run'], "missing required argument 'object'"],
    ['a missing object', () => ['run', 'no/such.o'], 'no/such.o: there is no such file'],
    ['a directory', () => ['run', 'programs'], /programs: cannot be read \(EISDIR\)/],
    ['no object file', () => ['run', write('text.o', 'hello')], /text\.o/],
    ['an empty file', () => ['run', write('empty.o', '')], /empty\.o/],
    ['an unknown program', () => ['run', object('epoll'), '--prog', 'nobody'], 'nobody'],
    [
      'an unknown kernel',
      () => ['run', object('epoll'), '--kernel', '2.6'],
      'unknown kernel "2.6"; known: 5.16+series, 6.1, 6.12',
    ],
    ['a bad read size', () => ['run', object('epoll'), '--read-size', '0'], 'It has to be 1 to'],
    ['a bad number', () => ['run', object('epoll'), '--fd', 'x'], 'It has to be a whole number'],
    [
      'a missing scene',
      () => ['run', object('epoll'), '--scene', 'no.yaml'],
      'no.yaml: there is no such file',
    ],
    [
      'an object with several programs and no iterator',
      () => ['run', 'test/loader/objects/link.bpf.o'],
      /link\.bpf\.o: name one program with --prog; there are calls_both \(tc\)/,
    ],
    [
      'a program without its packet',
      () => ['run', 'test/loader/objects/link.bpf.o', '--prog', 'calls_both'],
      'program calls_both (tc) runs over a packet: --data or --pcap gives it one',
    ],
    [
      'a bad scene',
      () => ['run', object('epoll'), '--scene', write('bad.yaml', 'tasks:\n  - pid: 1\n    file: 3\n')],
      /bad\.yaml:3:5: unknown field "file"/,
    ],
    [
      "a scene's unknown kernel",
      () => ['run', object('epoll'), '--scene', write('kernel.yaml', 'kernel: "2.6"\n')],
      /kernel\.yaml:1:1: unknown kernel "2\.6"/,
    ],
    [
      'a scene without iterators',
      () => ['demo', '--scene', write('none.yaml', 'tasks: []\n')],
      /none\.yaml:1:1: the scene lists no iterators/,
    ],
  ];

  it.each(cases)('%s', (_name, args, message) => {
    const { status, stdout, stderr } = drydock(...args());
    if (typeof message === 'string') expect(stderr).toContain(message);
    else expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/^ +at /m);
    expect(stdout).toBe('');
    expect(status).toBe(2);
  });

  it('suggests the command that was meant', () => {
    expect(drydock('demmo').stderr).toContain('Did you mean demo?');
  });
});

describe('help and version', () => {
  it('lists the commands', () => {
    const { status, stdout } = drydock('--help');
    expect(stdout).toMatch(/run .*\n(.*\n)*.*demo/);
    expect(status).toBe(0);
  });

  it('has examples', () => {
    const { status, stdout } = drydock('run', '--help');
    expect(stdout).toContain('Examples:');
    expect(stdout).toContain('--read-size');
    expect(status).toBe(0);
  });

  it('knows its version', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    expect(drydock('--version').stdout).toBe(`${version}\n`);
  });
});

describe('drydock demo', () => {
  it('runs everything on all kernels, the same each time', () => {
    const first = drydock('demo');
    expect(first.status).toBe(0);
    for (const kernel of ['5.16+series', '6.1', '6.12'])
      expect(first.stdout).toContain(`Linux ${kernel}\n====`);
    expect(first.stdout).toContain('3:/srv/data/2.bin\n4:/tmp/upload.tmp (deleted)\nE:5\n');
    expect(first.stdout).not.toContain('fails');
    const unverified = first.stdout.match(/^not verified: .*$/gm) ?? [];
    expect(unverified).toEqual(['not verified: the profile has no verifier tables']);
    const verdicts = first.stdout.match(/^programs\S+ \w+ \(iter\/\w+\): .*$/gm) ?? [];
    expect(verdicts.filter((line) => /: accepted, \d+ insns, \d+ states/.test(line))).toHaveLength(18);
    expect(verdicts.at(-1)).toMatch(/^programs\/rejected\/\S+ file_checked_by_index .*: rejected/);
    expect(first.stdout).toMatch(/'ptr_or_null_'\n(.*\n)*.*ctx->file->f_flags/);
    expect(drydock('demo').stdout).toBe(first.stdout);
  });

  it('does not run what the kernel would not load', () => {
    const rejected = relative(folder, join(root, 'programs', 'rejected', 'null.bpf.o'));
    const iterators = `iterators: [{ object: '${rejected}', program: file_unchecked }]`;
    const { status, stdout } = drydock(
      'demo',
      '--kernel',
      '6.12',
      '--scene',
      write('rejected.yaml', iterators),
    );
    expect(stdout).toContain('file_unchecked (iter/task_file): rejected');
    expect(stdout).not.toContain('all tasks');
    expect(stdout).not.toContain('A wrong variant');
    expect(status).toBe(1);
  });
});
