/** The reduced exploration finds what the full one finds: on random programs of locks, references and events. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InputError } from '../../bpf/input-error.ts';
import { buildSystem } from '../../kernel-model/locks/build.ts';
import { type Exploration, explore } from '../../kernel-model/locks/explore.ts';
import { parseLockScene } from '../../kernel-model/locks/parse.ts';
import type { Call, LockScene } from '../../kernel-model/locks/scene.ts';
import { sceneTexts } from './locks-support.ts';

const LOCKS = ['l0', 'l1'];
const SEMS = ['s0'];
const EVENTS = ['e0'];
const OBJECTS = ['o0'];

const lock = fc.constantFrom(...LOCKS);
const sem = fc.constantFrom(...SEMS);
const event = fc.constantFrom(...EVENTS);
const object = fc.constantFrom(...OBJECTS);

/** Calls in balanced groups mostly, so that programs get somewhere. */
const group: fc.Arbitrary<Call[]> = fc.oneof(
  { weight: 4, arbitrary: lock.map((name): Call[] => [{ lock: name }, { unlock: name }]) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(lock, lock)
      .map(([a, b]): Call[] => [{ lock: a }, { lock: b }, { unlock: a }, { unlock: b }]),
  },
  { weight: 1, arbitrary: lock.map((name): Call[] => [{ lock: name }]) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(lock, object)
      .map(([name, ref]): Call[] => [{ trylock: name, held: [{ access: ref }] }]),
  },
  { weight: 2, arbitrary: sem.map((name): Call[] => [{ down_read: name }, { up_read: name }]) },
  { weight: 2, arbitrary: sem.map((name): Call[] => [{ down_write: name }, { up_write: name }]) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(event, fc.constantFrom('before-queueing' as const, 'after-queueing' as const))
      .map(([name, checks]): Call[] => [{ wait: name, checks }]),
  },
  { weight: 2, arbitrary: event.map((name): Call[] => [{ wake: name }]) },
  { weight: 2, arbitrary: object.map((name): Call[] => [{ get: name }, { put: name }]) },
  { weight: 2, arbitrary: object.map((name): Call[] => [{ put: name }]) },
  { weight: 1, arbitrary: object.map((name): Call[] => [{ access: name }]) },
);

const program: fc.Arbitrary<Call[]> = fc
  .tuple(
    fc.array(group, { minLength: 1, maxLength: 3 }),
    fc.option(fc.array(group, { minLength: 1, maxLength: 2 })),
  )
  .map(([calls, loop]) => {
    const straight = calls.flat();
    return loop && loop.flat().length % 3 === 0 ? [...straight, { forever: loop.flat() }] : straight;
  });

const scenes: fc.Arbitrary<LockScene> = fc.array(program, { minLength: 2, maxLength: 3 }).map((programs) => ({
  expect: 'none',
  locks: [...LOCKS.map((name) => ({ name })), ...SEMS.map((name) => ({ name, kind: 'rwsem' as const }))],
  events: EVENTS,
  objects: OBJECTS.map((name) => ({ name, refs: 2 })),
  actors: programs.map((does, i) => ({ name: `t${i}`, does })),
}));

function outcome({ findings, ends }: Exploration) {
  return { findings: [...findings.keys()].sort(), ends: [...ends].sort() };
}

/** A random scene, or an empty one in its place when its calls do not fit together. */
function sceneOf(text: string): LockScene {
  try {
    return parseLockScene(text, 's.json').scene;
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { expect: 'none', actors: [] };
  }
}

const MOST = 12_000;

describe('partial-order reduction', () => {
  test('finds the same errors and the same ends, in no more states', () => {
    const seen = { compared: 0, smaller: 0, kinds: new Set<string>() };
    fc.assert(
      fc.property(scenes, (scene) => {
        // One system, so that equal states have equal keys.
        const system = buildSystem(scene);
        const full = explore(system, { maxStates: MOST, reduce: false });
        fc.pre(full.complete);
        const reduced = explore(system, { maxStates: MOST, reduce: true });
        expect(outcome(reduced)).toEqual(outcome(full));
        expect(reduced.states).toBeLessThanOrEqual(full.states);
        seen.compared++;
        if (reduced.states < full.states) seen.smaller++;
        for (const { finding } of full.findings.values()) seen.kinds.add(finding.kind);
      }),
      { seed: 20260101, numRuns: 400, maxSkipsPerRun: 100 },
    );
    // The comparison would say nothing if programs had no errors or no freedom.
    expect(seen.compared).toBe(400);
    expect(seen.smaller).toBeGreaterThan(200);
    expect([...seen.kinds].sort()).toEqual(
      expect.arrayContaining(['deadlock', 'hang', 'lost-wake-up', 'use-after-free']),
    );
  });

  test('the same for rings, epoll, iterators and the threads of the kernel', () => {
    let compared = 0;
    const kinds = new Set<string>();
    fc.assert(
      fc.property(sceneTexts({ mistakes: false, maxCalls: 2 }), (text) => {
        const system = buildSystem(sceneOf(text));
        const full = explore(system, { maxStates: 4_000, reduce: false });
        if (!full.complete) return;
        expect(outcome(explore(system, { maxStates: 4_000, reduce: true }))).toEqual(outcome(full));
        compared++;
        for (const { finding } of full.findings.values()) kinds.add(finding.kind);
      }),
      { seed: 20260102, numRuns: 500 },
    );
    expect(compared).toBeGreaterThan(150);
    expect([...kinds]).toEqual(
      expect.arrayContaining(['deadlock', 'hang', 'use-after-free', 'wrong-output']),
    );
  });

  test('a trace is a shortest one', () => {
    fc.assert(
      fc.property(scenes, (scene) => {
        const full = explore(buildSystem(scene), { maxStates: MOST, reduce: false });
        const reduced = explore(buildSystem(scene), { maxStates: MOST, reduce: true });
        for (const [signature, { schedule }] of full.findings)
          expect(schedule.length).toBeLessThanOrEqual(
            reduced.findings.get(signature)?.schedule.length ?? Number.POSITIVE_INFINITY,
          );
      }),
      { seed: 7, numRuns: 60 },
    );
  });

  test('interleavings of independent actors are counted: all without reduction, one with it', () => {
    const does: Call[] = [{ lock: 'own' }, { unlock: 'own' }];
    const scene = (count: number): LockScene => ({
      expect: 'none',
      locks: Array.from({ length: count }, (_, i) => ({ name: `own${i}` })),
      actors: Array.from({ length: count }, (_, i) => ({
        name: `t${i}`,
        does: does.map((call) => Object.fromEntries(Object.keys(call).map((key) => [key, `own${i}`]))),
      })),
    });
    const ways = (count: number, reduce: boolean) =>
      explore(buildSystem(scene(count)), { maxStates: MOST, reduce }).interleavings;
    // (2n)! / 2^n orders of n pairs of steps.
    expect([2, 3, 4].map((count) => ways(count, false))).toEqual([6n, 90n, 2520n]);
    expect([2, 3, 4].map((count) => ways(count, true))).toEqual([1n, 1n, 1n]);
  });

  test('a limit ends the exploration, and says what is left', () => {
    const text = `
expect: none
locks: [{ name: a }, { name: b }]
actors:
  - { name: x, does: [{ lock: a }, { unlock: a }, { lock: a }, { unlock: a }] }
  - { name: y, does: [{ lock: a }, { unlock: a }, { lock: a }, { unlock: a }] }
`;
    const { scene } = parseLockScene(text, 's.yaml');
    const limited = explore(buildSystem(scene), { maxStates: 5, reduce: true });
    expect(limited.complete).toBe(false);
    expect(limited.states).toBeLessThanOrEqual(7);
    expect(limited.unexpanded).toBeGreaterThan(0);
    expect(limited.interleavings).toBeUndefined();
  });
});
