/**
 * Random scenes: the generator, and what it has found. The scenes themselves are tested kernel by kernel in
 * random-*.test.ts.
 */
import { describe, expect, it } from 'vitest';
import { growScene } from './random-scene/grow.ts';
import { GrowingScene } from './random-scene/growing.ts';
import { proveScene, textOf } from './random-scene/prove.ts';
import { REGRESSIONS } from './random-scene/regressions.ts';

describe('a scene of a number', () => {
  it('is the same each time', async () => {
    const [first, second, other] = await Promise.all([
      growScene(7, '6.12'),
      growScene(7, '6.12'),
      growScene(8, '6.12'),
    ]);
    expect(first?.scene).toEqual(second?.scene);
    expect(first?.scene).not.toEqual(other?.scene);
  });

  it('can be kept as JSON, and grown again', async () => {
    const grown = await growScene(11, '6.1');
    const kept = JSON.parse(JSON.stringify(grown.scene)) as typeof grown.scene;
    const again = await GrowingScene.regrow(kept);
    const [a, b] = [await proveScene(grown.session, '6.1'), await proveScene(again.session, '6.1')];
    expect(b).toEqual(a);
  });
});

describe.each(REGRESSIONS)('$name', ({ kernels, refused, ...scene }) => {
  it.each(kernels)('on %s', async (kernel) => {
    const { session } = await GrowingScene.regrow({ ...scene, kernel });
    const outcome = await proveScene(session, kernel, 2);
    if (!refused) return expect(outcome).toMatchObject({ kind: 'equal' });
    if (outcome.kind !== 'refused') return expect(outcome).toMatchObject({ kind: 'refused' });
    expect(outcome.refusals.map(textOf).join('\n')).toMatch(refused);
  });
});
