/** What links keep of the Run view, and where buffers are drawn. */
import { describe, expect, it } from 'vitest';
import { stripsOf } from '../../playground/run/panes/buffer-strip.ts';
import * as state from '../../playground/run/state.ts';
import type { BufferView, RingView } from '../../session/debugger/scene-overview.ts';

describe('a link', () => {
  it('gives back what was saved', () => {
    state.sceneFile.value = state.OWN_SCENE;
    state.sceneText.value = 'tasks: []';
    state.program.value = 'dump';
    state.target.value = 2;
    state.step.value = 17;
    state.breakpoints.value = new Set([3, 5]);
    state.watches.value = [{ address: 'r1', type: 'u32' }];
    const saved: unknown = JSON.parse(JSON.stringify(state.saveRun()));
    state.sceneText.value = 'other';
    state.restoreRun(saved);
    expect(state.sceneText.value).toBe('tasks: []');
    expect(state.wanted.value).toMatchObject({
      program: 'dump',
      target: 2,
      step: 17,
      breakpoints: [3, 5],
      watches: [{ address: 'r1', type: 'u32' }],
    });
  });

  it('names a scene of the site, and has no text of it', () => {
    state.sceneFile.value = 'demo.yaml';
    expect(state.saveRun()).not.toHaveProperty('scene');
    state.restoreRun(state.saveRun());
    expect([state.sceneFile.value, state.sceneText.value]).toEqual(['demo.yaml', '']);
  });

  it.each([[null], [5], [{ file: 1, scene: [], step: -1, watches: [{}, null], breakpoints: 'x' }]])(
    'may hold anything: %j',
    (saved) => {
      expect(() => state.restoreRun(saved)).not.toThrow();
      expect(state.wanted.value?.step ?? 0).toBeGreaterThanOrEqual(0);
    },
  );
});

describe('a strip', () => {
  const mapping = { start: 0x10000, end: 0x20000, access: 'rw-p', what: 'anonymous', pageSize: 4096 };
  const page = (address: number, frame: number, shared: string[] = []) => {
    return { address, bytes: 4096, frame, mapped: true, pins: 1, references: 1, shared };
  };
  const buffer = (slot: number, address: number, length: number, pages: BufferView['pages']): BufferView => {
    return { slot, address, length, charged: 1, pages, pageCount: pages.length, mappings: [mapping] };
  };
  const ring = (buffers: RingView['buffers']): RingView => {
    return { label: 'ring', pid: 1, pinned: 0, buffers, files: [] };
  };

  it('has overlapping buffers in lanes, and pages next to each other as one', () => {
    const strips = stripsOf(
      ring([
        buffer(0, 0x11000, 8192, [page(0x11000, 7), page(0x12000, 8)]),
        undefined,
        buffer(2, 0x12000, 8192, [page(0x12000, 8), page(0x13000, 9)]),
        buffer(3, 0x14000, 100, [page(0x14000, 3)]),
      ]),
    );
    expect(strips).toHaveLength(1);
    const [strip] = strips;
    expect(strip?.lanes.map((lane) => lane.map(({ of }) => of.slot))).toEqual([[0, 3], [2]]);
    expect(strip?.pages.map(({ of }) => [of.start, of.frame, of.count])).toEqual([
      [0x11000, 7, 3],
      [0x14000, 3, 1],
    ]);
    expect(strip?.mappings[0]).toMatchObject({ before: true, after: true, left: 0, width: 1 });
    expect([strip?.first, strip?.last]).toEqual([0x11000, 0x15000]);
  });

  it('is one for each mapping, and for what is mapped no more', () => {
    const gone = { ...buffer(1, 0x90000, 4096, [page(0x90000, 5)]), mappings: [] };
    const strips = stripsOf(ring([buffer(0, 0x11000, 4096, [page(0x11000, 7)]), gone]));
    expect(strips.map(({ mappings }) => mappings.length)).toEqual([1, 0]);
  });
});
