/** Checkpoints of one kernel restored into another: refused where the application would not find its rings any more. */
import { describe, expect, it } from 'vitest';
import { proveRestore, takeCheckpoint } from '../../checkpoint/roundtrip.ts';
import { checkpointObject, sceneText, sessionOf } from '../programs/support.ts';

async function migrate(scene: string, from: string, to: string) {
  const { state, refusals } = takeCheckpoint(await sessionOf(scene, from), checkpointObject);
  expect(refusals).toEqual([]);
  return proveRestore(await sessionOf('', to), checkpointObject, state).comparison;
}

const SCENES = ['demo', 'checkpoint'];

describe('between kernels with the same rings', () => {
  it.each([
    ['5.16+series', '6.1'],
    ['6.1', '5.16+series'],
  ])('%s to %s: everything is as it was', async (from, to) => {
    for (const scene of SCENES) {
      const { items, world, equal } = await migrate(sceneText(scene), from, to);
      expect([items.filter((item) => !item.equal), world]).toEqual([[], []]);
      expect(equal).toBe(true);
    }
  });

  it('is refused where a ring has what the other kernel lacks', async () => {
    const scene = (call: string) => `
tasks:
  - pid: 100
    files: [{ fd: 0, open: /dev/null }]
    mappings: [{ name: heap, address: 0x7f0000000000, length: 16K, kind: shared }]
    rings: [{ fd: 3, register: [${call}] }]
`;
    const ranges = '{ sparse_files: 8 }, { alloc_range: { offset: 2, length: 4 } }';
    await expect(migrate(scene(ranges), '6.1', '5.16+series')).rejects.toThrow(
      'ring 0, item 55: this kernel allocates slots from the whole table only',
    );
    const group = '{ buffer_ring: { group: 1, entries: 4, address: heap } }';
    await expect(migrate(scene(group), '6.1', '5.16+series')).rejects.toThrow(/restoring ring 0 .*EINVAL/);
  });
});

describe('between kernels with different rings', () => {
  it.each([
    ['6.1', '6.12', 'this kernel has sq.tail at 4, where the application expects it at 64'],
    ['6.12', '6.1', 'this kernel has sq.tail at 64, where the application expects it at 4'],
    ['5.16+series', '6.12', 'this kernel has sq.tail at 4, where the application expects it at 64'],
    ['6.12', '5.16+series', 'this kernel has sq.tail at 64, where the application expects it at 4'],
  ])('%s to %s is refused with the item and the reason', async (from, to, reason) => {
    await expect(migrate(sceneText('checkpoint'), from, to)).rejects.toThrow(`ring 0, item 10: ${reason}`);
  });

  it('goes through without rings', async () => {
    const scene =
      'tasks: [{ pid: 7, comm: plain, files: [{ fd: 0, open: /dev/null }, { fd: 3, eventfd: 4 }] }]';
    expect((await migrate(scene, '5.16+series', '6.12')).equal).toBe(true);
  });
});
