import { describe, expect, it } from 'vitest';
import { assemble } from '../../bpf/asm.ts';
import type { VmMap } from '../../vm/maps.ts';
import { Rig, u32, u64 } from './helper-rig.ts';

const EINVAL = -22n;
const ENOENT = -2n;
const EBUSY = -16n;
const EOPNOTSUPP = -95n;

const rig = await Rig.create();

/** r0, and what the callback has left in the 16 bytes that it gets as context. */
function run(text: string): { r0: bigint; context: [bigint, bigint] } {
  const context = rig.alloc(16);
  const program = rig.vm.load(assemble(text.replaceAll('CONTEXT', `${context}`)));
  const { r0, fault } = rig.vm.run(program, 0n);
  expect(fault).toBeNull();
  rig.vm.unload(program);
  return { r0: BigInt.asIntN(64, r0), context: [rig.u64(context), rig.u64(context + 8n)] };
}

/** Adds keys and values up; stops after the key `stop`. `extra` runs first in the callback. */
const sums = (map: VmMap, { stop = -1, flags = 0, extra = '' } = {}) =>
  run(`
    r1 = ${map.address} ll
    r2 = subprog[each]
    r3 = CONTEXT ll
    r4 = ${flags}
    call bpf_for_each_map_elem
    exit
  each:
    r6 = *(u32 *)(r2 +0)
    r7 = *(u64 *)(r3 +0)
    r5 = *(u64 *)(r4 +0)
    r5 += r6
    *(u64 *)(r4 +0) = r5
    r5 = *(u64 *)(r4 +8)
    r5 += r7
    *(u64 *)(r4 +8) = r5
    ${extra}
    r0 = 0
    if r6 != ${stop} goto out
    r0 = 1
  out:
    exit`);

describe('bpf_for_each_map_elem', () => {
  it('walks an array by index', () => {
    const map = rig.map({ type: 2, maxEntries: 5 });
    for (let i = 0; i < 5; i++) map.update(u32(i), u64(10 * i));
    expect(sums(map)).toEqual({ r0: 5n, context: [10n, 100n] });
    expect(sums(map, { stop: 1 })).toEqual({ r0: 2n, context: [1n, 10n] });
  });

  it('walks a hash, and one that is empty', () => {
    const map = rig.map({ type: 1, maxEntries: 64 });
    expect(sums(map)).toEqual({ r0: 0n, context: [0n, 0n] });
    for (let i = 1; i <= 40; i++) map.update(u32(i), u64(i));
    expect(sums(map)).toEqual({ r0: 40n, context: [820n, 820n] });
  });

  it('shows the value of the current CPU', () => {
    const map = rig.map({ type: 6, maxEntries: 2 });
    map.update(u32(0), u64(1, 50, 50, 50));
    map.update(u32(1), u64(2, 50, 50, 50));
    expect(sums(map)).toEqual({ r0: 2n, context: [1n, 3n] });
  });

  it('goes on when the callback deletes the element it is at', () => {
    const map = rig.map({ type: 1, maxEntries: 64 });
    for (let i = 1; i <= 40; i++) map.update(u32(i), u64(i));
    const extra = 'r6 = *(u32 *)(r2 +0)\n call bpf_map_delete_elem';
    expect(sums(map, { extra })).toEqual({ r0: 40n, context: [820n, 820n] });
    expect(map.count).toBe(0);
  });

  it('refuses flags and maps that have no elements to walk', () => {
    expect(sums(rig.map({ type: 2 }), { flags: 1 }).r0).toBe(EINVAL);
    expect(sums(rig.map({ type: 22, keySize: 0 })).r0).toBe(EOPNOTSUPP);
  });
});

describe('bpf_find_vma', () => {
  const find = (task: bigint, address: bigint, flags = 0) =>
    run(`
      r1 = ${task} ll
      r2 = ${address} ll
      r3 = subprog[found]
      r4 = CONTEXT ll
      r5 = ${flags}
      call bpf_find_vma
      exit
    found:
      *(u64 *)(r3 +0) = r1
      *(u64 *)(r3 +8) = r2
      r0 = 1
      exit`);
  const task = rig.alloc(8);
  const vma = rig.alloc(8);
  rig.kernel.vmas.set(0x1000n, vma);
  rig.kernel.vmas.set(0x2000n, -16);

  it('calls back with the task and the mapping', () => {
    expect(find(task, 0x1000n)).toEqual({ r0: 0n, context: [task, vma] });
  });

  it.each([
    ['no mapping', task, 0x3000n, 0, ENOENT],
    ['no task', 0n, 0x1000n, 0, ENOENT],
    ['lock held', task, 0x2000n, 0, EBUSY],
    ['flags', task, 0x1000n, 1, EINVAL],
  ])('%s', (_text, who, address, flags, error) => {
    expect(find(who, address, flags)).toEqual({ r0: error, context: [0n, 0n] });
  });
});

describe('bpf_tail_call', () => {
  it('goes where the prog array says, and on where it says nothing', () => {
    const map = rig.map({ type: 3, valueSize: 4 });
    const target = rig.vm.load(assemble('r0 = 7\n exit'));
    expect(map.setProgram(1, target)).toBe(0);
    const call = (index: number) =>
      run(`r2 = ${map.address} ll
        r3 = ${index}
        call bpf_tail_call
        r0 = 1
        exit`).r0;
    expect([0, 1, 2, 4].map(call)).toEqual([1n, 7n, 1n, 1n]);
    expect(map.delete(u32(1))).toBe(0);
    expect(call(1)).toBe(1n);
  });
});
