/** Coverage of real iterators over a bundled scene, as lcov writes it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { ExecutionCounter, lcovText, SourceCoverage } from '../../session/coverage/index.ts';
import { iterate } from '../../session/iterate.ts';
import { openSession, readScene } from '../../session/open-session-node.ts';
import { packageRoot } from '../package-root.ts';

const root = packageRoot();
const OBJECT = join(root, 'programs/io_uring_file/io_uring_file.bpf.o');
const SCENE = join(root, 'programs/scenes/io_uring_file.yaml');

async function run(covered: boolean) {
  const session = await openSession(await readScene(SCENE));
  const object = session.load(new Uint8Array(readFileSync(OBJECT)), OBJECT);
  const counter = covered ? new ExecutionCounter(session, object.vmObject.programs.values()) : undefined;
  const iterations = [...iterate(session, object, {}, 4096)];
  const output = iterations.map(({ bytes }) => new TextDecoder().decode(bytes)).join('');
  const insns = iterations.reduce((sum, { log }) => sum + log.insns, 0);
  return { object, output, insns, counts: counter?.results() ?? [] };
}

describe('counting', () => {
  let covered: Awaited<ReturnType<typeof run>>;
  beforeAll(async () => {
    covered = await run(true);
  });

  it('changes nothing of what a run gives', async () => {
    const plain = await run(false);
    expect([covered.output, covered.insns]).toEqual([plain.output, plain.insns]);
  });

  it('counts every instruction that was executed', () => {
    const total = covered.counts.flatMap(({ executed }) => [...executed]).reduce((sum, n) => sum + n, 0);
    expect(total).toBe(covered.insns);
  });

  it('gives a tracefile whose sums are those of its lines', () => {
    const coverage = new SourceCoverage();
    for (const counts of covered.counts) coverage.add({ counts, btf: covered.object.btf });
    const text = lcovText(coverage.results(), (path) => path);
    const records = text.split('end_of_record\n').slice(0, -1);
    expect(records.length).toBeGreaterThan(0);
    for (const record of records) {
      const values = (key: string) =>
        [...record.matchAll(new RegExp(`^${key}:(.*)$`, 'gm'))].map(([, value]) => value ?? '');
      const hits = values('DA').map((value) => Number(value.split(',')[1]));
      expect(values('LF')).toEqual([String(hits.length)]);
      expect(values('LH')).toEqual([String(hits.filter((count) => count > 0).length)]);
      expect(values('BRF')).toEqual([String(values('BRDA').length)]);
      expect(values('FNF')).toEqual([String(values('FN').length)]);
    }
    const main = records.find((record) => record.includes('io_uring_file.bpf.c')) ?? '';
    expect(main).toMatch(/^FN:\d+,dump_io_uring_file$/m);
    // Once for every file, and once at the end of each reading.
    expect(main).toMatch(/^FNDA:[1-9]\d*,dump_io_uring_file$/m);
    expect(main).toMatch(/^BRDA:\d+,\d+,[01],[1-9]\d*$/m);
  });

  it('tells what was never reached', async () => {
    const session = await openSession(await readScene(undefined));
    const object = session.load(new Uint8Array(readFileSync(OBJECT)), OBJECT);
    const [counts] = new ExecutionCounter(session, object.vmObject.programs.values()).results();
    const coverage = new SourceCoverage();
    if (counts) coverage.add({ counts, btf: object.btf });
    const text = lcovText(coverage.results(), () => 'there.c');
    expect(text).toContain('SF:there.c\n');
    expect(text).not.toMatch(/^DA:\d+,[1-9]/m);
    expect(text).toMatch(/^DA:\d+,0$/m);
    expect(text).toMatch(/^BRDA:\d+,0,0,-$/m);
  });

  it('leaves out what the verifier never follows', () => {
    const coverage = new SourceCoverage();
    for (const counts of covered.counts)
      coverage.add({ counts, btf: covered.object.btf, verified: () => false });
    expect(coverage.results().flatMap(({ lines, branches }) => [...lines.keys(), ...branches])).toEqual([]);
  });
});
