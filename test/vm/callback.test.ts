import { describe, expect, it } from 'vitest';
import { assemble } from '../../bpf/asm.ts';
import { createVm } from '../../vm/node.ts';

const vm = await createVm();
const run = (text: string) => vm.run(vm.load(assemble(text)), 0n);
const E2BIG = BigInt.asUintN(64, -7n);
const EINVAL = BigInt.asUintN(64, -22n);

/** bpf_loop(count, cb, &sum, flags), where cb adds its index to the sum and stops at `stop`. */
const sum = (count: number, stop: number, flags = 0) => `
  *(u64 *)(r10 -8) = 0
  r1 = ${count}
  r2 = subprog[cb]
  r3 = r10
  r3 += -8
  r4 = ${flags}
  call bpf_loop
  r6 = *(u64 *)(r10 -8)
  exit
cb:
  r3 = *(u64 *)(r2 +0)
  r3 += r1
  *(u64 *)(r2 +0) = r3
  r0 = 0
  if r1 != ${stop} goto out
  r0 = 1
out:
  exit`;

describe('bpf_loop', () => {
  it.each([
    [0, 0n, 0n],
    [1, 1n, 0n],
    [10, 10n, 45n],
    [100_000, 100_000n, 4_999_950_000n],
  ])('calls %i times', (count, calls, total) => {
    expect(run(sum(count, -1)).r0).toBe(calls);
    expect(vm.registers()[6]).toBe(total);
  });

  it('stops when the callback says so, and counts that call', () => {
    expect(run(sum(10, 3)).r0).toBe(4n);
    expect(vm.registers()[6]).toBe(6n);
  });

  it('takes 8 Mi iterations and no more', () => {
    expect(run(sum(8 << 20, 2)).r0).toBe(3n);
    expect(run(sum((8 << 20) + 1, 2)).r0).toBe(E2BIG);
  });

  it('refuses flags before anything else', () => {
    expect(run(sum(0, -1, 1)).r0).toBe(EINVAL);
    expect(run(sum((8 << 20) + 1, -1, 1)).r0).toBe(EINVAL);
  });

  it('leaves r6 to r10 of its caller alone', () => {
    const text = `
      r6 = 1
      r7 = 2
      r8 = 3
      r9 = r10
      r1 = 4
      r2 = subprog[cb]
      r4 = 0
      call bpf_loop
      r0 = r6
      r0 += r7
      r0 += r8
      r9 -= r10
      r0 += r9
      exit
    cb:
      r6 = 100
      r7 = 100
      r8 = 100
      r9 = 100
      r0 = 0
      exit`;
    expect(run(text).r0).toBe(6n);
  });

  it('gives each callback a frame: 8 in all', () => {
    const nest = (depth: number) => {
      const functions = Array.from({ length: depth }, (_, i) =>
        i === depth - 1
          ? `f${i}: r0 = 1\nexit`
          : `f${i}: r1 = 1\nr2 = subprog[f${i + 1}]\nr4 = 0\ncall bpf_loop\nr0 = 0\nexit`,
      );
      return `r1 = 1\nr2 = subprog[f0]\nr4 = 0\ncall bpf_loop\nexit\n${functions.join('\n')}`;
    };
    expect(run(nest(7))).toMatchObject({ status: 'finished', retval: 1 });
    expect(run(nest(8)).fault).toMatchObject({ kind: 'call-depth' });
  });

  it('faults on what is not a function, at the call', () => {
    const result = run('r1 = 1\nr2 = 0x1000\nr4 = 0\ncall bpf_loop\nexit');
    expect(result.fault).toMatchObject({ kind: 'bad-call-target', address: 0x1000n });
    expect(result.fault?.pc).toBe(4);
  });

  it('faults inside a callback name the instruction there', () => {
    const result = run(
      'r1 = 3\nr2 = subprog[cb]\nr4 = 0\ncall bpf_loop\nexit\ncb: r0 = *(u8 *)(r2 +0)\nexit',
    );
    expect(result.fault).toMatchObject({ kind: 'read', pc: 6 });
  });
});

describe('may_goto', () => {
  it('lets 8 Mi iterations pass, then jumps', () => {
    const result = run('r0 = 0\nagain: may_goto done\nr0 += 1\ngoto again\ndone: exit');
    expect(result.r0).toBe(BigInt(8 << 20));
  });

  it('counts for each call of a function anew, and for all its may_gotos together', () => {
    const text = `
      call count
      r6 = r0
      call count
      r0 -= r6
      exit
    count:
      r0 = 0
    again:
      may_goto done
      may_goto done
      r0 += 1
      if r0 < 5000000 goto again
    done:
      exit`;
    expect(run(text).r0).toBe(0n);
    expect(vm.registers()[6]).toBe(BigInt(4 << 20));
  });
});
