/** The locks view's side of a worker: one way through a scene, as the timeline shows it. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { service } from '../../playground/locks/service.ts';

const ABBA = readFileSync(
  new URL('../../programs/scenes/locks/abba-mutex_lock.yaml', import.meta.url),
  'utf8',
);
const ENDLESS = `
expect: none
locks: [{ name: a }]
actors:
  - name: busy
    does: [{ forever: [{ lock: a }, { unlock: a }] }]
`;
const file = 'scene.yaml';
const [reader, submitter] = [0, 1];

const walk = (
  schedule: readonly number[],
  action: Parameters<typeof service.walk>[0]['action'] = { kind: 'look' },
  cursor = schedule.length,
  text = ABBA,
) => service.walk({ text, file, schedule, cursor, action });

describe('a walk', () => {
  it('offers every actor its next step', async () => {
    const { actors, rows, choices } = await walk([]);
    expect(actors.map(({ name }) => name)).toEqual(
      ['reader', 'submitter', 'iou-wrk-ring'].slice(0, actors.length),
    );
    expect(rows).toEqual([]);
    expect(choices[reader]).toMatchObject({ kind: 'move', text: 'mutex_lock(&it->lock)' });
  });

  it('shows which locks a step takes, who holds them, and who waits for whom', async () => {
    const { schedule } = await walk([], { kind: 'finish', actor: reader });
    const stopped = schedule.slice(0, 2);
    const { rows, choices, cursor } = await walk(stopped, { kind: 'step', actor: submitter });
    expect(cursor).toBe(rows.at(-1)?.end);
    expect(rows[0]).toMatchObject({ takes: ['it->lock'], drops: [], silent: false });
    expect(rows.at(-1)).toMatchObject({ takes: ['ring->uring_lock'], findings: [{ kind: 'deadlock' }] });
    expect(choices.map(({ kind }) => kind).slice(0, 2)).toEqual(['wait', 'wait']);
  });

  it('goes back without forgetting, and forgets when something else is done', async () => {
    const { schedule } = await walk([], { kind: 'random', seed: 3 });
    const back = await walk(schedule, { kind: 'look' }, 1);
    expect(back.schedule).toEqual(schedule);
    expect(back.cursor).toBe(1);
    const other = await walk(schedule, { kind: 'step', actor: submitter }, 0);
    expect(other.schedule[0]).toBe(submitter);
    expect(other.cursor).toBe(other.schedule.length);
  });

  it('ends where no more steps are shown', async () => {
    let schedule: readonly number[] = [];
    for (let i = 0; i < 10; i++)
      schedule = (await walk(schedule, { kind: 'finish', actor: 0 }, schedule.length, ENDLESS)).schedule;
    const { full, rows } = await walk(schedule, { kind: 'step', actor: 0 }, schedule.length, ENDLESS);
    expect(full).toBe(true);
    expect(rows.length).toBeLessThanOrEqual(1000);
  });

  it('follows what a link says as far as it can be followed', async () => {
    const { schedule, cursor } = await walk([reader, 77, -1, reader]);
    expect(schedule).toEqual([reader]);
    expect(cursor).toBe(1);
  });
});

describe('exploring', () => {
  it('gives schedules that a walk follows into the finding', async () => {
    const { findings, agrees } = await service.explore(ABBA, file, { maxStates: 10_000, full: false });
    expect(agrees).toBe(true);
    for (const { schedule, message } of findings) {
      const { rows } = await walk(schedule);
      expect(rows.flatMap((row) => row.findings.map((found) => found.message))).toContain(message);
    }
  });

  it('can be sent to the page', async () => {
    const report = await service.explore(ABBA, file, { maxStates: 10_000, full: true });
    expect(structuredClone(report)).toEqual(report);
  });
});

describe('checking', () => {
  it('says where a text is no scene', async () => {
    await expect(service.check('actors: [{ nam: a }]', file)).rejects.toMatchObject({ line: 1 });
    await expect(service.check(ABBA.replace('read: it', 'read: nothing'), file)).rejects.toMatchObject({
      line: 17,
      message: expect.stringContaining('nothing'),
    });
    await expect(service.check(ABBA, file)).resolves.toBeUndefined();
  });
});
