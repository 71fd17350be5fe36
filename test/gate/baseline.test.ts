import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InputError } from '../../bpf/input-error.ts';
import { writeAtomically } from '../../gate/atomic-file.ts';
import { baselineText, parseBaseline } from '../../gate/baseline.ts';
import type { Check } from '../../gate/check.ts';
import { csvText, parseCsv } from '../../gate/csv.ts';
import { checks, mutated, nasty, verified } from './check-support.ts';
import { compileWriter, delays, killWriter } from './kill-support.ts';
import { baselineValue } from './kill-values.ts';

const FILE = 'baseline.csv';
const HEADER = 'file,program,kernel,mode,variant,verdict,insns,states,peak_states,stack';
const KILLS = 100;

let base: string;
beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), 'drydock-baseline-'));
});
afterAll(() => rmSync(base, { recursive: true, force: true }));

function reason(text: string): string {
  try {
    parseBaseline(text, FILE);
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    return (error as InputError).message;
  }
  throw new Error('nothing was thrown');
}

/** What an entry of the check is. */
function beforeOf({ result }: Check): object {
  const { insns = 0, states = 0, peakStates = 0, stack = 0 } = result!.stats ?? {};
  return { verdict: result!.verdict, insns, states, peakStates, stack };
}

describe('CSV', () => {
  it('reads what it writes', () => {
    const records = fc.array(fc.array(fc.oneof(nasty, fc.constant('')), { minLength: 2, maxLength: 5 }));
    fc.assert(
      fc.property(records, (lines) => {
        // A byte order mark at the very beginning is none of the text.
        const text = csvText([['begin', ''], ...lines]);
        expect(parseCsv(text, FILE).map(({ fields }) => fields)).toEqual([['begin', ''], ...lines]);
      }),
    );
  });

  it('knows the lines of records', () => {
    const records = parseCsv('a,"b\nc"\r\n\r\nd,e\n"""",', FILE);
    expect(records).toEqual([
      { line: 1, fields: ['a', 'b\nc'] },
      { line: 4, fields: ['d', 'e'] },
      { line: 5, fields: ['"', ''] },
    ]);
  });

  it.each([
    ['a\n"b', 'baseline.csv: line 2: a quote is never closed'],
    ['a\nb"c', 'baseline.csv: line 2: "\\"" stands where a comma or the end of the line should'],
    ['"a"b', 'baseline.csv: line 1: "b" stands where a comma or the end of the line should'],
    ['a\rb', 'baseline.csv: line 1: "\\r" stands where a comma or the end of the line should'],
  ])('refuses %j', (text, message) => {
    expect(() => parseCsv(text, FILE)).toThrow(message);
  });
});

describe('the baseline', () => {
  it('is sorted, one line a program', () => {
    const text = baselineText([
      verified({ file: 'b.bpf.o' }, { insns: 7 }),
      verified({ kernel: '6.1' }, {}, 'not-loaded'),
      verified({ kind: 'run', name: 'other' }),
      verified({ variant: 'big, "bad"' }, {}, 'rejected'),
      verified({ mode: 'unpriv' }),
      verified({ file: 'c.bpf.o', result: null }),
    ]);
    expect(text.split('\n')).toEqual([
      HEADER,
      'a.bpf.o,run,6.1,priv,,not-loaded,0,0,0,0',
      'a.bpf.o,run,6.12,priv,"big, ""bad""",rejected,10,2,2,8',
      'a.bpf.o,run,6.12,unpriv,,accepted,10,2,2,8',
      'b.bpf.o,run,6.12,priv,,accepted,7,2,2,8',
      '',
    ]);
  });

  it('reads what it writes, with any names, in any order, with any ends of lines', () => {
    fc.assert(
      fc.property(checks, (all) => {
        const text = baselineText(all);
        expect(baselineText([...all].reverse())).toBe(text);
        const baseline = parseBaseline(text, FILE);
        expect(baseline.entries.length).toBe(all.length);
        for (const check of all) expect(baseline.find(check)).toEqual(beforeOf(check));
        expect(baseline.missing(all)).toEqual([]);
        expect(baseline.missing(all.slice(1)).length).toBe(all.length > 0 ? 1 : 0);
      }),
    );
    const crlf = baselineText([verified()]).replaceAll('\n', '\r\n');
    expect(parseBaseline(crlf, FILE).find(verified())).toEqual(beforeOf(verified()));
  });

  it('misses programs that no check of a verification is about', () => {
    const baseline = parseBaseline(baselineText([verified(), verified({ name: 'gone' })]), FILE);
    const missing = baseline.missing([verified(), verified({ name: 'gone', kind: 'run' })]);
    expect(missing.map(({ subject }) => subject.name)).toEqual(['gone']);
    expect(baseline.find(verified({ kernel: '6.1' }))).toBeUndefined();
  });

  const line = 'a.o,run,6.12,priv,,accepted,1,2,3,4';
  it.each([
    ['', `line 1: a baseline begins with the line ${HEADER}`],
    ['file,program\n', `line 1: a baseline begins with the line ${HEADER}`],
    [`${HEADER}\na,b\n`, 'line 2: 2 fields, where there are 10 columns'],
    [`${HEADER}\n${line}\n\n${line}\n`, 'line 4: the program stands in line 2 already'],
    [`${HEADER}\n${line.replace('a.o', '')}`, 'line 2: file is empty'],
    [`${HEADER}\n${line.replace('priv', 'root')}`, "line 2: mode is 'root', none of priv, unpriv"],
    [
      `${HEADER}\n${line.replace('accepted', 'ok')}`,
      "line 2: verdict is 'ok', none of accepted, rejected, not-loaded",
    ],
    [`${HEADER}\n${line.replace(',1,', ',-1,')}`, "line 2: insns is '-1', not a whole number"],
    [`${HEADER}\n${line.replace(',1,', ',01,')}`, "line 2: insns is '01', not a whole number"],
    [`${HEADER}\n${line.replace(',4', ',4294967296')}`, 'line 2: stack is 4294967296, more than 4294967295'],
  ])('refuses %j', (text, message) => {
    expect(reason(text)).toBe(`${FILE}: ${message}`);
  });

  it('is read or refused, however it is damaged', () => {
    const texts = checks.map(baselineText).chain(mutated);
    fc.assert(
      fc.property(texts, (text) => {
        try {
          parseBaseline(text, FILE);
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
          expect((error as Error).message).toMatch(/^baseline\.csv: line \d+: /);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('writing a file', () => {
  it('replaces it, and keeps links and permissions', () => {
    const folder = mkdtempSync(join(base, 'links-'));
    const file = join(folder, 'file');
    const link = join(folder, 'link');
    writeFileSync(file, 'old');
    chmodSync(file, 0o640);
    symlinkSync('file', link);
    writeAtomically(link, 'new');
    expect(readFileSync(file, 'utf8')).toBe('new');
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(statSync(file).mode & 0o777).toBe(0o640);
    expect(readdirSync(folder).sort()).toEqual(['file', 'link']);
  });

  it('leaves nothing when it fails', () => {
    const folder = mkdtempSync(join(base, 'fails-'));
    mkdirSync(join(folder, 'taken', 'full'), { recursive: true });
    expect(() => writeAtomically(join(folder, 'taken'), 'text')).toThrow();
    expect(() => writeAtomically(join(folder, 'none', 'file'), 'text')).toThrow(/ENOENT/);
    expect(readdirSync(folder)).toEqual(['taken']);
  });

  it(`is whole when the writer is killed, at ${KILLS} moments`, async () => {
    const compiled = mkdtempSync(join(base, 'compiled-'));
    compileWriter(compiled);
    const folder = mkdtempSync(join(base, 'kill-'));
    const file = join(folder, FILE);
    const delay = delays(1);
    let last = -1;
    let changed = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      await killWriter(compiled, ['baseline', file, String(kill * 1000)], delay.next().value!);
      if (!readdirSync(folder).includes(FILE)) continue;
      const text = readFileSync(file, 'utf8');
      const n = parseBaseline(text, FILE).entries[0]!.before.insns;
      expect(text === baselineValue(n)).toBe(true);
      if (n !== last) changed++;
      last = n;
    }
    // Otherwise nothing was tested: files were written, and writers were killed over them.
    expect(changed).toBeGreaterThan(KILLS / 4);
    expect(readdirSync(folder).length).toBeGreaterThan(1);
  }, 180_000);
});
