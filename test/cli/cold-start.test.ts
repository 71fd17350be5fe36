/** What the built command loads: each file that Node has to find costs every run. Needs `npm run build`. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../package-root.ts';

const root = packageRoot();
const PACKET = ['test/conformance/golden/xdp-returns-42.bpf.o', '--data', '0000000000000000000000000806'];
const SCENE = ['programs/io_uring_buf/io_uring_buf.bpf.o', '--scene', 'programs/scenes/io_uring_buf.yaml'];
const PRINT_BUILT_INS = `process.on('exit', () => process.stderr.write(process.moduleLoadList.join('\\n')));`;

/** Text of the scripts that a run loads, and the names of the parts of Node. */
function loadedBy(args: readonly string[]): { scripts: string[]; builtIns: string } {
  const folder = mkdtempSync(join(tmpdir(), 'drydock-cold-'));
  try {
    const hook = `data:text/javascript,${encodeURIComponent(PRINT_BUILT_INS)}`;
    const { status, stderr } = spawnSync(
      process.execPath,
      ['--import', hook, join(root, 'dist/cli/main.js'), 'run', ...args],
      { cwd: root, encoding: 'utf8', env: { ...process.env, NODE_V8_COVERAGE: folder } },
    );
    expect(status).toBe(0);
    const [report] = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
    const { result } = JSON.parse(report ?? '') as { result: { url: string }[] };
    const files = result.map(({ url }) => url).filter((url) => url.startsWith('file:'));
    return { scripts: files.map((url) => readFileSync(new URL(url), 'utf8')), builtIns: stderr };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

it('a run over a packet loads a few files, and neither YAML nor fetch', () => {
  const { scripts, builtIns } = loadedBy(PACKET);
  expect(scripts.length).toBeLessThan(25);
  expect(scripts.some((text) => text.includes('node_modules/yaml'))).toBe(false);
  expect(builtIns).toContain('NativeModule zlib');
  expect(builtIns).not.toContain('undici');
});

it('a run over a scene loads YAML, and no compiler of schemas', () => {
  const { scripts, builtIns } = loadedBy(SCENE);
  expect(scripts.length).toBeLessThan(30);
  expect(scripts.some((text) => text.includes('node_modules/yaml'))).toBe(true);
  expect(scripts.some((text) => text.includes('node_modules/ajv/dist/compile'))).toBe(false);
  expect(builtIns).not.toContain('undici');
});
