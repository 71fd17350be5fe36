/** Arenas of a compiled object, and what makes one. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { HostKfunc } from '../../bpf/vm-call.ts';
import { openTestBench } from '../../session/open-test-bench-node.ts';
import { MapTable, type Tier } from '../../vm/index.ts';
import { createVm } from '../../vm/node.ts';
import { mapDef, Rig } from './helper-rig.ts';

/** Built from objects/arena.bpf.c. */
const OBJECT = fileURLToPath(new URL('objects/arena.bpf.o', import.meta.url));
const bytes = readFileSync(OBJECT);
const bench = await openTestBench();

function run(name: string, tier: Tier, runs = 1) {
  const loaded = bench.load(bytes, OBJECT, name, tier);
  if ('verdict' in loaded) throw new Error(loaded.verdict.log);
  const { object } = loaded;
  try {
    const result = bench.run(loaded, { repeat: runs });
    expect(result).toMatchObject({ status: 'finished', errno: 0, fault: null });
    const answers = Buffer.from(object.maps.get('arena.bss')?.dump()[0]?.value ?? '', 'hex');
    return {
      retval: result.retval,
      answers: Array.from({ length: 14 }, (_, i) => Number(answers.readBigInt64LE(8 * i))),
      pages: object.maps.get('arena')?.dump() ?? [],
    };
  } finally {
    object.close();
  }
}

describe.each<Tier>(['interpreter', 'translated'])(
  'an arena without an address of its own, in the %s',
  (tier) => {
    it('holds its variables, and pointers to them that user space could follow', () => {
      const { retval, pages } = run('counts', tier, 3);
      expect(retval).toBe(44);
      expect(pages).toHaveLength(1);
      const [page] = pages;
      expect(page?.value.slice(0, 16)).toBe('2c00000000000000');
      expect(page?.value.slice(16, 32)).toBe(page?.key);
    });

    it('gives out pages where they are free, and NULL for what is not in it', () => {
      expect(run('allocates', tier).answers).toEqual([1, -1, -1, -1, -1, -1, -1, 3, -1, 2, -1, 1, 2, -1]);
    });

    it('reads as zeros where a page was given back, and takes no writes there', () => {
      expect(run('uses_after_free', tier).answers.slice(0, 4)).toEqual([7, 0, 0, 0]);
    });
  },
);

/** bpf_arena_alloc_pages and bpf_arena_free_pages, as programs call them. */
describe('pages', async () => {
  const rig = await Rig.create();
  const PAGES = 16;
  const PAGE = 4096n;
  const map = rig.map({ type: 33, keySize: 0, valueSize: 0, flags: 1024, maxEntries: PAGES });
  const user = map.arena?.user as bigint;
  const alloc = (at: bigint, count: number) =>
    rig.pointer(HostKfunc.ArenaAllocPages, map.address, at, count, -1, 0);
  const free = (at: bigint, count: number) => rig.call(HostKfunc.ArenaFreePages, map.address, at, count);

  it('come and go as in a set of their numbers', () => {
    const taken = new Set<number>();
    let state = 1;
    const random = (below: number) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return (state >>> 8) % below;
    };
    const isFree = (first: number, count: number) =>
      first + count <= PAGES && !Array.from({ length: count }, (_, i) => first + i).some((n) => taken.has(n));
    for (let step = 0; step < 3000; step++) {
      const count = 1 + random(4);
      const at = random(PAGES + 2);
      if (random(2) === 0) {
        free(user + BigInt(at) * PAGE + 5n, count);
        for (let i = 0; i < count; i++) taken.delete(at + i);
        continue;
      }
      const anywhere = random(2) === 0;
      const wanted = anywhere ? Array.from({ length: PAGES }, (_, i) => i).find((n) => isFree(n, count)) : at;
      const first = wanted !== undefined && isFree(wanted, count) ? wanted : undefined;
      const expected = first === undefined ? 0n : user + BigInt(first) * PAGE;
      expect(alloc(anywhere ? 0n : user + BigInt(at) * PAGE, count)).toBe(expected);
      if (first !== undefined) for (let i = 0; i < count; i++) taken.add(first + i);
    }
    free(user, PAGES);
  });

  it('of a map that is no arena are a fault', () => {
    const other = rig.map({ type: 2 });
    expect(() => rig.call(HostKfunc.ArenaAllocPages, other.address, 0, 1, -1, 0)).toThrow(
      'a helper was passed',
    );
    expect(() => rig.call(HostKfunc.ArenaFreePages, 0, user, 1)).toThrow('a helper was passed');
  });

  it('outside of the arena, or too many, are not there', () => {
    for (const at of [user - PAGE, user + 16n * PAGE, 0xffff_8880_0000_0000n, PAGE])
      expect(alloc(at, 1)).toBe(0n);
    expect(alloc(0n, 0xffff_ffff)).toBe(0n);
    free(user + 8n * PAGE, 0xffff_ffff);
    free(0xffff_8880_0400_0000n, 4);
    expect(alloc(0n, PAGES)).toBe(user);
  });
});

describe('an arena', async () => {
  const maps = new MapTable(await createVm());
  const create = (def: object) =>
    maps.tryCreate(mapDef({ type: 33, keySize: 0, valueSize: 0, flags: 1024, maxEntries: 4, ...def }));
  const [EINVAL, ENOMEM, E2BIG, ERANGE] = [-22, -12, -7, -34];

  it.each([
    ['keys', { keySize: 4 }, EINVAL],
    ['values', { valueSize: 8 }, EINVAL],
    ['no pages', { maxEntries: 0 }, EINVAL],
    ['no mmap', { flags: 0 }, EINVAL],
    ['other flags', { flags: 1025 }, EINVAL],
    ['an address inside a page', { mapExtra: 0x1000_0000_0008n }, EINVAL],
    ['more than 4 GiB', { maxEntries: 0x10_0001 }, E2BIG],
    ['a place across 4 GiB', { mapExtra: 0x1000_ffff_e000n }, ERANGE],
  ])('with %s cannot be', (_what, def, errno) => {
    expect(create(def)).toBe(errno);
  });

  it('is one of eight at a time', () => {
    const made = Array.from({ length: 9 }, () => create({ maxEntries: 0x10_0000 }));
    expect(made.map((map) => (typeof map === 'number' ? map : 0))).toEqual([0, 0, 0, 0, 0, 0, 0, 0, ENOMEM]);
    for (const map of made) if (typeof map !== 'number') maps.destroy(map);
    expect(create({ mapExtra: 0x1000_ffff_c000n })).toMatchObject({ arena: { user: 0x1000_ffff_c000n } });
  });
});
