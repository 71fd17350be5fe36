import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KERNEL_IMAGE, kernelAddress } from '../../bpf/address.ts';
import { assemble } from '../../bpf/asm.ts';
import type { LoadedProgram, RunResult } from '../../vm/index.ts';
import { createVm } from '../../vm/node.ts';

const vm = await createVm();
const load = (text: string, probeLoads = false) => vm.load(assemble(text), { probeLoads });
/** What the programs below work on. */
const context = vm.ram.alloc(4096, 4096);

const programs: [string, LoadedProgram][] = [
  ['straight line', load('r0 = 1\nr0 += 2\nr1 = 0x123456789abc ll\nr0 += r1\nexit')],
  [
    'fused pairs in a loop',
    load(`
      r0 = 0
      r6 = 0
    again:
      r2 = r6
      r2 += r1
      r3 = *(u8 *)(r2 +0)
      if w3 != 0 goto skip
      r0 += 1
    skip:
      r4 = r0
      r4 <<= 3
      r5 = r4
      r5 >>= 1
      r0 ^= r5
      r6 += 1
      if r6 != 50 goto again
      exit`),
  ],
  [
    'a jump to the second half of a pair',
    load(`
      r0 = 0
      r2 = 3
      goto middle
    again:
      r2 = r0
    middle:
      r2 += 5
      r0 += r2
      if r0 < 1000 goto again
      exit`),
  ],
  [
    'nested calls and stacks',
    load(`
      r6 = 5
      r1 = 6
      call fib
      r0 += r6
      exit
    fib:
      r0 = r1
      if r1 < 2 goto done
      r6 = r1
      r1 += -1
      call fib
      *(u64 *)(r10 -8) = r0
      r1 = r6
      r1 += -2
      call fib
      r1 = *(u64 *)(r10 -8)
      r0 += r1
    done:
      exit`),
  ],
  [
    'callbacks in callbacks',
    load(`
      *(u64 *)(r10 -8) = 0
      r1 = 5
      r2 = subprog[outer]
      r3 = r10
      r3 += -8
      r4 = 0
      call bpf_loop
      r6 = r0
      r0 = *(u64 *)(r10 -8)
      r0 <<= 8
      r0 |= r6
      exit
    outer:
      r3 = r2
      r1 += 1
      r2 = subprog[inner]
      r4 = 0
      call bpf_loop
      r0 = 0
      exit
    inner:
      r3 = *(u64 *)(r2 +0)
      r3 += 1
      *(u64 *)(r2 +0) = r3
      r0 = 0
      if r1 != 3 goto out
      r0 = 1
    out:
      exit`),
  ],
  ['may_goto', load('r0 = 0\nagain: r0 += 1\nmay_goto done\nif r0 < 100 goto again\ndone: exit')],
  [
    'a fault in the middle',
    load('r0 = 7\nr2 = r1\nr2 += 8\nr3 = *(u64 *)(r1 +0)\nr4 = *(u64 *)(r3 +16)\nexit'),
  ],
  ['an unknown helper in the middle', load('r0 = 7\nr0 += 1\ncall 4242\nexit')],
];

function whole(program: LoadedProgram): RunResult {
  vm.ram.write(kernelAddress(context), new Uint8Array(4096));
  return vm.run(program, kernelAddress(context));
}

/** Runs by the given budgets, again and again, and checks that each was used up to its end. */
function inParts(program: LoadedProgram, budgets: number[]): { result: RunResult; registers: bigint[] } {
  vm.ram.write(kernelAddress(context), new Uint8Array(4096));
  vm.start(program, [kernelAddress(context)]);
  let expected = 0;
  for (let i = 0; ; i++) {
    const budget = budgets[i % budgets.length] as number;
    const result = vm.resume(budget);
    expected += budget;
    if (result.status !== 'suspended') return { result, registers: vm.registers() };
    expect(result.insns).toBe(expected);
  }
}

describe('a run in parts', () => {
  it.each(programs)('%s: single steps give the same', (_name, program) => {
    const expected = whole(program);
    const registers = vm.registers();
    expect(inParts(program, [1])).toEqual({ result: expected, registers });
  });

  it.each(programs)('%s: any split gives the same', (_name, program) => {
    const expected = whole(program);
    const registers = vm.registers();
    const budgets = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(budgets, (split) => {
        expect(inParts(program, split)).toEqual({ result: expected, registers });
      }),
      { numRuns: 60, seed: 7 },
    );
  });

  it('random straight lines and loops', () => {
    const operand = fc.integer({ min: 0, max: 9 });
    const op = fc.oneof(
      fc
        .tuple(operand, operand, fc.constantFrom('=', '+=', '^=', '*='))
        .map(([a, b, o]) => `r${a} ${o} r${b}`),
      fc
        .tuple(operand, fc.integer({ min: 0, max: 63 }), fc.constantFrom('<<=', '>>=', '+='))
        .map(([a, b, o]) => `r${a} ${o} ${b}`),
      fc
        .tuple(operand, fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 3 }))
        .map(([a, b, d]) => `if r${a} != ${b} goto pc+${d}`),
    );
    const tail = ['r0 = r0', 'r0 = r0', 'r0 = r0', 'exit'];
    fc.assert(
      fc.property(
        fc.array(op, { maxLength: 40 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
        (lines, split) => {
          const program = load([...lines, ...tail].join('\n'));
          const expected = whole(program);
          expect(inParts(program, split).result).toEqual(expected);
          vm.unload(program);
        },
      ),
      { numRuns: 200, seed: 3 },
    );
  });

  it('counts instructions, a ld_imm64 as one', () => {
    expect(whole(load('r1 = 1 ll\nr0 = 2\nexit')).insns).toBe(3);
  });

  it('may end between a load and the jump it is fused with, wherever the load reads', () => {
    const program = load('r2 = *(u64 *)(r1 +0)\nif r2 != 7 goto out\nr0 = 1\nout: exit');
    vm.ram.view.setBigUint64(context, 7n, true);
    for (const address of [kernelAddress(context), KERNEL_IMAGE + BigInt(context)]) {
      vm.start(program, [address]);
      let result = vm.resume(1);
      expect(vm.registers()[2]).toBe(7n);
      while (result.status === 'suspended') result = vm.resume(1);
      expect(result).toMatchObject({ retval: 1, insns: 4 });
    }
    vm.ram.view.setBigUint64(context, 0n, true);
  });

  it('shows where it stands', () => {
    const program = load('r0 = 1 ll\nr0 += 5\ncall sub\nexit\nsub: r0 *= 2\nexit');
    vm.start(program, []);
    const seen: [number, number, bigint][] = [];
    do seen.push([vm.pc, vm.depth, vm.registers()[0] as bigint]);
    while (vm.resume(1).status === 'suspended');
    expect(seen).toEqual([
      [0, 0, 0n],
      [2, 0, 1n],
      [3, 0, 6n],
      [5, 1, 6n],
      [6, 1, 12n],
      [4, 0, 12n],
    ]);
  });
});

describe('budgets', () => {
  it('stop endless loops', () => {
    const endless = load('again: goto again');
    const result = vm.run(endless, 0n, { budget: 1_000_000 });
    expect(result).toMatchObject({ status: 'suspended', insns: 1_000_000, fault: null });
    expect(vm.resume(77)).toMatchObject({ status: 'suspended', insns: 1_000_077 });
  });

  it('stop endless recursion through faults, and endless callbacks', () => {
    expect(vm.run(load('again: call again\nexit'), 0n).fault?.kind).toBe('call-depth');
    const loop = load('r1 = 8388608\nr2 = subprog[cb]\nr4 = 0\ncall bpf_loop\nexit\ncb: r0 = 0\nexit');
    expect(vm.run(loop, 0n, { budget: 10_000 })).toMatchObject({ status: 'suspended', insns: 10_000 });
  });

  it('of nothing execute nothing', () => {
    const program = load('r0 = 1\nexit');
    expect(vm.run(program, 0n, { budget: 0 })).toMatchObject({ status: 'suspended', insns: 0 });
    expect(vm.resume(2)).toMatchObject({ status: 'finished', retval: 1 });
  });
});

describe('a start', () => {
  it('passes r1 to r5 and zeroes the rest', () => {
    const program = load('r0 = r9\nexit');
    vm.run(load('r6 = 1\nr7 = 2\nr8 = 3\nr9 = 4\nr0 = 5\nexit'), 0n);
    vm.start(program, [1n, 2n, 3n, 4n, 2n ** 64n - 1n]);
    expect(vm.registers().slice(0, 10)).toEqual([0n, 1n, 2n, 3n, 4n, 2n ** 64n - 1n, 0n, 0n, 0n, 0n]);
  });

  it('begins at any function', () => {
    const program = load('r0 = 1\nexit\nsub: r0 = r1\nr0 += 1\nexit');
    vm.start(program, [41n], {}, 2);
    expect(vm.resume().r0).toBe(42n);
    expect(() => vm.start(program, [], {}, 99)).toThrow(RangeError);
  });

  it('gives a stack of zeros, whatever ran before', () => {
    vm.run(
      load(
        '*(u64 *)(r10 -512) = 1\n*(u64 *)(r10 -8) = 1\nr0 = 0\ncall sub\nexit\nsub: *(u64 *)(r10 -8) = 9\nexit',
      ),
      0n,
    );
    const peek = load(
      'r0 = *(u64 *)(r10 -8)\nr1 = *(u64 *)(r10 -512)\nr0 += r1\ncall sub\nexit\nsub: r1 = *(u64 *)(r10 -8)\nr0 += r1\nexit',
    );
    expect(vm.run(peek, 0n).r0).toBe(0n);
  });

  it('ends the run before: several programs share the machine', () => {
    const one = load('again: r0 += 1\ngoto again');
    const two = load('r0 = 2\nexit');
    vm.run(one, 0n, { budget: 100 });
    expect(vm.run(two, 0n).retval).toBe(2);
    expect(vm.run(one, 0n, { budget: 10 })).toMatchObject({ status: 'suspended', insns: 10 });
  });
});

describe('helpers of the host', () => {
  it('get r1 to r5 in full and give r0', () => {
    const seen: bigint[] = [];
    vm.setHelper(5001, (call) => {
      for (const index of [1, 2, 3, 4, 5] as const) seen.push(call.arg(index));
      return -1;
    });
    const result = vm.run(
      load('r1 = -1\nr2 = 0x8000000000000000 ll\nr3 = 3\nr4 = 4\nr5 = 5\ncall 5001\nexit'),
      0n,
    );
    expect(seen).toEqual([2n ** 64n - 1n, 2n ** 63n, 3n, 4n, 5n]);
    expect(result.r0).toBe(2n ** 64n - 1n);
  });

  it('may allocate: the view moves, the run goes on', () => {
    vm.setHelper(5002, () => BigInt(vm.ram.alloc(50_000_000)));
    const result = vm.run(load('call 5002\nr6 = r0\ncall 5002\nr0 -= r6\nexit'), 0n);
    expect(result.status).toBe('finished');
    expect(result.r0).not.toBe(0n);
  });

  it('that run out of memory end the run with a fault', () => {
    vm.setHelper(5003, () => vm.ram.alloc(0xfff0_0000));
    expect(vm.run(load('call 5003\nexit'), 0n).fault?.kind).toBe('out-of-memory');
  });

  it('that throw end the run; the next one works', () => {
    vm.setHelper(5004, () => {
      throw new Error('a bug');
    });
    expect(() => vm.run(load('call 5004\nexit'), 0n)).toThrow('a bug');
    expect(() => vm.resume()).toThrow(/no run is under way/);
    expect(vm.run(load('r0 = 1\nexit'), 0n).retval).toBe(1);
  });

  it('may ask for a callback, whose end ends the helper', () => {
    vm.setHelper(5005, (call) => {
      call.callback(call.arg(2), [call.arg(1), 7n]);
      return 0;
    });
    const text =
      'r9 = 3\nr1 = r10\nr1 += -8\nr2 = subprog[cb]\ncall 5005\nr1 = *(u64 *)(r10 -8)\nr0 += r1\nr0 += r9\nexit\ncb: *(u64 *)(r1 +0) = r2\nr9 = 100\nr0 = 55\nexit';
    const result = vm.run(load(text), 0n);
    expect(result).toMatchObject({ status: 'finished', retval: 10 });
  });
});
