/** The report that is read back: all that is written comes back, and nothing that was damaged. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../../bpf/input-error.ts';
import { checkId, type GateReport } from '../../../gate/check.ts';
import { json, mergeReports, parseReport } from '../../../gate/report/json.ts';
import { anyReport, check, finding, fixture, gateReport } from './fixture.ts';

type Plain = { [key: string]: unknown };

const read = (text: string) => parseReport(text, 'shard.jsonl');
const refusal = (text: string) => messageOf(() => read(text));

function messageOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof InputError) return error.message;
    throw error;
  }
  throw new Error('nothing was refused');
}

/** The fixture with one record changed. */
function changed(line: number, change: (record: Plain) => void): string {
  const lines = json(fixture()).split('\n');
  const record = JSON.parse(lines[line - 1] ?? '') as Plain;
  change(record);
  lines[line - 1] = JSON.stringify(record);
  return lines.join('\n');
}

describe('writing', () => {
  it('has the gate first, and a record for each check', () => {
    const records = json(fixture())
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Plain);
    expect(records[0]).toMatchObject({
      record: 'gate',
      version: '0.1.0',
      config: 'drydock.gate.yaml',
      today: '2026-11-28',
      shard: null,
      summary: {
        checks: 22,
        crashed: 2,
        failed: 14,
        allowed: 2,
        passed: 4,
        cached: 1,
        kernels: ['6.12', '6.18', '5.15'],
      },
    });
    expect(records.slice(1).map(({ record }) => record)).toEqual(fixture().checks.map(() => 'check'));
  });
});

describe('reading', () => {
  it('gives back what was written', () => {
    expect(read(json(fixture()))).toEqual(fixture());
    fc.assert(
      fc.property(anyReport, (report) => {
        expect(read(json(report))).toStrictEqual(structuredClone(report));
      }),
    );
  });

  it('names the file and the line', () => {
    expect(refusal(changed(5, (record) => delete record.kernel))).toBe(
      'shard.jsonl: line 5: field "kernel" is missing',
    );
  });

  it.each<[string, number, (record: Plain) => void, string]>([
    ['an unknown field', 3, (r) => Object.assign(r, { extra: 1 }), 'line 3: unknown field "extra"'],
    ['a wrong kind', 2, (r) => Object.assign(r, { kind: 'x' }), 'line 2: /kind: must be one of: verify, run'],
    [
      'a status of its own',
      2,
      (r) => Object.assign(r, { status: 'passed' }),
      'line 2: /status: "passed", while',
    ],
    ['two heads', 2, (r) => Object.assign(r, { record: 'gate' }), 'line 2: /record: must be "check"'],
    ['a wrong day', 1, (r) => Object.assign(r, { today: 'today' }), 'line 1: /today: must match'],
    ['shard 3 of 2', 1, (r) => Object.assign(r, { shard: { index: 3, count: 2 } }), 'line 1: shard 3 of 2'],
    [
      'shard 0',
      1,
      (r) => Object.assign(r, { shard: { index: 0, count: 2 } }),
      'line 1: /shard/index: must be >= 1',
    ],
    [
      'a negative number',
      14,
      (r) => Object.assign(r.result as Plain, { errno: -1 }),
      'line 14: /result/errno: must be',
    ],
    [
      'a fraction',
      14,
      (r) => Object.assign((r.result as Plain).stats as Plain, { insns: 1.5 }),
      '/result/stats/insns: must be integer',
    ],
    [
      'another count',
      1,
      (r) => Object.assign(r.summary as Plain, { failed: 0 }),
      'line 1: /summary/failed: 0, while',
    ],
  ])('refuses %s', (_, line, change, expected) => {
    expect(refusal(changed(line, change))).toContain(expected);
  });

  it.each([
    ['nothing', '', 'shard.jsonl: is empty'],
    ['no end of line', 'x', 'line 1: has no end of line'],
    ['an empty line', '\n', 'line 1: not JSON'],
    ['other text', 'hello\n', 'line 1: not JSON'],
    ['another record', '[]\n', 'line 1: must be object'],
    ['null', 'null\n', 'line 1: must be object'],
    ['deep nesting', `${'['.repeat(1e6)}\n`, 'line 1: '],
  ])('refuses %s', (_, text, expected) => {
    expect(refusal(text)).toContain(expected);
  });

  it('refuses a report that has lost a line, its end, or has one twice', () => {
    const lines = json(fixture()).split('\n');
    for (let i = 1; i < lines.length - 1; i++) {
      expect(refusal(lines.toSpliced(i, 1).join('\n'))).toContain('/summary/');
      expect(refusal(lines.toSpliced(i, 0, lines[i] ?? '').join('\n'))).toContain('is there twice');
      expect(refusal(lines.slice(0, i).join('\n'))).toContain('cut off');
    }
  });

  it('survives any damage: an InputError, or a report that it would write itself', () => {
    const whole = json(fixture());
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(40), fc.string({ maxLength: 4 }), (at, length, text) => {
        const damaged = whole.slice(0, at) + text + whole.slice(at + length);
        let report: GateReport;
        try {
          report = read(damaged);
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
          return;
        }
        expect(read(json(report))).toEqual(report);
      }),
      { numRuns: 300 },
    );
  });

  it('takes no field of the prototype for one of a record', () => {
    const lines = json(gateReport([check({})])).split('\n');
    lines[1] = lines[1]?.replace('{', '{"__proto__":{"polluted":1},') ?? '';
    expect(refusal(lines.join('\n'))).toContain('unknown field "__proto__"');
  });
});

describe('merging', () => {
  const shard = (index: number, count: number, ...names: string[]) =>
    gateReport(
      names.map((name) => check({ name, findings: name === 'bad' ? [finding('rejected')] : [] })),
      { shard: { index, count } },
    );

  it('puts the checks of all shards in the order of their ids', () => {
    const merged = mergeReports([shard(2, 2, 'b', 'd'), shard(1, 2, 'c', 'bad', 'a')]);
    expect(merged.shard).toBeNull();
    expect(merged.checks.map(({ name }) => name)).toEqual(['a', 'b', 'bad', 'c', 'd']);
    expect(json(merged)).toBe(json(mergeReports([shard(1, 2, 'a', 'c', 'bad'), shard(2, 2, 'd', 'b')])));
  });

  it('is what one run would have given, however it was cut', () => {
    fc.assert(
      fc.property(anyReport, fc.integer({ min: 1, max: 4 }), (report, count) => {
        const shards = Array.from({ length: count }, (_, i) => ({
          ...report,
          shard: { index: i + 1, count },
          checks: report.checks.filter((_, at) => at % count === i),
        }));
        const merged = mergeReports(shards.map((one) => read(json(one))).reverse());
        expect(merged.checks.map(checkId)).toEqual(report.checks.map(checkId).sort());
        expect(new Set(merged.checks.map((one) => JSON.stringify(one)))).toEqual(
          new Set(report.checks.map((one) => JSON.stringify(one))),
        );
      }),
    );
  });

  it.each<[string, GateReport[], string]>([
    ['nothing', [], 'there are no reports'],
    ['a missing shard', [shard(1, 3, 'a'), shard(3, 3, 'b')], 'shard 2 of 3 is missing'],
    ['an endless count', [shard(1, Number.MAX_SAFE_INTEGER, 'a')], 'shard 2 of 9007199254740991 is missing'],
    ['a shard twice', [shard(1, 2, 'a'), shard(1, 2, 'b')], 'shard 1 of 2 is there twice'],
    ['other counts', [shard(1, 2, 'a'), shard(2, 3, 'b')], 'with 2 and with 3 shards'],
    ['an impossible index', [shard(3, 2, 'a')], 'shard 3 of 2 cannot be'],
    ['a whole run', [shard(1, 2, 'a'), gateReport([])], 'of a whole run'],
    ['a check twice', [shard(1, 2, 'a'), shard(2, 2, 'a')], 'is in more than one shard'],
    ['other versions', [shard(1, 2, 'a'), { ...shard(2, 2, 'b'), version: '2' }], 'differ in version'],
    ['other days', [shard(1, 2, 'a'), { ...shard(2, 2, 'b'), today: '2026-01-01' }], 'differ in today'],
    ['other configurations', [shard(1, 2, 'a'), { ...shard(2, 2, 'b'), config: 'x' }], 'differ in config'],
  ])('refuses %s', (_, reports, expected) => {
    expect(messageOf(() => mergeReports(reports))).toContain(expected);
  });
});
