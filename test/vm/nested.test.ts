import { describe, expect, it } from 'vitest';
import { assemble } from '../../bpf/asm.ts';
import { type RunResult, runNested, type Tier } from '../../vm/index.ts';
import { createVm } from '../../vm/node.ts';

const vm = await createVm();
const CALL = 0x1fff;
let last: RunResult;

/** Runs a program, with a helper that runs another one over r1, and answers its r0. */
function run(outer: string, inner: string, tier: Tier, budget = 100_000): RunResult {
  const program = vm.load(assemble(inner));
  vm.setHelper(CALL, (call) => {
    last = runNested(vm, program, call.arg(1), { budget: 1000 });
    return last.r0;
  });
  return vm.run(vm.load(assemble(outer), { tier }), 0n, { budget });
}

/** Calls it in the second of two frames, from a callback, and gives what is on its stack, in r0 and in r9. */
const OUTER = `
  r9 = 3
  r1 = 2
  r2 = subprog[each]
  r3 = r10
  r3 += -8
  *(u64 *)(r10 -8) = 5
  r4 = 0
  call bpf_loop
  r1 = *(u64 *)(r10 -8)
  r0 *= 100
  r0 += r1
  r0 *= 100
  r0 += r9
  exit
each:
  r9 = 77
  *(u64 *)(r10 -8) = 1000
  r6 = r2
  r1 = r2
  call ${CALL}
  if r9 != 77 goto bad
  r1 = *(u64 *)(r10 -8)
  if r1 != 1000 goto bad
  r0 = 0
  exit
bad:
  r0 = 1
  exit`;

/** Adds 1 to what r1 points to, two frames down, and writes all over the stack. */
const INNER = `
  *(u64 *)(r10 -8) = -1
  *(u64 *)(r10 -512) = -1
  r9 = -1
  call deeper
  exit
deeper:
  *(u64 *)(r10 -8) = -1
  r0 = *(u64 *)(r1 +0)
  r0 += 1
  *(u64 *)(r1 +0) = r0
  exit`;

describe.each<Tier>(['interpreter', 'translated'])('a run inside of one in the %s', (tier) => {
  it('shares memory with it, and nothing else', () => {
    expect(run(OUTER, INNER, tier)).toMatchObject({ status: 'finished', r0: 20_703n });
    expect(last).toMatchObject({ status: 'finished', r0: 7n, insns: 10 });
  });

  it('finds a stack of zeros, and leaves one behind', () => {
    const read = `r0 = *(u64 *)(r10 -8)\nr1 = *(u64 *)(r10 -512)\nr0 |= r1\nexit`;
    expect(run(`r6 = 1\nr1 = 0\ncall ${CALL}\nexit`, read, tier).r0).toBe(0n);
    run(OUTER, INNER, tier);
    expect(vm.run(vm.load(assemble(read)), 0n).r0).toBe(0n);
  });

  it('that faults or does not end is over, and no more', () => {
    expect(run(`r1 = 0\ncall ${CALL}\nr0 = 9\nexit`, 'r0 = *(u64 *)(r1 +0)\nexit', tier).r0).toBe(9n);
    expect(last.fault?.kind).toBe('read');
    expect(run(`r1 = 0\ncall ${CALL}\nr0 = 9\nexit`, 'again:\ngoto again\nr0 = 0\nexit', tier).r0).toBe(9n);
    expect(last).toMatchObject({ status: 'suspended', insns: 1000 });
  });

  it('may itself be the outer one of another', () => {
    const nested = vm.load(
      assemble(`r1 += -1\nr0 = 0\nif r1 == 0 goto out\ncall ${CALL}\nr0 += 1\nout:\nexit`),
    );
    let depth = 0;
    vm.setHelper(CALL, (call) => {
      depth++;
      return runNested(vm, nested, call.arg(1)).r0;
    });
    expect(vm.run(nested, 20n).r0).toBe(19n);
    expect(depth).toBe(19);
  });
});
