/**
 * Bundled objects: what 6.12 accepts lacks nothing; damage ends in an input error. DRYDOCK_OBJECTS names a folder of
 * other objects for the first, DRYDOCK_MUTATIONS how many damaged copies.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../bpf/input-error.ts';
import { readObject } from '../../loader/object-file-node.ts';
import { openKernel } from '../../portability/kernels-node.ts';
import { readNeeds } from '../../portability/object-needs.ts';
import { reportOn } from '../../portability/report.ts';
import { createVerifier } from '../../verifier/node.ts';
import { checkClaims } from './claims.ts';
import { packageFile } from './support.ts';

const FOLDERS = ['programs', 'test/loader/objects', 'test/verifier/objects', 'test/library/objects'];
const bundled = FOLDERS.flatMap((folder) =>
  readdirSync(packageFile(folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.bpf.o'))
    .map((name) => join(folder, name)),
).map(packageFile);
const others = process.env.DRYDOCK_OBJECTS;
const objects = others === undefined ? bundled : readdirSync(others).map((name) => join(others, name));

const DAMAGED = Number(process.env.DRYDOCK_MUTATIONS ?? 1500);

describe('bundled objects', () => {
  it('are claimed to lack nothing on 6.12 where 6.12 accepts them', async () => {
    const verifier = await createVerifier('6.12', others !== undefined);
    const claims = objects.map((path) =>
      checkClaims(path, { kernel: '6.12', verifier, series: others === undefined }),
    );
    expect(claims.flatMap((each) => each?.wrong ?? [])).toEqual([]);
    const accepted = claims.reduce((sum, each) => sum + (each?.accepted ?? 0), 0);
    if (others !== undefined) console.log(`${claims.length} objects, ${accepted} accepted programs`);
    expect(accepted).toBeGreaterThan(80);
  }, 300_000);

  it('are read or refused when damaged', () => {
    const kernels = ['5.10', '6.12'].map((name) => openKernel(name, false));
    const sources = [
      'test/loader/objects/core.bpf.o',
      'test/loader/objects/externs.bpf.o',
      'programs/bvec/bvec.bpf.o',
    ];
    const whole = sources.map((path) => readObject(packageFile(path)));
    let seed = 1;
    const below = (limit: number) => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return seed % limit;
    };
    let read = 0;
    for (let count = 0; count < DAMAGED; count++) {
      const bytes = new Uint8Array(whole[count % whole.length] ?? []);
      for (let change = 0; change <= count % 3; change++) bytes[below(bytes.length)] = below(256);
      try {
        reportOn(readNeeds(bytes, 'damaged.bpf.o'), kernels);
        read++;
      } catch (cause) {
        if (!(cause instanceof InputError)) throw new Error(`copy ${count}`, { cause });
      }
    }
    expect(read).toBeGreaterThan(DAMAGED / 10);
  }, 120_000);
});
