/** The log: what it shows instead of real addresses, its buffer, and a sample of what Linux 6.12 wrote itself. */
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { assemble } from '../../bpf/asm.ts';
import type { LoadRequest } from '../../verifier/load-request.ts';
import { withoutBootFacts } from '../../verifier/log-text.ts';
import { createVerifier } from '../../verifier/node.ts';
import { LogLevel } from '../../verifier/types.ts';
import type { Verifier } from '../../verifier/verifier.ts';
import { loadName, openArchive } from '../conformance/archive.ts';
import { KnownFailures } from '../conformance/known-failures.ts';
import { readLogs } from '../conformance/log-archive.ts';
import { logDifference } from '../conformance/log-difference.ts';
import { recordedRequest } from '../conformance/recorded-request.ts';
import { assembled, HASH, LOOKUP, requestOf } from './support.ts';

const CONFORMANCE = join(import.meta.dirname, '../conformance');
const RECORDED = join(CONFORMANCE, 'recorded');
const FULL = LogLevel.Full | LogLevel.Stats;
/** Every so many recorded logs one is compared here; `npm run conformance` compares them all. */
const SAMPLE = 23;
const BUFFER = 16 << 20;
const ARENA = 33;

const archive = openArchive(RECORDED);
let verifier: Verifier;

beforeAll(async () => {
  verifier = await createVerifier('6.12', true);
});

function recordedLoad(name: string): LoadRequest {
  const load = archive.loads.find((each) => loadName(each) === name);
  if (!load) throw new Error(`no load ${name}`);
  return { ...recordedRequest(load, archive.blobs), logLevel: FULL };
}

/** The address that instruction `insn` loads, as the log shows it. */
function loaded(request: LoadRequest, insn: number): string | undefined {
  return new RegExp(`^${insn}: \\(18\\) r\\d = 0x([0-9a-f]+) `, 'm').exec(verifier.verify(request).log)?.[1];
}

describe('addresses', () => {
  it('of maps are made up, as wide as real ones, and the same each time', () => {
    const request = assembled(`${LOOKUP}\nr0 = 0\nexit`, { maps: [HASH] });
    const address = loaded(request, 3);
    expect(address).toMatch(/^ffff888[0-9a-f]{9}$/);
    expect(loaded(request, 3)).toBe(address);
  });

  it('of maps differ', () => {
    const request = assembled('r1 = map[0]\nr1 = map[1]\nr0 = 0\nexit', { maps: [HASH, HASH] });
    expect(loaded(request, 0)).not.toBe(loaded(request, 2));
  });

  it('are not shown without CAP_PERFMON', () => {
    const request = assembled('r1 = map[0]\nr0 = 0\nexit', { maps: [HASH], caps: 0 });
    expect(verifier.verify(request).log).toContain('0: (18) r1 = 0x0                      ; R1_w=map_ptr');
  });

  it('of values count the offset, also where an arena says where it stands', () => {
    const insns = assemble('r1 = 0x0 ll\nr2 = 0x1000000000 ll\nr0 = 0\nexit');
    // ld_imm64 of a map's value: offsets 0 and 16 into map 0.
    insns.set([0x21], 1);
    insns.set([0x22], 17);
    insns.set([0, 0, 0, 0], 20);
    insns.set([16], 28);
    const array = { ...HASH, type: 2, maxEntries: 1, valueSize: 32 };
    const [start, later] = [0, 2].map((slot) => loaded(requestOf(insns, { maps: [array] }), slot));
    expect(start).toMatch(/^ffffc90/);
    expect(BigInt(`0x${later}`) - BigInt(`0x${start}`)).toBe(16n);
    const arena = { ...HASH, type: ARENA, keySize: 0, valueSize: 0, extra: 0x1000_0000_0000n, flags: 1024 };
    expect(loaded(requestOf(insns, { maps: [arena] }), 2)).toBe('100000000010');
  });

  it('of functions are distances, and constants are themselves', () => {
    const text = verifier.verify(recordedLoad('async_stack_depth/pseudo_call_check/priv')).log;
    expect(text).toContain('47: (18) r2 = 0x9 ');
  });

  it('go when two logs are compared, constants stay', () => {
    const insns = assemble('r1 = map[0]\nr2 = 0xffff888100000000 ll\nexit');
    const line = (slot: number) => `${slot}: (18) r1 = 0xffff888100000000      ; R1_w=x`;
    expect(withoutBootFacts(insns, line(0))).toBe('0: (18) r1 = 0xxxxxxxxxxxxxxxxx      ; R1_w=x');
    expect(withoutBootFacts(insns, line(2))).toBe(line(2));
  });
});

describe('the buffer', () => {
  const request = () => recordedLoad('verifier_bounds/crossing_64_bit_signed_boundary_2/priv');

  it('keeps the end of a longer log, or its beginning', () => {
    const end = verifier.verify(request());
    const start = verifier.verify({ ...request(), logLevel: FULL | LogLevel.Fixed });
    expect(end.logLength).toBeGreaterThan(BUFFER);
    expect([end.log.length, start.log.length]).toEqual([BUFFER, BUFFER]);
    expect(start.log.startsWith('func#0 @0\n')).toBe(true);
    expect(end.log).toMatch(/\nprocessed 12330 insns .*\n$/);
    // The two overlap by what both have room for.
    expect(end.log.slice(0, 2 * BUFFER - end.logLength)).toBe(start.log.slice(end.logLength - BUFFER));
  });

  it('tells how long a log is that fits', () => {
    const { log, logLength } = verifier.verify(assembled('r0 = 0\nexit'));
    expect(log).toHaveLength(logLength);
  });
});

describe('Linux 6.12', () => {
  it('counts the place of the context that an epilogue needs', () => {
    const { stats } = verifier.verify(recordedLoad('pro_epilogue/test_epilogue/priv'));
    expect(stats.stackDepths).toEqual([8, 0]);
    const { stats: without } = verifier.verify(recordedLoad('pro_epilogue/test_prologue/priv'));
    expect(without.stackDepths).toEqual([0, 0]);
  });

  it('wrote the same, byte for byte', async () => {
    const loads = new Map(archive.loads.map((load) => [loadName(load), load]));
    const different = new Map<string, string>();
    let count = 0;
    for await (const recorded of readLogs(RECORDED)) {
      const load = loads.get(recorded.load);
      if (count++ % SAMPLE !== 0 || !load || recorded.text === undefined || recorded.tail) continue;
      // libbpf's words, which depend on the object.
      if (recorded.text.includes('<invalid ')) continue;
      const request = { ...recordedRequest(load, archive.blobs), logLevel: recorded.level };
      const end = verifier.verify(request);
      const difference = logDifference(recorded, { end, start: end.log }, request.insns);
      if (difference !== undefined) different.set(recorded.load, difference);
    }
    expect(count).toBeGreaterThan(5000);
    expect(new KnownFailures(CONFORMANCE).compare('log', different).fresh).toEqual([]);
  });
});
