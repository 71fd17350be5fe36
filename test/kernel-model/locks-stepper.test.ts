/** The stepper against the exploration: the same moves, the same waits, and every finding at the end of its schedule. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseLockScene, runLockScene, Stepper } from '../../kernel-model/locks/index.ts';
import type { LockScene } from '../../kernel-model/locks/scene.ts';

const folder = new URL('../../programs/scenes/locks/', import.meta.url);
const names = readdirSync(folder).filter((name) => name.endsWith('.yaml'));
const MOST_STEPS = 300;

function read(name: string): LockScene {
  return parseLockScene(readFileSync(new URL(name, folder), 'utf8'), name).scene;
}

/** Findings that only the whole graph shows: no single state says that a way has no end. */
const OF_THE_GRAPH = new Set(['endless-output', 'hang']);

describe.each(names)('%s', (name) => {
  const scene = read(name);

  test('the schedule of each finding ends in it', () => {
    const { findings, actors } = runLockScene(scene);
    for (const { schedule, trace, kind, message, waits } of findings) {
      const stepper = new Stepper(scene);
      expect(stepper.actors.map((actor) => actor.name)).toEqual(actors);
      expect(stepper.follow(schedule)).toBe(schedule.length);
      expect(stepper.schedule).toEqual(schedule);
      const seen = stepper.rows.filter(({ text }) => text !== '');
      expect(seen.map(({ actor, text }) => ({ actor: actors[actor], text }))).toEqual(trace);
      const found = stepper.now.findings.map((each) => `${each.kind}: ${each.message}`);
      if (!OF_THE_GRAPH.has(kind)) expect(found).toContain(`${kind}: ${message}`);
      const reasons = stepper.now.waits.map(({ reason }) => reason);
      for (const { reason } of waits) expect(reasons).toContain(reason);
    }
  });

  test('who waits for a lock waits for those who hold it; who moves is offered; all can be taken back', () => {
    const stepper = new Stepper(scene);
    const before = stepper.choices;
    for (let seed = 1; seed <= 5; seed++) {
      const steps = stepper.random(seed, MOST_STEPS);
      expect(stepper.over).toBe(steps < MOST_STEPS || stepper.movers.length === 0);
      for (const { held, waits } of stepper.rows)
        for (const { what, owners } of waits)
          if (owners?.length === 1) {
            const holders = held.filter(({ lock }) => lock === what).map(({ actor }) => actor);
            if (holders.length > 0) expect(holders).toContain(owners[0]);
          }
      for (const [id, choice] of stepper.choices.entries())
        expect(choice.kind === 'move').toBe(stepper.movers.includes(id));
      while (stepper.undo());
      expect(stepper.choices).toEqual(before);
    }
  });
});

describe('a reader and a submitter, each with a lock that the other wants', () => {
  const scene = read('abba-mutex_lock.yaml');
  const [reader, submitter] = [0, 1];

  test('a lock each makes the deadlock', () => {
    const stepper = new Stepper(scene);
    stepper.advance(reader);
    expect(stepper.advance(reader)).toMatchObject({ text: '', looksAt: ['state of it'] });
    expect(stepper.now.held).toEqual([{ lock: 'it->lock', actor: reader, shared: false }]);
    stepper.advance(submitter);
    expect(stepper.over).toBe(true);
    expect(stepper.now.findings.map(({ kind }) => kind)).toContain('deadlock');
    expect(stepper.choices[reader]).toMatchObject({
      kind: 'wait',
      wait: { owners: [submitter], reason: 'reader waits for ring->uring_lock, held by submitter' },
    });
    expect(stepper.step(reader)).toBeUndefined();
  });

  test('the same seed gives the same way, and a schedule that cannot be is followed as far as it can', () => {
    const [one, two] = [new Stepper(scene), new Stepper(scene)];
    one.random(7, MOST_STEPS);
    two.random(7, MOST_STEPS);
    expect(two.schedule).toEqual(one.schedule);
    const short = new Stepper(scene);
    expect(short.follow([...one.schedule, 99])).toBe(one.schedule.length);
  });
});

test('one after the other, both come to their ends', () => {
  const stepper = new Stepper(read('fdinfo-trylock.yaml'));
  for (const actor of [0, 1]) {
    stepper.finish(actor, MOST_STEPS);
    expect(stepper.choices[actor]).toEqual({ kind: 'done' });
  }
  expect(stepper.now.held).toEqual([]);
  expect(stepper.rows.flatMap(({ findings }) => findings)).toEqual([]);
});
