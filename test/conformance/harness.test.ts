/** The harness that scores the verifier: what it must notice, it notices. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { loadName, openArchive, type RecordedLoad } from './archive.ts';
import { Floors } from './floors.ts';
import { IsolatedVerifier } from './isolated-verifier.ts';
import type { Answer, ComparedVerdict } from './job.ts';
import { hasMessages, judge } from './judge.ts';
import { KnownFailures } from './known-failures.ts';
import { atLeast, formatLine, type Line, skippedLine, withoutLine } from './line.ts';
import { report } from './report.ts';
import { Scorecard } from './scorecard.ts';

const LOAD: RecordedLoad = {
  set: 'verifier',
  object: 'verifier_and',
  program: 'masks',
  mode: 'priv',
  errno: 13,
  stats: [5, 1, 2, 2, 1, '8+0'],
  messages: ['R1 invalid', 'off={{[0-9]+}} size=8'],
  type: 1,
  license: 'GPL',
  insns: 0,
};
const VERDICT: ComparedVerdict = {
  accepted: false,
  errno: 13,
  message: 'R1 invalid',
  stats: {
    insnsProcessed: 5,
    maxStatesPerInsn: 1,
    totalStates: 2,
    peakStates: 2,
    markRead: 1,
    stackDepths: [8, 0],
  },
  log: '3: R1 invalid mem access\noff=12 size=8\n',
  logLength: 39,
};

function answer(verdict: Partial<ComparedVerdict> = {}, memoryBytes = 1 << 20): Answer {
  return { kind: 'verdict', verdict: { ...VERDICT, ...verdict }, memoryBytes, milliseconds: 1 };
}

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drydock-conformance-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('messages', () => {
  it('have to stand in the log in their order', () => {
    expect(hasMessages('b then a', ['a', 'b'])).toBe(false);
    expect(hasMessages('a then b', ['a', 'b'])).toBe(true);
  });

  it('are plain text but for the parts in double braces', () => {
    expect(hasMessages('R1 (id=7)', ['R1 (id={{[0-9]+}})'])).toBe(true);
    expect(hasMessages('R1 (id=x)', ['R1 (id={{[0-9]+}})'])).toBe(false);
    expect(hasMessages('R1 xid', ['R1 .id'])).toBe(false);
  });
});

describe('a judgement', () => {
  it('agrees in everything with the same verdict', () => {
    const all = { verdict: true, insns: true, states: true, stack: true, messages: true };
    expect(judge(LOAD, VERDICT)).toEqual(all);
  });

  it.each([
    ['verdict', { errno: 22 }],
    ['insns', { stats: { ...VERDICT.stats, insnsProcessed: 6 } }],
    ['states', { stats: { ...VERDICT.stats, peakStates: 3 } }],
    ['stack', { stats: { ...VERDICT.stats, stackDepths: [8] } }],
    ['messages', { log: 'off=12 size=8\nR1 invalid' }],
  ])('sees another %s', (aspect, change) => {
    expect(judge(LOAD, { ...VERDICT, ...change })).toMatchObject({ [aspect]: false });
  });

  it('counts nothing that was not recorded', () => {
    const { stats: _stats, messages: _messages, ...load } = LOAD;
    expect(judge(load, VERDICT)).toEqual({ verdict: true });
  });

  it('gives a load without a verdict no point', () => {
    expect(Object.values(judge(LOAD, undefined))).toEqual([false, false, false, false, false]);
  });
});

describe('a scorecard', () => {
  it('names crashes, hangs, false accepts and what is too large', () => {
    const card = new Scorecard();
    const load = (program: string) => ({ ...LOAD, program });
    card.add(load('crashes'), { kind: 'crash', reason: 'unreachable' });
    card.add(load('hangs'), { kind: 'hang', reason: 'no answer after 60 s' });
    card.add(load('accepted'), answer({ accepted: true, errno: 0 }));
    card.add(load('large'), answer({}, (512 << 20) + 1));
    const lines = card.safetyLines('');
    const [crash, hang, memory, accepts] = lines.map(({ notes }) => notes?.join(' '));
    expect(crash).toContain('verifier_and/crashes/priv: unreachable');
    expect(hang).toContain('verifier_and/hangs/priv');
    expect(memory).toContain('verifier_and/large/priv');
    expect(accepts).toContain('accepted: verifier_and/accepted/priv');
    expect(lines.map(({ good, total }) => total - good)).toEqual([1, 1, 1, 1]);
  });

  it('sums sets into what is required', () => {
    const card = new Scorecard();
    card.add(LOAD, answer());
    card.add({ ...LOAD, set: 'others' }, answer({ errno: 1 }));
    card.add({ ...LOAD, mode: 'unpriv' }, answer());
    const line = card.total('privileged', / priv verdict/, { percent: 97 });
    expect(line).toEqual({ name: 'privileged', good: 1, total: 2, needs: 2 });
    expect(card.failures.verdict.get('verifier_and/masks/priv')).toMatch(/errno 1, Linux: 13/);
  });
});

describe('a line', () => {
  it('has one form', () => {
    const line = { name: 'loads', good: 1369, total: 1370, needs: 1360 };
    expect(formatLine(line, 0)).toMatch(/^loads {2,}1369 of +1370 +99\.93 % {2}\(needs 1360\) {2}ok$/);
    expect(formatLine({ ...line, good: 1359 }, 0)).toMatch(/FAIL$/);
    expect(formatLine(line, 1370)).toMatch(/FAIL$/);
    expect(formatLine({ ...line, loose: true }, 1370)).toMatch(/ok$/);
    expect(formatLine(skippedLine('loads', 'no compiler'), 9)).toBe('loads  skipped: no compiler');
  });

  it('rounds shares up', () => expect(atLeast(97, 3375)).toBe(3274));

  it('allows as many cases as are allowed', () => {
    expect(formatLine(withoutLine('x', 10, ['a', 'b'], 2), 0)).toMatch(/ok$/);
    expect(formatLine(withoutLine('x', 10, ['a', 'b'], 1), 0)).toMatch(/FAIL$/);
  });
});

describe('floors', () => {
  const line = (good: number): Line => ({ name: 'loads', good, total: 9 });

  it('rise and never sink', () => {
    const path = join(folder, 'floors.json');
    writeFileSync(path, '{"loads": 5}');
    Floors.read(path).raise([line(4)]);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ loads: 5 });
    Floors.read(path).raise([line(7)]);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ loads: 7 });
  });

  it('fail a run below them, or without the line they are of', () => {
    const path = join(folder, 'floors.json');
    writeFileSync(path, '{"loads": 5}');
    const print = vi.spyOn(console, 'log').mockImplementation(() => {});
    const outcome = { comparisons: [], floors: Floors.read(path), partial: false, complete: true };
    expect(report({ ...outcome, lines: [line(5)] })).toBe(true);
    expect(report({ ...outcome, lines: [line(4)] })).toBe(false);
    expect(report({ ...outcome, lines: [] })).toBe(false);
    expect(report({ ...outcome, lines: [skippedLine('part', 'why')] })).toBe(true);
    print.mockRestore();
  });
});

describe('known failures', () => {
  const LIST = '# only shrinks\na/b/priv: too hard\na/c/unpriv: later\n';
  const list = () => join(folder, 'known-failures-6.12.txt');

  it('tell new ones and gone ones apart', () => {
    writeFileSync(list(), LIST);
    const found = new KnownFailures(folder).compare(
      'verdict',
      new Map([
        ['a/b/priv', 'errno 1'],
        ['a/d/priv', 'errno 2'],
      ]),
    );
    expect(found).toMatchObject({ known: 2, fresh: ['a/d/priv: errno 2'], gone: ['a/c/unpriv'] });
  });

  it('shrink, and keep what is said about the others', () => {
    writeFileSync(list(), LIST);
    const known = new KnownFailures(folder);
    known.shrink(
      known.compare(
        'verdict',
        new Map([
          ['a/b/priv', ''],
          ['a/d/priv', ''],
        ]),
      ),
    );
    expect(readFileSync(list(), 'utf8')).toBe('# only shrinks\na/b/priv: too hard\n');
  });

  it('need a reason', () => {
    writeFileSync(list(), 'a/b/priv\n');
    expect(() => new KnownFailures(folder).compare('verdict', new Map())).toThrow(
      'object/program/mode: reason',
    );
  });

  it('can name every recorded load', () => {
    const { loads } = openArchive(join(import.meta.dirname, 'recorded'));
    const names = new Set(loads.map(loadName));
    expect(names.size).toBe(loads.length);
    for (const name of names) expect(name).toMatch(/^\S+\/\S+\/(priv|unpriv)$/);
  });
});

describe('the watchdog', () => {
  const job = (path: string) => ({ kind: 'object' as const, path, program: '', caps: 0, logLevel: 0 });

  it('answers for a worker that hangs, ends or throws, and goes on with another', async () => {
    const script = new URL('./stuck-worker.mjs', import.meta.url);
    const verifier = new IsolatedVerifier({ wasm: '', recorded: '' }, { limit: 1500, script });
    expect(await verifier.run(job('first'))).toEqual({ kind: 'refused', reason: 'first' });
    expect(await verifier.run(job('hang'))).toEqual({ kind: 'hang', reason: 'no answer after 1.5 s' });
    expect(await verifier.run(job('exit'))).toEqual({ kind: 'crash', reason: 'worker exited with code 3' });
    expect(await verifier.run(job('throw'))).toEqual({ kind: 'crash', reason: 'Error: out of luck' });
    expect(await verifier.run(job('last'))).toEqual({ kind: 'refused', reason: 'last' });
    await verifier.close();
  });
});
