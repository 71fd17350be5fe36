import { beforeEach, describe, expect, it } from 'vitest';
import type { Tier } from '../../vm/program.ts';
import { GraphRig } from './graph-rig.ts';
import { u32, u64 } from './helper-rig.ts';

const EINVAL = -22;

describe.each<Tier>(['interpreter', 'translated'])('objects of verified programs, %s', (tier) => {
  let rig: GraphRig;
  beforeEach(async () => {
    rig = await GraphRig.create(tier);
  });

  it('come out of a tree in order, however they went in', () => {
    const keys = Array.from({ length: 200 }, (_, i) => (i * 73) % 101);
    for (const key of keys) expect(rig.run('add_to_tree', key)).toBe(0);
    expect(rig.live).toBe(200);
    expect(rig.drainTree()).toEqual([...keys].sort((a, b) => a - b));
    expect(rig.live).toBe(0);
  });

  it('are compared on the way down from the top: never more often than the tree is high', () => {
    for (let key = 1; key <= 1000; key++) {
      const before = rig.compared;
      rig.run('add_to_tree', key);
      expect(rig.compared - before).toBeLessThanOrEqual(2 * Math.log2(key + 1));
    }
  });

  it('are pushed to and popped from both ends of a list', () => {
    for (const key of [2, 1]) rig.run('push_front', key);
    for (const key of [3, 4]) rig.run('push_back', key);
    const popped = ['pop_front', 'pop_back', 'pop_front', 'pop_back'].map((name) => {
      expect(rig.run(name)).toBe(0);
      return rig.found;
    });
    expect(popped).toEqual([1, 4, 2, 3]);
    expect([rig.run('pop_front'), rig.run('pop_back')]).toEqual([1, 1]);
    expect(rig.live).toBe(0);
  });

  it('lose the reference with which they are pushed a second time', () => {
    expect(rig.run('push_twice', 7)).toBe(EINVAL);
    expect(rig.run('pop_back')).toBe(0);
    expect(rig.found).toBe(7);
    expect(rig.live).toBe(0);
  });

  it('live as long as a tree, a list or a kptr owns them', () => {
    expect(rig.run('put_everywhere', 3)).toBe(0);
    expect(rig.live).toBe(1);
    rig.run('take_first');
    rig.run('pop_front');
    expect(rig.live).toBe(1);
    expect(rig.run('delete_slot', 3)).toBe(0);
    expect(rig.live).toBe(0);
  });

  it('leave the tree from its middle, and only the tree that they are in', () => {
    for (let key = 0; key < 16; key++) rig.run('put_everywhere', key);
    for (let key = 1; key < 16; key += 2) expect(rig.run('take_key', key)).toBe(0);
    expect(rig.drainTree()).toEqual([0, 2, 4, 6, 8, 10, 12, 14]);
    // Out of the tree already, and still on the list: taken out of no tree a second time.
    expect(rig.run('take_key', 2)).toBe(3);
  });

  it('are freed when the value that owns them is replaced, and with the map', () => {
    rig.run('put_everywhere', 1);
    rig.run('take_first');
    rig.run('pop_front');
    expect(rig.programs.map('slots').update(u32(1), u64(0, 0))).toBe(0);
    expect(rig.live).toBe(0);
    for (const key of [1, 2, 3]) rig.run('put_everywhere', key);
    for (const key of [4, 5]) rig.run('add_to_tree', key);
    rig.run('push_back', 6);
    expect(rig.live).toBe(6);
    rig.programs.close();
    expect(rig.live).toBe(0);
  });

  it('show a system call nothing of what owns them', () => {
    rig.run('put_everywhere', 1);
    expect(rig.programs.map('slots').get(u32(1))).toEqual(new Uint8Array(16));
    expect([...rig.programs.map('slots').contents()]).toEqual([{ key: u32(1), value: new Uint8Array(16) }]);
  });

  it('have a copy for each CPU', () => {
    expect(rig.run('count_on_cpu', 1)).toBe(0);
    expect(rig.found).toBe(105);
    expect(rig.run('count_on_cpu', 1)).toBe(0);
    expect(rig.found).toBe(210);
    expect(rig.live).toBe(1);
    rig.run('delete_slot', 1);
    expect(rig.live).toBe(0);
  });

  it('take no more memory when they come and go', () => {
    const cycle = () => {
      for (let key = 0; key < 100; key++) rig.run('add_to_tree', key);
      rig.drainTree();
    };
    cycle();
    const before = rig.programs.vm.ram.buffer.byteLength;
    for (let i = 0; i < 50; i++) cycle();
    expect(rig.programs.vm.ram.buffer.byteLength).toBe(before);
  });
});
