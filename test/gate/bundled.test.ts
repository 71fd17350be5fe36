/** The bundled programs and scenes go through the gate. Needs `npm run build`. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MAIN, ROOT } from './support.ts';

describe('drydock gate', () => {
  it.each(['programs/drydock.yaml', 'programs/drydock-scenes.yaml'])('%s is green', (config) => {
    const { status, stdout } = spawnSync(process.execPath, [MAIN, 'gate', join(ROOT, config), '--no-cache'], {
      encoding: 'utf8',
    });
    expect(stdout).toMatch(/(\d+) checks, \1 passed/);
    expect(status).toBe(0);
  });
});
