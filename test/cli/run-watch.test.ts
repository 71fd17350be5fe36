/** `drydock run --coverage` and `--check-claims`, as a user meets them. Needs `npm run build`. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '../package-root.ts';

const root = packageRoot();
const main = join(root, 'dist/cli/main.js');
const ITERATOR = ['programs/io_uring_buf/io_uring_buf.bpf.o', '--scene', 'programs/scenes/demo.yaml'];
const XDP = [
  'test/conformance/golden/xdp-returns-42.bpf.o',
  '--data',
  '000000000000000000000000080045000014',
];
const LIMIT = [
  'test/library/objects/limit.bpf.o',
  '--prog',
  'limit_source',
  '--data',
  `0000000000000000000000000800${'45'.padEnd(92, '0')}`,
];
const BVEC = ['programs/bvec/bvec.bpf.o', '--scene', 'programs/scenes/io_uring_buf.yaml'];
const genhtml = spawnSync('genhtml', ['--version']).status === 0;

let folder: string;
beforeAll(() => {
  if (!existsSync(main)) throw new Error('dist/ is missing: run npm run build');
  folder = mkdtempSync(join(tmpdir(), 'drydock-watch-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'run', ...args], {
    cwd: root,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

describe('--coverage', () => {
  it('writes a tracefile, and changes nothing else', () => {
    const plain = run(...ITERATOR);
    const path = join(folder, 'lcov.info');
    const { status, stdout, stderr } = run(...ITERATOR, '--coverage', path);
    expect([status, stdout]).toEqual([0, plain.stdout]);
    expect(stderr).toMatch(/^executed: [1-9]\d* of \d+ lines, [1-9]\d* of \d+ branches/m);
    expect(readFileSync(path, 'utf8')).toMatch(/^SF:.*io_uring_buf\.bpf\.c\n/m);
  });

  it.skipIf(!genhtml).each([
    ['compiled from here', ITERATOR, 'io_uring_buf'],
    ['compiled in its own folder', LIMIT, 'limit'],
  ])('opens in genhtml, %s', (_, args, name) => {
    const [path, html] = [join(folder, 'html.info'), join(folder, name)];
    run(...args, '--coverage', path);
    const { status, stderr } = spawnSync('genhtml', ['-q', '-o', html, path], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
    const pages = readdirSync(html, { recursive: true, encoding: 'utf8' });
    expect(pages.map((page) => basename(page))).toContain(`${name}.bpf.c.gcov.html`);
  });
});

describe('--check-claims', () => {
  it.each([
    ['iterators', ITERATOR],
    ['programs over a packet', XDP],
  ])('says how much held, of %s', (_, args) => {
    const { status, stderr } = run(...args, '--check-claims');
    expect(stderr).toMatch(/^claims: [1-9]\d* at [1-9]\d* instructions of [1-9]\d* runs, all held$/m);
    expect(status).toBe(0);
  });

  it('needs a kernel with a verifier, and goes without --coverage', () => {
    const other = run(...ITERATOR, '--kernel', '5.16+series', '--check-claims');
    expect([other.status, other.stderr]).toEqual([
      2,
      expect.stringContaining('no verifier for kernel 5.16+series'),
    ]);
    const both = run(...ITERATOR, '--check-claims', '--coverage', join(folder, 'x.info'));
    expect([both.status, both.stderr]).toEqual([2, expect.stringContaining('ask for one of them')]);
  });
});

describe('--insns', () => {
  it('prints what every instruction changed, below its source', () => {
    const { status, stdout, stderr } = run(...LIMIT, '--insns');
    expect([status, stdout]).toEqual([0, run(...LIMIT).stdout]);
    expect(stderr.startsWith('limit_source:\n; limit.bpf.c:51  int limit_source(struct xdp_md *ctx)\n')).toBe(
      true,
    );
    expect(stderr.match(/^ +\d+: /gm)?.length).toBe(Number(/^insns (\d+)$/m.exec(stdout)?.[1]));
    expect(stderr).toMatch(/^ {4}4: r2 = 1 +r2=0x1$/m);
    expect(stderr).toMatch(/^ +\d+: call bpf_map_lookup_elem#1 +r0=0x0$/m);
    expect(stderr.endsWith(': exit\n')).toBe(true);
  });

  it('prints iterators, too, and functions further in', () => {
    const { status, stderr } = run(...BVEC, '--insns');
    expect(status).toBe(0);
    expect(stderr.match(/^dump_bvec:$/gm)?.length).toBeGreaterThan(1);
    expect(stderr).toMatch(/^ {2}; bvec\.bpf\.c:\d+ /m);
    expect(stderr).toMatch(/^ {3,}\d+: exit /m);
  });
});

describe('--tier', () => {
  it('is told in the record', () => {
    const record = JSON.parse(run(...XDP, '--tier', 'translated', '--json').stdout);
    expect(record).toMatchObject({ retval: 42, tier: 'translated' });
    expect(run(...XDP, '--tier', 'fast').status).toBe(2);
    expect(run(...XDP, '--tier', 'translated', '--check-claims').status).toBe(2);
  });
});
