/** How logs are held against those of Linux: what differs, is seen. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadName, openArchive, type RecordedLoad } from './archive.ts';
import { type RecordedLog, readLogs } from './log-archive.ts';
import { LogCard } from './log-card.ts';
import { logDifference, type OwnLog } from './log-difference.ts';

const NO_INSNS = new Uint8Array(0);
const LOG = '0: (95) exit\nprocessed 1 insns\n';

function own(log: string, changes: Partial<OwnLog> & { logLength?: number } = {}): OwnLog {
  const { logLength = log.length, start = log } = changes;
  return { end: { log, logLength }, start };
}

function recorded(log: Omit<RecordedLog, 'load' | 'level'>): RecordedLog {
  return { load: 'a/b/priv', level: 6, ...log };
}

describe('a log', () => {
  it('is the same or is not', () => {
    const linux = recorded({ text: LOG, bytes: LOG.length });
    expect(logDifference(linux, own(LOG), NO_INSNS)).toBeUndefined();
    expect(logDifference(linux, own(LOG.replace('1 insns', '2 insns')), NO_INSNS)).toBe(
      'line 2 is "processed 2 insns", Linux: "processed 1 insns"',
    );
    expect(logDifference(linux, own('0: (95) exit\n'), NO_INSNS)).toContain('line 2 is ""');
    expect(logDifference(linux, own(`${LOG}more\n`), NO_INSNS)).toBe('line 3 is "more", Linux: ""');
  });

  it('may take another time to come about', () => {
    const linux = recorded({ text: 'verification time N usec\n' });
    expect(logDifference(linux, own('verification time 71 usec\n'), NO_INSNS)).toBeUndefined();
  });
});

describe('a long log', () => {
  const linux = recorded({ text: 'a\n', tail: 'z\n', bytes: 100 });
  const same = { start: 'a\nb\n', logLength: 100 };

  it('is compared at its beginning, its end and in its length', () => {
    expect(logDifference(linux, own('y\nz\n', same), NO_INSNS)).toBeUndefined();
    expect(logDifference(linux, own('y\nz\n', { ...same, start: 'b\n' }), NO_INSNS)).toContain('line 1');
    expect(logDifference(linux, own('y\nx\n', same), NO_INSNS)).toContain('line from the end 2 is "x"');
    expect(logDifference(linux, own('y\nz\n', { ...same, logLength: 99 }), NO_INSNS)).toBe(
      '99 bytes of log, Linux: 100',
    );
  });

  it('of which only the end was kept has no beginning to compare', () => {
    expect(logDifference(recorded({ tail: 'z\n' }), own('y\nz\n'), NO_INSNS)).toBeUndefined();
  });
});

describe('the card', () => {
  const load = (program: string) =>
    ({ set: 'verifier', object: 'verifier_and', program, mode: 'priv' }) as RecordedLoad;

  it('keeps levels apart, and what a kernel wrote from what a loader made of it', () => {
    const card = new LogCard();
    card.add(load('a'), recorded({ text: '' }), undefined);
    card.add(load('b'), recorded({ text: '' }), 'line 1');
    card.add(load('b'), { ...recorded({ text: '' }), level: 1 }, undefined);
    card.add(load('b'), { ...recorded({ text: '', byLoader: true }), level: 1 }, 'line 2');
    const scores = new Map(card.lines('').map(({ name, good, total }) => [name, [good, total]]));
    expect(scores.get('verifier priv log')).toEqual([1, 2]);
    expect(scores.get('verifier priv log of level 1')).toEqual([1, 1]);
    expect(scores.get('verifier priv log as loaded, level 1')).toEqual([0, 1]);
    expect(scores.get('all loads, log')).toEqual([1, 2]);
    expect([...card.failures.byKernel]).toEqual([['verifier_and/b/priv', 'line 1']]);
    expect([...card.failures.byLoader]).toEqual([['verifier_and/b/priv', 'line 2']]);
  });
});

describe('the recorded logs', () => {
  it('are of recorded loads, and there is a full one of nearly all', async () => {
    const folder = join(import.meta.dirname, 'recorded');
    const { loads } = openArchive(folder);
    const names = new Set(loads.map(loadName));
    const full = new Set<string>();
    for await (const log of readLogs(folder)) {
      expect(names.has(log.load)).toBe(true);
      if (log.level === 6 && !log.byLoader) full.add(log.load);
    }
    expect(full.size).toBeGreaterThan(0.98 * loads.length);
  });
});
