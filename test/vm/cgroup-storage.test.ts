import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { openTestBench } from '../../session/open-test-bench-node.ts';
import { mapDef, Rig } from './helper-rig.ts';
import { frame } from './test-run-rig.ts';

/** Built from objects/storage.bpf.c. */
const OBJECT = fileURLToPath(new URL('objects/storage.bpf.o', import.meta.url));
const [EINVAL, ENOENT, E2BIG, ENOTSUPP] = [-22, -2, -7, -524];

it('every test run begins with values of zeros, which its repetitions share', async () => {
  const bench = await openTestBench();
  const loaded = bench.load(readFileSync(OBJECT), OBJECT, 'counts');
  if ('verdict' in loaded) throw new Error(loaded.verdict.log);
  const run = (repeat: number) => bench.run(loaded, { data: frame(0x800, 40), repeat });
  const variables = () => {
    const bytes = Buffer.from(loaded.object.maps.get('storage.bss')?.dump()[0]?.value ?? '', 'hex');
    return { last: Number(bytes.readBigUInt64LE(0)), sum: Number(bytes.readBigUInt64LE(8)) };
  };
  expect(run(3)).toMatchObject({ retval: 1, fault: null });
  expect(variables()).toEqual({ last: 33, sum: 66 });
  run(1);
  expect(variables()).toEqual({ last: 11, sum: 77 });
  expect(loaded.object.maps.get('shared')?.dump()).toEqual([]);
});

it('system calls find nothing in such a map, and put nothing in', async () => {
  const rig = await Rig.create();
  const def = { type: 19, keySize: 16, valueSize: 8, maxEntries: 0 };
  const create = (more: object) => rig.maps.tryCreate(mapDef({ ...def, ...more }));
  const map = rig.map(def);
  const key = new Uint8Array(16);
  expect(map.lookup(key)).toBe(ENOENT);
  expect(map.update(key, new Uint8Array(8))).toBe(ENOENT);
  expect(map.update(key, new Uint8Array(8), 1)).toBe(EINVAL);
  expect(map.delete(key)).toBe(EINVAL);
  expect(map.nextKey(null)).toBe(ENOENT);
  expect(create({ keySize: 4 })).toBe(EINVAL);
  expect(create({ maxEntries: 1 })).toBe(EINVAL);
  expect(create({ type: 21, valueSize: 32769 })).toBe(E2BIG);
  expect(create({ valueSize: 0x1_0000 })).toBe(E2BIG);
  expect(create({ type: 12, keySize: 4, valueSize: 4, maxEntries: 1, inner: mapDef(def) })).toBe(ENOTSUPP);
  const other = rig.map({ type: 2 });
  expect(() => rig.call(81, other.address, 0)).toThrow('a helper was passed');
});
