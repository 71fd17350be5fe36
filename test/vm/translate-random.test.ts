/** Generated programs: the two tiers agree on everything that a run leaves behind. */
import { describe, expect, it } from 'vitest';
import { InputError } from '../../bpf/input-error.ts';
import { mapDef } from './helper-rig.ts';
import { compareTiers, load, map, maps, vm } from './translate-machine.ts';
import { CONTEXT_SIZE, generateProgram, randomNumbers } from './translate-programs.ts';

/** DRYDOCK_PROGRAMS=100000 asks for more of each of the three kinds than the tests run otherwise. */
const PROGRAMS = Number(process.env.DRYDOCK_PROGRAMS ?? 2000);
const TIMEOUT = 60_000 + PROGRAMS * 20;

function context(seed: number): Uint8Array {
  const pick = randomNumbers(seed);
  return Uint8Array.from({ length: CONTEXT_SIZE }, () => (pick(3) === 0 ? pick(256) : pick(2) * 255));
}

const packet = Uint8Array.from({ length: 20 }, (_, i) => i * 13);

describe('the translated tier agrees with the interpreter', () => {
  it(
    'in programs as compilers make them',
    () => {
      const endings = new Map<string, number>();
      for (let seed = 1; seed <= PROGRAMS; seed++) {
        const code = generateProgram(seed, { map: map.address, wild: 0 });
        const outcome = compareTiers(code, {
          block: context(seed),
          packet,
          budget: 1_000_000,
          name: `seed ${seed}`,
        });
        const ending = outcome?.status ?? 'interpreter';
        endings.set(ending, (endings.get(ending) ?? 0) + 1);
      }
      if (process.env.DRYDOCK_PROGRAMS) console.log(Object.fromEntries(endings));
      expect(endings.get('finished') ?? 0).toBeGreaterThan(PROGRAMS * 0.9);
      expect(endings.get('interpreter') ?? 0).toBe(0);
    },
    TIMEOUT,
  );

  it(
    'in programs with wild pointers, calls and jumps, with and without probing, at any budget',
    () => {
      const endings = new Map<string, number>();
      for (let seed = 1; seed <= PROGRAMS; seed++) {
        const code = generateProgram(seed, { map: map.address, wild: 80 });
        const budget = seed % 3 === 0 ? seed % 500 : 20_000;
        const options = { probeLoads: seed % 2 === 0 };
        const outcome = compareTiers(code, {
          block: context(seed),
          packet,
          budget,
          options,
          name: `seed ${seed}`,
          runs: seed % 4 === 0 ? 8 : 1,
        });
        const ending = outcome?.fault?.kind ?? outcome?.status ?? 'interpreter';
        endings.set(ending, (endings.get(ending) ?? 0) + 1);
      }
      if (process.env.DRYDOCK_PROGRAMS) console.log(Object.fromEntries(endings));
      for (const ending of ['finished', 'suspended', 'read', 'write', 'interpreter'])
        expect(endings.get(ending) ?? 0, ending).toBeGreaterThan(PROGRAMS / 500);
    },
    TIMEOUT,
  );

  it(
    'in functions that are taken apart',
    () => {
      const endings = new Map<string, number>();
      for (let seed = 1; seed <= PROGRAMS / 2; seed++) {
        const code = generateProgram(seed, { map: map.address, wild: seed % 2 === 0 ? 40 : 0 });
        const outcome = compareTiers(code, {
          block: context(seed),
          packet,
          budget: seed % 3 === 0 ? seed % 700 : 200_000,
          options: { maxInsns: 1 + (seed % 90), probeLoads: seed % 5 === 0 },
          name: `seed ${seed}`,
          runs: seed % 4 === 0 ? 8 : 1,
        });
        const ending = outcome?.fault?.kind ?? outcome?.status ?? 'interpreter';
        endings.set(ending, (endings.get(ending) ?? 0) + 1);
      }
      if (process.env.DRYDOCK_PROGRAMS) console.log(Object.fromEntries(endings));
      for (const ending of ['finished', 'suspended', 'read'])
        expect(endings.get(ending) ?? 0, ending).toBeGreaterThan(PROGRAMS / 500);
    },
    TIMEOUT,
  );

  it(
    'in programs that call one another in place of their rest',
    () => {
      const programs = maps.create(mapDef({ name: 'programs', type: 3, valueSize: 4 }));
      const features = { map: map.address, wild: 2, programs: programs.address };
      const endings = new Map<string, number>();
      for (let seed = 1; seed <= PROGRAMS / 4; seed++) {
        // One of the targets is interpreted, one place stays empty.
        const targets = [1, 2, 3].map((n) => generateProgram(1_000_000 * n + seed, features));
        const loaded = targets.map((code, n) => load(code, n === 1 ? { tier: 'interpreter' } : {}));
        loaded.forEach((target, place) => {
          programs.setProgram(place, target);
        });
        const name = `seed ${seed}`;
        const budget = seed % 3 === 0 ? seed % 700 : 1_000_000;
        const code = generateProgram(seed, features);
        const outcome = compareTiers(code, {
          block: context(seed),
          packet,
          budget,
          name,
          runs: seed % 4 === 0 ? 8 : 1,
        });
        const ending = outcome?.fault?.kind ?? outcome?.status ?? 'interpreter';
        endings.set(ending, (endings.get(ending) ?? 0) + 1);
        for (const target of loaded) vm.unload(target);
      }
      if (process.env.DRYDOCK_PROGRAMS) console.log(Object.fromEntries(endings));
      for (const ending of ['finished', 'suspended', 'read'])
        expect(endings.get(ending) ?? 0, ending).toBeGreaterThan(PROGRAMS / 500);
    },
    TIMEOUT,
  );

  it(
    'in programs with bytes changed at random, which end one way or the other',
    () => {
      const endings = new Map<string, number>();
      for (let seed = 1; seed <= PROGRAMS; seed++) {
        const pick = randomNumbers(seed);
        const code = generateProgram(seed, { map: map.address, wild: 0 });
        for (let changes = 1 + pick(4); changes > 0; changes--) code[pick(code.length)] = pick(256);
        const ending = endingOf(code, seed);
        endings.set(ending, (endings.get(ending) ?? 0) + 1);
      }
      if (process.env.DRYDOCK_PROGRAMS) console.log(Object.fromEntries(endings));
      for (const ending of ['finished', 'refused'])
        expect(endings.get(ending) ?? 0, ending).toBeGreaterThan(PROGRAMS / 50);
    },
    TIMEOUT,
  );
});

function endingOf(code: Uint8Array, seed: number): string {
  try {
    const outcome = compareTiers(code, {
      block: context(seed),
      packet,
      budget: 20_000,
      name: `seed ${seed}`,
    });
    return outcome?.fault?.kind ?? outcome?.status ?? 'interpreter';
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return 'refused';
  }
}
