import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openTestBench } from '../../session/open-test-bench-node.ts';
import type { TestProgram } from '../../session/test-bench.ts';
import { SETTLE_CALLBACKS, type Tier } from '../../vm/index.ts';
import { u64 } from './helper-rig.ts';
import { frame } from './test-run-rig.ts';

/** Built from objects/deferred.bpf.c. */
const OBJECT = fileURLToPath(new URL('objects/deferred.bpf.o', import.meta.url));
/** Where its variables stand in .bss. */
const DELAY = 0;
const PERIOD = 8;
const LOG = 16;
const ENTRIES = 64;

const EINVAL = -22;
const EBUSY = -16;
const EDEADLK = -35;
const SECOND = 1_000_000_000;

const bytes = readFileSync(OBJECT);
const bench = await openTestBench();
const { vm, machine } = bench.session;

function load(name: string, tier: Tier): TestProgram {
  const loaded = bench.load(bytes, OBJECT, name, tier);
  if ('verdict' in loaded) throw new Error(loaded.verdict.log);
  return loaded;
}

/** The address of a variable. */
function bss({ object }: TestProgram, offset: number): bigint {
  return object.maps.get('deferred.bss')?.valueAddress(offset) ?? 0n;
}

/** What was noted: numbers, and times (of the second kind) since `start`. */
function log(tested: TestProgram, start: bigint): number[] {
  const words = (at: number, count: number) =>
    new BigInt64Array((vm.ram.read(bss(tested, at), 8 * count) as Uint8Array).slice().buffer);
  const count = Number(words(LOG + 8 * ENTRIES, 1)[0]);
  return [...words(LOG, count)].map((word) => Number(start > 0n && word >= start ? word - start : word));
}

/** Runs a program once over a packet, at a time that no number of a callback comes near. */
function run(name: string, { tier = 'interpreter' as Tier, delay = 0, period = 0 } = {}) {
  const tested = load(name, tier);
  machine.advance(BigInt(SECOND));
  const start = machine.now;
  vm.ram.write(bss(tested, DELAY), u64(delay));
  vm.ram.write(bss(tested, PERIOD), u64(period));
  try {
    const result = bench.run(tested, { data: frame(0x800, 20) });
    const counted = (map: string) =>
      Object.fromEntries(
        (tested.object.maps.get(map)?.dump() ?? []).map(({ key, value }) => [
          Buffer.from(key, 'hex').readUInt32LE(0),
          Number(Buffer.from(value, 'hex').readBigUInt64LE(0)),
        ]),
      );
    return {
      result,
      log: log(tested, start),
      array: counted('array'),
      hash: counted('hash'),
      lru: counted('lru'),
      elapsed: Number(machine.now - start),
    };
  } finally {
    tested.object.close();
  }
}

describe.each<Tier>(['interpreter', 'translated'])('in the %s tier', (tier) => {
  it('work is done after the run, then timers by expiry at the time of each', () => {
    const { result, log, array, elapsed } = run('in_order', { tier });
    expect(result).toMatchObject({ retval: 0, status: 'finished', deferred: { callbacks: 4, pending: 0 } });
    expect(log).toEqual([5000, 2001, 1000, 1002, 2000, 1000, 3000]);
    expect(array).toMatchObject({ 0: 101, 1: 1, 2: 1, 3: 0 });
    expect(elapsed).toBe(3000);
  });
});

describe('bpf_timer', () => {
  it('answers as Linux does', () => {
    const { result, log } = run('timer_answers');
    expect(log).toEqual([
      // Before it is initialised.
      ...[EINVAL, EINVAL, EINVAL],
      // No such clock, no such flag; then once, and not again.
      ...[EINVAL, EINVAL, 0, EBUSY],
      // Started without a callback, with a wrong flag; cancelled without having been started.
      ...[EINVAL, 0, EINVAL, 0],
      // Cancelling has forgotten the callback.
      ...[EINVAL, 0, 0, 1],
    ]);
    expect(result.deferred).toBeNull();
  });

  it('cannot cancel itself in its callback', () => {
    expect(run('cancel_inside').log).toEqual([EDEADLK]);
  });

  it('is cancelled by what deletes or replaces its element, or overwrites it in an array', () => {
    const { log, hash } = run('in_hash');
    expect(log).toEqual([0, 0, EINVAL, 0, 1007, 993]);
    expect(hash).toEqual({ 7: 1, 9: 0 });
    expect(run('overwritten_in_array')).toMatchObject({ log: [0, 0], array: { 0: 0 } });
    const evicted = run('evicted').lru;
    expect(Object.values(evicted)).toEqual([1, 1, 1, 1]);
  });

  it('may delete its own element, and start work', () => {
    expect(run('delete_inside')).toMatchObject({ log: [3005, 0], hash: {} });
    expect(run('work_of_timer')).toMatchObject({ log: [4002, 0, 5002], array: { 2: 100 } });
  });

  it('fires only within a second after the run; the clock does not go on for one that does not', () => {
    expect(run('after_delay', { delay: SECOND })).toMatchObject({ array: { 3: 1 }, elapsed: SECOND });
    const late = run('after_delay', { delay: SECOND + 1 });
    expect(late).toMatchObject({ array: { 3: 0 }, elapsed: 0 });
    expect(late.result.deferred).toEqual({
      callbacks: 0,
      insns: 0,
      pending: 1,
      status: 'finished',
      fault: null,
    });
    // Times beyond the end of time, and before now.
    expect(run('after_delay', { delay: 2 ** 62 }).result.deferred?.pending).toBe(1);
    expect(run('after_delay', { delay: -5 }).array).toMatchObject({ 3: 1 });
  });

  it('may start itself again, up to a limit', () => {
    const slow = run('periodic', { period: SECOND / 10 });
    expect(slow).toMatchObject({ array: { 0: 10 }, elapsed: SECOND });
    expect(slow.result.deferred).toMatchObject({ callbacks: 10, pending: 1 });
    const endless = run('periodic', { period: 0 });
    expect(endless.array).toMatchObject({ 0: SETTLE_CALLBACKS });
    expect(endless.result).toMatchObject({
      retval: 0,
      status: 'finished',
      deferred: { callbacks: SETTLE_CALLBACKS, pending: 1 },
    });
    expect(endless.elapsed).toBe(0);
  });

  it('is gone with its map and its program', () => {
    run('periodic');
    expect(vm.deferred.pending).toBe(0);
  });
});

describe('bpf_wq', () => {
  it('answers as Linux does, and what is started twice is done once', () => {
    const { result, log, array } = run('work_answers');
    expect(log).toEqual([...[EINVAL, EINVAL, EINVAL, 0, EBUSY], ...[EINVAL, EINVAL, 0, EINVAL, 0, 0], 5001]);
    expect(array).toMatchObject({ 1: 100 });
    expect(result.deferred).toMatchObject({ callbacks: 1, pending: 0 });
  });
});
