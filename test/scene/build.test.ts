import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Machine } from '../../kernel-model/machine.ts';
import { openProfile, profileNames } from '../../kernel-model/profile-node.ts';
import { buildScene, parseScene, type World } from '../../kernel-model/scene/index.ts';
import { createVm } from '../../vm/node.ts';

const bundled = new URL('../../programs/scenes/', import.meta.url);

async function build(text: string, kernel = '6.12'): Promise<World> {
  const vm = await createVm();
  return buildScene(parseScene(text, 's.yaml'), new Machine(vm.ram, openProfile(kernel)));
}

describe.each(profileNames())('bundled scenes on %s', (kernel) => {
  it.each(readdirSync(bundled).filter((name) => name.endsWith('.yaml')))('%s', async (name) => {
    const world = await build(readFileSync(new URL(name, bundled), 'utf8'), kernel);
    expect(world.rings().length + world.epolls().length).toBeGreaterThan(0);
  });
});
