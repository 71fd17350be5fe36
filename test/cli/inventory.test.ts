/** drydock inventory as a user meets it. Needs `npm run build`. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../package-root.ts';

const main = join(packageRoot(), 'dist', 'cli', 'main.js');
const inventory = (...args: string[]) =>
  spawnSync(process.execPath, [main, 'inventory', ...args], { encoding: 'utf8' });

it('lists every item with its class and what shows it', () => {
  const { status, stdout } = inventory();
  expect(stdout.match(/^ {2,3}\d+ [RrDN] /gm)).toHaveLength(86);
  expect(stdout).toMatch(/^ {3}1 R setup flags ctx->flags +ring_state: flags$/m);
  expect(stdout).toMatch(/\n86 items \(33 R, 30 r, 16 D, 7 N\); \d+ are shown\n$/);
  expect(status).toBe(0);
});

it('gives one JSON record a line, with a reason where nothing shows an item', () => {
  const records = inventory('--json')
    .stdout.trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { id: number; dumped_by: string | null; reason?: string });
  expect(records).toHaveLength(86);
  expect(records[0]).toMatchObject({
    id: 1,
    class: 'R',
    dumped_by: 'ring_state: flags',
    restored_by: 'io_uring_setup',
  });
  for (const { dumped_by, reason } of records) expect(reason === undefined).toBe(dumped_by !== null);
});
