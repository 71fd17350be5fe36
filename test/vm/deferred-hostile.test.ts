/** Programs that no verifier has seen. */
import { describe, expect, it } from 'vitest';
import { assemble } from '../../bpf/asm.ts';
import { settle } from '../../vm/deferred/index.ts';
import type { LoadedProgram } from '../../vm/program.ts';
import { Rig } from './helper-rig.ts';

const rig = await Rig.create();
const { vm } = rig;
const map = rig.map({ type: 2, valueSize: 32 });
const value = map.valueAddress(0) as bigint;
const EBUSY = -16n;

/** `init`, `set_callback` and `start` of a timer of a nanosecond at `timer`; `more` runs before the end. */
const armed = (timer: bigint, more = '', callback = 'subprog[fired]') => `
  r1 = ${timer} ll
  r2 = ${map.address} ll
  r3 = 1
  call bpf_timer_init
  r6 = r0
  r1 = ${timer} ll
  r2 = ${callback}
  call bpf_timer_set_callback
  r1 = ${timer} ll
  r2 = 1
  r3 = 0
  call bpf_timer_start
  ${more}
  r0 = r6
  exit
fired:
  r4 = *(u64 *)(r3 +24)
  r4 += 1
  *(u64 *)(r3 +24) = r4
  r0 = 0
  exit`;

function run(text: string): { r0: bigint; fault: string | undefined; program: LoadedProgram } {
  vm.ram.write(value, new Uint8Array(128));
  const program = vm.load(assemble(text));
  const { r0, fault } = vm.run(program, 0n, { budget: 1000 });
  return { r0: BigInt.asIntN(64, r0), fault: fault?.kind, program };
}

/** The end of a callback that starts its timer again, at once. */
const AGAIN = `r1 = ${value} ll\n r2 = 0\n r3 = 0\n call bpf_timer_start\n r0 = 0\n exit`;

const fired = () => rig.u64(value + 24n);
const scribble = (word: string) => `r1 = ${value} ll\nr2 = ${word}\n*(u64 *)(r1 +0) = r2`;

describe('a timer', () => {
  it('is called while nothing disturbs it', () => {
    expect(run(armed(value))).toMatchObject({ r0: 0n, fault: undefined });
    expect(settle(vm)).toMatchObject({ callbacks: 1, pending: 0 });
    expect(fired()).toBe(1n);
  });

  it.each(['0', '-1', '12345'])('is cancelled when its struct is overwritten with %s', (word) => {
    expect(run(armed(value, scribble(word))).fault).toBeUndefined();
    expect(settle(vm)).toMatchObject({ callbacks: 0, pending: 0 });
  });

  it('cannot be forged out of the mark of another', () => {
    const copy = `r1 = ${value} ll\nr2 = *(u64 *)(r1 +0)\n*(u64 *)(r1 +32) = r2
      r1 = ${value + 32n} ll\ncall bpf_timer_cancel\nr6 = r0`;
    expect(run(armed(value, copy)).r0).toBe(-22n);
    expect(settle(vm).callbacks).toBe(1);
  });

  it.each([
    ['outside of all maps', rig.alloc(64)],
    ['across the end of a value', value + 24n],
    ['in user memory', 0x7f00_0000_0000n],
    ['nowhere', 0n],
  ])('that stands %s is a fault', (_where, at) => {
    expect(run(armed(at)).fault).toBe('bad-argument');
    expect(settle(vm)).toMatchObject({ callbacks: 0, pending: 0 });
  });

  it.each(['0', '-1', `${map.address} ll`])('with the callback %s is a fault', (callback) => {
    expect(run(armed(value, '', callback)).fault).toBe('bad-call-target');
    expect(settle(vm).callbacks).toBe(0);
  });

  it('does not outlive its program, or the map', () => {
    const { program } = run(armed(value));
    vm.unload(program);
    const again = vm.load(assemble('r0 = 7\nexit'));
    expect(settle(vm)).toMatchObject({ callbacks: 0, pending: 0 });
    vm.unload(again);
  });

  it('whose callback faults or does not end says so, and the rest waits', () => {
    const faults = armed(value).replace('r0 = 0\n  exit', 'r0 = *(u64 *)(r0 +0)\n  exit');
    run(faults);
    expect(settle(vm)).toMatchObject({ callbacks: 1, status: 'faulted', fault: { kind: 'read' } });
    run(armed(value).replace('fired:', 'fired:\n  goto fired'));
    expect(settle(vm, 100)).toMatchObject({ callbacks: 1, status: 'suspended', insns: 100 });
    // Nine instructions each; the budget is that of all of them.
    run(armed(value).replace('r0 = 0\n  exit', AGAIN));
    expect(settle(vm, 100)).toMatchObject({ callbacks: 12, status: 'suspended', insns: 100 });
  });
});

it('values that come and go leave nothing behind', () => {
  const hash = rig.map({ type: 1, valueSize: 32, maxEntries: 1 });
  const value = rig.put(new Uint8Array(32));
  const key = rig.put(new Uint8Array(4));
  for (let i = 0; i < 5000; i++) {
    rig.call(2, hash.address, key, value, 0);
    // BPF_MAP_TYPE_HASH without BTF has no special fields: what is stored over the mark undoes it as well.
    const timer = rig.pointer(1, hash.address, key);
    expect(rig.call(169, timer, hash.address, 1)).toBe(0n);
    expect(rig.call(169, timer, hash.address, 1)).toBe(EBUSY);
    rig.call(3, hash.address, key);
  }
  expect(vm.deferred.size).toBeLessThan(2100);
});
