/** Maps against models made of JavaScript's own, over random operations. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { VmMap } from '../../vm/maps.ts';
import { Rig, u32, u64 } from './helper-rig.ts';

const SEED = 20_211_123;
const rig = await Rig.create();
const keyOf = (bytes: Uint8Array) => new DataView(bytes.buffer).getUint32(0, true);
const wordOf = (bytes: Uint8Array) => new DataView(bytes.buffer).getBigUint64(0, true);

type Operation =
  | { what: 'update'; key: number; value: bigint; flags: number }
  | { what: 'delete' | 'lookup' | 'use'; key: number };

const key = fc.integer({ min: 0, max: 24 });
const operations: fc.Arbitrary<Operation[]> = fc.array(
  fc.oneof(
    fc.record({
      what: fc.constant('update' as const),
      key,
      value: fc.bigInt(0n, 2n ** 64n - 1n),
      flags: fc.integer({ min: 0, max: 2 }),
    }),
    fc.record({ what: fc.constantFrom('delete', 'lookup', 'use'), key }),
  ) as fc.Arbitrary<Operation>,
  { minLength: 1, maxLength: 120 },
);

/** What a hash of `room` entries answers; insertion order is the order of use. */
class HashModel {
  readonly content = new Map<number, bigint>();
  private readonly room: number;
  private readonly evicts: boolean;

  constructor(room: number, evicts: boolean) {
    this.room = room;
    this.evicts = evicts;
  }

  apply(operation: Operation): number | bigint {
    const known = this.content.has(operation.key);
    if (operation.what === 'update') {
      if (known && operation.flags === 1) return -17;
      if (!known && operation.flags === 2) return -2;
      if (!known && this.content.size === this.room) {
        if (!this.evicts) return -7;
        this.content.delete(this.content.keys().next().value as number);
      }
      this.content.delete(operation.key);
      this.content.set(operation.key, operation.value);
      return 0;
    }
    if (!known) return -2;
    if (operation.what === 'delete') {
      this.content.delete(operation.key);
      return 0;
    }
    const value = this.content.get(operation.key) as bigint;
    if (operation.what === 'use') {
      this.content.delete(operation.key);
      this.content.set(operation.key, value);
    }
    return value;
  }
}

function apply(map: VmMap, operation: Operation): number | bigint {
  if (operation.what === 'update') {
    return map.update(u32(operation.key), u64(operation.value), operation.flags);
  }
  if (operation.what === 'delete') return map.delete(u32(operation.key));
  if (operation.what === 'lookup') {
    const value = map.lookup(u32(operation.key));
    return typeof value === 'number' ? value : wordOf(value);
  }
  const address = rig.pointer(1, map.address, rig.put(u32(operation.key)));
  return address === 0n ? -2 : rig.u64(address);
}

describe.each([
  ['hash', 1, 0],
  ['hash without preallocation', 1, 1],
  ['LRU hash', 9, 0],
])('%s', (_text, type, flags) => {
  it('answers as the model does', () => {
    fc.assert(
      fc.property(operations, fc.integer({ min: 1, max: 12 }), (list, room) => {
        const map = rig.map({ type, flags, maxEntries: room });
        const model = new HashModel(room, type === 9);
        for (const operation of list) expect(apply(map, operation)).toBe(model.apply(operation));
        const entries = [...map.contents()].map((entry) => [keyOf(entry.key), wordOf(entry.value)]);
        expect(new Map(entries as [number, bigint][])).toEqual(model.content);
        expect(map.count).toBe(model.content.size);
        rig.maps.destroy(map);
      }),
      { seed: SEED, numRuns: 150 },
    );
  });
});

describe('LPM trie', () => {
  const prefix = fc.record({
    length: fc.integer({ min: 0, max: 16 }),
    data: fc.integer({ min: 0, max: 0xffff }),
  });
  const bytes = (length: number, data: number) => Uint8Array.of(...u32(length), data >> 8, data & 0xff);
  const masked = (length: number, data: number) => (length === 0 ? 0 : data >> (16 - length));

  it('finds the longest prefix', () => {
    fc.assert(
      fc.property(
        fc.array(prefix, { maxLength: 30 }),
        fc.array(fc.integer({ min: 0, max: 0xffff })),
        (rules, data) => {
          const map = rig.map({ type: 11, keySize: 6, flags: 1, maxEntries: 64 });
          const model = new Map<string, number>();
          rules.forEach(({ length, data: bits }, index) => {
            expect(map.update(bytes(length, bits), u64(index))).toBe(0);
            model.set(`${length}:${masked(length, bits)}`, index);
          });
          expect(map.count).toBe(model.size);
          for (const address of [...data, ...rules.map((rule) => rule.data)]) {
            let best: number | undefined;
            for (let length = 16; length >= 0 && best === undefined; length--) {
              best = model.get(`${length}:${masked(length, address)}`);
            }
            const found = map.get(bytes(16, address));
            expect(found && Number(wordOf(found))).toBe(best);
          }
          rig.maps.destroy(map);
        },
      ),
      { seed: SEED, numRuns: 100 },
    );
  });
});

describe('iteration while the map changes', () => {
  it('ends, and gives each key that stayed exactly once', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 0, max: 1000 }), { minLength: 1, maxLength: 60 }),
        fc.array(fc.integer({ min: 0, max: 1000 }), { maxLength: 60 }),
        (keys, doomed) => {
          const map = rig.map({ type: 1, maxEntries: 4096 });
          for (const key of keys) map.update(u32(key), u64(key));
          const seen: number[] = [];
          let turn = 0;
          for (const { key } of map.contents()) {
            seen.push(keyOf(key));
            const victim = doomed[turn++];
            if (victim !== undefined) map.delete(u32(victim));
            map.update(u32(2000 + turn), u64(0));
            if (turn > 5000) throw new Error('endless');
          }
          const stayed = keys.filter((key) => !doomed.includes(key));
          for (const key of stayed) expect(seen.filter((other) => other === key)).toHaveLength(1);
          rig.maps.destroy(map);
        },
      ),
      { seed: SEED, numRuns: 100 },
    );
  });
});

describe('memory that a program has overwritten', () => {
  it('never crashes or hangs a map', () => {
    fc.assert(
      fc.property(operations, fc.uint8Array({ minLength: 64, maxLength: 64 }), (list, garbage) => {
        const map = rig.map({ type: 9, maxEntries: 8 });
        for (let i = 0; i < 8; i++) map.update(u32(i), u64(i));
        const address = rig.pointer(1, map.address, rig.put(u32(3)));
        rig.vm.ram.write(address - 24n, garbage);
        for (const operation of list) apply(map, operation);
        let entries = 0;
        for (const _ of map.entries()) if (++entries > 10_000) break;
        rig.maps.destroy(map);
      }),
      { seed: SEED, numRuns: 100 },
    );
  });
});
