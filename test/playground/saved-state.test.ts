/** What links carry of the locks and checkpoint views: saved and restored, whatever stands in the link. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { service as locks } from '../../playground/locks/service.ts';
import type { Call, Reply } from '../../playground/rpc/protocol.ts';

type Methods = { readonly [method: string]: (...args: unknown[]) => unknown };

/** Answers at once, in this thread. */
class FakeWorker {
  onmessage: ((event: { data: Reply }) => void) | undefined;

  postMessage({ id, method, args }: Call): void {
    const answer = async () => (locks as unknown as Methods)[method]?.(...structuredClone(args));
    const send = (data: Reply) => this.onmessage?.({ data });
    answer().then(
      (value) => send({ id, value }),
      (error: Error) => send({ id, error: error.message, bug: false }),
    );
  }

  terminate(): void {
    this.onmessage = undefined;
  }
}

beforeAll(() => {
  vi.stubGlobal('location', { href: 'http://site/assets/worker.js' });
  vi.stubGlobal('Worker', FakeWorker);
  vi.stubGlobal('fetch', async (url: URL) => {
    const path = url.pathname.replace(/^\//, '');
    return new Response(readFileSync(new URL(`../../programs/${path}`, import.meta.url)));
  });
});
afterAll(() => vi.unstubAllGlobals());

describe('the locks view', () => {
  const schedule = [0, 0, 1];

  it('comes back with its order and its place in it', async () => {
    const { restoreLocks, saveLocks, walk, undo } = await import('../../playground/locks/state.ts');
    expect(saveLocks()).toBeUndefined();
    await restoreLocks({ scene: 'abba-mutex_lock', schedule, cursor: 3 });
    expect(walk.value?.rows.at(-1)?.findings[0]?.kind).toBe('deadlock');
    undo();
    await vi.waitFor(() => expect(walk.value?.cursor).toBe(2));
    const saved = saveLocks();
    expect(saved).toEqual({ scene: 'abba-mutex_lock', schedule, cursor: 2 });
    await restoreLocks({ scene: 'abba-trylock', schedule: [], cursor: 0 });
    await restoreLocks(JSON.parse(JSON.stringify(saved)));
    expect(saveLocks()).toEqual(saved);
  });

  it('carries the text of a scene of the user', async () => {
    const { restoreLocks, saveLocks, walk, problem } = await import('../../playground/locks/state.ts');
    const text =
      'expect: none\nlocks: [{ name: a }]\nactors: [{ name: one, does: [{ lock: a }, { unlock: a }] }]\n';
    await restoreLocks({ text, schedule: [0], cursor: 1 });
    expect(walk.value?.rows).toMatchObject([{ text: 'mutex_lock(&a)' }]);
    expect(saveLocks()).toEqual({ text, schedule: [0], cursor: 1 });
    await restoreLocks({ text: 'actors: 1', schedule: [], cursor: 0 });
    expect(problem.value).toBeDefined();
  });

  it.each([
    undefined,
    null,
    7,
    {},
    { schedule: 'x', cursor: -3, scene: 4 },
    { text: '', schedule: [1.5, null] },
  ])('takes %j for nothing', async (saved) => {
    const { restoreLocks } = await import('../../playground/locks/state.ts');
    await expect(restoreLocks(saved)).resolves.toBeUndefined();
  });
});

describe('the checkpoint view', () => {
  it('comes back with what may be lost', async () => {
    const { restoreCheckpoint, saveCheckpoint } = await import('../../playground/checkpoint/state.ts');
    expect(saveCheckpoint()).toBeUndefined();
    const saved = { scene: 'demo', drop: [52], run: false, step: 'dump' };
    await restoreCheckpoint(saved);
    expect(saveCheckpoint()).toEqual(saved);
    await restoreCheckpoint({ text: 'tasks: []', drop: [1, 'x', 2.5] });
    expect(saveCheckpoint()).toEqual({ text: 'tasks: []', drop: [1], run: false, step: 'dump' });
  });

  it.each([undefined, null, 'x', [], { scene: 1 }])('takes %j for nothing', async (saved) => {
    const { restoreCheckpoint } = await import('../../playground/checkpoint/state.ts');
    await expect(restoreCheckpoint(saved)).resolves.toBeUndefined();
  });
});
