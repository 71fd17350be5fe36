/** The iterators are accepted and their wrong variants rejected, as recorded. Needs `npm run build:wasm`. */
import { readdirSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { Examiner, RECORDINGS, type RecordedVerdict, scoreIterators } from './score-iterators.ts';
import { PROGRAMS } from './support.ts';

const examiners = {
  stock: await Examiner.open('stock'),
  series: await Examiner.open('series'),
};

describe.each(RECORDINGS)('%s', (name) => {
  const examiner = examiners[name];
  const { programs } = examiner.recording;
  const label = ({ object, program }: RecordedVerdict) => `${object.replace('programs/', '')} ${program}`;

  it.each(programs.map((recorded) => [label(recorded), recorded.verdict, recorded] as const))(
    '%s is %s as recorded',
    (_label, verdict, recorded) => {
      expect(examiner.program(recorded)).toBeDefined();
      expect(examiner.differences(recorded)).toEqual([]);
      expect(examiner.verify(recorded) === undefined).toBe(verdict === 'not-loaded');
    },
  );
});

describe('the recordings', () => {
  const all = Object.values(examiners).flatMap(({ recording }) => recording.programs);
  const rejected = all.filter(({ verdict }) => verdict === 'rejected');

  it('leave no program out', () => {
    const recorded = new Set(all.map(({ object }) => object));
    const kept = readdirSync(PROGRAMS, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.bpf.o'))
      .map((name) => `programs/${name}`);
    expect(kept.filter((object) => !recorded.has(object))).toEqual([]);
    for (const { recording } of Object.values(examiners)) {
      for (const object of new Set(recording.programs.map((recorded) => recorded.object))) {
        const names = all.filter((recorded) => recorded.object === object).map(({ program }) => program);
        expect(examiners.series.programs(object).filter((program) => !names.includes(program))).toEqual([]);
      }
    }
  });

  it('hold many kinds of mistakes', () => {
    const kind = (message = '') => message.replace(/\bR?\d+\b|0x[0-9a-f]+/g, 'N');
    expect(rejected.length).toBeGreaterThanOrEqual(100);
    expect(new Set(rejected.map(({ message }) => kind(message))).size).toBeGreaterThanOrEqual(50);
  });
});

describe('the score', () => {
  let score: Awaited<ReturnType<typeof scoreIterators>>;
  beforeAll(async () => {
    score = await scoreIterators();
  });

  it('counts what agrees', () => {
    expect(score.failures).toEqual([]);
    expect(score.accepted.good).toBe(score.accepted.total);
    expect(score.rejected.good).toBe(score.rejected.total);
    expect(score.rejected.total).toBeGreaterThanOrEqual(100);
  });

  it('tells what does not', () => {
    const [recorded] = examiners.stock.recording.programs.filter(({ verdict }) => verdict === 'rejected');
    expect(recorded).toBeDefined();
    expect(examiners.stock.differences({ ...(recorded as RecordedVerdict), errno: 95 })).toEqual([
      'errno is 13, recorded 95',
    ]);
  });
});
