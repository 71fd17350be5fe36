import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BtfKind } from '../../bpf/btf.ts';
import { VmCpumask } from '../../bpf/vm-call.ts';
import type { Tier } from '../../vm/program.ts';
import { CompiledRig, openCompiled } from './compiled-rig.ts';
import { Rig, TestKernel } from './helper-rig.ts';

const compiled = await openCompiled('cpumask.bpf.o');

/** More than a word of CPUs, and not all of the second. */
const CPUS = 70;
const rig = await Rig.create(new TestKernel(), { cpus: CPUS, currentCpu: 0 });
const [a, b, to] = [rig.alloc(16), rig.alloc(16), rig.alloc(16)];

/** Fills a mask, with bits behind the last CPU that no question may take notice of. */
function put(mask: bigint, cpus: ReadonlySet<number>): void {
  rig.call(VmCpumask.Clear, mask);
  for (const cpu of cpus) rig.call(VmCpumask.SetCpu, cpu, mask);
  rig.vm.ram.write(mask + 9n, Uint8Array.of(0xff));
}

const members = (mask: bigint) =>
  Array.from({ length: CPUS }, (_, cpu) => cpu).filter(
    (cpu) => rig.call(VmCpumask.TestCpu, cpu, mask) === 1n,
  );

const cpuSet = fc.array(fc.nat(CPUS - 1), { maxLength: CPUS }).map((cpus) => new Set(cpus));
const orNone = (cpus: readonly number[]) => BigInt(Math.min(CPUS, ...cpus));
const flag = (value: boolean) => (value ? 1n : 0n);
const every = Array.from({ length: CPUS }, (_, cpu) => cpu);

describe('masks of CPUs', () => {
  it('answer as sets', () => {
    fc.assert(
      fc.property(cpuSet, cpuSet, (one, other) => {
        put(a, one);
        put(b, other);
        const both = [...one].filter((cpu) => other.has(cpu));
        expect(members(a)).toEqual([...one].sort((x, y) => x - y));
        expect(rig.call(VmCpumask.First, a)).toBe(orNone([...one]));
        expect(rig.call(VmCpumask.FirstZero, a)).toBe(orNone(every.filter((cpu) => !one.has(cpu))));
        expect(rig.call(VmCpumask.FirstAnd, a, b)).toBe(orNone(both));
        expect(rig.call(VmCpumask.Weight, a)).toBe(BigInt(one.size));
        expect(rig.call(VmCpumask.Intersects, a, b)).toBe(flag(both.length > 0));
        expect(rig.call(VmCpumask.Subset, a, b)).toBe(flag(both.length === one.size));
        const equal = both.length === one.size && one.size === other.size;
        expect(rig.call(VmCpumask.Equal, a, b)).toBe(flag(equal));
        expect(rig.call(VmCpumask.Empty, a)).toBe(flag(one.size === 0));
        expect(rig.call(VmCpumask.Full, a)).toBe(flag(one.size === CPUS));
      }),
    );
  });

  it('are combined as sets', () => {
    fc.assert(
      fc.property(cpuSet, cpuSet, (one, other) => {
        put(a, one);
        put(b, other);
        const chosen = (has: (cpu: number) => boolean) => every.filter(has);
        const both = chosen((cpu) => one.has(cpu) && other.has(cpu));
        expect(rig.call(VmCpumask.And, to, a, b)).toBe(flag(both.length > 0));
        expect(members(to)).toEqual(both);
        rig.call(VmCpumask.Or, to, a, b);
        expect(members(to)).toEqual(chosen((cpu) => one.has(cpu) || other.has(cpu)));
        rig.call(VmCpumask.Xor, to, a, b);
        expect(members(to)).toEqual(chosen((cpu) => one.has(cpu) !== other.has(cpu)));
        rig.call(VmCpumask.Copy, to, a);
        expect(members(to)).toEqual(members(a));
      }),
    );
  });

  it('have bits for the CPUs that there are', () => {
    put(a, new Set());
    expect(rig.call(VmCpumask.TestAndSetCpu, 69, a)).toBe(0n);
    expect(rig.call(VmCpumask.TestAndSetCpu, 69, a)).toBe(1n);
    expect(rig.call(VmCpumask.TestAndClearCpu, 69, a)).toBe(1n);
    for (const cpu of [70, 0xffff_ffff]) {
      expect(rig.call(VmCpumask.TestAndSetCpu, cpu, a)).toBe(0n);
      expect(rig.call(VmCpumask.TestCpu, cpu, a)).toBe(0n);
    }
    rig.call(VmCpumask.SetAll, a);
    expect(members(a)).toEqual(every);
  });

  it('give one CPU after the other when any will do', () => {
    rig.maps.exports.resetRandom();
    put(a, new Set([0, 3, 69]));
    put(b, new Set([3, 5]));
    const any = () => Number(rig.call(VmCpumask.AnyDistribute, a));
    // As in Linux, not the first one first.
    expect([any(), any(), any(), any()]).toEqual([3, 69, 0, 3]);
    expect(rig.call(VmCpumask.AnyAndDistribute, a, b)).toBe(3n);
    put(a, new Set());
    expect(any()).toBe(CPUS);
  });

  it('fault outside of the model', () => {
    expect(() => rig.call(VmCpumask.Weight, 0x10)).toThrow('read of 16 bytes');
    expect(() => rig.call(VmCpumask.And, 0x10, a, b)).toThrow('write of 16 bytes');
  });
});

describe.each<Tier>(['interpreter', 'translated'])("kfuncs on the kernel's objects, %s", (tier) => {
  it('work for programs', async () => {
    const programs = await CompiledRig.create(compiled, tier);
    expect(programs.run('common', {})).toBe(22);
    expect(programs.live).toBe(0);
  });

  it('give masks to maps', async () => {
    const programs = await CompiledRig.create(compiled, tier);
    expect([programs.run('stash', {}), programs.run('stash', {})]).toEqual([0, 0]);
    expect(programs.live).toBe(1);
    programs.close();
    expect(programs.live).toBe(0);
  });

  it('find tasks by their ids', async () => {
    const programs = await CompiledRig.create(compiled, tier);
    expect(programs.run('pid_of_task', {})).toBe(-1);
    const { vm, kernel } = programs;
    const pid = kernel.btf
      .type(kernel.btf.find('task_struct', BtfKind.Struct))
      .members.find(({ name }) => name === 'pid');
    const task = 0xffff_8880_0000_0000n + BigInt(vm.ram.alloc(16384, 64));
    vm.ram.write(task + BigInt((pid?.bitOffset ?? 0) / 8), Uint8Array.of(7, 0, 0, 0));
    kernel.tasks.set(7, task);
    expect(programs.run('pid_of_task', {})).toBe(7);
  });
});
