/** The bundled lock scenes: each does what it says, with and without reduction. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { buildSystem } from '../../kernel-model/locks/build.ts';
import { explore } from '../../kernel-model/locks/explore.ts';
import { parseLockScene, runLockScene, type SceneReport } from '../../kernel-model/locks/index.ts';
import type { LockScene } from '../../kernel-model/locks/scene.ts';

const folder = new URL('../../programs/scenes/locks/', import.meta.url);
const names = readdirSync(folder).filter((name) => name.endsWith('.yaml'));

function read(name: string): LockScene {
  return parseLockScene(readFileSync(new URL(name, folder), 'utf8'), name).scene;
}

const run = (name: string): SceneReport => runLockScene(read(`${name}.yaml`));
const messages = (name: string) => run(name).findings.map(({ kind, message }) => `${kind}: ${message}`);
const results = (name: string, actor: string) => run(name).results.get(actor);

describe.each(names)('%s', (name) => {
  test('finds what it expects, all of it explored', () => {
    const report = runLockScene(read(name));
    const found = [...new Set(report.findings.map(({ kind }) => kind))].sort();
    expect(found).toEqual([...report.expected].sort());
    expect([report.agrees, report.complete]).toEqual([true, true]);
  });

  test('reduction changes neither findings nor ends', () => {
    const system = buildSystem(read(name));
    const full = explore(system, { maxStates: 200_000, reduce: false });
    const reduced = explore(system, { maxStates: 200_000, reduce: true });
    expect([full.complete, reduced.complete]).toEqual([true, true]);
    const lasting = (all: typeof full) =>
      [...all.findings].filter(([, { finding }]) => finding.kind !== 'stall').map(([signature]) => signature);
    expect(lasting(reduced).sort()).toEqual(lasting(full).sort());
    expect([...reduced.ends].sort()).toEqual([...full.ends].sort());
    for (const [signature, { schedule }] of reduced.findings)
      expect(schedule.length).toBeGreaterThanOrEqual(full.findings.get(signature)?.schedule.length ?? 0);
  });
});

describe('what is found', () => {
  test('both deadlocks of the commit message, each in two steps', () => {
    const { findings } = run('abba-mutex_lock');
    const inTwoSteps = findings.filter(({ trace }) => trace.length === 2);
    expect(inTwoSteps.map(({ kind, message }) => `${kind}: ${message}`).sort()).toEqual([
      'deadlock: reader waits for it->lock, behind submitter',
      'deadlock: reader waits for ring->uring_lock; submitter waits for it->lock',
      'deadlock: submitter waits for ring->uring_lock',
    ]);
    expect(messages('own-ring-mutex_lock')).toEqual(['deadlock: app waits for ring->uring_lock']);
    expect(run('own-ring-mutex_lock').findings[0]?.waits).toEqual([
      {
        actor: 'app',
        text: 'mutex_lock(&ring->uring_lock)',
        reason: 'app waits for ring->uring_lock, held by itself',
      },
    ]);
  });

  test('with trylock: EDEADLK instead, and whole output for who tries again', () => {
    expect(results('own-ring-trylock', 'app')).toEqual(['read(it) = EDEADLK']);
    expect(results('abba-trylock', 'reader')).toContain('read(it) = EDEADLK');
    expect(results('two-rings-trylock', 'app1')).toEqual(['read(it2) = EDEADLK', 'read(it2) = data']);
    expect(results('sqpoll-trylock', 'iou-sqp-ring')).toEqual(['read(it) = EDEADLK']);
    expect(results('partial-then-EDEADLK-retried', 'reader')).toContain('read(it) = EDEADLK');
  });

  test('without O_NONBLOCK the worker reads, and holds no lock of the ring', () => {
    expect(results('without-O_NONBLOCK-mutex_lock', 'iou-wrk-ring')).toContain('read(it) = data');
    expect(results('without-O_NONBLOCK-mutex_lock', 'submitter')).toEqual([]);
  });

  test('who waits for the thread that deadlocked with sqd->lock is stuck with it', () => {
    const report = run('sqpoll-mutex_lock');
    const full = runLockScene(read('sqpoll-mutex_lock.yaml'), { full: true });
    expect(report.findings.length).toBeGreaterThanOrEqual(2);
    expect(full.findings.map(({ message }) => message).sort()).toEqual(
      report.findings.map(({ message }) => message).sort(),
    );
  });

  test('the ring is freed in the end when every reference is dropped', () => {
    for (const name of [
      'exit-work-ends',
      'h1-ring-refs',
      'h1-ring-file',
      'h3-refused',
      'h5-memlock-link-closed',
    ]) {
      const scene = read(`${name}.yaml`);
      const system = buildSystem(scene);
      const { ends } = explore(system, { maxStates: 100_000, reduce: true });
      const worker = system.actors.find(({ name }) => name.startsWith('kworker'));
      expect(worker, name).toBeDefined();
      expect(ends.size, name).toBeGreaterThan(0);
      expect(run(name).findings, name).toEqual([]);
    }
  });

  test('each wrong output is the one that the scene is about', () => {
    expect(messages('h6-null-slot')).toEqual(['wrong-output: c comes after the trailer']);
    expect(messages('h12-unregister-waits')).toEqual(['wrong-output: the table never was as shown: empty']);
    expect(messages('h13-one-slot')).toEqual(['wrong-output: the header is printed twice']);
    expect(messages('h14-dead-first-item')).toEqual(['wrong-output: the header is missing']);
    expect(messages('h16-removed')).toEqual([
      'wrong-output: c:5 is missing, though it was there all the time',
    ]);
    expect(messages('h17-fd-added-again')).toContain('wrong-output: a:3 is shown twice');
    expect(messages('h11a-smaller-table')).toContain('wrong-output: the table never was as shown: a, b, c');
    expect(messages('h11b-larger-table')).toContain('wrong-output: the table never was as shown: a, d, e');
    expect(messages('h11c-slots-replaced')).toContain('wrong-output: the table never was as shown: a, b, d');
    expect(messages('h15-duplicate-fd').sort()).toEqual([
      'endless-output: reader reads for ever and never meets the end',
      'wrong-output: a:13 is shown twice',
    ]);
  });

  test('an output without end is shown with the round that repeats', () => {
    const endless = run('h15-duplicate-fd').findings.find(({ kind }) => kind === 'endless-output');
    const shown = endless?.round.filter(({ text }) => text.startsWith('show'));
    expect(shown?.map(({ text }) => text).sort()).toEqual(['show a:13', 'show b:14']);
  });

  test('H2: other register calls get ENXIO while references drain', () => {
    expect(results('h2-quiesce-dumper', 'other')).toContain('register buffers of ring = -ENXIO');
  });

  test('fdinfo leaves out the tables where an iterator says EDEADLK', () => {
    expect(results('fdinfo-trylock', 'reader')?.slice().sort()).toEqual([
      'read(info) = all',
      'read(info) = no tables',
    ]);
    expect(results('fdinfo-trylock', 'submitter')).toEqual(['read(info) = no tables']);
    expect(results('fdinfo-trylock', 'dumper')).toContain('read(it) = EDEADLK');
    expect(messages('fdinfo-mutex_lock')).toContain('deadlock: submitter waits for ring->uring_lock');
    expect(results('fdinfo-ring-closed', 'reader')?.slice().sort()).toEqual([
      'read(info) = all',
      'read(info) = nothing',
    ]);
  });

  test('of two epoll instances that are added to each other the second finds the loop', () => {
    const loops = ['first', 'second'].map((actor) => results('nested-add-epmutex', actor));
    expect(loops).toEqual([['epoll_ctl(a, ADD, b:5) = -ELOOP'], ['epoll_ctl(b, ADD, a:4) = -ELOOP']]);
    const { ends } = explore(buildSystem(read('nested-add-epmutex.yaml')), {
      maxStates: 10_000,
      reduce: false,
    });
    // Never both.
    expect(ends.size).toBe(2);
  });

  test('H3 by a unix socket: who waits is the work that would free the ring', () => {
    for (const name of ['h3-socket', 'h3-socket-refused'])
      expect(messages(name)).toEqual(['hang: kworker-ring waits for ring->refs to become 0']);
  });

  test('H18: reads after the end are ends', () => {
    expect(results('h18-after-the-end', 'reader')).toEqual(['read(it) = data', 'read(it) = end']);
  });

  test('the same scene gives the same report', () => {
    expect(run('h17-fd-added-again')).toEqual(run('h17-fd-added-again'));
  });
});
