import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cacheKey, type Json, ResultCache } from '../../gate/cache.ts';
import { compileWriter, delays, killWriter } from './kill-support.ts';
import { cacheValue, KEYS, partsOf } from './kill-values.ts';

const KILLS = 100;
const KEY = cacheKey(['a program', 'a kernel']);
const VALUE = { verdict: 'accepted', stats: [1, 2, 3], text: 'é漢\ud800' };

let base: string;
beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), 'drydock-cache-'));
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

/** A cache in a directory of its own, and what it warns of. */
function open(directory = join(mkdtempSync(join(base, 'c-')), 'cache')) {
  const warnings: string[] = [];
  const cache = new ResultCache(directory, { warn: (message) => warnings.push(message) });
  const pathOf = (key: string) => join(directory, key.slice(0, 2), key.slice(2));
  return { cache, directory, warnings, pathOf };
}

function filesOf(directory: string): string[] {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

describe('keys', () => {
  it('are the same only for the same parts', () => {
    const parts = fc.array(
      fc.oneof(fc.string({ unit: 'binary', maxLength: 3 }), fc.uint8Array({ maxLength: 3 })),
      {
        maxLength: 3,
      },
    );
    const plain = (list: (string | Uint8Array)[]) =>
      JSON.stringify(list.map((part) => (typeof part === 'string' ? part : [...part])));
    fc.assert(
      fc.property(parts, parts, (a, b) => {
        expect(cacheKey(a)).toMatch(/^[0-9a-f]{64}$/);
        expect(cacheKey(a) === cacheKey(b)).toBe(plain(a) === plain(b));
      }),
      { numRuns: 1000 },
    );
    expect(cacheKey(['ab', 'c'])).not.toBe(cacheKey(['a', 'bc']));
    expect(cacheKey(['\ud800'])).not.toBe(cacheKey(['\ufffd']));
    expect(cacheKey([''])).not.toBe(cacheKey([]));
  });

  it('are nothing else', () => {
    const { cache } = open();
    expect(() => cache.get('../../etc/passwd')).toThrow(TypeError);
    expect(() => cache.put(KEY.toUpperCase(), 1)).toThrow(TypeError);
  });
});

describe('the cache', () => {
  it('gives back what was put', () => {
    const { cache, directory } = open();
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        cache.put(KEY, value as Json);
        const known = JSON.parse(JSON.stringify(value));
        expect(cache.get(KEY)).toEqual(known);
        expect(new ResultCache(directory).get(KEY)).toEqual(known);
      }),
      { numRuns: 50 },
    );
    expect(cache.get(cacheKey(['another']))).toBeUndefined();
  });

  it('misses and removes an entry with any change', () => {
    const { cache, pathOf, warnings } = open();
    cache.put(KEY, VALUE);
    const whole = readFileSync(pathOf(KEY));
    const change = fc.oneof(
      fc
        .record({ at: fc.nat(whole.length - 1), byte: fc.integer({ min: 1, max: 255 }) })
        .map(({ at, byte }) => {
          const bytes = Buffer.from(whole);
          bytes[at]! ^= byte;
          return bytes;
        }),
      fc.nat(whole.length - 1).map((length) => whole.subarray(0, length)),
      fc.uint8Array({ minLength: 1 }).map((more) => Buffer.concat([whole, more])),
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    );
    fc.assert(
      fc.property(change, (bytes) => {
        writeFileSync(pathOf(KEY), bytes);
        expect(cache.get(KEY)).toBeUndefined();
        expect(existsSync(pathOf(KEY))).toBe(false);
      }),
      { numRuns: 500 },
    );
    cache.put(KEY, VALUE);
    expect(cache.get(KEY)).toEqual(VALUE);
    expect(warnings).toEqual([]);
  });

  it('takes no entry for another', () => {
    const { cache, pathOf } = open();
    const other = cacheKey(['other']);
    cache.put(KEY, VALUE);
    mkdirSync(dirname(pathOf(other)), { recursive: true });
    copyFileSync(pathOf(KEY), pathOf(other));
    expect(cache.get(other)).toBeUndefined();
    expect(cache.get(KEY)).toEqual(VALUE);
  });

  it('follows no link, waits for no pipe and removes no folder', () => {
    const { cache, pathOf, directory } = open();
    cache.put(KEY, VALUE);
    const outside = join(directory, 'outside');
    copyFileSync(pathOf(KEY), outside);
    rmSync(pathOf(KEY));
    symlinkSync(outside, pathOf(KEY));
    expect(cache.get(KEY)).toBeUndefined();
    symlinkSync(outside, pathOf(KEY));
    cache.put(KEY, 'other');
    expect(cache.get(KEY)).toBe('other');
    expect(readFileSync(outside, 'utf8')).toContain('accepted');
    rmSync(pathOf(KEY));
    expect(spawnSync('mkfifo', [pathOf(KEY)]).status).toBe(0);
    expect(cache.get(KEY)).toBeUndefined();
    expect(existsSync(pathOf(KEY))).toBe(false);
    mkdirSync(join(pathOf(KEY), 'precious'), { recursive: true });
    expect(cache.get(KEY)).toBeUndefined();
    expect(existsSync(join(pathOf(KEY), 'precious'))).toBe(true);
  });

  it('is none where there can be none, and says so once', () => {
    const place = mkdtempSync(join(base, 'none-'));
    writeFileSync(join(place, 'file'), '');
    const { cache, warnings } = open(join(place, 'file', 'cache'));
    for (let i = 0; i < 3; i++) {
      cache.put(KEY, i);
      expect(cache.get(KEY)).toBeUndefined();
      expect(cache.prune(0)).toBe(0);
    }
    expect(warnings).toEqual([expect.stringMatching(/cannot be used as it should: ENOTDIR/)]);
  });

  it('that is missing is an empty one', () => {
    const { cache, directory, warnings } = open();
    expect(cache.get(KEY)).toBeUndefined();
    expect(cache.prune(0)).toBe(0);
    expect(existsSync(directory)).toBe(false);
    expect(warnings).toEqual([]);
  });

  // Root may write everywhere.
  it.skipIf(process.getuid?.() === 0)('is read where it cannot be written', () => {
    const first = open();
    first.cache.put(KEY, VALUE);
    const folder = dirname(first.pathOf(KEY));
    chmodSync(folder, 0o500);
    const { cache, warnings } = open(first.directory);
    cache.put(KEY, 'other');
    cache.put(KEY, 'other');
    expect(cache.get(KEY)).toEqual(VALUE);
    expect(warnings.length).toBe(1);
    chmodSync(folder, 0o700);
  });
});

describe('pruning', () => {
  it('drops what was not used for the longest time', () => {
    const { cache, directory, pathOf } = open();
    const keys = Array.from({ length: 10 }, (_, n) => cacheKey([String(n)]));
    for (const [n, key] of keys.entries()) {
      cache.put(key, 'x'.repeat(1000));
      utimesSync(pathOf(key), 1000 + n, 1000 + n);
    }
    cache.get(keys[0]!);
    const { size } = statSync(pathOf(keys[0]!));
    writeFileSync(join(directory, 'README'), 'somebody else\u2019s');
    expect(cache.prune(3 * size + 1)).toBe(3 * size);
    const left = keys.map((key, n) => (existsSync(pathOf(key)) ? n : -1)).filter((n) => n >= 0);
    expect(left).toEqual([0, 8, 9]);
    expect(cache.prune(0)).toBe(0);
    expect(filesOf(directory)).toEqual([join(directory, 'README')]);
  });

  it('sweeps temporary files of more than an hour, as the first put does', () => {
    const { directory, pathOf, cache } = open();
    cache.put(KEY, VALUE);
    const folder = dirname(pathOf(KEY));
    const leave = (name: string, age: number) => {
      const then = Date.now() / 1000 - age;
      writeFileSync(join(folder, name), 'half');
      utimesSync(join(folder, name), then, then);
    };
    const sweeps = [() => new ResultCache(directory).put(KEY, VALUE), () => cache.prune(1 << 30)];
    for (const sweep of sweeps) {
      leave('.old.drydock-tmp', 3700);
      leave('.new.drydock-tmp', 3500);
      leave('other', 9999);
      sweep();
      expect(readdirSync(folder).sort()).toEqual(['.new.drydock-tmp', KEY.slice(2), 'other'].sort());
    }
  });
});

describe('kill -9', () => {
  it(`leaves whole entries, at ${KILLS} moments, with a second writer beside`, async () => {
    const compiled = mkdtempSync(join(base, 'compiled-'));
    compileWriter(compiled);
    const { cache, directory, warnings } = open();
    const delay = delays(2);
    const seen = { hits: 0, values: new Set<number>() };
    for (let kill = 0; kill < KILLS; kill += 2) {
      const writers = [kill, kill + 1].map((writer) =>
        killWriter(compiled, ['cache', directory, String(writer * 1000)], delay.next().value!),
      );
      await Promise.all(writers);
      for (let n = 0; n < KEYS; n++) {
        const value = cache.get(cacheKey(partsOf(n))) as ReturnType<typeof cacheValue> | undefined;
        if (value === undefined) continue;
        expect(value.key).toBe(n);
        expect(JSON.stringify(value) === JSON.stringify(cacheValue(value.n))).toBe(true);
        seen.hits++;
        seen.values.add(value.n);
      }
    }
    // Otherwise nothing was tested: values were written, and writers were killed over others.
    expect(seen.hits).toBeGreaterThan(KILLS);
    expect(seen.values.size).toBeGreaterThan(KILLS);
    expect(filesOf(directory).filter((path) => path.endsWith('.drydock-tmp')).length).toBeGreaterThan(0);
    expect(warnings).toEqual([]);
  }, 180_000);
});
