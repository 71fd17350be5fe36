/**
 * Damaged load requests, profile tables and kernel types: a verdict or an InputError, whatever the damage.
 * DRYDOCK_MUTATIONS sets the number of requests; tables and kernels go with it.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { HostileRun, QUICK_INSNS } from './hostile-score.ts';

const { DRYDOCK_MUTATIONS } = process.env;
const REQUESTS = Number(DRYDOCK_MUTATIONS ?? 1200);
const MAX_INSNS = DRYDOCK_MUTATIONS === undefined ? QUICK_INSNS : 1_000_001;
const TABLES = Math.ceil(REQUESTS / 40);
const KERNELS = Math.ceil(REQUESTS / 200);
const LONG = { timeout: Math.max(120_000, REQUESTS * 20) };

describe('hostile input', () => {
  let run: HostileRun;
  beforeAll(() => {
    run = new HostileRun(DRYDOCK_MUTATIONS === undefined ? 8 : 1, MAX_INSNS);
  });

  it(`${REQUESTS} damaged load requests`, LONG, async () => {
    const { failures, good, accepted, rejected } = await run.requests(0, REQUESTS);
    expect(failures).toEqual([]);
    expect(good).toBe(REQUESTS);
    // the damage is neither always fatal nor never noticed
    expect(accepted).toBeGreaterThan(REQUESTS / 10);
    expect(rejected).toBeGreaterThan(REQUESTS / 3);
  });

  it(`${TABLES} damaged tables of a profile`, LONG, async () => {
    const { failures, good, refused } = await run.tables(0, TABLES);
    expect(failures).toEqual([]);
    expect(good).toBe(TABLES);
    expect(refused).toBeGreaterThan(TABLES / 4);
    expect(refused).toBeLessThan(TABLES);
  });

  it(`${KERNELS} damaged BTF blobs of a kernel`, LONG, async () => {
    const { failures, good, refused } = await run.kernels(0, KERNELS);
    expect(failures).toEqual([]);
    expect(good).toBe(KERNELS);
    expect(refused).toBeLessThan(KERNELS);
  });
});
